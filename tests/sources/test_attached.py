"""Pictures that the rows of a table name."""

from __future__ import annotations

import base64
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from sixfold.errors import Place, SourceError
from sixfold.product import Product
from sixfold.progress import Note
from sixfold.sources import gathered, look, source_of


def picture(shade: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((4, 4), shade, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def product(data: Any, **given: Any) -> Product:
    return Product(
        name="p", data=data, given=given or {"photo": {"kind": "image"}}, predict={"price": {"kind": "category"}}
    )


def read(declared: Product, events: list[Any] | None = None) -> pl.DataFrame:
    return pl.concat(gathered(declared, source_of(declared.data), ([] if events is None else events).append))


def fault(declared: Product) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(declared)
    assert caught.value.mend()
    return caught.value


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    """A table in a folder of its own, and six pictures in another."""
    folder = tmp_path / "houses"
    for number in range(3):
        for room in ("front", "kitchen"):
            path = folder / "shots" / f"{number}_{room}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(number * 10 + (room == "kitchen")))
    (folder / "tables").mkdir()
    write(folder, [f"shots/{number}_front.png" for number in range(3)])
    return folder


def write(folder: Path, photos: list[str | None]) -> None:
    numbers = [number % 3 for number in range(len(photos))]
    rows = pl.DataFrame({"id": [float(n) for n in numbers], "photo": photos, "price": [n * 100 for n in numbers]})
    rows.write_csv(folder / "tables" / "houses.csv")


def packed(folder: Path, kind: str) -> str:
    place = folder.with_suffix(f".{kind}")
    if kind == "zip":
        with zipfile.ZipFile(place, "w") as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder).as_posix())
    else:
        with tarfile.open(place, "w:gz") as archive:
            archive.add(folder, ".")
    return str(place)


@pytest.mark.parametrize("kind", ["folder", "zip", "tar.gz"])
def test_paths_of_a_table_become_pictures(houses: Path, kind: str) -> None:
    data = str(houses) if kind == "folder" else packed(houses, kind)
    assert read(product(data))["photo"].to_list() == [picture(0), picture(10), picture(20)]


@pytest.mark.parametrize(
    "paths",
    [
        ["./shots/0_front.png", "shots\\1_front.png", " shots/2_front.png "],
        ["0_front.png", "1_front.png", "2_front.png"],
        ["0_front", "1_front", "2_front"],
        ["shots/0_front", "shots/1_front", "shots/2_front"],
        ["elsewhere/0_front.png", "elsewhere/1_front.png", "elsewhere/2_front.png"],
    ],
)
def test_paths_may_lack_a_folder_or_an_ending(houses: Path, paths: list[str | None]) -> None:
    write(houses, paths)
    assert read(product(str(houses)))["photo"].to_list() == [picture(0), picture(10), picture(20)]


def test_several_columns_may_name_pictures_or_say_how_they_are_called(houses: Path) -> None:
    declared = product(
        str(houses),
        front={"kind": "image", "from": "photo"},
        kitchen={"kind": "image", "from": "{id}_kitchen.png"},
        id={"kind": "number"},
    )
    frame = read(declared)
    assert frame["front"].to_list() == [picture(0), picture(10), picture(20)]
    assert frame["kitchen"].to_list() == [picture(1), picture(11), picture(21)]
    assert frame["id"].to_list() == [0, 1, 2]


def test_files_may_be_called_by_the_number_of_the_row(houses: Path) -> None:
    events: list[Any] = []
    frame = read(product(str(houses), photo={"kind": "image", "from": "{row}_front"}), events)
    assert frame["photo"].to_list() == [picture(10), picture(20), None]
    [note] = [event for event in events if isinstance(event, Note) and event.key == "collect.missing_files"]
    assert (note.values["count"], note.values["total"], note.values["first"]) == (1, 3, "3_front")


def test_a_missing_file_is_a_missing_value_and_told(houses: Path) -> None:
    write(houses, ["0_front.png", None, "5_front.png", "1_front.png"])
    events: list[Any] = []
    frame = read(product(str(houses)), events)
    assert frame["photo"].to_list() == [picture(0), None, None, picture(10)]
    [note] = [event for event in events if isinstance(event, Note) and event.key == "collect.missing_files"]
    assert (note.values["count"], note.values["total"]) == (1, 3)


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("/etc/0_front.png", "unsafe_path"),
        ("../houses/shots/0_front.png", "unsafe_path"),
        ("shots/../shots/0_front.png", "unsafe_path"),
        ("C:\\shots\\0_front.png", "unsafe_path"),
        ("https://example.com/0_front.png", "unsafe_path"),
        ("same", "ambiguous_file"),
    ],
)
def test_unsafe_and_ambiguous_paths_are_refused(houses: Path, path: str, slug: str) -> None:
    for suffix in ("png", "bmp"):
        (houses / "shots" / f"same.{suffix}").write_bytes(picture(1))
    write(houses, ["0_front.png", path])
    error = fault(product(str(houses)))
    assert (error.slug, error.place) == (slug, Place(key="given.photo"))


def test_paths_with_no_picture_at_all_are_an_error(houses: Path) -> None:
    write(houses, ["a.png", "b.png"])
    error = fault(product(str(houses)))
    assert (error.slug, error.values["first"]) == ("no_such_files", "a.png")
    assert error.values["example"].startswith("shots/")


def test_a_table_alone_has_no_pictures_beside_it(houses: Path) -> None:
    assert fault(product(str(houses / "tables" / "houses.csv"))).slug == "paths_without_folder"


def test_pictures_as_text_stay_text(houses: Path) -> None:
    texts = [base64.b64encode(picture(number)).decode() for number in range(3)]
    write(houses, [f"data:image/png;base64,{texts[0]}".replace(",", ";"), "/9j/" + texts[1], texts[2]])
    assert read(product(str(houses)))["photo"].dtype == pl.String


def test_pictures_come_in_pieces_of_bearable_size(houses: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sixfold.sources.folder.Folder.at_once", 2 * len(picture(0)) + 20)
    pieces = list(gathered(product(str(houses)), source_of(str(houses))))
    assert [piece.height for piece in pieces] == [2, 1]


def test_a_changed_picture_changes_digest_and_fingerprint(houses: Path) -> None:
    def digests() -> tuple[str, str]:
        source = source_of(str(houses))
        list(gathered(product(str(houses)), source))
        return source.provenance().digest, source.fingerprint()

    before = digests()
    (houses / "shots" / "1_front.png").write_bytes(picture(99) + b" ")
    assert all(old != new for old, new in zip(before, digests(), strict=True))


def test_a_table_beside_folders_of_pictures_is_named_behind_a_hash(houses: Path) -> None:
    for path in list((houses / "shots").iterdir()):
        room = houses / "shots" / path.stem.partition("_")[2]
        room.mkdir(exist_ok=True)
        path.rename(room / path.name)
    write(houses, ["front/0_front.png", "2_front", "1_front.png"])
    assert read(product(f"{houses}#tables/houses.csv"))["photo"].to_list() == [picture(0), picture(20), picture(10)]
    assert read(product(str(houses)))["price"].unique().sort().to_list() == ["front", "kitchen"]


def test_each_split_has_pictures_of_its_own(houses: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "0_front.png").write_bytes(picture(77))
    (other / "rows.csv").write_text("photo,price\n0_front.png,3\n")
    frame = read(product({"train": str(houses), "test": str(other)}))
    assert frame["photo"].to_list() == [picture(0), picture(10), picture(20), picture(77)]


def test_a_first_look_sees_pictures_where_paths_stand(houses: Path) -> None:
    kinds = {column.name: column.dtype for column in look(str(houses)).columns}
    assert kinds == {"id": "Float64", "photo": "Binary", "price": "Int64"}
    write(houses, ["a.png", "b.png"])
    assert look(str(houses)).columns[1].dtype == "String"


def test_published_tables_of_pictures_are_read(shared_data: Path) -> None:
    rooms = {name: {"kind": "image"} for name in ("front", "bedroom", "bathroom", "kitchen")}
    frame = read(product(str(shared_data / "houses.zip"), **rooms, area={"kind": "number"}))
    assert frame.shape == (535, 6)
    assert sum(frame[name].null_count() for name in rooms) == 0
    declared = Product(
        name="p",
        data=str(shared_data / "steering.zip"),
        given={"frame": {"kind": "image"}},
        predict={"steering": {"kind": "number"}},
    )
    assert read(declared)["frame"].null_count() == 0
