"""Learning curves are carried on to all rows, with an interval that says how sure it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sixfold.quoting._curve import MOST_POINTS, carried_on, interval_of

SHARES = np.array([0.1, 0.2, 0.4, 0.8])


def errors(offset: float, scale: float, exponent: float, draws: int = 200) -> np.ndarray:
    random = np.random.default_rng(3)
    return (offset + scale * SHARES**-exponent) * (1 + random.normal(0, 0.01, (draws, 4)))


@pytest.mark.parametrize(("offset", "scale", "exponent"), [(0.1, 0.05, 0.5), (0.0, 0.2, 0.3), (0.02, 0.01, 0.9)])
def test_the_interval_holds_what_the_curve_comes_to(offset: float, scale: float, exponent: float) -> None:
    _, low, high, chance = interval_of(carried_on(SHARES, errors(offset, scale, exponent)).whole, 0.01)
    assert low <= offset + scale <= high
    assert chance >= 0.85


def test_twice_the_rows_buy_something_on_a_steep_curve_and_next_to_nothing_on_a_flat_one() -> None:
    steep, flat = carried_on(SHARES, errors(0.0, 0.2, 0.5)), carried_on(SHARES, errors(0.2, 0.0, 0.5))
    assert np.median(steep.whole - steep.twice) > 0.03
    assert abs(np.median(flat.whole - flat.twice)) < 0.02


def test_far_from_what_was_seen_less_is_sure() -> None:
    near = carried_on(SHARES, errors(0.05, 0.1, 0.4)).whole
    far = carried_on(SHARES / 50, errors(0.05, 0.1, 0.4)).whole
    assert far.std() > near.std()


@settings(max_examples=30, deadline=None)
@given(st.floats(0.001, 0.5), st.integers(0, 1000))
def test_an_interval_is_never_wider_than_five_points_and_tells_how_much_it_holds(spread: float, seed: int) -> None:
    draws = np.random.default_rng(seed).normal(0.5, spread, 400)
    middle, low, high, chance = interval_of(draws, 0.01)
    assert high - middle <= MOST_POINTS * 0.01 + 1e-9
    assert middle - low <= MOST_POINTS * 0.01 + 1e-9
    assert chance == pytest.approx(np.mean((draws >= low) & (draws <= high)))
