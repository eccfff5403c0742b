"""Rows that are nearly the same: pictures by perceptual hashes, texts by sketches of their shingles.

Each band of a hash sorts the rows, and each row is held against the few that stand next to it in the same band: so the
work grows with the rows, not with their pairs (Broder 1997; Manku, Jain, Das Sarma 2007).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sixfold.fields import Array
from sixfold.preparing._look import GREY_SIDE, Look, mixed

__all__ = ["near_pairs"]

_TEXT_BANDS, _PICTURE_BANDS = 16, 7
_TEXT_NEIGHBOURS, _PICTURE_NEIGHBOURS = 4, 12
_AT_ONCE = 1 << 16
_FLAT = 4.0
"""Standard deviation of a picture's grey levels (of 255) below which it shows nothing that could be compared."""


def near_pairs(look: Look, limit: float) -> Array:
    """Pairs of rows whose values are nearly the same: (k, 2) ascending places among ``look.rows``.

    Args:
        look: A column of pictures or texts.
        limit: Of texts the share of shingles in common (Jaccard), of pictures the correlation of their grey thumbnails,
            from which two are nearly the same.
    """
    if look.sketch is not None:
        keys, values = _bands(look.sketch), look.sketch
        neighbours, known = _TEXT_NEIGHBOURS, look.seen
    elif look.grey is not None:
        flat = look.grey.reshape(len(look.grey), -1).astype(np.float32)
        values = flat - flat.mean(axis=1, keepdims=True)
        spread = np.linalg.norm(values, axis=1)
        known = look.seen & (spread > _FLAT * GREY_SIDE)
        values /= np.maximum(spread, 1e-6)[:, None]
        keys, neighbours = _picture_bands(look.grey), _PICTURE_NEIGHBOURS
    else:
        return np.zeros((0, 2), np.int64)
    alike = _agreement if look.sketch is not None else _correlation
    found = [pairs[alike(values, pairs) >= limit] for pairs in _candidates(keys, known, neighbours)]
    return np.unique(np.concatenate([np.zeros((0, 2), np.int64), *found]), axis=0)


def _candidates(keys: Array, known: Array, neighbours: int) -> Iterator[Array]:
    """Pairs that stand close together in a band of the hashes (n, bands), a piece at a time."""
    places = np.flatnonzero(known)
    for band in range(keys.shape[1]):
        # Within a band the rows stand by the next band, so that a large band still has like ones side by side.
        order = places[np.lexsort((keys[places, (band + 1) % keys.shape[1]], keys[places, band]))]
        for step in range(1, neighbours + 1):
            for start in range(0, max(0, len(order) - step), _AT_ONCE):
                left = order[start : min(start + _AT_ONCE, len(order) - step)]
                right = order[start + step : start + step + len(left)]
                same = keys[left, band] == keys[right, band]
                if same.any():
                    yield np.sort(np.stack([left[same], right[same]], axis=1), axis=1)


def _bands(sketch: Array) -> Array:
    """Sketches (n, 96) as 16 keys each: (n, 16) uint64."""
    parts = sketch.reshape(len(sketch), _TEXT_BANDS, -1).astype(np.uint64)
    keys = np.zeros(parts.shape[:2], np.uint64)
    for place in range(parts.shape[2]):
        keys = mixed(keys * np.uint64(31) + parts[:, :, place] + np.uint64(1))
    return keys


def _picture_bands(grey: Array) -> Array:
    """Thumbnails (n, 16, 16) as 7 keys of 16 bits: which of two neighbours is brighter, both ways (dHash)."""
    small = grey.astype(np.float32).reshape(len(grey), 8, 2, 8, 2).mean(axis=(2, 4))
    across = (small[:, :, 1:] > small[:, :, :-1]).reshape(len(grey), -1)
    down = (small[:, 1:] > small[:, :-1]).reshape(len(grey), -1)
    bits = np.packbits(np.concatenate([across, down], axis=1), axis=1)  # (n, 14)
    keys: Array = bits[:, ::2].astype(np.uint16) * 256 + bits[:, 1::2]
    return keys


def _agreement(sketch: Array, pairs: Array) -> Array:
    result: Array = (sketch[pairs[:, 0]] == sketch[pairs[:, 1]]).mean(axis=1)
    return result


def _correlation(values: Array, pairs: Array) -> Array:
    result: Array = np.einsum("ij,ij->i", values[pairs[:, 0]], values[pairs[:, 1]])
    return result
