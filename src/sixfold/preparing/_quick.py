"""A quick model of the rows, asked only about rows that it did not learn from.

Good enough to tell which labels look wrong, where the rows are hard, and where more of them would help; never served.
Tables: boosted trees. Texts: a linear model over hashed n-grams of characters. Pictures and series: ridge regression
over radial functions of a few hundred landmarks (Williams and Seeger 2001), pictures by histograms of oriented
gradients (Dalal and Triggs 2005).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from sixfold.fields import Array
from sixfold.fields.category import Category
from sixfold.fields.number import Number
from sixfold.preparing._codes import dense
from sixfold.preparing._look import code_points, few_of, mixed
from sixfold.store import ROW

if TYPE_CHECKING:
    from sixfold.preparing._evidence import Evidence

__all__ = ["Quick", "quick"]

_FOLDS = 4
_FEWEST_ROWS = 80
_MOST_CLASSES = 60
_HASHES = 1 << 18
_GRAMS = (1, 2, 3, 4, 5)
_LANDMARKS = 800
_DIMENSIONS = 60
_POINTS = 32

Model: TypeAlias = Callable[[Array, Array], Array]
"""Which rows to learn from, and which to answer (places): scores (n, classes), or numbers (n, 1)."""


@dataclass(frozen=True)
class Quick:
    """What the quick model says of rows that it did not learn from.

    Args:
        rows: (n,) ascending collected rows: a sample where there are many.
        truth: (n,) class from 0, or the target as it is learned.
        said: (n, classes) probabilities, or (n, 1) numbers.
        half: The same, learned from half as many rows.
        labels: The classes; empty where the target is a number.
        kind: What it is: trees, linear or kernel.
    """

    rows: Array
    truth: Array
    said: Array
    half: Array
    labels: tuple[str, ...]
    kind: str

    def errors(self, said: Array) -> Array:
        """(n,) how wrong: 0 or 1 of classes, the absolute error of numbers in standard deviations."""
        if self.labels:
            wrong: Array = (said.argmax(axis=1) != self.truth).astype(np.float64)
            return wrong
        distance: Array = np.abs(said[:, 0] - self.truth) / max(float(self.truth.std()), 1e-12)
        return distance

    @property
    def accuracy(self) -> float:
        """Share of rows whose class it tells as their label says."""
        return 1 - float(self.errors(self.said).mean())

    @property
    def guessed(self) -> float:
        """Share of the commonest class."""
        return float(np.bincount(self.truth).max() / len(self.truth))


def quick(evidence: Evidence) -> Quick | None:
    """Fit it in folds; ``None`` where the target is neither a class nor a number, or there is nothing to go by."""
    target = evidence.target
    is_class = isinstance(target.kind, Category)
    if evidence.outcome is not None or not evidence.given or not (is_class or isinstance(target.kind, Number)):
        return None
    rows = few_of(evidence.rows)
    series = [name for name, field in evidence.fitted.items() if field.form.name == "steps" and name in evidence.given]
    if series:
        rows = np.sort(evidence.sample[ROW])
    if len(rows) < _FEWEST_ROWS:
        return None
    labels: tuple[str, ...] = ()
    if is_class:
        codes = target.codes[rows]
        present = np.unique(codes)
        if not 1 < len(present) <= _MOST_CLASSES:
            return None
        truth, labels = dense(codes), tuple(target.labels[code - 1] for code in present.tolist())
    else:
        truth = target.encoded(evidence.fitted[target.name], rows)[:, 0].astype(np.float64)
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn brings it

    with threadpool_limits(1):  # so small, that threads would only wait for each other; and alike on any machine
        made = _model(evidence, rows, truth, len(labels))
        if made is None:
            return None
        kind, model = made
        said, half = _folded(model, rows, evidence, len(labels) or 1)
    if labels:
        said, half = _chances(said, truth), _chances(half, truth)
    return Quick(rows, truth, said, half, labels, kind)


def _folded(model: Model, rows: Array, evidence: Evidence, width: int) -> tuple[Array, Array]:
    """What models of folds say of the rows that each did not learn from; copies of a row are in one fold."""
    dice = np.random.default_rng(len(rows))
    groups = np.arange(len(rows)) if evidence.same is None else dense(evidence.same[rows])
    fold = dice.permutation(int(groups.max()) + 1)[groups] % _FOLDS
    said, half = np.zeros((len(rows), width)), np.zeros((len(rows), width))
    for held in range(_FOLDS):
        asked = np.flatnonzero(fold == held)
        learned = np.flatnonzero(fold != held)
        fewer = np.sort(dice.permutation(learned)[: len(learned) // 2])
        said[asked] = model(learned, asked)
        half[asked] = model(fewer, asked)
    return said, half


def _chances(scores: Array, truth: Array) -> Array:
    """Scores as probabilities, at the temperature that makes the labels likeliest."""

    def at(sharpness: float) -> Array:
        raised = scores * sharpness
        raised = np.exp(raised - raised.max(axis=1, keepdims=True))
        chances: Array = raised / raised.sum(axis=1, keepdims=True)
        return chances

    def likelihood(sharpness: float) -> float:
        return float(np.log(np.maximum(at(sharpness)[np.arange(len(truth)), truth], 1e-9)).mean())

    return at(max(np.geomspace(0.25, 32, 22).tolist(), key=likelihood))


def _model(evidence: Evidence, rows: Array, truth: Array, classes: int) -> tuple[str, Model] | None:
    texts = [name for name, look in evidence.looks.items() if look.sketch is not None]
    drawn = [_gradients(look.colour) for look in evidence.looks.values() if look.colour is not None]
    drawn += [
        _course(evidence.sample[name][np.argsort(evidence.sample[ROW])])
        for name in evidence.given
        if evidence.fitted[name].form.name == "steps"
    ]
    dense_parts = [_drawn_together(table) for table in drawn]
    light = [name for name in evidence.given if not evidence.given[name].is_heavy]
    if texts:
        return "linear", _linear(evidence, rows, truth, classes, texts, [*dense_parts, *_plain(evidence, light, rows)])
    if dense_parts:
        return "kernel", _kernel([*dense_parts, *_plain(evidence, light, rows)], truth, classes)
    return ("trees", _trees(evidence, light, rows, truth, classes)) if light else None


def _plain(evidence: Evidence, names: Sequence[str], rows: Array) -> list[Array]:
    """Light columns as numbers, (n, …) each: vectors as they are, the values of categories one-hot."""
    parts = []
    for name in names:
        field = evidence.fitted[name]
        array = evidence.given[name].encoded(field, rows)
        if field.form.name == "ids":
            array = np.eye(int(array.max(initial=0)) + 1, dtype=np.float32)[array.reshape(-1)]
        parts.append(array.reshape(len(rows), -1).astype(np.float32))
    return parts


def _trees(evidence: Evidence, names: Sequence[str], rows: Array, truth: Array, classes: int) -> Model:
    columns: list[Array] = []
    categories = []
    for name in names:
        array = evidence.given[name].encoded(evidence.fitted[name], rows).reshape(len(rows), -1)
        if evidence.fitted[name].form.name == "ids":
            categories.append(sum(part.shape[1] for part in columns))
        columns.append(array.astype(np.float32))
    table = np.concatenate(columns, axis=1)

    def model(learned: Array, asked: Array) -> Array:
        import lightgbm

        told = {
            "num_leaves": 15,
            "learning_rate": 0.15,
            "min_data_in_leaf": 10,
            "verbosity": -1,
            "seed": 0,
            "num_threads": 1,
        }
        told |= {"deterministic": True, "force_row_wise": True, "max_cat_to_onehot": 4, "bagging_fraction": 1.0}
        objective = {"objective": "regression"}
        if classes:
            objective = {"objective": "multiclass", "num_class": classes}  # type: ignore[dict-item]
        data = lightgbm.Dataset(table[learned], truth[learned], categorical_feature=categories)
        booster = lightgbm.train({**told, **objective}, data, num_boost_round=50)
        return np.asarray(booster.predict(table[asked], raw_score=True)).reshape(len(asked), -1)

    return model


def _linear(
    evidence: Evidence, rows: Array, truth: Array, classes: int, texts: Sequence[str], others: Sequence[Array]
) -> Model:
    from scipy import sparse

    blocks = [_n_grams(evidence.stored(name, rows)) for name in texts]
    if others:
        beside = np.concatenate(list(others), axis=1)
        blocks.append(sparse.csr_matrix(0.3 * beside / np.maximum(np.abs(beside).max(axis=0), 1e-6)))
    table = sparse.hstack(blocks, format="csr")

    def model(learned: Array, asked: Array) -> Array:
        from sklearn.linear_model import Ridge, SGDClassifier

        if not classes:
            fitted = Ridge(alpha=1.0, solver="lsqr").fit(table[learned], truth[learned])
            return np.asarray(fitted.predict(table[asked])).reshape(-1, 1)
        linear = SGDClassifier(loss="modified_huber", alpha=3e-5, max_iter=8, tol=None, random_state=0)
        linear.fit(table[learned], truth[learned])
        scores = np.full((len(asked), classes), -3.0)
        told = linear.decision_function(table[asked])
        told = np.stack([-told, told], axis=1) if told.ndim == 1 else told
        scores[:, linear.classes_] = told
        return scores

    return model


def _n_grams(texts: Sequence[Any]) -> Any:
    """Texts as hashed n-grams of one to five characters, weighed by how rare they are (TF-IDF), of length 1 each."""
    from scipy import sparse

    lengths, parts = [], []
    for text in texts:
        points = code_points(str(text)) if text is not None else np.zeros(0, np.uint32)
        lengths.append(len(points))
        parts.append(points)
    whole = np.concatenate(parts).astype(np.uint64)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    columns, owners = [], []
    hashes = np.zeros(len(whole), np.uint64)
    for size in _GRAMS:
        count = len(whole) - size + 1
        if count <= 0:
            break
        hashes = hashes[:count] * np.uint64(0x9E3779B97F4A7C15) + whole[size - 1 :] + np.uint64(1)
        inside = owner[:count] == owner[size - 1 :]
        columns.append((mixed(hashes[inside]) % np.uint64(_HASHES)).astype(np.int32))
        owners.append(owner[:count][inside].astype(np.int32))
    shape = (len(lengths), _HASHES)
    if not columns:
        return sparse.csr_matrix(shape, dtype=np.float32)
    place, row = np.concatenate(columns), np.concatenate(owners)
    table = sparse.csr_matrix((np.ones(len(place), np.float32), (row, place)), shape=shape)
    seen = np.bincount(table.indices, minlength=_HASHES)
    table.data = (1 + np.log(table.data)) * np.log(len(lengths) / np.maximum(seen, 1))[table.indices].astype(np.float32)
    norms = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).reshape(-1))
    return sparse.diags(1 / np.maximum(norms, 1e-6)).astype(np.float32) @ table


def _kernel(parts: Sequence[Array], truth: Array, classes: int) -> Model:
    table = np.concatenate([part / max(float(np.sqrt((part**2).sum(axis=1).mean())), 1e-6) for part in parts], axis=1)
    table = table.astype(np.float64)
    chosen = np.random.default_rng(0).permutation(len(table))[:_LANDMARKS]

    def distances(left: Array, right: Array) -> Array:
        squares: Array = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
        return squares

    apart = distances(table, table[chosen])
    near = np.exp(-apart / max(float(np.median(apart)), 1e-9))
    wanted = np.eye(classes)[truth] if classes else truth.reshape(-1, 1)

    def model(learned: Array, asked: Array) -> Array:
        known = near[learned]
        held = known.T @ known + 0.1 * near[chosen] + 1e-4 * np.eye(len(chosen))
        middle = wanted[learned].mean(axis=0)
        answers: Array = near[asked] @ np.linalg.solve(held, known.T @ (wanted[learned] - middle)) + middle
        return answers

    return model


def _gradients(pictures: Array, cell: int = 4, ways: int = 12) -> Array:
    """Histograms of oriented gradients of pictures (n, 32, 32, 3): (n, 64 · ways), and their colours beside them."""
    grey = np.sqrt(pictures.astype(np.float32).mean(axis=-1))
    down, across = np.zeros_like(grey), np.zeros_like(grey)
    across[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    strength = np.hypot(across, down)
    angle = (np.arctan2(down, across) % (2 * np.pi)) / (2 * np.pi) * ways
    lower = np.floor(angle).astype(np.int32)
    part = angle - lower
    side = pictures.shape[1] // cell
    cells = np.zeros((len(pictures), side, side, ways), np.float32)
    for way in range(ways):
        share = strength * ((lower % ways == way) * (1 - part) + ((lower + 1) % ways == way) * part)
        cells[..., way] = share.reshape(len(pictures), side, cell, side, cell).sum(axis=(2, 4))
    energy = np.pad((cells**2).sum(axis=-1), ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = np.stack([energy[:, i : i + side, j : j + side] for i in range(3) for j in range(3)]).mean(axis=0)
    cells /= np.sqrt(around + 0.1 * around.mean() + 1e-9)[..., None]
    shades = pictures.reshape(len(pictures), 4, 8, 4, 8, 3).mean(axis=(2, 4)).reshape(len(pictures), -1) / 255
    oriented = np.sqrt(cells).reshape(len(pictures), -1)
    return np.concatenate([oriented, shades], axis=1)


def _course(steps: Array) -> Array:
    """Series (n, steps, channels + 1) at 32 points each: (n, 32 · channels)."""
    there = steps[..., -1] != 0
    lengths = np.maximum(there.sum(axis=1), 1)
    places = (np.linspace(0, 1, _POINTS)[None] * (lengths[:, None] - 1)).astype(int)
    starts = there.argmax(axis=1)[:, None]
    points = np.take_along_axis(steps[..., :-1], (starts + places)[..., None], axis=1)
    return points.reshape(len(steps), -1).astype(np.float32)


def _drawn_together(table: Array) -> Array:
    """A table's first principal components, (n, at most 60)."""
    centred = (table - table.mean(axis=0)).astype(np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    result: Array = centred @ axes[:, -_DIMENSIONS:]
    return result
