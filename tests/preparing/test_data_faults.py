"""Faults that are planted into sound rows are found, and named as what they are."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from sixfold.errors import SourceError
from sixfold.preparing._look import code_points, sketches
from sixfold.product import Product
from sixfold.stages.collect import Collect
from sixfold.store import Store, Workspace

Make = Callable[..., Product]


def found(report: dict[str, Any], check: str) -> list[dict[str, Any]]:
    return [finding for finding in report["findings"] if finding["check"] == check]


def texts(rows: int) -> list[str]:
    dice = np.random.default_rng(1)
    words = ["".join(dice.choice(list("abcdefghiklmnoprstu"), 6)) for _ in range(400)]
    return [" ".join(dice.choice(words, 9)) for _ in range(rows)]


def photo(seed: int) -> Pillow.Image:
    rough = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return Pillow.fromarray(rough).resize((48, 48), Pillow.Resampling.BICUBIC)


def saved(picture: Pillow.Image, **how: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, **how)
    return stream.getvalue()


@given(st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=5))
@settings(deadline=None)
def test_a_sketch_is_that_of_the_text_alone_and_blind_to_case_and_marks(words: list[str]) -> None:
    together = sketches(words)
    for word, sketch in zip(words, together, strict=True):
        np.testing.assert_array_equal(sketches([word])[0], sketch)
        np.testing.assert_array_equal(sketches([f"  {word} !"])[0], sketches([word])[0])


def test_sketches_agree_as_often_as_texts_share_shingles() -> None:
    gaps = []
    for text in texts(300):
        changed = text[:20] + "x" + text[21:-9]
        one, two = ({tuple(points[place : place + 3]) for place in range(len(points) - 2)}
                    for points in (code_points(text).tolist(), code_points(changed).tolist()))  # fmt: skip
        gaps.append((sketches([text]) == sketches([changed])).mean() - len(one & two) / len(one | two))
    assert abs(np.mean(gaps)) < 0.01
    assert np.std(gaps) < 0.08


def test_pictures_saved_anew_smaller_and_brighter_are_nearly_the_same_and_others_are_not(
    bench: Any, product: Make
) -> None:
    originals = [photo(seed) for seed in range(100)]
    again = [
        saved(originals[0], format="JPEG", quality=60),
        saved(originals[1].resize((36, 36)), format="PNG"),
        saved(originals[2].point(lambda level: min(255, level + 20)), format="PNG"),
    ]
    shown = [*(saved(one, format="PNG") for one in originals), *again]
    frame = pl.DataFrame(
        {
            "photo": shown,
            "target": ["ab"[row % 2] for row in range(len(shown))],
            "__split__": ["train"] * 80 + ["test"] * 23,
        }
    )
    _, report, _ = bench.prepare(product({"photo": "image"}), frame)
    (finding,) = found(report, "near duplicates")
    assert sorted(finding["rows"]) == [100, 101, 102]
    assert finding["severity"] == "warning"  # they are on the other side
    assert {tuple(one["rows"]) for one in finding["shows"]} == {(0, 100), (1, 101), (2, 102)}


def test_wrong_labels_are_listed_the_surest_first_with_what_they_look_like(bench: Any, product: Make) -> None:
    dice = np.random.default_rng(0)
    kind = dice.integers(0, 2, 600)
    wrong = np.sort(dice.choice(600, 30, replace=False))
    label = kind.copy()
    label[wrong] = 1 - label[wrong]
    frame = pl.DataFrame(
        {
            "x": kind + dice.normal(0, 0.2, 600),
            "y": dice.normal(size=600),
            "target": ["no" if i else "yes" for i in label],
        }
    )
    _, report, _ = bench.prepare(product({"x": "number", "y": "number"}), frame)
    (finding,) = found(report, "label noise")
    assert finding["severity"] == "warning"
    assert len(set(finding["rows"]) & set(wrong.tolist())) >= 27
    assert len(set(finding["rows"]) - set(wrong.tolist())) <= 6
    assert "looks like" in finding["shows"][0]["says"]["en"]


def test_a_column_made_from_a_number_to_predict_gives_it_away(bench: Any, product: Make) -> None:
    dice = np.random.default_rng(0)
    price = dice.normal(100, 20, 300)
    frame = pl.DataFrame(
        {"rooms": price / 30 + dice.normal(0, 1, 300), "tax": price * 0.19 + dice.normal(0, 0.05, 300), "target": price}
    )
    _, report, _ = bench.prepare(product({"rooms": "number", "tax": "number"}, target="number"), frame)
    assert [finding["column"] for finding in found(report, "telling numbers")] == ["tax"]


def test_files_of_one_patient_in_two_splits_are_found_by_their_names(bench: Any, product: Make) -> None:
    rows = 120
    frame = pl.DataFrame(
        {
            "photo": [saved(photo(row), format="PNG") for row in range(rows)],
            "target": ["ab"[row % 2] for row in range(rows)],
            "__path__": [f"x/person{row // 3}_{row}.png" for row in range(rows)],
        }
    )
    _, report, _ = bench.prepare(product({"photo": "image"}), frame)
    assert found(report, "same subject")[0]["column"] == "file names"
    apart = frame.with_columns(__path__=pl.Series([f"x/IMG_{row}.png" for row in range(rows)]))
    _, report, _ = bench.prepare(product({"photo": "image"}), apart)
    assert not found(report, "same subject")


def test_groups_that_product_yaml_names_are_counted_whether_given_or_not(bench: Any, product: Make) -> None:
    dice = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "x": dice.normal(size=300),
            "team": ["red", "blue", "blue"] * 100,
            "target": ["yes" if value > 0.8 else "no" for value in dice.random(300)],
        }
    )
    _, report, _ = bench.prepare(product({"x": "number"}, groups=["team", "x"]), frame)
    (blue, red) = report["groups"]["team"]["groups"]
    assert (blue["group"], red["group"]) == ("blue", "red")
    assert sum(blue["rows"].values()) == 200
    assert report["groups"]["team"]["of"] == "yes"
    assert blue["low"] < blue["rate"] < blue["high"]
    assert len(report["groups"]["x"]["groups"]) == 4


def test_what_to_collect_next_is_where_more_rows_taught_most(bench: Any, product: Make) -> None:
    dice = np.random.default_rng(0)
    hard = np.arange(1200) % 4 == 0
    x = dice.random(1200) * 12
    kind = np.where(hard, np.floor(x) % 2, x > 6).astype(int)
    frame = pl.DataFrame(
        {"x": x, "shop": np.where(hard, "new", "old"), "target": ["yes" if one else "no" for one in kind]}
    )
    _, report, _ = bench.prepare(product({"x": "number", "shop": "category"}), frame)
    first = report["next"]["regions"][0]
    assert (first["column"], first["region"]) == ("shop", "new")
    assert first["half"] > first["error"] > report["next"]["error"]


def people(folder: Any) -> str:
    rows = [f"{note},{'yes' if row % 2 else 'no'},user{row}@mail.com" for row, note in enumerate(texts(60))]
    rows[3] = "my name is Alice Cooper call 13800138000,yes,Bob"
    (folder / "t.csv").write_text("note,target,team\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return str(folder / "t.csv")


def collect(store: Store, data: str, does: str, **prepare: Any) -> tuple[pl.DataFrame, dict[str, Any]]:
    product = Product(
        name="p",
        data=data,
        given={"note": "text"},
        predict={"target": "category"},
        prepare={"personal_data": does, **prepare},
    )
    work = Workspace(store, "collect", "collect")
    about = Collect().run(product, {}, work)
    return pl.read_parquet(io.BytesIO(store.get(work.members["rows-00000.parquet"]))), about


def test_personal_data_is_replaced_before_it_is_stored_and_groups_stay_groups(tmp_path: Any, store: Store) -> None:
    frame, about = collect(store, people(tmp_path), "redact", split={"group": "team"})
    assert frame["note"][3] == "my name is [NAME] call [PHONE]"
    assert about["redacted"]["note"] == {"name": 1, "telephone": 1}
    assert not any("@" in team for team in frame["team"])
    assert frame["team"].n_unique() == 60
    frame, about = collect(store, people(tmp_path), "allow")
    assert "13800138000" in frame["note"][3]
    assert "redacted" not in about


def test_personal_data_is_refused_with_its_row_and_what_to_do(tmp_path: Any, store: Store) -> None:
    with pytest.raises(SourceError) as caught:
        collect(store, people(tmp_path), "refuse")
    assert caught.value.code == "source.personal_data"
    assert (caught.value.values["column"], caught.value.values["row"]) == ("note", "4")
