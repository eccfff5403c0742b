"""Boxes: what is where in a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
from pydantic import Field as Setting

from sixfold.families import Options as KindOptions
from sixfold.fields._colors import distinct
from sixfold.fields._field import Array, Field, Values, Widget, is_missing
from sixfold.fields._form import Form
from sixfold.fields.category import label, natural
from sixfold.language import Text

__all__ = ["Boxes", "Found"]

Units: TypeAlias = Literal["pixels", "relative"]

_NUMBERS = ("x", "y", "width", "height")
_MOST, _SPARE = 1000, 2
"""A row may have so many boxes; and unless told, so many times those of the training row that has most."""

_FEWEST = 8
_BEYOND_PIXELS, _BEYOND_SHARE = 2.0, 0.01
"""A box may reach so far beyond the picture, whichever is more: people draw to the edge and a little over."""

_OF_ANOTHER_SHAPE = 0.02
_QUANTILES = (0.05, 0.5, 0.95)

_NOT_BOXES = Text(
    "no boxes: expected a list of {label, x, y, width, height}, x and y being the left top corner",
    "不是框：应为 {label, x, y, width, height} 的列表，其中 x、y 是左上角",
)
_NOT_A_NUMBER = Text("a box whose x, y, width or height is no number", "有的框的 x、y、width 或 height 不是数字")
_NO_LABEL = Text("a box without a label", "有的框没有标签")
_NO_AREA = Text("a box without an area: its width and height must be above 0", "有的框没有面积：宽和高都必须大于 0")
_NO_PICTURE = Text(
    "boxes in pixels, but no picture that tells of how many: give {width, height, boxes}, or say `units: relative`",
    "框以像素计，但不知道图片有多少像素：请给出 {width, height, boxes}，或写 `units: relative`",
)


@dataclass(frozen=True, slots=True)
class Found:
    """The boxes of one picture as they were written.

    Args:
        boxes: (label, left, top, width, height) of each.
        size: The (height, width) of the picture that they were drawn on, where that is said; (1, 1): they are shares.
    """

    boxes: tuple[tuple[str, float, float, float, float], ...]
    size: tuple[float, float] | None


class Boxes(Field):
    """A list of boxes {label, x, y, width, height}, from the left top corner; or {boxes: [...]} with the width and
    height of the picture that they were drawn on, or with its own `units`; or the JSON text of one of them. An empty
    list is a picture in which there is nothing.

    Encoded as float32 (most, 5): class from 1, left, top, width and height as shares of the picture; the rest is 0.
    """

    title: ClassVar[Text] = Text("boxes", "框")
    widget: ClassVar[Widget] = "text"
    is_heavy: ClassVar[bool] = True
    lies_upon: ClassVar[str | None] = "image"

    class Options(KindOptions):
        """``classes``: the labels; left out, those of the training rows. A box of another one is an error.

        ``most``: boxes that a row may have; left out, twice as many as the training row that has most.

        ``units``: pixels of the picture, or relative: shares of its width and height.
        """

        classes: tuple[str, ...] | None = Setting(None, min_length=1)
        most: int | None = Setting(None, ge=1, le=_MOST)
        units: Units = "pixels"

    def parse(self, value: Any) -> Found | None:
        """The boxes as they were written; ``None`` where missing."""
        if is_missing(value):
            return None
        if isinstance(value, (str, bytes)):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                raise ValueError(_NOT_BOXES) from None
            if value is None:
                return None
        size, units = None, self._options.units
        if isinstance(value, Mapping):
            if "boxes" not in value:
                raise ValueError(_NOT_BOXES)
            units = value.get("units") or units
            if value.get("width") is not None and value.get("height") is not None:
                size = _number(value["height"]), _number(value["width"])
            value = value["boxes"]
        if not isinstance(value, (list, tuple, np.ndarray)) or units not in ("pixels", "relative"):
            raise ValueError(_NOT_BOXES)
        if units == "relative":
            size = (1.0, 1.0)
        if size is not None and min(size) <= 0:
            raise ValueError(_NOT_BOXES)
        return Found(tuple(_box(box) for box in value), size)

    def learn(self, values: Values) -> dict[str, Any]:
        """Reads each value once. What cannot be read is passed over: whoever encodes it is told."""
        labels: dict[str, int] = {}
        counts, sides = [1], []
        for value in values:
            try:
                found = self.parse(value)
            except ValueError:
                continue
            if found is None:
                continue
            counts.append(len(found.boxes))
            for name, *_, width, height in found.boxes:
                labels[name] = labels.get(name, 0) + 1
                if found.size is not None:
                    sides.append((height / found.size[0], width / found.size[1]))
        classes = list(self._options.classes or sorted(labels, key=natural))
        if not classes:
            raise ValueError(
                Text("not one box in the training rows: there is nothing to find", "训练行里没有一个框，没有可找的内容")
            )
        known = np.array(sides or [(0.1, 0.1)], np.float64)
        return {
            "classes": classes,
            "most": self._options.most or min(_MOST, max(_FEWEST, _SPARE * max(counts))),
            "heights": np.quantile(known[:, 0], _QUANTILES).tolist(),
            "widths": np.quantile(known[:, 1], _QUANTILES).tolist(),
        }

    @property
    def classes(self) -> list[str]:
        """The labels, in the order of their codes; the first has code 1."""
        return list(self.state["classes"])

    @property
    def colors(self) -> list[str]:
        """A colour for each class, as #rrggbb."""
        return distinct(len(self.state["classes"]))

    @property
    def form(self) -> Form:
        return Form(name="points", shape=(self.state["most"], 5), dtype="float32")

    def encode(self, values: Values) -> Array:
        return self.encode_upon(values, [()] * len(values))

    def encode_upon(self, values: Values, extents: Sequence[tuple[int, ...]]) -> Array:
        """As :meth:`encode`; boxes must lie within the picture, and be drawn on one of its shape."""
        array = np.zeros((len(values), *self.form.shape), np.float32)
        codes = {name: code for code, name in enumerate(self.state["classes"], start=1)}
        for row, (value, extent) in enumerate(zip(values, extents, strict=True)):
            found = self.parse(value)
            if found is None or not found.boxes:
                continue
            height, width = _size(found, extent)
            if len(found.boxes) > len(array[row]):
                most, given = len(array[row]), len(found.boxes)
                raise ValueError(
                    Text(
                        f"{given} boxes, where a row may have {most}: say `most: {given}` or more",
                        f"有 {given} 个框，而一行最多 {most} 个：请写 `most: {given}` 或更大",
                    )
                )
            for place, (name, left, top, wide, high) in enumerate(found.boxes):
                if name not in codes:
                    known = ", ".join(self.state["classes"][:12])
                    raise ValueError(
                        Text(
                            f"a box labelled {name}, which no training row has; known are {known}",
                            f"有的框标签为 {name}，训练行中没有；已知的有 {known}",
                        )
                    )
                ends = left, top, left + wide, top + high
                _hold_inside(ends, height, width)
                x, y, far_x, far_y = (
                    min(max(end / side, 0.0), 1.0) for end, side in zip(ends, (width, height) * 2, strict=True)
                )
                if far_x <= x or far_y <= y:
                    raise ValueError(_NO_AREA)
                array[row, place] = codes[name], x, y, far_x - x, far_y - y
        return array

    def decode(self, array: Array) -> list[Any]:
        """Boxes in shares of the picture, as {boxes, units: relative}."""
        return [{"boxes": self.told(points), "units": "relative"} for points in array]

    def told(self, points: Array) -> list[dict[str, Any]]:
        """The boxes (count, 5) that are there as {label, x, y, width, height}, in shares of the picture."""
        return [
            {"label": self.state["classes"][int(code) - 1], **dict(zip(_NUMBERS, map(float, numbers), strict=True))}
            for code, *numbers in points
            if code > 0
        ]

    def likeness(self, value: Any) -> bytes | None:
        found = self.parse(value)
        return None if found is None else repr((sorted(found.boxes), found.size)).encode("utf-8", "surrogatepass")

    def extent(self, value: Any) -> tuple[int, ...]:
        """(boxes,): how many there are."""
        found = self.parse(value)
        return () if found is None else (len(found.boxes),)

    def upon(self, base: Field) -> Self:  # noqa: ARG002
        """The same: shares of a picture fit any size of it."""
        return self

    def schema(self) -> dict[str, Any]:
        number = {"type": "number"}
        one = {
            "type": "object",
            "properties": {"label": {"type": "string"}, **dict.fromkeys(_NUMBERS, number)},
            "required": ["label", *_NUMBERS],
        }
        return {"type": "array", "items": one}

    @property
    def _options(self) -> Options:
        assert isinstance(self.options, Boxes.Options)
        return self.options


def _box(box: Any) -> tuple[str, float, float, float, float]:
    if not isinstance(box, Mapping):
        raise ValueError(_NOT_BOXES)
    if is_missing(box.get("label")):
        raise ValueError(_NO_LABEL)
    left, top, width, height = (_number(box.get(name)) for name in _NUMBERS)
    if width <= 0 or height <= 0:
        raise ValueError(_NO_AREA)
    return label(box["label"]), left, top, width, height


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(_NOT_A_NUMBER) from None
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(_NOT_A_NUMBER)
    return number


def _size(found: Found, extent: tuple[int, ...]) -> tuple[float, float]:
    """The (height, width) in which boxes are told.

    Raises:
        ValueError: It is not known, or is that of a picture of another shape than the one that they lie upon.
    """
    if found.size is None:
        if not extent:
            raise ValueError(_NO_PICTURE)
        return float(extent[0]), float(extent[1])
    height, width = found.size
    if extent and found.size != (1.0, 1.0):
        own, drawn = extent[1] / extent[0], width / height
        if abs(own / drawn - 1) > _OF_ANOTHER_SHAPE:
            raise ValueError(
                Text(
                    f"boxes drawn on a picture of {width:g}×{height:g} pixels upon one of {extent[1]}×{extent[0]}",
                    f"框画在 {width:g}×{height:g} 像素的图片上，而图片为 {extent[1]}×{extent[0]}",
                )
            )
    return height, width


def _hold_inside(ends: tuple[float, float, float, float], height: float, width: float) -> None:
    """A box may reach a little beyond the picture, no more."""
    for near, far, side in ((ends[0], ends[2], width), (ends[1], ends[3], height)):
        beyond = side * _BEYOND_SHARE if side == 1 else max(_BEYOND_PIXELS, side * _BEYOND_SHARE)
        if near < -beyond or far > side + beyond:
            left, top, right, bottom = ends
            raise ValueError(
                Text(
                    f"a box outside the picture: from ({left:g}, {top:g}) to ({right:g}, {bottom:g}), where the "
                    f"picture ends at ({width:g}, {height:g})",
                    f"有的框超出图片：从 ({left:g}, {top:g}) 到 ({right:g}, {bottom:g})，"
                    f"而图片止于 ({width:g}, {height:g})",
                )
            )
