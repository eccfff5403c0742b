"""Which rows train, which validate, which test."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from sixfold.errors import DataError, Place
from sixfold.fields import Array
from sixfold.fields.category import Category
from sixfold.fields.date import Date
from sixfold.preparing._codes import binned
from sixfold.preparing._column import Column, different
from sixfold.product import Split

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Official", "Spans", "Splits", "Way", "split", "strata"]

SplitName: TypeAlias = Literal["train", "validation", "test"]
Official: TypeAlias = Sequence[str | None] | Array
Way: TypeAlias = Literal["official", "stratified", "random", "group", "time", "fold"]

_STRATA = 10
_FEWEST_IN_STRATUM = 20
"""A number to predict is drawn evenly from ten ranges of equal rows; from fewer where those would be smaller."""

_FEWEST = 3
"""Rows, groups or moments from which three splits can be made."""

_ORDERS_TRIED = 32
"""Random orders of groups, of which the one is taken whose shares of rows and classes come closest to those wanted."""


@dataclass(frozen=True, slots=True)
class Splits:
    """Row numbers of each split, ascending; how it was made; and which splits are the source's own."""

    rows: dict[SplitName, Array]
    way: Way
    official: frozenset[SplitName] = frozenset()


@dataclass(frozen=True, slots=True)
class Spans:
    """When the future of each window begins and ends (rows,), in whole steps of time, and by which clock: windows of
    one clock have their moments in common."""

    starts: Array
    ends: Array
    clocks: Array


def split(
    told: Split,
    candidates: Array,
    *,
    classes: Array | None = None,
    same: Array | None = None,
    official: Official | None = None,
    groups: pl.Series | None = None,
    times: pl.Series | None = None,
    spans: Spans | None = None,
) -> Splits:
    """Rows divided into train, validation and test, always the same for the same ``told.seed``.

    Left out, the way is the source's own split where it has one, else stratified where there are classes (or ranges of
    a number to predict, see :func:`strata`), else random.
    An official split that lacks validation or test has them drawn from its training rows. Rows with the same ``same``
    are kept together wherever rows are drawn at random (not where groups, time or the source decide).

    Args:
        told: What product.yaml says.
        candidates: Row numbers that may be used, ascending.
        classes: (rows,) the class of each row, to draw the same share of each; ``None`` where there are no classes.
        same: (rows,) equal for rows with equal given values; ``None``: every row is one of its own.
        official: The source's own split of each row, where it has one.
        groups: The column of ``group:``.
        times: The column of ``time:``.
        spans: Of windows of series, when the future of each begins and ends: the newest test, and none whose future
            reaches into that of a later split is used. A way that would mix futures is refused.

    Raises:
        DataError: There are too few rows, groups or moments; the source has no split of its own; times cannot be read.
    """
    if len(candidates) < _FEWEST:
        raise DataError("too_few_rows", rows=len(candidates), split="–")
    has_official = official is not None and any(name in ("test", "validation") for name in official)
    way: Way = told.way or (  # type: ignore[assignment]  # Split.by is one of these words
        "official" if has_official else "stratified" if classes is not None else "random"
    )
    dice = np.random.default_rng([told.seed, 6])
    if spans is not None and way not in ("official", "group", "time"):
        if told.way not in (None, "time"):
            raise DataError("windows_overlap", place=Place(key="prepare.split"), way=told.way)
        way = "time"
    given: frozenset[SplitName] = frozenset()
    match way:
        case "official":
            if official is None or not has_official:
                raise DataError("no_official_split", place=Place(key="prepare.split.by"))
            draw = partial(_newest_windows, spans=spans, origins=told.origins) if spans is not None else None
            rows, given = _official(told, candidates, classes, same, official=official, dice=dice, draw=draw)
        case "group":
            assert groups is not None
            rows = _by_group(told, candidates, classes, _codes(groups), dice)
        case "time" if spans is not None:
            rest, test = _newest_windows(candidates, told.test, spans=spans, origins=told.origins)
            train, validation = _newest_windows(rest, told.validation, spans=spans, origins=told.origins)
            rows = {"train": train, "validation": validation, "test": test}
        case "time":
            assert times is not None
            rows = _by_time(told, candidates, times)
        case "fold":
            rows = _by_fold(told, candidates, classes, same, dice)
        case _:
            strata = classes if way == "stratified" else None
            rest, test = _drawn(candidates, told.test, strata, same, dice)
            train, validation = _drawn(rest, told.validation, strata, same, dice)
            rows = {"train": train, "validation": validation, "test": test}
    for name, members in rows.items():
        if len(members) == 0:
            raise DataError("too_few_rows", rows=len(candidates), split=name)
    return Splits({name: np.sort(rows[name]) for name in ("train", "validation", "test")}, way, given)


def strata(target: Column, candidates: Array) -> Array | None:
    """(rows,) what rows are drawn evenly by: the class, or the range that a number lies in; ``None``: nothing.

    Args:
        target: The target column.
        candidates: Row numbers that may be used.
    """
    if isinstance(target.kind, Category):
        return target.codes
    ranges = min(_STRATA, len(candidates) // _FEWEST_IN_STRATUM)
    if target.numbers is None or ranges < 2:  # noqa: PLR2004
        return None
    chosen = np.zeros(len(target.numbers), np.int64)
    chosen[candidates] = binned(target.numbers[candidates], ranges)
    return chosen


def _official(
    told: Split,
    candidates: Array,
    classes: Array | None,
    same: Array | None,
    *,
    official: Official,
    dice: np.random.Generator,
    draw: Callable[[Array, float], tuple[Array, Array]] | None = None,
) -> tuple[dict[SplitName, Array], frozenset[SplitName]]:
    names = np.array([name or "train" for name in official], dtype=object)[candidates]
    rows: dict[SplitName, Array] = {"train": candidates[~np.isin(names, ("validation", "test"))]}
    parts: tuple[tuple[SplitName, float], ...] = (("test", told.test), ("validation", told.validation))
    given: frozenset[SplitName] = frozenset(name for name, _ in parts if (names == name).any())
    if len(rows["train"]) == 0:
        raise DataError("no_training_rows")
    for name, share in parts:
        if name in given:
            rows[name] = candidates[names == name]
        else:
            drawn = draw(rows["train"], share) if draw else _drawn(rows["train"], share, classes, same, dice)
            rows["train"], rows[name] = drawn
    return rows, given | {"train"}


def _drawn(
    candidates: Array, share: float, classes: Array | None, same: Array | None, dice: np.random.Generator
) -> tuple[Array, Array]:
    """(the rest, about ``share`` of the rows): the same share of each class, rows of equal ``same`` together.

    Of a class with two units or more, at least one goes to either side; one alone stays in the rest.
    """
    units, stratum, sizes = _units(candidates, classes, same)
    chosen = np.zeros(len(sizes), bool)
    owed = 0.0  # what rounding kept back from the class before, so that the total comes out right
    for members in _members_by(stratum, dice):
        if len(members) == 1:
            continue
        wanted = float(sizes[members].sum()) * share + owed
        quota, taken = max(round(wanted), 1), 0
        members_but_one = members[:-1]  # one stays, whatever the share
        if sizes[members].max() == 1:
            chosen[members_but_one[:quota]] = True
            taken = len(members_but_one[:quota])
        else:
            for unit in members_but_one:
                if taken == quota:
                    break
                if taken + sizes[unit] <= quota:
                    chosen[unit] = True
                    taken += int(sizes[unit])
        if taken == 0:
            smallest = members[np.argmin(sizes[members])]
            chosen[smallest] = True
            taken = int(sizes[smallest])
        owed = float(np.clip(wanted - taken, -1, 1))
    side = chosen[units]
    return candidates[~side], candidates[side]


def _by_fold(
    told: Split, candidates: Array, classes: Array | None, same: Array | None, dice: np.random.Generator
) -> dict[SplitName, Array]:
    """The test is one of ``of`` folds; together they hold every row once, whichever of them is asked for."""
    assert told.fold is not None
    assert told.of is not None
    units, stratum, sizes = _units(candidates, classes, same)
    if len(sizes) < told.of:
        raise DataError("too_few_for_folds", rows=len(sizes), folds=told.of)
    fold_of = np.zeros(len(sizes), np.int64)
    turn = 0
    for members in _members_by(stratum, dice):
        # The largest units first, each to the fold that has the fewest rows of this class; ties go round.
        heap = [(0, (fold - turn) % told.of, fold) for fold in range(told.of)]
        heapq.heapify(heap)
        for unit in members[np.argsort(-sizes[members], kind="stable")]:
            held, order, fold = heapq.heappop(heap)
            fold_of[unit] = fold
            heapq.heappush(heap, (held + int(sizes[unit]), order, fold))
        turn += len(members)
    is_test = fold_of[units] == told.fold - 1
    train, validation = _drawn(
        candidates[~is_test], told.validation, classes, same, np.random.default_rng([told.seed, told.fold])
    )
    return {"train": train, "validation": validation, "test": candidates[is_test]}


def _by_group(
    told: Split, candidates: Array, classes: Array | None, groups: Array, dice: np.random.Generator
) -> dict[SplitName, Array]:
    """No group on two sides; a row without a group is one of its own."""
    groups = np.where(groups > 0, groups, groups.max(initial=0) + 1 + np.arange(len(groups)))
    count = len(np.unique(groups[candidates]))
    if count < _FEWEST:
        raise DataError("too_few_groups", groups=count)
    rest, test = _drawn_groups(candidates, told.test, classes, groups, dice, stay=2)
    train, validation = _drawn_groups(rest, told.validation, classes, groups, dice, stay=1)
    return {"train": train, "validation": validation, "test": test}


def _drawn_groups(
    candidates: Array, share: float, classes: Array | None, groups: Array, dice: np.random.Generator, *, stay: int
) -> tuple[Array, Array]:
    """(the rest, about ``share`` of the rows): whole groups, of which at least ``stay`` are in the rest.

    Of some random orders that one is taken whose classes come closest to their shares.
    """
    _, units = np.unique(groups[candidates], return_inverse=True)
    units = units.reshape(-1)
    _, stratum = np.unique(np.zeros(len(candidates)) if classes is None else classes[candidates], return_inverse=True)
    table = np.zeros((units.max() + 1, stratum.max() + 1))
    np.add.at(table, (units, stratum.reshape(-1)), 1)
    wanted = table.sum(axis=0) * share
    best: tuple[float, Array] | None = None
    for _ in range(_ORDERS_TRIED):
        order = dice.permutation(len(table))
        sums = np.cumsum(table[order], axis=0)[:-stay]
        misses = np.abs(sums - wanted).sum(axis=1)
        length = int(misses.argmin()) + 1
        if best is None or misses[length - 1] < best[0]:
            best = (float(misses[length - 1]), order[:length])
    assert best is not None
    side = np.isin(units, best[1])
    return candidates[~side], candidates[side]


def _by_time(told: Split, candidates: Array, times: pl.Series) -> dict[SplitName, Array]:
    """The newest rows test, the newest of the others validate; a moment is not divided; rows without one are oldest."""
    moments = _moments(times)[candidates]
    rest, test = _newest(candidates, moments, told.test)
    train, validation = _newest(rest, moments[np.isin(candidates, rest)], told.validation)
    return {"train": train, "validation": validation, "test": test}


def _newest_windows(
    candidates: Array, share: float, *, spans: Spans, origins: int | None = None
) -> tuple[Array, Array]:
    """(those whose future ends before the others' begin, the newest), clock by clock; what overlaps is in neither.

    The newest are those of the last ``origins`` moments from which a forecast is made, or of about ``share`` of them.
    """
    before, newest = [], []
    for clock in np.unique(spans.clocks[candidates]):
        own = candidates[spans.clocks[candidates] == clock]
        moments = np.unique(spans.starts[own])
        count = origins if origins is not None else max(1, round(share * len(moments)))
        if len(moments) <= count:
            if origins is not None:
                raise DataError(
                    "too_few_origins", place=Place(key="prepare.split"), moments=len(moments), origins=count
                )
            before.append(own)
            continue
        border = moments[-count]
        before.append(own[spans.ends[own] < border])
        newest.append(own[spans.starts[own] >= border])
    return tuple(np.concatenate([candidates[:0], *parts]) for parts in (before, newest))  # type: ignore[return-value]


def _newest(candidates: Array, moments: Array, share: float) -> tuple[Array, Array]:
    different, counts = np.unique(moments, return_counts=True)
    if len(different) < 2:  # noqa: PLR2004
        raise DataError("too_few_moments", moments=len(different))
    after = len(moments) - np.cumsum(counts)  # rows newer than each moment
    border = different[int(np.abs(after[:-1] - share * len(moments)).argmin())]
    side = moments > border
    return candidates[~side], candidates[side]


def _moments(times: pl.Series) -> Array:
    """(rows,) int64 or float64 in the order of time; missing comes before all."""
    import polars as pl

    if times.dtype == pl.String:
        text = times.str.strip_chars().replace("", None)
        known = text.drop_nulls().len()
        numbers = text.cast(pl.Float64, strict=False)
        times = numbers if numbers.drop_nulls().len() == known else _from_text(text, known)
    elif not (times.dtype.is_temporal() or times.dtype.is_numeric()):
        raise DataError("bad_time", column=times.name, count=times.len())
    numbers = (times.to_physical() if times.dtype.is_temporal() else times).cast(pl.Float64).fill_nan(None)
    return numbers.fill_null(-np.inf).to_numpy()


def _from_text(text: pl.Series, known: int) -> pl.Series:
    import polars as pl

    for layout in _LAYOUTS:
        read = text.str.to_datetime(layout, strict=False, ambiguous="earliest")
        if read.drop_nulls().len() == known:
            return read
    for layout in _DAYS:
        days = text.str.to_date(layout, strict=False)
        if days.drop_nulls().len() == known:
            return days.cast(pl.Datetime)
    return _one_by_one(text)


def _one_by_one(text: pl.Series) -> pl.Series:
    """What is of no single common layout, as the kind of column `date` reads it: seconds since 1970 UTC."""
    import polars as pl

    dates = Date(text.name)
    seconds: dict[str, float | None] = {}
    unread = 0
    for value, count in text.drop_nulls().value_counts().iter_rows():
        try:
            seconds[value] = dates.seconds(value)
        except ValueError:
            unread += count
    if unread:
        raise DataError("bad_time", column=text.name, count=unread)
    return text.replace_strict(seconds, default=None, return_dtype=pl.Float64)


_LAYOUTS = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y年%m月%d日 %H:%M:%S",
)
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日")
"""The commonest layouts, read all at once; only such as can be read in one way (see `sixfold.fields.date`)."""


def _codes(column: pl.Series) -> Array:
    """(rows,) int64: equal where the values are, 0 where missing or blank."""
    values, places = different(column)
    known: dict[str, int] = {}
    codes = [
        0 if value is None or not (text := str(value).strip()) else known.setdefault(text, len(known) + 1)
        for value in values
    ]
    return np.array(codes, np.int64)[places]


def _units(candidates: Array, classes: Array | None, same: Array | None) -> tuple[Array, Array, Array]:
    """What is drawn as one: (the unit of each candidate, the class of each unit, the rows of each unit)."""
    keys = candidates if same is None else same[candidates]
    _, first, units, sizes = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    stratum = np.zeros(len(sizes), np.int64) if classes is None else classes[candidates][first]
    return units.reshape(-1), stratum, sizes


def _members_by(stratum: Array, dice: np.random.Generator) -> list[Array]:
    """The units of each class, each in a random order; the smallest class first."""
    shuffled = dice.permutation(len(stratum))
    shuffled = shuffled[np.argsort(stratum[shuffled], kind="stable")]
    borders = np.flatnonzero(np.diff(stratum[shuffled])) + 1
    return sorted(np.split(shuffled, borders), key=len)
