"""Words by which folders and files say which split they are; and the natural order of names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sixfold.errors import SourceError

__all__ = ["SPLITS", "natural", "split_named", "splits_of_files"]

SPLITS = ("train", "validation", "test")

_WORDS = {
    "train": "train",
    "training": "train",
    "训练": "train",
    "训练集": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "验证": "validation",
    "验证集": "validation",
    "test": "test",
    "testing": "test",
    "测试": "test",
    "测试集": "test",
}


def split_named(word: str) -> str | None:
    """The split that a folder's name means, if it means one."""
    return _WORDS.get(word.strip().lower())


def splits_of_files(stems: Sequence[str], where: str) -> list[str] | None:
    """The split of each of several files, told by words in their names; ``None`` where they tell none.

    Raises:
        SourceError: Some tell a split and others do not, or one tells two.
    """
    told = [{split for word in re.split(r"[_\-.\s]+", stem) if (split := split_named(word))} for stem in stems]
    if not any(told) or (all(told) and len(set.union(*told)) == 1):
        return None
    unclear = [stem for stem, splits in zip(stems, told, strict=True) if len(splits) != 1]
    if unclear:
        raise SourceError("unclear_split", path=where, names=", ".join(unclear[:5]))
    return [splits.pop() for splits in told]


def natural(name: str) -> tuple[list[str | int], str]:
    """A key that sorts 2 before 10."""
    parts = re.split(r"(\d+)", name.lower())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name
