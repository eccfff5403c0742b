"""How good the model will be: the measured networks' learning curves, carried on to all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sixfold.evaluation import formula
from sixfold.fields import Array
from sixfold.quoting._curve import carried_on, interval_of
from sixfold.quoting._networks import Measured, Networks, Shares
from sixfold.quoting._quote import Bought, Curve, Expected, Point, Quality

__all__ = ["quality_of"]

_POINT = 0.01
_BEYOND = 1.25
_FEWEST_POINTS = 2
"""Of a learning curve: one alone tells of no way on."""


@dataclass(frozen=True)
class _Carried:
    """One network's errors to come (n,), and the share of all training that each of its points is."""

    one: Measured
    found: Shares
    shares: Array
    whole: Array
    twice: Array


def quality_of(
    networks: Networks,
    measured: Sequence[Measured],
    seconds: Mapping[str, float],
    yardsticks: Mapping[str, float | None],
    bigger: tuple[str, Measured] | None,
) -> Quality | None:
    """What the best of the measured networks will reach on test rows; ``None`` where none could be judged.

    Args:
        networks: Where they were measured.
        measured: Each network.
        seconds: Of each network by name, what its longest trial has; left out, as long as it takes.
        yardsticks: The headline figure of each guess without a model, by name.
        bigger: Another network that was trained on the largest share, and what it is.
    """
    figure = networks.task.judged_by[0]
    seen = [value for one in measured if one.shares is not None for value in one.shares.values]
    top = _top(seen) if figure.higher_is_better else None
    carried = [
        _carry(networks, one, one.shares, top, seconds.get(one.contender.kind.kind()))
        for one in measured
        if one.shares is not None and len(one.shares.rows) >= _FEWEST_POINTS
    ]
    if not carried:
        return None
    best = min(carried, key=lambda one: float(np.median(one.whole)))
    gain = _gain_of_mixing(networks, carried, best, top)
    whole = gain * best.whole + _of_test_rows(networks, best)
    values = top - whole if top is not None else whole
    known = {name: value for name, value in yardsticks.items() if value is not None}
    least = (max if figure.higher_is_better else min)(known, key=lambda name: known[name]) if known else None
    is_share = formula(figure.name).style == "share"
    middle = float(np.median(values))
    point = _POINT if is_share else _POINT * abs(known[least] if least is not None else middle)
    value, low, high, chance = interval_of(values, point)
    if is_share:
        value, low, high = (float(np.clip(one, 0.0, 1.0)) for one in (value, low, high))
    return Quality(
        figure=figure.name,
        higher_is_better=figure.higher_is_better,
        expected=Expected(value=value, low=low, high=high, chance=round(chance, 3)),
        network=best.one.contender.kind.kind(),
        curves=tuple(_curve(one) for one in carried),
        judged=networks.judged_rows,
        yardstick=None if least is None else (least, float(known[least])),
        twice=_bought("rows", gain * (best.whole - best.twice)),
        bigger=_bigger(best, bigger, figure.higher_is_better),
    )


def _carry(networks: Networks, one: Measured, found: Shares, top: float | None, seconds: float | None) -> _Carried:
    rows, time = networks.rows["train"], one.time
    if time.folds > 1:
        rows += networks.rows["validation"]
    passes = 1.0
    if time.step is not None:
        steps = time.steps
        if seconds is not None:  # the clock may end it before the recipe does
            room = max(0.0, seconds - time.start - time.folds * time.export) / time.folds
            steps = min(steps, round(room / max(time.step, 1e-9)))
        passes = max(1e-6, steps / max(1, time.steps) * time.epochs)
    shares = np.array([n * seen for n, seen in zip(found.rows, found.passes, strict=True)]) / (rows * passes)
    errors = np.maximum(top - found.draws if top is not None else found.draws, 0.0)
    shares = np.clip(shares, 1e-9, 1.0)  # where the clock is shorter than what was measured, no more than that comes
    drawn = carried_on(shares, errors)
    return _Carried(one, found, shares, drawn.whole, drawn.twice)


def _top(seen: Sequence[float]) -> float:
    """What a perfect model reaches, where more is better: 1, but of a figure that has no such end a quarter more than
    what was seen."""
    most = max(seen, default=1.0)
    return 1.0 if most <= 1.0 else _BEYOND * most


def _gain_of_mixing(networks: Networks, carried: Sequence[_Carried], best: _Carried, top: float | None) -> float:
    """By which factor the error of the best network falls where a search mixes it with the others: as it does for those
    that learned from a share of the rows."""
    if len(carried) == 1:
        return 1.0
    mixed = networks.mixed([one.found for one in carried])
    alone = best.found.values[-1]
    if mixed is None:
        return 1.0
    errors = [top - value if top is not None else value for value in (mixed, alone)]
    return min(1.0, errors[0] / errors[1]) if errors[1] > 0 else 1.0


def _of_test_rows(networks: Networks, best: _Carried) -> Array:
    """What the luck of the test rows adds: draws of it, as many as of the errors."""
    spread = float(best.found.draws[:, -1].std())
    spread *= np.sqrt(networks.judged_rows / max(1, networks.rows["test"]))
    noise: Array = np.random.default_rng(1).normal(0.0, spread, len(best.whole))
    return noise


def _curve(one: _Carried) -> Curve:
    points = zip(one.found.rows, one.shares, one.found.values, strict=True)
    return Curve(
        network=one.one.contender.kind.kind(),
        points=tuple(Point(rows=rows, share=round(float(share), 6), value=value) for rows, share, value in points),
        seconds=round(one.one.time.whole(), 1),
    )


def _bought(what: str, draws: Array) -> Bought:
    low, high = (float(end) for end in np.quantile(draws, (0.05, 0.95)))
    return Bought(what=what, value=float(np.median(draws)), low=low, high=high)


def _bigger(best: _Carried, other: tuple[str, Measured] | None, higher_is_better: bool) -> Bought | None:
    """By how much another network was better on the largest share, judged by the same rows."""
    if other is None or other[1].shares is None:
        return None
    what, one = other
    assert one.shares is not None
    ours, theirs = best.found.draws[:, -1], one.shares.draws[:, -1]
    drawn = min(len(ours), len(theirs))
    sign = 1.0 if higher_is_better else -1.0
    return _bought(what, sign * (theirs[:drawn] - ours[:drawn]))
