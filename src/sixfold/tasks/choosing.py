"""Which of several arms to choose for a row, so that its outcome is raised or lowered, from any mix of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sixfold.errors import ProductError
from sixfold.fields import Array, Field
from sixfold.fields.category import Category
from sixfold.language import Text
from sixfold.product import Product
from sixfold.tasks._decision import Decision
from sixfold.tasks._task import Figure, Output, Task

__all__ = ["RARE", "Choosing", "expected_and_chances"]

RARE = 0.05
"""An arm that fewer of the rows like this one got is seldom chosen there: what it leads to is a guess from afar."""

_NORMAL_95 = 1.959964


class Choosing(Task):
    """Choose a ``category`` or ``yes_no`` (the *arm*: a treatment, an offer), to raise or lower an outcome.

    The network tells of each arm the outcome that rows like this one have under it, and how often they got it; the
    first arm (of yes or no: no) is what the others are compared with. What held-out rows say of these effects
    (:class:`~sixfold.tasks.Effect`) makes them the answer: the arm, the effects with their 95 % intervals, and warnings
    where the data cannot support a choice.
    """

    title: ClassVar[Text] = Text("treatment choice", "处理方案选择")
    pattern: ClassVar[str] = "effects"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("raised_outcome"),
        Figure("lowered_outcome", higher_is_better=False),
        Figure("targeting"),
    )

    def __init__(self, product: Product, target: Field, outcome: Field | None = None) -> None:
        super().__init__(product, target, outcome)
        assert isinstance(target, Category)
        assert outcome is not None
        self.arms: list[str] = target.classes

    @classmethod
    def matches(cls, product: Product) -> bool:
        if product.verb != "choose" or product.target.kind not in ("category", "yes_no"):
            return False
        if not product.given:
            raise ProductError("nothing_to_choose_by", place=product.place("choose"), column=product.target_name)
        return True

    @property
    def raises(self) -> bool:
        """Whether the outcome is to be raised, not lowered."""
        return self.product.aim == "to_raise"

    @property
    def is_share(self) -> bool:
        """Whether the outcome is yes or no: then it is told as the chance of yes."""
        return isinstance(self.outcome, Category)

    @property
    def judged_by(self) -> tuple[Figure, ...]:
        """The outcome under the product's choices, and whom it aims them at."""
        raised, lowered, targeting = self.figures
        return (raised if self.raises else lowered, targeting)

    @property
    def output(self) -> Output:
        return Output(2 * len(self.arms), "sigmoid" if self.is_share else "linear", form="arms")

    @property
    def loss(self) -> str:
        return "mean_squared_error"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("mean_absolute_error",)

    def taken(self, arrays: Mapping[str, Array]) -> Array:
        """The arm's id, 0 where it is none of those known, and the outcome as it is encoded: float32 (n, 2)."""
        assert self.outcome is not None
        outcome = arrays[self.outcome.name]
        known = outcome - 1 if self.is_share else outcome[:, 0]  # ids of classes count from 1: no, yes
        return np.stack([arrays[self.target.name], known], axis=1).astype(np.float32)

    def targets(self, encoded: Array) -> Array:
        """The arm from 0, and the outcome as it is encoded: float32 (n, 2)."""
        return np.asarray(encoded - np.array([1, 0], np.float32))

    def encoded(self, targets: Array) -> Array:
        return np.asarray(targets + np.array([1, 0], np.float32))

    def strata(self, targets: Array) -> Array:
        """The arm."""
        return np.asarray(targets[:, 0])

    def comparable(self, outputs: Sequence[Array], targets: Array) -> tuple[list[Array], Array]:
        """The R-loss (Nie & Wager 2021; for choosing among models: Schuler et al. 2018).

        What is left of outcomes when the mean outcome of rows like each is taken away, against what the effects say of
        it; the mean outcome and the chances of arms are the mean of all models', so that none is its own judge.
        """
        told = [expected_and_chances(one) for one in outputs]
        expected = np.mean([one for one, _ in told], axis=0)  # (n, arms)
        chances = np.mean([one for _, one in told], axis=0)
        surprise = np.eye(len(self.arms))[targets[:, 0].astype(np.int64)] - chances
        left = targets[:, 1] - (chances * expected).sum(axis=1)
        return [(surprise * (one - one[:, :1])).sum(axis=1, keepdims=True) for one, _ in told], left[:, None]

    @property
    def scale(self) -> tuple[float, float]:
        """(beginning, unit): an encoded outcome times ``unit`` plus ``beginning`` is the outcome."""
        assert self.outcome is not None
        return (0.0, 1.0) if self.is_share else (self.outcome.state["mean"], self.outcome.state["spread"])

    def effects(self, outputs: Array, decision: Decision) -> tuple[Array, Array]:
        """Each arm's effect against the first, and its standard error: (n, arms) each, in encoded units; of the first
        arm both are 0."""
        expected, _ = expected_and_chances(outputs)
        told = expected - expected[:, :1]
        if not decision.effects:  # no row was held out: what the network tells, with no claim about it
            return told, np.full_like(told, np.nan)
        effects, errors = np.zeros_like(told), np.zeros_like(told)
        for arm, rule in enumerate(decision.effects, start=1):
            off = told[:, arm] - rule.centre
            effects[:, arm] = rule.level + rule.slope * off
            errors[:, arm] = np.sqrt(rule.level_error**2 + (rule.slope_error * off) ** 2)
        return effects, errors

    def chosen(self, effects: Array) -> Array:
        """The best arm of each row (n,), by their effects (n, arms)."""
        return np.asarray(effects.argmax(axis=1) if self.raises else effects.argmin(axis=1))

    def answers(self, outputs: Array, decision: Decision) -> list[dict[str, Any]]:
        expected, chances = expected_and_chances(outputs)
        effects, errors = self.effects(outputs, decision)
        arms, unit = self.chosen(effects), self.scale[1]
        outcomes = self._outcomes(expected[:, :1] + effects)
        reach = _NORMAL_95 * errors
        is_one = bool(decision.effects) and not any(rule.slope for rule in decision.effects)
        found = []
        for row, arm in enumerate(arms.tolist()):
            others = range(1, len(self.arms))
            doubts = []
            if is_one:
                doubts.append("one_for_all")
            if min(chances[row, arm], chances[row, 0]) < RARE:
                doubts.append("seldom")
            compared = [arm] if arm else list(others)
            if not all(abs(effects[row, other]) > reach[row, other] for other in compared):
                doubts.append("unsure")
            found.append(
                {
                    self.target.name: self.arms[arm],
                    "expected": dict(zip(self.arms, outcomes[row].tolist(), strict=True)),
                    "effects": {
                        self.arms[other]: _interval(effects[row, other] * unit, reach[row, other] * unit)
                        for other in others
                    },
                    "against": self.arms[0],
                    "warnings": doubts,
                }
            )
        return found

    def _outcomes(self, encoded: Array) -> Array:
        """Encoded outcomes in their own units: chances within 0 and 1; no number below zero where none was seen."""
        beginning, unit = self.scale
        outcomes = encoded * unit + beginning
        if self.is_share:
            return np.clip(outcomes, 0.0, 1.0)
        assert self.outcome is not None
        return np.maximum(outcomes, 0.0) if self.outcome.state["quantiles"][0] >= 0 else outcomes

    def answer_schema(self) -> Mapping[str, Any]:
        number = {"type": "number"}
        effect = {
            "type": "object",
            "properties": {"value": number, "low": number, "high": number},
            "required": ["value"],
        }
        return {
            "type": "object",
            "properties": {
                self.target.name: {"type": "string", "enum": self.arms},
                "expected": {
                    "type": "object",
                    "description": "The outcome that is expected under each arm.",
                    "additionalProperties": number,
                },
                "effects": {
                    "type": "object",
                    "description": f"By how much each arm changes it against {self.arms[0]}, with 95% intervals.",
                    "additionalProperties": effect,
                },
                "against": {"type": "string"},
                "warnings": {
                    "type": "array",
                    "description": "one_for_all: no effect by row was found, each row has the average one. seldom: "
                    "rows like this one seldom got this arm, or the first. unsure: the interval holds no effect at "
                    "all.",
                    "items": {"enum": ["one_for_all", "seldom", "unsure"]},
                },
            },
            "required": [self.target.name, "expected", "effects", "against", "warnings"],
        }


def expected_and_chances(outputs: Array) -> tuple[Array, Array]:
    """A network's outputs (n, 2 · arms) apart: expected encoded outcomes, and chances of arms; float64 (n, arms)."""
    expected, chances = np.split(outputs.astype(np.float64), 2, axis=1)
    return expected, chances


def _interval(value: float, reach: float) -> dict[str, float]:
    ends = {"low": float(value - reach), "high": float(value + reach)} if np.isfinite(reach) else {}
    return {"value": float(value), **ends}
