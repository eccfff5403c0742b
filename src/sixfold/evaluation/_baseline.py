"""What a model must beat to be worth its keep: guessing the most frequent class, and a linear model."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sixfold.evaluation._figures import Scored
from sixfold.fields import Array, Field, Form
from sixfold.language import Text

__all__ = ["BASELINES", "MOST_TRAINING_ROWS", "Baseline", "Encoded", "baselines"]

MOST_TRAINING_ROWS = 5000
"""Training rows that the linear model learns from: enough for a fair yardstick, few enough to take seconds."""

_MOST_IDS = 1000
_LARGEST_SIDE = 32
_ITERATIONS = (20, 200)
_MOST_WORK = 1e10
"""Rows × inputs × classes × iterations of the linear model: about 4 s on one core, at four operations each."""

BASELINES = {
    "majority": Text("Always the most frequent class", "总猜最常见的类"),
    "linear": Text("A simple linear model", "简单的线性模型"),
}


@dataclass(frozen=True, slots=True)
class Encoded:
    """Rows as `prepare` encoded them: the array of each given column by name, and the class index of each row (n,)."""

    arrays: Mapping[str, Array]
    y: Array


@dataclass(frozen=True)
class Baseline:
    """A yardstick, scored on the same test rows as the model.

    Args:
        name: ``majority`` or ``linear``.
        scored: The test rows with what it said.
        about: What it learned from and how: plain JSON.
    """

    name: str
    scored: Scored
    about: dict[str, Any]


def baselines(
    given: Mapping[str, Field], training: Encoded, test: Encoded, counts: Array, *, seed: int = 0
) -> list[Baseline]:
    """The majority class, and logistic regression on the encoded columns.

    The linear model (multinomial, L2 with C = 1, by L-BFGS) sees vectors as they are, ids and tokens counted per value
    (the most frequent ones, where there are very many), and grids scaled to 0–1 and averaged down to 32 × 32 at most.

    Args:
        given: The fitted fields of the given columns.
        training: The training rows it learns from (at most 5,000, drawn by the caller).
        test: The test rows.
        counts: How many of all training rows are of each class (classes,).
        seed: Of the linear model.

    Returns:
        The majority; and the linear model, unless the rows it would learn from are all of one class.
    """
    found = [_majority(counts, test.y)]
    if len(np.unique(training.y)) > 1:
        found.append(_linear(given, training, test, len(counts), seed))
    return found


def _majority(counts: Array, y_test: Array) -> Baseline:
    shares = counts / counts.sum()
    probabilities = np.broadcast_to(shares, (len(y_test), len(counts)))
    decided = np.full(len(y_test), int(counts.argmax()))
    return Baseline("majority", Scored(y_test, probabilities, decided), {"training_rows": int(counts.sum())})


def _linear(given: Mapping[str, Field], training: Encoded, test: Encoded, classes: int, seed: int) -> Baseline:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn brings it

    begun = time.monotonic()
    seen = {column: _ids_seen(field.form, training.arrays[column]) for column, field in given.items()}
    inputs, y_training = _inputs(given, training.arrays, seen), training.y
    work = max(1, inputs.shape[0] * inputs.shape[1] * (1 if classes == 2 else classes))  # noqa: PLR2004
    iterations = int(np.clip(_MOST_WORK // work, *_ITERATIONS))
    if work * iterations > _MOST_WORK:
        # Very many inputs and classes: fewer rows, so that the time stays bounded.
        rows = np.random.default_rng(seed).permutation(len(inputs))
        rows = np.sort(rows[: max(2 * classes, int(len(inputs) * _MOST_WORK / (work * iterations)))])
        inputs, y_training = inputs[rows], y_training[rows]
    # Without their mean, inputs make the same model in fewer steps: the intercept takes it up, and is not penalised.
    centre = inputs.mean(axis=0)
    model = LogisticRegression(max_iter=iterations, random_state=seed)
    # Its steps are short: several threads gain little on a quiet machine, and wait for each other on a busy one.
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1):
        warnings.simplefilter("always")
        model.fit(inputs - centre, y_training)
    converged = not any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    probabilities = np.zeros((len(test.y), classes))
    probabilities[:, model.classes_] = model.predict_proba(_inputs(given, test.arrays, seen) - centre)
    about = {
        "training_rows": len(inputs),
        "inputs": int(inputs.shape[1]),
        "iterations": int(np.max(model.n_iter_)),
        "converged": converged,
        "seconds": round(time.monotonic() - begun, 2),
    }
    return Baseline("linear", Scored(test.y, probabilities, probabilities.argmax(axis=1)), about)


def _inputs(given: Mapping[str, Field], arrays: Mapping[str, Array], seen: Mapping[str, Array]) -> Array:
    parts = [_flat(field.form, arrays[column], seen[column]) for column, field in given.items()]
    return np.concatenate(parts, axis=1)


def _flat(form: Form, array: Array, seen: Array) -> Array:
    match form.name:
        case "ids":
            return np.asarray(array[:, None] == seen, np.float32)
        case "tokens":
            return np.stack([(array == token).sum(axis=1) for token in seen], axis=1).astype(np.float32)
        case "grid":
            return _averaged(array).reshape(len(array), -1)
        case _:
            return np.asarray(array.reshape(len(array), -1), np.float32)


def _ids_seen(form: Form, array: Array) -> Array:
    """The ids that get an input of their own, most frequent first; none for forms without a vocabulary."""
    if form.name not in ("ids", "tokens"):
        return np.zeros(0, np.int32)
    ids, counts = np.unique(array, return_counts=True)
    return ids[np.argsort(-counts, kind="stable")][:_MOST_IDS]


def _averaged(grids: Array) -> Array:
    """Grids (n, height, width, channels) as float32 in 0–1 where they were uint8, by blocks down to 32 × 32 at most."""
    scale = np.float32(1 / 255 if grids.dtype == np.uint8 else 1)
    _, height, width, _ = grids.shape
    down, across = -(-height // _LARGEST_SIDE), -(-width // _LARGEST_SIDE)
    if down == 1 and across == 1:
        return np.asarray(grids * scale)
    rows, columns = np.arange(0, height, down), np.arange(0, width, across)
    parts = []
    for start in range(0, len(grids), 256):  # a piece at a time: the float copy of all grids may not fit
        part = np.add.reduceat(grids[start : start + 256], rows, axis=1, dtype=np.float32)
        part = np.add.reduceat(part, columns, axis=2)
        sizes = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
        parts.append(part / sizes[None, :, :, None].astype(np.float32) * scale)
    return np.concatenate(parts)
