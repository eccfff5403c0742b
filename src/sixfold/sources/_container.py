"""What a folder and an archive have in common: files by name, that are class folders of pictures or tables."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from sixfold.progress import Note
from sixfold.sources._layout import Layout, Picture, layout_of
from sixfold.sources._source import Provenance, Source
from sixfold.sources._tables import TableFile, TableOptions, Tables

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Container"]

_MOST_ROWS_AT_ONCE = 4096
_MOST_BYTES_AT_ONCE = 1 << 25
"""Pictures are handed over in pieces of 32 MiB, so that progress is told at least every second on a slow disk."""


class Container(Source, ABC):
    """Files by name. As class folders their roles are ``image`` and ``class``; tables have columns of their own."""

    Options = TableOptions

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._found: dict[str, Any] = {}
        self._rows = 0

    @abstractmethod
    def members(self) -> dict[str, int]:
        """The names of all files inside, relative and with ``/``, with their sizes in bytes.

        Raises:
            SourceError: It cannot be opened, or something in it must not be there.
        """

    @abstractmethod
    def contents(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The bytes of some members; in their own order where another would cost much, but always the same."""

    @abstractmethod
    def as_files(self, names: Sequence[str]) -> AbstractContextManager[list[Path]]:
        """Some members as files that a library can open, for the length of a ``with`` block."""

    @abstractmethod
    def whole(self) -> tuple[str, int]:
        """The digest and the size in bytes of the container as it lies there; asked before its rows are read.

        Raises:
            SourceError: It is not the file that was meant.
        """

    @cached_property
    def sizes(self) -> dict[str, int]:
        """:meth:`members`, asked once."""
        return self.members()

    @cached_property
    def layout(self) -> Layout:
        """What the members are."""
        return layout_of(list(self.sizes), self.place)

    @property
    def roles(self) -> tuple[str, ...] | None:
        return ("image", "class") if self.layout.pictures else None

    def space(self) -> int:
        layout = self.layout
        names = [picture.name for picture in layout.pictures] or [name for name, _ in layout.tables]
        return sum(self.sizes[name] for name in names)

    def count(self) -> int:
        return len(self.layout.pictures)

    def frames(self) -> Iterator[pl.DataFrame]:
        self._digest, self._bytes = self.whole()
        layout = self.layout
        if layout.pictures:
            self._tell_classes(layout)
            yield from self._pictures(layout.pictures)
            return
        with self.as_files([name for name, _ in layout.tables]) as paths:
            files = [TableFile(path, name, split) for path, (name, split) in zip(paths, layout.tables, strict=True)]
            tables = Tables(files, self._table_options, self.listener)
            yield from tables.frames()
            self._found, self._rows = tables.found, tables.rows

    def provenance(self) -> Provenance:
        return Provenance(self.place, self.kind(), self._digest, self._bytes, detected=self._found)

    @property
    def _table_options(self) -> TableOptions:
        assert isinstance(self.options, TableOptions)
        return self.options

    def _tell_classes(self, layout: Layout) -> None:
        classes = list(dict.fromkeys(picture.label for picture in layout.pictures))
        splits = list(dict.fromkeys(picture.split for picture in layout.pictures if picture.split is not None))
        self._found = {"classes": len(classes), "splits": splits, "skipped": len(layout.skipped)}
        values = {"path": self.place, "count": len(layout.pictures), "classes": len(classes)}
        self.listener(Note("collect", "collect.class_folders", values))
        if splits:
            self.listener(Note("collect", "collect.official_split", {"splits": ", ".join(splits)}))
        if layout.skipped:
            shown = ", ".join(PurePosixPath(name).name for name in layout.skipped[:3])
            more = " …" if len(layout.skipped) > 3 else ""  # noqa: PLR2004
            values = {"count": len(layout.skipped), "names": shown + more}
            self.listener(Note("collect", "collect.skipped", values))

    def _pictures(self, pictures: Sequence[Picture]) -> Iterator[pl.DataFrame]:
        by_name = {picture.name: picture for picture in pictures}
        is_split = any(picture.split is not None for picture in pictures)
        rows: list[tuple[Picture, bytes]] = []
        size, digest = 0, hashlib.sha256()
        for name, data in self.contents([picture.name for picture in pictures]):
            rows.append((by_name[name], data))
            size += len(data)
            if not self._digest:
                digest.update(hashlib.sha256(name.encode() + b"\0" + data).digest())
            if len(rows) >= _MOST_ROWS_AT_ONCE or size >= _MOST_BYTES_AT_ONCE:
                yield _frame(rows, is_split)
                rows, size = [], 0
        if rows:
            yield _frame(rows, is_split)
        self._digest = self._digest or digest.hexdigest()


def _frame(rows: Sequence[tuple[Picture, bytes]], is_split: bool) -> pl.DataFrame:
    import polars as pl

    columns = {
        "image": pl.Series([data for _, data in rows], dtype=pl.Binary),
        "class": pl.Series([picture.label for picture, _ in rows], dtype=pl.String),
        "__path__": pl.Series([picture.name for picture, _ in rows], dtype=pl.String),
    }
    if is_split:
        columns["__split__"] = pl.Series([picture.split for picture, _ in rows], dtype=pl.String)
    return pl.DataFrame(columns)
