"""Rows that come as mappings (JSON, a list in Python) as frames of one type per column."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from sixfold.sources._pictures import png

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Records"]


class Records:
    """The columns of rows as they are seen, and the type that holds all values of each.

    Whole numbers and fractions make fractions; any other mixture makes text; a list of numbers stays a list, a list of
    such lists too, a list of texts becomes a text of so many lines, and what is nested otherwise becomes its JSON.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, set[str]] = {}

    def see(self, row: Mapping[str, Any]) -> None:
        """Learn the types of one row."""
        for name, value in row.items():
            kinds = self._kinds.setdefault(str(name), set())
            if value is not None and not (isinstance(value, (list, tuple)) and not value):
                kinds.add(_kind(value))  # an empty list may be one of numbers or of lists

    @property
    def columns(self) -> tuple[str, ...]:
        """The names, in the order in which they were first seen."""
        return tuple(self._kinds)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The columns that had no value in any row."""
        return tuple(name for name, kinds in self._kinds.items() if not kinds)

    def frame(self, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
        """Rows that were seen, as a frame."""
        import polars as pl

        return pl.DataFrame([self._series(name, kinds, rows) for name, kinds in self._kinds.items()])

    def _series(self, name: str, kinds: set[str], rows: Sequence[Mapping[str, Any]]) -> pl.Series:
        import polars as pl

        values = [row.get(name) for row in rows]
        if kinds == {"bool"}:
            return pl.Series(name, [None if value is None else bool(value) for value in values], pl.Boolean)
        if kinds == {"int"}:
            return pl.Series(name, [None if value is None else int(value) for value in values], pl.Int64)
        if kinds and kinds <= {"int", "float"}:
            numbers = [None if value is None else float(value) for value in values]
            return pl.Series(name, numbers, pl.Float64).fill_nan(None)
        if kinds == {"bytes"}:
            return pl.Series(name, [_bytes(value) for value in values], pl.Binary)
        if kinds == {"date"}:
            return pl.Series(name, values, pl.Date)
        if kinds and kinds <= {"date", "time"}:
            return pl.Series(name, [None if v is None else _moment(v) for v in values], pl.Datetime)
        if kinds == {"numbers"}:
            return pl.Series(name, [None if v is None else _numbers(v) for v in values], pl.List(pl.Float64))
        if kinds == {"lists"}:
            lists = [None if v is None else [_numbers(part) for part in v] for v in values]
            return pl.Series(name, lists, pl.List(pl.List(pl.Float64)))
        return pl.Series(name, [None if value is None else _text(value) for value in values], pl.String)


def _kind(value: Any) -> str:
    match value:
        case bool() | np.bool_():
            return "bool"
        case int() | np.integer():
            return "int" if -(2**63) <= int(value) < 2**63 else "text"
        case float() | np.floating() | Decimal():
            return "float"
        case bytes() | bytearray() | memoryview():
            return "bytes"
        case datetime():
            return "time"
        case date():
            return "date"
        case np.ndarray() if value.dtype == np.uint8 and value.ndim in (2, 3):
            return "bytes"
        case list() | tuple() | np.ndarray() if _is_numbers(value):
            return "numbers"
        case list() | tuple() | np.ndarray() if _is_lists(value):
            return "lists"
        case _ if hasattr(value, "save") and hasattr(value, "getbands"):  # a picture of Pillow
            return "bytes"
        case _:
            return "text"


def _moment(value: date | datetime) -> datetime:
    """Without a zone, as most data has none; with one, in UTC."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001
    return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)


def _is_numbers(value: Any) -> bool:
    return all(
        item is None or (isinstance(item, (int, float, np.number)) and not isinstance(item, bool)) for item in value
    )


def _is_lists(value: Any) -> bool:
    return all(isinstance(item, (list, tuple, np.ndarray)) and _is_numbers(item) for item in value)


def _numbers(value: Any) -> list[float | None]:
    return [None if item is None or item != item else float(item) for item in value]  # noqa: PLR0124 — NaN alone


def _bytes(value: Any) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, np.ndarray):
        return png(value)
    if hasattr(value, "getbands"):
        return png(np.asarray(value if value.mode in ("L", "RGB", "I;16") else value.convert("RGB")))
    return bytes(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, str) for item in value):
        return "\n".join(value)
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
