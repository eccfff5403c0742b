"""Numbers: scikit-learn is the oracle of the figures, counting of the intervals."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from cases import without_chapters
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load
from sklearn import metrics
from test_evaluate import Evaluated, Page, fits

from sixfold.evaluation import Encoded, appraisal_of, baseline_title, formula, measured, schema
from sixfold.evaluation.numbers import Estimated, Numbers
from sixfold.fields.category import Category
from sixfold.fields.number import Number
from sixfold.product import Product
from sixfold.tasks import Decision, task_of

NAMES = ("mean_absolute_error", "root_mean_squared_error", "median_absolute_percentage_error", "r2")


@pytest.fixture
def pattern() -> Numbers:
    product = Product(name="p", data="x.csv", given={"a": "number"}, predict={"price": "number"})
    kind = appraisal_of("numbers")
    assert kind is Numbers
    return Numbers(task_of(product)(product, Number("price").fit([-100.0, 0.0, 100.0])))


@pytest.fixture
def houses_rows() -> pl.DataFrame:
    random = np.random.default_rng(5)
    rows = 900
    area, kind = random.uniform(20, 200, rows), random.integers(0, 3, rows)
    price = 3000 * area + 40_000 * kind + random.normal(0, 25_000, rows) + 0.01 * (area - 110) ** 4
    return pl.DataFrame(
        {
            "area": area.tolist(),
            "kind": [("flat", "house", "loft")[index] for index in kind],
            "price": np.round(price).tolist(),
        }
    )


@pytest.fixture
def houses_product() -> Product:
    return Product(
        name="houses",
        goal="Say what a house will sell for.",
        data="houses.csv",
        given={"area": "number", "kind": "category"},
        predict={"price": "number"},
    )


@pytest.fixture
def houses(build: Any, houses_product: Product, houses_rows: pl.DataFrame) -> Evaluated:
    return Evaluated(build(houses_product, houses_rows))


numbers = st.floats(-1e6, 1e6).map(lambda number: round(number, 3))


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=40))
@settings(max_examples=100, deadline=None)
def test_figures_are_those_of_scikit_learn(rows: list[tuple[float, float]]) -> None:
    y, said = (np.array(column) for column in zip(*rows, strict=True))
    estimated, once = Estimated(y, said), np.ones(len(y))
    assert formula("mean_absolute_error").of(estimated, once) == pytest.approx(metrics.mean_absolute_error(y, said))
    expected = metrics.root_mean_squared_error(y, said)
    assert formula("root_mean_squared_error").of(estimated, once) == pytest.approx(expected)
    if np.ptp(y) > 1:
        assert formula("r2").of(estimated, once) == pytest.approx(metrics.r2_score(y, said), rel=1e-6, abs=1e-6)
    known = np.abs(y) > 1e-6 * np.abs(y).max()
    share = formula("median_absolute_percentage_error").of(estimated, once)
    if known.any():
        assert share == pytest.approx(np.median(np.abs((said - y)[known] / y[known])))
    else:
        assert np.isnan(share)


@given(st.lists(st.tuples(numbers, numbers, st.integers(0, 3)), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_counting_a_row_twice_is_the_same_as_having_it_twice(rows: list[tuple[float, float, int]]) -> None:
    y, said, counts = (np.array(column) for column in zip(*rows, strict=True))
    if not counts.any():
        return
    index = np.repeat(np.arange(len(y)), counts)
    for name in NAMES[:3]:
        ours = formula(name).of(Estimated(y, said), counts.astype(float))
        # Which truths count as zero is told by all rows, so it is held to those here too.
        theirs = formula(name).of(Estimated(y[index], said[index]), np.ones(len(index)))
        if np.abs(y[index]).max() == np.abs(y).max():
            assert ours == pytest.approx(theirs, nan_ok=True), name


def test_a_target_that_is_always_the_same_has_no_r2() -> None:
    found = measured(("r2",), Estimated(np.full(9, 3.0), np.arange(9.0)), resamples=20)["r2"]
    assert (found.value, found.low) == (None, None)


@pytest.mark.parametrize(("rows", "expected"), [(0, None), (8, None), (9, 9.0), (19, 18.0), (99, 90.0)])
def test_the_margin_is_the_conformal_quantile_of_the_distances(
    pattern: Numbers, rows: int, expected: float | None
) -> None:
    distances = np.random.default_rng(0).permutation(np.arange(1.0, rows + 1))
    decision = pattern.decide(np.zeros((rows, 1)), distances)
    assert decision.margin == expected


def test_intervals_hold_the_truth_about_as_often_as_they_promise(pattern: Numbers) -> None:
    random, covered = np.random.default_rng(1), []
    for _ in range(60):
        validation, test = random.standard_t(3, 80), random.standard_t(3, 200)
        decision = pattern.decide(np.zeros((80, 1)), validation)
        covered.append(pattern.answered(np.zeros((200, 1)), test, decision).covered.mean())
    assert 0.89 < np.mean(covered) < 0.93


def test_what_is_measured_is_what_the_task_answers(pattern: Numbers) -> None:
    outputs, decision = np.random.default_rng(2).normal(size=(50, 1)), Decision(margin=0.7)
    answered = pattern.answered(outputs, np.zeros(50), decision)
    for place, answer in enumerate(pattern.task.answers(outputs, decision)):
        assert answer["price"] == pytest.approx(answered.said[place])
        assert answer["interval"] == pytest.approx({"low": answered.low[place], "high": answered.high[place]})


def test_a_row_without_a_target_is_not_judged() -> None:
    product = Product(name="p", data="x.csv", given={"a": "number"}, predict={"price": "number"})
    target = Number("price").fit([1.0, None, 3.0])
    pattern = Numbers(task_of(product)(product, target))
    assert pattern.is_known(pattern.truth(target.encode([2.0, None]))).tolist() == [True, False]


def test_the_yardsticks_are_the_median_and_a_line(pattern: Numbers) -> None:
    random = np.random.default_rng(0)
    size, kind = random.normal(size=400), random.integers(0, 3, 400)
    y = 2 * size + kind + random.normal(0, 0.1, 400)
    given = {"size": Number("size").fit(size), "kind": Category("kind").fit(["a", "b", "c"])}
    arrays = {
        "size": given["size"].encode(size),
        "kind": given["kind"].encode(["abc"[index] for index in kind]),
    }
    median, linear = pattern.yardsticks(given, Encoded(arrays, y), y)
    assert [median.name, linear.name] == ["median", "linear"]
    assert np.unique(median.outputs(arrays)) == pytest.approx([np.median(y)])
    assert np.abs(linear.outputs(arrays) - y).mean() < 0.15
    assert all(baseline_title(one.name)("zh") for one in (median, linear))


def test_a_line_of_more_inputs_than_rows_is_bounded_and_says_nothing_unheard_of(pattern: Numbers) -> None:
    from sixfold.fields.image import Image

    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (60, 32, 32, 3), np.uint8)
    given = {"photo": Image("photo", Image.Options(size=32, color="rgb")).fit([pictures[0]])}
    y = pictures.mean(axis=(1, 2, 3)) * 10
    _, linear = pattern.yardsticks(given, Encoded({"photo": pictures}, y), y)
    said = linear.outputs({"photo": random.integers(0, 256, (5, 32, 32, 3), np.uint8)})
    assert linear.about["inputs"] == 3072
    assert y.min() <= said.min() <= said.max() <= y.max()


def test_the_report_of_numbers_fits_the_schema_and_says_all_in_their_own_units(houses: Evaluated) -> None:
    assert fits(houses.report, schema()) == []
    assert houses.report["pattern"] == "numbers"
    headline = houses.report["figures"][0]
    assert (headline["name"], headline["style"], headline["higher_is_better"]) == (
        "mean_absolute_error",
        "amount",
        False,
    )
    assert 10_000 < headline["low"] < headline["value"] < headline["high"] < 200_000
    assert set(headline["against"]) == {"median", "linear"}
    assert headline["against"]["median"]["difference"]["low"] > 0, "above zero is better, although lower is"


def test_the_gate_compares_the_right_way_round(houses: Evaluated, build: Any, houses_product: Any, houses_rows: Any):
    broken = Evaluated(build(houses_product, houses_rows, harm=3.0))
    verdicts = {
        name: next(gate for gate in one.about["gates"] if gate["name"] == "beats baseline")
        for name, one in (("whole", houses), ("broken", broken))
    }
    # The case's own network is a line as well: it cannot be better than one.
    assert verdicts["whole"]["by"] == pytest.approx(0, abs=5000)
    assert verdicts["broken"]["by"] < -10_000
    assert not verdicts["broken"]["passed"]


def test_predictions_are_kept_with_their_intervals(houses: Evaluated) -> None:
    kept = load(houses.members["predictions.safetensors"])
    assert np.abs(kept["y"] - kept["said"]).mean() == pytest.approx(houses.about["headline"]["value"])
    covered = ((kept["low"] <= kept["y"]) & (kept["y"] <= kept["high"])).mean()
    assert covered == pytest.approx(houses.report["intervals"]["covered"])
    assert 0.8 < covered < 0.97


def test_the_sample_is_a_real_row_with_its_interval(houses: Evaluated) -> None:
    assert set(houses.sample["answer"]) == {"price", "interval"}
    assert houses.sample["answer"]["interval"]["low"] < houses.sample["answer"]["price"]


def test_the_worst_rows_are_the_farthest_off_and_carry_the_truth_as_it_was_written(
    houses: Evaluated, houses_rows: pl.DataFrame
) -> None:
    off = [abs(example["said"] - example["right"]) for example in houses.report["worst"]]
    assert off == sorted(off, reverse=True)
    assert houses.report["worst"][0]["right"] == houses_rows["price"][houses.report["worst"][0]["row"]]


def test_groups_of_answers_hold_every_row_once(houses: Evaluated) -> None:
    groups = houses.report["groups"]
    assert sum(group["rows"] for group in groups) == houses.report["rows"]["test"]
    assert [group["low"] for group in groups] == sorted(group["low"] for group in groups)


def test_the_page_tells_numbers_in_both_languages(houses: Evaluated) -> None:
    text = "".join(Page(houses.html).words)
    for words in (
        "answers are off by",
        "答案平均偏离",
        "Can its intervals be believed?",
        "它的区间可信吗？",
        "总猜中位数",
    ):
        assert words in text
    own = Page(without_chapters(houses.html))
    assert len([tag for tag, attributes in own.tags if attributes.get("class", "") == "picture"]) == 3
    for absent in ("accuracy", "class by class", "confusion"):
        assert absent not in " ".join(own.words).lower()


def test_too_few_validation_rows_claim_no_interval(build: Any, houses_product: Any, houses_rows: pl.DataFrame) -> None:
    evaluated = Evaluated(build(houses_product, houses_rows[:30]))
    assert evaluated.decision.margin is None
    assert evaluated.report["intervals"]["covered"] is None
    assert set(evaluated.sample["answer"]) == {"price"}
    assert "too few to say how far off" in evaluated.html
    assert fits(evaluated.report, schema()) == []


def test_a_report_of_numbers_is_plain_json(houses: Evaluated) -> None:
    assert json.loads(json.dumps(houses.report, allow_nan=False)) == houses.report
