"""Texts, JSON documents and series: formats in which a file or a line is a row, and what lies inside an archive."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sixfold.errors import SourceError
from sixfold.product import Product
from sixfold.progress import Note
from sixfold.sources import gathered, look, source_of


def read(place: str, base: Path, **options: Any) -> pl.DataFrame:
    return pl.concat(source_of(place, options, base).frames())


def code(place: str, base: Path, **options: Any) -> str:
    with pytest.raises(SourceError) as caught:
        read(place, base, **options)
    assert caught.value.mend()
    return caught.value.slug


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def packed(folder: Path, to: Path) -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    return to


# Lines of label and text


LINES = "".join(f"{number % 2} the {number}th film{' , well made' * (number % 3)}\n" for number in range(60))


def test_lines_of_label_and_text_are_found_and_told(tmp_path: Path) -> None:
    (tmp_path / "reviews.txt").write_bytes(
        LINES.encode() + "1 Le café\tau lait était très bon, déjà à midi\n\n".encode("latin-1")
    )
    events: list[Any] = []
    source = source_of("reviews.txt", {}, tmp_path, events.append)
    frame = pl.concat(source.frames())
    assert frame.schema == {"text": pl.String, "label": pl.Int64}
    assert (frame.height, frame.row(0), frame.row(-1)) == (
        61,
        ("the 0th film", 0),
        ("Le café\tau lait était très bon, déjà à midi", 1),
    )
    assert "collect.label_text" in {event.key for event in events if isinstance(event, Note)}
    assert source.provenance().detected["reviews.txt"]["format"] == "label_text"


def test_rows_sorted_by_label_are_found_all_the_same(tmp_path: Path) -> None:
    lines = [
        f"{label} some words{', more' * (number % 3)} {number}\n"
        for label in ("neg", "pos")
        for number in range(20_000)
    ]
    (tmp_path / "a.txt").write_text("".join(lines))
    assert read("a.txt", tmp_path)["label"].value_counts(sort=True)["count"].to_list() == [20_000, 20_000]


def test_their_columns_may_be_called_anything(tmp_path: Path) -> None:
    (tmp_path / "a_train.txt").write_text(LINES)
    (tmp_path / "a_test.txt").write_text(LINES[:2000])
    places = {"train": str(tmp_path / "a_train.txt"), "test": str(tmp_path / "a_test.txt")}
    for data in (places, str(tmp_path / "a_*.txt")):
        product = Product(name="p", data=data, given={"sentence": {"kind": "text"}}, predict={"good": "yes_no"})
        frame = pl.concat(gathered(product, source_of(data)))
        assert frame.columns == ["sentence", "good", "__split__"]
        assert frame["__split__"].unique(maintain_order=True).to_list() == ["train", "test"]


def test_prose_and_tables_are_no_labels(tmp_path: Path) -> None:
    write(tmp_path, {"prose.txt": "".join(f"word{n} of the {n}th line\n" for n in range(60))})
    assert code("prose.txt", tmp_path) == "no_delimiter"
    write(tmp_path, {"table.txt": "".join(f"{n % 2} x,{n},b\n" for n in range(60))})
    assert read("table.txt", tmp_path).width == 3
    write(tmp_path, {"few.txt": "a one\nb two\n"})
    assert read("few.txt", tmp_path, format="label_text").rows() == [("one", "a"), ("two", "b")]
    assert code("few.txt", tmp_path, format="label_text", encoding="utf-16") == "wrong_encoding"


def test_published_lines_have_their_published_counts(shared_data: Path) -> None:
    trec = read("trec_*.txt", shared_data)
    assert trec["__split__"].value_counts(sort=True).rows() == [("train", 5452), ("test", 500)]
    assert trec["label"].n_unique() == 6
    reviews = read("movie_review_polarity.txt", shared_data)
    assert reviews["label"].value_counts(sort=True)["count"].to_list() == [5331, 5331]
    assert read("sms_spam.tsv", shared_data)["Label"].value_counts(sort=True).rows() == [("ham", 4827), ("spam", 747)]
    chinese = read("chnsenticorp.zip", shared_data)
    assert dict(chinese["__split__"].value_counts().rows()) == {"train": 9600, "validation": 1200, "test": 1200}


# Texts in class folders


REVIEWS: dict[str, str | bytes] = {
    "README.txt": "not a row",
    "test/neg/1.txt": "bad",
    "test/pos/1.txt": "good",
    "train/neg/2.txt": "schön, aber für Kinder zu lang".encode("latin-1"),
    "train/neg/10.txt": "worse\n",
    "train/pos/1.txt": "很好".encode(),
    "train/pos/3.txt": "\ufefffine",
    "train/urls.txt": "no row either",
}


@pytest.mark.parametrize("is_packed", [False, True])
def test_texts_in_class_folders_are_rows(tmp_path: Path, is_packed: bool) -> None:
    place = write(tmp_path / "reviews", REVIEWS)
    if is_packed:
        place = packed(place, tmp_path / "reviews.zip")
    source = source_of(str(place))
    frame = pl.concat(source.frames())
    assert source.roles == ("text", "class")
    assert frame.select("text", "class", "__split__").rows() == [
        ("schön, aber für Kinder zu lang", "neg", "train"),
        ("worse", "neg", "train"),
        ("很好", "pos", "train"),
        ("fine", "pos", "train"),
        ("bad", "neg", "test"),
        ("good", "pos", "test"),
    ]
    seen = look(str(place))
    assert (seen.roles, seen.rows, seen.splits) == (("text", "class"), 6, ("train", "test"))
    assert seen.columns[0].values[:2] == ("schön, aber für Kinder zu lang", "worse")


def test_texts_of_one_file_per_folder_are_tables(tmp_path: Path) -> None:
    write(tmp_path / "a", {"train/rows.txt": "x,y\n1,2\n", "test/rows.txt": "x,y\n3,4\n"})
    assert read("a", tmp_path).rows() == [(1, 2, "train"), (3, 4, "test")], "folders called after splits tell them"
    write(tmp_path / "b", {"neg/all.txt": "x,y\n1,2\n", "pos/all.txt": "x,y\n1,2\n"})
    assert code("b", tmp_path) == "several_tables"


def test_a_document_that_is_no_text_is_named(tmp_path: Path) -> None:
    write(tmp_path / "a", {**REVIEWS, "train/pos/4.txt": bytes(range(1, 9)) * 9 + b"\xff"})
    with pytest.raises(SourceError) as caught:
        read("a", tmp_path)
    assert (caught.value.slug, caught.value.values["path"]) == ("binary_file", "train/pos/4.txt")


# JSON documents


def test_json_documents_are_rows(tmp_path: Path) -> None:
    files = {
        "train/2.json": json.dumps({"title": "b", "stars": 2}),
        "train/10.json": json.dumps([{"title": "c", "stars": 2.5}, {"title": "d", "more": {"x": 1}}]),
        "test/1.json": json.dumps({"title": "a", "stars": None}),
    }
    frame = read(str(write(tmp_path / "a", dict(files))), tmp_path)
    assert frame.drop("__path__").to_dicts() == [
        {"title": "b", "stars": 2.0, "more": None, "__split__": "train"},
        {"title": "c", "stars": 2.5, "more": None, "__split__": "train"},
        {"title": "d", "stars": None, "more": '{"x": 1}', "__split__": "train"},
        {"title": "a", "stars": None, "more": None, "__split__": "test"},
    ]
    assert frame["__path__"].to_list() == ["train/2.json", "train/10.json", "train/10.json", "test/1.json"]
    for text, slug in (("{", "bad_json"), ("[1]", "not_an_object")):
        write(tmp_path / "a", {"train/3.json": text})
        assert code("a", tmp_path) == slug


# Series of the UCR archive


HEADER = "# a comment\n@problemName p\n@timeStamps false\n@univariate true\n@classLabel true a b\n\n@data\n"


def test_series_are_lists_of_steps(tmp_path: Path) -> None:
    write(tmp_path, {"P_TRAIN.ts": HEADER + "1,2.5,?:a\n# between\n-1e-3,NaN:b\n", "P_TEST.ts": HEADER + "4:a\n"})
    source = source_of("P_*.ts", {}, tmp_path)
    frame = pl.concat(source.frames())
    assert source.roles == ("series", "class")
    assert frame.rows() == [([1.0, 2.5, None], "a", "train"), ([-0.001, None], "b", "train"), ([4.0], "a", "test")]


def test_series_of_several_channels_are_lists_of_lists(tmp_path: Path) -> None:
    write(tmp_path, {"a.ts": HEADER + "1,2,3:4,5:a\n7:8:b\n"})
    frame = read("a.ts", tmp_path)
    assert frame["series"].to_list() == [[[1.0, 4.0], [2.0, 5.0], [3.0, None]], [[7.0, 8.0]]]


def test_a_series_may_have_a_number_or_nothing_beside_it(tmp_path: Path) -> None:
    write(tmp_path, {"n.ts": "@targetlabel true\n@data\n1,2:3.5\n", "u.ts": "@classLabel false\n@data\n1,2\n"})
    assert read("n.ts", tmp_path).rows() == [([1.0, 2.0], 3.5)]
    assert read("u.ts", tmp_path).rows() == [([1.0, 2.0],)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("const x: number = 1;\n", 1),
        (HEADER + "1,x:a\n", 8),
        (HEADER + "1,2:a\n1:2:a\n", 9),
        (HEADER + "1 2 3\n", 8),
        (HEADER.replace("timeStamps false", "timeStamps true") + "(0,1):a\n", 7),
    ],
)
def test_what_is_no_series_is_told_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    write(tmp_path, {"a.ts": text})
    with pytest.raises(SourceError) as caught:
        read("a.ts", tmp_path)
    assert (caught.value.slug, caught.value.values["line"]) == ("bad_series", str(line))


def test_published_series_have_their_published_shapes(shared_data: Path) -> None:
    shapes = {"GunPoint": (50, 150, 1), "ItalyPowerDemand": (67, 1029, 1), "ArrowHead": (36, 175, 1)}
    shapes |= {"JapaneseVowels": (270, 370, 12), "BasicMotions": (40, 40, 6)}
    for name, (train, test, channels) in shapes.items():
        frame = read(f"ucr_series.zip#{name}", shared_data)
        assert dict(frame["__split__"].value_counts().rows()) == {"train": train, "test": test}
        depth = frame["series"].dtype == pl.List(pl.List(pl.Float64))
        assert (len(frame["series"][0][0]) if depth else 1) == channels
    lengths = read("ucr_series.zip#JapaneseVowels", shared_data)["series"].list.len()
    assert (lengths.min(), lengths.max()) == (7, 29)


# What lies inside


def test_a_part_of_an_archive_is_named_behind_a_hash(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "one/A_TRAIN.ts": HEADER + "1:a\n",
        "one/A_TEST.ts": HEADER + "2:b\n",
        "two/B_TRAIN.ts": HEADER + "3:a\n",
        "two/B_TEST.ts": HEADER + "4:b\n",
        "two/more.csv": "x,y\n1,2\n",
    }
    folder = write(tmp_path / "sets", files)
    packed(folder, tmp_path / "sets.zip")
    for place in ("sets", "sets.zip"):
        with pytest.raises(SourceError) as caught:
            read(place, tmp_path)
        assert (caught.value.slug, caught.value.values["names"]) == ("several_sets", "one, two")
        assert read(f"{place}#two", tmp_path)["series"].to_list() == [[3.0], [4.0]]
        assert read(f"{place}#*A_*", tmp_path)["series"].to_list() == [[1.0], [2.0]]
        assert read(f"{place}#two/more.csv", tmp_path).rows() == [(1, 2)]
        with pytest.raises(SourceError) as caught:
            read(f"{place}#tow", tmp_path)
        assert (caught.value.slug, caught.value.values["guess"]) == ("not_inside", "two")


def test_a_hash_in_a_real_name_is_a_letter(tmp_path: Path) -> None:
    packed(write(tmp_path / "a", {"rows.csv": "x,y\n1,2\n"}), tmp_path / "a#1.zip")
    assert read("a#1.zip", tmp_path).rows() == [(1, 2)]
