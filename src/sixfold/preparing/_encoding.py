"""Rows to shards of arrays, in bounded memory: training rows mixed over all shards, each picture decoded once."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from sixfold.errors import DataError
from sixfold.fields import Array, Field
from sixfold.fields.image import Image, upright_size
from sixfold.language import Text
from sixfold.preparing._collected import DIGEST_BYTES, Collected
from sixfold.preparing._column import Column, codes_of_digests, reason_of, together
from sixfold.preparing._split import Splits
from sixfold.store import ROW, Shard, Workspace

__all__ = ["Encoded", "encode"]

_SHARD_BYTES = 32 << 20
"""What a shard aims at: the middle of the 8 to 64 MiB that the store is made for."""

_AT_ONCE_BYTES = 512 << 20
"""Encoded pictures held at once. More are made in several passes over the collected shards: decrypting those again is
cheap beside decoding their pictures, which is never done twice."""

_ROWS_PER_TASK = 32
_MOST_UNREADABLE = 0.2
_SIZES_LOOKED_AT = 5_000

_ORDER = ("train", "test", "validation")


@dataclass(frozen=True, slots=True)
class Encoded:
    """What became of the rows.

    Args:
        shards: The members written.
        splits: The rows that are in them.
        unreadable: Rows left out because a picture of theirs cannot be read: row → (column, why).
        repeated: Rows of splits that we drew, left out because they repeat a row of another split.
        same: (rows,) equal where all given values are, pictures by pixels; ``None`` where sameness is coincidence.
        sizes: Of each picture column how many of some pictures have which (height, width).
    """

    shards: tuple[Shard, ...]
    splits: Splits
    unreadable: Mapping[int, tuple[str, Text]]
    repeated: Array
    same: Array | None
    sizes: Mapping[str, Counter[tuple[int, int]]]


@dataclass(slots=True)
class _Part:
    """A shard in the making: its rows in their order, and their arrays."""

    split: Any
    rows: Array
    arrays: dict[str, Array]


def encode(
    collected: Collected,
    columns: Mapping[str, Column],
    fitted: Mapping[str, Field],
    target: str,
    splits: Splits,
    *,
    same: Array | None,
    seed: int,
    work: Workspace,
) -> Encoded:
    """Write every split as shards; training rows stand in a random order over all their shards, others in their own.

    A row whose picture cannot be read is left out. A row of a split that we drew is left out as well if it repeats,
    pixel by pixel, a row of another split; in the source's own splits it stays, and is found by the check.

    Args:
        collected: The collected rows.
        columns: The given columns and the target, as they were read.
        fitted: Their fitted fields.
        target: Which of them is the target.
        splits: The rows of each split.
        same: As :func:`identity` tells of the given columns before pictures are decoded.
        seed: For the order of training rows.
        work: Where to write.

    Raises:
        DataError: More than a fifth of the pictures cannot be read, or a split has no rows left.
    """
    pictures = {name: fitted[name] for name, column in columns.items() if column.is_picture}
    tables = {name: fitted[name].encode(column.values) for name, column in columns.items() if column.values is not None}
    prints = {name: np.zeros((collected.rows, DIGEST_BYTES), np.uint8) for name in pictures}
    scalars = [column.codes for name, column in columns.items() if name in tables and name != target]
    plan = _planned(splits, {name: fitted[name] for name in columns}, seed)
    reader = _Reader(collected, pictures, prints)
    total = sum(len(rows) for rows in splits.rows.values())
    shards: list[Shard] = []
    kept: dict[Any, list[Array]] = {name: [] for name in splits.rows}
    repeated: list[Array] = []
    done = 0
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for batch in _batches(plan, pictures):
            if pictures:
                reader.read(batch, pool, partial(_tell, work, done, total))
                _hold_readable(reader.unreadable, total, collected)
            now = same if not prints or same is None else together([*scalars, *map(codes_of_digests, prints.values())])
            for part in batch:
                done += len(part.rows)
                keep = np.array([int(row) not in reader.unreadable for row in part.rows], bool)
                if now is not None and part.split not in splits.official:
                    before = [rows for name in _before(part.split, splits) for rows in kept[name]]
                    again = keep & np.isin(now[part.rows], now[np.concatenate(before)] if before else [])
                    repeated.append(part.rows[again])
                    keep &= ~again
                kept[part.split].append(part.rows[keep])
                if keep.any():
                    arrays = {
                        **{name: array[part.rows] for name, array in tables.items()},
                        **part.arrays,
                        ROW: part.rows,
                    }
                    shards.append(
                        _written(part.split, {name: arrays[name][keep] for name in (*columns, ROW)}, shards, work)
                    )
                part.arrays.clear()
            work.step(done, total, "rows")
    rows = {name: np.sort(np.concatenate(parts)) for name, parts in kept.items()}
    for name, members in rows.items():
        if len(members) == 0:
            raise DataError("too_few_rows", rows=total, split=name)
    final = same if not prints or same is None else together([*scalars, *map(codes_of_digests, prints.values())])
    return Encoded(
        tuple(shards),
        replace(splits, rows=rows),
        reader.unreadable,
        np.sort(np.concatenate([np.zeros(0, np.int64), *repeated])),
        final,
        reader.sizes,
    )


class _Reader:
    """Decodes the pictures of a batch: one collected shard in memory, rows spread over threads."""

    def __init__(self, collected: Collected, pictures: Mapping[str, Field], prints: Mapping[str, Array]) -> None:
        self._collected, self._pictures, self._prints = collected, pictures, prints
        self._stride = max(1, collected.rows // _SIZES_LOOKED_AT)
        self.unreadable: dict[int, tuple[str, Text]] = {}
        self.sizes: dict[str, Counter[tuple[int, int]]] = {name: Counter() for name in pictures}

    def read(self, batch: Sequence[_Part], pool: ThreadPoolExecutor, tell: Callable[[int], None]) -> None:
        """Fill the batch's arrays; ``tell`` how many of its rows are done."""
        rows = np.concatenate([part.rows for part in batch])
        owner = np.repeat(np.arange(len(batch)), [len(part.rows) for part in batch])
        place = np.concatenate([np.arange(len(part.rows)) for part in batch])
        for part in batch:
            for name, field in self._pictures.items():
                part.arrays[name] = np.zeros((len(part.rows), *field.form.shape), field.form.dtype)
        ascending = np.argsort(rows, kind="stable")
        rows, owner, place = rows[ascending], owner[ascending], place[ascending]
        for number, (_, first, count) in enumerate(self._collected.shards):
            low, high = np.searchsorted(rows, (first, first + count))
            if low == high:
                continue
            values = self._collected.shard(number, list(self._pictures))
            pieces = [slice(start, min(start + _ROWS_PER_TASK, high)) for start in range(low, high, _ROWS_PER_TASK)]

            def decode(piece: slice, values: dict[str, list[Any]] = values, first: int = first) -> None:
                for row, part, at in zip(rows[piece].tolist(), owner[piece], place[piece], strict=True):
                    for name in self._pictures:
                        pixels = self._pixels(name, values[name][row - first], row)
                        if pixels is not None:
                            batch[part].arrays[name][at] = pixels

            for _ in pool.map(decode, pieces):
                pass
            tell(int(high))

    def _pixels(self, name: str, value: Any, row: int) -> Array | None:
        """One picture's array; ``None`` where it is missing or, noted down, unreadable."""
        field = self._pictures[name]
        if value is None:
            return None
        try:
            pixels: Array = field.encode([value])[0]
        except ValueError as error:
            self.unreadable[row] = (name, reason_of(error))
            return None
        found = hashlib.blake2b(pixels.tobytes(), digest_size=DIGEST_BYTES).digest()
        self._prints[name][row] = np.frombuffer(found, np.uint8)
        if row % self._stride == 0 and isinstance(field, Image):
            self.sizes[name][upright_size(field.opened(value))] += 1
        return pixels


def _planned(splits: Splits, fitted: Mapping[str, Field], seed: int) -> list[_Part]:
    """The shards of all splits; first those of which later ones must know what they hold."""
    row_bytes = sum(int(np.prod(field.form.shape)) * np.dtype(field.form.dtype).itemsize for field in fitted.values())
    most = max(1, _SHARD_BYTES // (row_bytes + 8))
    parts: list[_Part] = []
    for name in _writing_order(splits):
        rows = splits.rows[name]
        if name == "train":
            rows = np.random.default_rng([seed, len(rows)]).permutation(rows)
        pieces = np.array_split(rows, max(1, -(-len(rows) // most)))
        parts.extend(_Part(name, piece, {}) for piece in pieces)
    return parts


def _writing_order(splits: Splits) -> list[Any]:
    """Training rows first, then the source's own splits, then ours: what is left out of ours depends on the others."""
    return sorted(_ORDER, key=lambda name: (name != "train", name not in splits.official))


def _before(split: Any, splits: Splits) -> list[Any]:
    order = _writing_order(splits)
    return order[: order.index(split)]


def _batches(plan: Sequence[_Part], pictures: Mapping[str, Field]) -> list[list[_Part]]:
    """Consecutive shards whose pictures fit in memory together."""
    row_bytes = sum(int(np.prod(field.form.shape)) for field in pictures.values())
    batches: list[list[_Part]] = [[]]
    held = 0
    for part in plan:
        size = len(part.rows) * row_bytes
        if batches[-1] and held + size > _AT_ONCE_BYTES:
            batches.append([])
            held = 0
        batches[-1].append(part)
        held += size
    return batches


def _written(split: Any, arrays: dict[str, Array], shards: Sequence[Shard], work: Workspace) -> Shard:
    from safetensors.numpy import save

    number = sum(shard.split == split for shard in shards)
    name = f"{split}-{number:05d}.safetensors"
    work.write(name, save({column: np.ascontiguousarray(array) for column, array in arrays.items()}))
    return Shard(name=name, split=split, rows=len(arrays[ROW]), bytes=sum(array.nbytes for array in arrays.values()))


def _tell(work: Workspace, before: int, total: int, read: int) -> None:
    work.step(before + read, total, "rows")


def _hold_readable(unreadable: Mapping[int, tuple[str, Text]], total: int, collected: Collected) -> None:
    if len(unreadable) > max(1, _MOST_UNREADABLE * total):
        row = min(unreadable)
        column, reason = unreadable[row]
        raise DataError(
            "unreadable_images",
            column=column,
            count=len(unreadable),
            total=total,
            first=collected.shown(row),
            reason=reason(),
        )
