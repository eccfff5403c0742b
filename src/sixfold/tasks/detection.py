"""What is where in a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sixfold.fields import Array
from sixfold.fields.boxes import Boxes
from sixfold.language import Text
from sixfold.product import Product
from sixfold.tasks._decision import Decision
from sixfold.tasks._task import Figure, Output, Task

__all__ = ["LABEL", "SCORE", "Detection"]

LABEL, SCORE = 0, 1
"""Where in a box of an output (label, score, left, top, width, height) its class and its score stand."""

_LARGEST_SIDE = 320
_FEWEST_TOLD, _MOST_TOLD = 100, 300
_NUMBERS = ("x", "y", "width", "height")
_SAME = 1e-3
_DECIMALS = 2


class Detection(Task):
    """Predict ``boxes`` from one picture: the network gives as many boxes as the picture may have, each with its score.

    The answer is a list of boxes in pixels of the picture that was sent, the surest first, and how many there are of
    each label.
    """

    title: ClassVar[Text] = Text("object detection", "目标检测")
    pattern: ClassVar[str] = "boxes"
    hub_task: ClassVar[str] = "object-detection"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("average_precision_50"),
        Figure("average_precision"),
        Figure("box_precision"),
        Figure("box_recall"),
    )

    @classmethod
    def matches(cls, product: Product) -> bool:
        given = [spec.kind for spec in product.given.values()]
        return product.verb == "predict" and product.target.kind == "boxes" and given == ["image"]

    @classmethod
    def asks(cls, kind: str) -> Mapping[str, Any]:
        return {"up_to": _LARGEST_SIDE} if kind == "image" else {}

    @property
    def classes(self) -> list[str]:
        """The labels; a box of the first has the label 1."""
        return self.boxes.classes

    @property
    def boxes(self) -> Boxes:
        """The target."""
        assert isinstance(self.target, Boxes)
        return self.target

    @property
    def output(self) -> Output:
        """A list of boxes: label (0: none), score, left, top, width and height as shares of the picture."""
        most = int(self.boxes.form.shape[0])
        return Output(6, "linear", (min(_MOST_TOLD, max(_FEWEST_TOLD, most)),), "points")

    @property
    def loss(self) -> str:
        """The network's own: no loss that Keras has is one of boxes."""
        return "boxes"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("overlap",)

    def targets(self, encoded: Array) -> Array:
        """Boxes (n, most, 5) as they are encoded."""
        return encoded

    def encoded(self, targets: Array) -> Array:
        return targets

    def thresholds(self, decision: Decision) -> Array:
        """From which score a box of each class is told (classes,)."""
        return np.array(decision.thresholds or [decision.threshold] * len(self.classes), np.float64)

    def is_told(self, outputs: Array, decision: Decision) -> Array:
        """Which boxes of outputs (n, count, 6) are told (n, count)."""
        labels = outputs[..., LABEL].astype(np.int64)
        enough = np.concatenate([[np.inf], self.thresholds(decision)])[labels]
        return np.asarray(outputs[..., SCORE] >= enough)

    def answers(self, outputs: Array, decision: Decision) -> list[dict[str, Any]]:
        """Boxes in shares of the picture; :meth:`upon` gives them in its pixels."""
        found = []
        for row, told in zip(outputs, self.is_told(outputs, decision), strict=True):
            kept = row[told]
            kept = kept[np.argsort(-kept[:, SCORE], kind="stable")]
            boxes = [
                {
                    "label": self.classes[int(box[LABEL]) - 1],
                    "confidence": float(box[SCORE]),
                    **dict(zip(_NUMBERS, map(float, box[SCORE + 1 :]), strict=True)),
                }
                for box in kept
            ]
            counts = Counter(str(box["label"]) for box in boxes)
            found.append({self.target.name: boxes, "counts": {name: counts[name] for name in self.classes}})
        return found

    def upon(self, answers: list[dict[str, Any]], extents: Sequence[tuple[int, ...]]) -> list[dict[str, Any]]:
        """The boxes in pixels of their pictures."""
        name = self.target.name
        placed = []
        for answer, extent in zip(answers, extents, strict=True):
            height, width = extent or (1, 1)
            sides = dict(zip(_NUMBERS, (width, height, width, height), strict=True))
            boxes = [
                {**box, **{number: round(box[number] * side, _DECIMALS) for number, side in sides.items()}}
                for box in answer[name]
            ]
            placed.append({**answer, name: boxes, "picture": {"width": width, "height": height}})
        return placed

    def alike(self, one: Array, other: Array) -> bool:
        """Whether both have the same sure boxes, whatever their order: two of all but equal score may change places."""
        some = [boxes[boxes[:, SCORE] >= 0.1] for boxes in (one, other)]  # noqa: PLR2004 — of less, none is told
        if len(some[0]) != len(some[1]):
            return False
        gaps = np.abs(some[0][:, None] - some[1][None]).max(axis=-1)
        return not gaps.size or bool((gaps.min(axis=1) <= _SAME).all() and (gaps.min(axis=0) <= _SAME).all())

    def answer_schema(self) -> Mapping[str, Any]:
        number, share = {"type": "number"}, {"type": "number", "minimum": 0, "maximum": 1}
        box = {
            "type": "object",
            "properties": {
                "label": {"type": "string", "enum": self.classes},
                "confidence": share,
                **dict.fromkeys(_NUMBERS, number),
            },
            "required": ["label", "confidence", *_NUMBERS],
        }
        whole = {"type": "integer", "minimum": 0}
        return {
            "type": "object",
            "properties": {
                self.target.name: {
                    "type": "array",
                    "items": box,
                    "description": "In pixels of the picture, from its left top corner; the surest first.",
                },
                "counts": {"type": "object", "properties": dict.fromkeys(self.classes, whole)},
                "picture": {"type": "object", "properties": {"width": whole, "height": whole}},
            },
            "required": [self.target.name, "counts", "picture"],
        }
