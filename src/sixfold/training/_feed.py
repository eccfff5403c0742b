"""Rows for training: resident where they fit, else shard by shard; the order follows from seed and epoch alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sixfold.fields import Array, input_names
from sixfold.store import Prepared, Workspace
from sixfold.tasks import Task

__all__ = ["Chunk", "Feed"]

_SHARE_OF_MEMORY = 0.3
"""Of the machine's memory, what resident rows may take; the rest is for the network and its gradients."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows in memory: the network's inputs by input name (n, …), and the targets (n, units)."""

    inputs: dict[str, Array]
    targets: Array

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.targets)


class Feed:
    """The training rows of a prepared artefact, and the whole of its validation rows.

    An epoch is a sequence of (chunk, order): which rows of the chunk to take, in which order. The same seed and epoch
    give the same sequence, so a resumed run goes on exactly where it stopped.
    """

    def __init__(self, prepared: Prepared, task: Task, work: Workspace, seed: int) -> None:
        self._prepared, self._task, self._work, self._seed = prepared, task, work, seed
        self._names = input_names(prepared.given)
        self._groups = _groups(prepared, int(_memory() * _SHARE_OF_MEMORY))
        self._resident = self._chunk(self._groups[0]) if len(self._groups) == 1 else None
        self.rows = prepared.rows("train")
        self.validation = self._as_chunk(prepared.whole("validation", work))

    def epoch(self, number: int) -> Iterator[tuple[Chunk, Array]]:
        """The chunks of epoch ``number`` (from 0), each with the order (n,) of its rows."""
        draw = np.random.default_rng([self._seed, number])
        for group in draw.permutation(len(self._groups)):
            chunk = self._resident if self._resident is not None else self._chunk(self._groups[group])
            yield chunk, draw.permutation(chunk.rows)

    def steps(self, batch: int) -> int:
        """How many steps of ``batch`` rows an epoch has."""
        rows = {shard.name: shard.rows for shard in self._prepared.shards}
        return sum(-(-sum(rows[name] for name in group) // batch) for group in self._groups)

    def _chunk(self, shards: tuple[str, ...]) -> Chunk:
        from safetensors.numpy import load

        parts = [load(self._work.read(self._prepared.artefact, name)) for name in shards]
        return self._as_chunk({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})

    def _as_chunk(self, arrays: dict[str, Array]) -> Chunk:
        inputs = {name: arrays[column] for column, name in self._names.items()}
        return Chunk(inputs, self._task.targets(arrays[self._task.target.name]))


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
