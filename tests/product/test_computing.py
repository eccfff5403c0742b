"""Derived columns of rows that are sent: the same values as `collect` computes over the whole table."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pytest

from sixfold.product import Expression, Product, computed

pl = pytest.importorskip("polars")

ROWS: dict[str, list[Any]] = {
    "name": ["Ann", "Bo", None, "Di"],
    "age": [17, 18, 40, None],
    "weight": ["25", "80", "?", "1,000"],
    "height": [1.0, 2.0, 1.7, 0.0],
    "born": ["2008-03-31", "2007/12/01", "no date", None],
    "joined": [date(2025, 1, 6), None, date(2025, 1, 12), date(2024, 2, 29)],
    "Sale Price": [1.0, float("nan"), 100.0, -1.0],
    "member": [True, False, None, True],
    "steps": [[1.0, 2.0], [], None, [3.0]],
}
EXPRESSIONS = [
    "age > 17",
    "name == 'Ann' or age >= 18",
    "name == 'Ann' and age >= 18",
    "not (name in ['Ann', 'Bo'])",
    "name not in ['Ann', 'Bo']",
    "17 < age <= 40",
    "weight / (height * height)",
    "weight > 100",
    "weight in [25, 80]",
    "log(`Sale Price`)",
    "log1p(height) > 1 and sqrt(age) < 5",
    "abs(-age) // 10 % 4 ** 1",
    "round(height, 0) + 0.5",
    "round(height * 1.25, 1)",
    "lower(name)",
    "length(name) + length(steps)",
    "year(born)",
    "month(joined) * 10 + weekday(joined)",
    "joined >= '2025-01-06'",
    "is_missing(weight) or is_missing(`Sale Price`)",
    "if(member, 'in', 'out')",
    "if(age >= 18, height, -1)",
    "member == true",
    "(age > 17) + (height > 1.65)",
    "age",
    "name",
    "-1 // 0",
    "(0 - 8) ** 0.5",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_a_row_that_is_sent_has_the_values_that_collect_gave_it(text: str) -> None:
    from sixfold.sources import gathered, source_of

    product = Product(
        name="p",
        data=pl.DataFrame(ROWS),
        given={"x": {"kind": "number"}},
        predict={"age": {"kind": "category"}},
        collect={"columns": {"x": text}},
    )
    expected = pl.concat(gathered(product, source_of(product.data)))["x"].to_list()
    rows = [{name: values[at] for name, values in ROWS.items()} for at in range(4)]
    found = [computed(product.collect.expressions, row)["x"] for row in rows]
    assert found == [pytest.approx(value) if isinstance(value, float) else value for value in expected]


def test_columns_build_on_one_another() -> None:
    expressions = {"m": Expression.read("m", "cm / 100"), "bmi": Expression.read("bmi", "kg / (m * m)")}
    assert computed(expressions, {"kg": 72, "cm": "180"})["bmi"] == pytest.approx(72 / 1.8**2)


def test_what_is_left_out_is_missing() -> None:
    assert computed({"x": Expression.read("x", "a + b")}, {"a": 1}) == {"x": None}


def test_a_number_too_large_to_hold_is_missing() -> None:
    assert computed({"x": Expression.read("x", "a ** a")}, {"a": 1e9}) == {"x": None}
    assert computed({"x": Expression.read("x", "a + 1")}, {"a": math.inf}) == {"x": None}


def test_neither_true_nor_false_is_an_error() -> None:
    with pytest.raises(ValueError, match="maybe"):
        computed({"x": Expression.read("x", "if(a, 1, 2)")}, {"a": "maybe"})


def product_of(**collect: Any) -> Product:
    return Product(
        name="p",
        data="rows.csv",
        given={"bmi": {"kind": "number"}, "age": {"kind": "number"}},
        predict={"sick": {"kind": "yes_no"}},
        collect=collect,
    )


def test_a_product_says_what_rows_may_bring_in_place_of_what_follows() -> None:
    product = product_of(columns={"m": "cm / 100", "bmi": "kg / (m * m)", "sick": "num > 0", "unused": "zip"})
    assert list(product.computed) == ["m", "bmi"]
    assert product.brought == ("cm", "kg")


def test_a_given_column_that_is_needed_for_another_is_brought_as_itself() -> None:
    assert product_of(columns={"bmi": "kg / age", "sick": "num > 0"}).brought == ("kg",)


def test_rows_of_several_lines_are_sent_as_they_were_made() -> None:
    product = product_of(columns={"bmi": "kg / age"}, rows={"id": "person"})
    assert product.brought == ()
