"""A number, from any mix of columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sixfold.fields import Array
from sixfold.language import Text
from sixfold.product import Product
from sixfold.tasks._decision import Decision
from sixfold.tasks._task import Figure, Output, Task

__all__ = ["Regression"]


class Regression(Task):
    """Predict a ``number``: the network gives it as the target column encodes it.

    The answer is the number in the target's own units, and the interval that holds the true one in a stated share of
    cases.
    """

    title: ClassVar[Text] = Text("regression", "回归")
    pattern: ClassVar[str] = "numbers"
    hub_task: ClassVar[str] = "tabular-regression"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("mean_absolute_error", higher_is_better=False),
        Figure("root_mean_squared_error", higher_is_better=False),
        Figure("median_absolute_percentage_error", higher_is_better=False),
        Figure("r2"),
    )

    @classmethod
    def matches(cls, product: Product) -> bool:
        return product.verb == "predict" and product.target.kind == "number" and bool(product.given)

    @property
    def output(self) -> Output:
        return Output(1, "linear")

    @property
    def loss(self) -> str:
        return "mean_squared_error"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("mean_absolute_error",)

    def targets(self, encoded: Array) -> Array:
        """The target's first encoded column as float32 (n, 1); whether it is missing does not concern the loss."""
        return encoded[:, :1].astype(np.float32)

    def values(self, encoded: Array) -> Array:
        """Numbers in the target's own units, float64 (n,), for its first encoded column (n,)."""
        whole = np.zeros((len(encoded), *self.target.form.shape))
        whole[:, 0] = encoded
        return np.array(self.target.decode(whole), np.float64)

    def told(self, encoded: Array) -> Array:
        """The same for answers: where no training number was below zero, none is said to be."""
        values = self.values(encoded)
        return np.maximum(values, 0.0) if self.target.state["quantiles"][0] >= 0 else values

    def held(self, outputs: Array) -> Array:
        """The network's outputs (n, 1) as float64 (n,), held within the training numbers and as far again on each side.

        A strange row can drive a network anywhere; and where numbers are learned as logarithms, beyond all measure.
        """
        quantiles = self.target.state["quantiles"]
        low, high = self.target.encode([quantiles[0], quantiles[-1]])[:, 0].astype(np.float64)
        reach = high - low
        return np.asarray(np.clip(outputs[:, 0].astype(np.float64), low - reach, high + reach))

    def encoded(self, targets: Array) -> Array:
        return targets

    def answers(self, outputs: Array, decision: Decision) -> list[dict[str, Any]]:
        middle = self.held(outputs)
        name, said = self.target.name, self.told(middle).tolist()
        if decision.margin is None:
            return [{name: value} for value in said]
        ends = (self.told(middle + side * decision.margin).tolist() for side in (-1, 1))
        return [
            {"interval": {"low": low, "high": high}, name: value} for value, low, high in zip(said, *ends, strict=True)
        ]

    def answer_schema(self) -> Mapping[str, Any]:
        number = {"type": "number"}
        interval = {
            "type": "object",
            "description": f"Holds the true number in {self.product.evaluate.coverage:.0%} of cases; "
            "left out where that was not measured.",
            "properties": {"low": number, "high": number},
            "required": ["low", "high"],
        }
        name = self.target.name
        return {"type": "object", "properties": {"interval": interval, name: number}, "required": [name]}
