"""Boxes: average precision worked out by hand and by plain loops; thresholds of the best F1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sixfold.evaluation import Encoded, Judged, Rows, appraisal_of, measured
from sixfold.evaluation.boxes import Boxed, Boxes, overlaps
from sixfold.fields.boxes import Boxes as Kind
from sixfold.product import Product
from sixfold.tasks import Decision, task_of


@pytest.fixture
def pattern() -> Boxes:
    product = Product(name="p", data="x", given={"photo": "image"}, predict={"cells": "boxes"})
    kind = appraisal_of("boxes")
    assert kind is Boxes
    state = {"classes": ["a", "b"], "most": 4, "widths": [0.1] * 3, "heights": [0.1] * 3}
    return Boxes(task_of(product)(product, Kind("cells", None, state)))


def drawn(seed: int, rows: int = 6) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth, said = np.zeros((rows, 4, 5), np.float32), np.zeros((rows, 7, 6), np.float32)
    for row in range(rows):
        for place in range(random.integers(0, 5)):
            truth[row, place] = [random.integers(1, 3), *random.uniform(0, 0.6, 2), *random.uniform(0.2, 0.4, 2)]
        for place in range(random.integers(0, 8)):
            near = truth[row, place % 4]
            at = (
                near[1:] + random.normal(0, 0.05, 4)
                if near[0] and random.random() < 0.7
                else random.uniform(0.1, 0.5, 4)
            )
            said[row, place] = [random.integers(1, 3), random.random(), *np.maximum(at, 0.01)]
    return truth, said


def by_hand(truth: np.ndarray, said: np.ndarray, label: int) -> float:
    """Average precision at IoU 0.5 by VOC's rule, with plain loops."""
    ranked = sorted(
        ((box[1], row, box[2:]) for row in range(len(said)) for box in said[row] if box[0] == label),
        key=lambda one: -one[0],
    )
    there = {row: [box[1:] for box in truth[row] if box[0] == label] for row in range(len(truth))}
    total, taken, right = sum(map(len, there.values())), set(), []
    for _, row, box in ranked:
        found = [float(overlaps(box[None], other[None])[0, 0]) for other in there[row]]
        best = int(np.argmax(found)) if found else -1
        hit = bool(found) and found[best] >= 0.5 and (row, best) not in taken
        right.append(hit)
        taken |= {(row, best)} if hit else set()
    precisions = [sum(right[: place + 1]) / (place + 1) for place in range(len(right))]
    return (
        sum(max(precisions[place:]) for place in range(len(right)) if right[place]) / total if total else float("nan")
    )


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_average_precision_is_that_of_plain_loops(seed: int) -> None:
    truth, said = drawn(seed)
    boxed = Boxed(truth, said, said[..., 0] > 0, 2)
    expected = [value for label in (1, 2) if np.isfinite(value := by_hand(truth, said, label))]
    found = measured(["average_precision_50"], boxed, resamples=1)["average_precision_50"].value
    if expected:
        assert found == pytest.approx(float(np.mean(expected)))


def test_a_perfect_answer_is_perfect_and_a_shifted_one_is_not_tight() -> None:
    truth = np.zeros((3, 2, 5), np.float32)
    truth[:, 0], truth[:, 1] = [1, 0.1, 0.1, 0.2, 0.2], [2, 0.5, 0.5, 0.4, 0.4]
    said = np.concatenate([truth[..., :1], np.full((3, 2, 1), 0.9, np.float32), truth[..., 1:]], axis=-1)
    names = ["average_precision_50", "average_precision", "box_precision", "box_recall"]
    perfect = measured(names, Boxed(truth, said, said[..., 0] > 0, 2), resamples=1)
    assert [perfect[name].value for name in names] == pytest.approx([1, 1, 1, 1])
    said[..., 2] += said[..., 4] * 0.2  # IoU 0.8 / 1.2: right at 0.50, 0.55, 0.60 and 0.65
    shifted = measured(names, Boxed(truth, said, said[..., 0] > 0, 2), resamples=1)
    assert shifted["average_precision_50"].value == pytest.approx(1)
    assert shifted["average_precision"].value == pytest.approx(0.4)


def test_two_answers_to_one_box_are_one_right_and_one_wrong() -> None:
    truth = np.array([[[1, 0.1, 0.1, 0.2, 0.2]]], np.float32)
    said = np.array([[[1, 0.9, 0.1, 0.1, 0.2, 0.2], [1, 0.8, 0.1, 0.1, 0.2, 0.21]]], np.float32)
    found = measured(["box_precision", "box_recall"], Boxed(truth, said, said[..., 0] > 0, 1), resamples=1)
    assert found["box_precision"].value == 0.5
    assert found["box_recall"].value == 1


def test_boxes_are_told_from_the_score_of_the_best_f1_on(pattern: Boxes) -> None:
    truth = np.zeros((4, 1, 5), np.float32)
    truth[:] = [1, 0.1, 0.1, 0.2, 0.2]
    said = np.zeros((4, 2, 6), np.float32)
    said[:, 0] = [1, 0.7, 0.1, 0.1, 0.2, 0.2]
    said[:, 1] = [1, 0.3, 0.6, 0.6, 0.2, 0.2]
    decision = pattern.decide(said, truth)
    assert decision.thresholds == pytest.approx((0.5, 0.5))
    assert pattern.answered(said, truth, decision).told.tolist() == [[True, False]] * 4
    assert pattern.decide(said[:0], truth[:0]) == Decision()


def test_what_is_told_of_each_label_adds_up(pattern: Boxes) -> None:
    truth, said = drawn(4, rows=12)
    answered = pattern.answered(said, truth, Decision(threshold=0.3))
    rows = Rows(np.arange(12), said, truth)
    parts = pattern.parts(Judged(Decision(threshold=0.3), 9, truth, rows, rows, answered, 0))
    assert [one["class"] for one in parts["classes"]] == ["a", "b"]
    assert sum(one["boxes"] for one in parts["classes"]) == (truth[..., 0] > 0).sum()
    for one in parts["classes"]:
        assert one["low"] <= one["average_precision"] <= one["high"]
        assert 0 < len(one["curve"]) <= 60
    example = pattern.example(answered, int(pattern.worst(answered, 1)[0]), {})
    assert example["found"] + example["missed"] == len(example["right"])
    assert example["found"] + example["wrong"] == len(example["said"])


def test_the_yardsticks_say_boxes_of_the_training_rows(pattern: Boxes) -> None:
    training = np.zeros((5, 4, 5), np.float32)
    training[:, 0] = [2, 0.1, 0.1, 0.25, 0.5]
    training[4, 0] = [1, 0.7, 0.7, 0.1, 0.1]
    outputs = {
        one.name: one.outputs({"photo": np.zeros((3, 2, 2, 3))})
        for one in pattern.yardsticks({}, Encoded({}, training), training)
    }
    assert outputs["layout"][0, 0].tolist() == pytest.approx([2, 1, 0.1, 0.1, 0.25, 0.5])
    assert outputs["tiles"].shape == (3, 8, 6)
    assert pattern.guessed(outputs["layout"], training[:3]).of_rows.tolist() == [1, 1, 1]
