"""Paths: displacement as the field measures it, the best of twenty, constant velocity as the yardstick."""

from __future__ import annotations

import numpy as np
import pytest

from sixfold.evaluation import Encoded, appraisal_of, measured
from sixfold.evaluation.tracks import Moved, Tracks
from sixfold.fields import Array
from sixfold.fields.series import Series
from sixfold.product import Product
from sixfold.tasks import Decision, task_of
from sixfold.tasks.behaviour import Behaviour

LENGTH, STEPS = 4, 3


def walks(count: int = 30) -> Array:
    draw = np.random.default_rng(0)
    pace, start = draw.normal(size=(2, count, 1, 2))
    return np.asarray(start * 5 + pace * np.arange(LENGTH + STEPS)[:, None])


def judge() -> tuple[Tracks, Series]:
    target = {"path": {"kind": "series", "steps": STEPS}}
    given = {"history": "series", "nearby": "neighbours"}
    product = Product(name="t", data="-", given=given, predict=target)
    past = Series("history", Series.Options(keep="last")).fit(list(walks()[:, :LENGTH]))
    field = product.target.field("path").fit(list(walks()[:, LENGTH:]), is_target=True)
    assert isinstance(past, Series)
    assert isinstance(field, Series)
    found = appraisal_of("tracks")(task_of(product)(product, field.going_on(past)))
    assert isinstance(found, Tracks)
    return found, past


def test_displacement_is_the_mean_and_the_last_distance_and_the_best_of_each() -> None:
    y = np.zeros((1, 2, 2))
    path = np.array([[[3.0, 4.0], [6.0, 8.0]]])
    futures = np.array([[[[1.0, 0.0], [3.0, 0.0]], [[4.0, 0.0], [0.0, 1.0]]]])
    moved = Moved(y, np.ones((1, 2), bool), path, futures, np.ones((1, 2)) / 2)
    names = ["average_displacement", "final_displacement", "best_average_displacement", "best_final_displacement"]
    found = measured(names, moved, resamples=20)
    assert [found[name].value for name in names] == pytest.approx([7.5, 10.0, 2.0, 1.0])


def test_steps_that_are_not_known_count_in_nothing() -> None:
    y, path = np.zeros((1, 3, 2)), np.array([[[1.0, 0.0], [2.0, 0.0], [100.0, 0.0]]])
    moved = Moved(y, np.array([[True, True, False]]), path, path[:, None], np.ones((1, 1)))
    found = measured(["average_displacement", "best_final_displacement"], moved, resamples=20)
    assert found["average_displacement"].value == pytest.approx(1.5)
    assert found["best_final_displacement"].value == pytest.approx(2.0)


def test_who_goes_on_as_before_is_foretold_by_constant_velocity() -> None:
    made, past = judge()
    rows = walks(10)
    arrays = {"history": past.encode(list(rows[:, :LENGTH]))}
    truth = made.truth(made.task.target.encode(list(rows[:, LENGTH:])))
    going_on, standing = made.yardsticks({"history": past}, Encoded(arrays, truth), truth)
    assert made.guessed(going_on.outputs(arrays), truth).off.max() < 1e-4
    np.testing.assert_allclose(made.guessed(standing.outputs(arrays), truth).path[:, 0], rows[:, LENGTH - 1], atol=1e-4)


def test_chances_are_calibrated_and_answers_stand_in_their_order() -> None:
    made, _ = judge()
    task = made.task
    assert isinstance(task, Behaviour)
    draw = np.random.default_rng(1)
    outputs = draw.normal(size=(400, 21, STEPS * 2 + 1)).astype(np.float32)
    outputs[..., -1] *= 9  # far too sure of itself
    truth = made.truth(draw.normal(size=(400, STEPS, 3)).astype(np.float32))
    truth[..., -1] = 1
    decision = made.decide(outputs, truth)
    assert decision.temperature > 3
    (answer, *_) = task.answers(outputs, decision)
    chances = [future["chance"] for future in answer["futures"]]
    assert chances == sorted(chances, reverse=True)
    assert sum(chances) == pytest.approx(1)
    assert len(answer["futures"]) == 20
    assert np.shape(answer["path"]) == (STEPS, 2)
    assert made.decide(outputs[:3], truth[:3]) == Decision()
