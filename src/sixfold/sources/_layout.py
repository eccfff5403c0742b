"""What a folder or an archive holds, told by the names in it alone: class folders of documents, or tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal, TypeAlias, cast

from sixfold.errors import SourceError
from sixfold.sources._pairs import box_pairs, coco_files, mask_pairs, ordered, split_lists, split_of
from sixfold.sources._splits import SPLITS, natural, split_named, splits_of_files

__all__ = ["PICTURE_SUFFIXES", "SERIES_SUFFIX", "TABLE_SUFFIXES", "Layout", "Member", "layout_of"]

PICTURE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"}
    | {".dcm", ".dicom", ".nii"}
)
SERIES_SUFFIX = ".ts"
TABLE_SUFFIXES = frozenset(
    {".csv", ".tsv", ".tab", ".txt", ".parquet", ".pq", ".jsonl", ".ndjson", ".json", ".xlsx", ".xlsm", ".xls", ".ods"}
    | {SERIES_SUFFIX}
)
_DOCUMENTS = frozenset({"readme", "license", "licence", "copying", "changelog", "citation", "requirements", "notice"})
_FEWEST_PARTS = 2


Content: TypeAlias = Literal["image", "text", "mask", "boxes", "json", "table"]
Way: TypeAlias = Literal["", "voc", "yolo", "coco"]


@dataclass(frozen=True, slots=True)
class Member:
    """A file that holds one row or a part of a table: its name, its class if it lies in a class folder, its split, and
    the file that says what is right of it, if it has one."""

    name: str
    label: str | None = None
    split: str | None = None
    beside: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """What the files are, in the order of their rows; and what was passed over.

    ``image`` and ``text`` are documents in class folders, one row each; ``mask`` pictures that each have a mask;
    ``boxes`` pictures that each have a file of boxes, written in the ``way`` of Pascal VOC (``lists`` tell its splits)
    or YOLO, or files of COCO that tell those of many pictures; ``json`` documents of one row or a list of rows each;
    ``table`` the files of one table.
    """

    content: Content
    members: tuple[Member, ...]
    skipped: tuple[str, ...] = ()
    way: Way = ""
    lists: tuple[str, ...] = ()

    @property
    def roles(self) -> tuple[str, ...] | None:
        """What a row's parts are called where they are no columns: given first and target last."""
        if self.in_classes:
            return self.content, "class"
        return ("image", self.content) if self.content in ("mask", "boxes") else None

    @property
    def in_classes(self) -> bool:
        """Whether the rows are files in class folders."""
        return self.content in ("image", "text")


def layout_of(names: Sequence[str], where: str) -> Layout:
    """What the files called ``names`` (relative, with ``/``) are.

    Class folders are recognised below any number of folders that hold everything, and below folders called train,
    validation and test. A class is the first folder after those; what lies deeper belongs to it.
    Pictures in a folder called images with masks of the same names in one called masks, or with masks called after
    them, are rows of both; so are pictures with files of boxes.

    Raises:
        SourceError: There is nothing to learn from, pictures lie in no class folder, or tables cannot be told apart.
    """
    seen = [name for name in names if not _is_clutter(name)]
    pictures = [name for name in seen if _suffix(name) in PICTURE_SUFFIXES]
    tables = [name for name in seen if _is_table(name)]
    if pairs := mask_pairs(pictures):
        return _laid_out("mask", _paired(pairs), names)
    if boxes := _boxes(pictures, seen):
        return boxes
    classified = _class_rows(pictures, where)
    if classified and (len({member.label for member in classified}) > 1 or not tables):
        return _laid_out("image", classified, names)
    if series := [name for name in tables if _suffix(name) == SERIES_SUFFIX]:
        _hold_one_set(series, where)
        return _laid_out("table", _split_tables(series, where), names)
    if tables and all(_suffix(name) == ".txt" for name in tables) and (texts := _texts(tables, where)):
        return _laid_out("text", texts, names)
    if len(tables) > 1 and all(_suffix(name) == ".json" for name in tables) and (documents := _documents(tables)):
        return _laid_out("json", documents, names)
    if tables:
        # A table of data is seldom .txt where another format lies beside it.
        tables = [name for name in tables if _suffix(name) != ".txt"] or tables
        return _laid_out("table", _split_tables(tables, where), names)
    if pictures:
        raise SourceError("no_classes", path=where, count=len(pictures), example=pictures[0])
    raise SourceError("nothing_inside", path=where, count=len(names))


def _laid_out(content: Content, members: Sequence[Member], names: Sequence[str]) -> Layout:
    kept = {name for member in members for name in (member.name, member.beside)}
    return Layout(content, tuple(members), tuple(name for name in names if name not in kept))


def _boxes(pictures: Sequence[str], names: Sequence[str]) -> Layout | None:
    """Pictures with boxes; ``None`` where no file says where there are any."""
    way, pairs = box_pairs(pictures, names)
    if pairs:
        lists = split_lists(names) if way == "voc" else ()
        return replace(_laid_out("boxes", _paired(pairs), names), way=cast("Way", way), lists=lists)
    if pictures and (files := coco_files(names)):
        splits: Sequence[str | None] = [split_of(name) or _split_in(name) for name in files]
        if len(files) > 1 and not all(splits):
            return None
        members = tuple(Member(name, None, split) for name, split in zip(files, splits, strict=True))
        others = tuple(name for name in names if name not in {*files, *pictures})
        return Layout("boxes", members, others, "coco")
    return None


def _split_in(name: str) -> str | None:
    """The split that a word of a file's own name tells: ``instances_val2017.json``."""
    words = re.split(r"[_\-.\s\d]+", PurePosixPath(name).stem)
    return next((split for word in words if (split := split_named(word))), None)


def _paired(pairs: Mapping[str, str]) -> list[Member]:
    """Pictures with their companions, with the split that a folder of theirs tells if it does of all."""
    splits = {name: split_of(name) for name in pairs}
    if not all(splits.values()):
        splits = dict.fromkeys(pairs)
    return [Member(name, None, splits[name], pairs[name]) for name in ordered(splits)]


def _split_tables(tables: list[str], where: str) -> list[Member]:
    tables = sorted(tables, key=natural)
    splits: Sequence[str | None] | None = [None]
    if len(tables) > 1:
        told = [
            next((split for folder in reversed(name.split("/")[:-1]) if (split := split_named(folder))), None)
            for name in tables
        ]
        # Folders called after splits tell more than the files in them, which may be called so as well.
        by_folder = all(told) and len(set(told)) > 1
        splits = told if by_folder else splits_of_files([PurePosixPath(name).stem for name in tables], where)
    if splits is None:
        raise SourceError("several_tables", path=where, count=len(tables), names=", ".join(tables[:5]))
    members = [Member(name, None, split) for name, split in zip(tables, splits, strict=True)]
    return sorted(members, key=lambda member: SPLITS.index(member.split or "train"))


def _hold_one_set(names: Sequence[str], where: str) -> None:
    """Files of series have the same columns whatever they measure: two sets would be mixed without a word."""
    sets = {
        "_".join(word for word in PurePosixPath(name).stem.split("_") if split_named(word) is None): name
        for name in names
    }
    if len(sets) > 1:
        folders = {name.rpartition("/")[0] for name in sets.values()}
        inside = sorted(folders) if len(folders) == len(sets) and "" not in folders else [f"{name}_*" for name in sets]
        shown = ", ".join(inside[:10]) + (" …" if len(inside) > 10 else "")  # noqa: PLR2004
        raise SourceError("several_sets", path=where, names=shown, guess=inside[0])


def _texts(names: Sequence[str], where: str) -> list[Member]:
    """Texts in class folders; none where folders hold one file each, or are called after splits: those are tables."""
    members = _class_rows(names, where)
    labels = {member.label for member in members}
    if len(labels) < _FEWEST_PARTS or len(members) < len(labels) * _FEWEST_PARTS:
        return []
    return [] if all(split_named(label or "") for label in labels) else members


def _documents(names: Sequence[str]) -> list[Member]:
    """JSON documents, with the split that a folder of theirs tells; none where their own names tell splits."""
    stems = [set(re.split(r"[_\-.\s]+", PurePosixPath(name).stem)) for name in names]
    if all(any(split_named(word) for word in words) for words in stems):
        return []
    splits = [
        next((split for folder in name.split("/")[:-1] if (split := split_named(folder))), None) for name in names
    ]
    if not all(splits):
        splits = [None] * len(names)
    members = [Member(name, None, split) for name, split in zip(names, splits, strict=True)]
    return sorted(members, key=lambda member: (SPLITS.index(member.split or "train"), natural(member.name)))


def _is_clutter(name: str) -> bool:
    return name.startswith((".", "__MACOSX/")) or "/." in name or "/__MACOSX/" in name


def _suffix(name: str) -> str:
    plain = name.rpartition("/")[2].lower()
    # A NIfTI file is often compressed as a whole, and read so.
    return "." + plain.removesuffix(".gz" if plain.endswith(".nii.gz") else "").rpartition(".")[2]


def _is_table(name: str) -> bool:
    return _suffix(name) in TABLE_SUFFIXES and PurePosixPath(name).stem.lower() not in _DOCUMENTS


def _class_rows(names: Sequence[str], where: str) -> list[Member]:
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
    members = []
    for name, folders in rows.items():
        split = told.get(folders[0])
        members.append((folders[1 if split else 0], Member(name, folders[1 if split else 0], split)))
    ranks = {label: rank for rank, label in enumerate(sorted({label for label, _ in members}, key=natural))}

    def order(row: tuple[str, Member]) -> tuple[object, ...]:
        label, member = row
        return SPLITS.index(member.split or "train"), ranks[label], natural(member.name)

    return [member for _, member in sorted(members, key=order)]
