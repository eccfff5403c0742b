"""Those nearby: the last steps of each, as the agent's own past has them."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field as Setting

from sixfold.families import Options as KindOptions
from sixfold.fields._field import Array, Field, Values, is_missing, says_unknown
from sixfold.fields._form import Form
from sixfold.language import Text

__all__ = ["Neighbours"]

_MOST_DEFAULT = 16
_MOST_SENT = 10_000
"""Beyond, no list of neighbours is read."""

_FARTHEST = 1e9

_NOT_NEIGHBOURS = Text(
    "not a list of neighbours: expected [[[x, y], …], …], of each its last steps, oldest first, null where it was not "
    "there",
    "不是邻近者的列表：应为 [[[x, y], …], …]，每个邻近者各列出最近几步，最早的在前，不在场的写 null",
)
_UNEVEN = Text("neighbours whose steps have not all the same coordinates", "邻近者各步的坐标个数不同")
_NOT_FINITE = Text("neighbours with a number that is not finite", "邻近者的坐标里有不是有限值的数字")


class Neighbours(Field):
    """The paths of those nearby, the nearest first: [[[x, y], …], …], of each its last steps, oldest first; ``null``
    for a step at which it was not there. Nobody is an empty list, or a missing value.

    Encoded as float32 (most, length · (channels + 1)): of each neighbour the coordinates, on the scale of the agent's
    own past, and whether it was there, step by step; zeros where there is nobody. Those beyond ``most`` are left out.
    """

    title: ClassVar[Text] = Text("those nearby", "邻近者")
    is_heavy: ClassVar[bool] = True
    examples: ClassVar[tuple[Any, ...]] = (
        [[[0.0, 1.0], [0.5, 1.5]], [None, [3.0, 2.0]]],
        [[[2.0, 2.0], [2.0, 2.5]]],
        "[[[1, 0], [1, 1]]]",
    )

    class Options(KindOptions):
        """``most``: how many of the nearest are looked at. ``length``: steps of each; left out, those of the past."""

        most: int = Setting(default=_MOST_DEFAULT, ge=1, le=256)
        length: int | None = Setting(default=None, ge=1, le=10_000)

    @property
    def most(self) -> int:
        """How many neighbours are looked at."""
        assert isinstance(self.options, Neighbours.Options)
        return self.options.most

    def parse(self, value: Any) -> Array | None:
        """float64 (neighbours, steps, channels), NaN where one was not there; ``None`` where there is nobody."""
        if isinstance(value, (str, bytes)):
            text = (value.decode("utf-8", "replace") if isinstance(value, bytes) else value).strip()
            if not text or says_unknown(text):
                return None
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                raise ValueError(_NOT_NEIGHBOURS) from None
        if is_missing(value):
            return None
        if hasattr(value, "tolist"):
            value = value.tolist()
        if not isinstance(value, (list, tuple)) or len(value) > _MOST_SENT:
            raise ValueError(_NOT_NEIGHBOURS)
        if (even := _at_once(value)) is not None:
            return even if len(even) else None
        paths = [path for path in map(_path, value) if path is not None]
        if not paths:
            return None
        channels, steps = {path.shape[1] for path in paths}, max(len(path) for path in paths)
        if len(channels) > 1:
            raise ValueError(_UNEVEN)
        found = np.full((len(paths), steps, channels.pop()), np.nan)
        for place, path in enumerate(paths):
            found[place, steps - len(path) :] = path
        return found

    def learn(self, values: Values) -> dict[str, Any]:
        assert isinstance(self.options, Neighbours.Options)
        steps, channels = 1, 2
        for value in values:
            try:
                parsed = self.parse(value)
            except ValueError:
                continue
            if parsed is not None:
                steps, channels = max(steps, parsed.shape[1]), parsed.shape[2]
        length = self.options.length or steps
        return {
            "most": self.most,
            "length": length,
            "channels": channels,
            "means": [0.0] * channels,
            "spreads": [1.0] * channels,
        }

    def going_on(self, past: Field) -> Self:
        """This fitted field on the scale of the agent's own past."""
        shared = {name: past.state[name] for name in ("means", "spreads", "channels", "length")}
        return type(self)(self.name, self.options, {**self.state, **shared}, beside=self.beside)

    @property
    def form(self) -> Form:
        state = self.state
        shape = (state["most"], state["length"] * (state["channels"] + 1))
        return Form(name="points", shape=shape, dtype="float32")

    def encode(self, values: Values) -> Array:
        state = self.state
        most, length, channels = state["most"], state["length"], state["channels"]
        array = np.zeros((len(values), most, length, channels + 1), np.float32)
        means, spreads = np.array(state["means"]), np.array(state["spreads"])
        for row, value in enumerate(values):
            parsed = self.parse(value)
            if parsed is None:
                continue
            if parsed.shape[2] != channels:
                raise ValueError(_UNEVEN)
            paths = parsed[:most, -length:]
            there: Array = np.asarray(~np.isnan(paths).any(axis=2))
            scaled = np.where(there[..., None], (paths - means) / spreads, 0.0)
            array[row, : len(paths), length - paths.shape[1] :, :-1] = scaled
            array[row, : len(paths), length - paths.shape[1] :, -1] = there
        return array.reshape(len(values), *self.form.shape)

    def decode(self, array: Array) -> list[Any]:
        state = self.state
        means, spreads = np.array(state["means"]), np.array(state["spreads"])
        whole = array.reshape(len(array), state["most"], state["length"], state["channels"] + 1).astype(np.float64)
        found: list[Any] = []
        for paths in whole:
            there = paths[..., -1] > 0.5  # noqa: PLR2004 — there or not
            told = [
                [step.tolist() if is_there else None for step, is_there in zip(path, known, strict=True)]
                for path, known in zip(paths[..., :-1] * spreads + means, there, strict=True)
                if known.any()
            ]
            found.append(told or None)
        return found

    def likeness(self, value: Any) -> bytes | None:
        parsed = self.parse(value)
        return None if parsed is None else repr(parsed.shape).encode() + parsed.tobytes()

    def schema(self) -> dict[str, Any]:
        step = {"type": ["array", "null"], "items": {"type": "number"}}
        return {"type": ["array", "string", "null"], "items": {"type": "array", "items": step}}

    def json_value(self, value: Any) -> Any:
        """Without those who were never there."""
        parsed = self.parse(value)
        if parsed is None:
            return []
        return [
            [None if np.isnan(step).any() else step.tolist() for step in path]
            for path in parsed
            if not np.isnan(path).all()
        ]


def _at_once(value: Any) -> Array | None:
    """Neighbours of equally many steps without a ``null``, those who never were there left out; ``None`` of others."""
    try:
        found = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    if found.ndim != 3 or (np.abs(found) > _FARTHEST).any():  # noqa: PLR2004 — neighbours, steps and coordinates
        return None
    return np.asarray(found[~np.isnan(found).all(axis=(1, 2))])


def _path(value: Any) -> Array | None:
    """One neighbour's steps (steps, channels), NaN where it was not there; ``None`` where it never was."""
    if not isinstance(value, (list, tuple)):
        raise ValueError(_NOT_NEIGHBOURS)
    width = next((len(step) for step in value if isinstance(step, (list, tuple))), 0)
    if width == 0 and any(step is not None for step in value):
        raise ValueError(_NOT_NEIGHBOURS)
    if width == 0:
        return None
    steps = [[None] * width if step is None else step for step in value]
    try:
        found = np.array(steps, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(_NOT_NEIGHBOURS) from None
    if found.ndim != 2:  # noqa: PLR2004 — steps and coordinates
        raise ValueError(_UNEVEN)
    if (np.abs(found) > _FARTHEST).any():
        raise ValueError(_NOT_FINITE)
    return None if np.isnan(found).all() else found
