"""What turns a network's output into an answer: fitted on validation rows, never on test rows."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, ConfigDict

from sixfold.fields import Array

__all__ = ["Decision"]

_TINY = 1e-7


class Decision(BaseModel):
    """Calibration, threshold and interval.

    Args:
        temperature: What log-probabilities are divided by (Guo et al. 2017); 1 leaves them as they are.
        threshold: For yes or no: the calibrated probability from which the answer is yes.
        margin: For numbers: how far above and below the answer its interval reaches, in the target's encoded units
            (split conformal: Lei et al. 2018); ``None`` where there were too few validation rows to tell.
        thresholds: For boxes: of each class, the score from which one is told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temperature: float = 1.0
    threshold: float = 0.5
    margin: float | None = None
    thresholds: tuple[float, ...] | None = None

    def calibrated(self, probabilities: Array) -> Array:
        """Probabilities (n, classes), or (n, 1) of yes, after temperature scaling; float64."""
        known = np.clip(probabilities.astype(np.float64), _TINY, 1 - _TINY)
        if known.shape[1] == 1:
            logits = (np.log(known) - np.log1p(-known)) / self.temperature
            return np.asarray(1 / (1 + np.exp(-logits)))
        logits = np.log(known) / self.temperature
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))
