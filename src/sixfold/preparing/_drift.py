"""How far the splits lie apart: the population stability index of every column and of the target."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sixfold.fields import Array
from sixfold.fields.category import Category
from sixfold.preparing._codes import MISSING

if TYPE_CHECKING:
    from sixfold.preparing._evidence import Evidence

__all__ = ["drifts"]

_BINS = 10
_MOST_VALUES = 30
_FEWEST = 50
_BY_CHANCE = 4.0
"""How many times what chance gives on average an index must be to count: of ten bins, once in 30,000 columns."""


def drifts(evidence: Evidence) -> list[dict[str, Any]]:
    """What differs between training and test or validation rows, the most first.

    Each entry has ``column``, ``of`` (value, length or brightness), ``split``, ``index`` (PSI: the sum of
    (p − q) · ln(p / q) over bins) and ``chance`` (what as many rows of the same kind would give on average), and the
    shares of both (``train``, ``other``) in each bin (``bins``: what they are called).
    """
    found = []
    train = evidence.train
    for column, of, codes, labels in _looked_at(evidence):
        for split in ("test", "validation"):
            other = evidence.splits.rows[split]
            one, two = (rows[codes[rows] >= 0] for rows in (train, other))
            if min(len(one), len(two)) < _FEWEST:
                continue
            bins = len(labels)
            counts = [np.bincount(codes[rows], minlength=bins) for rows in (one, two)]
            used = (counts[0] + counts[1]) > 0
            p, q = ((count[used] + 0.5) / (count[used] + 0.5).sum() for count in counts)
            chance = (int(used.sum()) - 1) * (1 / len(one) + 1 / len(two))
            index = float(((p - q) * np.log(p / q)).sum())
            if index > _BY_CHANCE * chance:
                named = [label for label, is_used in zip(labels, used, strict=True) if is_used]
                told = {"column": column, "of": of, "split": split, "index": index, "chance": chance, "bins": named}
                found.append({**told, "train": p.tolist(), "other": q.tolist()})
    return sorted(found, key=lambda one: -float(one["index"]))


def _looked_at(evidence: Evidence) -> list[tuple[str, str, Array, list[str]]]:
    """Of each column a bin for every row, −1 where there is none to tell, and what the bins are called."""
    found: list[tuple[str, str, Array, list[str]]] = []
    for name, column in {**evidence.given, evidence.target.name: evidence.target}.items():
        if column.numbers is not None:
            found.append((name, "value", *_of_numbers(column.numbers, evidence.train)))
        elif isinstance(column.kind, Category):
            counts = np.bincount(column.codes[evidence.train], minlength=len(column.labels) + 1)[1:]
            common = np.argsort(-counts, kind="stable")[:_MOST_VALUES]
            places = np.full(len(column.labels) + 1, len(common), np.int64)
            places[MISSING] = -1
            places[common + 1] = np.arange(len(common))
            found.append((name, "value", places[column.codes], [*(column.labels[code] for code in common), "…"]))
        elif name in evidence.lengths:
            lengths = evidence.lengths[name].astype(np.float64)
            found.append((name, "length", *_of_numbers(np.where(lengths == 0, np.nan, lengths), evidence.train)))
        elif name in evidence.looks and (grey := evidence.looks[name].grey) is not None:
            brightness = np.full(len(column.codes), np.nan)
            brightness[evidence.looks[name].rows] = grey.mean(axis=(1, 2))
            found.append((name, "brightness", *_of_numbers(brightness, evidence.train)))
    return found


def _of_numbers(numbers: Array, train: Array) -> tuple[Array, list[str]]:
    """Ten bins of as many training rows each."""
    known = numbers[train][~np.isnan(numbers[train])]
    if len(known) == 0:
        return np.full(len(numbers), -1), []
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1], method="lower"))
    codes = np.where(np.isnan(numbers), -1, np.searchsorted(edges, numbers, side="left"))
    ends = [f"{edge:.4g}" for edge in edges.tolist()]
    return codes, [
        f"≤ {ends[0]}",
        *(f"{low}–{high}" for low, high in pairwise(ends)),
        f"> {ends[-1]}",
    ]
