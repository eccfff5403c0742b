"""Routes: a way over a map, point by point."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np

from sixfold.fields._field import Array, Field, Values, Widget, is_missing
from sixfold.fields._form import Form
from sixfold.fields.point import point_of
from sixfold.language import Text

__all__ = ["POINTS", "Route"]

POINTS = 64
"""Places of a route that are kept: evenly along it, its two ends among them."""

_MOST_POINTS = 100_000
_DIAGONAL = 2**0.5
_NOT_A_ROUTE = Text(
    "not a route: expected points, as `3,4 5,6 5,9` or [[3, 4], [5, 6], [5, 9]]",
    "不是路线：应为一串点，如 `3,4 5,6 5,9` 或 [[3, 4], [5, 6], [5, 9]]",
)
_TOO_LONG = Text(f"a route of more than {_MOST_POINTS:,} points", f"路线的点超过 {_MOST_POINTS:,} 个")
_CROOKED = Text(
    "a route with a leg that is neither straight nor diagonal: name every point where it turns",
    "路线中有一段既不是直线也不是对角线：请写出每个转弯处的点",
)
_OFF_THE_MAP = Text("a route that leaves the map", "路线超出了地图")


class Route(Field):
    """A way over the cells of a map, from cell to neighbouring cell, straight (length 1) or diagonal (length √2).

    Given as every point, or those where it turns: ``[[x, y], …]`` or text as ``3,4 5,6``. Encoded as float32 (64, 3):
    places evenly along it, x, y and the length that is left to its end; -1 where missing.
    """

    title: ClassVar[Text] = Text("a route", "路线")
    widget: ClassVar[Widget] = "text"
    is_heavy: ClassVar[bool] = True
    lies_upon: ClassVar[str | None] = "image"
    examples: ClassVar[tuple[Any, ...]] = ("3,4 5,6 5,9", [[0, 0], [2, 2]], "7,7")

    def parse(self, value: Any) -> list[tuple[int, int]] | None:
        if is_missing(value):
            return None
        if isinstance(value, str):
            text = value.strip()
            try:
                told = json.loads(text) if text.startswith("[") else text.split()
            except ValueError:
                raise ValueError(_NOT_A_ROUTE) from None
        else:
            told = value.tolist() if isinstance(value, np.ndarray) else value
        if not isinstance(told, (list, tuple)):
            raise ValueError(_NOT_A_ROUTE)
        if len(told) > _MOST_POINTS:
            raise ValueError(_TOO_LONG)
        points = [point_of(point) for point in told]
        for (x, y), (next_x, next_y) in pairwise(points):
            along, down = abs(next_x - x), abs(next_y - y)
            if along and down and along != down:
                raise ValueError(_CROOKED)
        return points or None

    def upon(self, base: Field) -> Self:
        """Over a map as high and as wide as the picture that it lies upon."""
        height, width = base.form.shape[:2]
        return type(self)(self.name, self.options, {"height": height, "width": width}, beside=self.beside)

    def learn(self, values: Values) -> dict[str, Any]:  # noqa: ARG002
        """Nothing but the size of its map, which it was told."""
        return {name: self.state[name] for name in ("height", "width") if name in self.state}

    @property
    def form(self) -> Form:
        return Form(name="points", shape=(POINTS, 3), dtype="float32")

    def encode(self, values: Values) -> Array:
        return self.encode_upon(values, [()] * len(values))

    def encode_upon(self, values: Values, extents: Sequence[tuple[int, ...]]) -> Array:
        """As :meth:`encode`; a route stays on the map that it lies upon."""
        arrays = np.full((len(values), POINTS, 3), -1, np.float32)
        for row, (value, extent) in enumerate(zip(values, extents, strict=True)):
            points = self.parse(value)
            if points is None:
                continue
            corners = np.array(points, np.float64)
            if extent and (corners >= extent[::-1]).any():
                raise ValueError(_OFF_THE_MAP)
            legs = np.abs(np.diff(corners, axis=0))
            lengths = legs.max(axis=1) - legs.min(axis=1) + _DIAGONAL * legs.min(axis=1)
            gone = np.concatenate([[0.0], np.cumsum(lengths)])
            along = np.linspace(0, gone[-1], POINTS)
            places = [np.interp(along, gone, corners[:, axis]) for axis in (0, 1)]
            arrays[row] = np.stack([*places, gone[-1] - along], axis=1)
        return arrays

    def decode(self, array: Array) -> list[Any]:
        """The kept places, by the nearest cell; between them the way may be lost."""
        return [
            None if route[0, 0] < 0 else [[round(float(x)), round(float(y))] for x, y, _ in route] for route in array
        ]

    def schema(self) -> dict[str, Any]:
        point = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2}
        return {"type": ["array", "null"], "items": point}
