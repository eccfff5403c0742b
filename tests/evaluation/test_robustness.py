"""The chapter that asks what is lost when rows come worse than those of the test."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from PIL import Image as Pillow

from sixfold.evaluation.chapters._changes import CHANGES, Change
from sixfold.evaluation.chapters.robustness import Robustness
from sixfold.fields.number import Number
from sixfold.fields.series import Series
from sixfold.fields.text import Text
from sixfold.product import Product
from sixfold.stages import Evaluate

if TYPE_CHECKING:
    from tests.evaluation.conftest import Case


def report_of(case: Case) -> tuple[dict[str, Any], str]:
    work = case.work()
    Evaluate().run(case.product, case.inputs, work)
    page = case.store.get(work.members["report.html"]).decode()
    return json.loads(case.store.get(work.members["report.json"])), page


def named(name: str) -> Change:
    return next(change for changes in CHANGES.values() for change in changes if change.name == name)


def draw() -> np.random.Generator:
    return np.random.default_rng(0)


def test_pictures_lose_more_the_stronger_the_noise(digits_case: Case) -> None:
    report, page = report_of(digits_case)
    found = report["chapters"]["robustness"]
    noise = next(one for one in found["changes"] if one["name"] == "noise")
    lost = [step["lost"]["value"] for step in noise["steps"]]
    assert lost[-1] > lost[0] - 0.02
    assert found["rows"] >= 16
    assert all(step["low"] <= step["value"] <= step["high"] for step in noise["steps"])
    assert "Turned" in page
    assert "旋转" in page


def test_a_table_is_asked_without_each_of_its_columns(tumour_case: Case) -> None:
    report, _ = report_of(tumour_case)
    found = report["chapters"]["robustness"]
    assert {one["column"] for one in found["missing"]} == set(tumour_case.product.given)
    strongest = max(found["missing"], key=lambda one: one["lost"]["value"])
    assert strongest["lost"]["value"] > 0.01


def test_texts_in_chinese_are_changed_too_and_case_is_not_asked_of_them(build: Callable[..., Case]) -> None:
    rows = [{"said": text, "good": good} for good, text in (("yes", "这家酒店非常好"), ("no", "房间太差服务不好")) * 60]
    product = Product(name="hotels", data="hotels.csv", given={"said": "text"}, predict={"good": "yes_no"})
    report, _ = report_of(build(product, pl.DataFrame(rows)))
    names = {one["name"] for one in report["chapters"]["robustness"]["changes"]}
    assert {"swapped", "dropped", "cut"} <= names
    assert "capitals" not in names
    assert report["chapters"]["robustness"]["missing"] == []


def test_gates_can_ask_for_what_mild_changes_cost() -> None:
    step = {"strength": 0.1, "lost": {"value": 0.2, "low": 0.1, "high": 0.3}}
    found = {"changes": [{"name": "noise", "steps": [step]}, {"name": "blur", "steps": []}]}
    assert Robustness.figures(found) == {"lost to mild changes": 0.2}


@pytest.mark.parametrize("change", CHANGES["image"], ids=lambda change: change.name)
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_a_changed_picture_keeps_its_size_and_can_be_encoded(change: Change, mode: str) -> None:
    from sixfold.fields.image import Image

    picture = Pillow.fromarray(draw().integers(0, 255, (20, 30, 3), np.uint8)).convert(mode)
    field = Image("photo").fit([picture])
    (changed,) = change.apply(field, [picture], change.strengths[-1], draw())
    assert changed.size == picture.size
    assert not np.array_equal(field.encode([changed]), field.encode([picture]))


def test_letters_are_dropped_by_the_share_that_is_said() -> None:
    text = "好" * 1000
    (changed,) = named("dropped").apply(Text("said"), [text], 0.1, draw())
    assert 850 < len(changed) < 950


def test_swapped_letters_are_the_same_letters() -> None:
    (changed,) = named("swapped").apply(Text("said"), ["the quick brown fox jumps"], 0.3, draw())
    assert changed != "the quick brown fox jumps"
    assert sorted(changed) == sorted("the quick brown fox jumps")


def test_numbers_move_by_their_spread_and_missing_ones_stay_missing() -> None:
    values = [*np.arange(200.0).tolist(), None]
    changed = named("off").apply(Number("x"), values, 0.1, draw())
    assert changed[-1] is None
    moved = np.array(changed[:-1]) - np.arange(200.0)
    assert 3 < moved.std() < 15


def test_a_series_with_named_channels_keeps_their_names() -> None:
    value = {"heat": [1.0, 2.0, 3.0, 5.0], "wind": [0.0, 1.0, 0.0, 2.0]}
    field = Series("run").fit([value])
    for change in CHANGES["series"]:
        (changed,) = change.apply(field, [value], change.strengths[0], draw())
        assert set(changed) == {"heat", "wind"}
        field.encode([changed])
