"""What a linear model sees of encoded columns: the yardstick of every pattern learns from these inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

import numpy as np

from sixfold.fields import Array, Field, Form

__all__ = ["MOST_TRAINING_ROWS", "Inputs", "piecewise"]

MOST_TRAINING_ROWS = 5000
"""Training rows that a linear model learns from: enough for a fair yardstick, few enough to take seconds."""

_MOST_IDS = 1000
_MOST_TOKENS = 2000
_LARGEST_SIDE = 32
_MOST_STEPS = 128
_PIECE = 2048
"""Rows of which the inputs are in memory at once."""


class Inputs:
    """Columns laid side by side as numbers, fitted on training rows.

    Vectors and points as they are; an input per id, of the most frequent ones where there are very many; tokens counted
    and weighted by how few rows have them (TF-IDF, rows of length 1: Salton & Buckley 1988); grids scaled to 0–1 and
    averaged down to 32 × 32 at most; steps averaged down to 128 at most, and each channel's mean, deviation, least,
    greatest and last value.

    Args:
        readers: For each column, what makes its array (n, …) numbers (n, inputs).
    """

    def __init__(self, readers: Mapping[str, Callable[[Array], Array]]) -> None:
        self._readers = readers

    @classmethod
    def fitted(cls, given: Mapping[str, Field], arrays: Mapping[str, Array]) -> Self:
        """The inputs of columns, as their training rows have them."""
        return cls({name: _reader(field.form, arrays[name]) for name, field in given.items()})

    def __call__(self, arrays: Mapping[str, Array]) -> Array:
        """Arrays of n rows as float32 (n, inputs)."""
        return np.concatenate([read(arrays[name]) for name, read in self._readers.items()], axis=1)


def _reader(form: Form, array: Array) -> Callable[[Array], Array]:
    match form.name:
        case "ids":
            seen = _most_frequent(array, _MOST_IDS)
            return lambda ids: np.asarray(ids[:, None] == seen, np.float32)
        case "tokens":
            return _weighted_counts(form, array)
        case "grid":
            return lambda grids: _averaged(grids).reshape(len(grids), -1)
        case "steps":
            return _of_steps
        case _:
            return lambda values: np.asarray(values.reshape(len(values), -1), np.float32)


def _most_frequent(array: Array, most: int) -> Array:
    ids, counts = np.unique(array, return_counts=True)
    return ids[np.argsort(-counts, kind="stable")][:most]


def _weighted_counts(form: Form, array: Array) -> Callable[[Array], Array]:
    places = np.full(max(form.vocabulary, int(array.max(initial=0)) + 1), -1)
    seen = _most_frequent(array[array > 0], _MOST_TOKENS)  # 0 is padding
    places[seen] = np.arange(len(seen))

    def counted(tokens: Array) -> Array:
        rows, columns = np.nonzero(places[tokens] >= 0)
        cells = rows * len(seen) + places[tokens[rows, columns]]
        counts = np.bincount(cells, minlength=len(tokens) * len(seen)).reshape(len(tokens), len(seen))
        return np.log1p(counts, dtype=np.float32)

    having = (counted(array) > 0).sum(axis=0)
    rarity = (np.log((1 + len(array)) / (1 + having)) + 1).astype(np.float32)

    def weighted(tokens: Array) -> Array:
        weights = counted(tokens) * rarity
        lengths = np.linalg.norm(weights, axis=1, keepdims=True)
        return np.asarray(weights / np.where(lengths > 0, lengths, 1))

    return weighted


def _of_steps(steps: Array) -> Array:
    """Steps (n, length, channels), the last channel 1 where a step is, as numbers (n, …); 0 where there is none."""
    there, values = steps[..., -1:] > 0, steps[..., :-1]
    count = np.maximum(there.sum(axis=1), 1)  # (n, 1)
    mean = np.where(there, values, 0).sum(axis=1) / count  # (n, channels)
    deviation = np.sqrt((np.where(there, values - mean[:, None], 0) ** 2).sum(axis=1) / count)
    some = there.any(axis=1)
    least = np.where(some, np.where(there, values, np.inf).min(axis=1), 0)
    greatest = np.where(some, np.where(there, values, -np.inf).max(axis=1), 0)
    last = values[np.arange(len(values)), np.maximum(there[..., 0].sum(axis=1) - 1, 0)]
    block = -(-values.shape[1] // _MOST_STEPS)
    starts = np.arange(0, values.shape[1], block)
    drawn = np.add.reduceat(np.where(there, values, 0), starts, axis=1)
    drawn = drawn / np.maximum(np.add.reduceat(there, starts, axis=1, dtype=np.int64), 1)
    parts = [drawn.reshape(len(values), -1), mean, deviation, least, greatest, last]
    return np.concatenate(parts, axis=1).astype(np.float32)


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


def piecewise(outputs: Callable[[Array], Array], inputs: Inputs, arrays: Mapping[str, Array]) -> Array:
    """``outputs`` of the inputs of n rows (n, …), a piece of the rows at a time: the inputs of all may not fit."""
    rows = len(next(iter(arrays.values())))
    pieces = [
        outputs(inputs({name: array[start : start + _PIECE] for name, array in arrays.items()}))
        for start in range(0, max(1, rows), _PIECE)
    ]
    return np.concatenate(pieces)
