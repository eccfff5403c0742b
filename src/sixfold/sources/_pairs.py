"""Pictures that each have a companion, a mask or a file of boxes: in a folder beside theirs, or called after them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

from sixfold.sources._splits import SPLITS, natural, split_named

__all__ = [
    "box_pairs",
    "class_names",
    "coco_files",
    "mask_pairs",
    "ordered",
    "split_lists",
    "split_of",
    "splits_listed",
]

_PICTURES = frozenset(
    {"image", "images", "img", "imgs", "jpegimages", "photo", "photos", "picture", "pictures", "input", "inputs"}
    | {"leftimg8bit", "图片", "图像", "照片"}
)
"""Words by which a folder says that it holds pictures."""

_MASKS = frozenset(
    {"mask", "masks", "annotation", "annotations", "segmentation", "segmentations", "segmentationclass", "groundtruth"}
    | {"label", "labels", "gt", "gtfine", "target", "targets", "seg", "trimaps", "掩码", "标注", "标签"}
)
_MASK_ENDING = re.compile(
    r"[_\-. ]?(?:masks?|labels?|labelids|gtfine_labelids|trainids|seg|segmentation|gt|annotation|掩码|标注|L)$",
    re.IGNORECASE,
)
_SEPARATED_ENDING = re.compile(
    r"[_\-. ](?:mask|label|labelids|seg|segmentation|gt|annotation|掩码|标注|L)$", re.IGNORECASE
)
_PICTURE_ENDING = re.compile(r"[_\-. ](?:leftImg8bit|image|img|photo|rgb)$", re.IGNORECASE)

_BOX_SUFFIXES = {".xml": "voc", ".txt": "yolo"}
_COCO = re.compile(
    r"(?:^|/)(?:_?annotations?\.coco|instances[\w.\-]*|[\w.\-]*coco[\w.\-]*|annotations?)\.json$", re.IGNORECASE
)
_NAMES = ("classes.txt", "obj.names", "data.yaml", "data.yml", "dataset.yaml")
_LISTS = re.compile(r"(?:^|/)ImageSets/(?:Main|Segmentation|Layout)/(?:train|val|test)\.txt$")

_FEWEST = 2
_LEAST_PAIRED = 0.5
"""Of the pictures, the share that must have a mask for it to be no coincidence."""

_WORD = re.compile(r"[\s_\-]+")


def mask_pairs(pictures: Sequence[str]) -> dict[str, str]:
    """For each picture its mask, where names say that one is the other's; empty where they say nothing of the kind.

    ``images/7.jpg`` and ``masks/7.png``, at whatever depth and also ``7_mask.png`` there; or ``7.jpg`` and
    ``7_mask.png`` in one folder.

    Args:
        pictures: The names of all pictures, relative and with ``/``.
    """
    by_folder = _paired(pictures, _in_parallel)
    found = by_folder or _paired(pictures, _in_one_folder)
    return found if len(found) >= max(_FEWEST, _LEAST_PAIRED * (len(pictures) - len(found))) else {}


def box_pairs(pictures: Sequence[str], names: Sequence[str]) -> tuple[str, dict[str, str]]:
    """How the boxes of pictures are written (``voc`` or ``yolo``), and for each picture the file that tells them.

    ``images/7.jpg`` and ``labels/7.txt`` or ``annotations/7.xml``, at whatever depth; or ``7.jpg`` and ``7.xml`` in one
    folder.

    Args:
        pictures: The names of all pictures, relative and with ``/``.
        names: The names of all files.
    """
    for suffix, way in _BOX_SUFFIXES.items():
        files = [name for name in names if name.lower().endswith(suffix) and PurePosixPath(name).name not in _NAMES]
        for key_of in (_without_folder, _without_suffix):
            by_key = {key_of(name): name for name in files}
            found = {name: by_key[key] for name in pictures if (key := key_of(name)) in by_key}
            # A text of the same name beside a picture is seldom anything else, an XML file never.
            if len(found) >= max(_FEWEST, _LEAST_PAIRED * len(pictures)):
                return way, found
    return "", {}


def coco_files(names: Sequence[str]) -> list[str]:
    """The files that are COCO's by their names; where some are called after instances, they alone."""
    found = [name for name in names if _COCO.search(name)]
    return [name for name in found if PurePosixPath(name).name.startswith("instances")] or found


def split_lists(names: Sequence[str]) -> tuple[str, ...]:
    """The lists that tell which picture is of which split (``ImageSets/Main/train.txt``)."""
    return tuple(name for name in names if _LISTS.search(name))


def class_names(names: Sequence[str]) -> tuple[str, ...]:
    """The files in which YOLO keeps the names of classes, the clearest first."""
    return tuple(name for wanted in reversed(_NAMES) for name in names if PurePosixPath(name).name == wanted)


def split_of(name: str) -> str | None:
    """The split that a folder of a file's tells: ``val/images/7.jpg``."""
    return next((split for folder in name.split("/")[:-1] if (split := split_named(folder))), None)


def splits_listed(names: Sequence[str], lists: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The split of each file of some names, as lists of names without endings tell (``ImageSets/Main/train.txt``).

    Args:
        names: The files.
        lists: By the name of a list its lines, of which the first word is a name.
    """
    by_stem: dict[str, str] = {}
    for file, lines in lists.items():
        split = split_named(PurePosixPath(file).stem)
        if split is not None:
            by_stem.update({line.split()[0]: split for line in lines if line.strip()})
    found = {name: by_stem.get(PurePosixPath(name).stem) for name in names}
    return {name: split for name, split in found.items() if split is not None}


def ordered(splits: Mapping[str, str | None]) -> list[str]:
    """Files by their split, and in a split as people count."""
    return sorted(splits, key=lambda name: (SPLITS.index(splits[name] or "train"), natural(name)))


def _without_folder(name: str) -> tuple[str, ...]:
    """A file's folders but for the one that says what it holds, and its stem."""
    *folders, _ = name.split("/")
    kept = [folder for folder in folders if folder.lower() not in _PICTURES | _MASKS]
    return (*kept, PurePosixPath(name).stem) if len(kept) < len(folders) else (name,)


def _without_suffix(name: str) -> tuple[str, ...]:
    return (name.rpartition(".")[0],)


def _paired(pictures: Sequence[str], key_of: Callable[[str], tuple[str, tuple[str, ...]]]) -> dict[str, str]:
    photos: dict[tuple[str, ...], str] = {}
    masks: dict[tuple[str, ...], str] = {}
    for name in pictures:
        kind, key = key_of(name)
        if kind == "photo":
            photos[key] = name
        elif kind == "mask":
            masks[key] = name
    return {photos[key]: masks[key] for key in photos if key in masks}


def _in_parallel(name: str) -> tuple[str, tuple[str, ...]]:
    """What a picture is by its folders, and what it has in common with its companion."""
    *folders, _ = name.split("/")
    stem = PurePosixPath(name).stem
    for place, folder in enumerate(folders):
        words = {folder.lower(), *_WORD.split(folder.lower())}
        if words & _MASKS:
            return "mask", (*folders[:place], *folders[place + 1 :], _MASK_ENDING.sub("", stem) or stem)
        if words & _PICTURES:
            return "photo", (*folders[:place], *folders[place + 1 :], _PICTURE_ENDING.sub("", stem) or stem)
    return "", ()


def _in_one_folder(name: str) -> tuple[str, tuple[str, ...]]:
    *folders, _ = name.split("/")
    stem = PurePosixPath(name).stem
    bare = _SEPARATED_ENDING.sub("", stem)
    return ("mask" if bare != stem and bare else "photo"), (*folders, bare)
