"""Sets and intervals beside an answer: they hold the truth as often as was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sixfold.evaluation import conformal, decide
from sixfold.evaluation.chapters.conformal import Conformal
from sixfold.fields.category import Category
from sixfold.fields.yes_no import YesNo
from sixfold.product import Product
from sixfold.tasks import Decision, Sets, Task, task_of


def task(kind: str, **evaluate: object) -> Task:
    product = Product(name="p", data="x.csv", given={"a": "number"}, predict={"k": kind}, evaluate=evaluate)
    field = Category("k").fit(["a", "b", "c", "d"]) if kind == "category" else YesNo("k").fit(["yes", "no"])
    return task_of(product)(product, field)


def doubtful(rows: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Chances that are what they say, and the truth drawn by them."""
    random = np.random.default_rng(seed)
    chances = random.dirichlet(np.full(classes, 0.6), rows)
    return chances, (chances.cumsum(axis=1) > random.random((rows, 1))).argmax(axis=1)


@pytest.mark.parametrize("way", ["smallest", "adaptive"])
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_over_many_splits_the_right_class_is_named_in_the_share_asked_for(way: str, coverage: float) -> None:
    held = []
    for seed in range(40):
        chances, y = doubtful(700, 4, seed)
        told = task("category", coverage=coverage, sets=way)
        decision = decide(told, chances[:300], y[:300])
        assert decision.sets is not None
        likely = decision.calibrated(chances[300:])
        named = decision.sets.of(likely, likely.argmax(axis=1))
        held.append(named[np.arange(400), y[300:]].mean())
    assert np.mean(held) == pytest.approx(coverage, abs=0.012)


def test_a_set_of_yes_or_no_has_both_where_it_is_in_doubt_and_one_where_it_is_not() -> None:
    chances, y = doubtful(400, 2, 3)
    told = task("yes_no")
    decision = decide(told, chances[:, 1:], y)
    sure, unsure = told.answers(np.array([[0.999], [0.5]]), decision)
    assert sure["one_of"] == ["yes"]
    assert set(unsure["one_of"]) == {"yes", "no"}


@given(st.integers(0, 10_000), st.sampled_from(["smallest", "adaptive"]), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_a_set_always_names_the_answer_and_the_likelier_before_the_less_likely(
    seed: int, way: str, limit: float
) -> None:
    chances, _ = doubtful(20, 5, seed)
    named = Sets(way=way, limit=limit).of(chances, chances.argmax(axis=1))
    assert named[np.arange(20), chances.argmax(axis=1)].all()
    for row, names in zip(chances, named, strict=True):
        assert names.all() or row[names].min() >= row[~names].max()


def test_too_few_rows_claim_nothing() -> None:
    assert conformal(np.arange(8.0), 0.9) is None
    assert conformal(np.arange(9.0), 0.9) == 8
    chances, y = doubtful(8, 4, 0)
    told = task("category")
    assert decide(told, chances, y).sets is None
    assert "one_of" not in told.answers(chances[:1], Decision())[0]


def test_gates_can_ask_for_coverage_and_size_and_the_page_says_both() -> None:
    share = {"rows": 100, "covered": 0.91, "low": 0.85, "high": 0.95}
    found = {
        "form": "sets", "way": "smallest", "wanted": 0.9, "fitted": 50, **share, "size": 1.4, "answer_right": 0.8,
        "sizes": [{**share, "rows": 60, "size": 1}, {**share, "rows": 40, "size": 2}],
        "groups": [{"name": "a<b", **share, "size": 1.4}, {"name": "c", **share, "size": 1.4}],
    }  # fmt: skip
    assert Conformal.figures(found) == {"coverage": 0.91, "set size": 1.4}
    page = Conformal.body(found, {})
    assert "a&lt;b" in page
    assert "91.0\N{NO-BREAK SPACE}%" in page
    assert "60.0%" in page
