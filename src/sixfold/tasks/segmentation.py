"""The class of every pixel of a picture."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sixfold.families import Options
from sixfold.fields import Array
from sixfold.fields.image import opened, png
from sixfold.fields.mask import IGNORED, Mask
from sixfold.language import Text
from sixfold.product import Product
from sixfold.tasks._decision import Decision
from sixfold.tasks._graphs import Graphs
from sixfold.tasks._task import Figure, Output, Task

__all__ = ["Segmentation"]

_LARGEST_SIDE = 256
_SURE = 255.0


class Segmentation(Task):
    """Predict a ``mask`` from one picture: the network gives each pixel's probability of each class.

    The answer is a mask as large as the picture that was sent, the share of it that each class takes, and how sure the
    model is of a pixel on average.
    """

    title: ClassVar[Text] = Text("semantic segmentation", "语义分割")
    pattern: ClassVar[str] = "masks"
    hub_task: ClassVar[str] = "image-segmentation"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("mean_iou"),
        Figure("pixel_accuracy"),
        Figure("mean_class_accuracy"),
    )
    ignored: ClassVar[int | None] = IGNORED

    @classmethod
    def matches(cls, product: Product) -> bool:
        given = [spec.kind for spec in product.given.values()]
        return product.verb == "predict" and product.target.kind == "mask" and given == ["image"]

    @classmethod
    def asks(cls, kind: str) -> Mapping[str, Any]:
        return {"up_to": _LARGEST_SIDE} if kind == "image" else {}

    @property
    def classes(self) -> list[str]:
        """The classes in the order of the network's outputs."""
        return self.mask.classes

    @property
    def mask(self) -> Mask:
        """The target."""
        assert isinstance(self.target, Mask)
        return self.target

    @property
    def output(self) -> Output:
        return Output(len(self.classes), "softmax", self.mask.form.shape[:2], "grid")

    @property
    def loss(self) -> str:
        return "sparse_categorical_crossentropy"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("accuracy",)

    def targets(self, encoded: Array) -> Array:
        """Codes (n, height, width) as they are, uint8; 255 says nothing."""
        return encoded[..., 0]

    def encoded(self, targets: Array) -> Array:
        return targets[..., None]

    def respond(self, graphs: Graphs, arrays: Mapping[str, Array], settings: Options) -> Array:
        """Of each pixel the likeliest class and how likely it is, 0–255: uint8 (n, height, width, 2)."""
        chances = super().respond(graphs, arrays, settings)
        sure = np.rint(chances.max(axis=-1) * _SURE)
        return np.stack([chances.argmax(axis=-1), sure], axis=-1).astype(np.uint8)

    def answers(self, outputs: Array, decision: Decision) -> list[dict[str, Any]]:  # noqa: ARG002
        return [
            {
                self.target.name: base64.b64encode(self.mask.file(codes)).decode(),
                "confidence": float(sure.mean() / _SURE),
                "shares": self._shares(codes),
            }
            for codes, sure in zip(outputs[..., 0], outputs[..., 1], strict=True)
        ]

    def upon(self, answers: list[dict[str, Any]], extents: Sequence[tuple[int, ...]]) -> list[dict[str, Any]]:
        """The masks as large as their pictures, by the nearest pixel."""
        name = self.target.name
        return [
            {**answer, name: base64.b64encode(_as_large(base64.b64decode(answer[name]), extent)).decode()}
            for answer, extent in zip(answers, extents, strict=True)
        ]

    def answer_schema(self) -> Mapping[str, Any]:
        share = {"type": "number", "minimum": 0, "maximum": 1}
        return {
            "type": "object",
            "properties": {
                self.target.name: {
                    **self.target.schema(),
                    "description": "A PNG file as large as the picture; its palette has a colour for each class.",
                },
                "confidence": {**share, "description": "The probability of the class of a pixel, on average."},
                "shares": {"type": "object", "properties": dict.fromkeys(self.classes, share)},
            },
            "required": [self.target.name, "confidence", "shares"],
        }

    def _shares(self, codes: Array) -> dict[str, float]:
        """The share of the pixels that each class has, where it has any."""
        counts = np.bincount(codes.reshape(-1), minlength=len(self.classes))
        return {name: count / codes.size for name, count in zip(self.classes, counts.tolist(), strict=False) if count}


def _as_large(file: bytes, extent: tuple[int, ...]) -> bytes:
    from PIL import Image as Pillow

    picture = opened(file)
    if not extent or (picture.height, picture.width) == extent:
        return file
    return png(picture.resize((extent[1], extent[0]), Pillow.Resampling.NEAREST))
