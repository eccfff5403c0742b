"""How well scores rank rows of one kind above those of another."""

from __future__ import annotations

import numpy as np

from sixfold.fields import Array

__all__ = ["area", "area_interval", "found_at", "roc"]

_MOST_POINTS = 200
_RESAMPLES = 500


def roc(scores: Array, is_of: Array) -> tuple[Array, Array]:
    """The share of false alarms and the share found at every threshold, at most 200 of them, both from 0 to 1.

    Args:
        scores: High for those that are thought to be of the kind (n,).
        is_of: Which are (n,).
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    true = np.append(0.0, np.cumsum(is_of[order])[ends] / max(1, is_of.sum()))
    false = np.append(0.0, np.cumsum(~is_of[order])[ends] / max(1, (~is_of).sum()))
    some = np.unique(np.linspace(0, len(true) - 1, _MOST_POINTS).round().astype(int))
    return false[some], true[some]


def area(ours: Array, theirs: Array) -> float:
    """How often a score of ``ours`` (n,) is above one of ``theirs`` (m,), ties half (Mann & Whitney 1947): the AUC."""
    ordered = np.sort(theirs)
    below, up_to = np.searchsorted(ordered, ours, "left"), np.searchsorted(ordered, ours, "right")
    return float((below + up_to).mean() / (2 * len(theirs)))


def area_interval(ours: Array, theirs: Array, seed: int) -> tuple[float, float]:
    """The 95 % interval of :func:`area`, both samples drawn anew 500 times."""
    draw = np.random.default_rng(seed)
    found = [
        area(ours[draw.integers(0, len(ours), len(ours))], theirs[draw.integers(0, len(theirs), len(theirs))])
        for _ in range(_RESAMPLES)
    ]
    low, high = np.quantile(found, (0.025, 0.975))
    return float(low), float(high)


def found_at(ours: Array, theirs: Array, alarms: float) -> Array:
    """Which of ``ours`` (n,) score above all but a share ``alarms`` of ``theirs`` (m,)."""
    return np.asarray(ours > np.quantile(theirs, 1 - alarms, method="higher"))
