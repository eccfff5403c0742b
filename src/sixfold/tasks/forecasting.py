"""What comes next of one series or many, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sixfold.fields import Array
from sixfold.fields.series import Series
from sixfold.language import Text
from sixfold.product import Product
from sixfold.tasks._decision import Decision
from sixfold.tasks._task import Figure, Output, Task

__all__ = ["COVERAGE", "QUANTILES", "Forecasting"]

QUANTILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""What a network gives of every step: the values that so many in one of the true ones lie below."""

COVERAGE = 0.8
"""The share of true values that is to lie between the lowest and the highest quantile."""

MIDDLE = QUANTILES.index(0.5)


class Forecasting(Task):
    """Predict the next ``steps`` of a ``series`` from its past, and from dates and other columns.

    The network gives nine quantiles of each step, on the scale of the past. The answer is the median of each step, and
    the interval that holds the true values in eight cases of ten.
    """

    title: ClassVar[Text] = Text("forecasting", "预测未来")
    pattern: ClassVar[str] = "forecasts"
    hub_task: ClassVar[str] = "time-series-forecasting"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("mase", higher_is_better=False),
        Figure("smape", higher_is_better=False),
        Figure("scaled_crps", higher_is_better=False),
    )
    reads_whole: ClassVar[bool] = True

    @classmethod
    def matches(cls, product: Product) -> bool:
        is_ahead = product.target.kind == "series" and product.target.options.get("steps") is not None
        kinds = [spec.kind for spec in product.given.values()]
        is_social = "neighbours" in kinds or product.collect.rows.scene is not None
        return product.verb == "predict" and is_ahead and "series" in kinds and not is_social

    @classmethod
    def asks(cls, kind: str) -> Mapping[str, Any]:
        """Of series the newest steps as they are; of dates the place in the year and week, not how late it is."""
        asked: dict[str, dict[str, Any]] = {"series": {"keep": "last"}, "date": {"since": False}}
        return asked.get(kind, {})

    @property
    def past(self) -> str:
        """The given column that the target goes on from: the first series."""
        return next(name for name, spec in self.product.given.items() if spec.kind == "series")

    @property
    def channels(self) -> int:
        """How many numbers each step has."""
        return int(self.target.state["channels"])

    @property
    def output(self) -> Output:
        return Output(self.channels * len(QUANTILES), "linear", (self.target.state["length"],), "steps")

    @property
    def loss(self) -> str:
        return "pinball"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("mean_absolute_error",)

    def targets(self, encoded: Array) -> Array:
        """Values and, last, whether they are known: float32 (n, steps, channels + 1)."""
        return encoded

    def encoded(self, targets: Array) -> Array:
        return targets

    def quantiles(self, outputs: Array, decision: Decision) -> Array:
        """Outputs (n, steps, channels · 9) as quantiles in the units of the target: float64 (n, steps, channels, 9).

        They are spread about the median as the decision says, and rise. Where no training number was below zero, none
        is said to be.
        """
        assert isinstance(self.target, Series)
        shape = (*outputs.shape[:2], self.channels, len(QUANTILES))
        found = np.sort(outputs.reshape(shape).astype(np.float64), axis=-1)
        middle = found[..., MIDDLE : MIDDLE + 1]
        found = middle + decision.widening * (found - middle)
        values = np.moveaxis(self.target.in_units(np.moveaxis(found, 2, -1)), -1, 2)
        return np.maximum(values, 0.0) if self.target.state.get("least", -1.0) >= 0 else values

    def answers(self, outputs: Array, decision: Decision) -> list[dict[str, Any]]:
        found = self.quantiles(outputs, decision)
        name = self.target.name
        return [
            {
                name: self._told(row[..., MIDDLE]),
                "interval": {"low": self._told(row[..., 0]), "high": self._told(row[..., -1])},
            }
            for row in found
        ]

    def _told(self, values: Array) -> Any:
        """(steps, channels) as it is given: numbers, or numbers by channel."""
        if self.channels == 1 and not self.target.state["names"]:
            return values[:, 0].tolist()
        names = self.target.state["names"]
        return dict(zip(names, values.T.tolist(), strict=True)) if names else values.tolist()

    def answer_schema(self) -> Mapping[str, Any]:
        name = self.target.name
        series: dict[str, Any] = {"description": f"{self.target.state['length']} steps, the next one first."}
        if self.target.state["names"]:
            series |= {"type": "object"}
        else:
            series |= {"type": "array", "items": {"type": "number"} if self.channels == 1 else {"type": "array"}}
        interval = {
            "type": "object",
            "description": f"Holds the true value of a step in {COVERAGE:.0%} of cases.",
            "properties": {"low": series, "high": series},
            "required": ["low", "high"],
        }
        return {"type": "object", "properties": {name: series, "interval": interval}, "required": [name, "interval"]}
