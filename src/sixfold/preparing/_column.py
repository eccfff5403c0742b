"""One column as checks and splits see it: which rows have the same value, and which have none."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sixfold.fields import Array, Field, Values
from sixfold.fields.number import Number
from sixfold.language import Text
from sixfold.preparing._codes import DIGEST_BYTES, MISSING, codes_of_digests, dense, present, together

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Column", "Reading", "different", "identity", "reading", "reason_of"]


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column of all collected rows, in a few bytes a row.

    Args:
        name: Its name.
        kind: Its field, not yet fitted.
        codes: (rows,) int32: 0 where missing; two rows have the same code if they have the same value.
        count: How many different values there are: codes go from 1 to it.
        numbers: (rows,) float64 of a number column, NaN where missing; ``None`` for other kinds.
        values: (count + 1,) a raw value for each code, ``None`` for code 0; ``None`` for numbers and heavy kinds.
        labels: For code 1, 2 … how the value is shown to people; empty for numbers and heavy kinds.
        bad: Ascending rows whose value cannot be of this kind; they count as missing.
        why: What is wrong with the first of them.
    """

    name: str
    kind: Field
    codes: Array
    count: int
    numbers: Array | None = None
    values: Array | None = None
    labels: tuple[str, ...] = ()
    bad: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    why: Text | None = None

    @property
    def is_heavy(self) -> bool:
        """Whether its values stay in the store."""
        return self.kind.is_heavy

    @property
    def is_picture(self) -> bool:
        """Whether people look at its values: two of them are the same if all pixels are."""
        return self.kind.widget == "image"

    @property
    def missing(self) -> Array:
        """(rows,) of booleans."""
        lacking: Array = self.codes == MISSING
        return lacking

    def present(self, rows: Array) -> Array:
        """Which codes some rows have: (count + 1,) of booleans."""
        return present(self.codes[rows], self.count)

    def distinct(self, rows: Array) -> int:
        """How many different values some rows have, not counting missing."""
        return int(self.present(rows)[1:].sum())

    def at(self, rows: Array) -> Values:
        """The raw values of some rows, ``None`` (NaN) where missing; not for heavy kinds."""
        if self.numbers is not None:
            numbers: Array = self.numbers[rows]
            return numbers
        assert self.values is not None
        chosen: Array = self.values[self.codes[rows]]
        return chosen

    def encoded(self, fitted: Field, rows: Array) -> Array:
        """The arrays of some rows, each different value encoded once; not for heavy kinds."""
        if self.numbers is not None:
            return fitted.encode(self.numbers[rows])
        assert self.values is not None
        codes = self.codes[rows]
        occurs = present(codes, self.count)
        place = np.cumsum(occurs) - 1
        arrays: Array = fitted.encode(self.values[occurs])[place[codes]]
        return arrays


def identity(columns: Iterable[Column], pixels: Mapping[str, Array] | None = None) -> Array | None:
    """Which rows are the same in all columns: (rows,) int32; ``None`` where sameness is mere coincidence.

    It is where the columns cannot tell as many rows apart as there are, because all their values combine to fewer: two
    customers of the same age and sex are not the same customer. Heavy values (pictures, texts, series) never coincide;
    where a row lacks them all, it is judged by its other columns.

    Args:
        columns: The given columns.
        pixels: Codes (rows,) of what pictures show, by column, where they are known; else their files are compared.
    """
    columns = list(columns)
    combinations, rows = 1.0, len(columns[0].codes)
    bare = np.ones(rows, bool)
    codes = [(pixels or {}).get(column.name, column.codes) for column in columns]
    for column, own in zip(columns, codes, strict=True):
        if column.is_heavy:
            bare &= own == MISSING
        else:
            combinations *= column.count + bool(column.missing.any())
    if combinations >= rows:
        return together(codes)
    if bare.all():
        return None
    same = together(codes)
    same[bare] = same.max(initial=0) + 1 + np.arange(int(bare.sum()), dtype=np.int32)
    return same


class Reading(ABC):
    """A column in the reading: pieces in, one :class:`Column` out; every value is held against its kind."""

    def __init__(self, name: str, kind: Field) -> None:
        self.name, self.kind = name, kind
        self._rows = 0
        self._bad: list[Array] = []
        self._why: Text | None = None

    def add(self, piece: pl.Series) -> None:
        """Take the next rows."""
        self._take(piece.fill_nan(None) if piece.dtype.is_float() else piece)
        self._rows += len(piece)

    @abstractmethod
    def column(self) -> Column:
        """What was read."""

    @abstractmethod
    def _take(self, piece: pl.Series) -> None:
        """Take the next rows; NaN became null."""

    def _hold(self, bad: Array, why: Text | None) -> None:
        """Rows of the piece that are bad, and what is wrong with the first."""
        if len(bad):
            self._bad.append(self._rows + bad)
            self._why = self._why or why or _OF_ANOTHER_KIND

    def _answers(self, piece: pl.Series) -> tuple[list[Any], list[Any], Array]:
        """The different values, what each is parsed to (``None`` if it is bad), and which of them each row has."""
        values, places = different(piece)
        answers, why = [], {}
        for place, value in enumerate(values):
            try:
                answers.append(self.kind.parse(value))
            except ValueError as error:
                answers.append(None)
                why[place] = reason_of(error)
        if why:
            rows = np.flatnonzero(np.isin(places, list(why)))
            self._hold(rows, why[int(places[rows[0]])])
        return values, answers, places

    def _all_bad(self) -> Array:
        return np.concatenate([np.zeros(0, np.int64), *self._bad])


def reading(name: str, kind: Field) -> Reading:
    """The way to read a column of that kind."""
    if kind.is_heavy:
        return _Heavy(name, kind)
    return _Numbers(name, kind) if isinstance(kind, Number) else _Labels(name, kind)


class _Numbers(Reading):
    def __init__(self, name: str, kind: Field) -> None:
        super().__init__(name, kind)
        self._parts: list[Array] = []

    def _take(self, piece: pl.Series) -> None:
        if piece.dtype.is_numeric() and not piece.dtype.is_decimal():
            numbers = piece.cast(float).to_numpy().astype(np.float64)
            wrong = np.flatnonzero(np.isinf(numbers))
            if len(wrong):
                self._hold(wrong, self._reason(float(numbers[wrong[0]])))
                numbers[wrong] = np.nan
            self._parts.append(numbers)
            return
        _, answers, places = self._answers(piece)
        self._parts.append(np.array([np.nan if number is None else number for number in answers], float)[places])

    def _reason(self, number: float) -> Text | None:
        try:
            self.kind.parse(number)
        except ValueError as error:
            return reason_of(error)
        return None

    def column(self) -> Column:
        numbers = np.concatenate([np.zeros(0), *self._parts])
        self._parts.clear()
        known = ~np.isnan(numbers)
        codes = np.zeros(len(numbers), np.int32)
        codes[known] = dense(numbers[known]) + 1
        count = int(codes.max(initial=0))
        return Column(self.name, self.kind, codes, count, numbers, bad=self._all_bad(), why=self._why)


class _Labels(Reading):
    """Any light kind: what a value is parsed to tells which values are the same."""

    def __init__(self, name: str, kind: Field) -> None:
        super().__init__(name, kind)
        self._parts: list[Array] = []
        self._codes: dict[Any, int] = {}
        self._values: list[Any] = [None]
        self._labels: list[str] = []

    def _take(self, piece: pl.Series) -> None:
        values, answers, places = self._answers(piece)
        codes = np.fromiter(map(self._code, answers, values), np.int32, count=len(values))
        self._parts.append(codes[places])

    def _code(self, parsed: Any, value: Any) -> int:
        if parsed is None:
            return MISSING
        code = self._codes.setdefault(parsed, len(self._labels) + 1)
        if code > len(self._labels):
            self._values.append(value)
            self._labels.append(str(parsed))
        return code

    def column(self) -> Column:
        self._codes.clear()
        values = np.fromiter(self._values, object, count=len(self._values))
        codes = np.concatenate([np.zeros(0, np.int32), *self._parts])
        return Column(
            self.name,
            self.kind,
            codes,
            len(self._labels),
            values=values,
            labels=tuple(self._labels),
            bad=self._all_bad(),
            why=self._why,
        )


class _Heavy(Reading):
    """Of each value only a digest is kept."""

    def __init__(self, name: str, kind: Field) -> None:
        super().__init__(name, kind)
        self._parts: list[Array] = []

    def _take(self, piece: pl.Series) -> None:
        found, bad, why = bytearray(), [], None
        for row, value in enumerate(piece.to_list()):
            try:
                says = self.kind.likeness(value)
            except ValueError as error:
                says = None
                bad.append(row)
                why = why or reason_of(error)
            found += _NOTHING if says is None else hashlib.blake2b(says, digest_size=DIGEST_BYTES).digest()
        self._hold(np.array(bad, np.int64), why)
        self._parts.append(np.frombuffer(found, np.uint8).reshape(-1, DIGEST_BYTES))

    def column(self) -> Column:
        codes = codes_of_digests(np.concatenate([np.zeros((0, DIGEST_BYTES), np.uint8), *self._parts]))
        self._parts.clear()
        return Column(self.name, self.kind, codes, int(codes.max(initial=0)), bad=self._all_bad(), why=self._why)


_NOTHING = bytes(DIGEST_BYTES)
_OF_ANOTHER_KIND = Text("of another kind", "种类不符")


def different(piece: pl.Series) -> tuple[list[Any], Array]:
    """The different values of a piece, in the order in which they come first, and which of them each row has."""
    if piece.dtype.is_nested() or piece.dtype.is_object():  # what cannot be looked up
        return piece.to_list(), np.arange(len(piece))
    rows = piece.alias("value").to_frame()
    known = rows.unique(maintain_order=True).with_row_index("place")
    places = rows.join(known, on="value", how="left", nulls_equal=True, maintain_order="left")["place"]
    return known["value"].to_list(), places.to_numpy()


def reason_of(error: ValueError) -> Text:
    """The reason that a kind gave, in both languages."""
    reason = error.args[0] if error.args else ""
    return reason if isinstance(reason, Text) else Text(str(reason), str(reason))
