"""Where an agent will move, from where it and those nearby have been: several futures, each with its chance."""

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

__all__ = ["FUTURES", "Behaviour"]

FUTURES = 20
"""How many futures are told beside the one path: the best of so many is what the field measures (Gupta et al. 2018)."""


class Behaviour(Task):
    """Predict the next ``steps`` of an agent's path: of those who meet in a ``scene``, or with ``neighbours`` given.

    The network gives one path, the nearest to what comes on average, and twenty futures with their chances: a walker at
    a crossing may go left or right, and the middle of both is the one way it will not go.
    """

    title: ClassVar[Text] = Text("behaviour prediction", "行为预测")
    pattern: ClassVar[str] = "tracks"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("average_displacement", higher_is_better=False),
        Figure("final_displacement", higher_is_better=False),
        Figure("best_average_displacement", higher_is_better=False),
        Figure("best_final_displacement", higher_is_better=False),
    )
    reads_whole: ClassVar[bool] = True

    @classmethod
    def matches(cls, product: Product) -> bool:
        is_ahead = product.target.kind == "series" and product.target.options.get("steps") is not None
        kinds = [spec.kind for spec in product.given.values()]
        is_social = "neighbours" in kinds or product.collect.rows.scene is not None
        return product.verb == "predict" and is_ahead and "series" in kinds and is_social

    @classmethod
    def asks(cls, kind: str) -> Mapping[str, Any]:
        """Of series the newest steps as they are."""
        asked: dict[str, dict[str, Any]] = {"series": {"keep": "last"}}
        return asked.get(kind, {})

    @property
    def past(self) -> str:
        """The given column that the target goes on from: the first series."""
        return next(name for name, spec in self.product.given.items() if spec.kind == "series")

    @property
    def nearby(self) -> str | None:
        """The given column of neighbours, if there is one."""
        return next((name for name, spec in self.product.given.items() if spec.kind == "neighbours"), None)

    @property
    def channels(self) -> int:
        """How many coordinates there are."""
        return int(self.target.state["channels"])

    @property
    def steps(self) -> int:
        """How many steps ahead."""
        return int(self.target.state["length"])

    @property
    def output(self) -> Output:
        """The path and twenty futures: of each its coordinates step by step, and the logarithm of its chance."""
        return Output(self.steps * self.channels + 1, "linear", (FUTURES + 1,), "points")

    @property
    def loss(self) -> str:
        return "best_of_many"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("average_displacement",)

    def targets(self, encoded: Array) -> Array:
        """Coordinates and, last, whether they are known: float32 (n, steps, channels + 1)."""
        return encoded

    def encoded(self, targets: Array) -> Array:
        return targets

    def paths(self, outputs: Array) -> Array:
        """Outputs as paths in the units of the target: float64 (n, 21, steps, channels), the one path first."""
        assert isinstance(self.target, Series)
        found = outputs[..., :-1].reshape(len(outputs), FUTURES + 1, self.steps, self.channels)
        return self.target.in_units(found)

    def chances(self, outputs: Array, decision: Decision) -> Array:
        """How likely each of the twenty futures is, of all of them: float64 (n, 20)."""
        logits = outputs[:, 1:, -1].astype(np.float64) / decision.temperature
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def answers(self, outputs: Array, decision: Decision) -> list[dict[str, Any]]:
        """The path, and the futures, the likeliest first."""
        found = []
        for paths, chances in zip(self.paths(outputs), self.chances(outputs, decision), strict=True):
            order = np.argsort(-chances, kind="stable")
            futures = [{"path": paths[place + 1].tolist(), "chance": float(chances[place])} for place in order]
            found.append({self.target.name: paths[0].tolist(), "futures": futures})
        return found

    def answer_schema(self) -> Mapping[str, Any]:
        name = self.target.name
        path = {
            "type": "array",
            "description": f"{self.steps} steps, the next one first, each of {self.channels} coordinates.",
            "items": {"type": "array", "items": {"type": "number"}},
        }
        future = {
            "type": "object",
            "properties": {"path": path, "chance": {"type": "number"}},
            "required": ["path", "chance"],
        }
        futures = {"type": "array", "description": f"{FUTURES} futures, the likeliest first.", "items": future}
        return {"type": "object", "properties": {name: path, "futures": futures}, "required": [name, "futures"]}
