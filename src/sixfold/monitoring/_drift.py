"""Whether a column has drifted away from what the model learned from.

Two questions are asked of every column:

- *Drifted*: the default rules that Evidently publishes. Reference of at most 1,000 rows: two-sample
  Kolmogorov–Smirnov for numbers, chi-square for categories (and numbers of at most five values), a z-test where there
  are two values, at p < 0.05. Above: the Wasserstein distance in standard deviations of the reference for numbers, the
  Jensen–Shannon distance for categories, from 0.1 on. All together have drifted where half of the columns have.
- *Alarming*: a single look at the rules above is wrong one time in twenty for each column that it asks, and more often
  where samples are small; somebody who looks every hour would be woken every day. So a column alarms only if it has
  drifted *and* a test of whether both samples are drawn alike says so at a level that is shared among all columns and
  all looks: look number k gets 6/π²/k² of the 5 %, each column an equal part of that. By the union bound the chance
  that anything ever alarms while nothing has changed is at most 5 %, however often one looks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sixfold.monitoring._statistics import chi_square, homogeneity, jensen_shannon, kolmogorov, proportions, wasserstein

__all__ = ["ALARM_LEVEL", "DRIFTED_SHARE", "Drift", "Nature", "drift", "level_of"]

Nature: TypeAlias = Literal["number", "category"]
Test: TypeAlias = Literal["kolmogorov", "chi_square", "proportions", "wasserstein", "jensen_shannon"]

DRIFTED_SHARE = 0.5
"""The share of columns from which all together have drifted."""

ALARM_LEVEL = 0.05
"""The chance of any false alarm over all looks at one model."""

_SMALL = 1000
_FEW_VALUES = 5
_P = 0.05
_FAR = 0.1
_LEAST_SPREAD = 0.001
_EXACT_CELLS = 250_000
"""Where both samples together have more cells, an alarm's chance is Kolmogorov's limit: the same to three digits."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What was found of one column.

    Args:
        test: Which statistic the rules ask for.
        score: Its p-value (small: drifted) or its distance (large: drifted).
        threshold: From where on the column has drifted.
        drifted: What the rules say.
        chance: How likely two samples at least as different are if nothing has changed.
    """

    test: Test
    score: float
    threshold: float
    drifted: bool
    chance: float

    def alarms(self, level: float) -> bool:
        """Whether it is both drifted and beyond chance, at a level from :func:`level_of`."""
        return self.drifted and self.chance <= level


def level_of(look: int, columns: int) -> float:
    """The level of one column at look number ``look`` (from 1) at ``columns`` columns."""
    return ALARM_LEVEL * 6 / math.pi**2 / look**2 / max(1, columns)


def drift(reference: Sequence[float | str], current: Sequence[float | str], nature: Nature) -> Drift | None:
    """How one column's values differ from those of the reference; ``None`` where one of both is empty.

    Args:
        reference: Known values, without missing ones.
        current: The same of what came in.
        nature: ``number``: floats; ``category``: names.
    """
    if not len(reference) or not len(current):
        return None
    values = len(set(reference) | set(current))
    counts = _counts(reference, current) if nature == "category" or values <= _FEW_VALUES else None
    if counts is None:
        numbers = [np.asarray(sample, np.float64) for sample in (reference, current)]
        is_small = len(numbers[0]) * len(numbers[1]) <= _EXACT_CELLS
        if len(reference) <= _SMALL:
            chance = kolmogorov(*numbers)[1]
            return Drift("kolmogorov", chance, _P, chance < _P, chance)
        chance = kolmogorov(*numbers, exact=is_small)[1]
        distance = wasserstein(*numbers) / max(float(numbers[0].std()), _LEAST_SPREAD)
        return Drift("wasserstein", distance, _FAR, distance >= _FAR, chance)
    one, other = counts
    alike = homogeneity(one, other)
    if len(reference) > _SMALL:
        distance = jensen_shannon(one, other)
        return Drift("jensen_shannon", distance, _FAR, distance >= _FAR, alike)
    if values > 2:  # noqa: PLR2004
        chance = chi_square(other, one * (len(current) / len(reference)))
        return Drift("chi_square", chance, _P, chance < _P, alike)
    chance = proportions(one[0], len(reference), other[0], len(current))
    return Drift("proportions", chance, _P, chance < _P, min(1.0, max(chance, alike)))


def _counts(
    reference: Sequence[float | str], current: Sequence[float | str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How often each value stands in either, in one order."""
    one, other = Counter(reference), Counter(current)
    keys = sorted(set(one) | set(other), key=str)
    return np.array([one[key] for key in keys], np.float64), np.array([other[key] for key in keys], np.float64)
