"""Files that say what is where in pictures: Pascal VOC's XML, YOLO's lines and COCO's JSON, as values of boxes.

What is read is never run: a document type or an entity in XML is refused, and sizes are bounded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree as ET

import orjson

from sixfold.errors import SourceError

__all__ = ["Boxed", "coco", "voc", "yolo", "yolo_names"]

_MOST_BYTES = 16 << 20
_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_YOLO_NUMBERS = 5


class Boxed:
    """Values of boxes in the making, and how many boxes without an area were left out of them."""

    def __init__(self) -> None:
        self.empty = 0

    def value(self, boxes: Sequence[Mapping[str, Any]], **told: Any) -> str:
        """The JSON text of a picture's boxes; one that has no area marks nothing, and is counted instead."""
        kept = [box for box in boxes if box["width"] > 0 and box["height"] > 0]
        self.empty += len(boxes) - len(kept)
        return json.dumps({**told, "boxes": kept}, ensure_ascii=False)


def voc(name: str, data: bytes, boxed: Boxed) -> str:
    """The boxes of one file of Pascal VOC (Everingham et al. 2010).

    Raises:
        SourceError: It is no such file.
    """
    if len(data) > _MOST_BYTES or b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise SourceError("bad_annotation", path=name, kind="Pascal VOC XML", reason="a document type is not read")
    try:
        root = ET.fromstring(data)  # noqa: S314 — entities and document types were refused above
        boxes = [_of_voc(one) for one in root.iter("object")]
        size = root.find("size")
        told = {} if size is None else {side: float(_text(size, side)) for side in ("width", "height")}
    except (ET.ParseError, ValueError) as error:
        raise SourceError("bad_annotation", path=name, kind="Pascal VOC XML", reason=error) from error
    return boxed.value(boxes, **(told if all(told.values()) else {}))


def yolo(name: str, data: bytes, names: Mapping[int, str], boxed: Boxed) -> str:
    """The boxes of one file of YOLO: `class middle-x middle-y width height` in each line, as shares of the picture.

    Args:
        name: Of the file.
        data: Its content.
        names: The label of each class; its number where there is none.
        boxed: What makes the value.

    Raises:
        SourceError: A line is none of these.
    """
    boxes = []
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            code, (x, y, width, height) = int(words[0]), map(float, words[1:_YOLO_NUMBERS])
        except ValueError:
            reason = f"line {number} is not `class x y width height`"
            raise SourceError("bad_annotation", path=name, kind="YOLO", reason=reason) from None
        told = {"x": x - width / 2, "y": y - height / 2, "width": width, "height": height}
        boxes.append({"label": names.get(code, str(code)), **told})
    return boxed.value(boxes, units="relative")


def yolo_names(files: Mapping[str, bytes]) -> dict[int, str]:
    """The labels of YOLO's classes: from data.yaml (`names:`), or from classes.txt or obj.names, one a line."""
    for file, data in files.items():
        text = data.decode("utf-8-sig", "replace")
        if PurePosixPath(file).suffix.lower() in (".yaml", ".yml"):
            if found := _of_yaml(text):
                return found
        else:
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            return dict(enumerate(lines))
    return {}


def coco(name: str, data: bytes, boxed: Boxed) -> dict[str, str]:
    """The boxes of each picture of one file of COCO (Lin et al. 2014), by the picture's file name; crowds are left out.

    Raises:
        SourceError: It is no such file.
    """
    try:
        record = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
        labels = {one["id"]: str(one["name"]) for one in record["categories"]}
        pictures = {one["id"]: one for one in record["images"]}
        boxes: dict[Any, list[dict[str, Any]]] = {key: [] for key in pictures}
        for one in record["annotations"]:
            if not one.get("iscrowd"):
                sides = dict(zip(("x", "y", "width", "height"), map(float, one["bbox"]), strict=True))
                boxes[one["image_id"]].append({"label": labels[one["category_id"]], **sides})
        return {
            str(one["file_name"]): boxed.value(
                boxes[key], **{side: one[side] for side in ("width", "height") if one.get(side)}
            )
            for key, one in pictures.items()
        }
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise SourceError("bad_annotation", path=name, kind="COCO JSON", reason=reason) from error


def _of_voc(one: Any) -> dict[str, Any]:
    corners = one.find("bndbox")
    if corners is None:
        raise ValueError("an object without bndbox")
    left, top, right, bottom = (float(_text(corners, corner)) for corner in _CORNERS)
    return {"label": _text(one, "name"), "x": left, "y": top, "width": right - left, "height": bottom - top}


def _text(parent: Any, name: str) -> str:
    found = parent.find(name)
    if found is None or not (found.text or "").strip():
        raise ValueError(f"<{parent.tag}> without <{name}>")
    return str(found.text).strip()


def _of_yaml(text: str) -> dict[int, str]:
    import yaml

    try:
        record = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    names = record.get("names") if isinstance(record, Mapping) else None
    if isinstance(names, list):
        return {number: str(name) for number, name in enumerate(names)}
    if isinstance(names, Mapping):
        return {int(number): str(name) for number, name in names.items()}
    return {}
