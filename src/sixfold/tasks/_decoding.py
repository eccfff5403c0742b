"""How a text is written by a graph that tells, token by token, how it may go on. NumPy only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sixfold.fields import Array
from sixfold.tasks._graphs import Graphs

__all__ = ["STEP", "Cache", "beam_search", "drawn", "gone_on", "log_chances"]

STEP = "step"
"""The graph that goes on: ``tokens`` and what is remembered → ``logits`` and what is to be remembered of them."""

_PAD = 0
_LENGTH_BASE = 5.0
_ROOM = 64
"""Tokens that a cache begins with room for; it doubles when they are spent."""


def log_chances(logits: Array, silent: Sequence[int] = ()) -> Array:
    """Logits (…, vocabulary) as log-probabilities, float64; padding is never said, nor what is in ``silent``."""
    known = logits.astype(np.float64)
    known[..., [_PAD, *silent]] = -np.inf
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
        self.left: int | None = None
        """How many more tokens there is room for, once one was said; ``None`` where the graph does not tell."""

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
        self.left = int(found["left"][0]) if "left" in found else None
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


def beam_search(
    cache: Cache, limits: Array, *, beams: int, end: int, power: float, silent: Sequence[int] = ()
) -> Array:
    """For each row the text that is likeliest for its length (Wu et al. 2016, 7: score / ((5 + length) / 6) ** power).

    Args:
        cache: Of as many texts as there are rows, nothing said so far.
        limits: The most tokens of each row's text, its end included (n,).
        beams: How many texts are followed for each row.
        end: The token that ends a text, and before which one begins.
        power: How much longer texts are made up to for having more tokens to be unsure of; 0: not at all.
        silent: Tokens that are never said.

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
        chances = log_chances(cache.logits(tokens)[:, -1], silent).reshape(len(open_rows), beams, -1)
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


Choice = Callable[[Array, Array], Array]
"""Log-probabilities (n, vocabulary) of these texts (n,) → the token that each goes on with (n,)."""


def gone_on(
    graphs: Graphs, name: str, begun: Array, *, most: int, end: int, choose: Choice, silent: Sequence[int] = ()
) -> Iterator[Array]:
    """How texts go on, token by token: (n,) at a time, 0 for those that have ended.

    Where there is no more room, the graph is told the last half of what it can hold, and goes on from there.

    Args:
        graphs: The model's graphs.
        name: The one that goes on.
        begun: What the texts begin with (n, tokens), one token at least.
        most: The most tokens to write, the end included.
        end: The token that ends a text.
        choose: What a text goes on with.
        silent: Tokens that are never said.
    """
    texts = np.arange(len(begun))
    said = begun.astype(np.int32)
    cache = Cache(graphs, len(texts), name=name)
    logits = cache.logits(said)
    context = cache.length + (cache.left or 0)
    for count in range(most):
        tokens = choose(log_chances(logits[:, -1], silent), texts).astype(np.int32)
        whole = np.zeros(len(begun), np.int32)
        whole[texts] = tokens
        yield whole
        goes_on = tokens != end
        if not goes_on.any() or count + 1 == most:
            return
        said = np.concatenate([said, tokens[:, None]], axis=1)[goes_on]
        if not goes_on.all():
            texts = texts[goes_on]
            cache.keep(np.flatnonzero(goes_on))
        if cache.left == 0:
            cache = Cache(graphs, len(texts), name=name)
            logits = cache.logits(said[:, -max(1, context // 2) :])
        else:
            logits = cache.logits(said[:, -1:])


def drawn(
    generators: list[np.random.Generator], *, temperature: float, top_k: int | None = None, top_p: float = 1.0
) -> Choice:
    """Tokens drawn at random, each text by a generator of its own.

    Args:
        generators: One for each text.
        temperature: What log-probabilities are divided by; 0: always the likeliest token.
        top_k: Only so many of the likeliest tokens (Fan et al. 2018); ``None``: all.
        top_p: Only the likeliest tokens that together have this probability (Holtzman et al. 2020).
    """

    def choose(chances: Array, texts: Array) -> Array:
        if temperature == 0:
            return np.asarray(chances.argmax(axis=1))
        found = np.zeros(len(chances), np.int64)
        for row, text in enumerate(texts.tolist()):
            scaled = chances[row] / temperature
            order = np.argsort(-scaled, kind="stable")
            order = order[: top_k or len(order)]
            shares = np.exp(scaled[order] - scaled[order[0]])
            shares /= shares.sum()
            if top_p < 1:
                kept = int(np.searchsorted(np.cumsum(shares), top_p)) + 1
                order, shares = order[:kept], shares[:kept] / shares[:kept].sum()
            place = np.searchsorted(np.cumsum(shares), generators[text].random(), side="right")
            found[row] = order[min(int(place), len(order) - 1)]
        return found

    return choose
