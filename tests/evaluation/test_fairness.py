"""Fairness: fairlearn is the oracle of every rate and difference."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from fairlearn import metrics as oracle
from test_evaluate import Evaluated, fits

from sixfold.evaluation.chapters.fairness import Fairness, rates_by_group
from sixfold.evaluation.chapters.fairness import _differences as differences
from sixfold.product import Product


def unfair(rows: int = 2000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    groups, y = random.integers(0, 3, rows), random.integers(0, 2, rows)
    right = random.random(rows) < np.array([0.9, 0.8, 0.65])[groups]
    return groups, y, np.where(right, y, 1 - y)


def test_rates_are_those_of_fairlearn() -> None:
    groups, y, said = unfair()
    rates = rates_by_group(groups, y, said, 2)
    frame = oracle.MetricFrame(
        metrics={
            "selection": oracle.selection_rate,
            "found": oracle.true_positive_rate,
            "wrongly": oracle.false_positive_rate,
        },
        y_true=y,
        y_pred=said,
        sensitive_features=groups,
    ).by_group
    for name in frame.columns:
        assert rates[name][0, :, 0] == pytest.approx(frame[name].to_numpy(float)), name


def test_differences_and_ratios_are_those_of_fairlearn_and_lie_in_their_intervals() -> None:
    groups, y, said = unfair()
    rates = rates_by_group(groups, y, said, 2)
    told = differences({"value": rates["selection"], **rates})
    at = {"sensitive_features": groups}
    for name, value in {
        "selection rate difference": oracle.demographic_parity_difference(y, said, **at),
        "selection rate ratio": oracle.demographic_parity_ratio(y, said, **at),
        "equal opportunity difference": oracle.equal_opportunity_difference(y, said, **at),
        "equalized odds difference": oracle.equalized_odds_difference(y, said, **at),
    }.items():
        assert told[name]["value"] == pytest.approx(value), name
        assert told[name]["low"] <= told[name]["value"] <= told[name]["high"], name


def test_a_group_with_too_few_rows_of_a_kind_tells_no_rate_by_them() -> None:
    y = np.array([1] * 9 + [0] * 41 + [1] * 25 + [0] * 25)
    rates = rates_by_group(np.repeat([0, 1], 50), y, y, 2)
    assert np.isnan(rates["found"][0, 0, 0])
    assert rates["wrongly"][0, 0, 0] == 0
    assert differences({"value": rates["selection"], **rates})["equal opportunity difference"]["value"] is None


def test_of_several_classes_the_largest_difference_of_any_counts() -> None:
    random = np.random.default_rng(1)
    groups, y = np.repeat([0, 1], 600), random.integers(0, 3, 1200)
    said = np.where((groups == 1) & (y == 2) & (random.random(1200) < 0.5), 0, y)
    told = differences({"value": np.zeros((2, 2, 1)), **rates_by_group(groups, y, said, 3)})
    one_against_rest = oracle.equal_opportunity_difference(y == 2, said == 2, sensitive_features=groups)
    assert told["equal opportunity difference"]["value"] == pytest.approx(one_against_rest)


@pytest.mark.parametrize("declared", [True, False])
def test_groups_are_declared_or_guessed_and_need_not_be_given(build, declared: bool) -> None:
    random = np.random.default_rng(3)
    rows = 800
    age, sex = random.integers(18, 80, rows), random.choice(["f", "m"], rows)
    score = random.normal(size=rows)
    y = np.where(score + random.normal(size=rows) * np.where(sex == "f", 1.5, 0.3) > 0, "yes", "no")
    frame = pl.DataFrame({"age": age.astype(float), "score": score, "sex": sex, "k": y})
    given = {"age": "number", "score": "number"}
    groups = {"evaluate": {"groups": ["sex"]}} if declared else {}
    product = Product(name="p", data="x.csv", given=given, predict={"k": "yes_no"}, **groups)
    evaluated = Evaluated(build(product, frame))
    found = evaluated.report["chapters"]["fairness"]
    assert not fits(found, Fairness.schema())
    assert [column["column"] for column in found["columns"]] == (["sex"] if declared else ["age"])
    assert found["columns"][0]["guessed"] is not declared
    told = Fairness.figures(found)
    if declared:
        assert told["group difference"] > 0.1
        assert "Are groups of people treated alike?" in evaluated.html
