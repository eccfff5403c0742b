"""Pictures that rows name by path: looked up beside the table, in its folder or archive, and read in its place."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sixfold.errors import SourceError
from sixfold.product import Product
from sixfold.progress import Listener, Note
from sixfold.sources._binding import Binding
from sixfold.sources._layout import PICTURE_SUFFIXES

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Attached", "Attachments", "names_pictures"]

_LOOKED_AT = 200
_LONGEST, _SHOWN = 1024, 120
_AMBIGUOUS = "\0"


@dataclass(frozen=True)
class Attachments:
    """The files that a table may name.

    Args:
        sizes: Their names, relative and with ``/``, with their sizes in bytes.
        folder: The table's own, from which its paths may be meant; the root where it is empty.
        read: Gives the bytes of some of them, in any order.
        at_once: How many bytes are best read together.
    """

    sizes: Mapping[str, int]
    folder: str
    read: Callable[[Sequence[str]], Iterator[tuple[str, bytes]]]
    at_once: int
    _loose: dict[str, str] = field(default_factory=dict)

    def found(self, path: str) -> str | None:
        """The file that a path means; ``None`` where there is none.

        From the table's folder, then from the root; then without its folder, its ending or both, as long as only one
        picture is called so.

        Raises:
            ValueError: Two pictures are called so; its arguments are their names.
        """
        for whole in (f"{self.folder}/{path}" if self.folder else path, path):
            if whole in self.sizes:
                return whole
        if not self._loose:
            self._index()
        for loose in (f"{self.folder}/{path}" if self.folder else path, path, path.rpartition("/")[2]):
            name = self._loose.get(loose)
            if name is not None and name.startswith(_AMBIGUOUS):
                raise ValueError(*name[1:].split(_AMBIGUOUS))
            if name is not None:
                return name
        return None

    def _index(self) -> None:
        for name in self.sizes:
            stem, dot, suffix = name.rpartition(".")
            if dot and f".{suffix.lower()}" in PICTURE_SUFFIXES:
                base = name.rpartition("/")[2]
                for key in {stem, base, base.rpartition(".")[0]} - {name}:
                    known = self._loose.get(key)
                    if known is None:
                        self._loose[key] = name
                    elif known != name and not known.startswith(_AMBIGUOUS):
                        self._loose[key] = f"{_AMBIGUOUS}{known}{_AMBIGUOUS}{name}"


def names_pictures(values: Sequence[str | None], attachments: Attachments | None) -> bool:
    """Whether texts are paths of pictures that are there, as far as the first of them tell."""
    first = [_plain(value) for value in values if value is not None and _suffix(value) in PICTURE_SUFFIXES]
    try:
        return attachments is not None and any(
            _is_safe(value) and attachments.found(value) is not None for value in first[:_LOOKED_AT]
        )
    except ValueError:  # two pictures are called so
        return True


class Attached:
    """Puts pictures in the place of their paths, in pieces of bearable size.

    A column of pictures whose values are text holds paths if its first values do, or if product.yaml says so; else the
    text is what a picture may be as text. A path with no file is a missing value, counted.

    Args:
        product: The declaration.
        attachments: Of a split (``None`` where the source has none of its own) what its rows may name.
        listener: Whom it is told, in :meth:`tell`, how many files are missing.
    """

    def __init__(
        self, product: Product, attachments: Callable[[str | None], Attachments | None], listener: Listener
    ) -> None:
        self._product, self._attachments, self._listener = product, attachments, listener
        specs = product.columns
        self._pictures = [name for name, spec in specs.items() if spec.field(name).widget == "image"]
        self._are_paths: dict[str, bool] = {}
        self._named: Counter[str] = Counter()
        self._missing: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def filled(self, frame: pl.DataFrame, bound: Sequence[Binding]) -> Iterator[pl.DataFrame]:
        """A piece of rows with pictures in the place of their paths.

        Raises:
            SourceError: A path leads out of the data or means two files; or no file of a column is there.
        """
        import polars as pl

        columns = [b for b in bound if b.name in self._pictures and frame.schema[b.name] == pl.String]
        columns = [binding for binding in columns if frame[binding.name].null_count() < frame.height]
        if not columns:
            yield frame
            return
        parts = frame.partition_by("__split__", maintain_order=True) if "__split__" in frame.columns else [frame]
        for part in parts:
            yield from self._filled(part, columns)

    def tell(self) -> None:
        """Tell how many files are missing, once all rows were seen."""
        for column, count in self._missing.items():
            values = {"column": column, "count": count, "total": self._named[column], "first": self._first[column]}
            self._listener(Note("collect", "collect.missing_files", values))

    def _filled(self, frame: pl.DataFrame, bound: Sequence[Binding]) -> Iterator[pl.DataFrame]:
        import polars as pl

        split = frame["__split__"][0] if "__split__" in frame.columns else None
        attachments = self._attachments(split)
        names: dict[str, list[str | None]] = {}
        for binding in bound:
            paths = [path if path is not None and path.strip() else None for path in frame[binding.name].to_list()]
            if self._hold_paths(binding, paths, attachments):
                assert attachments is not None
                names[binding.name] = self._found(binding, paths, attachments)
        if attachments is None or not names:
            yield frame
            return
        rows = list(zip(*names.values(), strict=True))
        for first, last in _pieces(rows, attachments):
            wanted = dict.fromkeys(name for row in rows[first:last] for name in row if name is not None)
            files: dict[str | None, bytes | None] = {None: None, **dict(attachments.read(list(wanted)))}
            yield frame[first:last].with_columns(
                pl.Series(column, [files[name] for name in found[first:last]], pl.Binary)
                for column, found in names.items()
            )

    def _hold_paths(self, binding: Binding, paths: Sequence[str | None], attachments: Attachments | None) -> bool:
        known = self._are_paths.get(binding.name)
        if known is not None:
            return known
        values = [path for path in paths if path is not None][:_LOOKED_AT]
        if not values:
            return False
        looks_so = binding.way == "file" or any(_suffix(value) in PICTURE_SUFFIXES for value in values)
        if attachments is None and looks_so:
            place = self._product.place(binding.key)
            raise SourceError("paths_without_folder", place=place, column=binding.name, example=_shown(values[0]))
        if attachments is not None and not looks_so:
            looks_so = any(_is_safe(plain := _plain(value)) and attachments.found(plain) for value in values)
        return self._are_paths.setdefault(binding.name, looks_so)

    def _found(self, binding: Binding, paths: Sequence[str | None], attachments: Attachments) -> list[str | None]:
        found = [None if path is None else self._file(binding, path, attachments) for path in paths]
        missing = [path for path, file in zip(paths, found, strict=True) if path is not None and file is None]
        named = sum(path is not None for path in paths)
        if named and len(missing) == named and not self._named[binding.name]:
            example = next((name for name in attachments.sizes if _suffix(name) in PICTURE_SUFFIXES), "-")
            place = self._product.place(binding.key)
            raise SourceError(
                "no_such_files", place=place, column=binding.name, first=_shown(missing[0]), example=example
            )
        self._named[binding.name] += named
        if missing:
            self._missing[binding.name] += len(missing)
            self._first.setdefault(binding.name, _shown(missing[0]))
        return found

    def _file(self, binding: Binding, path: str, attachments: Attachments) -> str | None:
        plain, place = _plain(path), self._product.place(binding.key)
        if not _is_safe(plain):
            raise SourceError("unsafe_path", place=place, column=binding.name, value=_shown(path))
        try:
            return attachments.found(plain)
        except ValueError as error:
            first, second = error.args
            raise SourceError(
                "ambiguous_file", place=place, column=binding.name, value=_shown(path), first=first, second=second
            ) from None


def _pieces(rows: Sequence[tuple[str | None, ...]], attachments: Attachments) -> Iterator[tuple[int, int]]:
    """Where pieces of rows begin and end, so that their files are of bearable size together."""
    first = size = 0
    for number, row in enumerate(rows):
        more = sum(attachments.sizes[name] for name in row if name is not None)
        if size and size + more > attachments.at_once:
            yield first, number
            first, size = number, 0
        size += more
    if first < len(rows):
        yield first, len(rows)


def _plain(path: str) -> str:
    plain = path.strip().replace("\\", "/")
    while plain.startswith("./"):
        plain = plain[2:]
    return plain


def _is_safe(path: str) -> bool:
    return not (
        path.startswith("/") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", path) or ".." in path.split("/") or "\0" in path
    )


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower() if len(path) <= _LONGEST else ""


def _shown(path: str) -> str:
    return path if len(path) <= _SHOWN else path[: _SHOWN - 1] + "…"
