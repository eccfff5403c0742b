"""What a figure is: one small function of rows and of how often each is counted."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

import numpy as np

from sixfold.fields import Array
from sixfold.language import Text

__all__ = ["Answered", "Asked", "Formula", "Style", "figure", "mean_of", "share_interval"]

_NORMAL_95 = 1.959964
_FEWEST_RESAMPLES = 100
_MOST_COUNTED = 250_000_000
"""Rows × resamples that one figure may go through: about 2 s on one core. Above, it rests on fewer resamples."""

Style: TypeAlias = Literal["share", "number", "amount"]
"""How a figure is shown: a share (98.6 %), a number (0.042), or an amount in the target's own units (1,250)."""


class Answered(ABC):
    """Rows with the truth and what a model said of them; what they hold is their pattern's own."""

    @property
    @abstractmethod
    def rows(self) -> int:
        """How many rows there are."""

    @abstractmethod
    def kept(self, keep: Array) -> Self:
        """The rows where ``keep`` (n,) is true."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What product.yaml may ask of a model beside the figures of its task, as a gate: ``calibration error: "<= 0.05"``.

    Args:
        title: What people call it.
        mend: What to do where it is not as asked.
        style: How it is shown; ``None``: as the headline figure.
        higher_is_better: Which way is up; ``None``: as of the headline figure.
    """

    title: Text
    mend: Text
    style: Style | None = "share"
    higher_is_better: bool | None = False


@dataclass(frozen=True, slots=True)
class Formula:
    """How one figure is worked out.

    Args:
        name: Its name in a task's list of figures.
        title: What people call it.
        meaning: What it says, for somebody who is no statistician.
        style: How it is shown.
        of: The figure of rows (an :class:`Answered`) that are counted so often (n,); NaN where it is not defined.
        cost: How many rows one draw goes through; left out, each once.
    """

    name: str
    title: Text
    meaning: Text
    style: Style
    of: Callable[[Any, Array], float]
    cost: Callable[[Any], int] | None = None

    def resamples(self, answered: Answered, most: int) -> int:
        """On how many bootstrap samples its interval rests, so that it takes seconds."""
        cost = answered.rows if self.cost is None else self.cost(answered)
        return min(most, max(_FEWEST_RESAMPLES, _MOST_COUNTED // max(1, cost)))


def figure(
    title: Text, meaning: Text, style: Style, cost: Callable[[Any], int] | None = None
) -> Callable[[Callable[[Any, Array], float]], Formula]:
    """Make a function of (rows, counts) the figure of its name."""
    return lambda of: Formula(of.__name__, title, meaning, style, of, cost)


def mean_of(values: Array, counts: Array) -> float:
    """The mean of ``values`` (n,) that are counted so often (n,)."""
    # Not `values @ counts`: the matrix library would wake all its threads for a few microseconds of work.
    return float((values * counts).sum() / counts.sum())


def share_interval(holds: Array) -> tuple[float, float]:
    """The 95 % interval of the share of rows for which something holds (n,), by Wilson (1927)."""
    rows, share = len(holds), float(np.mean(holds))
    square = _NORMAL_95**2
    centre = (share + square / (2 * rows)) / (1 + square / rows)
    reach = _NORMAL_95 * math.sqrt(share * (1 - share) / rows + square / (4 * rows**2)) / (1 + square / rows)
    return max(0.0, centre - reach), min(1.0, centre + reach)
