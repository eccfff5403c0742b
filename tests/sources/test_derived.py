"""Columns that follow from others: the language, what it refuses, and what missing values become."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixfold.errors import Place, ProductError, SourceError
from sixfold.product import Expression, Product, parse
from sixfold.progress import Note
from sixfold.sources import gathered, source_of

PEOPLE = pl.DataFrame(
    {
        "name": ["Ann", "Bo", None, "Di"],
        "age": [17, 18, 40, None],
        "weight": ["25", "80", "?", "1,000"],
        "height": [1.0, 2.0, 1.7, 0.0],
        "born": ["2008-03-31", "2007/12/01", "no date", None],
        "noted": ["2025-01-01T00:30:00+08:00", "2025年3月3日", "?", "2025-03-01 23:59"],
        "joined": [date(2025, 1, 6), None, date(2025, 1, 12), date(2024, 2, 29)],
        "Sale Price": [1.0, float("nan"), 100.0, -1.0],
        "member": [True, False, None, True],
        "steps": [[1.0, 2.0], [], None, [3.0]],
    }
)


def derived(expression: str, rows: pl.DataFrame = PEOPLE, events: list[Any] | None = None) -> list[Any]:
    product = Product(
        name="p",
        data=rows,
        given={"x": {"kind": "number"}},
        predict={"age": {"kind": "category"}},
        collect={"columns": {"x": expression}},
    )
    listener = ([] if events is None else events).append
    return pl.concat(gathered(product, source_of(rows), listener))["x"].to_list()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("age > 17", [False, True, True, None]),
        ("name == 'Ann' or age >= 18", [True, True, True, None]),
        ("name == 'Ann' and age >= 18", [False, False, None, False]),
        ("not (name in ['Ann', 'Bo'])", [False, False, None, True]),
        ("name not in ['Ann', 'Bo']", [False, False, None, True]),
        ("17 < age <= 40", [False, True, True, None]),
        ("weight / (height * height)", [25.0, 20.0, None, None]),
        ("weight > 100", [False, False, None, True]),
        ("weight in [25, 80]", [True, True, None, False]),
        ("log(`Sale Price`)", [0.0, None, pytest.approx(4.605170), None]),
        ("log1p(height) > 1 and sqrt(age) < 5", [False, True, False, False]),
        ("abs(-age) // 10 % 4 ** 1", [1.0, 1.0, 0.0, None]),
        ("round(height, 0) + 0.5", [1.5, 2.5, 2.5, 0.5]),
        ("lower(name)", ["ann", "bo", None, "di"]),
        ("length(name) + length(steps)", [5.0, 2.0, None, 3.0]),
        ("year(born)", [2008.0, 2007.0, None, None]),
        ("weekday(noted)", [3.0, 1.0, None, 6.0]),
        ("month(joined) * 10 + weekday(joined)", [11.0, None, 17.0, 24.0]),
        ("joined >= '2025-01-06'", [True, None, True, False]),
        ("is_missing(weight) or is_missing(`Sale Price`)", [False, True, False, False]),
        ("if(member, 'in', 'out')", ["in", "out", None, "in"]),
        ("if(age >= 18, height, -1)", [-1.0, 2.0, 1.7, None]),
        ("member == true", [True, False, None, True]),
        ("(age > 17) + (height > 1.65)", [0.0, 2.0, 2.0, None]),
        ("age", [17.0, 18.0, 40.0, None]),
        ("name", ["Ann", "Bo", None, "Di"]),
        ("row() / 2", [0.5, 1.0, 1.5, 2.0]),
        ("'2025'", ["2025"] * 4),
    ],
)
def test_an_expression_is_computed_and_missing_stays_missing(expression: str, expected: list[Any]) -> None:
    assert derived(expression) == expected


def test_a_derived_column_may_build_on_one_before_it() -> None:
    product = Product(
        name="p",
        data=PEOPLE,
        given={"bmi": {"kind": "number"}},
        predict={"heavy": {"kind": "yes_no"}},
        collect={"columns": {"bmi": "weight / height ** 2", "heavy": "bmi >= 25"}},
    )
    frame = pl.concat(gathered(product, source_of(PEOPLE)))
    assert frame.columns == ["bmi", "heavy"]
    assert frame["heavy"].to_list() == [True, False, None, None]


def test_values_that_are_no_number_are_told() -> None:
    events: list[Any] = []
    derived("born > 1", events=events)
    [note] = [event for event in events if isinstance(event, Note)]
    assert (note.key, note.values["count"], note.values["derived"]) == ("collect.not_read", 3, "x")
    events.clear()
    derived("weight > 1", events=events)
    assert not events


@pytest.mark.parametrize(
    ("expression", "slug"),
    [
        ("age +", "expression_syntax"),
        ("age = 3", "expression_syntax"),
        ("age # 3", "expression_syntax"),
        ("(" * 500 + "age" + ")" * 500, "expression_syntax"),
        ("a) + (b", "expression_syntax"),
        ("", "expression_syntax"),
        ("age.real", "expression_forbidden"),
        ("().__class__", "expression_forbidden"),
        ("[x for x in y]", "expression_syntax"),
        ("[age]", "expression_forbidden"),
        ("lambda: 1", "expression_syntax"),
        ("(a := 1)", "expression_forbidden"),
        ("f'{age}'", "expression_forbidden"),
        ("age is None", "expression_syntax"),
        ("age == None", "expression_forbidden"),
        ("name in age", "expression_forbidden"),
        ("1" + "0" * 400, "expression_forbidden"),
        ("-" * 60 + "age", "expression_forbidden"),
        ("age + 1" + " " * 3000 + "+ 1", "expression_forbidden"),
        ("__import__('os')", "expression_function"),
        ("eval('1')", "expression_function"),
        ("log(age, 10)", "expression_arguments"),
        ("if(age, 10)", "expression_arguments"),
        ("row(1)", "expression_arguments"),
    ],
)
def test_what_is_not_of_the_language_is_refused(expression: str, slug: str) -> None:
    with pytest.raises(ProductError) as caught:
        Expression.read("x", expression)
    assert (caught.value.slug, caught.value.place) == (slug, Place(key="collect.columns.x"))


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("lower(age)", "age"),
        ("name and age > 1", "name"),
        ("age == 'old'", "'old'"),
        ("lower(name) + 1", "lower(name)"),
        ("name < weight", "name"),
        ("member == 'yes'", "'yes'"),
        ("steps > 1", "steps"),
        ("round(age, name)", "name"),
        ("year(age)", "age"),
    ],
)
def test_a_column_of_another_sort_is_told(expression: str, part: str) -> None:
    with pytest.raises(SourceError) as caught:
        derived(expression)
    assert (caught.value.code, caught.value.values["part"]) == ("source.expression_sort", part)


def test_faults_are_told_with_their_line() -> None:
    text = "name: p\ndata: a.csv\ngiven: {a: number}\npredict: {b: number}\ncollect:\n  columns:\n    b: a >\n"
    with pytest.raises(ProductError) as caught:
        parse(text, Path("product.yaml"))
    assert caught.value.place == Place("product.yaml", 7, "collect.columns.b")


def test_absent_and_doubled_columns_are_told() -> None:
    with pytest.raises(SourceError) as caught:
        derived("ages > 3")
    assert (caught.value.code, caught.value.values["guess"]) == ("source.no_column", "age")
    assert caught.value.place == Place(key="collect.columns.x")
    with pytest.raises(SourceError) as caught:
        derived("age > 3", PEOPLE.with_columns(x=1))
    assert caught.value.code == "source.derived_exists"


def test_a_derived_target_beside_roles_takes_none() -> None:
    product = Product(
        name="d",
        data="sklearn:digits",
        given={"photo": {"kind": "image"}},
        predict={"is_even": {"kind": "yes_no"}},
        collect={"columns": {"is_even": "class in ['0', '2', '4', '6', '8']"}},
    )
    frame = pl.concat(gathered(product, source_of(product.data)))
    assert frame["is_even"].to_list()[:4] == [True, False, True, False]
    assert frame["photo"].dtype == pl.Binary


def test_the_grade_of_a_disease_becomes_sick_or_not(shared_data: Path) -> None:
    product = Product(
        name="h",
        data=str(shared_data / "heart_disease_cleveland.csv"),
        given={"age": {"kind": "number"}, "ca": {"kind": "number"}},
        predict={"sick": {"kind": "yes_no"}},
        collect={"columns": {"sick": "num > 0"}},
    )
    frame = pl.concat(gathered(product, source_of(product.data)))
    assert frame["sick"].value_counts(sort=True).rows() == [(False, 164), (True, 139)]
    assert frame["ca"].null_count() == 4


@given(st.text(st.characters(codec="utf-8", exclude_characters="`\n\r"), min_size=1), st.integers(0, 9))
def test_any_column_name_is_read_in_backticks(name: str, number: int) -> None:
    expression = Expression.read("x", f"`{name}` + {number}")
    assert expression.columns == (name,)
