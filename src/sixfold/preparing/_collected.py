"""The rows that `collect` made, as `prepare` reads them: codes and numbers in memory, heavy values shard by shard."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sixfold.errors import DataError
from sixfold.fields import Array, Field
from sixfold.preparing._column import Column, different, reading
from sixfold.preparing._split import Spans
from sixfold.store import SCALE, Artefact, Workspace

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Collected", "Stored"]

_RESERVED = ("__split__", "__synthetic__", "__path__", "__start__", "__end__", "__clock__", "__scale__")


@dataclass(frozen=True)
class Collected:
    """A view on the artefact of `collect`.

    Args:
        artefact: What `collect` made.
        work: Where to read it.
        shards: Of each member its name, its first row and its rows.
        columns: The declared columns, every value held against its kind.
        frame: The columns beside them that were asked for, and those that a source reserves.
    """

    artefact: Artefact
    work: Workspace
    shards: tuple[tuple[str, int, int], ...]
    columns: Mapping[str, Column]
    frame: pl.DataFrame

    @classmethod
    def open(
        cls, artefact: Artefact, work: Workspace, kinds: Mapping[str, Field], beside: Collection[str] = ()
    ) -> Self:
        """Read every shard once.

        Args:
            artefact: What `collect` made.
            work: Where to read it.
            kinds: The declared columns, each with its field.
            beside: Names of further columns that are needed as they are.

        Raises:
            DataError: There is not one row, or no such column.
        """
        import polars as pl

        shards, frames, first = [], [], 0
        readings = {name: reading(name, kind) for name, kind in kinds.items()}
        members = sorted(name for name in artefact.members if name.endswith(".parquet"))
        for number, name in enumerate(members, start=1):
            frame = pl.read_parquet(io.BytesIO(work.read(artefact, name)))
            for column, one in readings.items() if frame.height else ():
                if column not in frame.columns:
                    raise DataError("no_column", column=column)
                one.add(frame[column])
            frames.append(frame.select(column for column in (*beside, *_RESERVED) if column in frame.columns))
            shards.append((name, first, frame.height))
            first += frame.height
            work.step(number, len(members), "shards")
        if first == 0:
            raise DataError("no_rows")
        columns = {name: one.column() for name, one in readings.items()}
        return cls(artefact, work, tuple(shards), columns, pl.concat(frames, how="vertical_relaxed"))

    @property
    def rows(self) -> int:
        """How many rows were collected."""
        return sum(rows for _, _, rows in self.shards)

    def beside(self, name: str) -> pl.Series:
        """A column that was asked for as it is.

        Raises:
            DataError: There is none of that name.
        """
        if name not in self.frame.columns:
            raise DataError("no_column", column=name)
        return self.frame[name]

    @property
    def official(self) -> Array | None:
        """The source's own split of each row, (rows,) of words or ``None``; ``None`` where it has none."""
        if "__split__" not in self.frame.columns:
            return None
        # One object for each word, not one for each row.
        words, places = different(self.frame["__split__"])
        return np.array(words, object)[places]

    @property
    def paths(self) -> list[str | None] | None:
        """The file of each row, where rows have one."""
        return self.frame["__path__"].to_list() if "__path__" in self.frame.columns else None

    @property
    def synthetic(self) -> Array:
        """Which rows a generator made, ascending."""
        if "__synthetic__" not in self.frame.columns:
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.frame["__synthetic__"].fill_null(value=False).to_numpy())

    @property
    def spans(self) -> Spans | None:
        """When the future of each row begins and ends, where rows are windows of series."""
        if "__start__" not in self.frame.columns:
            return None
        words, places = different(self.frame["__clock__"])
        codes = {word: code for code, word in enumerate(dict.fromkeys(words))}
        clocks = np.array([codes[word] for word in words], np.int64)[places]
        return Spans(self.frame["__start__"].to_numpy(), self.frame["__end__"].to_numpy(), clocks)

    @property
    def extras(self) -> dict[str, Array]:
        """What goes with every row's arrays beside its columns: what errors of a forecast are measured in."""
        if "__scale__" not in self.frame.columns:
            return {}
        scales = self.frame["__scale__"]
        width = int(scales.list.len().max() or 1) if scales.dtype.is_nested() else 0  # type: ignore[arg-type]
        columns = [scales.list.get(index).to_numpy() for index in range(width)] or [scales.to_numpy()]
        return {SCALE: np.stack(columns, axis=1).astype(np.float32)}

    def shard(self, number: int, names: Sequence[str]) -> dict[str, list[Any]]:
        """The values of some columns in one shard, ``None`` where they are known to be bad."""
        import polars as pl

        member, first, count = self.shards[number]
        frame = pl.read_parquet(io.BytesIO(self.work.read(self.artefact, member)), columns=list(names))
        values = {name: frame[name].to_list() for name in names}
        for name in names:
            bad = self.columns[name].bad
            low, high = np.searchsorted(bad, (first, first + count))
            for row in bad[low:high].tolist():
                values[name][row - first] = None
        return values

    def stored(self, name: str, rows: Array) -> Stored:
        """The values of a heavy column at ascending row numbers, read when they are asked for."""
        return Stored(self, name, rows)

    def shown(self, row: int) -> str:
        """A row as people find it: its file or place in the source where known, else its number from 1."""
        path = self.frame["__path__"][row] if "__path__" in self.frame.columns else None
        return str(path) if path else f"#{row + 1}"


class Stored(Sequence[Any]):
    """A heavy column at some rows: shard after shard, never more than one in memory."""

    def __init__(self, collected: Collected, name: str, rows: Array) -> None:
        self._collected, self._name, self._rows = collected, name, rows
        self._open: tuple[int, list[Any]] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Stored(self._collected, self._name, self._rows[index])
        return self._value(int(self._rows[index]))

    def __iter__(self) -> Iterator[Any]:
        return (self._value(row) for row in map(int, self._rows))

    def _value(self, row: int) -> Any:
        if self._open is not None:
            _, first, rows = self._collected.shards[self._open[0]]
            if first <= row < first + rows:
                return self._open[1][row - first]
        number = next(
            number for number, (_, first, rows) in enumerate(self._collected.shards) if first <= row < first + rows
        )
        self._open = None  # one shard's bytes are freed before the next one's are read
        self._open = (number, self._collected.shard(number, [self._name])[self._name])
        return self._value(row)
