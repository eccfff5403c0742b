"""Linear models over many sparse features, by L-BFGS: logistic regression of one or several classes, and of numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sixfold.fields import Array
from sixfold.tasks import Output

__all__ = ["answers_of", "fitted", "loss_of", "ratios_of", "split"]

_STEPS = 150
_TOLERANCE = 1e-6


def fitted(
    x: Any,
    targets: Array,
    ratios: Array | None,
    output: Output,
    strength: float,
    start: Array,
    goes_on: Callable[[Array], bool],
) -> Array:
    """The weights of least penalised loss, flat: (features + 1) · units; see :func:`split`.

    Args:
        x: Rows, sparse float32 (n, features).
        targets: (n, units).
        ratios: What each weight is multiplied by, (features, units): the penalty is on what is multiplied.
        output: What the scores become.
        strength: Of the L2 penalty; the bias is free.
        start: Where to begin.
        goes_on: Asked after every step with the weights; ``False`` ends it.
    """
    from scipy.optimize import minimize

    across, rows = x.T.tocsr(), x.shape[0]
    targets = targets.astype(np.float32)

    def cost(flat: Array) -> tuple[float, Array]:
        weights, bias = split(flat, ratios, output)
        scores = x @ weights + bias
        slope = (answers_of(scores, output) - targets) / np.float32(rows)
        down = across @ slope if ratios is None else (across @ slope) * ratios
        free = flat[: -output.units]
        loss = loss_of(scores, targets, output) + strength / 2 * float(free @ free)
        return loss, np.concatenate([down.reshape(-1) + strength * free, slope.sum(axis=0, dtype=np.float64)])

    def stepped(intermediate_result: Any) -> None:  # scipy tells by this name what it hands over
        if not goes_on(intermediate_result.x):
            raise StopIteration

    options = {"maxiter": _STEPS, "maxcor": 5, "ftol": _TOLERANCE}
    return np.asarray(minimize(cost, start, jac=True, method="L-BFGS-B", callback=stepped, options=options).x)


def split(flat: Array, ratios: Array | None, output: Output) -> tuple[Array, Array]:
    """Weights (features, units), multiplied by their ratios, and the bias (units,); float32."""
    free = flat[: -output.units].reshape(-1, output.units).astype(np.float32)
    return (free if ratios is None else free * ratios), flat[-output.units :].astype(np.float32)


def ratios_of(x: Any, targets: Array, output: Output) -> Array | None:
    """The naive Bayes log-count ratio (Wang & Manning 2012) of each feature for each output; ``None`` for numbers.

    Float32 (features, units): how much more often rows of a class have the feature than the others do, in logarithms.
    """
    if output.activation == "linear":
        return None
    classes = np.concatenate([1 - targets, targets], axis=1) if output.units == 1 else targets
    counts = (
        np.asarray((x > 0).astype(np.float32).T @ classes.astype(np.float32), np.float64) + 1
    )  # (features, classes)
    others = counts.sum(axis=1, keepdims=True) - counts
    ratios = np.log(counts / counts.sum(axis=0)) - np.log(others / others.sum(axis=0))
    return np.asarray(ratios[:, 1:] if output.units == 1 else ratios, np.float32)


def answers_of(scores: Array, output: Output) -> Array:
    """Scores (n, units) through the activation of the output."""
    if output.activation == "linear":
        return scores
    if output.activation == "sigmoid":
        return np.asarray(1 / (1 + np.exp(-np.clip(scores, -80, 80))))
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def loss_of(scores: Array, targets: Array, output: Output) -> float:
    """The mean loss of scores (n, units) whose slope is (answers − targets) / n."""
    scores = scores.astype(np.float64)
    if output.activation == "linear":
        return float(((scores - targets) ** 2).sum(axis=1).mean() / 2)
    if output.activation == "sigmoid":
        return float((np.logaddexp(0, scores) - targets * scores).sum(axis=1).mean())
    highest = scores.max(axis=1, keepdims=True)
    logs = np.log(np.exp(scores - highest).sum(axis=1, keepdims=True)) + highest
    return float((logs[:, 0] - (targets * scores).sum(axis=1)).mean())
