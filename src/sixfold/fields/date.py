"""Dates and times: how long ago, and where in the year, the month, the week and the day."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from typing import Any, ClassVar, Literal

import numpy as np

from sixfold.families import Options as KindOptions
from sixfold.fields._field import Array, Field, Values, Widget, is_missing, says_unknown
from sixfold.fields._form import Form
from sixfold.language import Text

__all__ = ["Date", "moment"]

_DAY = 86_400.0
_SATURDAY = 5
_THURSDAY = 3
"""The weekday of 1970-01-01, counted from Monday."""

_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?", re.IGNORECASE)
_CHINESE_CLOCK = re.compile(r"(\d{1,2})[时点](?:(\d{1,2})分?(?:(\d{1,2})秒?)?)?")
_DAYS = (
    re.compile(r"(\d{4})-(\d{1,2})(?:-(\d{1,2}))?(?:(?:\s+|T)(.+))?", re.IGNORECASE),
    re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(?:\s+(.+))?"),
    re.compile(r"(\d{4})\.(\d{1,2})\.(\d{1,2})(?:\s+(.+))?"),
    re.compile(r"(\d{4})年\s*(\d{1,2})月(?:\s*(\d{1,2})[日号])?\s*(.+)?"),
)
"""Only layouts that can be read in one way: 03/04/2025 is March in one country and April in another."""

_ISO_OTHERS = re.compile(r"\d{4}-?W\d{2}(-?\d)?|\d{8}(T?\d{2}(:?\d{2}){0,2}(Z|[+-]\d{2}(:?\d{2})?)?)?", re.IGNORECASE)
"""What else of ISO 8601 Python reads: week dates, and the basic layout without signs."""

_NO_DAY = ("0000-00-00", "0000-00-00 00:00:00")
"""What MySQL writes where there is no date."""

_NOT_A_DATE = Text(
    "not a date that can be read in one way only: expected 2024-03-05, 2024/3/5, 2024年3月5日 or 2024-03-05 14:30",
    "不是只有一种读法的日期：应为 2024-03-05、2024/3/5、2024年3月5日 或 2024-03-05 14:30",
)
_NO_SUCH_DAY = Text("a day or an hour that does not exist", "不存在的日期或时刻")
_A_NUMBER = Text(
    "a number, which may mean many dates: say `numbers: seconds`, `milliseconds` or `yyyymmdd`",
    "是一个数字，可能有多种含义：请写明 `numbers: seconds`、`milliseconds` 或 `yyyymmdd`",
)


class Date(Field):
    """A day, or a day and a time: ISO 8601, 2024/3/5, 2024.3.5, 2024年3月5日, a datetime; a number only if declared.

    Encoded as float32: the time since the mean of the training rows and the year, both standardised; sine and cosine
    of the place in the year, in the month, in the week and, only if training values have times, in the day; whether it
    is a weekend; and, only if a training value was missing, whether it is missing (all else is then 0). Place and
    weekend are told by the clock on the wall, as it is written; an offset such as +08:00 counts for the time since.
    """

    title: ClassVar[Text] = Text("a date", "日期")
    widget: ClassVar[Widget] = "date"

    class Options(KindOptions):
        """``numbers``: what a number means: seconds or milliseconds since 1970 (UTC), or a day as in 20240305.

        ``since``: whether the time since and the year count too, or only the place in year, month, week and day: what
        is learned of them says nothing of years to come.
        """

        numbers: Literal["seconds", "milliseconds", "yyyymmdd"] | None = None
        since: bool = True

    def parse(self, value: Any) -> dt.datetime | None:
        """A datetime, without a zone unless one is written; ``None`` where missing."""
        if is_missing(value):
            return None
        if isinstance(value, np.generic):
            value = value.astype("M8[us]").item() if isinstance(value, np.datetime64) else value.item()
            if value is None:  # NumPy's NaT
                return None
        if isinstance(value, dt.datetime):
            return value
        if isinstance(value, dt.date):
            return dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001 — a day has no zone
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, str):
            text = unicodedata.normalize("NFKC", value).strip()
            if says_unknown(text) or text in _NO_DAY:
                return None
            number = self._declared_number(text)
            return moment(text) if number is None else self._of_number(number)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self._of_number(value)
        raise ValueError(_NOT_A_DATE)

    def learn(self, values: Values) -> dict[str, Any]:
        seconds, wall = self._moments(values)
        known = ~np.isnan(seconds)
        years = wall[known].astype("M8[Y]").astype(np.float64) + 1970
        return {
            "mean": float(seconds[known].mean()) if known.any() else 0.0,
            "spread": max(_DAY, float(seconds[known].std())) if known.any() else _DAY,
            "mean_year": float(years.mean()) if known.any() else 1970.0,
            "spread_year": max(1.0, float(years.std())) if known.any() else 1.0,
            "times": bool((wall[known] != wall[known].astype("M8[D]")).any()),
            "missing": bool((~known).any()),
        }

    @property
    def form(self) -> Form:
        size = 9 + 2 * self.state["times"] + self.state["missing"]
        return Form(name="vector", shape=(size,), dtype="float32")

    def encode(self, values: Values) -> Array:
        state = self.state
        seconds, wall = self._moments(values)
        unknown = np.isnan(seconds)
        wall = np.where(unknown, np.datetime64(0, "us"), wall)
        year, month, day = (wall.astype(f"M8[{unit}]") for unit in "YMD")
        of_year = _share(day, year.astype("M8[D]"), (year + 1).astype("M8[D]"))
        of_month = _share(day, month.astype("M8[D]"), (month + 1).astype("M8[D]"))
        weekday = (day.astype(np.int64) + _THURSDAY) % 7
        counts = float(self.options.since) if isinstance(self.options, Date.Options) else 1.0
        columns = [
            counts * (np.where(unknown, 0.0, seconds) - state["mean"]) / state["spread"],
            counts * (year.astype(np.float64) + 1970 - state["mean_year"]) / state["spread_year"],
            *_on_a_circle(of_year),
            *_on_a_circle(of_month),
            *_on_a_circle(weekday / 7),
        ]
        if state["times"]:
            columns += _on_a_circle((wall - day).astype("m8[us]").astype(np.float64) / (_DAY * 1e6))
        columns.append(weekday >= _SATURDAY)
        array = np.stack(columns, axis=1).astype(np.float32)
        array[unknown] = 0
        return np.concatenate([array, unknown[:, None].astype(np.float32)], axis=1) if state["missing"] else array

    def decode(self, array: Array) -> list[str | None]:
        """ISO 8601 by the clock on the wall: the day, or where training values have times, the second."""
        state = self.state
        days = (array[:, 0].astype(np.float64) * state["spread"] + state["mean"]) / _DAY
        clock = np.zeros(len(array))
        if state["times"]:
            clock = np.arctan2(array[:, 8], array[:, 9]).astype(np.float64) / (2 * np.pi) % 1
        seconds = np.round(days - clock) * _DAY + np.round(clock * _DAY)
        first, last = (np.datetime64(day, "s").astype(np.float64) for day in ("0001-01-01", "9999-12-31T23:59:59"))
        found = np.clip(seconds, first, last).astype(np.int64).astype("M8[s]")
        # The place in the year lies on a circle of radius 1, and in its middle where there is no date.
        unknown = np.hypot(array[:, 2], array[:, 3]) < 0.5  # noqa: PLR2004
        shown = np.datetime_as_string(found if state["times"] else found.astype("M8[D]"))
        return [None if blank else str(text) for text, blank in zip(shown, unknown, strict=True)]

    def schema(self) -> dict[str, Any]:
        assert isinstance(self.options, Date.Options)
        kinds = ["string", "null"] if self.options.numbers is None else ["string", "number", "null"]
        return {"type": kinds, "format": "date-time" if self.state.get("times") else "date"}

    def json_value(self, value: Any) -> Any:
        if isinstance(value, np.datetime64):
            return None if np.isnat(value) else str(value)
        return value.isoformat() if isinstance(value, dt.date) else value

    def seconds(self, value: Any) -> float | None:
        """When a value was, in seconds since 1970 (UTC, or by its own clock where no zone is written).

        Raises:
            ValueError: It is no date.
        """
        seconds = float(self._moments([value])[0][0])
        return None if np.isnan(seconds) else seconds

    def _moments(self, values: Values) -> tuple[Array, Array]:
        """(n,) seconds since 1970 UTC, NaN where missing; and (n,) what the clock on the wall shows, NaT there."""
        if isinstance(values, np.ndarray) and values.dtype.kind == "M":
            wall = values.astype("M8[us]")
            return np.where(np.isnat(wall), np.nan, wall.astype(np.int64) / 1e6), wall
        moments = self.parsed(values)
        naive = [None if one is None else one.replace(tzinfo=None) for one in moments]
        offsets = [one.utcoffset() if one is not None else None for one in moments]
        wall = np.array(naive, "M8[us]") if naive else np.zeros(0, "M8[us]")
        ahead = np.array([0.0 if offset is None else offset.total_seconds() for offset in offsets])
        return np.where(np.isnat(wall), np.nan, wall.astype(np.int64) / 1e6 - ahead), wall

    def _declared_number(self, text: str) -> float | None:
        """The number that a text holds, where numbers were declared: tables and forms send everything as text."""
        assert isinstance(self.options, Date.Options)
        if self.options.numbers in (None, "yyyymmdd") or not re.fullmatch(r"-?\d+(\.\d*)?", text):
            return None
        return float(text)

    def _of_number(self, number: float) -> dt.datetime:
        assert isinstance(self.options, Date.Options)
        match self.options.numbers:
            case None:
                raise ValueError(_A_NUMBER)
            case "yyyymmdd":
                if number != int(number) or not 10_000_000 <= number <= 99_999_999:  # noqa: PLR2004 — eight digits
                    raise ValueError(_NOT_A_DATE)
                return moment(str(int(number)))
            case unit:
                seconds = number / (1000 if unit == "milliseconds" else 1)
                try:
                    since = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)  # noqa: DTZ001 — as all without one
                except OverflowError:
                    raise ValueError(_NO_SUCH_DAY) from None
                return since


def moment(text: str) -> dt.datetime:
    """The one moment that a text means; without a zone unless one is written.

    Raises:
        ValueError: It means none, or could be read in two ways.
    """
    text = " ".join(text.split())
    try:
        for layout in _DAYS:
            if found := layout.fullmatch(text):
                year, month, day, clock = found.groups()
                midnight = dt.datetime(int(year), int(month), int(day or 1))  # noqa: DTZ001 — none is written
                return midnight if clock is None else _at(midnight, clock)
        if _ISO_OTHERS.fullmatch(text):
            return dt.datetime.fromisoformat(text)
    except (OverflowError, ValueError) as error:
        raise ValueError(_NOT_A_DATE if error.args[:1] == (_NOT_A_DATE,) else _NO_SUCH_DAY) from None
    raise ValueError(_NOT_A_DATE)


def _at(midnight: dt.datetime, clock: str) -> dt.datetime:
    if found := _CLOCK.fullmatch(clock):
        hour, minute, second, fraction, offset = found.groups()
        zone = None if offset is None else dt.datetime.fromisoformat(f"2000-01-01T00:00{offset.upper()}").tzinfo
        return midnight.replace(
            hour=int(hour),
            minute=int(minute),
            second=int(second or 0),
            microsecond=int((fraction or "").ljust(6, "0")[:6]),
            tzinfo=zone,
        )
    if found := _CHINESE_CLOCK.fullmatch(clock):
        hour, minute, second = (int(part or 0) for part in found.groups())
        return midnight.replace(hour=hour, minute=minute, second=second)
    raise ValueError(_NOT_A_DATE)


def _share(day: Array, first: Array, after: Array) -> Array:
    """How much of a year or month has gone by at the beginning of a day: 0 to below 1."""
    return (day - first).astype(np.float64) / (after - first).astype(np.float64)


def _on_a_circle(share: Array) -> list[Array]:
    """Sine and cosine, so that the last hour of a day stands beside the first."""
    return [np.sin(2 * np.pi * share), np.cos(2 * np.pi * share)]
