"""The rows that `collect` made, as `prepare` reads them: tables in memory, pictures one shard at a time."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sixfold.errors import DataError
from sixfold.fields import Array
from sixfold.store import Artefact, Workspace

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DIGEST_BYTES", "Collected", "digest_of_row"]

DIGEST_BYTES = 16
"""BLAKE2b with 128 bits: by chance, two of a billion rows share a digest once in 10²⁰."""


@dataclass(frozen=True)
class Collected:
    """A view on the artefact of `collect`.

    Args:
        artefact: What `collect` made.
        work: Where to read it.
        shards: Of each member its name, its first row and its rows.
        frame: All columns but pictures, all rows.
        digests: Of each picture column the digest of every row's bytes, (rows, 16) uint8; zeros where missing.
    """

    artefact: Artefact
    work: Workspace
    shards: tuple[tuple[str, int, int], ...]
    frame: pl.DataFrame
    digests: Mapping[str, Array]

    @classmethod
    def open(cls, artefact: Artefact, work: Workspace, pictures: Collection[str]) -> Self:
        """Read every shard once; of the columns named in ``pictures`` only digests are kept.

        Raises:
            DataError: There is not one row, or no such picture column.
        """
        import polars as pl

        shards, frames, first = [], [], 0
        digests: dict[str, list[Array]] = {name: [] for name in pictures}
        members = sorted(name for name in artefact.members if name.endswith(".parquet"))
        for number, name in enumerate(members, start=1):
            frame = pl.read_parquet(io.BytesIO(work.read(artefact, name)))
            for picture, parts in digests.items():
                if picture not in frame.columns:
                    raise DataError("no_column", column=picture)
                found = b"".join(digest_of_row(value) for value in frame[picture].to_list())
                parts.append(np.frombuffer(found, np.uint8).reshape(-1, DIGEST_BYTES))
            frames.append(frame.drop(list(pictures)))
            shards.append((name, first, frame.height))
            first += frame.height
            work.step(number, len(members), "shards")
        if first == 0:
            raise DataError("no_rows")
        return cls(
            artefact,
            work,
            tuple(shards),
            pl.concat(frames, how="vertical_relaxed"),
            {name: np.concatenate(parts) for name, parts in digests.items()},
        )

    @property
    def rows(self) -> int:
        """How many rows were collected."""
        return sum(rows for _, _, rows in self.shards)

    def column(self, name: str) -> pl.Series:
        """A column in memory.

        Raises:
            DataError: There is none of that name.
        """
        if name not in self.frame.columns:
            raise DataError("no_column", column=name)
        return self.frame[name]

    @property
    def official(self) -> list[str | None] | None:
        """The source's own split of each row; ``None`` where it has none."""
        return self.frame["__split__"].to_list() if "__split__" in self.frame.columns else None

    def shard(self, number: int, names: Sequence[str]) -> dict[str, list[Any]]:
        """The values of some columns in one shard, pictures included."""
        import polars as pl

        content = self.work.read(self.artefact, self.shards[number][0])
        frame = pl.read_parquet(io.BytesIO(content), columns=list(names))
        return {name: frame[name].to_list() for name in names}

    def pictures(self, name: str, rows: Array) -> Pictures:
        """The values of a picture column at ascending row numbers, read when they are asked for."""
        return Pictures(self, name, rows)

    def shown(self, row: int) -> str:
        """A row as people find it: its file or place in the source where known, else its number from 1."""
        path = self.frame["__path__"][row] if "__path__" in self.frame.columns else None
        return str(path) if path else f"#{row + 1}"


class Pictures(Sequence[Any]):
    """A picture column at some rows: shard after shard, never more than one in memory."""

    def __init__(self, collected: Collected, name: str, rows: Array) -> None:
        self._collected, self._name, self._rows = collected, name, rows
        self._open: tuple[int, list[Any]] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._value(int(self._rows[index]))

    def __iter__(self) -> Iterator[Any]:
        return (self._value(int(row)) for row in self._rows)

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


def digest_of_row(value: Any) -> bytes:
    """The digest of one picture's bytes (or base64 text, or array); zeros where it is missing."""
    if value is None or (isinstance(value, (str, bytes)) and not value):
        return bytes(DIGEST_BYTES)
    content = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()
