"""The effect of a choice, group by group: who is told to differ, and into which groups columns are divided."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sixfold.evaluation.chapters.effects_by_group import EffectsByGroup, _chance, _groups, _ranked
from sixfold.fields.category import Category
from sixfold.fields.date import Date
from sixfold.fields.number import Number


def groups_of(field: Any, values: list[Any]) -> dict[str, int]:
    fitted = field.fit(values)
    return {of.en: len(rows) for of, rows in _groups(fitted, fitted.encode(values))}


def test_numbers_are_divided_into_ranges_of_as_many_rows_and_missing_ones_stand_by_themselves() -> None:
    found = groups_of(Number("age"), [*map(float, range(200)), *[None] * 30])
    assert len(found) == 6
    assert found["missing"] == 30
    assert set(found.values()) == {30, 40}


def test_rows_of_one_value_stay_in_one_range() -> None:
    assert sum(groups_of(Number("visits"), [0.0] * 150 + [1.0] * 50).values()) == 200


def test_rare_values_stand_together_and_the_rarest_alone_in_no_group() -> None:
    assert groups_of(Category("city"), ["a"] * 50 + ["b"] * 40 + [f"x{n}" for n in range(25)]) == {
        "a": 50,
        "b": 40,
        "others": 25,
    }
    assert groups_of(Category("city"), ["a"] * 50 + ["b"] * 40 + ["c"] * 3) == {"a": 50, "b": 40}


def test_dates_are_told_by_the_day_that_a_range_begins() -> None:
    days = [str(np.datetime64("2024-01-01") + day) for day in range(100)]
    found = groups_of(Date("seen"), days)
    assert next(iter(found)) == "from 2024-01-01"
    assert len(found) == 5


def test_only_columns_whose_groups_differ_beyond_chance_are_marked_however_many_are_looked_at() -> None:
    draw = np.random.default_rng(0)
    gaps = draw.normal(size=2000)
    halves = [np.arange(1000), np.arange(1000, 2000)]
    columns = [
        {"column": str(number), "chance": _chance(gaps, np.array_split(draw.permutation(2000), 4))}
        for number in range(40)
    ]
    gaps[:1000] += 0.5
    told = _ranked([*columns, {"column": "real", "chance": _chance(gaps, halves)}])
    assert told[0]["column"] == "real"
    assert [one["column"] for one in told if one["differs"]] == ["real"]


@pytest.mark.parametrize("differs", [True, False])
def test_the_page_says_in_both_languages_whether_anything_differs(*, differs: bool) -> None:
    groups = [
        {"of": {"en": of, "zh": of}, "rows": 50, "value": 1.0, "low": 0.5, "high": 1.5} for of in ("<b>young", "old")
    ]
    column = {"column": "age", "chance": 0.001, "differs": differs, "groups": groups}
    page = EffectsByGroup.body({"outcome": "days", "arms": [{"arm": "b", "value": 1.0, "columns": [column]}]}, {})
    assert ("differs beyond chance by age" in page) is differs
    assert ("没有超出偶然的差异" in page) is not differs
    assert "<b>young" not in page
