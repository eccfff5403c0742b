"""Rows to shards of arrays, in bounded memory: training rows mixed over all shards, each heavy value decoded once."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from sixfold.errors import DataError
from sixfold.fields import Array, Field, base_of
from sixfold.language import Text
from sixfold.preparing._codes import DIGEST_BYTES, codes_of_digests, present
from sixfold.preparing._collected import Collected
from sixfold.preparing._column import identity, reason_of
from sixfold.preparing._look import Looks
from sixfold.preparing._split import Splits
from sixfold.store import ROW, Shard, Workspace

__all__ = ["Encoded", "encode"]

_SHARD_BYTES = 32 << 20
"""What a shard aims at: the middle of the 8 to 64 MiB that the store is made for."""

_AT_ONCE_BYTES = 512 << 20
"""Heavy arrays held at once. More are made in several passes over the collected shards: decrypting those again is cheap
beside decoding their values, which is never done twice."""

_ROWS_PER_TASK = 32
_BYTES_PER_TASK = 256 << 10
"""A task decodes so many rows or bytes, whichever is more: enough to outweigh handing it over."""
_MOST_UNREADABLE = 0.2
_MOST_BAD = 0.01
"""Share of pictures and of other values that may be passed over; beyond, the column is not what product.yaml says."""

_SIZES_LOOKED_AT = 5_000
_ROWS_SHOWN = 2_000

_ORDER = ("train", "test", "validation")


@dataclass(frozen=True, slots=True)
class Encoded:
    """What became of the rows.

    Args:
        shards: The members written.
        splits: The rows that are in them.
        unreadable: Of each heavy column the rows whose value cannot be decoded, and why.
        lost: Rows left out because their picture, all that is given, or their target cannot be decoded.
        repeated: Rows of splits that we drew, left out because they repeat a row of another split.
        same: (rows,) equal where all given values are, pictures by pixels; ``None`` where sameness is coincidence.
        sizes: Of each picture column how many of some pictures have which (height, width).
        lengths: Of each column of tokens or steps how many each row has, (rows,) int32: at most its form's length.
        looks: What was kept of heavy given columns for the checks.
        sample: Arrays of the columns of steps for some training rows at random, and which rows these are.
    """

    shards: tuple[Shard, ...]
    splits: Splits
    unreadable: Mapping[str, Mapping[int, Text]]
    lost: Array
    repeated: Array
    same: Array | None
    sizes: Mapping[str, Counter[tuple[int, ...]]]
    lengths: Mapping[str, Array]
    looks: Looks
    sample: Mapping[str, Array]


@dataclass(slots=True)
class _Part:
    """A shard in the making: its rows in their order, and their arrays."""

    split: Any
    rows: Array
    arrays: dict[str, Array]
    is_synthetic: bool = False


def encode(
    collected: Collected,
    fitted: Mapping[str, Field],
    target: str,
    splits: Splits,
    *,
    synthetic: Array | None = None,
    beside: Collection[str] = (),
    same: Array | None,
    seed: int,
    work: Workspace,
) -> Encoded:
    """Write every split as shards; training rows stand in a random order over all their shards, others in their own.

    A value that cannot be decoded counts as missing; where a picture is all that is given, its row is left out. A row
    of a split that we drew is left out as well if it repeats, pixel by pixel, a row of another split; in the source's
    own splits it stays, and is found by the check.

    Args:
        collected: The collected rows.
        fitted: The fitted fields of the given columns, the target, and the outcome of a choice.
        target: Which of them is the target.
        beside: Which of them is neither that nor given.
        splits: The rows of each split.
        synthetic: Further training rows, made by a generator: in shards of their own, and no copies of any row.
        same: As :func:`identity` tells of the given columns before pictures are decoded.
        seed: For the order of training rows.
        work: Where to write.

    Raises:
        DataError: More than a fifth of the pictures cannot be read, or a split has no rows left.
    """
    columns = collected.columns
    given = [columns[name] for name in fitted if name != target and name not in beside] or [columns[target]]
    heavy = {name: field for name, field in fitted.items() if columns[name].is_heavy}
    vital = {target, *beside} | {column.name for column in given if column.is_picture and len(given) == 1}
    base = base_of(fitted[target], {name: field for name, field in fitted.items() if name != target})
    looked = {name: field for name, field in heavy.items() if name != target and name not in beside}
    looks = Looks(looked, np.sort(np.concatenate(list(splits.rows.values()))))
    reader = _Reader(collected, heavy, {} if base is None else {target: base.name}, looks)
    made = np.zeros(0, np.int64) if synthetic is None else synthetic
    total = sum(len(rows) for rows in splits.rows.values()) + len(made)
    shards: list[Shard] = []
    kept: dict[Any, list[Array]] = {name: [] for name in splits.rows}
    repeated: list[Array] = []
    lost = np.zeros(0, np.int64)
    sample: dict[str, Array] = {}
    done = 0
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for batch in _batches(_planned(splits, made, fitted, seed), heavy):
            if heavy:
                reader.read(batch, pool, partial(_tell, work, done, total))
                _hold_readable(reader.unreadable, total, collected)
            lost = _rows_of(reader.unreadable[name] for name in vital if name in heavy)
            now = same if same is None or not reader.prints else identity(given, reader.pixels())
            for part in batch:
                done += len(part.rows)
                keep = ~np.isin(part.rows, lost)
                if now is not None and part.split not in splits.official:
                    before = [rows for name in _before(part.split, splits) for rows in kept[name]]
                    again = keep & _among(now[part.rows], now[np.concatenate(before)] if before else now[:0])
                    repeated.append(part.rows[again])
                    keep &= ~again
                if not part.is_synthetic:
                    kept[part.split].append(part.rows[keep])
                if part.split == "train" and not sample:  # mixed, so its first rows are as good as any
                    steps = [name for name, field in heavy.items() if field.form.name == "steps"]
                    some = {**{name: part.arrays[name] for name in steps}, ROW: part.rows}
                    sample = {name: array[keep][:_ROWS_SHOWN] for name, array in some.items()}
                if keep.any():
                    shards.append(_written(part, keep, collected, fitted, shards, work))
                part.arrays.clear()
            work.step(done, total, "rows")
    rows = {name: np.sort(np.concatenate(parts)) for name, parts in kept.items()}
    for name, members in rows.items():
        if len(members) == 0:
            raise DataError("too_few_rows", rows=total, split=name)
    return Encoded(
        tuple(shards),
        replace(splits, rows=rows),
        reader.unreadable,
        lost,
        np.sort(np.concatenate([np.zeros(0, np.int64), *repeated])),
        same if same is None or not reader.prints else identity(given, reader.pixels()),
        reader.sizes,
        reader.lengths,
        looks,
        sample,
    )


class _Reader:
    """Decodes the heavy values of a batch: one collected shard in memory, rows spread over threads."""

    def __init__(self, collected: Collected, heavy: Mapping[str, Field], upon: Mapping[str, str], looks: Looks) -> None:
        self._looks = looks
        self._collected, self._heavy, self._upon = collected, heavy, upon
        self._stride = max(1, collected.rows // _SIZES_LOOKED_AT)
        pictures = [name for name in heavy if collected.columns[name].is_picture]
        self.prints = {name: np.zeros((collected.rows, DIGEST_BYTES), np.uint8) for name in pictures}
        self._extents: dict[str, list[tuple[int, ...]]] = {name: [] for name in pictures}
        self.unreadable: dict[str, dict[int, Text]] = {name: {} for name in heavy}
        self.lengths = {
            name: np.zeros(collected.rows, np.int32)
            for name, field in heavy.items()
            if field.form.name in ("tokens", "steps")
        }

    @property
    def sizes(self) -> dict[str, Counter[tuple[int, ...]]]:
        """How many of the pictures looked at have which size; in an order that threads have no part in."""
        return {name: Counter(sorted(found)) for name, found in self._extents.items()}

    def pixels(self) -> dict[str, Array]:
        """Codes of what the pictures show, as far as they are decoded."""
        return {name: codes_of_digests(found) for name, found in self.prints.items()}

    def read(self, batch: Sequence[_Part], pool: ThreadPoolExecutor, tell: Callable[[int], None]) -> None:
        """Fill the batch's arrays; ``tell`` how many of its rows are done."""
        rows = np.concatenate([part.rows for part in batch])
        owner = np.repeat(np.arange(len(batch)), [len(part.rows) for part in batch])
        place = np.concatenate([np.arange(len(part.rows)) for part in batch])
        for part in batch:
            for name, field in self._heavy.items():
                part.arrays[name] = np.zeros((len(part.rows), *field.form.shape), field.form.dtype)
        ascending = np.argsort(rows, kind="stable")
        rows, owner, place = rows[ascending], owner[ascending], place[ascending]
        step = max(_ROWS_PER_TASK, _BYTES_PER_TASK // _row_bytes(self._heavy.values()))
        for number, (_, first, count) in enumerate(self._collected.shards):
            low, high = np.searchsorted(rows, (first, first + count))
            if low == high:
                continue
            values = self._collected.shard(number, list(self._heavy))
            pieces = [slice(start, min(start + step, high)) for start in range(low, high, step)]

            def decode(piece: slice, values: dict[str, list[Any]] = values, first: int = first) -> None:
                for name in self._heavy:
                    at = [row - first for row in rows[piece].tolist()]
                    extents: list[tuple[int, ...]] = [()] * len(at)
                    if name in self._upon:
                        extents = self._sizes_of(self._upon[name], values, at)
                    array = self._decoded(name, [values[name][place] for place in at], extents, rows[piece])
                    for part in np.unique(owner[piece]):
                        own = owner[piece] == part
                        batch[part].arrays[name][place[piece][own]] = array[own]

            for _ in pool.map(decode, pieces):
                pass
            tell(int(high))

    def _sizes_of(self, name: str, values: Mapping[str, list[Any]], places: Sequence[int]) -> list[tuple[int, ...]]:
        """How large the values of a column are at some places; () of those that cannot be read."""
        found: list[tuple[int, ...]] = []
        for place in places:
            try:
                found.append(self._heavy[name].extent(values[name][place]))
            except ValueError:
                found.append(())
        return found

    def _decoded(self, name: str, values: list[Any], extents: list[tuple[int, ...]], rows: Array) -> Array:
        """The arrays of some rows; what cannot be decoded is noted down and encoded as missing."""
        field = self._heavy[name]
        try:
            array = field.encode_upon(values, extents)
        except ValueError:
            for at, row in enumerate(rows.tolist()):
                try:
                    field.encode_upon(values[at : at + 1], extents[at : at + 1])
                except ValueError as error:
                    self.unreadable[name][row] = reason_of(error)
                    values[at] = None
            array = field.encode_upon(values, extents)
        if name in self._looks:
            self._looks[name].take(values, array, rows)
        if name in self.prints:
            self._look(name, values, array, rows)
        if name in self.lengths:
            # Padding is 0: the id of no token, and in the last channel of no step.
            is_there = array != 0 if field.form.name == "tokens" else array[..., -1] != 0
            self.lengths[name][rows] = is_there.sum(axis=1)
        return array

    def _look(self, name: str, values: list[Any], array: Array, rows: Array) -> None:
        for value, pixels, row in zip(values, array, rows.tolist(), strict=True):
            if value is None or self._heavy[name].likeness(value) is None:
                continue
            found = hashlib.blake2b(pixels.tobytes(), digest_size=DIGEST_BYTES).digest()
            self.prints[name][row] = np.frombuffer(found, np.uint8)
            if row % self._stride == 0:
                self._extents[name].append(self._heavy[name].extent(value))


def _planned(splits: Splits, synthetic: Array, fitted: Mapping[str, Field], seed: int) -> list[_Part]:
    """The shards of all splits; first those of which later ones must know what they hold."""
    most = max(1, _SHARD_BYTES // (_row_bytes(fitted.values()) + 8))
    parts: list[_Part] = []
    for name in _writing_order(splits):
        rows = splits.rows[name]
        if name == "train":
            rows = np.random.default_rng([seed, len(rows)]).permutation(rows)
        pieces = np.array_split(rows, max(1, -(-len(rows) // most)))
        parts.extend(_Part(name, piece, {}) for piece in pieces)
        if name == "train" and len(synthetic):
            rows = np.random.default_rng([seed, len(synthetic)]).permutation(synthetic)
            pieces = np.array_split(rows, -(-len(rows) // most))
            parts.extend(_Part(name, piece, {}, is_synthetic=True) for piece in pieces)
    return parts


def _row_bytes(fields: Iterable[Field]) -> int:
    return sum(int(np.prod(field.form.shape)) * np.dtype(field.form.dtype).itemsize for field in fields)


def _writing_order(splits: Splits) -> list[Any]:
    """Training rows first, then the source's own splits, then ours: what is left out of ours depends on the others."""
    return sorted(_ORDER, key=lambda name: (name != "train", name not in splits.official))


def _before(split: Any, splits: Splits) -> list[Any]:
    order = _writing_order(splits)
    return order[: order.index(split)]


def _batches(plan: Sequence[_Part], heavy: Mapping[str, Field]) -> Iterator[list[_Part]]:
    """Consecutive shards whose heavy arrays fit in memory together."""
    row_bytes = _row_bytes(heavy.values())
    batch: list[_Part] = []
    held = 0
    for part in plan:
        size = len(part.rows) * row_bytes
        if batch and held + size > _AT_ONCE_BYTES:
            yield batch
            batch, held = [], 0
        batch.append(part)
        held += size
    yield batch


def _written(
    part: _Part,
    keep: Array,
    collected: Collected,
    fitted: Mapping[str, Field],
    shards: Sequence[Shard],
    work: Workspace,
) -> Shard:
    from safetensors.numpy import save

    rows = part.rows[keep]
    arrays = {
        name: part.arrays[name][keep] if name in part.arrays else collected.columns[name].encoded(field, rows)
        for name, field in fitted.items()
    }
    arrays |= {name: array[rows] for name, array in collected.extras.items()}
    arrays[ROW] = rows
    number = sum(shard.split == part.split for shard in shards)
    name = f"{part.split}-{number:05d}.safetensors"
    work.write(name, save({column: np.ascontiguousarray(array) for column, array in arrays.items()}))
    return Shard(
        name=name,
        split=part.split,
        rows=len(rows),
        bytes=sum(array.nbytes for array in arrays.values()),
        is_synthetic=part.is_synthetic,
    )


def _among(codes: Array, known: Array) -> Array:
    """(n,) of booleans: which codes, dense ones, are among those known."""
    most = max(int(codes.max(initial=0)), int(known.max(initial=0)))
    chosen: Array = present(known, most)[codes]
    return chosen


def _rows_of(unreadable: Iterable[Mapping[int, Text]]) -> Array:
    return np.array(sorted({row for rows in unreadable for row in rows}), np.int64)


def _tell(work: Workspace, before: int, total: int, read: int) -> None:
    work.step(before + read, total, "rows")


def _hold_readable(unreadable: Mapping[str, Mapping[int, Text]], total: int, collected: Collected) -> None:
    for name, rows in unreadable.items():
        column = collected.columns[name]
        is_photo = column.is_picture and column.kind.lies_upon is None
        if len(rows) > max(1, (_MOST_UNREADABLE if is_photo else _MOST_BAD) * total):
            row = min(rows)
            told: dict[str, Any] = {"column": name, "count": len(rows), "total": total, "first": collected.shown(row)}
            if is_photo:
                raise DataError("unreadable_images", reason=rows[row](), **told)
            raise DataError("bad_values", reason=rows[row](), kind=column.kind.kind(), **told)
