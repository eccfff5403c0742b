"""Whether training rows can be recognised, and which of them are like a test row: held against cases that are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from sixfold.evaluation.chapters._ranking import area, area_interval, found_at, roc
from sixfold.evaluation.chapters.neighbours import _nearest
from sixfold.evaluation.chapters.privacy import Privacy, ratio
from sixfold.product import Product
from sixfold.stages import Evaluate

if TYPE_CHECKING:
    from tests.evaluation.conftest import Case


def chapters(case: Case) -> tuple[dict[str, Any], str]:
    work = case.work()
    Evaluate().run(case.product, case.inputs, work)
    report = json.loads(case.store.get(work.members["report.json"]))
    return report["chapters"], case.store.get(work.members["report.html"]).decode()


def draw() -> np.random.Generator:
    return np.random.default_rng(0)


# How well scores rank


def test_the_area_is_scikit_learns_with_ties_too() -> None:
    ours, theirs = draw().integers(0, 8, 80), draw().integers(0, 6, 120)
    truth = np.repeat([1, 0], [80, 120])
    assert area(ours, theirs) == pytest.approx(roc_auc_score(truth, np.concatenate([ours, theirs])))


def test_the_interval_holds_the_area_and_a_line_ends_where_all_are_found() -> None:
    ours, theirs = draw().normal(1, 1, 200), np.random.default_rng(1).normal(0, 1, 300)
    low, high = area_interval(ours, theirs, 0)
    assert low < area(ours, theirs) < high
    false, true = roc(np.concatenate([ours, theirs]), np.arange(500) < 200)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert found_at(theirs, theirs, 0.1).mean() == pytest.approx(0.1, abs=0.01)


# Privacy


def test_a_model_that_knows_its_training_rows_is_found_out_by_both_attacks() -> None:
    seen, unseen = draw().exponential(0.05, 600), draw().exponential(0.6, 600)
    ours, theirs = ratio(seen, unseen, None, 0)
    assert area(-seen, -unseen) > 0.8
    assert area(ours, theirs) > 0.8


def test_where_nothing_is_known_no_attack_is_better_than_guessing() -> None:
    losses = draw().exponential(0.4, 4000)
    kinds = draw().integers(0, 3, 2000), draw().integers(0, 3, 2000)
    ours, theirs = ratio(losses[:2000], losses[2000:], kinds, 0)
    low, high = area_interval(ours, theirs, 0)
    assert low - 0.02 < 0.5 < high + 0.02


def test_a_class_that_is_harder_does_not_hide_its_members_from_the_ratio() -> None:
    kinds = np.repeat([0, 1], 500)
    seen = np.where(kinds == 0, draw().exponential(0.01, 1000), draw().exponential(1.0, 1000))
    unseen = np.where(kinds == 0, draw().exponential(0.03, 1000), draw().exponential(3.0, 1000))
    ours, theirs = ratio(seen, unseen, (kinds, kinds), 0)
    assert area(ours, theirs) > area(-seen, -unseen) + 0.05


def test_the_report_tells_both_attacks_and_gates_can_ask_for_the_stronger(tumour_case: Case) -> None:
    told, page = chapters(tumour_case)
    found = told["privacy"]
    best = max(one["value"] for one in found["attacks"].values())
    assert Privacy.figures(found) == {"membership inference": best}
    assert best < 0.65, "a logistic regression of six columns has little room to remember"
    assert "成员推断" in page or "学过谁" in page


# Neighbours


def test_the_nearest_are_the_nearest() -> None:
    rows, others = draw().normal(size=(30, 5)), np.random.default_rng(1).normal(size=(400, 5))
    places, distances = _nearest(rows, others, 3)
    apart = np.linalg.norm(rows[:, None] - others[None], axis=2)
    assert np.array_equal(places, np.argsort(apart, axis=1)[:, :3])
    assert np.allclose(distances, np.sort(apart, axis=1)[:, :3])


def test_copies_are_seen_and_an_odd_row_stands_first(build: Callable[..., Case]) -> None:
    a = draw().normal(size=300)
    a[:120] = np.repeat(a[:40], 3)
    rows = pl.DataFrame({"a": a, "b": -a, "ill": np.where(a > 0, "yes", "no")})
    case = build(Product(name="c", data="c.csv", given={"a": "number", "b": "number"}, predict={"ill": "yes_no"}), rows)
    told, page = chapters(case)
    found = told["neighbours"]
    assert found["copies"]["value"] > 0.1
    odd = next(row for row in found["rows"] if row["group"] == "odd")
    test = np.abs(a[case.splits["test"]])
    assert abs(odd["values"]["a"]) >= np.quantile(test, 0.9)
    assert found["by_heart"]["nearest"]["value"] > 0.9
    assert "The oddest test rows" in page


def test_pictures_stand_beside_those_that_are_like_them(digits_case: Case) -> None:
    told, page = chapters(digits_case)
    found = told["neighbours"]
    alike = [
        near["right"] == row["right"] for row in found["rows"] if row["group"] == "usual" for near in row["nearest"]
    ]
    assert np.mean(alike) > 0.6
    assert all(row["pictures"] for row in found["rows"])
    assert page.count('<ul class="examples kin">') == len(found["rows"])


def test_a_text_of_whole_lengths_has_slices(build: Callable[..., Case]) -> None:
    rows = pl.DataFrame({"said": ["good room", "bad, very bad room"] * 60, "good": ["yes", "no"] * 60})
    told, _ = chapters(build(Product(name="t", data="t.csv", given={"said": "text"}, predict={"good": "yes_no"}), rows))
    assert "explanations" in told
