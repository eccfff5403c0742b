"""What a folder or an archive holds, told by the names in it alone: class folders of pictures, or tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from sixfold.errors import SourceError
from sixfold.sources._splits import SPLITS, natural, split_named, splits_of_files

__all__ = ["TABLE_SUFFIXES", "Layout", "Picture", "layout_of"]

PICTURE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"}
)
TABLE_SUFFIXES = frozenset(
    {".csv", ".tsv", ".tab", ".txt", ".parquet", ".pq", ".jsonl", ".ndjson", ".json", ".xlsx", ".xlsm", ".xls", ".ods"}
)
_DOCUMENTS = frozenset({"readme", "license", "licence", "copying", "changelog", "citation", "requirements", "notice"})
_FEWEST_PARTS = 2


@dataclass(frozen=True, slots=True)
class Picture:
    """One row of class folders: the member's name, its class and its split."""

    name: str
    label: str
    split: str | None


@dataclass(frozen=True, slots=True)
class Layout:
    """Either pictures in class folders, or tables with the split of each; and what was passed over."""

    pictures: tuple[Picture, ...] = ()
    tables: tuple[tuple[str, str | None], ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def is_split(self) -> bool:
        """Whether the rows have an official split."""
        return any(picture.split for picture in self.pictures) or any(split for _, split in self.tables)


def layout_of(names: Sequence[str], where: str) -> Layout:
    """What the files called ``names`` (relative, with ``/``) are.

    Class folders are recognised below any number of folders that hold everything, and below folders called train,
    validation and test. A class is the first folder after those; what lies deeper belongs to it.

    Raises:
        SourceError: There is nothing to learn from, pictures lie in no class folder, or tables cannot be told apart.
    """
    seen = [name for name in names if not _is_clutter(name)]
    pictures = [name for name in seen if _suffix(name) in PICTURE_SUFFIXES]
    tables = [name for name in seen if _is_table(name)]
    in_classes = _class_rows(pictures, where)
    if in_classes and (len({picture.label for picture in in_classes}) > 1 or not tables):
        kept = {picture.name for picture in in_classes}
        return Layout(pictures=tuple(in_classes), skipped=tuple(name for name in names if name not in kept))
    if tables:
        # A table of data is seldom .txt where another format lies beside it.
        tables = [name for name in tables if not name.lower().endswith(".txt")] or tables
        tables.sort(key=natural)
        splits = splits_of_files([PurePosixPath(name).stem for name in tables], where) if len(tables) > 1 else [None]
        if splits is None:
            raise SourceError("several_tables", path=where, count=len(tables), names=", ".join(tables[:5]))
        kept = set(tables)
        told = sorted(zip(tables, splits, strict=True), key=lambda table: SPLITS.index(table[1] or "train"))
        return Layout(tables=tuple(told), skipped=tuple(name for name in names if name not in kept))
    if pictures:
        raise SourceError("no_classes", path=where, count=len(pictures), example=pictures[0])
    raise SourceError("nothing_inside", path=where, count=len(names))


def _is_clutter(name: str) -> bool:
    return name.startswith((".", "__MACOSX/")) or "/." in name or "/__MACOSX/" in name


def _suffix(name: str) -> str:
    return "." + name.rpartition("/")[2].rpartition(".")[2].lower()


def _is_table(name: str) -> bool:
    return _suffix(name) in TABLE_SUFFIXES and PurePosixPath(name).stem.lower() not in _DOCUMENTS


def _class_rows(names: Sequence[str], where: str) -> list[Picture]:
    parts = {name: tuple(name.split("/")) for name in names}
    rows = {name: folders for name, folders in parts.items() if len(folders) >= _FEWEST_PARTS}
    while rows and len({folders[0] for folders in rows.values()}) == 1:
        if any(len(folders) == _FEWEST_PARTS for folders in rows.values()):
            break
        rows = {name: folders[1:] for name, folders in rows.items()}
    told = {first: split_named(first) for first in {folders[0] for folders in rows.values()}}
    deep = {name: folders for name, folders in rows.items() if len(folders) > _FEWEST_PARTS}
    if deep and all(told.values()):
        rows = deep  # a picture beside the class folders of a split has no class
    elif len(deep) == len(rows) and any(told.values()):
        stray = next(folder for folder, split in sorted(told.items()) if split is None)
        raise SourceError("mixed_folders", path=where, folder=stray)
    else:
        told = {}
    pictures = []
    for name, folders in rows.items():
        split = told.get(folders[0])
        pictures.append(Picture(name, folders[1 if split else 0], split))
    ranks = {label: rank for rank, label in enumerate(sorted({row.label for row in pictures}, key=natural))}

    def order(picture: Picture) -> tuple[object, ...]:
        return SPLITS.index(picture.split or "train"), ranks[picture.label], natural(picture.name)

    return sorted(pictures, key=order)
