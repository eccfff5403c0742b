"""Masks: scikit-learn is the oracle of the figures; pixels that say nothing count nowhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from sixfold.evaluation import Encoded, Judged, Rows, appraisal_of, measured
from sixfold.evaluation.masks import Masked, Masks
from sixfold.fields.mask import Mask
from sixfold.product import Product
from sixfold.tasks import Decision, task_of


@pytest.fixture
def pattern() -> Masks:
    product = Product(name="p", data="x", given={"photo": "image"}, predict={"scene": "mask"})
    state = {
        "height": 6,
        "width": 5,
        "is_colored": False,
        "classes": ["a", "b", "c"],
        "keys": [0, 1, 2],
        "ignored": [9],
    }
    kind = appraisal_of("masks")
    assert kind is Masks
    return Masks(task_of(product)(product, Mask("scene", None, state)))


def drawn(seed: int, rows: int = 8) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth, said = (
        random.choice([0, 1, 2], (rows, 6, 5), p=p).astype(np.uint8) for p in ((0.6, 0.3, 0.1), (0.5, 0.3, 0.2))
    )
    truth[random.random(truth.shape) < 0.2] = 255
    return truth, said


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_figures_are_those_of_scikit_learn(seed: int) -> None:
    truth, said = drawn(seed)
    known = truth != 255
    found = measured(["mean_iou", "pixel_accuracy", "mean_class_accuracy"], Masked(truth, said, 3), resamples=1)
    labels = np.union1d(truth[known], said[known])
    expected = metrics.jaccard_score(truth[known], said[known], labels=labels, average="macro")
    assert found["mean_iou"].value == pytest.approx(expected)
    assert found["pixel_accuracy"].value == pytest.approx(metrics.accuracy_score(truth[known], said[known]))
    recalls = metrics.recall_score(truth[known], said[known], labels=np.unique(truth[known]), average="macro")
    assert found["mean_class_accuracy"].value == pytest.approx(recalls)


def test_the_yardsticks_say_what_is_commonest(pattern: Masks) -> None:
    training = np.zeros((5, 6, 5), np.uint8)
    training[:, 0], training[:, 1], training[:2, 2] = 2, 255, 1
    outputs = {
        one.name: one.outputs({"photo": np.zeros((3, 6, 5, 3))})
        for one in pattern.yardsticks({}, Encoded({}, training[:0]), training)
    }
    assert outputs["commonest_pixel"].shape == outputs["place"].shape == (3, 6, 5)
    assert not outputs["commonest_pixel"].any()
    assert (outputs["place"][:, 0] == 2).all()
    assert not outputs["place"][:, 1:].any()


def test_what_is_told_of_each_class_adds_up(pattern: Masks) -> None:
    truth, said = drawn(3)
    outputs = np.stack([said, np.full_like(said, 200)], axis=-1)
    answered = pattern.answered(outputs, truth, Decision())
    rows = Rows(np.arange(8), outputs, truth)
    parts = pattern.parts(Judged(Decision(), 0, truth, rows, rows, answered, 0))
    assert [one["class"] for one in parts["classes"]] == ["a", "b", "c"]
    assert sum(one["pixels"] for one in parts["classes"]) == pytest.approx(1)
    for one in parts["classes"]:
        assert one["low"] <= one["iou"] <= one["high"]
    assert parts["mixed"][0]["truth"] == "a"
    worst, usual = pattern.worst(answered, 3), pattern.typical(answered, 3)
    assert answered.of_rows[worst[0]] == answered.of_rows.min()
    assert len(usual) == 3
    assert pattern.is_known(np.full((1, 6, 5), 255, np.uint8)).tolist() == [False]
