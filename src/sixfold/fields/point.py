"""Points: a place on a map, in cells."""

from __future__ import annotations

import json
import math
import re
from typing import Any, ClassVar

import numpy as np

from sixfold.fields._field import Array, Field, Values, Widget, is_missing
from sixfold.fields._form import Form
from sixfold.language import Text

__all__ = ["Point", "point_of"]

_PAIR = re.compile(r"\s*[\[(]?\s*([+-]?\d+(?:\.\d+)?)\s*[,;\s]\s*([+-]?\d+(?:\.\d+)?)\s*[\])]?\s*")
_FARTHEST = 1_000_000
_NOT_A_POINT = Text(
    "not a point: expected two numbers, as `12,40` or [12, 40]: cells from the left, and from the top",
    "不是点：应为两个数，如 `12,40` 或 [12, 40]，分别是距左边和上边的格数",
)
_NOT_WHOLE = Text("a point between cells: whole numbers are expected", "点落在格子之间：应为整数")
_OUTSIDE = Text("a point outside of every map: numbers from 0 are expected", "点在任何地图之外：应为不小于 0 的数")


class Point(Field):
    """A place on a map: (x, y) in cells, from the left and from the top, counted from 0.

    Given as ``[x, y]``, ``{x: …, y: …}`` or text as ``12,40``. Encoded as float32 (2,); -1 where missing.
    """

    title: ClassVar[Text] = Text("a point", "点")
    widget: ClassVar[Widget] = "point"
    examples: ClassVar[tuple[Any, ...]] = ("12,40", [3, 5], {"x": 0, "y": 7})

    def parse(self, value: Any) -> tuple[int, int] | None:
        return None if is_missing(value) else point_of(value)

    def learn(self, values: Values) -> dict[str, Any]:  # noqa: ARG002
        """Nothing: a place means the same wherever it is."""
        return {}

    @property
    def form(self) -> Form:
        return Form(name="vector", shape=(2,), dtype="float32")

    def encode(self, values: Values) -> Array:
        points = [self.parse(value) for value in values]
        return np.array([(-1, -1) if point is None else point for point in points], np.float32).reshape(-1, 2)

    def decode(self, array: Array) -> list[list[int] | None]:
        return [None if point[0] < 0 else [round(float(point[0])), round(float(point[1]))] for point in array]

    def json_value(self, value: Any) -> Any:
        point = self.parse(value)
        return None if point is None else list(point)

    def schema(self) -> dict[str, Any]:
        cell = {"type": "integer", "minimum": 0}
        return {"type": ["array", "null"], "items": cell, "minItems": 2, "maxItems": 2, "examples": [[12, 40]]}


def point_of(value: Any) -> tuple[int, int]:
    """A value as (x, y).

    Raises:
        ValueError: It is no point.
    """
    match value:
        case str():
            found = _PAIR.fullmatch(value)
            pair: Any = found.groups() if found else _from_json(value)
        case {"x": x, "y": y}:
            pair = (x, y)
        case _:
            pair = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:  # noqa: PLR2004 — x and y
        raise ValueError(_NOT_A_POINT)
    try:
        x, y = (float(part) for part in pair)
    except (TypeError, ValueError):
        raise ValueError(_NOT_A_POINT) from None
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError(_NOT_A_POINT)
    if x != round(x) or y != round(y):
        raise ValueError(_NOT_WHOLE)
    if min(x, y) < 0 or max(x, y) > _FARTHEST:
        raise ValueError(_OUTSIDE)
    return round(x), round(y)


def _from_json(value: str) -> Any:
    try:
        told = json.loads(value)
    except ValueError:
        raise ValueError(_NOT_A_POINT) from None
    return (told.get("x"), told.get("y")) if isinstance(told, dict) else told
