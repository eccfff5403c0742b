"""Forecasts: MASE as Hyndman and Koehler have it, intervals that hold what they say, yardsticks of the season."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sixfold.evaluation import Encoded, appraisal_of, measured
from sixfold.evaluation.forecasts import Forecasts, Foretold
from sixfold.fields import Array
from sixfold.fields.series import Series
from sixfold.product import Product
from sixfold.store import SCALE
from sixfold.tasks import Decision, task_of
from sixfold.tasks.forecasting import COVERAGE, QUANTILES, Forecasting

STEPS, LENGTH, SEASON = 4, 8, 4


def judge(windows: list[list[float]]) -> tuple[Forecasts, Series]:
    target = {"sales": {"kind": "series", "steps": STEPS}}
    product = Product(name="t", data="-", given={"history": "series"}, predict=target)
    past = Series("history", Series.Options(keep="last", season=SEASON)).fit([row[:LENGTH] for row in windows])
    field = product.target.field("sales").fit([row[LENGTH:] for row in windows], is_target=True)
    assert isinstance(past, Series)
    assert isinstance(field, Series)
    found = appraisal_of("forecasts")(task_of(product)(product, field.going_on(past)))
    assert isinstance(found, Forecasts)
    return found, past


def windows(count: int = 50) -> list[list[float]]:
    draw = np.random.default_rng(0)
    season = np.tile([10.0, 20.0, 40.0, 30.0], 3)
    return [(season + start + draw.normal(size=12)).tolist() for start in range(count)]


def foretold(y: Array, said: Array, scale: float = 1.0) -> Foretold:
    quantiles = np.repeat(said[..., None], len(QUANTILES), axis=-1)
    return Foretold(y, np.ones(y.shape[:2], bool), quantiles, np.full((len(y), y.shape[2]), scale))


def test_mase_is_the_mean_error_over_that_of_the_seasonal_naive_forecast() -> None:
    y = np.array([[[10.0], [12.0]], [[8.0], [9.0]]])
    said = y + np.array([[[1.0], [3.0]], [[-2.0], [0.0]]])
    found = measured(["mase", "smape"], foretold(y, said, 4.0), resamples=50)
    assert found["mase"].value == pytest.approx(np.mean([1, 3, 2, 0]) / 4)
    shares = [2 * 1 / 21, 2 * 3 / 27, 2 * 2 / 14, 0]
    assert found["smape"].value == pytest.approx(np.mean(shares))


def test_of_one_value_the_crps_is_the_absolute_error() -> None:
    y, said = np.zeros((3, 2, 1)), np.full((3, 2, 1), 2.0)
    assert measured(["scaled_crps"], foretold(y, said), resamples=20)["scaled_crps"].value == pytest.approx(2.0)


def test_steps_that_are_not_known_count_in_nothing() -> None:
    y = np.array([[[1.0], [100.0]]])
    told = foretold(y, np.zeros_like(y))
    told = Foretold(told.y, np.array([[True, False]]), told.quantiles, told.scale)
    assert measured(["mase"], told, resamples=20)["mase"].value == pytest.approx(1.0)


def test_yardsticks_repeat_the_season_and_the_last_value() -> None:
    made, past = judge(windows())
    rows = windows(6)
    arrays = {"history": past.encode([row[:LENGTH] for row in rows]), SCALE: np.full((6, 1), 2.0, np.float32)}
    truth = made.truth(made.task.target.encode([row[LENGTH:] for row in rows]))
    places, truth = made.asked(arrays, truth)
    assert places.tolist() == list(range(6))
    yardsticks = made.yardsticks({"history": past}, Encoded(arrays, truth), truth)
    assert [one.name for one in yardsticks] == ["seasonal_naive", "last_value"]
    answered = made.guessed(yardsticks[0].outputs(arrays), truth)
    np.testing.assert_allclose(answered.said[..., 0], [row[LENGTH - SEASON : LENGTH] for row in rows], rtol=1e-5)
    np.testing.assert_allclose(answered.y[..., 0], [row[LENGTH:] for row in rows], rtol=1e-5)
    np.testing.assert_allclose(answered.scale, 2.0)


def test_without_a_measure_the_past_that_is_shown_gives_it() -> None:
    made, past = judge(windows())
    row = windows(1)[0]
    _, truth = made.asked({"history": past.encode([row[:LENGTH]])}, made.truth(made.task.target.encode([row[LENGTH:]])))
    expected = np.abs(np.array(row[SEASON:LENGTH]) - np.array(row[: LENGTH - SEASON])).mean()
    assert truth[0, 0, -1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("too_wide", [0.25, 4.0])
def test_intervals_hold_their_share_whatever_was_learned(too_wide: float) -> None:
    made, _ = judge(windows())
    made.task.target.state["least"] = -1.0
    draw = np.random.default_rng(1)
    normal = np.array([-1.2816, -0.8416, -0.5244, -0.2533, 0, 0.2533, 0.5244, 0.8416, 1.2816])
    encoded = np.concatenate([draw.normal(size=(4000, STEPS, 1)), np.ones((4000, STEPS, 1))], axis=-1)
    truth = made.truth(encoded.astype(np.float32))
    outputs = np.broadcast_to(normal * too_wide, (4000, STEPS, 9)).astype(np.float32)
    decision = made.decide(outputs[:2000], truth[:2000])
    assert decision.widening == pytest.approx(1 / too_wide, rel=0.1)
    covered = np.nanmean(made.answered(outputs[2000:], truth[2000:], decision).covered)
    assert covered == pytest.approx(COVERAGE, abs=0.02)


def test_few_windows_change_little_of_what_was_learned() -> None:
    made, _ = judge(windows())
    made.task.target.state["least"] = -1.0
    encoded = np.concatenate([np.full((6, STEPS, 1), 9.0), np.ones((6, STEPS, 1))], axis=-1).astype(np.float32)
    outputs = np.broadcast_to(np.linspace(-1, 1, 9), (6, STEPS, 9)).astype(np.float32)
    assert 1 < made.decide(outputs, made.truth(encoded)).widening < 2
    assert made.decide(outputs[:2], made.truth(encoded[:2])) == Decision()


def test_answers_are_in_the_units_of_the_target_and_quantiles_rise() -> None:
    made, past = judge(windows())
    task: Any = made.task
    assert isinstance(task, Forecasting)
    outputs = np.zeros((1, STEPS, 9), np.float32)
    (answer,) = task.answers(outputs, Decision())
    assert answer["sales"] == pytest.approx([past.state["means"][0]] * STEPS)
    shuffled = np.random.default_rng(0).normal(size=(5, STEPS, 9)).astype(np.float32)
    assert (np.diff(task.quantiles(shuffled, Decision(widening=1.5)), axis=-1) >= 0).all()
