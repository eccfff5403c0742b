"""How a text is written by a graph that tells, token by token, how it may go on. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sixfold.fields import Array
from sixfold.tasks._graphs import Graphs

__all__ = ["STEP", "Cache", "beam_search", "log_chances"]

STEP = "step"
"""The graph that goes on: ``tokens`` and what is remembered → ``logits`` and what is to be remembered of them."""

_PAD = 0
_LENGTH_BASE = 5.0
_ROOM = 64
"""Tokens that a cache begins with room for; it doubles when they are spent."""


def log_chances(logits: Array) -> Array:
    """Logits (…, vocabulary) as log-probabilities, float64; padding is never said."""
    known = logits.astype(np.float64)
    known[..., _PAD] = -np.inf
    top = known.max(axis=-1, keepdims=True)
    return np.asarray(known - top - np.log(np.exp(known - top).sum(axis=-1, keepdims=True)))


class Cache:
    """Keys and values of the tokens so far, of several texts that grow in step.

    Time stands first, so that what a graph is fed is one piece of memory however much room is left behind it.

    Args:
        graphs: The model's graphs.
        texts: How many texts.
        constants: What the graph takes beside tokens and past: a memory, row by row.
        name: The graph.
    """

    def __init__(self, graphs: Graphs, texts: int, constants: dict[str, Array] | None = None, name: str = STEP) -> None:
        self._graphs, self._name, self._constants = graphs, name, dict(constants or {})
        entries, width = (int(size) for size in graphs.inputs(name)["past"][2:])
        self._outputs = graphs.outputs(name)
        self._past = np.zeros((_ROOM, texts, entries, width), np.float32)
        self.length = 0

    def logits(self, tokens: Array) -> Array:
        """What comes after each of ``tokens`` (texts, new), which are remembered: float32 (texts, new, vocabulary)."""
        count = tokens.shape[1]
        if self.length + count > len(self._past):
            room = max(2 * len(self._past), self.length + count)
            grown = np.zeros((room, *self._past.shape[1:]), np.float32)
            grown[: self.length] = self._past[: self.length]
            self._past = grown
        feed = {"tokens": tokens.astype(np.int32), "past": self._past[: self.length], **self._constants}
        found = dict(zip(self._outputs, self._graphs.run(self._name, feed), strict=True))
        self._past[self.length : self.length + count] = found["new"]
        self.length += count
        return found["logits"]

    def keep(self, texts: Array) -> None:
        """Go on with these texts (any of them, any number of times), in this order."""
        grown = np.empty((len(self._past), len(texts), *self._past.shape[2:]), np.float32)
        grown[: self.length] = self._past[: self.length, texts]
        self._past = grown
        self._constants = {name: array[texts] for name, array in self._constants.items()}


@dataclass
class _Best:
    """The best finished text of each row, and its score."""

    tokens: Array
    scores: Array

    def offer(self, rows: Array, tokens: Array, scores: Array) -> None:
        """Candidates (rows, n, most), of which each row takes its best if that is better."""
        first = scores.argmax(axis=1)
        each = np.arange(len(rows))
        best = scores[each, first]
        better = best > self.scores[rows]
        self.tokens[rows[better]] = tokens[each, first][better]
        self.scores[rows[better]] = best[better]


def beam_search(cache: Cache, limits: Array, *, beams: int, end: int, power: float) -> Array:
    """For each row the text that is likeliest for its length (Wu et al. 2016, 7: score / ((5 + length) / 6) ** power).

    Args:
        cache: Of as many texts as there are rows, nothing said so far.
        limits: The most tokens of each row's text, its end included (n,).
        beams: How many texts are followed for each row.
        end: The token that ends a text, and before which one begins.
        power: How much longer texts are made up to for having more tokens to be unsure of; 0: not at all.

    Returns:
        int32 (n, most): tokens up to and with the end, then 0; without an end where the limit was met before.
    """
    rows, most = len(limits), int(limits.max(initial=1))
    best = _Best(np.zeros((rows, most), np.int32), np.full(rows, -np.inf))
    lengths = ((_LENGTH_BASE + np.arange(most + 1)) / (_LENGTH_BASE + 1)) ** power
    open_rows = np.arange(rows)
    cache.keep(np.repeat(open_rows, beams))
    said = np.zeros((rows, beams, most), np.int32)
    scores = np.full((rows, beams), -np.inf)
    scores[:, 0] = 0.0  # all beams begin alike: but one of them counts
    tokens = np.full((rows * beams, 1), end, np.int32)
    for step in range(most):
        chances = log_chances(cache.logits(tokens)[:, -1]).reshape(len(open_rows), beams, -1)
        vocabulary = chances.shape[-1]
        if step == 0:  # a text that ends before it begins is none
            chances[..., end] = -np.inf
        total = (scores[..., None] + chances).reshape(len(open_rows), -1)
        # Of twice as many candidates as beams at most half end here, so enough go on.
        wide = min(2 * beams, total.shape[1])
        order = np.argpartition(-total, wide - 1, axis=1)[:, :wide]
        order = np.take_along_axis(order, np.argsort(-np.take_along_axis(total, order, 1), axis=1, kind="stable"), 1)
        values = np.take_along_axis(total, order, 1)
        beam, token = order // vocabulary, (order % vocabulary).astype(np.int32)
        told = np.take_along_axis(said, beam[..., None], 1)
        told[..., step] = token
        ends = token == end
        best.offer(open_rows, told, np.where(ends, values / lengths[step + 1], -np.inf))
        kept = np.argsort(ends, axis=1, kind="stable")[:, :beams]  # the best that go on, in their order
        scores = np.where(np.take_along_axis(ends, kept, 1), -np.inf, np.take_along_axis(values, kept, 1))
        said = np.take_along_axis(told, kept[..., None], 1)
        beam = np.take_along_axis(beam, kept, 1)
        is_last = step + 1 >= limits[open_rows]
        if is_last.any():  # what has not ended by then is better than nothing, but not than what has
            late = is_last & ~np.isfinite(best.scores[open_rows])
            best.offer(open_rows[late], said[late], scores[late] / lengths[step + 1])
        # A score only falls: no open text can come to more than its score so far over the longest length.
        hope = scores.max(axis=1) / lengths[limits[open_rows]]
        goes_on = ~is_last & (best.scores[open_rows] < hope)
        if not goes_on.any():
            break
        flat = (np.arange(len(open_rows))[:, None] * beams + beam)[goes_on].reshape(-1)
        cache.keep(flat)
        open_rows, scores, said = open_rows[goes_on], scores[goes_on], said[goes_on]
        tokens = said[..., step].reshape(-1, 1)
    return best.tokens
