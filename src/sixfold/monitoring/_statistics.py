"""How far two samples are apart: the statistics of drift, in NumPy alone.

They agree with SciPy (``ks_2samp``, ``chisquare``, ``norm.sf``, ``wasserstein_distance``, ``jensenshannon``), which is
no part of the runtime; tests hold them to it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["chi_square", "chi_square_tail", "homogeneity", "jensen_shannon", "kolmogorov", "proportions", "wasserstein"]

Numbers = NDArray[np.float64]

_EXACT_UP_TO = 10_000
"""Rows of the larger sample up to which the chance of a Kolmogorov–Smirnov distance is counted out, as SciPy does."""

_ENOUGH = 1e-16
_MOST_TERMS = 10_000
_EXPECTED = 5.0
"""Rows that a cell should be expected to have, for the chi-square law to hold (Cochran 1954)."""


def kolmogorov(one: Numbers, other: Numbers, *, exact: bool = True) -> tuple[float, float]:
    """The two-sample Kolmogorov–Smirnov distance of numbers (n,) and (m,), and how likely one as large is by chance.

    Args:
        one: A sample.
        other: Another one.
        exact: Whether the chance is counted path by path where the samples are small (Hodges 1958); else it is
            Kolmogorov's limit.
    """
    one, other = np.sort(one), np.sort(other)
    both = np.concatenate([one, other])
    steps = np.searchsorted(one, both, side="right") / len(one) - np.searchsorted(other, both, side="right") / len(
        other
    )
    distance = float(np.abs(steps).max())
    n, m = max(len(one), len(other)), min(len(one), len(other))
    if exact and n <= _EXACT_UP_TO:
        return distance, _paths_outside(n, m, distance)
    return distance, _kolmogorov_limit(math.sqrt(n * m / (n + m)) * distance)


def proportions(one: float, of_one: int, other: float, of_other: int) -> float:
    """How likely two shares at least as far apart are by chance: the two-sided z-test with a pooled share.

    Args:
        one: How many of the first sample are of the kind.
        of_one: Its size.
        other: How many of the second.
        of_other: Its size.
    """
    pooled = (one + other) / (of_one + of_other)
    error = math.sqrt(pooled * (1 - pooled) * (1 / of_one + 1 / of_other))
    return 1.0 if error == 0 else math.erfc(abs(one / of_one - other / of_other) / error / math.sqrt(2))


def chi_square(observed: Numbers, expected: Numbers) -> float:
    """How likely counts (k,) at least as far from the expected ones (k,) are: Pearson's test, k - 1 degrees."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where((observed == 0) & (expected == 0), 0.0, (observed - expected) ** 2 / expected)
    return chi_square_tail(float(terms.sum()), len(observed) - 1)


def homogeneity(one: Numbers, other: Numbers) -> float:
    """How likely counts (k,) of two samples at least as different are if both are drawn alike; rare kinds are one."""
    total, share = one + other, other.sum() / (one.sum() + other.sum())
    rare = total * min(share, 1 - share) < _EXPECTED
    if rare.any():
        one = np.append(one[~rare], one[rare].sum())
        other = np.append(other[~rare], other[rare].sum())
        total = one + other
    kept = total > 0
    one, other, total = one[kept], other[kept], total[kept]
    if len(total) < 2:  # noqa: PLR2004
        return 1.0
    statistic = ((other - total * share) ** 2 / (total * share)).sum()
    statistic += ((one - total * (1 - share)) ** 2 / (total * (1 - share))).sum()
    return chi_square_tail(float(statistic), len(total) - 1)


def wasserstein(one: Numbers, other: Numbers) -> float:
    """How far mass must be moved, on average, to make one sample (n,) of the other (m,)."""
    one, other = np.sort(one), np.sort(other)
    both = np.sort(np.concatenate([one, other]))
    shares = [np.searchsorted(sample, both[:-1], side="right") / len(sample) for sample in (one, other)]
    return float((np.abs(shares[0] - shares[1]) * np.diff(both)).sum())


def jensen_shannon(one: Numbers, other: Numbers) -> float:
    """The Jensen–Shannon distance of two distributions (k,): the root of the divergence, natural logarithms."""
    one, other = one / one.sum(), other / other.sum()
    middle = (one + other) / 2
    divergence = sum(float((part[part > 0] * np.log(part[part > 0] / middle[part > 0])).sum()) for part in (one, other))
    return math.sqrt(max(0.0, divergence / 2))


def chi_square_tail(statistic: float, degrees: int) -> float:
    """The chance that a chi-square variable exceeds ``statistic``: the regularised upper incomplete gamma function.

    Series and continued fraction as in Press et al., Numerical Recipes, 6.2.
    """
    if degrees <= 0 or statistic <= 0:
        return 1.0
    if math.isinf(statistic) or math.isnan(statistic):
        return 0.0
    half, x = degrees / 2, statistic / 2
    scale = half * math.log(x) - x - math.lgamma(half)
    if x < half + 1:
        term = total = 1 / half
        for number in range(1, _MOST_TERMS):
            term *= x / (half + number)
            total += term
            if term < total * _ENOUGH:
                break
        return max(0.0, 1 - total * math.exp(scale))
    below = x + 1 - half
    c, d = 1e300, 1 / below
    fraction = d
    for number in range(1, _MOST_TERMS):
        factor = -number * (number - half)
        below += 2
        d = 1 / (factor * d + below)
        c = below + factor / c
        fraction *= c * d
        if abs(c * d - 1) < _ENOUGH:
            break
    return float(math.exp(scale) * fraction)


def _paths_outside(n: int, m: int, distance: float) -> float:
    """The share of lattice paths from (0, 0) to (n, m) that leave the band of the distance, edge included.

    Each path is one order in which the two samples may lie. Rows are summed up one after the other, and scaled so that
    no count overflows.
    """
    common = math.gcd(n, m)
    # As a whole number: how far apart the two steps are, in units of the smallest difference there can be.
    edge = round(distance * n * m / common)
    across = np.arange(m + 1, dtype=np.int64) * (n // common)
    inside = np.abs(across) < edge
    row = np.cumprod(inside).astype(np.float64)
    grown = 0.0
    for step in range(1, n + 1):
        inside = np.abs(across - step * (m // common)) < edge
        if not inside.any():
            return 1.0
        row = _summed(np.where(inside, row, 0.0), inside)
        largest = row.max()
        if largest == 0:
            return 1.0
        row /= largest
        grown += math.log(largest)
    if row[m] == 0:
        return 1.0
    paths = math.lgamma(n + m + 1) - math.lgamma(n + 1) - math.lgamma(m + 1)
    return float(min(1.0, max(0.0, -math.expm1(grown + math.log(row[m]) - paths))))


def _summed(row: Numbers, inside: NDArray[np.bool_]) -> Numbers:
    """Sums from the left within the band, which is one stretch of the row."""
    first, last = int(inside.argmax()), len(inside) - int(inside[::-1].argmax())
    summed = np.zeros_like(row)
    summed[first:last] = np.cumsum(row[first:last])
    return summed


def _kolmogorov_limit(x: float) -> float:
    """The chance that Kolmogorov's variable exceeds ``x``."""
    if x <= 0:
        return 1.0
    if x < 1:  # the other form of the series, which converges there
        terms = sum(math.exp(-((2 * k - 1) ** 2) * math.pi**2 / (8 * x * x)) for k in range(1, 20))
        return 1 - math.sqrt(2 * math.pi) / x * terms
    terms = math.fsum((-1.0) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101))
    return max(0.0, min(1.0, 2 * terms))
