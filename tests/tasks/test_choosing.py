"""Choosing: what the outputs mean, what an answer says, and when it warns."""

from __future__ import annotations

import numpy as np
import pytest

from sixfold.fields.number import Number
from sixfold.fields.yes_no import YesNo
from sixfold.product import Product
from sixfold.tasks import Decision, Effect
from sixfold.tasks.choosing import Choosing

YEARS = [0.0, 2.0, 4.0, 10.0]
SURE = Effect(level=1.0, slope=1.0, centre=1.0, level_error=0.1, slope_error=0.05)


def task(aim: str = "to_raise", share: bool = False) -> Choosing:
    kind = "yes_no" if share else "number"
    product = Product(
        name="advice", data="x.csv", given={"age": "number"}, choose={"drug": "yes_no"}, **{aim: {"years": kind}}
    )
    outcome = YesNo("years").fit(["yes", "no"]) if share else Number("years", Number.Options(scale="linear")).fit(YEARS)
    return Choosing(product, YesNo("drug").fit(["yes", "no"], is_target=True), outcome)


def outputs(*rows: tuple[float, float, float]) -> np.ndarray:
    """Rows of (outcome without, outcome with, chance of the drug)."""
    return np.array([[without, with_, 1 - chance, chance] for without, with_, chance in rows], np.float32)


def test_targets_are_the_arm_and_the_outcome_and_the_way_back_is_exact() -> None:
    choosing = task()
    arrays = {"drug": np.array([1, 2, 2, 1], np.int32), "years": choosing.outcome.encode(YEARS)}
    taken = choosing.taken(arrays)
    targets = choosing.targets(taken)
    assert targets[:, 0].tolist() == [0, 1, 1, 0]
    np.testing.assert_array_equal(choosing.encoded(targets), taken)
    beginning, unit = choosing.scale
    np.testing.assert_allclose(targets[:, 1] * unit + beginning, YEARS, rtol=1e-5)


def test_an_outcome_of_yes_or_no_is_one_or_nought() -> None:
    choosing = task(share=True)
    taken = choosing.taken({"drug": np.array([1, 2]), "years": choosing.outcome.encode(["no", "yes"])})
    assert choosing.targets(taken)[:, 1].tolist() == [0, 1]
    assert choosing.output.activation == "sigmoid"


@pytest.mark.parametrize(("aim", "chosen"), [("to_raise", ["yes", "no"]), ("to_lower", ["no", "yes"])])
def test_the_arm_with_the_better_outcome_is_chosen(aim: str, chosen: list[str]) -> None:
    told = outputs((0.0, 2.0, 0.5), (0.0, -2.0, 0.5))
    answers = task(aim).answers(told, Decision(effects=(SURE,)))
    assert [answer["drug"] for answer in answers] == chosen
    assert all(answer["warnings"] == [] for answer in answers)


def test_effects_are_in_the_outcomes_units_with_an_interval_about_them() -> None:
    choosing = task()
    unit = choosing.scale[1]
    (answer,) = choosing.answers(outputs((0.5, 2.5, 0.5)), Decision(effects=(SURE,)))
    effect = answer["effects"]["yes"]
    assert effect["value"] == pytest.approx(2 * unit)
    assert effect["high"] - effect["value"] == pytest.approx(1.96 * unit * np.hypot(0.1, 0.05), rel=1e-3)
    assert answer["expected"]["yes"] - answer["expected"]["no"] == pytest.approx(effect["value"], rel=1e-5)


def test_where_no_effect_by_row_was_found_every_row_has_the_average_one() -> None:
    flat = Effect(level=1.0, slope=0.0, centre=0.0, level_error=0.1, slope_error=0.0)
    answers = task().answers(outputs((0.0, 5.0, 0.5), (0.0, -5.0, 0.5)), Decision(effects=(flat,)))
    assert answers[0]["effects"] == answers[1]["effects"]
    assert all("one_for_all" in answer["warnings"] and answer["drug"] == "yes" for answer in answers)


def test_it_warns_where_rows_seldom_got_an_arm_and_where_the_interval_holds_nothing() -> None:
    rare, doubtful = task().answers(outputs((0.0, 2.0, 0.01), (0.0, 0.05, 0.5)), Decision(effects=(SURE,)))
    assert rare["warnings"] == ["seldom"]
    assert doubtful["warnings"] == ["unsure"]


def test_the_r_loss_prefers_the_model_that_tells_the_true_effects() -> None:
    draw = np.random.default_rng(0)
    x, arm = draw.normal(size=2000), draw.integers(0, 2, 2000)
    y = x + arm * x + draw.normal(size=2000)
    right = np.stack([x, 2 * x, np.full(2000, 0.5), np.full(2000, 0.5)], axis=1)
    flat = np.stack([1.5 * x, 1.5 * x, np.full(2000, 0.5), np.full(2000, 0.5)], axis=1)
    (good, poor), left = task().comparable([right, flat], np.stack([arm, y], axis=1))
    assert ((good - left) ** 2).mean() < ((poor - left) ** 2).mean()


def test_a_request_cannot_make_an_outcome_of_chance_leave_nought_to_one() -> None:
    (answer,) = task("to_lower", share=True).answers(outputs((0.9, 1.9, 0.5)), Decision(effects=(SURE,)))
    assert answer["expected"]["yes"] == 1.0
