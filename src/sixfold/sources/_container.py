"""What a folder and an archive have in common: files by name, that are documents or tables."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import orjson

from sixfold.errors import SourceError
from sixfold.progress import Note
from sixfold.sources._annotations import Boxed, coco, voc, yolo, yolo_names
from sixfold.sources._attached import Attachments
from sixfold.sources._detect import decoded
from sixfold.sources._files import divided, nearest
from sixfold.sources._layout import Layout, Member, layout_of
from sixfold.sources._pairs import class_names, ordered, splits_listed
from sixfold.sources._records import Records
from sixfold.sources._source import Provenance, Source
from sixfold.sources._tables import TableFile, TableOptions, Tables

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Container"]

_MOST_ROWS_AT_ONCE = 4096
_MOST_BYTES_AT_ONCE = 1 << 25
"""Documents are handed over in pieces of 32 MiB, so that progress is told at least every second on a slow disk."""


class Container(Source, ABC):
    """Files by name. Class folders have the roles ``image`` (or ``text``) and ``class``; tables have their own columns.

    What stands behind ``#`` in the place names a folder, a file or a pattern with ``*`` inside.
    """

    Options = TableOptions
    at_once: int = _MOST_BYTES_AT_ONCE
    """How many bytes of files that rows name are best read together."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._found: dict[str, Any] = {}
        self._tables: Tables | None = None
        self._encoding: str | None = None
        self.attached, self.attached_bytes = hashlib.sha256(), 0
        """The digest and the size of the files that rows named, as far as they were read."""

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
        """What the members are; of those that are meant, where the place says which."""
        inside = divided(self.place, self.base)[1]
        if inside is None:
            return layout_of(list(self.sizes), self.place)
        if inside in self.sizes:
            return Layout("table", (Member(inside),))
        if "*" in inside:
            wanted = re.compile(".*".join(map(re.escape, inside.split("*"))))
            names = [name for name in self.sizes if wanted.fullmatch(name)]
        else:
            names = [name for name in self.sizes if name.startswith(f"{inside}/")]
        if not names:
            folders = {
                part for name in self.sizes for part in (name, *map(str, PurePosixPath(name).parents)) if part != "."
            }
            raise SourceError(
                "not_inside", path=self.place.partition("#")[0], inside=inside, guess=nearest(inside, sorted(folders))
            )
        return layout_of(names, self.place)

    @property
    def roles(self) -> tuple[str, ...] | None:
        if self.layout.roles is not None:
            return self.layout.roles
        return self._tables.roles if self._tables is not None else None

    def space(self) -> int:
        names = [name for member in self.layout.members for name in (member.name, member.beside) if name is not None]
        return sum(self.sizes[name] for name in names)

    def count(self) -> int:
        return len(self.layout.members) if self.layout.roles is not None else 0

    def frames(self) -> Iterator[pl.DataFrame]:
        self._digest, self._bytes = self.whole()
        layout = self.layout
        if layout.in_classes:
            self._tell_classes(layout)
            yield from self._documents(layout)
        elif layout.way == "coco":
            yield from self._coco(layout)
        elif layout.roles is not None:
            layout = self._with_lists(layout)
            self._tell_pairs(layout)
            yield from self._pairs(layout)
        elif layout.content == "json":
            yield from self._records(layout)
        else:
            with self.as_files([member.name for member in layout.members]) as paths:
                pairs = zip(paths, layout.members, strict=True)
                files = [TableFile(path, member.name, member.split) for path, member in pairs]
                self._tables = Tables(files, self._table_options, self.listener, tells_files=self.tells_files)
                yield from self._tables.frames()
                self._found = self._tables.found

    def provenance(self) -> Provenance:
        return Provenance(self.place, self.kind(), self._digest, self._bytes, detected=self._found)

    def attachments(self, split: str | None = None) -> Attachments | None:  # noqa: ARG002
        if self.layout.roles is not None:
            return None
        folder = self.layout.members[0].name.rpartition("/")[0] if self.layout.content == "table" else ""
        return Attachments(self.sizes, folder, self._attached, self.at_once)

    def _attached(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for name, data in self.contents(names):
            self.attached.update(hashlib.sha256(name.encode() + b"\0" + data).digest())
            self.attached_bytes += len(data)
            yield name, data

    @property
    def _table_options(self) -> TableOptions:
        assert isinstance(self.options, TableOptions)
        return self.options

    def _tell_classes(self, layout: Layout) -> None:
        classes = list(dict.fromkeys(member.label for member in layout.members))
        splits = list(dict.fromkeys(member.split for member in layout.members if member.split is not None))
        self._found = {"classes": len(classes), "splits": splits, "skipped": len(layout.skipped)}
        values = {"path": self.place, "count": len(layout.members), "classes": len(classes)}
        key = "collect.class_folders" if layout.content == "image" else "collect.text_folders"
        self.listener(Note("collect", key, values))
        self._tell_splits(layout, splits)

    def _tell_pairs(self, layout: Layout, told_by: str | None = None) -> None:
        splits = list(dict.fromkeys(member.split for member in layout.members if member.split is not None))
        self._found = {"pairs": len(layout.members), "splits": splits, "skipped": len(layout.skipped)}
        first = layout.members[0]
        values = {
            "path": self.place,
            "count": len(layout.members),
            "picture": first.name,
            "companion": told_by or first.beside,
        }
        self.listener(Note("collect", "collect.pairs", values))
        self._tell_splits(layout, splits)

    def _tell_splits(self, layout: Layout, splits: Sequence[str]) -> None:
        if splits:
            self.listener(Note("collect", "collect.official_split", {"splits": ", ".join(splits)}))
        if layout.skipped:
            shown = ", ".join(PurePosixPath(name).name for name in layout.skipped[:3])
            more = " …" if len(layout.skipped) > 3 else ""  # noqa: PLR2004
            values = {"count": len(layout.skipped), "names": shown + more}
            self.listener(Note("collect", "collect.skipped", values))

    def _read(self, members: Sequence[Member]) -> Iterator[list[tuple[Member, bytes]]]:
        """Members with their bytes, a bearable number at a time; the digest of a folder is made on the way."""
        by_name = {member.name: member for member in members}
        rows: list[tuple[Member, bytes]] = []
        size, digest = 0, hashlib.sha256()
        for name, data in self.contents([member.name for member in members]):
            rows.append((by_name[name], data))
            size += len(data)
            digest.update(hashlib.sha256(name.encode() + b"\0" + data).digest())
            if len(rows) >= _MOST_ROWS_AT_ONCE or size >= _MOST_BYTES_AT_ONCE:
                yield rows
                rows, size = [], 0
        if rows:
            yield rows
        self._digest = self._digest or digest.hexdigest()

    def _with_lists(self, layout: Layout) -> Layout:
        """The layout with the splits that lists tell; a picture that stands in none of them is passed over."""
        if not layout.lists:
            return layout
        lists = {name: data.decode("utf-8", "replace").splitlines() for name, data in self.contents(layout.lists)}
        splits = splits_listed([member.name for member in layout.members], lists)
        if len(set(splits.values())) < 2:  # noqa: PLR2004 — one split alone divides nothing
            return layout
        by_name = {member.name: member for member in layout.members}
        members = tuple(replace(by_name[name], split=splits[name]) for name in ordered(splits))
        return replace(layout, members=members, skipped=(*layout.skipped, *(by_name.keys() - splits.keys())))

    def _pairs(self, layout: Layout) -> Iterator[pl.DataFrame]:
        """Pictures and their companions, a bearable number at a time; the digest of a folder is made on the way."""
        import polars as pl

        digest, boxed = hashlib.sha256(), Boxed()
        names_of = yolo_names(dict(self.contents(class_names(layout.skipped)))) if layout.way == "yolo" else {}

        def boxes(name: str, data: bytes) -> str:
            return voc(name, data, boxed) if layout.way == "voc" else yolo(name, data, names_of, boxed)

        for members in self._bearable(layout.members):
            names = [name for member in members for name in (member.name, member.beside) if name is not None]
            files = dict(self.contents(names))
            for name in names:
                digest.update(hashlib.sha256(name.encode() + b"\0" + files[name]).digest())
            columns = {
                "image": pl.Series([files[member.name] for member in members], dtype=pl.Binary),
            }
            beside = [(str(member.beside), files[str(member.beside)]) for member in members]
            if layout.content == "mask":
                columns["mask"] = pl.Series([data for _, data in beside], dtype=pl.Binary)
            else:
                columns["boxes"] = pl.Series([boxes(name, data) for name, data in beside], dtype=pl.String)
            yield _named(pl.DataFrame(columns), members, layout)
        self._digest = self._digest or digest.hexdigest()
        self._tell_empty(boxed)

    def _coco(self, layout: Layout) -> Iterator[pl.DataFrame]:
        """Pictures and the boxes that files of COCO tell of them."""
        import polars as pl

        boxed, values, splits = Boxed(), dict[str, str](), dict[str, str | None]()
        attachments = Attachments(self.sizes, "", self._attached, self.at_once)
        missing: list[str] = []
        for member in layout.members:
            ((_, data),) = self.contents([member.name])
            folder = member.name.rpartition("/")[0]
            for path, value in coco(member.name, data, boxed).items():
                name = attachments.found(f"{folder}/{path}") or attachments.found(path)
                if name is None:
                    missing.append(path)
                else:
                    values[name], splits[name] = value, member.split
        if not values:
            raise SourceError("no_pictures_of_boxes", path=layout.members[0].name, first=missing[0] if missing else "–")
        members = [Member(name, None, splits[name]) for name in ordered(splits)]
        told_by = layout.members[0].name
        layout = replace(layout, members=tuple(members), skipped=(*layout.skipped, *missing))
        self._tell_pairs(layout, told_by)
        digest = hashlib.sha256("".join(values[member.name] for member in members).encode())
        for piece in self._bearable(members):
            files = dict(self.contents([member.name for member in piece]))
            for member in piece:
                digest.update(hashlib.sha256(member.name.encode() + b"\0" + files[member.name]).digest())
            columns = {
                "image": pl.Series([files[member.name] for member in piece], dtype=pl.Binary),
                "boxes": pl.Series([values[member.name] for member in piece], dtype=pl.String),
            }
            yield _named(pl.DataFrame(columns), piece, layout)
        self._digest = self._digest or digest.hexdigest()
        self._tell_empty(boxed)

    def _tell_empty(self, boxed: Boxed) -> None:
        if boxed.empty:
            self.listener(Note("collect", "collect.empty_boxes", {"count": boxed.empty}))

    def _bearable(self, members: Sequence[Member]) -> Iterator[list[Member]]:
        """Members in pieces that are of bearable size together with their companions."""
        piece: list[Member] = []
        size = 0
        for member in members:
            more = self.sizes[member.name] + (self.sizes[member.beside] if member.beside is not None else 0)
            if piece and (size + more > self.at_once or len(piece) >= _MOST_ROWS_AT_ONCE):
                yield piece
                piece, size = [], 0
            piece.append(member)
            size += more
        if piece:
            yield piece

    def _documents(self, layout: Layout) -> Iterator[pl.DataFrame]:
        import polars as pl

        for rows in self._read(layout.members):
            values: list[Any] = [data for _, data in rows]
            dtype: Any = pl.Binary
            if layout.content == "text":
                values, dtype = [self._text(member.name, data) for member, data in rows], pl.String
            columns = {
                layout.content: pl.Series(values, dtype=dtype),
                "class": pl.Series([member.label for member, _ in rows], dtype=pl.String),
            }
            yield _named(pl.DataFrame(columns), [member for member, _ in rows], layout)

    def _text(self, name: str, data: bytes) -> str:
        text, self._encoding = decoded(data, name, self._table_options.encoding, self._encoding)
        return text.strip()

    def _records(self, layout: Layout) -> Iterator[pl.DataFrame]:
        records, count = Records(), 0
        for rows in self._read(layout.members):
            for member, data in rows:
                for row in _objects(member.name, data):
                    records.see(row)
                    count += 1
        self._found = {"documents": len(layout.members), "rows": count}
        values = {"path": self.place, "count": len(layout.members), "rows": count}
        self.listener(Note("collect", "collect.documents", values))
        for rows in self._read(layout.members):
            objects = [(member, row) for member, data in rows for row in _objects(member.name, data)]
            if objects:
                yield _named(records.frame([row for _, row in objects]), [member for member, _ in objects], layout)


def _named(frame: pl.DataFrame, members: Sequence[Member], layout: Layout) -> pl.DataFrame:
    """Rows with the names of their files and, where there is one, their split."""
    import polars as pl

    reserved = [pl.Series("__path__", [member.name for member in members], dtype=pl.String)]
    if any(member.split is not None for member in layout.members):
        reserved.append(pl.Series("__split__", [member.split for member in members], dtype=pl.String))
    return frame.with_columns(reserved)


def _objects(name: str, data: bytes) -> list[dict[str, Any]]:
    """The rows of one JSON document: one object, or a list of them."""
    try:
        value = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise SourceError("bad_json", path=name, line=error.lineno, reason=error.msg) from error
    rows = value if isinstance(value, list) else [value]
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise SourceError("not_an_object", path=name, number=number)
    return rows
