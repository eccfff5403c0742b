"""Ideas ranked by what they may bring: Monte Carlo over the stated ranges, and what the next test would be worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from sixfold.ideas._declare import CHANCES, FIGURES, Figure, Idea, Ideas

__all__ = ["DAYS", "NextTest", "Ranked", "ranked"]

Array: TypeAlias = npt.NDArray[np.float64]

_DRAWS = 20_000
_BINS = 40
_NINE_TENTHS = (0.05, 0.95)

DAYS: Mapping[str, float] = {
    "volume": 1,
    "value": 2,
    "errors": 3,
    "error_cost": 1,
    "caught": 2,
    "growth": 1,
    "running": 1,
    "making": 1,
    "data": 2,
    "customer": 5,
    "rivals": 1,
    "regulation": 1,
}
"""Days of work that a first test of each figure takes, where the file says nothing: our own guesses, shown as such."""


@dataclass(frozen=True, slots=True)
class NextTest:
    """The test to do next.

    Args:
        figure: Which figure it is of.
        costs: What it costs.
        is_given: Whether the file says that cost; else it is days of work at the file's price.
        worth: What knowing the figure exactly would be worth: by how much better "make it or leave it" would then be
            decided, on average (expected value of partial perfect information, Raiffa & Schlaifer 1961).
        explains: The share of the spread of the value that this figure makes.
    """

    figure: str
    costs: float
    is_given: bool
    worth: float
    explains: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """An idea and what it may bring over the months of the file.

    Args:
        name: The idea.
        expected: The expected value: chances × what it brings, less what making it costs.
        low: The value below which it lies in one case of twenty, over the ranges.
        high: The value above which it lies in one case of twenty.
        chance: That data, customers, rivals and rules all allow it.
        loss: How often making it loses money, chances included.
        month: What it brings in a month if all goes well, after running it.
        marks: How many figures are given, assumed and measured.
        test: The cheapest next test that tells most; ``None`` where nothing is assumed as a range.
    """

    name: str
    expected: float
    low: float
    high: float
    chance: float
    loss: float
    month: float
    marks: dict[str, int]
    test: NextTest | None

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON."""
        return asdict(self)


def ranked(ideas: Ideas, *, seed: int = 0) -> list[Ranked]:
    """The ideas, the one of most expected value first.

    Args:
        ideas: The file.
        seed: Of the draws; every idea is drawn by itself, so that another beside it changes nothing.
    """
    found = [_ranked(idea, ideas, seed) for idea in ideas.ideas]
    return sorted(found, key=lambda one: -one.expected)


def _ranked(idea: Idea, ideas: Ideas, seed: int) -> Ranked:
    random = np.random.default_rng(seed)
    drawn = {name: _drawn(idea.figure(name), random) for name in FIGURES}
    worth = drawn["value"] * (1 - drawn["errors"]) - drawn["errors"] * drawn["error_cost"]
    # Nobody goes on with what brings less than it costs to run.
    month = np.maximum(0.0, drawn["volume"] * (drawn["caught"] * worth - drawn["running"]))
    grown = np.stack([(1 + drawn["growth"]) ** step for step in range(ideas.months)]).sum(axis=0)
    chance = np.prod([drawn[name] for name in CHANCES], axis=0)
    value = chance * month * grown - drawn["making"]
    happens = random.random(_DRAWS) < chance
    low, high = np.quantile(value, _NINE_TENTHS)
    marks = [figure.mark for figure in idea.said.values()]
    return Ranked(
        name=idea.name,
        expected=float(value.mean()),
        low=float(low),
        high=float(high),
        chance=float(chance.mean()),
        loss=float((happens * month * grown < drawn["making"]).mean()),
        month=float(month.mean()),
        marks={mark: marks.count(mark) for mark in ("given", "assumed", "measured")},
        test=_test(idea, ideas, drawn, value),
    )


def _drawn(figure: Figure, random: np.random.Generator) -> Array:
    if not figure.is_range:
        return np.full(_DRAWS, figure.low)
    if figure.likely is None:
        return random.uniform(figure.low, figure.high, _DRAWS)
    return random.triangular(figure.low, figure.likely, figure.high, _DRAWS)


def _test(idea: Idea, ideas: Ideas, drawn: Mapping[str, Array], value: Array) -> NextTest | None:
    """The test that is worth most over what it costs; where none is worth its money, the one that is worth most of it;
    where none could change the decision, the one that narrows the spread most for it."""
    tests = []
    for name in FIGURES:
        figure = idea.figure(name)
        if figure.mark != "assumed" or not figure.is_range:
            continue
        costs = idea.tests.get(name)
        order = np.argsort(drawn[name], kind="stable")
        means = value[order].reshape(_BINS, -1).mean(axis=1)
        worth = max(0.0, float(np.maximum(means, 0).mean() - max(0.0, float(value.mean()))))
        explains = float(means.var() / value.var()) if value.var() > 0 else 0.0
        price = DAYS[name] * ideas.day if costs is None else costs
        tests.append(NextTest(name, price, costs is not None, worth, min(1.0, explains)))
    if not tests:
        return None
    best = max(tests, key=lambda test: test.worth - test.costs)
    if best.worth > best.costs:
        return best
    return max(tests, key=lambda test: (test.worth / max(test.costs, 1.0), test.explains / max(test.costs, 1.0)))
