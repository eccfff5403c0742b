"""What is kept of heavy values as they are decoded, so that checks need not decode them again.

Of a picture two thumbnails, of a text a sketch of its shingles; both are a few hundred bytes. Of more rows than
``MOST_ROWS`` every so-manieth is kept, so memory is bounded; a finding then says how many rows were looked at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sixfold.fields import Array, Field
from sixfold.fields.text import Text as TextField
from sixfold.personal import PersonalKind, personal_data

__all__ = ["FEW_ROWS", "GREY_SIDE", "MOST_ROWS", "Look", "Looks", "code_points", "sketches"]

MOST_ROWS = 200_000
"""Rows looked at for near copies and personal data: at some 400 bytes each, 80 MB."""

FEW_ROWS = 20_000
"""Rows that quick models learn from."""

GREY_SIDE, _COLOUR_SIDE = 16, 32

_BUCKETS = 96
_SHINGLE = 3
_MOST_CHARACTERS = 4_000
_NOTHING = np.uint32(0xFFFFFFFF)
_WORD_GAP = re.compile(r"[\W_]+")


class Look:
    """What was seen of one heavy given column.

    Args:
        field: Its kind.
        rows: (n,) ascending: the rows that are looked at.
        few: (m,) ascending: those of them that quick models learn from.

    Attributes:
        grey: (n, 16, 16) uint8: thumbnails of pictures; else ``None``.
        colour: (m, 32, 32, 3) uint8: larger ones; else ``None``.
        sizes: (m, 2) int32: height and width of each picture as it came; zeros where not known.
        sketch: (n, 96) uint32: of texts; else ``None``.
        seen: (n,) of booleans: whether the row has a value that could be read.
        personal: Of each kind of personal data the rows whose value holds some.
    """

    def __init__(self, field: Field, rows: Array, few: Array) -> None:
        self.field, self.rows, self.few = field, rows, few
        self.seen = np.zeros(len(rows), bool)
        self.personal: dict[PersonalKind, list[int]] = {}
        is_picture, is_text = field.form.name == "grid", isinstance(field, TextField)
        self.grey = np.zeros((len(rows), GREY_SIDE, GREY_SIDE), np.uint8) if is_picture else None
        self.colour = np.zeros((len(few), _COLOUR_SIDE, _COLOUR_SIDE, 3), np.uint8) if is_picture else None
        self.sizes = np.zeros((len(few) if is_picture else 0, 2), np.int32)
        self.sketch = np.full((len(rows), _BUCKETS), _NOTHING) if is_text else None

    def take(self, values: Sequence[Any], array: Array, rows: Array) -> None:
        """Take some rows: their raw values (``None`` where missing) and what they became, (n, …)."""
        here, at = _among(rows, self.rows)
        there = [place for place in here.tolist() if values[place] is not None]
        if not there:
            return
        at = at[np.isin(here, there)]
        if self.sketch is not None:
            texts = [str(values[place]) for place in there]
            self.sketch[at] = sketches(texts)
            self.seen[at] = (self.sketch[at] != _NOTHING).any(axis=1)
            self._look_for_people(texts, rows[there])
        if self.grey is not None and self.colour is not None:
            self.grey[at] = shrunk(array[there], GREY_SIDE).mean(axis=-1)
            self.seen[at] = True
            here, at = _among(rows[there], self.few)
            if len(here):
                self.colour[at] = shrunk(array[there][here], _COLOUR_SIDE)
                self.sizes[at] = [self._size(values[there[place]]) for place in here.tolist()]

    def _size(self, value: Any) -> tuple[int, ...]:
        size = self.field.extent(value)
        return size if len(size) == 2 else (0, 0)  # noqa: PLR2004 — height and width

    def _look_for_people(self, texts: Sequence[str], rows: Array) -> None:
        for text, row in zip(texts, rows.tolist(), strict=True):
            for kind in {one.kind for one in personal_data(text, self.field.name)}:
                self.personal.setdefault(kind, []).append(row)


class Looks(dict[str, Look]):
    """A look at every heavy given column: the same rows of each.

    Args:
        fitted: The fitted fields of the heavy columns that are looked at.
        rows: Every row that is in a split, ascending.
    """

    def __init__(self, fitted: Mapping[str, Field], rows: Array) -> None:
        looked = rows[:: max(1, -(-len(rows) // MOST_ROWS))]
        few = few_of(rows)
        super().__init__({name: Look(field, looked, few) for name, field in fitted.items()})


def few_of(rows: Array, most: int = FEW_ROWS) -> Array:
    """At most so many of some rows, evenly, in their order."""
    return rows[:: max(1, -(-len(rows) // most))]


def shrunk(pictures: Array, side: int) -> Array:
    """Pictures (n, height, width, channels) as (n, side, side, 1 or 3) float32 from 0 to 255, by means over areas."""
    height, width = pictures.shape[1:3]
    across = pictures[..., :3] if pictures.shape[-1] >= 3 else pictures[..., :1]  # noqa: PLR2004 — red, green, blue
    scale = 1.0 if pictures.dtype == np.uint8 else 255.0
    small = across.astype(np.float32) * scale
    for axis, size in ((1, height), (2, width)):
        if size >= side:
            starts = np.arange(side) * size // side
            counts = np.diff([*starts.tolist(), size]).astype(np.float32)
            shape = [-1 if place == axis else 1 for place in range(4)]
            small = np.add.reduceat(small, starts, axis=axis) / counts.reshape(shape)
        else:
            small = np.take(small, np.arange(side) * size // side, axis=axis)
    result: Array = np.clip(small, 0, 255)
    return result


def code_points(text: str) -> Array:
    """A text as numbers of its characters, in lower case, everything but letters and digits one blank: (n,) uint32."""
    plain = _WORD_GAP.sub(" ", unicodedata.normalize("NFKC", text[:_MOST_CHARACTERS]).casefold()).strip()
    return np.frombuffer(f" {plain} ".encode("utf-32-le", "surrogatepass"), np.uint32) if plain else _NO_CHARACTERS


_NO_CHARACTERS = np.zeros(0, np.uint32)


def sketches(texts: Sequence[str]) -> Array:
    """A sketch of each text's set of shingles of three characters: (n, 96) uint32.

    Two sketches agree in a share of their places that is on average the Jaccard similarity of the sets: one permutation
    hashing (Li, Owen, Zhang 2012), empty places filled from others (Shrivastava 2017). A text without letters has no
    sketch: all its places hold the largest number.
    """
    points = [code_points(text) for text in texts]
    found = np.full((len(texts), _BUCKETS), _NOTHING)
    lengths = np.array([len(one) for one in points])
    if lengths.sum() < _SHINGLE:
        return found
    whole = np.concatenate(points).astype(np.uint64)
    owner = np.repeat(np.arange(len(texts)), lengths)
    count = len(whole) - _SHINGLE + 1
    hashes = np.zeros(count, np.uint64)
    for place in range(_SHINGLE):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + whole[place : place + count] + np.uint64(1)
    inside = owner[:count] == owner[_SHINGLE - 1 :]
    hashes, owner = mixed(hashes[inside]), owner[:count][inside]
    places = owner * _BUCKETS + (hashes >> np.uint64(32)).astype(np.int64) % _BUCKETS
    flat = found.reshape(-1)
    np.minimum.at(flat, places, (hashes & np.uint64(0x7FFFFFFF)).astype(np.uint32))
    return _filled(found)


def mixed(numbers: Array) -> Array:
    """Well-mixed 64 bits of each number (the finisher of SplitMix64)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    result: Array = numbers ^ (numbers >> np.uint64(31))
    return result


def _filled(found: Array) -> Array:
    """Sketches whose empty places are filled from others of the same text, by the same rule for all texts."""
    empty = found == _NOTHING
    has_any = ~empty.all(axis=1)
    dice = np.random.default_rng(0)
    kept = found.copy()
    for _ in range(_BUCKETS * 2):
        waiting = empty & has_any[:, None]
        if not waiting.any():
            break
        source = dice.integers(0, _BUCKETS, _BUCKETS)
        offered = kept[:, source]
        taken = waiting & (offered != _NOTHING)
        # Mixed with the place it goes to, or one shingle would vouch for many places in the same way.
        found = np.where(taken, offered ^ (source * 2654435761 & 0x7FFFFFFF).astype(np.uint32), found)
        empty &= ~taken
    return found


def _among(rows: Array, known: Array) -> tuple[Array, Array]:
    """Which of some rows are known (their places), and where they stand among the ascending known ones."""
    at = np.searchsorted(known, rows)
    is_known = (at < len(known)) & (known[np.minimum(at, len(known) - 1)] == rows) if len(known) else at < 0
    return np.flatnonzero(is_known), at[is_known]
