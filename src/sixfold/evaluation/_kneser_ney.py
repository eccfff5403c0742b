"""Interpolated, modified Kneser–Ney smoothing: the yardstick of every language model (Chen & Goodman 1999)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from sixfold.fields import Array

__all__ = ["KneserNey"]

_ORDER = 5
_LARGEST = 3
"""Counts from which on one discount serves them all."""


@dataclass(frozen=True, slots=True)
class _Level:
    """The n-grams of one order.

    Args:
        keys: Each as (id of all but its last token) · vocabulary + last token, ascending.
        counts: How often each was seen; of lower orders, behind how many different tokens.
        discounts: What is taken off counts of 0, 1, 2, and 3 or more.
        totals: For each id of all but the last token: the sum of the counts.
        left: For each of those, what the discounts leave for the order below.
    """

    keys: Array
    counts: Array
    discounts: Array
    totals: Array
    left: Array


class KneserNey:
    """How likely a token is behind the four before it, learned from counts.

    Args:
        levels: From single tokens up.
        vocabulary: How many tokens there are; 0 is none of them.
    """

    def __init__(self, levels: list[_Level], vocabulary: int) -> None:
        self._levels, self._vocabulary = levels, vocabulary

    @classmethod
    def fitted(cls, tokens: Array, vocabulary: int, order: int = _ORDER) -> Self:
        """Learned from texts (n, length), 0 for padding at their end; before each stands padding too."""
        stream = _stream(tokens, order)
        ids = np.zeros(len(stream) + 1, np.int64)  # of the n-gram that begins at each place; there is one of no tokens
        grams: list[tuple[Array, Array, Array]] = []  # keys, the id at each place, a place of each
        for length in range(1, order + 1):
            key = ids[: len(stream) - length + 1] * vocabulary + stream[length - 1 :]
            keys, first, ids = np.unique(key, return_index=True, return_inverse=True)
            ids = ids.reshape(-1)
            grams.append((keys, ids, first))
        levels = []
        for length, (keys, own, _) in enumerate(grams, start=1):
            if length == order:
                counts = np.bincount(own, minlength=len(keys))
            else:  # behind how many different tokens it was seen: each longer n-gram once
                _, _, longer = grams[length]
                counts = np.bincount(own[longer + 1], minlength=len(keys))
            counts[keys % vocabulary == 0] = 0  # padding is never told
            before = 1 if length == 1 else len(grams[length - 2][0])
            levels.append(_level(keys, counts, vocabulary, before))
        return cls(levels, vocabulary)

    def chances(self, tokens: Array) -> Array:
        """How likely each token of texts (n, length) is behind those before it: (n, length); 1 for padding."""
        order = len(self._levels)
        width = tokens.shape[1] + order - 1
        stream = np.concatenate([np.zeros((len(tokens), order - 1), np.int64), tokens], axis=1).reshape(-1)
        ends = (np.arange(len(tokens))[:, None] * width + np.arange(order - 1, width)).reshape(-1)
        # Which n-gram begins at each place, order by order; -1: none that was seen.
        ids = np.zeros(len(stream) + 1, np.int64)
        found = np.full(len(ends), 1.0 / (self._vocabulary - 1))
        for length, level in enumerate(self._levels, start=1):
            before = ids[ends - length + 1]
            known = before >= 0
            total = np.where(known, level.totals[np.maximum(before, 0)], 0)
            places = len(stream) - length + 1
            key = ids[:places] * self._vocabulary + stream[length - 1 :]
            at = np.minimum(np.searchsorted(level.keys, key), len(level.keys) - 1)
            longer = np.where((ids[:places] >= 0) & (level.keys[at] == key), at, -1)
            own = longer[ends - length + 1]
            counts = np.where(own >= 0, level.counts[np.maximum(own, 0)], 0)
            kept = np.maximum(counts - level.discounts[np.minimum(counts, _LARGEST)], 0.0)
            told = (kept + level.left[np.maximum(before, 0)] * found) / np.maximum(total, 1)
            found = np.where(total > 0, told, found)
            ids = longer
        return np.asarray(np.where(tokens == 0, 1.0, found.reshape(tokens.shape)))


def _level(keys: Array, counts: Array, vocabulary: int, before: int) -> _Level:
    owner = keys // vocabulary
    totals = np.bincount(owner, weights=counts, minlength=before)
    seen = [max(1, int((counts == number).sum())) for number in range(1, _LARGEST + 2)]
    share = seen[0] / (seen[0] + 2 * seen[1])
    discounts = np.array(
        [0.0, *(number - (number + 1) * share * seen[number] / seen[number - 1] for number in range(1, _LARGEST + 1))]
    )
    discounts = np.clip(discounts, 0.0, [0, 1, 2, 3])  # few n-grams may make the estimate wander
    taken = np.minimum(discounts[np.minimum(counts, _LARGEST)], counts)
    left = np.bincount(owner, weights=taken, minlength=before)
    return _Level(keys, counts, discounts, totals, left)


def _stream(tokens: Array, order: int) -> Array:
    """Texts one behind the other, each behind as much padding as an n-gram can look back over."""
    padded = np.concatenate([np.zeros((len(tokens), order - 1), np.int64), tokens.astype(np.int64)], axis=1)
    there = np.concatenate([np.ones((len(tokens), order - 1), bool), tokens != 0], axis=1)
    return np.asarray(padded[there])
