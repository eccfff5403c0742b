"""The declaration of a choice: what it is for is said beside it, once."""

from __future__ import annotations

from typing import Any

import pytest

from sixfold.errors import ProductError
from sixfold.product import Product
from sixfold.tasks import task_of
from sixfold.tasks.choosing import Choosing

CHOICE: dict[str, Any] = {"name": "advice", "data": "x.csv", "given": {"age": "number"}, "choose": {"drug": "yes_no"}}


@pytest.mark.parametrize("aim", ["to_raise", "to_lower"])
def test_a_choice_says_what_it_is_to_raise_or_lower(aim: str) -> None:
    product = Product(**CHOICE, **{aim: {"years": "number"}})
    assert (product.aim, product.outcome_name) == (aim, "years")
    assert list(product.columns) == ["age", "drug", "years"]
    assert product.key_of("years") == f"{aim}.years"
    assert product.to_mapping()[aim] == {"years": "number"}
    assert task_of(product) is Choosing


@pytest.mark.parametrize(
    ("said", "slug"),
    [
        ({}, "one_outcome"),
        ({"to_raise": {"a": "number"}, "to_lower": {"b": "number"}}, "one_outcome"),
        ({"to_raise": {"a": "number", "b": "number"}}, "one_outcome"),
        ({"to_raise": {}}, "one_outcome"),
        ({"to_raise": {"age": "number"}}, "outcome_known"),
        ({"to_lower": {"drug": "yes_no"}}, "outcome_known"),
        ({"to_raise": {"scan": "image"}}, "outcome_kind"),
    ],
)
def test_an_outcome_that_makes_no_sense_is_refused(said: dict[str, Any], slug: str) -> None:
    with pytest.raises(ProductError) as caught:
        Product(**CHOICE, **said)
    assert caught.value.slug == slug


def test_other_verbs_have_no_outcome() -> None:
    with pytest.raises(ProductError) as caught:
        Product(name="x", data="x.csv", given={"a": "number"}, predict={"b": "number"}, to_raise={"c": "number"})
    assert caught.value.slug == "outcome_without_choice"


def test_a_choice_needs_something_to_choose_by() -> None:
    with pytest.raises(ProductError) as caught:
        task_of(Product(**{**CHOICE, "given": {}}, to_raise={"years": "number"}))
    assert caught.value.slug == "nothing_to_choose_by"
