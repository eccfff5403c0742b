"""Series of numbers in the order of time: one channel or several, of any length, with gaps."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from pydantic import Field as Setting

from sixfold.families import Options as KindOptions
from sixfold.fields._field import Array, Field, Values, Widget, is_missing, says_unknown
from sixfold.fields._form import Form
from sixfold.language import Text

__all__ = ["Series"]

Channel: TypeAlias = int | str

_LONGEST_DEFAULT = 1_000

_LARGEST = 1e100
"""Beyond, a number counts as not finite: sums of squares of even a billion such numbers are."""

_FARTHEST = 1e6
"""Standard deviations beyond which a number counts as this far: float32 and a network stay finite on any input."""

_NOT_A_SERIES = Text(
    "not a series: expected a list of numbers, a list of steps with a number for each channel, or {channel: [numbers]}",
    "不是序列：应为数字列表、每步各含各通道数字的列表，或 {通道: [数字]}",
)
_NOT_NUMBERS = Text("a series with something in it that is not a number", "序列里有不是数字的内容")
_NOT_FINITE = Text("a series with a number that is not finite", "序列里有不是有限值的数字")
_UNEVEN = Text(
    "a series whose steps have not all the same channels, or whose channels have not all the same steps",
    "序列各步的通道数不同，或各通道的步数不同",
)


class Series(Field):
    """Numbers in the order of time: a list of numbers, of steps [[channel, …], …], an array (steps[, channels]), a
    mapping from channel to list, or the JSON text of one of them. Steps that are missing at the end are not there.

    Encoded as float32 (length, channels + 1): standardised values, 0 behind the end; the last channel is 1 where there
    is a step. Missing points inside are put on a line between their neighbours. A series of more steps than the
    length is resampled to it: each new step is the average of what it stands for. With ``keep: last`` its last steps
    are kept as they are, and what is shorter has its padding in front: so that the newest step is always the last.

    As the target of a forecast it has ``steps``: nothing is bridged there, a step that is not known whole counts as
    none.
    """

    title: ClassVar[Text] = Text("a series", "序列")
    widget: ClassVar[Widget] = "series"
    is_heavy: ClassVar[bool] = True

    class Options(KindOptions):
        """``length``: steps of the array; left out, those of the longest training series, up to 1,000.

        ``standardise``: channel: by each channel's mean and spread over the training rows; row: by each row's own, so
        that only its shape counts. ``keep``: of a longer series: whole, averaged down; or its last steps. ``steps``:
        as a target: how many steps ahead are predicted. ``season``: after how many steps a season begins anew; left
        out, it is found in the training part.
        """

        length: int | None = Setting(None, ge=1, le=100_000)
        standardise: Literal["channel", "row"] = "channel"
        keep: Literal["whole", "last"] = "whole"
        steps: int | None = Setting(None, ge=1, le=10_000)
        season: int | None = Setting(None, ge=1, le=50_000)

    def parse(self, value: Any) -> Array | None:
        """The numbers as float64 (steps, channels), NaN where a point is missing; ``None`` where all are."""
        read = _read(value)
        return None if read is None else read[1]

    def learn(self, values: Values) -> dict[str, Any]:
        """Reads each value once. What cannot be read is passed over: whoever encodes it is told."""
        assert isinstance(self.options, Series.Options)
        longest, least, counts = 1, float("inf"), Counter[int]()
        sums: dict[tuple[int, Channel], _Sums] = {}
        for value in values:
            try:
                read = _read(value)
            except ValueError:
                continue
            if read is None:
                continue
            names, numbers = read
            longest, least = max(longest, len(numbers)), min(least, float(np.nanmin(numbers)))
            # Named channels may differ from row to row; of unnamed ones, the commonest number is the right one.
            kind = 0 if names else numbers.shape[1]
            counts[kind] += 1
            channels: Sequence[Channel] = names or range(kind)
            for name, column in zip(channels, numbers.T, strict=True):
                sums.setdefault((kind, name), _Sums()).add(column)
        chosen = counts.most_common(1)[0][0] if counts else 1
        channels = [name for kind, name in sums if kind == chosen] or [0]
        of = [sums.get((chosen, name), _Sums()) for name in channels]
        return {
            "length": self.options.length or min(longest, _LONGEST_DEFAULT),
            "channels": len(channels),
            "names": [] if chosen else channels,
            "means": [one.mean for one in of],
            "spreads": [one.spread for one in of],
            "least": least if counts else 0.0,
            **({"season": self.options.season} if self.options.season is not None else {}),
        }

    def learn_target(self, values: Values) -> dict[str, Any]:
        assert isinstance(self.options, Series.Options)
        return {**self.learn(values), **({"length": self.options.steps} if self.options.steps is not None else {})}

    def going_on(self, past: Series) -> Series:
        """This fitted target on the scale of its past, so that a network gives what comes next in the units of what
        was before.

        Raises:
            ValueError: They have not the same channels.
        """
        if past.state["channels"] != self.state["channels"] or past.state["names"] != self.state["names"]:
            mine, theirs = (", ".join(one["names"]) or str(one["channels"]) for one in (self.state, past.state))
            raise ValueError(
                Text(
                    f"has other channels ({mine}) than {past.name}, the past that it goes on from ({theirs})",
                    f"的通道（{mine}）与它所延续的 {past.name}（{theirs}）不同",
                )
            )
        shared: dict[str, Any] = {
            name: past.state[name] for name in ("means", "spreads", "season") if name in past.state
        }
        return type(self)(self.name, self.options, {**self.state, **shared}, beside=self.beside)

    def in_units(self, encoded: Array) -> Array:
        """Encoded values (…, channels) in the units of the column, float64."""
        return np.asarray(encoded.astype(np.float64) * np.array(self.state["spreads"]) + np.array(self.state["means"]))

    @property
    def form(self) -> Form:
        return Form(name="steps", shape=(self.state["length"], self.state["channels"] + 1), dtype="float32")

    def encode(self, values: Values) -> Array:
        length = self.state["length"]
        array = np.zeros((len(values), *self.form.shape), np.float32)
        for row, value in enumerate(values):
            read = _read(value)
            if read is None:
                continue
            numbers = self._in_order(*read)
            if self._said.steps is not None:
                known: Array = np.asarray(~np.isnan(numbers[:length]).any(axis=1))
                array[row, : len(known), :-1] = np.where(known[:, None], self._standardised(numbers)[:length], 0)
                array[row, : len(known), -1] = known
                continue
            numbers = self._standardised(numbers)
            if self._said.keep == "last":
                numbers = numbers[-length:]
                array[row, length - len(numbers) :, :-1] = numbers
                array[row, length - len(numbers) :, -1] = 1
                continue
            if len(numbers) > length:
                numbers = _averaged(numbers, length)
            array[row, : len(numbers), :-1] = numbers
            array[row, : len(numbers), -1] = 1
        return array

    def overlong(self, value: Any) -> Text | None:
        """Of a past, why it does not fill its array: it is too short."""
        try:
            read = _read(value)
        except ValueError:  # whoever encodes it is told
            return None
        steps, needed = 0 if read is None else len(read[1]), self.state["length"]
        if self._said.keep != "last" or steps >= needed:
            return None
        return Text(
            f"it has {steps} steps, and {needed} are needed: the newest last",
            f"只有 {steps} 步，需要 {needed} 步，最新的排在最后",
        )

    def decode(self, array: Array) -> list[Any]:
        """Series as they were given, of at most ``length`` steps; those that were standardised by row stay so."""
        assert isinstance(self.options, Series.Options)
        names, is_by_row = self.state["names"], self.options.standardise == "row"
        means, spreads = np.array(self.state["means"]), np.array(self.state["spreads"])
        values: list[Any] = []
        for steps in array.astype(np.float64):
            numbers = steps[steps[:, -1] > 0.5, :-1]  # noqa: PLR2004 — present or not
            numbers = numbers if is_by_row else numbers * spreads + means
            if not len(numbers):
                values.append(None)
            elif names:
                values.append(dict(zip(names, numbers.T.tolist(), strict=True)))
            else:
                values.append((numbers[:, 0] if numbers.shape[1] == 1 else numbers).tolist())
        return values

    def likeness(self, value: Any) -> bytes | None:
        read = _read(value)
        if read is None:
            return None
        names, numbers = read
        return repr((names, numbers.shape)).encode() + numbers.tobytes()

    def extent(self, value: Any) -> tuple[int, ...]:
        """(steps, channels)."""
        numbers = self.parse(value)
        return () if numbers is None else numbers.shape

    def schema(self) -> dict[str, Any]:
        number: dict[str, Any] = {"type": ["number", "null"]}
        names, channels = self.state.get("names", []), self.state.get("channels", 1)
        if names:
            one = {"type": "array", "items": number}
            return {"type": ["object", "string", "null"], "properties": dict.fromkeys(names, one)}
        step = {"type": "array", "items": number, "minItems": channels, "maxItems": channels}
        return {"type": ["array", "string", "null"], "items": number if channels == 1 else step}

    def json_value(self, value: Any) -> Any:
        return _without_nan(value)

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Series.Options)
        return self.options

    def _in_order(self, names: tuple[str, ...] | None, numbers: Array) -> Array:
        """The channels that training had, in its order; a named one that is not there is missing throughout.

        Raises:
            ValueError: There are other channels.
        """
        known, channels = self.state["names"], self.state["channels"]
        if known and names:
            if set(names) <= set(known):
                given = dict(zip(names, numbers.T, strict=True))
                nothing = np.full(len(numbers), np.nan)
                return np.stack([given.get(name, nothing) for name in known], axis=1)
        elif numbers.shape[1] == channels and not names:
            return numbers
        expected = ", ".join(known) or str(channels)
        found = ", ".join(names or ()) or str(numbers.shape[1])
        raise ValueError(
            Text(
                f"a series of other channels: {found}; expected {expected}", f"序列的通道不符：{found}；应为 {expected}"
            )
        )

    def _standardised(self, numbers: Array) -> Array:
        """Without gaps, mean 0 and spread 1: (steps, channels)."""
        assert isinstance(self.options, Series.Options)
        means, spreads = np.array(self.state["means"]), np.array(self.state["spreads"])
        if self.options.standardise == "row":
            own = [_Sums() for _ in means]
            for one, column in zip(own, numbers.T, strict=True):
                one.add(column)
            means, spreads = np.array([one.mean for one in own]), np.array([one.spread for one in own])
        filled = np.stack([_filled(column, mean) for column, mean in zip(numbers.T, means, strict=True)], axis=1)
        scaled: Array = np.clip((filled - means) / spreads, -_FARTHEST, _FARTHEST)
        return scaled


class _Sums:
    """Mean and spread of numbers that come in pieces (Chan, Golub & LeVeque 1983)."""

    def __init__(self) -> None:
        self.count, self.mean, self._squares = 0, 0.0, 0.0

    def add(self, column: Array) -> None:
        known = column[~np.isnan(column)]
        if not len(known):
            return
        mean, total = float(known.mean()), self.count + len(known)
        apart = mean - self.mean
        self._squares += float(((known - mean) ** 2).sum()) + apart**2 * self.count * len(known) / total
        self.mean += apart * len(known) / total
        self.count = total

    @property
    def spread(self) -> float:
        """The standard deviation; 1 where all numbers are alike."""
        spread = float(np.sqrt(self._squares / max(1, self.count)))
        # What is left of equal numbers after rounding is no spread to divide by.
        return spread if spread > 1e-12 * abs(self.mean) else 1.0


def _read(value: Any) -> tuple[tuple[str, ...] | None, Array] | None:
    """(names of channels where they have any, float64 (steps, channels)); ``None`` where the series is missing.

    Raises:
        ValueError: It is no series.
    """
    if is_missing(value):
        return None
    if isinstance(value, (str, bytes)):
        text = (value.decode("utf-8", "replace") if isinstance(value, bytes) else value).strip()
        if not text or says_unknown(text):
            return None
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError(_NOT_A_SERIES) from None
        if value is None:
            return None
        if isinstance(value, str):
            raise ValueError(_NOT_A_SERIES)
    names = None
    if isinstance(value, Mapping):
        known = {str(name): column for name, column in value.items() if column is not None}
        names, columns = tuple(known), [_numbers(column) for column in known.values()]
        if any(column.ndim != 1 for column in columns):
            raise ValueError(_NOT_A_SERIES)
        if len({len(column) for column in columns}) > 1:
            raise ValueError(_UNEVEN)
        numbers = np.stack(columns, axis=1) if columns else np.zeros((0, 0))
    else:
        numbers = _numbers(value)
        numbers = numbers[:, None] if numbers.ndim == 1 else numbers
        if numbers.ndim != 2:  # noqa: PLR2004 — steps and channels
            raise ValueError(_NOT_A_SERIES)
    if (np.abs(numbers) > _LARGEST).any():
        raise ValueError(_NOT_FINITE)
    there = np.flatnonzero(~np.isnan(numbers).all(axis=1) if numbers.size else [])
    return (names, numbers[: there[-1] + 1]) if len(there) else None


def _numbers(value: Any) -> Array:
    if isinstance(value, (list, tuple)):
        width = next((len(step) for step in value if isinstance(step, (list, tuple))), None)
        if width is not None and None in value:  # a step of which no channel is known
            value = [[None] * width if step is None else step for step in value]
    elif not hasattr(value, "__array__"):
        raise ValueError(_NOT_A_SERIES)
    try:
        return np.array(value, np.float64)
    except OverflowError:
        raise ValueError(_NOT_FINITE) from None
    except TypeError:
        raise ValueError(_NOT_NUMBERS) from None
    except ValueError as error:
        raise ValueError(_UNEVEN if "inhomogeneous" in str(error) else _NOT_NUMBERS) from None


def _filled(column: Array, mean: float) -> Array:
    """A channel without gaps: on a line between neighbours, at the ends like the nearest, the mean where all lacks."""
    lacking = np.isnan(column)
    if not lacking.any():
        return column
    if lacking.all():
        return np.full(len(column), mean)
    at = np.arange(len(column))
    filled: Array = np.interp(at, at[~lacking], column[~lacking])
    return filled


def _averaged(numbers: Array, length: int) -> Array:
    """(steps, channels) as (length, channels) of fewer steps, each the average of the stretch that it stands for."""
    steps = len(numbers)
    edges = np.linspace(0, steps, length + 1)
    up_to = np.concatenate([np.zeros((1, numbers.shape[1])), np.cumsum(numbers, axis=0)])
    at = np.stack([np.interp(edges, np.arange(steps + 1), column) for column in up_to.T], axis=1)
    averages: Array = np.diff(at, axis=0) * (length / steps)
    return averages


def _without_nan(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _without_nan(part) for name, part in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and is_missing(value) else value
