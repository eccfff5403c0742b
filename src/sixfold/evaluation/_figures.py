"""How figures are measured: the value on every row, its 95 % interval, and the paired interval of a difference.

The same formula gives the value (every row once) and its bootstrap draws (rows counted as often as they were drawn).
Draws of two models from the same seed count the same rows, which is what makes the interval of their difference a
*paired* one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from sixfold.evaluation._appraisal import appraisals
from sixfold.evaluation._formula import Answered, Formula
from sixfold.fields import Array

__all__ = [
    "RESAMPLES",
    "Difference",
    "Measured",
    "compared",
    "difference",
    "formula",
    "formulas",
    "measured",
    "without",
]

RESAMPLES = 1000
"""How many bootstrap samples an interval rests on (Efron & Tibshirani 1993 advise at least 1,000 for percentiles)."""


@dataclass(frozen=True)
class Measured:
    """One figure of one model.

    Args:
        name: Which figure.
        value: On every row once; ``None`` where it is not defined (AUROC with one class only).
        low: Lower end of the 95 % interval.
        high: Upper end of it.
        rows: On how many rows.
        resamples: On how many bootstrap samples the interval rests.
        draws: The figure of each of them; NaN where it was not defined.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    rows: int
    resamples: int
    draws: Array = field(repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """The figure as plain JSON, without its draws."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "rows": self.rows,
            "resamples": self.resamples,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much one model is better than another on the same rows; above 0 is better, whichever way is up."""

    value: float | None
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, Any]:
        """The difference as plain JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


def formulas() -> tuple[Formula, ...]:
    """Every figure there is."""
    return tuple(_by_name().values())


def formula(name: str) -> Formula:
    """The figure called ``name``.

    Raises:
        KeyError: No figure has that name; a test holds that every figure a task names exists.
    """
    return _by_name()[name]


def measured(
    names: Sequence[str], answered: Answered, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Measured]:
    """Figures of one model by name; see :func:`compared`."""
    return compared(names, {"": answered}, resamples=resamples, seed=seed)[""]


def compared(
    names: Sequence[str], models: Mapping[str, Answered], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, dict[str, Measured]]:
    """Figures of models on the same rows, each with its percentile bootstrap interval (Efron & Tibshirani 1993, 13.3).

    Args:
        names: Which figures.
        models: The rows as each model answered them.
        resamples: On how many bootstrap samples the intervals rest; fewer where there are very many rows, and then
            :attr:`Measured.resamples` says so.
        seed: Of the draws; the same seed draws the same rows of as many rows.

    Returns:
        For each model by its name, each figure by its name.
    """
    (rows,) = {answered.rows for answered in models.values()}
    wanted = [formula(name) for name in names]
    draws = {
        (who, how.name): np.full(how.resamples(answered, resamples), np.nan)
        for who, answered in models.items()
        for how in wanted
    }
    for number, counts in enumerate(_samples(rows, max(map(len, draws.values()), default=0), seed)):
        for who, answered in models.items():
            for how in wanted:
                if number < len(draws[who, how.name]):
                    draws[who, how.name][number] = how.of(answered, counts)
    every = np.ones(rows)
    return {
        who: {how.name: _with_interval(how.name, how.of(answered, every), draws[who, how.name], rows) for how in wanted}
        for who, answered in models.items()
    }


def difference(ours: Measured, theirs: Measured, *, higher_is_better: bool) -> Difference:
    """By how much ``ours`` is better than ``theirs``, with the paired 95 % interval.

    Both must have been measured on the same rows, with the same seed.
    """
    if ours.value is None or theirs.value is None:
        return Difference(None, None, None)
    sign = 1.0 if higher_is_better else -1.0
    shared = min(len(ours.draws), len(theirs.draws))
    low, high = _interval(sign * (ours.draws[:shared] - theirs.draws[:shared]))
    return Difference(sign * (ours.value - theirs.value), low, high)


def without(name: str, answered: Answered, keep: Array, *, higher_is_better: bool, seed: int = 0) -> Difference:
    """By how much a figure is better on all rows than on those where ``keep`` is true, with its paired interval."""
    how, every = formula(name), np.ones(answered.rows)
    sign = 1.0 if higher_is_better else -1.0
    kept = keep.astype(np.float64)
    draws = np.array(
        [
            how.of(answered, counts) - how.of(answered, counts * kept) if (counts * kept).any() else np.nan
            for counts in _samples(answered.rows, how.resamples(answered, RESAMPLES), seed)
        ]
    )
    low, high = _interval(sign * draws)
    return Difference(_known(sign * (how.of(answered, every) - how.of(answered, kept))), low, high)


@cache
def _by_name() -> dict[str, Formula]:
    return {how.name: how for kind in appraisals() for how in kind.formulas}


def _samples(rows: int, resamples: int, seed: int) -> Iterator[Array]:
    """How often each row was drawn, for each bootstrap sample; float64 (rows,)."""
    random = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(random.integers(0, rows, rows), minlength=rows).astype(np.float64)


def _with_interval(name: str, value: float, draws: Array, rows: int) -> Measured:
    low, high = _interval(draws)
    return Measured(name, _known(value), low, high, rows, int(np.isfinite(draws).sum()), draws)


def _interval(draws: Array) -> tuple[float | None, float | None]:
    known = draws[np.isfinite(draws)]
    if not known.size:
        return None, None
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
