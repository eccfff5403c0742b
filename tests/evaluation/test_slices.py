"""Slices: the one that is worse is found among many, and chance is not taken for one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from cases import Case
from test_evaluate import Evaluated, fits

from sixfold.evaluation._slices import binned, chances_of_worse, grouped, properties, slices_of
from sixfold.evaluation.chapters.slices import Slices
from sixfold.fields.category import Category
from sixfold.fields.date import Date
from sixfold.fields.number import Number
from sixfold.fields.text import Text as TextColumn
from sixfold.language import Text

ROWS = 3000


def noise(seed: int) -> list:
    random = np.random.default_rng(seed)
    numbers = [binned(f"n{place}", Text("n", "n"), random.normal(size=ROWS)) for place in range(4)]
    return numbers + [grouped(f"c{place}", random.integers(0, 6, ROWS).astype(str)) for place in range(4)]


def test_a_planted_slice_of_two_columns_is_the_worst_and_beyond_chance() -> None:
    told, random = noise(1), np.random.default_rng(2)
    bad = (told[0].codes == 3) & (told[5].codes == 0)
    wrong = (random.random(ROWS) < np.where(bad, 0.6, 0.1)).astype(float)
    parts = slices_of(told, ROWS)
    chances = chances_of_worse(parts, wrong, seed=0)
    beyond = [part for part, chance in zip(parts, chances, strict=True) if chance <= 0.05]
    worst = max(beyond, key=lambda part: wrong[part.rows].mean())
    assert worst.columns == ("n0", "c1")


def test_among_rows_dealt_at_random_something_beyond_chance_is_rarely_found() -> None:
    alarms = 0
    for seed in range(20):
        wrong = (np.random.default_rng(1000 + seed).random(ROWS) < 0.1).astype(float)
        alarms += chances_of_worse(slices_of(noise(seed), ROWS), wrong, seed=seed).min() <= 0.05
    assert alarms <= 4, "binomial: 20 looks at 5 %"


def test_bins_have_about_as_many_rows_and_rows_without_a_number_are_a_slice_of_their_own() -> None:
    told = binned("a", Text("a", "a"), np.array([*range(100), *[np.nan] * 30], float))
    assert np.bincount(told.codes) == pytest.approx([25, 25, 25, 25, 30], abs=1)
    assert [name.en for name in told.names] == ["0 – 24", "25 – 49", "50 – 73", "74 – 99", "not known"]


def test_every_kind_of_column_tells_something_that_rows_have_in_common() -> None:
    given = {
        "amount": Number("amount").fit([1.0, 2.0]),
        "kind": Category("kind").fit(["a", "b"]),
        "day": Date("day").fit(["2024-01-01", "2025-01-01"]),
        "text": TextColumn("text"),
    }
    raw = {
        "amount": [1, 2, None, 4, 5, 6, 7, 8],
        "kind": ["a", "b", "c", None, "a", "b", "a", "b"],
        "day": [f"2024-0{month}-01" for month in range(1, 9)],
        "text": ["x" * length for length in range(8)],
    }
    told = {one.column: [name.en for name in one.names] for one in properties(given, raw, {})}
    assert told["amount"][-1] == "not known"
    assert set(told["kind"]) == {"a", "b", "c", "not known"}
    assert told["day"][0] == "2024-01-01 – 2024-02-01"
    assert told["text"] == ["0 – 1", "2 – 3", "4", "5 – 7"]


def test_slices_without_enough_rows_are_not_looked_at() -> None:
    assert not slices_of([grouped("a", ["x"] * 15 + ["y"] * 985)], 1000)[1:]


def test_the_chapter_finds_where_the_model_fails_and_gates_can_ask_for_it(tumour_case: Case) -> None:
    evaluated = Evaluated(tumour_case)
    found = evaluated.report["chapters"]["slices"]
    assert not fits(found, Slices.schema())
    assert found["looked_at"] > 10
    assert {"worst slice", "worst slice recall"} == set(Slices.figures(found))
    assert json.dumps(found)
    assert Slices.title.en in evaluated.html


def test_numbers_are_sliced_by_their_error() -> None:
    part = [{"of": {"en": "a", "zh": "a"}, "is": {"en": "1 – 2", "zh": "1 – 2"}}]
    found = {
        "figure": "mean_absolute_error", "all": 2.0, "rows": 100, "fewest": 20, "looked_at": 9, "found": 1,
        "worst": [{"what": part, "rows": 30, "value": 5.0, "low": 4.0, "high": 6.0, "chance": 0.01}],
        "columns": [], "recall": None,
    }  # fmt: skip
    assert Slices.figures(found) == {"worst slice": 5.0, "worst slice recall": None}
    assert "worst where a: 1 – 2" in Slices.body(found, {})
    found["worst"][0]["chance"] = 0.5
    assert Slices.figures(found)["worst slice"] == 2.0, "what may be chance is not called a slice"
    assert "dealt at random" in Slices.body(found, {})
