"""Learning curves: what shares of the rows gave, carried on to all of them.

The error of a model falls with what it learns from as a power with an offset, ``c + a·f^-b`` (Cortes et al. 1993;
Hestness et al. 2017, arXiv:1712.00409). Few points do not tell one such curve, so many are laid through them, each as
likely as it fits; and the points are themselves drawn anew with the rows that judged them. What all of these say
together is the expectation and its interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sixfold.fields import Array

__all__ = ["MOST_POINTS", "Carried", "carried_on", "interval_of"]

MOST_POINTS = 5.0
"""The most that an interval is wide to either side, in points: a wider one promises nothing that one could act on."""

_EXPONENTS = np.linspace(0.1, 1.0, 10)
"""Of the power: what Hestness et al. found lies between 0.07 and 0.5 for networks; classical theory goes to 1."""

_OFFSETS = np.linspace(0.0, 0.95, 20)
"""Of the smallest error seen, what may be beyond any number of rows."""

_UNEVEN = 0.05
"""Of the error, by how much two trainings on as many rows differ: seeds and order."""

_INTERVAL = (0.05, 0.95)


@dataclass(frozen=True)
class Carried:
    """Draws of the error that will come (n,), with all rows and with twice as many."""

    whole: Array
    twice: Array


def carried_on(shares: Array, errors: Array, seed: int = 0) -> Carried:
    """Draws of the error where all is learned from, and twice as much.

    Args:
        shares: How much each point learned, of what all rows give, (k,) ascending, above 0.
        errors: Their errors, not below 0, (draws, k): each draw judged by rows drawn anew.
        seed: Of the draws.
    """
    random = np.random.default_rng(seed)
    whole, twice = np.empty(len(errors)), np.empty(len(errors))
    for place, found in enumerate(errors):
        noise = np.maximum(_UNEVEN * found, 1e-4)
        drawn = np.maximum(found + random.normal(0, noise), 1e-6)
        fits = [(float(b), float(c) * float(drawn.min())) for b in _EXPONENTS for c in _OFFSETS]
        scales, misfits = zip(*(_fitted(shares, drawn, noise, b, c) for b, c in fits), strict=True)
        likely = np.exp(-0.5 * (np.array(misfits) - min(misfits)))
        chosen = int(random.choice(len(fits), p=likely / likely.sum()))
        (b, c), a = fits[chosen], scales[chosen]
        # More to learn from does no harm: what all of it gives is no worse than the best that was seen, but for noise.
        whole[place], twice[place] = c + a, c + a * 2.0**-b
    return Carried(whole, twice)


def _fitted(shares: Array, errors: Array, noise: Array, b: float, c: float) -> tuple[float, float]:
    """The scale of the curve with exponent ``b`` and offset ``c`` by weighted least squares, and its misfit."""
    basis = shares**-b
    weights = 1 / noise**2
    scale = max(0.0, float((weights * basis * (errors - c)).sum() / (weights * basis**2).sum()))
    return scale, float((weights * (errors - c - scale * basis) ** 2).sum())


def interval_of(draws: Array, point: float) -> tuple[float, float, float, float]:
    """The middle of draws, the ends of an interval, at most five points to either side, and the share of draws in it.

    Args:
        draws: (n,).
        point: What a point is worth: 0.01 of a share.
    """
    middle = float(np.median(draws))
    low, high = (float(end) for end in np.quantile(draws, _INTERVAL))
    low, high = max(low, middle - MOST_POINTS * point), min(high, middle + MOST_POINTS * point)
    return middle, low, high, float(np.mean((draws >= low) & (draws <= high)))
