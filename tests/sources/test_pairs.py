"""Pictures with companions: found by folders and by names, with their splits; class folders stay class folders."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from sixfold.progress import Note
from sixfold.sources import look, source_of


def laid_out(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return folder


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (
            ["train/img/1.jpg", "train/masks/1.png", "val/img/2.jpg", "val/masks/2.png"],
            [("train/img/1.jpg", "train/masks/1.png", "train"), ("val/img/2.jpg", "val/masks/2.png", "validation")],
        ),
        (
            ["d/images/10.jpg", "d/images/9.jpg", "d/labels/9_mask.png", "d/labels/10_mask.png", "d/read.md"],
            [("d/images/9.jpg", "d/labels/9_mask.png", None), ("d/images/10.jpg", "d/labels/10_mask.png", None)],
        ),
        (
            ["a.jpg", "a_mask.png", "b.jpg", "b_mask.png"],
            [("a.jpg", "a_mask.png", None), ("b.jpg", "b_mask.png", None)],
        ),
        (
            [*(f"JPEGImages/{name}.jpg" for name in "789"), *(f"SegmentationClass/{name}.png" for name in "79")],
            [("JPEGImages/7.jpg", "SegmentationClass/7.png", None),
             ("JPEGImages/9.jpg", "SegmentationClass/9.png", None)],
        ),
        (
            ["leftImg8bit/train/x_leftImg8bit.png", "gtFine/train/x_gtFine_labelIds.png",
             "leftImg8bit/val/y_leftImg8bit.png", "gtFine/val/y_gtFine_labelIds.png"],
            [("leftImg8bit/train/x_leftImg8bit.png", "gtFine/train/x_gtFine_labelIds.png", "train"),
             ("leftImg8bit/val/y_leftImg8bit.png", "gtFine/val/y_gtFine_labelIds.png", "validation")],
        ),
        (
            ["图片/甲.jpg", "掩码/甲.png", "图片/乙.jpg", "掩码/乙.png"],
            [("图片/乙.jpg", "掩码/乙.png", None), ("图片/甲.jpg", "掩码/甲.png", None)],
        ),
    ],
)  # fmt: skip
def test_a_picture_is_found_with_its_mask(
    tmp_path: Path, names: list[str], pairs: list[tuple[str, str, str | None]]
) -> None:
    laid_out(tmp_path / "data", *names)
    events: list[Note] = []
    source = source_of("data", {}, tmp_path, events.append)
    frame = pl.concat(source.frames())
    assert source.roles == ("image", "mask")
    assert frame["__path__"].to_list() == [picture for picture, _, _ in pairs]
    assert frame["image"].to_list() == [picture.encode() for picture, _, _ in pairs]
    assert frame["mask"].to_list() == [mask.encode() for _, mask, _ in pairs]
    splits = frame["__split__"].to_list() if "__split__" in frame.columns else [None] * frame.height
    assert splits == [split for _, _, split in pairs]
    assert any(event.key == "collect.pairs" for event in events)
    assert source.provenance().digest


def test_class_folders_stay_class_folders_whatever_their_files_are_called(tmp_path: Path) -> None:
    laid_out(tmp_path / "data", "cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png", "dog/2_mask.png")
    source = source_of("data", {}, tmp_path)
    assert pl.concat(source.frames())["class"].to_list() == ["cat", "cat", "dog", "dog", "dog"]


def test_a_first_look_tells_pictures_and_masks(tmp_path: Path) -> None:
    laid_out(tmp_path / "data", "images/1.png", "images/2.png", "masks/1.png", "masks/2.png")
    found = look("data", tmp_path)
    assert found.roles == ("image", "mask")
    assert [column.name for column in found.columns] == ["image", "mask"]
    assert found.rows == 2
