"""One column as checks and splits see it: which rows have the same value, and which have none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sixfold.fields import Array, Field, Values
from sixfold.fields.number import Number
from sixfold.language import Text
from sixfold.preparing._collected import Collected

__all__ = ["Column", "codes_of_digests", "identity", "read_column", "reason_of", "together"]

MISSING = 0
"""The code of a missing value."""


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column of all collected rows.

    Args:
        name: Its name.
        kind: Its field, not yet fitted.
        codes: (rows,) int64: 0 where missing; two rows have the same code if they have the same value.
        values: What the field is fitted on and encodes, with ``None`` (NaN) where missing; ``None`` for pictures.
        numbers: (rows,) float64 of a number column, NaN where missing; ``None`` for other kinds.
        labels: For code 1, 2 … how the value is shown to people; empty for numbers and pictures.
        bad: Why the value of a row cannot be of this kind; such values count as missing.
    """

    name: str
    kind: Field
    codes: Array
    values: Values | None = None
    numbers: Array | None = None
    labels: tuple[str, ...] = ()
    bad: Mapping[int, Text] = field(default_factory=dict)

    @property
    def is_picture(self) -> bool:
        """Whether its values stay in the store."""
        return self.values is None

    @property
    def missing(self) -> Array:
        """(rows,) of booleans."""
        return np.asarray(self.codes == MISSING)

    def distinct(self, rows: Array) -> int:
        """How many different values some rows have, not counting missing."""
        return int(np.count_nonzero(np.unique(self.codes[rows])))


def read_column(collected: Collected, name: str, kind: Field) -> Column:
    """A declared column, every value held against its kind.

    Raises:
        DataError: The collected rows have no such column.
    """
    if name in collected.digests:
        return Column(name, kind, codes_of_digests(collected.digests[name]))
    series = collected.column(name)
    if isinstance(kind, Number) and series.dtype.is_numeric() and not series.dtype.is_decimal():
        return _numeric(name, kind, series.cast(float).to_numpy().astype(np.float64))
    return _parsed(name, kind, (series.fill_nan(None) if series.dtype.is_float() else series).to_list())


def identity(columns: Iterable[Column]) -> Array | None:
    """Which rows are the same in all columns: (rows,) int64; ``None`` where sameness is mere coincidence.

    It is where the columns cannot tell as many rows apart as there are, because all their values combine to fewer: two
    customers of the same age and sex are not the same customer. Pictures never coincide.
    """
    columns = list(columns)
    combinations, rows = 1.0, len(columns[0].codes)
    for column in columns:
        combinations *= np.inf if column.is_picture else len(np.unique(column.codes))
    return together(column.codes for column in columns) if combinations >= rows else None


def together(codes: Iterable[Array]) -> Array:
    """One code for each combination of codes: (rows,) int64 from 0; exact, for it counts and does not hash."""
    combined: Array | None = None
    for more in codes:
        paired = more if combined is None else combined * (int(more.max(initial=0)) + 1) + more
        combined = np.unique(paired, return_inverse=True)[1].reshape(-1)
    assert combined is not None
    return combined


def codes_of_digests(digests: Array) -> Array:
    """Codes of digests (rows, 16): 0 for zeros, which stand for missing."""
    keys = np.ascontiguousarray(digests).view([("high", "<u8"), ("low", "<u8")]).reshape(-1)
    _, codes = np.unique(keys, return_inverse=True)
    return np.where(digests.any(axis=1), codes.reshape(-1) + 1, MISSING)


def _numeric(name: str, kind: Field, numbers: Array) -> Column:
    wrong = np.flatnonzero(np.isinf(numbers))
    bad = {int(row): _reason(kind, float(numbers[row])) for row in wrong}
    numbers = np.where(np.isinf(numbers), np.nan, numbers)
    known = ~np.isnan(numbers)
    codes = np.zeros(len(numbers), np.int64)
    codes[known] = np.unique(numbers[known], return_inverse=True)[1].reshape(-1) + 1
    return Column(name, kind, codes, numbers, numbers, bad=bad)


def _parsed(name: str, kind: Field, values: list[Any]) -> Column:
    try:
        keys, different = values, set(values)
    except TypeError:  # values that cannot be keys: lists, structs
        keys = [repr(value) for value in values]
        different = set(keys)
    answers: dict[Any, tuple[int, Any, Text | None]] = {}
    codes: dict[Any, int] = {}
    for key, value in dict(zip(keys, values, strict=True)).items():
        try:
            parsed = kind.parse(value)
            code = MISSING if parsed is None else codes.setdefault(parsed, len(codes) + 1)
            answers[key] = (code, parsed, None)
        except ValueError as error:
            answers[key] = (MISSING, None, reason_of(error))
    assert len(answers) == len(different)
    rows = [answers[key] for key in keys]
    numbers = None
    if isinstance(kind, Number):
        numbers = np.array([np.nan if number is None else number for _, number, _ in rows], np.float64)
    return Column(
        name,
        kind,
        np.fromiter((code for code, _, _ in rows), np.int64, count=len(rows)),
        numbers
        if numbers is not None
        else [None if code == MISSING else v for (code, _, _), v in zip(rows, values, strict=True)],
        numbers,
        () if numbers is not None else tuple(str(parsed) for parsed in codes),
        {row: reason for row, (_, _, reason) in enumerate(rows) if reason is not None},
    )


def _reason(kind: Field, value: Any) -> Text:
    try:
        kind.parse(value)
    except ValueError as error:
        return reason_of(error)
    return Text("of another kind", "种类不符")


def reason_of(error: ValueError) -> Text:
    """The reason that a kind gave, in both languages."""
    reason = error.args[0] if error.args else ""
    return reason if isinstance(reason, Text) else Text(str(reason), str(reason))
