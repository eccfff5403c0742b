"""Groups of people or things: which columns tell them apart, how many rows each has, and how the target falls in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sixfold.fields import Array
from sixfold.fields.category import Category
from sixfold.fields.number import Number
from sixfold.preparing._codes import MISSING
from sixfold.preparing._column import Column, different

if TYPE_CHECKING:
    import polars as pl

    from sixfold.preparing._evidence import Evidence

__all__ = ["Group", "grouped", "groups_of", "represented", "wilson"]

_MOST_GUESSED, _MOST_VALUES, _MOST_TOLD = 5, 12, 20
_TELLING = re.compile(
    r"(?i)(?:^|[^a-z])(?:sex|gender|race|ethnic\w*|nationality|native|country|region|province|state|city|district|age|"
    r"religion|disab\w*|marital|language|hospital|site|device|scanner|sensor|camera|store|shop|branch)(?:$|[^a-z])|"
    r"性别|民族|种族|国籍|地区|省份?$|城市|年龄|宗教|婚姻|残疾|语言|医院|设备|门店|分店"
)
_Z = 1.959964


@dataclass(frozen=True)
class Group:
    """A column that tells groups apart: (rows,) codes, 0 where it is not known, and what 1, 2 … are called."""

    codes: Array
    labels: tuple[str, ...]


def groups_of(
    told: Sequence[str] | None, given: Mapping[str, Column], beside: Mapping[str, pl.Series]
) -> dict[str, Group]:
    """The groups that product.yaml names, or else up to five given columns that look like groups by name.

    Args:
        told: The names that product.yaml says.
        given: The given columns.
        beside: The columns among ``told`` that are not given.
    """
    if told is None:
        likely = [name for name in given if _TELLING.search(name)]
        chosen = {name: grouped(given[name]) for name in likely}
        return {
            name: one for name, one in list(chosen.items())[:_MOST_GUESSED] if one is not None and len(one.labels) > 1
        }
    found: dict[str, Group] = {}
    for name in told:
        one = grouped(given[name]) if name in given else _of_values(beside[name])
        if one is not None:
            found[name] = one
    return found


def grouped(column: Column) -> Group | None:
    """The groups of a column: its commonest values, or quarters of its numbers; ``None`` of a kind that has neither."""
    if column.numbers is not None:
        return _quarters(column.numbers)
    if not isinstance(column.kind, Category) or not column.labels:
        return None
    counts = np.bincount(column.codes, minlength=len(column.labels) + 1)[1:]
    common = np.argsort(-counts, kind="stable")[:_MOST_VALUES]
    places = np.zeros(len(column.labels) + 1, np.int32)
    places[common + 1] = np.arange(1, len(common) + 1)
    return Group(places[column.codes], tuple(column.labels[code] for code in common.tolist()))


def _quarters(numbers: Array) -> Group | None:
    known = numbers[~np.isnan(numbers)]
    if len(known) == 0:
        return None
    ends = np.unique(np.quantile(known, (0, 0.25, 0.5, 0.75, 1), method="nearest"))
    if len(ends) == 1:
        return None
    codes = np.clip(np.searchsorted(ends, numbers, side="right"), 1, len(ends) - 1)
    labels = tuple(f"{low:g}–{high:g}" for low, high in pairwise(ends))
    return Group(np.where(np.isnan(numbers), MISSING, codes).astype(np.int32), labels)


def _of_values(values: pl.Series) -> Group | None:
    import polars as pl

    if values.dtype.is_numeric() and values.n_unique() > _MOST_VALUES:
        return _quarters(values.cast(pl.Float64).to_numpy())
    words, places = different(values)
    counts = np.bincount(places, minlength=len(words))
    common = [code for code in np.argsort(-counts, kind="stable").tolist() if words[code] is not None][:_MOST_VALUES]
    codes = np.zeros(len(words), np.int32)
    codes[common] = np.arange(1, len(common) + 1)
    return Group(codes[places], tuple(str(words[code]) for code in common)) if common else None


def represented(evidence: Evidence) -> dict[str, Any]:
    """For each group: its rows by split, its share of training rows, and how the target falls in it.

    Of classes the ``rate`` is the share of ``of``: of two the rarer one, of several the commonest; of numbers the mean.
    """
    rows, target = evidence.rows, evidence.target
    of: str | None = None
    values: Array
    if isinstance(target.kind, Category):
        counts = np.bincount(target.codes[rows], minlength=len(target.labels) + 1)[1:]
        ordered = np.argsort(-counts, kind="stable")
        code = int(ordered[1] if np.count_nonzero(counts) == 2 else ordered[0])  # noqa: PLR2004 — yes and no
        of, values = target.labels[code], (target.codes == code + 1).astype(np.float64)
    elif isinstance(target.kind, Number) and target.numbers is not None:
        values = target.numbers
    else:
        values = np.full(len(target.codes), np.nan)
    told: dict[str, Any] = {}
    for name, group in evidence.groups.items():
        entries = []
        for code, label in enumerate(group.labels[:_MOST_TOLD], start=1):
            own = rows[group.codes[rows] == code]
            counts_of = {
                split: int((group.codes[of_split] == code).sum()) for split, of_split in evidence.splits.rows.items()
            }
            if len(own):
                entries.append({"group": label, "rows": counts_of, **_rate(values[own], is_share=of is not None)})
        if entries:
            told[name] = {"of": of, "groups": entries}
    return told


def _rate(values: Array, *, is_share: bool) -> dict[str, float | None]:
    if np.isnan(values).any():
        return {"rate": None, "low": None, "high": None}
    mean, count = float(values.mean()), len(values)
    if is_share:
        low, high = wilson(mean * count, count)
    else:
        half = _Z * float(values.std()) / count**0.5
        low, high = mean - half, mean + half
    return {"rate": mean, "low": low, "high": high}


def wilson(hits: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    share, square = hits / count, _Z**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = _Z / (1 + square / count) * (share * (1 - share) / count + square / (4 * count**2)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)
