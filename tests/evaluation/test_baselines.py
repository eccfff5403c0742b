"""Baselines: what a model must beat."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from sixfold.evaluation import Encoded, Scored, appraisal_of, measured
from sixfold.fields.category import Category
from sixfold.fields.image import Image
from sixfold.fields.number import Number
from sixfold.product import Product
from sixfold.tasks import task_of


@dataclass(frozen=True)
class Baseline:
    """A yardstick, and the test rows as it answers them."""

    name: str
    scored: Scored
    about: dict[str, Any]


def baselines(given, training: Encoded, test: Encoded, counts) -> list[Baseline]:
    """The yardsticks of classes, fitted on ``training`` and asked about ``test``."""
    product = Product(name="p", data="x.csv", given={"a": "number"}, predict={"kind": "category"})
    classes = appraisal_of("classes")(
        task_of(product)(product, Category("kind").fit([str(index) for index in range(len(counts))]))
    )
    everyone = np.repeat(np.arange(len(counts)), counts)
    return [
        Baseline(one.name, classes.guessed(one.outputs(test.arrays), test.y), one.about)
        for one in classes.yardsticks(given, training, everyone)
    ]


@pytest.fixture
def digits() -> tuple[dict, Encoded, Encoded, np.ndarray]:
    data = load_digits()
    pictures = (data.images * 15.9).astype(np.uint8)[..., None]
    field = Image("photo").fit([picture[..., 0] for picture in pictures[:5]])
    training = Encoded({"photo": pictures[:1000]}, data.target[:1000])
    test = Encoded({"photo": pictures[1000:]}, data.target[1000:])
    return {"photo": field}, training, test, np.bincount(data.target[:1000])


def accuracy(baseline) -> float:
    return measured(("accuracy",), baseline.scored, resamples=5)["accuracy"].value


def test_the_majority_says_the_most_frequent_class_of_the_training_rows_and_knows_their_shares(digits):
    given, training, test, counts = digits
    majority, _ = baselines(given, training, test, counts)
    assert (majority.scored.decided == counts.argmax()).all()
    assert majority.scored.probabilities[0] == pytest.approx(counts / counts.sum())
    assert accuracy(majority) == pytest.approx((test.y == counts.argmax()).mean())


def test_the_linear_model_reads_digits_as_logistic_regression_does(digits):
    _, linear = baselines(*digits)
    assert linear.name == "linear"
    assert accuracy(linear) > 0.88
    assert linear.about["converged"]
    assert linear.about["inputs"] == 64


def test_the_linear_model_knows_every_value_of_a_category_column():
    field = Category("colour").fit(["red", "green", "blue"])
    values = np.array(["red", "green", "blue"] * 60)
    y = (values == "green").astype(int)
    rows = Encoded({"colour": field.encode(values.tolist())}, y)
    _, linear = baselines({"colour": field}, rows, rows, np.bincount(y))
    assert accuracy(linear) == 1


def test_a_class_that_no_training_row_has_gets_no_chance_and_breaks_nothing():
    field = Number("size").fit([1.0, 2.0, 3.0])
    training = Encoded({"size": field.encode([1.0, 3.0] * 20)}, np.array([0, 2] * 20))
    test = Encoded({"size": field.encode([1.0, 2.0, 3.0])}, np.array([0, 1, 2]))
    _, linear = baselines({"size": field}, training, test, np.array([20, 0, 20]))
    assert (linear.scored.probabilities[:, 1] == 0).all()


def test_of_training_rows_of_one_class_only_the_majority_can_be_asked():
    field = Number("size").fit([1.0, 2.0])
    rows = Encoded({"size": field.encode([1.0, 2.0])}, np.array([0, 0]))
    assert [baseline.name for baseline in baselines({"size": field}, rows, rows, np.array([2, 0]))] == ["majority"]


def test_large_pictures_are_averaged_down_and_the_time_stays_bounded():
    random = np.random.default_rng(0)
    field = Image("photo", Image.Options(size=96, color="rgb")).fit([np.zeros((96, 96, 3), np.uint8)])
    y = random.integers(0, 10, 1500)
    pictures = (random.random((1500, 96, 96, 3)) * 100 + y[:, None, None, None] * 15).astype(np.uint8)
    rows = Encoded({"photo": pictures}, y)
    begun = time.process_time()
    _, linear = baselines({"photo": field}, rows, rows, np.bincount(y))
    assert time.process_time() - begun < 30
    assert linear.about["inputs"] == 32 * 32 * 3
    assert accuracy(linear) > 0.9


def test_blocks_are_averaged_whole_also_where_sides_do_not_divide():
    field = Image("photo", Image.Options(size=(33, 65), color="grey")).fit([np.zeros((33, 65), np.uint8)])
    pictures = np.full((4, 33, 65, 1), 255, np.uint8)
    pictures[2:] = 0
    rows = Encoded({"photo": pictures}, np.array([0, 0, 1, 1]))
    _, linear = baselines({"photo": field}, rows, rows, np.array([2, 2]))
    assert linear.about["inputs"] == 17 * 22
    assert accuracy(linear) == 1


def test_a_linear_model_that_was_stopped_early_says_so(digits, monkeypatch):
    monkeypatch.setattr("sixfold.evaluation.classes._ITERATIONS", (2, 2))
    _, linear = baselines(*digits)
    assert not linear.about["converged"]
    assert linear.about["iterations"] == 2
