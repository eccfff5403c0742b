"""Rows in memory: a data frame, or a list of mappings."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sixfold.errors import SourceError
from sixfold.families import Options
from sixfold.language import Text
from sixfold.progress import Listener, silent
from sixfold.sources._records import Records
from sixfold.sources._source import Provenance, Source

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Memory"]

_ROWS_AT_ONCE = 10_000


class Memory(Source):
    """A Polars or pandas data frame, or a list of mappings; pictures may be bytes, arrays or Pillow pictures.

    Args:
        place: As shown to people.
        options: None.
        base: Of no meaning here.
        listener: Whom progress is told.
        rows: The data frame or the list.
    """

    title: ClassVar[Text] = Text("rows in memory", "内存中的数据")

    def __init__(
        self,
        place: str = "rows in memory",
        options: Options | None = None,
        base: Path | None = None,
        listener: Listener = silent,
        rows: Any = (),
    ) -> None:
        super().__init__(place, options, base, listener)
        self._rows = rows

    @classmethod
    def claims(cls, place: str, base: Path) -> bool:  # noqa: ARG003
        return False

    @cached_property
    def frame(self) -> pl.DataFrame:
        """All rows as one frame.

        Raises:
            SourceError: There are none, or they are not a table.
        """
        frame = _frame(self._rows)
        if frame.height == 0 or frame.width == 0:
            raise SourceError("no_rows", path=self.place)
        return frame

    def fingerprint(self) -> str:
        return self._digest

    def frames(self) -> Iterator[pl.DataFrame]:
        yield from self.frame.iter_slices(_ROWS_AT_ONCE)

    def provenance(self) -> Provenance:
        return Provenance(self.place, self.kind(), self._digest, self.space())

    def space(self) -> int:
        return int(self.frame.estimated_size())

    def count(self) -> int:
        return self.frame.height

    @cached_property
    def _digest(self) -> str:
        total = hashlib.sha256()
        for piece in self.frame.rechunk().iter_slices(_ROWS_AT_ONCE):
            stream = io.BytesIO()
            piece.write_ipc(stream, compression="uncompressed")
            total.update(stream.getvalue())
        return total.hexdigest()


def _frame(rows: Any) -> pl.DataFrame:
    import polars as pl

    if isinstance(rows, pl.DataFrame):
        return rows
    if isinstance(rows, pl.LazyFrame):
        return rows.collect()
    if isinstance(rows, (list, tuple)):
        return _from_columns(list(rows))
    if type(rows).__module__.partition(".")[0] == "pandas":
        names = [str(name) for name in rows.columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SourceError("duplicate_columns", path="rows in memory", names=", ".join(twice[:10]))
        # Column by column, since pandas to Polars as a whole needs PyArrow.
        return pl.DataFrame([_from_pandas(name, rows.iloc[:, index]) for index, name in enumerate(names)])
    raise SourceError("not_rows", kind=type(rows).__name__)


def _from_columns(rows: list[Any]) -> pl.DataFrame:
    records = Records()
    for row in rows:
        records.see(row)
    return records.frame(rows)


def _from_pandas(name: str, column: Any) -> pl.Series:
    import polars as pl

    if column.dtype.kind in "biuf" and column.dtype.__class__.__module__.startswith("numpy"):
        return pl.Series(name, column.to_numpy(), nan_to_null=True)
    missing = column.isna()
    values = [None if is_missing else value for value, is_missing in zip(column.tolist(), missing, strict=True)]
    return _from_columns([{name: value} for value in values]).to_series()
