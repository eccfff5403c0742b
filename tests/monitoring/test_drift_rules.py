"""Statistics and verdicts of drift, held against SciPy; and how often nothing is taken for something."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats
from scipy.spatial.distance import jensenshannon

from sixfold.monitoring import ALARM_LEVEL, drift, level_of
from sixfold.monitoring._statistics import (
    chi_square,
    chi_square_tail,
    homogeneity,
    jensen_shannon,
    kolmogorov,
    proportions,
    wasserstein,
)

numbers = some.lists(some.integers(-20, 20).map(float), min_size=2, max_size=60)


@settings(max_examples=60, deadline=None)
@given(numbers, numbers)
def test_distances_and_chances_of_numbers_are_those_of_scipy(one: list[float], other: list[float]) -> None:
    distance, chance = kolmogorov(np.array(one), np.array(other))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where the chance is 1, SciPy may fail to count it
        theirs = stats.ks_2samp(one, other, method="exact")
    assert distance == pytest.approx(theirs.statistic, abs=1e-12)
    assert chance == 1.0 or chance == pytest.approx(theirs.pvalue, abs=1e-9)
    assert wasserstein(np.array(one), np.array(other)) == pytest.approx(
        stats.wasserstein_distance(one, other), abs=1e-9
    )


@pytest.mark.parametrize(("n", "m"), [(1000, 400), (997, 1000), (200, 3000)])
def test_the_exact_chance_holds_for_samples_as_large_as_windows(n: int, m: int) -> None:
    random = np.random.default_rng(n)
    one, other = random.normal(size=n), random.normal(0.08, size=m)
    assert kolmogorov(one, other)[1] == pytest.approx(stats.ks_2samp(one, other).pvalue, abs=1e-9)


@given(some.floats(0.01, 300), some.integers(1, 60))
def test_the_tail_of_chi_square_is_that_of_scipy(statistic: float, degrees: int) -> None:
    assert chi_square_tail(statistic, degrees) == pytest.approx(stats.chi2.sf(statistic, degrees), abs=1e-10)


@given(some.lists(some.tuples(some.integers(1, 90), some.integers(1, 90)), min_size=2, max_size=12))
def test_counts_are_compared_as_scipy_does(pairs: list[tuple[int, int]]) -> None:
    one, other = (np.array(side, np.float64) for side in zip(*pairs, strict=True))
    expected = one * other.sum() / one.sum()
    assert chi_square(other, expected) == pytest.approx(stats.chisquare(other, expected).pvalue, abs=1e-9)
    assert jensen_shannon(one, other) == pytest.approx(jensenshannon(one, other), abs=1e-7)
    large = np.stack([one + 20, other + 20])
    assert homogeneity(*large) == pytest.approx(stats.chi2_contingency(large, correction=False).pvalue, abs=1e-9)


def test_two_shares_are_compared_by_the_pooled_z_test() -> None:
    pooled = 90 / 300
    z = (0.2 - 0.5) / math.sqrt(pooled * (1 - pooled) * (1 / 200 + 1 / 100))
    assert proportions(40, 200, 50, 100) == pytest.approx(2 * stats.norm.sf(abs(z)))
    assert proportions(200, 200, 100, 100) == 1.0


@pytest.mark.parametrize(
    ("rows", "values", "test"),
    [
        (1000, "many", "kolmogorov"),
        (1001, "many", "wasserstein"),
        (1000, "few", "chi_square"),
        (1001, "few", "jensen_shannon"),
        (1000, "two", "proportions"),
        (1001, "two", "jensen_shannon"),
    ],
)
def test_the_size_of_the_reference_and_the_values_choose_the_statistic(rows: int, values: str, test: str) -> None:
    random = np.random.default_rng(0)
    sample = {"many": random.normal(size=rows), "few": random.integers(0, 4, rows), "two": random.integers(0, 2, rows)}
    found = drift(sample[values].astype(float).tolist(), sample[values][:300].astype(float).tolist(), "number")
    assert found is not None
    assert found.test == test


def test_a_new_category_drifts_and_alarms() -> None:
    old = ["a"] * 600 + ["b"] * 400
    found = drift(old, ["a"] * 150 + ["b"] * 100 + ["…other"] * 80, "category")
    assert found is not None
    assert found.drifted
    assert found.alarms(level_of(look=5, columns=12))


def test_levels_of_all_looks_and_columns_are_the_whole_level_together() -> None:
    total = sum(level_of(look, columns=7) * 7 for look in range(1, 200_000))
    assert total == pytest.approx(ALARM_LEVEL, rel=1e-4)
    assert total < ALARM_LEVEL


@pytest.mark.parametrize("rows", [600, 3000])
def test_nothing_alarms_without_a_shift_more_often_than_stated_over_many_looks(rows: int) -> None:
    random, alarms, models = np.random.default_rng(rows), 0, 40
    for _ in range(models):
        reference = [random.lognormal(size=rows), random.normal(size=rows)]
        kinds = [random.choice(["x", "y", "z", "rare"], rows, p=[0.5, 0.3, 0.19, 0.01]) for _ in range(2)]
        alarmed = False
        for look in range(1, 7):
            for old in reference:
                new = random.lognormal(size=300) if old.min() > 0 else random.normal(size=300)
                found = drift(old.tolist(), new.tolist(), "number")
                alarmed |= found is not None and found.alarms(level_of(look, 4))
            for old in kinds:
                new = random.choice(["x", "y", "z", "rare"], 300, p=[0.5, 0.3, 0.19, 0.01])
                found = drift(old.tolist(), new.tolist(), "category")
                alarmed |= found is not None and found.alarms(level_of(look, 4))
        alarms += alarmed
    # 40 models at 5 % give more than 5 with a chance of 1 in 70; the union bound leaves far fewer.
    assert alarms <= 5
