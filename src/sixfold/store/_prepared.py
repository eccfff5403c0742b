"""What `prepare` hands to `train` and `evaluate`: fitted fields, and shards of arrays for each split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict

from sixfold.fields import Array, Field, restored
from sixfold.store._store import Artefact
from sixfold.store._workspace import Workspace

__all__ = ["SCALE", "WITHOUT", "Prepared", "Shard", "SplitName"]

SplitName: TypeAlias = Literal["train", "validation", "test"]

ROW = "__row__"
"""The array of each shard that tells which collected row stands where (int64)."""

WITHOUT = "without-"
"""What the names of graphs begin with that were trained without the rows of a generator."""

SCALE = "__scale__"
"""Of windows of series, the array that tells what errors are measured in (float32, a number for each channel)."""


class Shard(BaseModel):
    """One member: rows of one split as a safetensors file of one array per column, target included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    split: SplitName
    rows: int
    bytes: int
    is_synthetic: bool = False
    """Whether its rows were made by a generator; only training rows are."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A view on the artefact of `prepare`.

    Its members: ``fields.json`` (fitted given fields, target, and of a choice its outcome), ``shards.json``, the
    shards, ``report.json`` (the data report) and pictures of it. Arrays are what :meth:`Field.encode` made; a network
    scales uint8 itself.
    """

    artefact: Artefact
    given: Mapping[str, Field]
    target: Field
    outcome: Field | None
    shards: tuple[Shard, ...]

    @classmethod
    def open(cls, artefact: Artefact, work: Workspace) -> Self:
        """Read what is small; shards stay closed."""
        fields = work.read_json(artefact, "fields.json")
        return cls(
            artefact,
            {record["name"]: restored(record) for record in fields["given"]},
            restored(fields["target"]),
            restored(fields["outcome"]) if "outcome" in fields else None,
            tuple(Shard(**record) for record in work.read_json(artefact, "shards.json")),
        )

    @property
    def real(self) -> Self:
        """The same without rows that a generator made."""
        return replace(self, shards=tuple(shard for shard in self.shards if not shard.is_synthetic))

    @property
    def synthetic_rows(self) -> int:
        """How many training rows a generator made."""
        return sum(shard.rows for shard in self.shards if shard.is_synthetic)

    def rows(self, split: SplitName) -> int:
        """How many rows a split has."""
        return sum(shard.rows for shard in self.shards if shard.split == split)

    def bytes(self, split: SplitName) -> int:
        """How many bytes the arrays of a split take in memory."""
        return sum(shard.bytes for shard in self.shards if shard.split == split)

    def arrays(self, split: SplitName, work: Workspace) -> Iterator[dict[str, Array]]:
        """The arrays of a split, shard by shard: one per column, and ``__row__``."""
        from safetensors.numpy import load

        for shard in self.shards:
            if shard.split == split:
                yield load(work.read(self.artefact, shard.name))

    def whole(self, split: SplitName, work: Workspace) -> dict[str, Array]:
        """All arrays of a split at once; for splits that fit in memory."""
        parts = list(self.arrays(split, work))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else self.no_rows()

    def no_rows(self) -> dict[str, Array]:
        """The arrays of no row."""
        fields: dict[str, Any] = {**self.given, self.target.name: self.target}
        if self.outcome is not None:
            fields[self.outcome.name] = self.outcome
        empty = {name: np.zeros((0, *field.form.shape), field.form.dtype) for name, field in fields.items()}
        return {**empty, ROW: np.zeros(0, np.int64)}
