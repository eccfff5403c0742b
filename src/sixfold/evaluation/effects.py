"""Effects: what an outcome would be under the product's choices, and whether the data can support them at all.

No row shows what would have become of it under another arm. So policies are valued, and average effects estimated, by
doubly robust scores (augmented inverse probability weighting: Robins, Rotnitzky & Zhao 1994), with outcome and chance
models that never saw the row they score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation import _effect_page as shown
from sixfold.evaluation._appraisal import (
    Appraisal,
    Encoded,
    Judged,
    Report,
    Section,
    Thumbnails,
    Yardstick,
    described,
)
from sixfold.evaluation._formula import Answered, Formula, figure, mean_of
from sixfold.fields import Array, Field
from sixfold.language import Text
from sixfold.tasks import Decision, Effect, Task
from sixfold.tasks.choosing import RARE, Choosing, expected_and_chances

__all__ = ["Effects"]

_LEAST_CHANCE = 0.01
"""Chances of arms below this count as this much: no row weighs more than a hundred."""

_FEWEST_ROWS, _FEWEST_OF_ARM = 50, 10
"""Held out rows, and rows of each arm among them, below which nothing is claimed about effects."""

_NORMAL_95, _ONE_SIDED_99 = 1.959964, 2.326348
"""To treat rows differently asks for better reasons than chance gives once in twenty."""

_GROUPS, _FEWEST_IN_GROUP = 5, 40
_BINS, _POINTS = 20, 41
_AS_DONE = -1
"""The policy of a yardstick that does what was done."""


@dataclass(frozen=True)
class Chosen(Answered):
    """Rows as a policy would treat them.

    Args:
        scores: Doubly robust scores of the outcome under each arm, in the outcome's own units (n, arms).
        values: What the policy leads to: the score of its arm (n,), or the outcome itself of what was done.
        gains: The score of the arm that is promised most, less that of the first arm; above 0 is better (n,).
        order: Rows by falling promise of that gain (n,); ``None`` of policies that tell no row from another.
        got: The arm that each row got (n,).
        arm: The arm that the policy chooses (n,).
        effects: Each arm's effect against the first in the outcome's units, as answered (n, arms).
        errors: The standard errors of these (n, arms).
        told: Effects as the network tells them, before held out rows are asked (n, arms).
        chances: Of each arm (n, arms).
        y: The outcome (n,).
    """

    scores: Array
    values: Array
    gains: Array
    order: Array | None
    got: Array
    arm: Array
    effects: Array
    errors: Array
    told: Array
    chances: Array
    y: Array

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.values)

    def kept(self, keep: Array) -> Chosen:
        """The rows where ``keep`` is true."""
        place = np.cumsum(keep) - 1
        order = None if self.order is None else place[self.order[keep[self.order]]]
        others = {name: value[keep] for name, value in vars(self).items() if name != "order"}
        return Chosen(**others, order=order)


_OUTCOME = Text(
    "The average outcome if every test row were treated as chosen: a doubly robust estimate, for no row shows what "
    "would have become of it under another choice.",
    "假如每个测试行都按所选的方案处理，结果平均会是多少。这是双重稳健估计，因为没有哪一行能显示换一种选择会怎样。",
)


@figure(
    Text("Average outcome under its choices", "按其选择的平均结果"),
    Text(f"{_OUTCOME.en} Higher is better.", f"{_OUTCOME.zh}越高越好。"),
    "amount",
)
def raised_outcome(chosen: Chosen, counts: Array) -> float:
    return mean_of(chosen.values, counts)


@figure(
    Text("Average outcome under its choices", "按其选择的平均结果"),
    Text(f"{_OUTCOME.en} Lower is better.", f"{_OUTCOME.zh}越低越好。"),
    "amount",
)
def lowered_outcome(chosen: Chosen, counts: Array) -> float:
    return mean_of(chosen.values, counts)


@figure(
    Text("Targeting (Qini)", "针对性（Qini）"),
    Text(
        "What treating first those who are promised most brings over treating as many at random, on average over how "
        "many are treated (Yadlowsky et al. 2021), in the units of the outcome. 0: it cannot tell who gains.",
        "先处理预计获益最多的行，与随机处理同样多的行相比，平均多得多少（Yadlowsky 等，2021），"
        "以结果的单位计。0 表示分不出谁会获益。",
    ),
    "amount",
)
def targeting(chosen: Chosen, counts: Array) -> float:
    if chosen.order is None:
        return 0.0
    weights, gains = counts[chosen.order], (counts * chosen.gains)[chosen.order]
    total = weights.sum()
    share, sums = np.cumsum(weights) / total, np.cumsum(gains) / total
    return float(((sums - share * sums[-1]) * weights).sum() / total)


class Effects(Appraisal[Chosen]):
    """Judged by the outcome that choices would lead to, against giving everyone the first arm, giving everyone the
    better other one, and what was done."""

    title: ClassVar[Text] = Text("effects of a choice", "选择的效应")
    judges_rows: ClassVar[bool] = False  # what another arm would have done to a row, nobody saw
    formulas: ClassVar[tuple[Formula, ...]] = (raised_outcome, lowered_outcome, targeting)
    baselines: ClassVar[Mapping[str, Text]] = {
        "none": Text("The first choice for everyone", "人人都用第一种"),
        "all": Text("The other choice for everyone", "人人都用另一种"),
        "observed": Text("What was done", "实际的做法"),
    }

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        assert isinstance(task, Choosing)
        self._choosing = task

    def truth(self, encoded: Array) -> Array:
        """The arm from 0, -1 where it is none of those known, and the encoded outcome: float64 (n, 2)."""
        return np.asarray(self.task.targets(encoded), np.float64)

    def is_known(self, truth: Array) -> Array:
        """Rows of an arm that training had, with an outcome."""
        return np.asarray((truth[:, 0] >= 0) & np.isfinite(truth[:, 1]))

    def decide(self, outputs: Array, truth: Array) -> Decision:
        """How the network's effects are read: the average effect, and how far they differ as it tells, as rows bear
        out that it did not learn from."""
        known = self.is_known(truth)
        outputs, got, y = outputs[known], truth[known, 0].astype(np.int64), truth[known, 1]
        arms = len(self._choosing.arms)
        if len(y) < _FEWEST_ROWS or np.bincount(got, minlength=arms).min() < _FEWEST_OF_ARM:
            return Decision()
        expected, chances = expected_and_chances(outputs)
        scores = _scores(expected, chances, got, y)
        return Decision(effects=tuple(_effect(arm, expected, chances, scores, got, y) for arm in range(1, arms)))

    def told(self, decision: Decision) -> Text:
        if not decision.effects:
            return Text("too few rows to hold the effects against", "行数太少，无法核对效应")
        differs = sum(rule.slope > 0 for rule in decision.effects)
        if differs:
            return Text("the effect differs between rows, as the network tells", "效应因行而异，与网络所说相符")
        return Text("no effect by row was found: one choice for all", "没有发现因行而异的效应：所有行用同一种选择")

    def answered(self, outputs: Array, truth: Array, decision: Decision) -> Chosen:
        task, (beginning, unit) = self._choosing, self._choosing.scale
        expected, chances = expected_and_chances(outputs)
        got, y = truth[:, 0].astype(np.int64), truth[:, 1]
        effects, errors = task.effects(outputs, decision)
        told = expected - expected[:, :1]
        scores = _scores(expected, chances, got, y) * unit + beginning
        arm, rows, sign = task.chosen(effects), np.arange(len(got)), 1 if task.raises else -1
        promise = sign * told[:, 1:]
        best = promise.argmax(axis=1)
        return Chosen(
            scores=scores,
            values=scores[rows, arm],
            gains=sign * (scores[rows, best + 1] - scores[:, 0]),
            order=np.argsort(-promise[rows, best], kind="stable"),
            got=got,
            arm=arm,
            effects=effects * unit,
            errors=errors * unit,
            told=told * unit,
            chances=chances,
            y=y * unit + beginning,
        )

    def yardsticks(
        self,
        given: Mapping[str, Field],  # noqa: ARG002
        sample: Encoded,  # noqa: ARG002
        training: Array,
        *,
        seed: int = 0,  # noqa: ARG002
    ) -> list[Yardstick]:
        """The first arm for everyone; of the others the one with the best mean outcome in training; what was done."""
        means = [training[training[:, 0] == arm, 1].mean() for arm in range(1, len(self._choosing.arms))]
        best = 1 + int(np.argmax(means) if self._choosing.raises else np.argmin(means))
        policies = {"none": 0, "all": best, "observed": _AS_DONE}
        return [
            Yardstick(
                name,
                {"arm": None if arm == _AS_DONE else self._choosing.arms[arm], "training_rows": len(training)},
                partial(_the_same, arm),
            )
            for name, arm in policies.items()
        ]

    def rivals(self, answered: Chosen, guesses: Mapping[str, Array], truth: Array) -> dict[str, Chosen]:  # noqa: ARG002
        """What a policy is worth is measured by the scores of the product's models: alone it has none."""
        rows = np.arange(answered.rows)
        return {
            name: replace(
                answered,
                values=np.where(arm == _AS_DONE, answered.y, answered.scores[rows, arm]),
                arm=np.where(arm == _AS_DONE, answered.got, arm),
                order=None,
            )
            for name, arm in guesses.items()
        }

    def parts(self, judged: Judged[Chosen]) -> dict[str, Any]:
        task, answered = self._choosing, judged.answered
        others = range(1, len(task.arms))
        assert task.outcome is not None
        return {
            "choice": {
                "arms": task.arms,
                "outcome": task.outcome.name,
                "raises": task.raises,
                "is_share": task.is_share,
                "chosen": {name: int((answered.arm == arm).sum()) for arm, name in enumerate(task.arms)},
                "got": {name: int((answered.got == arm).sum()) for arm, name in enumerate(task.arms)},
                "decided_on": judged.decided_on,
                "differs": any(rule.slope > 0 for rule in judged.decision.effects),
                "best": self._best(judged),
            },
            "average": [self._average(arm, judged) for arm in others],
            "overlap": _overlap(answered, task.arms),
            "by_promise": [_by_promise(arm, answered, task.arms[arm]) for arm in others],
            "uplift": _uplift(answered),
        }

    def worst(self, answered: Chosen, most: int) -> Array:
        """The rows of which the data say least: whose chosen arm, or the first, rows like them seldom got."""
        return np.argsort(_support(answered), kind="stable")[:most]

    def typical(self, answered: Chosen, most: int) -> Array:
        """The rows of which they say most."""
        return np.argsort(-_support(answered), kind="stable")[:most]

    def example(self, answered: Chosen, place: int, row: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        arm = int(answered.arm[place])
        shown_arm = arm or int(np.argmax(np.abs(answered.effects[place])) or 1)
        value, error = float(answered.effects[place, shown_arm]), float(answered.errors[place, shown_arm])
        is_known = math.isfinite(error)
        return {
            "said": self._choosing.arms[arm],
            "right": self._choosing.arms[int(answered.got[place])],
            "outcome": float(answered.y[place]),
            "of": self._choosing.arms[shown_arm],
            "effect": value,
            "low": value - _NORMAL_95 * error if is_known else None,
            "high": value + _NORMAL_95 * error if is_known else None,
            "chance": float(answered.chances[place, shown_arm]),
        }

    def kept(self, answered: Chosen) -> dict[str, Array]:
        return {
            "arm": answered.arm,
            "got": answered.got,
            "y": answered.y,
            "effects": answered.effects,
            "errors": answered.errors,
            "told": answered.told,
            "chances": answered.chances,
            "scores": answered.scores,
        }

    @classmethod
    def schema(cls) -> tuple[dict[str, Any], dict[str, Any]]:
        number, whole, text, truth = (
            {"type": ["number", "null"]},
            {"type": "integer", "minimum": 0},
            {"type": "string"},
            {"type": "boolean"},
        )
        numbers = {"type": "array", "items": number}
        counts = {"type": "object", "additionalProperties": whole}
        group = described(rows=whole, told=number, value=number, low=number, high=number)
        parts = {
            "choice": described(
                arms={"type": "array", "items": text},
                outcome=text,
                raises=truth,
                is_share=truth,
                chosen=counts,
                got=counts,
                decided_on=whole,
                differs=truth,
                best=text,
            ),
            "average": {
                "type": "array",
                "items": described(
                    arm=text,
                    value=number,
                    low=number,
                    high=number,
                    plain=number,
                    rows=whole,
                    slope=number,
                    slope_low=number,
                    slope_high=number,
                    differs=truth,
                ),
            },
            "overlap": described(
                outside=number,
                arms={
                    "type": "array",
                    "items": described(arm=text, got=numbers, others=numbers, rows=whole, effective=number),
                },
            ),
            "by_promise": {"type": "array", "items": described(arm=text, groups={"type": "array", "items": group})},
            "uplift": described(shares=numbers, gains=numbers, whole=number),
        }
        example = {
            **dict.fromkeys(("said", "right", "of"), text),
            **dict.fromkeys(("outcome", "effect", "low", "high", "chance"), number),
        }
        return parts, example

    @classmethod
    def verdict(cls, report: Report) -> list[Text]:
        return shown.verdict(report)

    @classmethod
    def notes(cls, report: Report) -> list[Text]:
        return shown.notes(report)

    @classmethod
    def details(cls, report: Report) -> str:
        return shown.averages(report)

    @classmethod
    def sections(cls, report: Report, thumbnails: Thumbnails) -> list[Section]:
        return [shown.differences(report), shown.overlap(report, thumbnails)]

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return shown.words()

    def _best(self, judged: Judged[Chosen]) -> str:
        """The arm to give everyone, if it is to be one."""
        effects = [0.0, *(self._level(arm, judged)[0] for arm in range(1, len(self._choosing.arms)))]
        return self._choosing.arms[int(np.argmax(effects) if self._choosing.raises else np.argmin(effects))]

    def _level(self, arm: int, judged: Judged[Chosen]) -> tuple[float, float, int]:
        """An arm's average effect in the outcome's units, its standard error, and from how many rows: of all rows that
        were held out while learning, and of test rows."""
        gaps = judged.answered.scores[:, arm] - judged.answered.scores[:, 0]
        value, error, rows = float(gaps.mean()), float(gaps.std() / math.sqrt(max(1, len(gaps)))), len(gaps)
        if not judged.decision.effects:
            return value, error, rows
        rule, unit, held = judged.decision.effects[arm - 1], self._choosing.scale[1], judged.decided_on
        share = held / (held + rows)
        both = share * rule.level * unit + (1 - share) * value
        return both, math.hypot(share * rule.level_error * unit, (1 - share) * error), held + rows

    def _average(self, arm: int, judged: Judged[Chosen]) -> dict[str, Any]:
        value, error, rows = self._level(arm, judged)
        rule = judged.decision.effects[arm - 1] if judged.decision.effects else None
        training, unit = judged.training, self._choosing.scale[1]
        plain = training[training[:, 0] == arm, 1].mean() - training[training[:, 0] == 0, 1].mean()
        test = _told_slope(judged)[arm - 1] if rule is not None else None
        return {
            "arm": self._choosing.arms[arm],
            "value": value,
            "low": value - _NORMAL_95 * error,
            "high": value + _NORMAL_95 * error,
            "plain": float(plain * unit),
            "rows": rows,
            "slope": None if rule is None else rule.slope,
            "slope_low": None if test is None else test[0] - _NORMAL_95 * test[1],
            "slope_high": None if test is None else test[0] + _NORMAL_95 * test[1],
            "differs": rule is not None and rule.slope > 0,
        }


def _the_same(arm: int, arrays: Mapping[str, Array]) -> Array:
    return np.full(len(next(iter(arrays.values()))), arm)


def _told_slope(judged: Judged[Chosen]) -> list[tuple[float, float]]:
    """Of each arm but the first, on test rows: how far effects differ where the told ones differ by one; and the
    standard error of it."""
    answered = judged.answered
    expected, chances = expected_and_chances(judged.test.outputs)
    y = judged.test.truth[:, 1]
    return [_slope(arm, expected, chances, answered.got, y) for arm in range(1, expected.shape[1])]


def _scores(expected: Array, chances: Array, got: Array, y: Array) -> Array:
    """Doubly robust scores of each arm's outcome (n, arms)."""
    own = np.eye(expected.shape[1])[got]
    return np.asarray(expected + own * (y[:, None] - expected) / np.maximum(chances, _LEAST_CHANCE))


def _effect(arm: int, expected: Array, chances: Array, scores: Array, got: Array, y: Array) -> Effect:
    """What rows say of the effects of an arm that the network tells; see :class:`sixfold.tasks.Effect`."""
    gaps = scores[:, arm] - scores[:, 0]
    slope, error = _slope(arm, expected, chances, got, y)
    told = expected[:, arm] - expected[:, 0]
    differs = slope > _ONE_SIDED_99 * error and _is_borne_out(told, gaps)
    return Effect(
        level=float(gaps.mean()),
        slope=min(slope, 1.0) if differs else 0.0,
        centre=float(told.mean()),
        level_error=float(gaps.std() / math.sqrt(len(gaps))),
        slope_error=error if differs else 0.0,
    )


def _is_borne_out(told: Array, gaps: Array) -> bool:
    """Whether doubly robust scores of the effect rise with the told ones beyond chance (Semenova & Chernozhukov 2021):
    the second of two tests, which weighs all rows alike."""
    off, left = told - told.mean(), gaps - gaps.mean()
    square = float((off**2).sum())
    slope = float((off * left).sum()) / max(square, 1e-18)
    error = math.sqrt(float((off**2 * (left - slope * off) ** 2).sum())) / max(square, 1e-18)
    return slope > _ONE_SIDED_99 * error


def _slope(arm: int, expected: Array, chances: Array, got: Array, y: Array) -> tuple[float, float]:
    """The best linear predictor of effects by the told ones (Chernozhukov et al. 2018), and its standard error.

    What is left of outcomes without the mean of rows like each is regressed on the arm's surprise alone, and on it
    times how far the told effect is from the mean one (Nie & Wager's form, which weighs rows by overlap); errors are
    robust (White 1980). 0 and its error 1 where the told effects do not differ.
    """
    here = (got == 0) | (got == arm)
    pair = np.maximum(chances[here][:, [0, arm]], _LEAST_CHANCE)
    chance = pair[:, 1] / pair.sum(axis=1)
    outcomes, told = expected[here][:, [0, arm]], expected[here, arm] - expected[here, 0]
    off = told - told.mean()
    if not off.std() > 1e-9 * max(1.0, float(np.abs(told).max(initial=0))):
        return 0.0, 1.0
    surprise = (got[here] == arm) - chance
    left = y[here] - (outcomes[:, 0] * (1 - chance) + outcomes[:, 1] * chance)
    x = np.stack([surprise, surprise * off / off.std()], axis=1)
    inverse = np.linalg.pinv(x.T @ x)
    found = inverse @ x.T @ left
    wrong = left - x @ found
    spread = inverse @ (x.T * wrong**2) @ x @ inverse
    return float(found[1] / off.std()), float(math.sqrt(max(spread[1, 1], 1e-18)) / off.std())


def _support(answered: Chosen) -> Array:
    """How often rows like each got the arm that is chosen, or the first, whichever is rarer (n,)."""
    rows = np.arange(answered.rows)
    return np.asarray(np.minimum(answered.chances[rows, answered.arm], answered.chances[:, 0]))


def _overlap(answered: Chosen, arms: list[str]) -> dict[str, Any]:
    """The chances of each arm among rows that got it and others; and how many rows those that got it are worth."""
    chances = answered.chances
    outside = ((chances < RARE) | (chances > 1 - RARE)).any(axis=1)
    edges = np.linspace(0, 1, _BINS + 1)
    told = []
    for arm, name in enumerate(arms):
        is_own = answered.got == arm
        weights = 1 / np.maximum(chances[is_own, arm], _LEAST_CHANCE)
        shares = [
            (np.histogram(chances[rows, arm], edges)[0] / max(1, int(rows.sum()))).tolist()
            for rows in (is_own, ~is_own)
        ]
        effective = float(weights.sum() ** 2 / (weights**2).sum()) if len(weights) else 0.0
        told.append(
            {"arm": name, "got": shares[0], "others": shares[1], "rows": int(is_own.sum()), "effective": effective}
        )
    return {"outside": float(outside.mean()), "arms": told}


def _by_promise(arm: int, answered: Chosen, name: str) -> dict[str, Any]:
    """Test rows in groups of as many by the told effect: what it is on average, and what the scores say it is."""
    told, gaps = answered.told[:, arm], answered.scores[:, arm] - answered.scores[:, 0]
    count = min(_GROUPS, answered.rows // _FEWEST_IN_GROUP)
    groups = []
    for rows in np.array_split(np.argsort(told, kind="stable"), count) if count > 1 else []:
        value, error = float(gaps[rows].mean()), float(gaps[rows].std() / math.sqrt(len(rows)))
        groups.append(
            {
                "rows": len(rows),
                "told": float(told[rows].mean()),
                "value": value,
                "low": value - _NORMAL_95 * error,
                "high": value + _NORMAL_95 * error,
            }
        )
    return {"arm": name, "groups": groups}


def _uplift(answered: Chosen) -> dict[str, Any]:
    """What treating a share of rows brings on average over all, those who are promised most first."""
    assert answered.order is not None
    sums = np.concatenate([[0.0], np.cumsum(answered.gains[answered.order])]) / max(1, answered.rows)
    shares = np.linspace(0, 1, _POINTS)
    gains = np.interp(shares, np.linspace(0, 1, len(sums)), sums)
    return {"shares": shares.tolist(), "gains": gains.tolist(), "whole": float(sums[-1])}
