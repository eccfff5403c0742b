"""Regression: what the network's output means, and what a caller is told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixfold.product import Product
from sixfold.tasks import Decision, task_of
from sixfold.tasks.regression import Regression

PRICES = [120_000.0, 250_000.0, 310_000.0, 990_000.0]


@pytest.fixture
def task() -> Regression:
    product = Product(name="houses", data="x.csv", given={"rooms": "number"}, predict={"price": "number"})
    kind = task_of(product)
    assert kind is Regression
    return Regression(product, product.target.field("price").fit(PRICES))


def test_the_network_ends_in_one_linear_unit_and_learns_the_encoded_target(task: Regression) -> None:
    assert (task.output.units, task.output.activation) == (1, "linear")
    encoded = task.target.encode(PRICES)
    targets = task.targets(encoded)
    assert (targets.shape, targets.dtype) == ((4, 1), np.float32)
    np.testing.assert_array_equal(targets[:, 0], encoded[:, 0])


def test_what_was_encoded_comes_back_in_the_users_units(task: Regression) -> None:
    answers = task.answers(task.targets(task.target.encode(PRICES)), Decision())
    assert [answer["price"] for answer in answers] == pytest.approx(PRICES, rel=1e-5)


def test_without_a_margin_no_interval_is_claimed(task: Regression) -> None:
    (answer,) = task.answers(np.zeros((1, 1), np.float32), Decision())
    assert set(answer) == {"price"}


@given(st.floats(-5, 5), st.floats(0, 3))
def test_the_interval_holds_the_answer_and_widens_with_the_margin(output: float, margin: float) -> None:
    product = Product(name="houses", data="x.csv", given={"rooms": "number"}, predict={"price": "number"})
    task = Regression(product, product.target.field("price").fit([-300.0, *PRICES]))
    (answer,) = task.answers(np.array([[output]]), Decision(margin=margin))
    (wider,) = task.answers(np.array([[output]]), Decision(margin=margin + 1))
    assert wider["interval"]["low"] < answer["interval"]["low"] <= answer["price"] <= answer["interval"]["high"]
    assert answer["interval"]["high"] < wider["interval"]["high"]


def test_an_output_beyond_all_measure_is_held_near_what_was_seen(task: Regression) -> None:
    far, farther = task.answers(np.array([[1e3], [1e6]], np.float32), Decision(margin=0.1))
    assert far == farther
    assert max(PRICES) < far["price"] <= 2 * max(PRICES)
    (near,) = task.answers(task.targets(task.target.encode([1_200_000.0])), Decision())
    assert near["price"] == pytest.approx(1_200_000, rel=1e-4), "a little beyond is nothing strange"


def test_what_was_never_below_zero_is_not_said_to_be(task: Regression) -> None:
    (answer,) = task.answers(np.array([[-1.5]]), Decision(margin=2.0))
    assert answer["price"] == answer["interval"]["low"] == 0 < answer["interval"]["high"]


def test_a_target_of_which_training_rows_were_missing_is_answered_with_a_number(task: Regression) -> None:
    field = type(task.target)("price").fit([*PRICES, None])
    gaps = Regression(task.product, field)
    (answer,) = gaps.answers(np.zeros((1, 1), np.float32), Decision())
    assert isinstance(answer["price"], float)


def test_a_target_called_interval_is_still_told() -> None:
    product = Product(name="p", data="x.csv", given={"a": "number"}, predict={"interval": "number"})
    task = Regression(product, product.target.field("interval").fit([1.0, 2.0, 3.0]))
    (answer,) = task.answers(np.zeros((1, 1)), Decision(margin=1.0))
    assert answer["interval"] == pytest.approx(2.0)


def test_the_schema_says_what_is_answered(task: Regression) -> None:
    schema = task.answer_schema()
    (answer,) = task.answers(np.zeros((1, 1)), Decision(margin=1.0))
    assert set(answer) == set(schema["properties"])
    assert schema["required"] == ["price"]


def test_a_decision_of_before_intervals_still_opens() -> None:
    assert Decision(temperature=1.5, threshold=0.4).margin is None
