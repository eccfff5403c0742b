"""Numbers for values, equal where the values are: so millions of rows are compared without the values themselves."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sixfold.fields import Array

__all__ = ["DIGEST_BYTES", "MISSING", "binned", "codes_of_digests", "dense", "present", "repeats", "together"]

MISSING = 0
"""The code of a missing value."""

DIGEST_BYTES = 16
"""BLAKE2b with 128 bits: by chance, two of a billion rows share a digest once in 10²⁰."""

_GOLDEN = 0x9E3779B97F4A7C15


def dense(keys: Array) -> Array:
    """One number for each different key, from 0, in the keys' order: (rows,) int32."""
    return np.unique(keys, return_inverse=True)[1].reshape(-1).astype(np.int32)


def together(codes: Iterable[Array]) -> Array:
    """One code for each combination of codes: (rows,) int32 from 0.

    Combinations are told apart by 64 bits (the finisher of SplitMix64, Steele et al. 2014, over one column after the
    other): by chance, two different ones of five million rows share a code once in a million tables.
    """
    mixed: Array | None = None
    for more in codes:
        mixed = np.zeros(len(more), np.uint64) if mixed is None else mixed
        mixed += more.astype(np.uint64)
        mixed += np.uint64(_GOLDEN)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed ^= mixed >> np.uint64(shift)
            mixed *= np.uint64(factor)
        mixed ^= mixed >> np.uint64(31)
    assert mixed is not None
    return dense(mixed)


def codes_of_digests(digests: Array) -> Array:
    """Codes of digests (rows, 16) uint8, as (rows,) int32: 0 for zeros, which stand for missing."""
    low, high = np.ascontiguousarray(digests).view("<u8").reshape(-1, 2).T
    order = np.lexsort((low, high))
    is_new = np.ones(len(order), bool)
    is_new[1:] = (low[order[1:]] != low[order[:-1]]) | (high[order[1:]] != high[order[:-1]])
    codes = np.empty(len(order), np.int32)
    codes[order] = np.cumsum(is_new)
    known = (low != 0) | (high != 0)
    # Zeros come first in the order: without them, the codes already count from 1.
    return np.where(known, codes - (0 if known.all() else 1), MISSING).astype(np.int32)


def binned(numbers: Array, bins: int) -> Array:
    """A bin of equal rows for each number, from 1: (n,) int64; 0 for missing ones (NaN)."""
    known = numbers[~np.isnan(numbers)]
    if known.size == 0:
        return np.zeros(len(numbers), np.int64)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
    return np.where(np.isnan(numbers), MISSING, np.searchsorted(edges, numbers, side="left") + 1)


def present(codes: Array, most: int) -> Array:
    """Which codes occur: (most + 1,) of booleans."""
    occurs = np.zeros(most + 1, bool)
    occurs[codes] = True
    return occurs


def repeats(codes: Array) -> Array:
    """(n,) of booleans: whether the same code stands earlier."""
    again = np.ones(len(codes), bool)
    again[np.unique(codes, return_index=True)[1]] = False
    return again
