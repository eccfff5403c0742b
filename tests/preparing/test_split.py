"""Which rows train, validate and test."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sixfold.errors import DataError
from sixfold.preparing import Splits, split
from sixfold.product import Split


def rows(count: int) -> Any:
    return np.arange(count)


def every(splits: Splits) -> list[int]:
    return sorted(row for members in splits.rows.values() for row in members.tolist())


def side_of(splits: Splits) -> dict[int, str]:
    return {row: name for name, members in splits.rows.items() for row in members.tolist()}


@settings(deadline=None)  # the first example pays for imports
@given(
    count=st.integers(8, 300),
    by=st.sampled_from(["stratified", "random"]),
    classes=st.integers(1, 6),
    kinds=st.integers(4, 400),
    seed=st.integers(0, 5),
)
def test_every_row_is_in_one_split_and_identical_rows_are_in_the_same(
    count: int, by: Any, classes: int, kinds: int, seed: int
) -> None:
    dice = np.random.default_rng(count)
    same, labels = dice.integers(0, kinds, count), dice.integers(1, classes + 1, count)
    told = Split(by=by, seed=seed)
    try:
        made = split(told, rows(count), classes=labels, same=same)
    except DataError as error:
        assert error.code == "data.too_few_rows"  # noqa: PT017
        return
    assert every(made) == list(range(count))
    side = side_of(made)
    assert all(len({side[row] for row in np.flatnonzero(same == one)}) <= 1 for one in np.unique(same))
    again = split(told, rows(count), classes=labels, same=same)
    assert all(np.array_equal(made.rows[name], again.rows[name]) for name in made.rows)


def test_a_stratified_split_gives_every_class_its_share_to_the_row() -> None:
    labels = np.repeat([1, 2, 3], [700, 250, 50])
    made = split(Split(validation=0.15), rows(1000), classes=labels)
    assert made.way == "stratified"
    assert np.bincount(labels[made.rows["test"]]).tolist() == [0, 140, 50, 10]
    assert len(made.rows["validation"]) == 120


def test_without_classes_the_split_is_random_and_of_the_size_asked_for() -> None:
    made = split(Split(test=0.3, validation=0.1), rows(1000))
    assert made.way == "random"
    assert [len(made.rows[name]) for name in ("train", "validation", "test")] == [630, 70, 300]


def test_a_class_of_two_rows_trains_and_tests_and_a_class_of_one_trains() -> None:
    labels = np.array([1] * 50 + [2] * 2 + [3])
    made = split(Split(), rows(53), classes=labels)
    side = side_of(made)
    assert "train" in {side[50], side[51]}
    assert len({side[50], side[51]}) == 2
    assert side[52] == "train"


def test_another_seed_draws_other_rows() -> None:
    first, second = (split(Split(seed=seed), rows(500)).rows["test"] for seed in (0, 1))
    assert not np.array_equal(first, second)


@settings(deadline=None)  # the first example pays for imports
@given(count=st.integers(20, 200), of=st.integers(2, 6), kinds=st.integers(20, 400))
def test_the_folds_together_test_every_row_once(count: int, of: int, kinds: int) -> None:
    same = np.random.default_rng(count).integers(0, kinds, count)
    labels = np.random.default_rng(kinds).integers(1, 4, count)
    if len(np.unique(same)) < of:
        return
    tests = [
        split(Split(fold=fold, of=of), rows(count), classes=labels, same=same).rows["test"] for fold in range(1, of + 1)
    ]
    assert sorted(np.concatenate(tests).tolist()) == list(range(count))


def test_folds_are_stratified() -> None:
    labels = np.repeat([1, 2], [90, 10])
    for fold in range(1, 6):
        test = split(Split(fold=fold, of=5), rows(100), classes=labels).rows["test"]
        assert np.bincount(labels[test]).tolist() == [0, 18, 2]


@settings(deadline=None)  # the first example pays for imports
@given(groups=st.integers(3, 30), count=st.integers(30, 200))
def test_no_group_is_on_two_sides(groups: int, count: int) -> None:
    members = [
        f"p{n}" for n in np.concatenate([np.arange(groups), np.random.default_rng(0).integers(0, groups, count)])
    ]
    made = split(Split(group="patient"), rows(len(members)), groups=pl.Series(members))
    side = side_of(made)
    assert every(made) == list(range(len(members)))
    assert all(len({side[row] for row, name in enumerate(members) if name == one}) == 1 for one in set(members))


def test_a_row_without_a_group_is_one_of_its_own() -> None:
    made = split(Split(group="g"), rows(40), groups=pl.Series(["a"] * 10 + [None] * 30))
    assert len({side_of(made)[row] for row in range(10, 40)}) == 3


def test_the_newest_rows_test_and_the_newest_of_the_others_validate() -> None:
    dates = pl.Series("day", [f"2025-01-{day:02d}" for day in range(1, 31)]).shuffle(seed=3)
    made = split(Split(time="day"), rows(30), times=dates)
    newest = {name: dates.gather(members).max() for name, members in made.rows.items()}
    oldest = {name: dates.gather(members).min() for name, members in made.rows.items()}
    assert newest["train"] < oldest["validation"] <= newest["validation"] < oldest["test"]  # type: ignore[operator]
    assert len(made.rows["test"]) == 6


@pytest.mark.parametrize(
    "times",
    [
        ["2025-03-04T01:02:03Z", "2025-03-05T01:02:03Z", "2025-03-06T01:02:03Z", "2025-03-07T01:02:03+08:00"],
        ["2025-03-04 01:02", "2025-03-05 01:02", "2025-03-06 01:02", "2025-03-07 01:02"],
        ["2025年3月4日", "2025年3月15日", "2025年11月6日", "2025年12月7日"],
        ["9", "10", "11", "100"],
        [1, 2, 3, 4],
        [None, "2025-01-01", "2025-01-02", "2025-01-03"],
        ["2025-01-01", "2025/1/2", "2025年1月3日", "2025-01-04 10:00Z"],
    ],
)
def test_times_are_read_as_dates_texts_and_numbers(times: list[Any]) -> None:
    assert split(Split(time="t"), rows(4), times=pl.Series("t", times)).rows["test"].tolist() == [3]


def test_rows_of_one_moment_are_not_divided() -> None:
    years = pl.Series("year", [2020] * 50 + [2021] * 30 + [2022] * 20)
    made = split(Split(time="year", test=0.1), rows(100), times=years)
    assert [len(made.rows[name]) for name in ("train", "validation", "test")] == [50, 30, 20]


def test_the_sources_own_split_is_kept_and_what_it_lacks_is_drawn_from_its_training_rows() -> None:
    official = ["train"] * 80 + ["test"] * 20
    labels = np.tile([1, 2], 50)
    made = split(Split(validation=0.15), rows(100), classes=labels, official=official)
    assert made.way == "official"
    assert made.official == {"train", "test"}
    assert made.rows["test"].tolist() == list(range(80, 100))
    assert np.bincount(labels[made.rows["validation"]]).tolist() == [0, 6, 6]


def test_a_source_that_has_only_training_rows_is_split_as_any_other() -> None:
    made = split(Split(), rows(100), classes=np.tile([1, 2], 50), official=["train"] * 100)
    assert made.way == "stratified"


def test_asked_for_the_official_split_is_made_anew() -> None:
    made = split(Split(by="random"), rows(100), official=["train"] * 50 + ["test"] * 50)
    assert made.official == frozenset()
    assert len(made.rows["test"]) == 20


@pytest.mark.parametrize(
    ("told", "more", "code"),
    [
        (Split(), {"count": 2}, "data.too_few_rows"),
        (Split(by="official"), {}, "data.no_official_split"),
        (Split(), {"official": ["test"] * 10}, "data.no_training_rows"),
        (Split(fold=1, of=20), {}, "data.too_few_for_folds"),
        (Split(group="g"), {"groups": pl.Series("g", ["a", "b"] * 5)}, "data.too_few_groups"),
        (Split(time="t"), {"times": pl.Series("t", [1] * 10)}, "data.too_few_moments"),
        (Split(time="t"), {"times": pl.Series("t", ["03/04/2025"] * 10)}, "data.bad_time"),
    ],
)
def test_a_split_that_cannot_be_made_says_why(told: Split, more: dict[str, Any], code: str) -> None:
    count = more.pop("count", 10)
    with pytest.raises(DataError) as caught:
        split(told, rows(count), **more)
    assert caught.value.code == code
    assert caught.value.says("en") != caught.value.says("zh")
    assert caught.value.mend("en")
