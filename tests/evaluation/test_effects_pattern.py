"""Effects: doubly robust values and averages on rows whose truth is known, and what the report says."""

from __future__ import annotations

import numpy as np
import pytest

from sixfold.evaluation import Yardstick, figures
from sixfold.evaluation._appraisal import Encoded, Judged, Rows
from sixfold.evaluation._figures import measured
from sixfold.evaluation.effects import Effects
from sixfold.fields.number import Number
from sixfold.fields.yes_no import YesNo
from sixfold.product import Product
from sixfold.tasks.choosing import Choosing


def pattern(aim: str = "to_raise") -> Effects:
    product = Product(
        name="advice", data="x.csv", given={"age": "number"}, choose={"drug": "yes_no"}, **{aim: {"years": "number"}}
    )
    outcome = Number("years", Number.Options(scale="linear")).fit(np.random.default_rng(0).normal(size=500))
    return Effects(Choosing(product, YesNo("drug").fit(["yes", "no"], is_target=True), outcome))


def trial(
    count: int = 4000, *, differs: bool = True, rare: bool = False, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outputs of a model that errs about outcomes, the truth as encoded, and the true effects.

    Who has a high x gets the drug more often, and x raises the outcome: the plain difference of means is far too high.
    """
    draw = np.random.default_rng(seed)
    x = draw.normal(size=count)
    chance = 1 / (1 + np.exp(-(4 if rare else 1) * x))
    arm = (draw.random(count) < chance).astype(float)
    effect = 0.5 + (x if differs else 0 * x)
    y = x + arm * effect + draw.normal(size=count)
    told = 0.5 + (x if differs else 0.3 * draw.normal(size=count))
    outputs = np.stack([0.8 * x + 0.1, 0.8 * x + 0.1 + told, 1 - chance, chance], axis=1)
    return outputs, np.stack([arm, y], axis=1), effect


def test_the_average_effect_is_right_though_the_outcome_model_is_not() -> None:
    effects = pattern()
    outputs, truth, effect = trial()
    (rule,) = effects.decide(outputs, truth).effects
    assert abs(rule.level - effect.mean()) < 2.5 * rule.level_error
    assert rule.level_error < 0.06


def test_effects_that_differ_are_told_from_those_that_do_not() -> None:
    effects = pattern()
    (differs,) = effects.decide(*trial()[:2]).effects
    assert 0.8 < differs.slope <= 1
    same = [effects.decide(*trial(differs=False, seed=seed)[:2]).effects[0] for seed in range(20)]
    assert sum(rule.slope > 0 for rule in same) <= 3  # 5 % by chance


def test_few_rows_of_an_arm_claim_nothing() -> None:
    outputs, truth, _ = trial(60)
    truth[:55, 0] = 0
    assert pattern().decide(outputs, truth).effects == ()


@pytest.mark.parametrize(("aim", "name"), [("to_raise", "raised_outcome"), ("to_lower", "lowered_outcome")])
def test_the_value_of_a_policy_is_what_it_would_lead_to(aim: str, name: str) -> None:
    effects = pattern(aim)
    outputs, truth, effect = trial(20_000)
    decision = effects.decide(outputs, truth)
    answered = effects.answered(outputs, truth, decision)
    beginning, unit = effects._choosing.scale
    value = measured([name], answered)[name]
    treated = effect > 0 if aim == "to_raise" else effect < 0
    x = effect - 0.5
    expected = (x + treated * effect).mean() * unit + beginning
    assert value.low - 0.02 < expected < value.high + 0.02
    yardsticks = effects.yardsticks({}, Encoded({}, truth), truth)
    arrays = {"age": np.zeros(len(truth))}
    rivals = effects.rivals(answered, {one.name: one.outputs(arrays) for one in yardsticks}, truth)
    (told, targeting) = figures(effects.task.judged_by, answered, rivals)
    assert set(told["against"]) == set(Effects.baselines)
    assert all(them["difference"]["low"] > 0 for them in told["against"].values())
    assert targeting["value"] > 0
    assert targeting["against"]["none"]["value"] == 0
    assert isinstance(yardsticks[0], Yardstick)


def judged(effects: Effects, **told: bool) -> tuple[Judged, dict]:
    outputs, truth, _ = trial(**told)
    decision = effects.decide(outputs, truth)
    test_outputs, test_truth, _ = trial(1500, seed=7, **told)
    answered = effects.answered(test_outputs, test_truth, decision)
    numbers = np.arange(1500)
    rows = Rows(numbers, test_outputs, test_truth)
    whole = Judged(decision, len(truth), truth, rows, rows, answered, 0)
    return whole, effects.parts(whole)


def report_of(effects: Effects, whole: Judged, parts: dict) -> dict:
    yardsticks = effects.yardsticks({}, Encoded({}, whole.training), whole.training)
    arrays = {"age": np.zeros(whole.answered.rows)}
    rivals = effects.rivals(whole.answered, {one.name: one.outputs(arrays) for one in yardsticks}, whole.test.truth)
    return {
        "figures": figures(effects.task.judged_by, whole.answered, rivals),
        "baselines": {one.name: one.about for one in yardsticks},
        "product": {"target": "drug"},
        "worst": [],
        **parts,
    }


def test_the_report_says_plainly_where_no_effect_by_row_can_be_learned() -> None:
    effects = pattern()
    whole, parts = judged(effects, differs=False)
    assert parts["choice"]["differs"] is False
    assert parts["choice"]["best"] == "yes"
    told = Effects.verdict(report_of(effects, whole, parts))
    assert any("No effect by row can be learned" in text.en and "drug yes" in text.en for text in told)
    assert any("学不出因行而异的效应" in text.zh for text in told)
    page = "".join(section.body for section in Effects.sections(report_of(effects, whole, parts), {}))
    assert "recommends yes for everyone" in page


def test_the_report_warns_where_an_arm_was_nearly_never_given() -> None:
    effects = pattern()
    whole, parts = judged(effects, rare=True)
    assert parts["overlap"]["outside"] > 0.2
    assert any("cannot support a choice" in text.en for text in Effects.verdict(report_of(effects, whole, parts)))
    whole, parts = judged(effects)
    assert not any("cannot support" in text.en for text in Effects.verdict(report_of(effects, whole, parts)))


def test_groups_by_promise_and_uplift_tell_the_same_story() -> None:
    effects = pattern()
    _, parts = judged(effects)
    groups = parts["by_promise"][0]["groups"]
    assert len(groups) == 5
    assert [group["value"] for group in groups] == sorted(group["value"] for group in groups)
    assert max(parts["uplift"]["gains"]) > parts["uplift"]["whole"]
    assert parts["uplift"]["gains"][0] == 0


def test_rows_that_are_kept_stay_in_their_order() -> None:
    effects = pattern()
    whole, _ = judged(effects)
    answered, keep = whole.answered, np.random.default_rng(1).random(1500) < 0.5
    kept = answered.kept(keep)
    promised = answered.told[keep][:, 1][kept.order]
    assert (np.diff(promised) <= 1e-9).all()


def test_what_parts_say_is_what_the_schema_describes() -> None:
    effects = pattern()
    whole, parts = judged(effects)
    described, example = Effects.schema()
    assert set(parts) == set(described)
    assert set(effects.example(whole.answered, 0, {})) == set(example)
