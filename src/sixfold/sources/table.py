"""A table in a file, or in several that one pattern names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sixfold.hashing import digest_of_value
from sixfold.language import Text
from sixfold.progress import Note
from sixfold.sources._archives import archive_kind
from sixfold.sources._files import checked_digest, located, not_found, stamp
from sixfold.sources._layout import TABLE_SUFFIXES
from sixfold.sources._source import Provenance, Source
from sixfold.sources._splits import SPLITS, natural, splits_of_files
from sixfold.sources._tables import TableFile, TableOptions, Tables

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Table"]


class Table(Source):
    """CSV, TSV, text, Parquet, JSON Lines, JSON or Excel; ``adult_*.csv`` names several files of the same columns.

    A text file of lines ``label text`` has the columns ``text`` and ``label``, a ``.ts`` file of the UCR archive has
    ``series`` and ``class``; in product.yaml they may be called otherwise, in this order. Files whose names say train,
    validation and test as words make an official split.
    """

    title: ClassVar[Text] = Text("a table", "表格")
    rank: ClassVar[int] = 20
    Options = TableOptions
    _tables: Tables | None = None

    @classmethod
    def claims(cls, place: str, base: Path) -> bool:
        path = located(place, base)
        if path.is_file():
            return path.suffix.lower() in TABLE_SUFFIXES or (archive_kind(path) is None and _looks_like_text(path))
        return any(match.suffix.lower() in TABLE_SUFFIXES for match in _matches(path))

    @cached_property
    def files(self) -> list[TableFile]:
        """The files that the place names, with the split of each.

        Raises:
            SourceError: There is none, or some names tell a split and others do not.
        """
        path = located(self.place, self.base)
        paths = [path] if path.is_file() else _matches(path)
        if not paths:
            raise not_found(self.place, self.base)
        splits = splits_of_files([path.stem for path in paths], self.place) if len(paths) > 1 else None
        if splits is None:
            return [TableFile(path, path.name) for path in paths]
        told = sorted(zip(paths, splits, strict=True), key=lambda pair: SPLITS.index(pair[1]))
        return [TableFile(path, path.name, split) for path, split in told]

    @property
    def roles(self) -> tuple[str, ...] | None:
        return self._tables.roles if self._tables is not None else None

    def fingerprint(self) -> str:
        return digest_of_value([stamp(file.path) for file in self.files])

    def space(self) -> int:
        return sum(file.path.stat().st_size for file in self.files)

    def frames(self) -> Iterator[pl.DataFrame]:
        files = self.files
        expected = self.sha256 if len(files) == 1 else None
        digests = {file.name: checked_digest(file.path, expected, self.listener) for file in files}
        self._digest = next(iter(digests.values())) if len(files) == 1 else digest_of_value(digests)
        if files[0].split is not None:
            told = ", ".join(f"{file.name} → {file.split}" for file in files)
            self.listener(Note("collect", "collect.official_split", {"splits": told}))
        self._tables = Tables(files, self._table_options, self.listener, tells_files=self.tells_files)
        yield from self._tables.frames()

    def provenance(self) -> Provenance:
        detected = self._tables.found if self._tables is not None else {}
        return Provenance(self.place, self.kind(), self._digest, self.space(), detected=detected)

    @property
    def _table_options(self) -> TableOptions:
        assert isinstance(self.options, TableOptions)
        return self.options


def _matches(path: Path) -> list[Path]:
    if not re.search(r"[*?\[]", path.name) or not path.parent.is_dir():
        return []
    found = [match for match in path.parent.glob(path.name) if match.is_file() and not match.name.startswith(".")]
    return sorted(found, key=lambda match: natural(match.name))


def _looks_like_text(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
    except OSError:
        return False
    return b"\0" not in head and (b"," in head or b"\t" in head or b";" in head)
