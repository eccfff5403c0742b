"""What turns a network's output into an answer: fitted on validation rows, never on test rows."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from sixfold.fields import Array

__all__ = ["Decision", "Effect", "Sets"]

_TINY = 1e-7


class Effect(BaseModel):
    """What held-out rows say of the effects that a network tells for one arm against the first, in encoded units.

    The effect of a row is ``level + slope * (told - centre)``.

    Args:
        level: The average effect: augmented inverse probability weighting (Robins, Rotnitzky & Zhao 1994).
        slope: By how much the true effect differs where the told one differs by one (the best linear predictor of
            Chernozhukov, Demirer, Duflo & Fernández-Val 2018), held within 0 and 1; 0 where it cannot be told from 0:
            then no effect by row was learned, and every row has the average one.
        centre: The mean of the told effects.
        level_error: The standard error of ``level``.
        slope_error: That of ``slope``; 0 where the slope is 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: float
    slope: float
    centre: float
    level_error: float
    slope_error: float


class Sets(BaseModel):
    """Which classes stand beside an answer, so that the right one is among them in a stated share of cases.

    A class is named where its score is at most ``limit``; the answer always is. So sets hold the truth as often as was
    asked for, or, where the answer alone is right more often than that, as often as the answer is.

    Args:
        way: ``smallest``: the score is one less the chance, which makes the smallest sets on average (LAC: Sadinle, Lei
            & Wasserman 2019). ``adaptive``: the chances of all classes that are likelier, so that a set grows with the
            doubt (APS: Romano, Sesia & Candès 2020, without their random part).
        limit: The score that the truth of so many validation rows does not exceed (split conformal).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    way: Literal["smallest", "adaptive"]
    limit: float

    @staticmethod
    def scores(way: str, chances: Array) -> Array:
        """How unlike the truth each class is of rows with chances (n, classes): (n, classes)."""
        if way == "smallest":
            return np.asarray(1 - chances)
        order = np.argsort(-chances, axis=1, kind="stable")
        ranked = np.take_along_axis(chances, order, axis=1)
        before = np.zeros_like(ranked)
        np.cumsum(ranked[:, :-1], axis=1, out=before[:, 1:])
        found = np.empty_like(before)
        np.put_along_axis(found, order, before, axis=1)
        return found

    def of(self, chances: Array, answers: Array) -> Array:
        """Which classes each set names (n, classes), of calibrated chances (n, classes) and answered classes (n,)."""
        named = self.scores(self.way, chances) <= self.limit
        named[np.arange(len(named)), answers] = True
        return named


class Decision(BaseModel):
    """Calibration, threshold and interval.

    Args:
        temperature: What log-probabilities are divided by (Guo et al. 2017); 1 leaves them as they are.
        threshold: For yes or no: the calibrated probability from which the answer is yes.
        margin: For numbers: how far above and below the answer its interval reaches, in the target's encoded units
            (split conformal: Lei et al. 2018); ``None`` where there were too few validation rows to tell.
        sets: For classes: which others are named beside the answer; ``None`` where there were too few validation rows.
        thresholds: For boxes: of each class, the score from which one is told.
        effects: For choices: of each arm but the first, how the effects that the network tells are read.
        widening: For forecasts: what the distances of quantiles from the median are multiplied by, so that the interval
            holds its share of validation rows (conformalised quantiles: Romano et al. 2019).
        asks: For classes: the calibrated chance (of yes; of several classes, of the one that is told) from which up to
            below which a person is asked; ``None`` where nobody is.
        worth: For several classes: what each answer (across) is worth where each class is right (down), if the most
            likely class is not always the one to tell; ``None`` where it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = 1.0
    threshold: float = 0.5
    margin: float | None = None
    sets: Sets | None = None
    thresholds: tuple[float, ...] | None = None
    effects: tuple[Effect, ...] = ()
    widening: float = 1.0
    asks: tuple[float, float] | None = None
    worth: tuple[tuple[float, ...], ...] | None = None

    def best(self, chances: Array) -> Array:
        """Which of several classes is told (n,), of their calibrated chances (n, classes)."""
        worth = chances if self.worth is None else chances @ np.array(self.worth)
        return np.asarray(worth.argmax(axis=1), np.int64)

    def asking(self, likely: Array) -> Array:
        """Which rows are left to a person (n,), of the chances that :attr:`asks` speaks of (n,)."""
        if self.asks is None:
            return np.zeros(len(likely), bool)
        return np.asarray((likely >= self.asks[0]) & (likely < self.asks[1]))

    def calibrated(self, probabilities: Array) -> Array:
        """Probabilities (n, classes), or (n, 1) of yes, after temperature scaling; float64."""
        known = np.clip(probabilities.astype(np.float64), _TINY, 1 - _TINY)
        if known.shape[1] == 1:
            logits = (np.log(known) - np.log1p(-known)) / self.temperature
            return np.asarray(1 / (1 + np.exp(-logits)))
        logits = np.log(known) / self.temperature
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
