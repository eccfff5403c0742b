"""One of several classes, or yes or no, from any mix of columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sixfold.fields import Array
from sixfold.fields.category import Category
from sixfold.language import Text
from sixfold.product import Product
from sixfold.tasks._decision import Decision
from sixfold.tasks._task import Figure, Output, Task

__all__ = ["Classification"]


class Classification(Task):
    """Predict a ``category`` or ``yes_no``: the network gives a probability for each class, or of yes."""

    title: ClassVar[Text] = Text("classification", "分类")
    pattern: ClassVar[str] = "classes"
    hub_task: ClassVar[str] = "{modality}-classification"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("accuracy"),
        Figure("balanced_accuracy"),
        Figure("macro_f1"),
        Figure("f1"),
        Figure("log_loss", higher_is_better=False),
        Figure("auroc"),
    )

    @property
    def judged_by(self) -> tuple[Figure, ...]:
        """All figures for yes or no; of several classes there is no one that F1 alone could be about."""
        return tuple(figure for figure in self.figures if self.is_binary or figure.name != "f1")

    @classmethod
    def matches(cls, product: Product) -> bool:
        return product.verb == "predict" and product.target.kind in ("category", "yes_no") and bool(product.given)

    @property
    def classes(self) -> list[str]:
        """The classes in the order of the network's outputs; for yes or no: [no, yes]."""
        assert isinstance(self.target, Category)
        return self.target.classes

    @property
    def is_binary(self) -> bool:
        """Whether the network has one output, the probability of yes."""
        return self.target.kind() == "yes_no"

    @property
    def output(self) -> Output:
        return Output(1, "sigmoid") if self.is_binary else Output(len(self.classes), "softmax")

    @property
    def loss(self) -> str:
        return "binary_crossentropy" if self.is_binary else "categorical_crossentropy"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("accuracy",)

    def targets(self, encoded: Array) -> Array:
        """Class indices (n,) as float32 one-hot rows (n, classes), or (n, 1) for yes or no."""
        index = encoded.astype(np.int64) - 1
        if self.is_binary:
            return index[:, None].astype(np.float32)
        return np.eye(len(self.classes), dtype=np.float32)[index]

    def encoded(self, targets: Array) -> Array:
        index = targets[:, 0] if self.is_binary else targets.argmax(axis=1)
        return (index + 1).astype(np.int32)

    def answers(self, outputs: Array, decision: Decision) -> list[dict[str, Any]]:
        chances = decision.calibrated(outputs)
        if self.is_binary:
            chances = np.concatenate([1 - chances, chances], axis=1)
            winners = (chances[:, 1] >= decision.threshold).astype(int)
        else:
            winners = decision.best(chances)
        asking = decision.asking(chances[:, 1] if self.is_binary else chances[np.arange(len(chances)), winners])
        named = None if decision.sets is None else decision.sets.of(chances, winners)
        return [
            {
                **({} if decision.asks is None else {"ask": bool(asking[place])}),
                **({} if named is None else {"one_of": self._named(row, named[place])}),
                self.target.name: self.classes[winner],
                "confidence": float(row[winner]),
                "probabilities": {name: float(chance) for name, chance in zip(self.classes, row, strict=True)},
            }
            for place, (winner, row) in enumerate(zip(winners.tolist(), chances, strict=True))
        ]

    def _named(self, chances: Array, named: Array) -> list[str]:
        """The classes that a set names, the likeliest first."""
        places = np.flatnonzero(named)
        return [self.classes[place] for place in places[np.argsort(-chances[places], kind="stable")]]

    def answer_schema(self) -> Mapping[str, Any]:
        return {
            "type": "object",
            "properties": {
                "ask": {"type": "boolean", "description": "Whether a person should answer instead."},
                "one_of": {
                    "type": "array",
                    "description": "The right class is one of these "
                    f"in {self.product.evaluate.coverage:.0%} of cases; left out where that was not measured.",
                    "items": {"type": "string", "enum": self.classes},
                },
                self.target.name: {"type": "string", "enum": self.classes},
                "confidence": {"type": "number", "minimum": 0, "maximum": 1},
                "probabilities": {"type": "object", "additionalProperties": {"type": "number"}},
            },
            "required": [self.target.name, "confidence", "probabilities"],
        }
