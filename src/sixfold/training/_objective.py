"""What training makes smaller, and the figure that is shown beside it: by the name of the task's loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sixfold.errors import TrainingError
from sixfold.fields import Array
from sixfold.networks import Objective, Recipe, pinball
from sixfold.tasks import Task

__all__ = ["judged", "objective_of"]

_TINY = 1e-7
_HALF = 0.5
_LEAST_RARE = 1.02


def objective_of(task: Task, recipe: Recipe, targets: Array) -> Objective:
    """The objective that the task names, in the way of the recipe.

    Args:
        task: The task.
        recipe: How to train.
        targets: Some training rows' targets (n, units): for the weights of classes.

    Raises:
        TrainingError: The loss is not known.
    """
    import keras

    metric = task.metrics[0]
    if task.loss == "sparse_categorical_crossentropy":
        return _of_places(task, recipe, targets)
    weights = _class_weights(task, recipe, targets)
    match task.loss:
        case "binary_crossentropy":
            kind, settings, score = keras.losses.BinaryCrossentropy, {"label_smoothing": recipe.label_smoothing}, _right
        case "categorical_crossentropy":
            kind, settings, score = (
                keras.losses.CategoricalCrossentropy,
                {"label_smoothing": recipe.label_smoothing},
                _right,
            )
        case "mean_squared_error":
            kind, settings, score = keras.losses.MeanSquaredError, {}, _distance
        case "pinball":
            return pinball(metric, task.output)
        case _:
            raise TrainingError("unknown_loss", loss=task.loss)
    if weights is None:
        loss: Callable[[Any, Any], Any] = kind(**settings)
    else:
        loss = _weighted(kind(**settings, reduction=None), weights)

    if task.output.places:
        return Objective(metric, loss, score)

    def judge(truth: Array, outputs: Array) -> dict[str, float]:
        found = judged(task, truth, outputs, recipe.label_smoothing, weights)
        return {"loss": found[0], metric: found[1]}

    return Objective(metric, loss, score, judge)


def _of_places(task: Task, recipe: Recipe, targets: Array) -> Objective:
    """Of classes that are whole numbers (batch, *places), at every place that does not say what is ignored."""
    from keras import ops

    weights = None if recipe.class_weights == "none" else ops.array(_place_weights(targets, task.output.units))
    ignored, smoothing, classes = task.ignored, recipe.label_smoothing, task.output.units

    def told(targets: Any) -> Any:
        return ops.ones_like(targets, "float32") if ignored is None else ops.cast(targets != ignored, "float32")

    def loss(targets: Any, outputs: Any) -> Any:
        known = told(targets)
        if weights is not None:
            known = known * ops.take(weights, ops.where(known > 0, ops.cast(targets, "int32"), 0))
        wanted = ops.one_hot(ops.where(known > 0, ops.cast(targets, "int32"), 0), classes)
        logs = ops.log(ops.clip(outputs, _TINY, 1.0))
        losses = -(1 - smoothing) * ops.sum(wanted * logs, axis=-1) - smoothing * ops.mean(logs, axis=-1)
        return ops.sum(losses * known) / ops.maximum(ops.sum(known), 1.0)

    def score(targets: Any, outputs: Any) -> Any:
        known = told(targets)
        right = ops.cast(ops.argmax(outputs, axis=-1) == ops.cast(targets, "int32"), "float32") * known
        places = tuple(range(1, len(task.output.places) + 1))
        return ops.sum(right, axis=places) / ops.maximum(ops.sum(known, axis=places), 1.0)

    return Objective(task.metrics[0], loss, score)


def _place_weights(targets: Array, classes: int) -> Array:
    """What a place of each class weighs (classes,), 1 on average: 1 / ln(1.02 + its share) (Paszke et al. 2016).

    The bare inverse would make a class of a few pixels outweigh all others.
    """
    shares = np.bincount(np.clip(targets, 0, classes).reshape(-1), minlength=classes + 1)[:classes] / targets.size
    weights = 1 / np.log(_LEAST_RARE + shares / max(shares.sum(), 1 / targets.size))
    return np.asarray(weights / max(float((weights * shares).sum() / max(shares.sum(), 1e-9)), 1e-9), np.float32)


def judged(
    task: Task, targets: Array, outputs: Array, label_smoothing: float = 0.0, weights: Array | None = None
) -> tuple[float, float]:
    """The task's loss and metric of outputs (n, units) against targets (n, units), in NumPy."""
    if (compared := task.comparable([outputs], targets)) is not None:
        (outputs,), targets = compared
    if task.loss == "mean_squared_error":
        gaps = outputs.astype(np.float64) - targets
        return float((gaps**2).mean()), float(np.abs(gaps).mean())
    chances = np.clip(outputs.astype(np.float64), _TINY, 1 - _TINY)
    wanted = targets * (1 - label_smoothing) + label_smoothing / max(2, task.output.units)
    if task.output.units == 1:
        losses = -(wanted * np.log(chances) + (1 - wanted) * np.log1p(-chances)).mean(axis=1)
        right = ((chances >= _HALF) == (targets >= _HALF)).mean(axis=1)
    else:
        losses = -(wanted * np.log(chances)).sum(axis=1)
        right = chances.argmax(axis=1) == targets.argmax(axis=1)
    if weights is not None:
        losses = losses * _of_rows(targets, weights)
    return float(losses.mean()), float(right.mean())


def _class_weights(task: Task, recipe: Recipe, targets: Array) -> Array | None:
    """What a row of each class weighs (classes,), 1 on average over the rows; ``None``: all alike."""
    if recipe.class_weights == "none" or task.loss == "mean_squared_error" or not len(targets):
        return None
    shares = targets.mean(axis=0)
    shares = np.array([1 - shares[0], shares[0]]) if len(shares) == 1 else shares
    return np.asarray(1 / (len(shares) * np.maximum(shares, 1 / len(targets))), np.float32)


def _of_rows(targets: Any, weights: Array) -> Any:
    """The weight of each row (batch,), from its target; arrays and tensors alike."""
    if len(weights) == 2 and targets.shape[-1] == 1:  # noqa: PLR2004 — yes or no
        return weights[0] + (weights[1] - weights[0]) * targets[:, 0]
    return (targets * weights).sum(axis=1) if isinstance(targets, np.ndarray) else _summed(targets * weights)


def _summed(x: Any) -> Any:
    from keras import ops

    return ops.sum(x, axis=1)


def _weighted(loss: Any, weights: Array) -> Callable[[Any, Any], Any]:
    from keras import ops

    def weighted(targets: Any, outputs: Any) -> Any:
        return ops.mean(loss(targets, outputs) * _of_rows(targets, weights))

    return weighted


def _right(targets: Any, outputs: Any) -> Any:
    """1.0 for each row (batch,) whose output is right."""
    from keras import ops

    if outputs.shape[-1] == 1:
        same = ops.equal(outputs[:, 0] >= _HALF, targets[:, 0] >= _HALF)
    else:
        same = ops.equal(ops.argmax(outputs, axis=-1), ops.argmax(targets, axis=-1))
    return _by_row(ops.cast(same, "float32"))


def _distance(targets: Any, outputs: Any) -> Any:
    from keras import ops

    return _by_row(ops.mean(ops.abs(targets - outputs), axis=-1))


def _by_row(x: Any) -> Any:
    """The mean over all places of each row (batch, …): (batch,)."""
    from keras import ops

    return x if len(x.shape) == 1 else ops.mean(x, axis=tuple(range(1, len(x.shape))))
