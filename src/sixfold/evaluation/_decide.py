"""What turns a network's output into an answer, fitted on validation rows; test rows are never looked at here."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from sixfold.evaluation._worth import ClassWorth
from sixfold.fields import Array
from sixfold.tasks import Decision, Sets, Task

__all__ = ["asked", "chances", "conformal", "decide", "decided", "reaching"]

_TEMPERATURES = (0.05, 20.0)
_NEUTRAL = 0.5
_SURE = 2.0
"""Standard errors that another threshold must gain to be believed: about one chance in forty of being noise."""


def decide(task: Task, outputs: Array, y: Array) -> Decision:
    """Calibration and threshold from validation rows.

    The temperature (Guo et al. 2017) has the least log loss there, by a bounded scalar search; the loss is convex in
    its inverse, so there is one such value. As in Platt (1999), the truth counts as (n + 1) / (n + 2) certain, not as
    wholly certain, so that a few rows without a mistake do not make the model infinitely sure of itself.

    For yes or no, the threshold is the one of most right answers, of equals the one nearest to 0.5. It replaces 0.5
    only if it mends more rows than it breaks by two standard errors of that difference, √(mended + broken) (McNemar
    1947): the best of many thresholds always looks a little better on the rows that chose it.

    Where product.yaml states a specificity or a sensitivity, the threshold is the one that reaches it
    (:func:`reaching`). Where it says what answers are worth, threshold and the band in which a person is asked are
    those that earn most (:meth:`ClassWorth.decision`).

    Last, which classes are named beside the answer (:class:`~sixfold.tasks.Sets`). The temperature was fitted on the
    same rows: of one number for all of them that costs the sets nothing that could be measured.

    Args:
        task: The task.
        outputs: The graph's outputs on validation rows (n, units).
        y: Their class indices, from 0 (n,).

    Returns:
        The decision; the neutral one (temperature 1, threshold 0.5) if there are no validation rows.
    """
    if len(y) == 0:
        return Decision()
    decision = Decision(temperature=_temperature(outputs, y))
    likely = chances(outputs, decision)
    if (worth := ClassWorth.of(task)) is not None:
        decision = worth.decision(likely, y, decision.temperature)
    elif task.output.units == 1 and task.product.evaluate.point is not None:
        decision = decision.model_copy(update={"threshold": reaching(*task.product.evaluate.point, likely[:, 1], y)})
    elif task.output.units == 1:
        decision = decision.model_copy(update={"threshold": _threshold(likely[:, 1], y)})
    wanted = task.product.evaluate
    scores = Sets.scores(wanted.sets, likely)[np.arange(len(y)), y]
    limit = conformal(scores, wanted.coverage)
    return decision.model_copy(update={"sets": None if limit is None else Sets(way=wanted.sets, limit=limit)})


def reaching(figure: Literal["specificity", "sensitivity"], share: float, likely: Array, y: Array) -> float:
    """The threshold at which a share of new rows that are no is told no (specificity), or of those that are yes is
    found (sensitivity): from held-out rows, as in :func:`conformal`, so that a share of 90 % is one of new rows too.

    Where there are too few rows for that it is the one at which all of these are told right.

    Args:
        figure: Which share.
        share: How large.
        likely: The calibrated chance of yes (n,).
        y: 1 for yes, 0 for no (n,).
    """
    is_of = y == (0 if figure == "specificity" else 1)
    sign = 1.0 if figure == "specificity" else -1.0
    scores = np.sort(sign * likely[is_of])
    if not len(scores):
        return _NEUTRAL
    limit = scores[min(len(scores), math.ceil((len(scores) + 1) * share)) - 1]
    beyond = sign * likely[sign * likely > limit]
    end = 1.0 if figure == "specificity" else 0.0
    return float(sign * (limit + (beyond.min() if beyond.size else sign * end)) / 2)


def conformal(scores: Array, coverage: float) -> float | None:
    """The score that a new row's truth does not exceed in a share of ``coverage``, from those of held-out rows (n,).

    Split conformal (Vovk et al. 2005; Lei et al. 2018, algorithm 2): the ⌈(n + 1) · coverage⌉-th smallest; ``None``
    where there are too few rows for that.
    """
    place = math.ceil((len(scores) + 1) * coverage)
    return float(np.sort(scores)[place - 1]) if 0 < place <= len(scores) else None


def chances(outputs: Array, decision: Decision) -> Array:
    """Calibrated chances (n, classes) of a network's outputs; yes or no has two columns, no and yes."""
    calibrated = decision.calibrated(outputs)
    return np.concatenate([1 - calibrated, calibrated], axis=1) if calibrated.shape[1] == 1 else calibrated


def decided(probabilities: Array, task: Task, decision: Decision) -> Array:
    """The class index (n,) that the task answers, given the chances (n, classes)."""
    if task.output.units == 1:
        return np.asarray(probabilities[:, 1] >= decision.threshold, np.int64)
    return decision.best(probabilities)


def asked(probabilities: Array, task: Task, decision: Decision) -> Array:
    """Which rows (n,) are left to a person, given the chances (n, classes)."""
    if task.output.units == 1:
        return decision.asking(probabilities[:, 1])
    return decision.asking(probabilities[np.arange(len(probabilities)), decision.best(probabilities)])


def _temperature(outputs: Array, y: Array) -> float:
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(y))
    certain = (len(y) + 1) / (len(y) + 2)

    def loss(log_temperature: float) -> float:
        likely = chances(outputs, Decision(temperature=float(np.exp(log_temperature))))
        logs = np.log(np.clip(likely, 1e-300, 1))
        of_truth = logs[rows, y]
        of_others = (logs.sum(axis=1) - of_truth) / max(1, likely.shape[1] - 1)
        return float(-(certain * of_truth + (1 - certain) * of_others).mean())

    found = minimize_scalar(loss, bounds=np.log(_TEMPERATURES), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x))


def _threshold(likely: Array, y: Array) -> float:
    order = np.argsort(likely, kind="stable")
    scores, is_yes = likely[order], y[order]
    distinct = np.flatnonzero(np.diff(scores) > 0)
    # With a threshold between two neighbours, rows below are answered no and rows above yes.
    no_below = np.concatenate([[0], np.cumsum(is_yes == 0)])
    yes_above = is_yes.sum() - np.concatenate([[0], np.cumsum(is_yes)])
    cuts = np.concatenate([[0], distinct + 1, [len(scores)]])
    places = np.concatenate([[0.0], (scores[distinct] + scores[distinct + 1]) / 2, [1.0]])
    right = (no_below + yes_above)[cuts]
    best = places[right == right.max()]
    place = float(best[np.argmin(np.abs(best - _NEUTRAL))])
    before, after = (likely >= _NEUTRAL) == y, (likely >= place) == y
    mended, broken = int((after & ~before).sum()), int((before & ~after).sum())
    return place if mended - broken > _SURE * np.sqrt(mended + broken) else _NEUTRAL
