"""Boxes as Pascal VOC, YOLO and COCO write them, with their splits; what is no such file names itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sixfold.errors import SourceError
from sixfold.fields.boxes import Boxes
from sixfold.progress import Note
from sixfold.sources import look, source_of

CELL = {"label": "cell", "x": 10.0, "y": 20.0, "width": 30.0, "height": 40.0}
VOC = """<annotation><size><width>100</width><height>200</height></size>
<object><name>cell</name><bndbox><xmin>10</xmin><ymin>20</ymin><xmax>40</xmax><ymax>60</ymax></bndbox></object>
<object><name>cell</name><bndbox><xmin>7</xmin><ymin>7</ymin><xmax>7</xmax><ymax>9</ymax></bndbox></object>
</annotation>"""
COCO = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 200}, {"id": 2, "file_name": "b.jpg"}],
    "categories": [{"id": 7, "name": "cell"}],
    "annotations": [
        {"image_id": 1, "category_id": 7, "bbox": [10, 20, 30, 40]},
        {"image_id": 1, "category_id": 7, "bbox": [0, 0, 90, 90], "iscrowd": 1},
    ],
}


def laid_out(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return folder


def read(folder: Path, events: list[Any] | None = None) -> pl.DataFrame:
    source = source_of("data", {}, folder, (events if events is not None else []).append)
    frame = pl.concat(source.frames())
    assert source.roles == ("image", "boxes")
    assert source.provenance().digest
    return frame


def encoded(value: str) -> list[list[float]]:
    field = Boxes("b").fit([value])
    return [points.tolist() for points in field.encode_upon([value], [(200, 100)])[0] if points[0]]


SHARES = [1, 0.1, 0.1, 0.3, 0.2]


def test_pascal_voc_with_its_lists_of_splits(tmp_path: Path) -> None:
    files = {f"VOC/JPEGImages/{name}.jpg": name for name in "abcd"}
    files |= {f"VOC/Annotations/{name}.xml": VOC for name in "abcd"}
    files |= {"VOC/ImageSets/Main/train.txt": "a\nb\n", "VOC/ImageSets/Main/val.txt": "c 1\n"}
    files |= {"VOC/ImageSets/Main/trainval.txt": "a\nb\nc\n", "VOC/ImageSets/Main/cell_train.txt": "a 1\n"}
    events: list[Any] = []
    frame = read(laid_out(tmp_path, files), events)
    assert frame["__split__"].to_list() == ["train", "train", "validation"]
    assert frame["image"].to_list() == [b"a", b"b", b"c"]
    assert encoded(frame["boxes"][0])[0] == pytest.approx(SHARES)
    told = {event.key: event.values for event in events if isinstance(event, Note)}
    assert told["collect.empty_boxes"]["count"] == 3
    assert told["collect.pairs"]["companion"] == "VOC/Annotations/a.xml"


@pytest.mark.parametrize(
    ("where", "names"),
    [
        (("images/train/{}.jpg", "labels/train/{}.txt"), {"data.yaml": "names: [dust, cell]\n"}),
        (("train/images/{}.jpg", "train/labels/{}.txt"), {"data.yaml": "names: {0: dust, 1: cell}\n"}),
        (("{}.jpg", "{}.txt"), {"classes.txt": "dust\ncell\n"}),
    ],
)
def test_yolo_with_the_names_of_its_classes(tmp_path: Path, where: tuple[str, str], names: dict[str, str]) -> None:
    files = {where[0].format(name): name for name in "ab"}
    files |= {where[1].format("a"): "1 0.25 0.2 0.3 0.2\n", where[1].format("b"): ""}
    frame = read(laid_out(tmp_path, {**files, **names}))
    assert encoded(frame["boxes"][0])[0] == pytest.approx(SHARES)
    assert json.loads(frame["boxes"][0])["boxes"][0]["label"] == "cell"
    assert json.loads(frame["boxes"][1])["boxes"] == []


def test_coco_without_its_crowds(tmp_path: Path) -> None:
    both = {**COCO, "images": [{**one, "file_name": one["file_name"].replace(".", "2.")} for one in COCO["images"]]}
    files = {"annotations/instances_train.json": json.dumps(COCO), "annotations/instances_val.json": json.dumps(both)}
    files |= {"annotations/captions_train.json": "{}"}
    files |= {f"train/{name}.jpg": name for name in "ab"} | {f"val/{name}2.jpg": name for name in "ab"}
    frame = read(laid_out(tmp_path, files))
    assert frame["__path__"].to_list() == ["train/a.jpg", "train/b.jpg", "val/a2.jpg", "val/b2.jpg"]
    assert frame["__split__"].to_list() == ["train", "train", "validation", "validation"]
    assert encoded(frame["boxes"][0]) == [pytest.approx(SHARES)]
    assert json.loads(frame["boxes"][1])["boxes"] == []


@pytest.mark.parametrize(
    ("files", "slug", "named"),
    [
        ({"a.xml": VOC, "b.xml": "<annotation><object/></annotation>"}, "bad_annotation", "b.xml"),
        ({"a.xml": VOC, "b.xml": "<annotation>"}, "bad_annotation", "b.xml"),
        ({"a.xml": VOC, "b.xml": '<!DOCTYPE a [<!ENTITY b "c">]><annotation/>'}, "bad_annotation", "b.xml"),
        ({"a.txt": "0 0.5 0.5 0.1 0.1", "b.txt": "cell 0.5"}, "bad_annotation", "b.txt"),
        ({"_annotations.coco.json": '{"images": 3}'}, "bad_annotation", "_annotations.coco.json"),
        ({"_annotations.coco.json": json.dumps(COCO).replace(".jpg", ".bmp")}, "no_pictures_of_boxes", "a.bmp"),
    ],
)
def test_a_file_that_is_none_of_them_is_named(tmp_path: Path, files: dict[str, str], slug: str, named: str) -> None:
    pictures = {f"{name}.jpg": name for name in ("xy" if slug == "no_pictures_of_boxes" else "ab")}
    with pytest.raises(SourceError) as caught:
        read(laid_out(tmp_path, {**pictures, **files}))
    assert caught.value.slug == slug
    assert named in str(caught.value)
    assert caught.value.mend()


def test_a_first_look_tells_pictures_and_boxes(tmp_path: Path) -> None:
    laid_out(tmp_path, {**{f"{name}.jpg": name for name in "ab"}, **{f"{name}.xml": VOC for name in "ab"}})
    found = look("data", tmp_path)
    assert found.roles == ("image", "boxes")
    assert found.rows == 2
