"""Rows for training: resident where they fit, else shard by shard; the order follows from seed and epoch alone."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sixfold.fields import Array, Form, base_of, input_names
from sixfold.networks import Facts, Rows
from sixfold.store import Prepared, Workspace
from sixfold.tasks import Task

__all__ = ["Chunk", "Feed"]

_SHARE_OF_MEMORY = 0.3
"""Of the machine's memory, what resident rows may take; the rest is for the network and its gradients."""

_SAMPLE = 10_000
_END = 1
"""The token where a text ends, before which the next one begins (:class:`sixfold.fields.text.Text`)."""

_BATCHES_ALIKE = 32
"""So many batches are drawn together and sorted by length, so that a batch of texts has little padding."""


@dataclass(frozen=True)
class Chunk:
    """Rows in memory: the network's inputs by input name (n, …), and the targets (n, units).

    ``lengths`` is how many tokens the longest text of each row has (n,); ``None`` where there are no texts.
    """

    inputs: dict[str, Array]
    targets: Array
    lengths: Array | None = None

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.targets)

    def at(self, places: Array) -> Chunk:
        """Some of the rows."""
        lengths = None if self.lengths is None else self.lengths[places]
        return Chunk({name: x[places] for name, x in self.inputs.items()}, self.targets[places], lengths)


class Feed:
    """The training rows of a prepared artefact, and the whole of its validation rows.

    An epoch is a sequence of (chunk, order): which rows of the chunk to take, in which order. The same seed and epoch
    give the same sequence, so a resumed run goes on exactly where it stopped.

    Args:
        prepared: The rows.
        task: What is to be learned from them.
        work: Where shards are read.
        seed: Of the order.
        columns: The given columns to take; empty: all.
    """

    def __init__(self, prepared: Prepared, task: Task, work: Workspace, seed: int, columns: Sequence[str] = ()) -> None:
        self._prepared, self._task, self._work, self._seed = prepared, task, work, seed
        self._mapping: Callable[[dict[str, Array]], dict[str, Array]] | None = None
        self._is_taught, self._pieces = False, 1.0
        self._at_once: int | None = None
        self._first: int | None = None
        names = input_names(prepared.given)
        self._names = {column: name for column, name in names.items() if not columns or column in columns}
        self.forms: dict[str, Form] = {name: prepared.given[column].form for column, name in self._names.items()}
        self.texts = [name for name, form in self.forms.items() if form.name == "tokens"]
        base = base_of(prepared.target, prepared.given)
        self.base = None if base is None else self._names[base.name]
        """The input that the target's values lie upon, if they lie upon one."""
        self._groups = _groups(prepared, int(_memory() * _SHARE_OF_MEMORY))
        self._resident = self._chunk(self._groups[0]) if len(self._groups) == 1 else None
        self.rows = prepared.rows("train")
        self.validation = self._as_chunk(prepared.whole("validation", work))

    def epoch(self, number: int, batch: int) -> Iterator[tuple[Chunk, Array]]:
        """The chunks of epoch ``number`` (from 0), each with the order (n,) of its rows; texts of like length together.

        Within each piece of as many rows as 32 batches, rows are sorted by length and the batches then shuffled.
        """
        draw = np.random.default_rng([self._seed, number])
        for group in draw.permutation(len(self._groups)):
            chunk = self._resident if self._resident is not None else self._chunk(self._groups[group])
            order = draw.permutation(chunk.rows if self._first is None else min(self._first, chunk.rows))
            if self._first is not None and len(order) > batch:
                order = order[: len(order) // batch * batch]
            yield chunk, order if chunk.lengths is None else _alike(order, chunk.lengths, batch, draw)

    def steps(self, batch: int) -> int:
        """How many steps of ``batch`` rows an epoch has."""
        if self._first is not None:
            return max(1, self._first // batch)
        if self._resident is not None:
            return -(-self._resident.rows // batch)
        rows = {shard.name: shard.rows for shard in self._prepared.shards}
        pieces = [round(self._pieces * sum(rows[name] for name in group)) for group in self._groups]
        return sum(-(-count // batch) for count in pieces)

    @cached_property
    def some(self) -> Chunk:
        """Training rows that stand for all: the first 10,000 (shards are in random order)."""
        first = self._resident if self._resident is not None else self._chunk(self._groups[0])
        return Chunk({name: x[:_SAMPLE] for name, x in first.inputs.items()}, first.targets[:_SAMPLE])

    @property
    def facts(self) -> Facts:
        """What a network may adapt to."""
        return Facts(self.rows, self.some.inputs, self._columns, self._prepared.target.state)

    def whole(self) -> Rows:
        """All training rows that fit in memory at once."""
        chunk = self._resident if self._resident is not None else self._chunk(self._groups[0])
        if self._first is not None:
            chunk = chunk.at(np.arange(min(self._first, chunk.rows)))
        return Rows(chunk.inputs, chunk.targets, self._columns)

    @property
    def _columns(self) -> dict[str, dict[str, Any]]:
        """What the fitted field of each input knows."""
        return {name: self._prepared.given[column].state for column, name in self._names.items()}

    def through(self, mapping: Callable[[dict[str, Array]], dict[str, Array]]) -> Feed:
        """The same rows as vectors that ``mapping`` makes of their inputs: of resident rows but once."""
        feed = copy.copy(self)
        for name in ("some", "_together"):
            feed.__dict__.pop(name, None)
        feed._mapping, feed.texts = mapping, []
        feed._resident = None if self._resident is None else feed._mapped(self._resident)
        feed.validation = feed._mapped(self.validation)
        feed.forms = {
            name: self.forms[name]
            if x.shape[1:] == self.forms[name].shape
            else Form(name="vector", shape=x.shape[1:], dtype="float32")
            for name, x in feed.some.inputs.items()
        }
        return feed

    def taught(self, at_once: int | None = None) -> Feed:
        """The same rows with the target among the inputs, as ``target``: for a model that is told it while learning.

        Args:
            at_once: Of a target's tokens, where nothing is given: longer ones become several rows, of which each begins
                where the one before ended.
        """
        feed = copy.copy(self)
        feed.__dict__.pop("some", None)
        feed._is_taught, feed._at_once = True, None if self.forms else at_once
        if self._task.target.form.name == "tokens":
            feed.texts = [*self.texts, "target"]
        feed._resident = None if self._resident is None else feed._told(self._resident)
        feed.validation = feed._told(self.validation)
        if feed._at_once is not None:
            first = feed._resident if feed._resident is not None else feed._chunk(feed._groups[0])
            before = {shard.name: shard.rows for shard in self._prepared.shards}
            feed._pieces = first.rows / sum(before[name] for name in feed._groups[0])
            feed.rows = round(feed._pieces * self.rows)
            if feed._first is not None:
                feed._first = round(feed._pieces * feed._first)
        return feed

    def shared(self, rows: int) -> Feed:
        """The first rows of the same ones, and the same validation rows: the first are drawn at random as all are.

        They stay where they are, so that steps need not be compiled anew; a last batch that is not full is left out.
        """
        feed = copy.copy(self)
        feed._groups, feed._resident = self._groups[:1], self._resident or self._chunk(self._groups[0])
        feed._first = feed.rows = min(rows, feed._resident.rows)
        return feed

    def folded(self, number: int, of: int) -> Feed:
        """The same rows, training and validation together, with fold ``number`` (from 0) for validation.

        Folds hold the same share of each class; rows that are the same stand in one fold. For rows that fit in memory.
        """
        rows = self._together
        is_validation = self.fold_of(of) == number
        feed = copy.copy(self)
        feed.__dict__.pop("some", None)
        feed._groups = [()]
        feed._resident = rows.at(np.flatnonzero(~is_validation))
        feed.validation = rows.at(np.flatnonzero(is_validation))
        feed.rows = feed._resident.rows
        feed._seed = self._seed + number
        return feed

    @cached_property
    def _together(self) -> Chunk:
        training = self.whole()
        return Chunk(
            {name: np.concatenate([x, self.validation.inputs[name]]) for name, x in training.inputs.items()},
            np.concatenate([training.targets, self.validation.targets]),
            None if self._resident is None else _lengths(self._resident, self.validation),
        )

    def fold_of(self, of: int) -> Array:
        """The fold of each row, training rows and then validation rows (n,).

        Groups of equal rows are dealt out in turn, class by class, in a random order.
        """
        rows = self._together
        flat = [np.ascontiguousarray(x).reshape(rows.rows, -1).view(np.uint8) for x in rows.inputs.values()]
        digests = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in np.concatenate(flat, axis=1)]
        keys = np.frombuffer(b"".join(digests), np.uint64)
        _, first, group = np.unique(keys, return_index=True, return_inverse=True)
        kinds = self._task.strata(rows.targets[first])
        order = np.random.default_rng([self._seed, 5]).permutation(len(first))
        order = order[np.argsort(kinds[order], kind="stable")]
        fold = np.empty(len(first), np.int64)
        fold[order] = np.arange(len(first)) % of
        return fold[group.reshape(-1)]

    def _chunk(self, shards: tuple[str, ...]) -> Chunk:
        from safetensors.numpy import load

        parts = [load(self._work.read(self._prepared.artefact, name)) for name in shards]
        chunk = self._as_chunk({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
        chunk = self._told(chunk) if self._is_taught else chunk
        return chunk if self._mapping is None else self._mapped(chunk)

    def _told(self, chunk: Chunk) -> Chunk:
        if self._at_once is not None:
            chunk = Chunk(chunk.inputs, in_windows(chunk.targets, self._at_once))
        lengths = chunk.lengths
        if "target" in self.texts:
            own = np.count_nonzero(chunk.targets, axis=1)
            lengths = own if lengths is None else np.maximum(lengths, own)
        return Chunk({**chunk.inputs, "target": chunk.targets}, chunk.targets, lengths)

    def _mapped(self, chunk: Chunk) -> Chunk:
        assert self._mapping is not None
        return Chunk(self._mapping(chunk.inputs), chunk.targets) if chunk.rows else chunk

    def _as_chunk(self, arrays: dict[str, Array]) -> Chunk:
        inputs = {name: arrays[column] for column, name in self._names.items()}
        lengths = [np.count_nonzero(inputs[name], axis=1) for name in self.texts]
        targets = self._task.targets(self._task.taken(arrays))
        return Chunk(inputs, targets, np.max(lengths, axis=0) if lengths else None)


def in_windows(tokens: Array, at_once: int) -> Array:
    """Tokens (n, length), 0 for padding at their end, in pieces (m, at_once + 1).

    Each begins with the token before its first one, which is where a text ends (1) for the first piece of a row.
    """
    rows, length = tokens.shape
    count = -(-length // at_once)
    padded = np.zeros((rows, count * at_once + 1), tokens.dtype)
    padded[:, 0], padded[:, 1 : length + 1] = _END, tokens
    starts = np.arange(count)[:, None] * at_once + np.arange(at_once + 1)
    pieces = padded[:, starts].reshape(rows * count, at_once + 1)
    return np.ascontiguousarray(pieces[pieces[:, 1] != 0])


def _alike(order: Array, lengths: Array, batch: int, draw: np.random.Generator) -> Array:
    pieces = []
    for start in range(0, len(order), batch * _BATCHES_ALIKE):
        piece = order[start : start + batch * _BATCHES_ALIKE]
        piece = piece[np.argsort(lengths[piece], kind="stable")]
        whole = len(piece) // batch
        batches = draw.permutation(whole)
        full = piece[: whole * batch].reshape(whole, batch)[batches].reshape(-1)
        pieces.append(np.concatenate([full, piece[whole * batch :]]))
    return np.concatenate(pieces)


def _lengths(*chunks: Chunk) -> Array | None:
    known = [chunk.lengths for chunk in chunks if chunk.lengths is not None]
    return np.concatenate(known) if len(known) == len(chunks) else None


def _groups(prepared: Prepared, most: int) -> list[tuple[str, ...]]:
    """Shards in groups that fit into ``most`` bytes, at least one each."""
    groups: list[list[str]] = []
    room = 0
    for shard in prepared.shards:
        if shard.split != "train":
            continue
        if not groups or shard.bytes > room:
            groups.append([])
            room = most
        groups[-1].append(shard.name)
        room -= shard.bytes
    return [tuple(group) for group in groups]


def _memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
