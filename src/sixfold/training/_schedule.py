"""Learning rates by step."""

from __future__ import annotations

import math

from sixfold.networks import Recipe

__all__ = ["learning_rate"]

_WARM_UP = 0.25
_START = 1 / 25
_END = 1e-4


def learning_rate(recipe: Recipe, progress: float) -> float:
    """The rate when ``progress`` (0–1) of all steps is done.

    ``one_cycle`` is the policy of Smith & Topin (2018, arXiv:1708.07120) with cosine arms: up from 1/25 of the peak
    during the first quarter, then down to nearly nothing.
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    if progress < _WARM_UP:
        low, share = _START, 0.5 - 0.5 * math.cos(math.pi * progress / _WARM_UP)
        return recipe.learning_rate * (low + (1 - low) * share)
    share = 0.5 + 0.5 * math.cos(math.pi * min(1.0, (progress - _WARM_UP) / (1 - _WARM_UP)))
    return recipe.learning_rate * (_END + (1 - _END) * share)
