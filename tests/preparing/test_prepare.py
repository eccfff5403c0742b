"""The second stage: from collected rows to arrays, with what it found on the way."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image as Pillow

from sixfold.errors import DataError, ProductError
from sixfold.networks.cnn import Cnn
from sixfold.preparing import CHECKS
from sixfold.product import Product
from sixfold.progress import Finding, Note
from sixfold.stages.collect import Collect
from sixfold.stages.prepare import Prepare
from sixfold.store import Artefact, Prepared, Store, Workspace

Make = Callable[..., Product]


def table(rows: int = 400, **columns: Any) -> pl.DataFrame:
    """A table with two honest columns: x tells the target as well as a coin that falls right four times in five."""
    dice = np.random.default_rng(7)
    target = dice.integers(0, 3, rows)
    x = np.where(dice.random(rows) < 0.8, target, dice.integers(0, 3, rows)) + dice.normal(0, 0.1, rows)
    base = {"x": x, "colour": [("red", "green", "blue")[i] for i in dice.integers(0, 3, rows)]}
    return pl.DataFrame({**base, "target": [f"class {i}" for i in target], **columns})


GIVEN = {"x": "number", "colour": "category"}


def png(seed: int, size: int = 12) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def pictures(rows: int = 60) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "photo": [png(row) for row in range(rows)],
            "target": ["a" if row % 2 else "b" for row in range(rows)],
            "__path__": [f"{'ab'[row % 2]}/{row}.png" for row in range(rows)],
        }
    )


def found(report: dict[str, Any], check: str) -> list[dict[str, Any]]:
    return [finding for finding in report["findings"] if finding["check"] == check]


def test_fields_are_fitted_on_training_rows_alone_and_arrays_are_theirs(bench: Any, product: Make) -> None:
    frame = table()
    made, report, work = bench.prepare(product(GIVEN), frame)
    train = made.whole("train", work)
    rows = train["__row__"]
    known = frame["x"].to_numpy()[rows]
    assert made.given["x"].state["mean"] == pytest.approx(known.mean())
    for split in ("train", "validation", "test"):
        arrays = made.whole(split, work)
        values = frame[arrays["__row__"].tolist()]
        for name, field in (*made.given.items(), ("target", made.target)):
            np.testing.assert_array_equal(arrays[name], field.encode(values[name].to_list()))
    assert sum(made.rows(split) for split in ("train", "validation", "test")) == 400 == report["rows"]
    assert (np.diff(rows) < 0).any()  # mixed
    assert (np.diff(made.whole("test", work)["__row__"]) > 0).all()
    assert report["splits"]["test"]["rows"] == made.rows("test") == 80
    assert list(report["splits"]["train"]["classes"]) == ["class 0", "class 1", "class 2"]
    assert any(isinstance(event, Note) and str(event) for event in bench.events)


def test_the_same_rows_make_the_same_artefact(bench: Any, product: Make) -> None:
    first, second = (bench.prepare(product(GIVEN), table())[0].artefact.digest for _ in range(2))
    assert first == second


def test_what_the_artefact_depends_on_changes_with_kind_option_and_section(product: Make) -> None:
    keys = [
        Prepare().depends_on(made)
        for made in (
            product({"x": "number"}),
            product({"x": "category"}),
            product({"x": {"kind": "yes_no", "yes": "a"}}),
            product({"x": "number"}, split={"seed": 1}),
            product({"x": "number"}, "yes_no"),
        )
    ]
    assert all(one != other for i, one in enumerate(keys) for other in keys[:i])


def test_a_network_that_is_named_asks_options_of_given_columns_and_product_yaml_has_the_last_word(
    bench: Any, product: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asks(_: Any, kind: str, options: Any) -> dict[str, Any]:
        return {"size": 4 * options.get("filters", [1])[0], "color": "grey"} if kind == "image" else {}

    plain = Prepare().depends_on(product({"photo": "image"}))
    monkeypatch.setattr(Cnn, "asks", classmethod(asks))
    made = product({"photo": "image"})
    assert Prepare().depends_on(made) == plain
    named = made.changed(train={"network": "cnn", "filters": [2]})
    assert Prepare().depends_on(named)["columns"]["photo"]["options"] == {"size": 8, "color": "grey"}
    prepared, *_ = bench.prepare(named, pictures())
    assert prepared.given["photo"].form.shape == (8, 8, 1)
    said = named.changed(given={"photo": {"kind": "image", "size": 5}})
    assert bench.prepare(said, pictures())[0].given["photo"].form.shape == (5, 5, 1)


def test_rows_without_a_target_are_left_out_and_told(bench: Any, product: Make) -> None:
    frame = table().with_columns(pl.when(pl.int_range(400) < 10).then(None).otherwise(pl.col("target")).alias("target"))
    made, report, work = bench.prepare(product(GIVEN), frame)
    rows = np.concatenate([made.whole(split, work)["__row__"] for split in ("train", "validation", "test")])
    assert sorted(rows.tolist()) == list(range(10, 400))
    assert report["left_out"]["missing target"] == 10
    (finding,) = found(report, "missing target")
    assert finding["count"] == 10
    assert "#1" in finding["says"]["en"]


def test_a_few_values_of_the_wrong_kind_count_as_missing_and_many_are_an_error(bench: Any, product: Make) -> None:
    texts = [str(value) for value in table()["x"]]
    few = table().with_columns(pl.Series("x", ["oops", *texts[1:]]))
    _, report, _ = bench.prepare(product(GIVEN), few)
    (finding,) = found(report, "bad values")
    assert (finding["column"], finding["count"], finding["rows"]) == ("x", 1, [0])
    many = table().with_columns(pl.Series("x", ["oops"] * 5 + texts[5:]))
    with pytest.raises(DataError) as caught:
        bench.prepare(product(GIVEN), many)
    assert caught.value.code == "data.bad_values"
    assert caught.value.values["count"] == "5"
    assert "oops" not in str(caught.value)


def test_infinite_numbers_are_bad_values(bench: Any, product: Make) -> None:
    frame = table(x=[np.inf, np.nan, *np.linspace(0, 1, 398)])
    _, report, _ = bench.prepare(product(GIVEN), frame)
    assert found(report, "bad values")[0]["rows"] == [0]
    assert found(report, "missing values")[0]["count"] == 2


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (table().with_columns(target=pl.lit("same")), "data.one_class"),
        (table().with_columns(target=pl.lit(None, pl.String)), "data.target_missing"),
        (table().with_columns(target=pl.int_range(400).cast(pl.String)), "data.classes_too_small"),
        (table(2), "data.too_few_rows"),
        (table().clear(), "data.no_rows"),
        (table().drop("colour"), "data.no_column"),
    ],
)
def test_rows_from_which_nothing_can_be_learned_are_an_error(
    bench: Any, product: Make, frame: pl.DataFrame, code: str
) -> None:
    with pytest.raises(DataError) as caught:
        bench.prepare(product(GIVEN), frame)
    assert caught.value.code == code
    assert caught.value.exit_code == 2
    assert caught.value.says("en") != caught.value.says("zh")


def test_a_yes_that_is_not_clear_is_an_error_of_its_column(bench: Any, product: Make) -> None:
    with pytest.raises(DataError) as caught:
        bench.prepare(product(GIVEN, "yes_no"), table())
    assert caught.value.code == "data.bad_column"


def test_an_unknown_check_is_an_error_with_a_guess(bench: Any, product: Make) -> None:
    with pytest.raises(ProductError) as caught:
        bench.prepare(product(GIVEN, checks={"duplicate_row": "off"}), table())
    assert caught.value.code == "product.unknown_check"
    assert caught.value.values["guess"] == "duplicate rows"


def test_thresholds_are_product_yamls_to_set(bench: Any, product: Make) -> None:
    frame = DIRTY["imbalance"][1]
    assert not found(bench.prepare(product(GIVEN, thresholds={"imbalance": 1000}), frame)[1], "imbalance")
    assert found(bench.prepare(product(GIVEN, thresholds={"few rows": 100}), frame)[1], "few rows")
    with pytest.raises(ProductError) as caught:
        bench.prepare(product(GIVEN, thresholds={"few_row": 5}), frame)
    assert caught.value.code == "product.unknown_threshold"
    assert caught.value.values["guess"] == "few rows"


def test_a_sound_table_raises_no_alarm(bench: Any, product: Make) -> None:
    _, report, _ = bench.prepare(product(GIVEN), table())
    assert report["findings"] == []


def notes(rows: int = 400) -> list[str]:
    """Texts of eight words each, no two of them alike."""
    dice = np.random.default_rng(5)
    words = ["".join(dice.choice(list("abcdefghiklmnoprstu"), 6)) for _ in range(300)]
    return [" ".join(dice.choice(words, 8)) for _ in range(rows)]


def shapes(rows: int = 120) -> pl.DataFrame:
    """Pictures of two classes, dark above or dark below, under much noise."""
    dice, frames = np.random.default_rng(3), []
    for row in range(rows):
        pixels = dice.integers(80, 256, (24, 24, 3))
        pixels[slice(0, 12) if row % 2 else slice(12, 24)] -= 40
        frames.append(pixels.astype(np.uint8))
    return pl.DataFrame({"photo": [saved(one) for one in frames], "target": ["ab"[row % 2] for row in range(rows)]})


def saved(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def marked(frame: pl.DataFrame) -> pl.DataFrame:
    """Pictures with a corner in the colour of their class."""
    shown = []
    for picture, label in frame.select("photo", "target").rows():
        pixels = np.array(Pillow.open(io.BytesIO(picture)))
        pixels[:3, :3] = (255, 0, 0) if label == "a" else (0, 0, 255)
        shown.append(saved(pixels))
    return frame.with_columns(photo=pl.Series(shown))


def told(rows: int = 400) -> pl.DataFrame:
    """A table whose x tells the target, but for twenty labels that are wrong."""
    dice = np.random.default_rng(11)
    target = dice.integers(0, 3, rows)
    wrong = np.where(np.arange(rows) % 20 == 7, (target + 1) % 3, target)
    return pl.DataFrame(
        {"x": target + dice.normal(0, 0.05, rows), "colour": ["red"] * rows, "target": [f"class {i}" for i in wrong]}
    )


DIRTY: dict[str, tuple[dict[str, Any], pl.DataFrame]] = {
    "missing values": (GIVEN, table(x=[None] * 200 + [float(i) / 7 for i in range(200)])),
    "constant columns": ({**GIVEN, "k": "category"}, table(k=["k"] * 400)),
    "duplicate rows": (GIVEN, pl.concat([table(), table()[:7]])),
    "contradicting rows": (
        GIVEN,
        pl.concat([table(), *(table()[:1].with_columns(target=pl.lit(f"class {i}")) for i in (0, 1))]),
    ),
    "few rows": (GIVEN, pl.concat([table(), table(40)[:5].with_columns(x=pl.col("x") + 1, target=pl.lit("rare"))])),
    "imbalance": (GIVEN, table().filter((pl.col("target") == "class 0") | (pl.int_range(400) < 30))),
    "unseen values": (
        {**GIVEN, "city": "category"},
        table(city=["a"] * 300 + ["new"] * 100, __split__=["train"] * 300 + ["test"] * 100),
    ),
    "like an id": ({**GIVEN, "id": "number"}, table(id=np.random.default_rng(0).permutation(400) + 10_000)),
    "gives the target away": (
        {**GIVEN, "code": "number"},
        table().with_columns(code=pl.col("target").str.tail(1).cast(pl.Int64) * 10),
    ),
    "skewed numbers": ({**GIVEN, "income": "number"}, table(income=np.random.default_rng(2).lognormal(10, 1.5, 400))),
    "rare values": (
        {**GIVEN, "shop": "category"},
        table(shop=[f"corner shop {row}" if row < 150 else f"market {row % 9}" for row in range(400)]),
    ),
    "long text": (
        {**GIVEN, "note": {"kind": "text", "length": 4}},
        table(note=[f"note {row}" if row % 9 else f"a note of some length, the {row}th" for row in range(400)]),
    ),
    "short series": (
        {**GIVEN, "wave": "series"},
        table(wave=[[float(step) for step in range(4 if row == 7 else 20 + row % 5)] for row in range(400)]),
    ),
    "near duplicates": (
        {"note": "text"},
        table(note=[*notes()[:390], *(f"{note} again" for note in notes()[:10])]),
    ),
    "telling words": (
        {"note": "text"},
        table().with_columns(note=pl.Series(notes()) + " tag" + pl.col("target").str.tail(1)),
    ),
    "telling pictures": ({"photo": "image"}, marked(shapes())),
    "blank pictures": (
        {"photo": "image"},
        pl.concat([shapes(), shapes()[:1].with_columns(photo=pl.lit(saved(np.full((24, 24, 3), 9, np.uint8))))]),
    ),
    "same subject": (
        {**GIVEN, "patient": "category"},
        table(patient=[f"p{row % 60}" for row in range(400)]),
    ),
    "outliers": (GIVEN, table().with_columns(x=pl.when(pl.int_range(400) == 5).then(900.0).otherwise(pl.col("x")))),
    "drift": (
        GIVEN,
        table(__split__=["train"] * 250 + ["test"] * 150).with_columns(
            x=pl.col("x") + pl.when(pl.int_range(400) < 250).then(0).otherwise(1)
        ),
    ),
    "label noise": (GIVEN, told()),
    "groups": ({**GIVEN, "sex": "category"}, table(sex=["f"] * 380 + ["m"] * 20)),
    "label rates of groups": (
        {**GIVEN, "region": "category"},
        table().with_columns(
            region=pl.when((pl.col("target") == "class 1") & (pl.int_range(400) % 4 > 0))
            .then(pl.lit("north"))
            .otherwise(pl.lit("south"))
        ),
    ),
    "personal data": (
        {"note": "text"},
        table(note=[f"{note} me@example.org" if row % 50 == 0 else note for row, note in enumerate(notes())]),
    ),
    "shared rows": (
        GIVEN,
        pl.concat([table(), table()[:9]]).with_columns(
            __split__=pl.when(pl.int_range(409) < 300).then(pl.lit("train")).otherwise(pl.lit("test"))
        ),
    ),
}


@pytest.mark.parametrize("check", DIRTY)
def test_each_check_finds_what_it_is_named_for_and_can_be_turned_off_or_made_to_fail(
    bench: Any, product: Make, check: str
) -> None:
    given, frame = DIRTY[check]
    _, report, _ = bench.prepare(product(given), frame)
    (finding, *_) = found(report, check)
    assert finding["says"]["en"] != finding["says"]["zh"]
    assert finding["mend"]["en"] != finding["mend"]["zh"]
    assert check in {event.check for event in bench.events if isinstance(event, Finding)}
    _, report, _ = bench.prepare(product(given, checks={check: "off"}), frame)
    assert not found(report, check)
    with pytest.raises(DataError) as caught:
        bench.prepare(product(given, checks={check: "fail"}), frame)
    assert caught.value.code == "data.check_failed"
    assert caught.value.values["check"] == check


def test_every_check_is_shown_at_work() -> None:
    elsewhere = {"missing target", "bad values", "unseen classes", "missing pictures", "unreadable images"}
    elsewhere |= {"unreadable values", "missing outcome", "telling numbers"}
    assert set(DIRTY) | elsewhere == set(CHECKS)


def test_an_id_does_not_give_the_target_away_nor_does_a_column_in_a_skewed_table(bench: Any, product: Make) -> None:
    dice = np.random.default_rng(1)
    frame = pl.DataFrame(
        {
            "id": [f"customer {i}" for i in range(1000)],
            "x": dice.normal(size=1000),
            "target": ["rare" if i % 50 == 0 else "common" for i in range(1000)],
        }
    )
    _, report, _ = bench.prepare(product({"id": "category", "x": "number"}), frame)
    assert not found(report, "gives the target away")
    assert found(report, "like an id")[0]["column"] == "id"


def test_what_was_asked_for_is_not_told_as_found(bench: Any, product: Make) -> None:
    for check, column, option in (
        ("skewed numbers", "income", {"kind": "number", "scale": "log"}),
        ("skewed numbers", "income", {"kind": "number", "scale": "linear"}),
        ("rare values", "shop", {"kind": "category", "rare": 1}),
    ):
        _, report, _ = bench.prepare(product({**GIVEN, column: option}), DIRTY[check][1])
        assert not found(report, check)


def test_measured_numbers_are_not_taken_for_ids(bench: Any, product: Make) -> None:
    _, report, _ = bench.prepare(product({**GIVEN, "m": "number"}), table(m=np.random.default_rng(0).normal(size=400)))
    assert not found(report, "like an id")


def test_rows_of_a_few_categories_that_coincide_are_not_called_the_same_row(bench: Any, product: Make) -> None:
    frame = table().with_columns(size=pl.Series(["s", "m"] * 200))
    made, report, _ = bench.prepare(product({"colour": "category", "size": "category"}), frame)
    assert report["shared_rows"] == {"train/test": 0, "train/validation": 0, "validation/test": 0}
    assert not found(report, "duplicate rows")
    assert made.rows("test") == 80


def test_copies_of_a_row_stay_on_one_side_of_a_random_split(bench: Any, product: Make) -> None:
    frame = pl.concat([table(200)] * 3)
    made, report, work = bench.prepare(product(GIVEN), frame)
    assert report["shared_rows"] == {"train/test": 0, "train/validation": 0, "validation/test": 0}
    sides = [set((made.whole(split, work)["__row__"] % 200).tolist()) for split in ("train", "validation", "test")]
    assert not (sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2])


def test_an_official_split_that_leaks_is_kept_and_the_leaked_rows_are_named(bench: Any, product: Make) -> None:
    frame = DIRTY["shared rows"][1]
    made, report, work = bench.prepare(product(GIVEN), frame)
    train, test = (set(made.whole(split, work)["__row__"].tolist()) for split in ("train", "test"))
    leaked = [row + 400 for row in range(9) if row in train]
    assert report["split"] == {"way": "official", "official": ["test", "train"]}
    assert report["leaked_test_rows"] == leaked
    assert report["shared_rows"] == {"train/test": len(leaked), "train/validation": 0, "validation/test": 0}
    assert test == set(range(300, 409))
    assert report["left_out"]["shared rows"] == 9 - len(leaked)  # the validation rows are ours: they make way


def test_pictures_with_the_same_pixels_are_the_same_row_whatever_their_bytes(bench: Any, product: Make) -> None:
    frame = pictures()
    again = io.BytesIO()
    Pillow.open(io.BytesIO(frame["photo"][0])).save(again, "BMP")
    shared = pl.concat([frame, frame[:1].with_columns(photo=pl.lit(again.getvalue()))])
    official = shared.with_columns(__split__=pl.Series(["train"] * 50 + ["test"] * 11))
    _, report, _ = bench.prepare(product({"photo": "image"}), official)
    leaks = report["shared_rows"]["train/test"] + report["shared_rows"]["validation/test"]
    assert leaks == 1
    assert report["leaked_test_rows"] == [60]
    for seed in range(8):
        made, report, _ = bench.prepare(product({"photo": "image"}, split={"seed": seed}), shared)
        assert set(report["shared_rows"].values()) == {0}
        assert (
            sum(made.rows(split) for split in ("train", "validation", "test")) == 61 - report["left_out"]["shared rows"]
        )


def test_texts_that_say_the_same_are_the_same_row_whatever_their_case_blanks_and_width(
    bench: Any, product: Make
) -> None:
    texts = [f"Room {row}: the walls are thin （隔音 差）" for row in range(60)]
    copies = [
        texts[0].upper(),
        texts[1].replace(" ", "  ") + "\u3000\n",
        texts[2].replace("（", "(").replace("）", ")"),
    ]
    frame = pl.DataFrame(
        {
            "review": [*texts, *copies, "another"],
            "target": ["good", "bad"] * 32,
            "__split__": ["train"] * 50 + ["test"] * 14,
        }
    )
    made, report, work = bench.prepare(product({"review": "text"}), frame)
    train = set(made.whole("train", work)["__row__"].tolist()) | set(made.whole("validation", work)["__row__"].tolist())
    assert report["leaked_test_rows"] == [row for row in (60, 61, 62) if row - 60 in train]
    assert len(report["leaked_test_rows"]) >= 2
    assert "shared rows" in {one["check"] for one in report["findings"]}


def test_of_texts_nothing_but_their_lengths_is_told(bench: Any, product: Make) -> None:
    notes = [None if row == 0 else " ".join(["secret"] * (1 + row % 5)) for row in range(400)]
    made, report, work = bench.prepare(product({**GIVEN, "note": "text"}), table(note=notes))
    about = report["columns"]["note"]
    assert "secret" not in str(report)
    assert about["lengths"]["of"] == "tokens"
    assert about["lengths"]["limit"] == made.given["note"].form.shape[0]
    ends = about["lengths"]["quantiles"]
    assert (ends["0.0"], ends["1.0"]) == (1, 5)
    assert sum(about["lengths"]["histogram"]["train"]) == made.rows("train") - (about["missing"]["train"] > 0)
    arrays = made.whole("train", work)
    expected = made.given["note"].encode([notes[row] for row in arrays["__row__"].tolist()])
    np.testing.assert_array_equal(arrays["note"], expected)


@pytest.mark.parametrize(("days", "by", "bars"), [(1, "day", 40), (30, "month", 39), (400, "year", 43)])
def test_dates_are_counted_by_day_month_or_year(bench: Any, product: Make, days: int, by: str, bars: int) -> None:
    day = [None, *(dt.date(2001, 1, 1) + dt.timedelta(days=days * (row % 40)) for row in range(1, 400))]
    made, report, work = bench.prepare(product({**GIVEN, "day": "date"}), table(day=day))
    about = report["columns"]["day"]["dates"]
    assert (about["first"], about["by"], len(about["from"])) == ("2001-01-01T00:00:00", by, bars)
    assert about["from"][0] == "2001-01-01"[: {"day": 10, "month": 7, "year": 4}[by]]
    for split in ("train", "validation", "test"):
        rows = made.whole(split, work)["__row__"].tolist()
        assert sum(about[split]) == sum(row > 0 for row in rows)
        np.testing.assert_array_equal(made.whole(split, work)["day"], made.given["day"].encode([day[r] for r in rows]))


@pytest.mark.parametrize("kind", ["text", "date"])
def test_any_kind_may_be_the_target(bench: Any, product: Make, kind: str) -> None:
    values = {"text": [f"text {row}" for row in range(400)], "date": [f"2001-01-{1 + row % 28}" for row in range(400)]}
    made, report, work = bench.prepare(product(GIVEN, kind), table().with_columns(target=pl.Series(values[kind])))
    assert report["split"]["way"] == "random"
    assert [made.rows(split) for split in ("train", "validation", "test")] == [288, 32, 80]
    rows = made.whole("test", work)["__row__"].tolist()
    expected = made.target.encode([values[kind][row] for row in rows])
    np.testing.assert_array_equal(made.whole("test", work)["target"], expected)


def waves(rows: int = 400) -> pl.DataFrame:
    """Series of two channels, the first of which is higher in class 1, and of 10 to 14 steps."""
    dice = np.random.default_rng(5)
    target = dice.integers(0, 2, rows)
    wave = [
        [[10.0 + 5 * one + dice.normal(), 100.0 * step] for step in range(10 + row % 5)]
        for row, one in enumerate(target)
    ]
    return pl.DataFrame({"wave": wave, "target": [f"class {one}" for one in target]})


def test_series_are_told_by_their_lengths_channels_and_mean_course_of_each_class(bench: Any, product: Make) -> None:
    frame = waves()
    made, report, work = bench.prepare(product({"wave": "series"}), frame[:150], frame[150:])
    about = report["columns"]["wave"]
    assert (about["lengths"]["of"], about["lengths"]["limit"], about["channels"]) == ("steps", 14, 2)
    assert about["lengths"]["quantiles"]["0.0"] == 10
    assert [curve["class"] for curve in about["curves"]] == ["class 0", "class 1"]
    assert sum(curve["rows"] for curve in about["curves"]) == made.rows("train")
    for curve, level in zip(about["curves"], (10, 15), strict=True):
        assert curve["steps"] == list(range(14))
        np.testing.assert_allclose(curve["channels"]["1"], level, atol=0.5)
        np.testing.assert_allclose(curve["channels"]["2"], [100 * step for step in range(14)], atol=0.1)
    rows = made.whole("test", work)["__row__"].tolist()
    np.testing.assert_array_equal(
        made.whole("test", work)["wave"], made.given["wave"].encode(frame["wave"][rows].to_list())
    )


def test_series_that_cannot_be_read_are_missing_values_and_copies_of_one_are_found(bench: Any, product: Make) -> None:
    frame = waves()
    values = frame["wave"].to_list()
    texts = [str(value) for value in values]  # series may come as JSON text
    texts[0], texts[1] = "[1, 2", "[1, 2, 3]"  # no JSON; one channel, where others have two
    texts[399] = texts[2].replace(" ", "")
    split = pl.Series(["train"] * 300 + ["test"] * 100)
    made, report, work = bench.prepare(
        product({"wave": "series"}), frame.with_columns(wave=pl.Series(texts), __split__=split)
    )
    assert found(report, "bad values")[0]["rows"] == [0]
    assert found(report, "unreadable values")[0]["rows"] == [1]
    assert sum(report["left_out"].values()) == 0
    arrays = [made.whole(split, work) for split in ("train", "validation", "test")]
    rows = np.concatenate([array["__row__"] for array in arrays])
    there = np.concatenate([array["wave"].any(axis=(1, 2)) for array in arrays])
    assert sorted(rows[~there].tolist()) == [0, 1]
    assert report["leaked_test_rows"] == [399]
    many = frame.with_columns(wave=pl.Series(["[1, 2, 3]"] * 30 + texts[30:]))
    with pytest.raises(DataError) as caught:
        bench.prepare(product({"wave": "series"}), many)
    assert caught.value.code == "data.bad_values"


def test_pictures_that_cannot_be_read_are_left_out_and_named(bench: Any, product: Make) -> None:
    frame = pictures().with_columns(photo=pl.Series([b"no picture", png(1)[:60], *(png(n) for n in range(2, 60))]))
    made, report, work = bench.prepare(product({"photo": "image"}), frame[:40], frame[40:])
    rows = np.concatenate([made.whole(split, work)["__row__"] for split in ("train", "validation", "test")])
    assert sorted(rows.tolist()) == list(range(2, 60))
    (finding,) = found(report, "unreadable images")
    assert "a/0.png, b/1.png" in finding["says"]["en"]
    for split in ("train", "validation", "test"):
        arrays = made.whole(split, work)
        expected = made.given["photo"].encode([frame["photo"][row] for row in arrays["__row__"].tolist()])
        np.testing.assert_array_equal(arrays["photo"], expected)


def test_a_row_without_the_picture_that_is_all_it_has_is_left_out_and_told(bench: Any, product: Make) -> None:
    frame = pictures().with_columns(photo=pl.Series([None, b"", *(png(n) for n in range(2, 60))]))
    made, report, work = bench.prepare(product({"photo": "image"}), frame)
    rows = np.concatenate([made.whole(split, work)["__row__"] for split in ("train", "validation", "test")])
    assert sorted(rows.tolist()) == list(range(2, 60))
    assert report["left_out"]["missing pictures"] == 2
    (finding,) = found(report, "missing pictures")
    assert "2 rows have no photo" in finding["says"]["en"]
    assert "a/0.png, b/1.png" in finding["says"]["zh"].replace("、", ", ")


def test_beside_other_columns_missing_and_unreadable_pictures_are_missing_values_and_their_rows_stay(
    bench: Any, product: Make
) -> None:
    frame = pictures().with_columns(
        photo=pl.Series([None, b"no picture", *(png(n) for n in range(2, 60))]),
        back=pl.Series([png(100 + n, 9) for n in range(59)] + [None]),
        x=pl.Series(np.linspace(0, 1, 60)),
    )
    made, report, work = bench.prepare(product({"photo": "image", "x": "number", "back": "image"}), frame)
    assert [sum(report["left_out"].values()), report["splits"]["test"]["rows"]] == [0, 12]
    for split in ("train", "validation", "test"):
        arrays = made.whole(split, work)
        for at, row in enumerate(arrays["__row__"].tolist()):
            assert arrays["photo"][at].any() == (row > 1)
            assert arrays["back"][at].any() == (row < 59)
    (unreadable,) = found(report, "unreadable images")
    assert "photo: 1 pictures count as missing" in unreadable["says"]["en"]
    assert {one["column"]: one["count"] for one in found(report, "missing values")} == {"photo": 1, "back": 1}
    assert report["columns"]["back"]["sizes"] == [{"height": 9, "width": 9, "count": 59}]


def test_rows_that_lack_their_pictures_are_not_the_same_row_by_coincidence(bench: Any, product: Make) -> None:
    frame = pictures().with_columns(
        photo=pl.Series([None] * 30 + [png(n) for n in range(30)]), size=pl.Series(["s", "m"] * 30)
    )
    _, report, _ = bench.prepare(product({"photo": "image", "size": "category"}), frame)
    assert not found(report, "duplicate rows")
    assert report["left_out"]["shared rows"] == 0


def test_too_many_unreadable_pictures_are_an_error(bench: Any, product: Make) -> None:
    frame = pictures().with_columns(photo=pl.Series([b"no picture"] * 20 + [png(n) for n in range(40)]))
    with pytest.raises(DataError) as caught:
        bench.prepare(product({"photo": "image"}), frame)
    assert caught.value.code == "data.unreadable_images"


def test_test_rows_of_a_class_that_training_lacks_are_left_out_while_few(bench: Any, product: Make) -> None:
    marks = {"__split__": ["train"] * 300 + ["test"] * 100}
    few = table(**marks).with_columns(
        target=pl.when(pl.int_range(400) > 397).then(pl.lit("new")).otherwise(pl.col("target"))
    )
    made, report, _ = bench.prepare(product(GIVEN), few)
    assert made.target.state["classes"] == ["class 0", "class 1", "class 2"]
    assert made.rows("test") == 98
    assert "new" in found(report, "unseen classes")[0]["says"]["en"]
    many = few.with_columns(target=pl.when(pl.int_range(400) > 350).then(pl.lit("new")).otherwise(pl.col("target")))
    with pytest.raises(DataError) as caught:
        bench.prepare(product(GIVEN), many)
    assert caught.value.code == "data.unseen_classes"


def test_a_number_is_a_target_like_any_other_and_its_splits_are_drawn_from_every_range_of_it(
    bench: Any, product: Make
) -> None:
    price = np.random.default_rng(3).lognormal(10, 1, 400)
    price[:3] = np.nan
    made, report, work = bench.prepare(product(GIVEN, "number"), table().with_columns(target=pl.Series(price)))
    low, high = np.nanquantile(price, (0.1, 0.9))
    for split, count in (("train", 286), ("validation", 32), ("test", 79)):
        rows = made.whole(split, work)["__row__"]
        assert len(rows) == count
        assert np.mean(price[rows] <= low) == pytest.approx(0.1, abs=0.03)
        assert np.mean(price[rows] >= high) == pytest.approx(0.1, abs=0.03)
        np.testing.assert_array_equal(made.whole(split, work)["target"], made.target.encode(price[rows]))
    assert report["split"]["way"] == "stratified"
    assert report["left_out"]["missing target"] == 3
    assert "classes" not in report["splits"]["train"]
    assert report["columns"]["target"]["quantiles"]["0.5"] == pytest.approx(np.nanmedian(price), rel=0.05)


def test_a_number_to_predict_that_never_changes_is_an_error(bench: Any, product: Make) -> None:
    with pytest.raises(DataError) as caught:
        bench.prepare(product(GIVEN, "number"), table().with_columns(target=pl.lit(2.5)))
    assert caught.value.code == "data.constant_target"
    assert caught.value.values["value"] == "2.5"
    by_time = table().with_columns(target=pl.when(pl.int_range(400) < 300).then(1).otherwise(2), day=pl.int_range(400))
    with pytest.raises(DataError) as caught:
        bench.prepare(product(GIVEN, "number", split={"time": "day"}), by_time)
    assert caught.value.code == "data.constant_target"


def test_groups_and_times_tell_the_split_by_columns_that_are_not_given(bench: Any, product: Make) -> None:
    frame = table(patient=[row // 10 for row in range(400)], day=[f"2025-01-{1 + row % 28:02d}" for row in range(400)])
    made, _, work = bench.prepare(product(GIVEN, split={"group": "patient"}), frame)
    sides = [set((made.whole(split, work)["__row__"] // 10).tolist()) for split in ("train", "validation", "test")]
    assert not (sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2])
    made, report, work = bench.prepare(product(GIVEN, split={"time": "day"}), frame)
    days = [made.whole(split, work)["__row__"] % 28 for split in ("train", "validation", "test")]
    assert days[0].max() < days[1].min() <= days[1].max() < days[2].min()
    assert report["split"]["way"] == "time"


def test_many_pictures_make_many_shards_each_of_them_mixed(
    bench: Any, product: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sixfold.preparing._encoding as encoding

    monkeypatch.setattr(encoding, "_SHARD_BYTES", 4000)
    monkeypatch.setattr(encoding, "_AT_ONCE_BYTES", 9000)
    frame = pictures().sort("target")
    made, _, work = bench.prepare(product({"photo": "image"}), *(frame[start : start + 20] for start in (0, 20, 40)))
    shards = list(made.arrays("train", work))
    assert len(shards) > 3
    assert all({1, 2} == set(shard["target"].tolist()) for shard in shards)
    rows = np.concatenate([made.whole(split, work)["__row__"] for split in ("train", "validation", "test")])
    assert sorted(rows.tolist()) == list(range(60))
    whole = made.whole("train", work)
    np.testing.assert_array_equal(
        whole["photo"], made.given["photo"].encode([frame["photo"][row] for row in whole["__row__"].tolist()])
    )


REAL: dict[str, dict[str, Any]] = {
    "digits": {"data": "sklearn:digits", "given": {"photo": "image"}, "predict": {"digit": "category"}},
    "sign": {"data": "sign_digits.zip", "given": {"photo": "image"}, "predict": {"digit": "category"}},
    "cancer": {
        "data": "sklearn:breast_cancer",
        "given": {"mean radius": "number", "worst area": "number"},
        "predict": {"target": "category"},
    },
    "adult": {
        "data": {"train": "adult_train.csv", "test": "adult_test.csv"},
        "given": {"age": "number", "workclass": "category", "education": "category", "hours": "number"},
        "predict": {"income": {"kind": "yes_no", "yes": ">50K"}},
    },
    "telco": {
        "data": {"train": "telco_churn_train.csv", "test": "telco_churn_test.csv"},
        "given": {"customerID": "category", "tenure": "number", "TotalCharges": "number", "Contract": "category"},
        "predict": {"Churn": "yes_no"},
    },
}
EXPECTED: dict[str, tuple[int, tuple[int, ...], dict[str, Any]]] = {
    "digits": (1797, (8, 8, 1), {}),
    "sign": (2062, (64, 64, 3), {}),
    "cancer": (569, (1,), {}),
    "adult": (48842, (1,), {"missing values": "workclass"}),
    "telco": (7043, (), {"like an id": "customerID"}),
}


def test_the_copies_in_a_published_split_of_reviews_are_found(shared_data: Path, store: Store) -> None:
    product = Product(
        name="reviews",
        data=str(shared_data / "chnsenticorp.zip"),
        given={"text_a": "text"},
        predict={"label": "category"},
    )
    made = collected_and_prepared(product, store)
    report = Workspace(store, "evaluate", "evaluate").read_json(made, "report.json")
    assert report["split"]["official"] == ["test", "train", "validation"]
    assert report["shared_rows"]["train/test"] == 331  # 330 different texts, one of them twice
    assert "331 of 1200 test rows are also train rows" in found(report, "shared rows")[0]["says"]["en"]


def collected_and_prepared(product: Product, store: Store) -> Artefact:
    work = Workspace(store, "collect", "collect")
    collected = store.keep("collect", "collect", Collect().run(product, {}, work), work.members)
    work = Workspace(store, "prepare", "prepare")
    return store.keep("prepare", "prepare", Prepare().run(product, {"collect": collected}, work), work.members)


@pytest.mark.parametrize("name", REAL)
def test_real_data_is_prepared(name: str, store: Store, request: pytest.FixtureRequest) -> None:
    told = dict(REAL[name])
    if not str(told["data"]).startswith("sklearn:"):
        folder = request.getfixturevalue("shared_data")
        places = told["data"]
        told["data"] = (
            {split: str(folder / place) for split, place in places.items()}
            if isinstance(places, dict)
            else str(folder / places)
        )
    product = Product(name=name, **told)
    made = collected_and_prepared(product, store)
    work = Workspace(store, "evaluate", "evaluate")
    prepared, report = Prepared.open(made, work), work.read_json(made, "report.json")
    rows, shape, findings = EXPECTED[name]
    splits = [prepared.rows(split) for split in ("train", "validation", "test")]
    assert sum(splits) + sum(report["left_out"].values()) == rows == report["rows"]
    assert next(iter(prepared.given.values())).form.shape == shape
    assert {check: found(report, check)[0]["column"] for check in findings} == findings
    assert prepared.whole("train", work)[product.target_name].min() > 0
