"""Windows: what a forecast is learned from. Of each series of a long table, stretches of its past and what came next.

A window is a row like any other: the past as it would be sent to the service, and the steps that followed it. Beside
its columns it carries when its future begins and ends, so that a split can keep the futures of its parts apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sixfold.errors import ProductError, SourceError
from sixfold.fields import Array
from sixfold.fields.neighbours import Neighbours
from sixfold.product import Product
from sixfold.sources._binding import HISTORY, NEIGHBOURS, Binding
from sixfold.sources._long import ID, SCENE, TIME
from sixfold.sources._reading import as_moments, as_numbers
from sixfold.sources._splits import SPLITS

if TYPE_CHECKING:
    import polars as pl

__all__ = ["cut"]

_ROWS_AT_ONCE = 4096
_FEWEST_WINDOWS = 6
_DAY = 86_400.0
_MONTH_DAYS = 27
"""Steps of so many days and more are counted in months, which are not all as long."""

_MOST_MONTHS = 12
_NATURAL = ((3_600.0, 24), (_DAY, 7), (7 * _DAY, 52))
"""Steps of an hour, a day and a week in seconds, and after how many a season begins anew."""

_LEAST_SEASONALITY, _AS_HIGH = 0.3, 0.9
_LONGEST_SEASON = 400
_SHORTEST_HISTORY, _SEASONS_BACK, _FUTURES_BACK = 8, 2, 2
"""A past has so many steps at least, so many seasons, and is so many times as long as what is predicted."""


def _steps(product: Product) -> int | None:
    steps = product.target.options.get("steps") if product.target.kind == "series" else None
    return int(steps) if steps is not None else None


@dataclass(frozen=True, slots=True)
class _Track:
    """One series: its lines in the order of time.

    Args:
        key: The values of the columns that tell it from others: split, scene, id.
        places: The rows of the table that are its lines (n,).
        at: Its steps in the unit of time, whole numbers (n,).
    """

    key: tuple[Any, ...]
    places: Array
    at: Array


def cut(
    lines: pl.DataFrame, bound: Sequence[Binding], product: Product, about: dict[str, Any]
) -> Iterator[pl.DataFrame]:
    """The windows of all series: one row for each moment from which a forecast can be made and be judged.

    A given series is its last steps before that moment, oldest first; a date is the moment itself, the first step to be
    predicted; any other column has the value of the last line before it.

    Args:
        lines: All lines: the columns of the product; ``ID`` and ``TIME`` where they are told.
        bound: What the columns of the product are.
        product: The declaration.
        about: Told what was found: ``history``, ``steps``, ``season``.

    Raises:
        SourceError: A series has a gap, two lines at the same time, or all of them are too short.
    """
    import polars as pl

    steps = _steps(product)
    assert steps is not None
    kinds = {name: spec.kind for name, spec in {**product.given, product.target_name: product.target}.items()}
    numbers = {one.name: _numbers(lines[one.name]) for one in bound if kinds.get(one.name) == "series"}
    nearby = {name: _most(product, name) for name, kind in kinds.items() if kind == NEIGHBOURS}
    if nearby and SCENE not in lines.columns:
        raise ProductError("neighbours_without_scene", place=product.place(f"given.{next(iter(nearby))}"))
    clock = _clock(lines, bound, kinds, product)
    tracks = list(_tracks(lines, clock, product))
    scenes = _Scenes(tracks, numbers[product.target_name]) if nearby else None
    season = (
        1
        if SCENE in lines.columns
        else _season(product, [numbers[product.target_name][track.places] for track in tracks], clock.natural)
    )
    length = _history(product, max((len(track.places) for track in tracks), default=0), steps, season)
    about.update(history=length, steps=steps, season=season, series=len(tracks))
    plain = [one.name for one in bound if one.name not in numbers and one.name not in nearby]
    rows = 0
    for track in tracks:
        origins = np.arange(length, len(track.places) - steps + 1)
        target = numbers[product.target_name][track.places]
        known: Array = np.asarray(~np.isnan(target).all(axis=1))
        ahead = np.lib.stride_tricks.sliding_window_view(known, steps) if len(known) >= steps else known[:0, None]
        origins = origins[ahead[origins].any(axis=1)] if len(origins) else origins
        scale = _scale(target, season)
        for part in np.array_split(origins, max(1, -(-len(origins) // _ROWS_AT_ONCE))):
            if not len(part):
                continue
            rows += len(part)
            columns = []
            for name, values in numbers.items():
                own = values[track.places]
                reach = np.arange(steps) if name == product.target_name else np.arange(-length, 0)
                columns.append(_listed(name, own[part[:, None] + reach]))
            for name, most in nearby.items():
                assert scenes is not None
                columns.append(_listed(name, scenes.around(track, part, length, most)))
            for name in plain:
                at = track.places[part] if kinds.get(name) == "date" else track.places[part - 1]
                columns.append(lines[name][at.tolist()])
            columns += [
                pl.Series("__start__", track.at[part], dtype=pl.Int64),
                pl.Series("__end__", track.at[part + steps - 1], dtype=pl.Int64),
                pl.Series("__clock__", [clock.named(track.key)] * len(part), dtype=pl.String),
                _listed("__scale__", scale[part]),
                pl.Series("__path__", [clock.shown(track, int(origin)) for origin in part], dtype=pl.String),
            ]
            if "__split__" in lines.columns:
                columns.append(lines["__split__"][track.places[part].tolist()])
            yield pl.DataFrame(columns)
    if rows < _FEWEST_WINDOWS:
        longest = max((len(track.places) for track in tracks), default=0)
        raise SourceError(
            "series_too_short",
            place=product.place(f"given.{HISTORY}"),
            longest=longest,
            history=length,
            steps=steps,
            needed=length + steps + _FEWEST_WINDOWS - 1,
        )


def _numbers(column: pl.Series) -> Array:
    """A column of numbers, or of lists of as many channels, as float64 (lines, channels), NaN where missing."""
    import polars as pl

    if isinstance(column.dtype, pl.List):
        width = int(column.list.len().max() or 1)  # type: ignore[arg-type]
        return np.stack([column.list.get(index, null_on_oob=True).to_numpy() for index in range(width)], axis=1)
    return np.array(column.cast(pl.Float64).to_numpy(), np.float64)[:, None]


def _listed(name: str, values: Array) -> pl.Series:
    """Arrays (n, …, channels) as a column of lists of lists; of series, one channel alone as plain numbers."""
    import polars as pl

    values = values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values  # noqa: PLR2004
    inner: Any = pl.Float64()
    for _ in range(values.ndim - 1):
        inner = pl.List(inner)
    return pl.Series(name, np.ascontiguousarray(values)).cast(inner)


@dataclass(frozen=True)
class _Clock:
    """Time as whole steps.

    Args:
        at: The step of each line (lines,).
        natural: After how many steps a season begins anew, by the calendar; 1 where it does not tell.
        is_told: Whether a column says it; else lines follow each other as they stand.
        shown: How a track and one of its origins are called.
        named: The clock that a track goes by: tracks of one clock have their moments in common.
    """

    at: Array
    natural: int
    is_told: bool
    shown: Callable[[_Track, int], str]
    named: Callable[[tuple[Any, ...]], str]


def _clock(lines: pl.DataFrame, bound: Sequence[Binding], kinds: Mapping[str, str], product: Product) -> _Clock:
    import polars as pl

    dates = [one for one in bound if kinds.get(one.name) == "date"]
    told = product.collect.rows.time is not None
    column, key = (lines[TIME], "collect.rows.time") if told else (None, "")
    if column is None and dates:
        column, key = lines[dates[0].name], dates[0].key

    def called(track: _Track, origin: int) -> str:
        when = "#" + str(origin + 1) if column is None else str(column[int(track.places[origin])])
        return f"{_called(track)} {when}".strip()

    if column is None:
        return _Clock(np.zeros(0, np.int64), 1, False, called, lambda key: " ".join(map(str, key)))
    name = product.collect.rows.time if told else dates[0].columns[0]
    numbers, wrong = as_numbers(column)
    if wrong or column.dtype.is_temporal() or numbers.null_count():
        moments, wrong = as_moments(column)
        if wrong or moments.null_count():
            first = int(moments.is_null().arg_max() or 0)
            raise SourceError(
                "bad_line_time", place=product.place(key), column=name, id=f"#{first + 1}", value=str(column[first])
            )
        seconds = moments.cast(pl.Int64).to_numpy().astype(np.float64) / 1e6
        at, natural = _of_moments(seconds, moments, lines)
    else:
        steps = numbers.to_numpy().astype(np.float64)
        at, natural = _whole(steps, _usual(steps, lines)), 1
    return _Clock(at, natural, True, called, lambda key: " ".join(map(str, key[:-1])))


def _of_moments(seconds: Array, moments: pl.Series, lines: pl.DataFrame) -> tuple[Array, int]:
    """Moments as whole steps: of months where they lie so far apart, else of the usual distance."""
    usual = _usual(seconds, lines)
    if usual < _MONTH_DAYS * _DAY:
        return _whole(seconds, usual), next((season for size, season in _NATURAL if abs(usual - size) < size / 100), 1)
    months = (moments.dt.year().to_numpy().astype(np.int64) * _MOST_MONTHS) + moments.dt.month().to_numpy() - 1
    size = max(1, round(_usual(months.astype(np.float64), lines)))
    return months // size, max(1, _MOST_MONTHS // size)


def _usual(at: Array, lines: pl.DataFrame) -> float:
    """The commonest distance between one line and the next of its series; 1 where there is none."""
    import polars as pl

    keys = [name for name in ("__split__", SCENE, ID) if name in lines.columns]
    ids = np.zeros(len(at))
    if keys:
        ids = lines.select(pl.struct(keys).rank("dense")).to_series().to_numpy()
    order = np.lexsort((at, ids))
    gaps = np.diff(at[order])[np.diff(ids[order]) == 0]
    gaps = gaps[gaps > 0]
    if not len(gaps):
        return 1.0
    values, counts = np.unique(np.round(gaps, 6), return_counts=True)
    return float(values[counts.argmax()])


def _whole(at: Array, usual: float) -> Array:
    return np.round((at - at.min()) / usual).astype(np.int64) if len(at) else at.astype(np.int64)


def _tracks(lines: pl.DataFrame, clock: _Clock, product: Product) -> Iterator[_Track]:
    """The series, in the order in which they first stand there, each in the order of time."""
    keys = [name for name in ("__split__", SCENE, ID) if name in lines.columns]
    groups = (
        lines.select(keys).with_row_index("\0place").group_by(keys, maintain_order=True).agg("\0place").rows()
        if keys
        else [(list(range(lines.height)),)]
    )
    for *key, members in groups:
        places = np.array(members, np.int64)
        told = tuple(key)
        at = clock.at[places] if clock.is_told else np.arange(len(places))
        order = np.argsort(at, kind="stable")
        places, at = places[order], at[order]
        track = _Track(told, places, at)
        if SCENE not in lines.columns:
            yield _without_gaps(track, clock, product)
            continue
        _hold_once(track, clock, product)
        for piece in np.split(np.arange(len(at)), np.flatnonzero(np.diff(at) > 1) + 1):  # gone for a while: anew
            yield _Track(told, places[piece], at[piece])


def _hold_once(track: _Track, clock: _Clock, product: Product) -> None:
    """Hold that no two lines of a series are of the same moment."""
    twice = np.flatnonzero(np.diff(track.at) == 0)
    if len(twice):
        raise SourceError("same_time", **_where(track, int(twice[0]), clock, product))


def _without_gaps(track: _Track, clock: _Clock, product: Product) -> _Track:
    _hold_once(track, clock, product)
    gaps = np.flatnonzero(np.diff(track.at) > 1)
    if len(gaps):
        missing = int(track.at[gaps[0] + 1] - track.at[gaps[0]] - 1)
        told = _where(track, int(gaps[0]), clock, product)
        raise SourceError("series_with_gaps", missing=missing, **told)
    return track


def _where(track: _Track, place: int, clock: _Clock, product: Product) -> dict[str, Any]:
    return {
        "place": product.place("collect.rows"),
        "column": product.collect.rows.time or product.target_name,
        "id": _called(track) or product.target_name,
        "time": clock.shown(_Track((), track.places, track.at), place),
    }


def _called(track: _Track) -> str:
    """What tells a series from others, as people find it: of a file its name alone; the split is told elsewhere."""
    known = (str(part) for part in track.key if part is not None and part not in SPLITS)
    return " ".join(part.rpartition("/")[2] for part in known)


class _Scenes:
    """Who is where, when: the agents of each scene by moment.

    Args:
        tracks: All of them; those of one scene have the same key but for its last part.
        positions: Of every line (lines, channels).
    """

    def __init__(self, tracks: Sequence[_Track], positions: Array) -> None:
        self._tracks, self._positions = tracks, positions
        self._there: dict[tuple[Any, ...], dict[int, list[int]]] = {}
        for number, track in enumerate(tracks):
            moments = self._there.setdefault(track.key[:-1], {})
            for at in track.at.tolist():
                moments.setdefault(at, []).append(number)

    def around(self, track: _Track, origins: Array, length: int, most: int) -> Array:
        """The last steps of those nearest to an agent, the nearest first, for each moment to forecast from.

        NaN where there is nobody, or nobody yet: (n, most, length, channels).
        """
        found = np.full((len(origins), most, length, self._positions.shape[1]), np.nan)
        moments = self._there[track.key[:-1]]
        for row, origin in enumerate(origins.tolist()):
            now = int(track.at[origin - 1])
            own = self._positions[track.places[origin - 1]]
            others = [self._tracks[number] for number in moments[now] if self._tracks[number].key != track.key]
            if not others:
                continue
            last = [now - int(one.at[0]) for one in others]
            where = self._positions[[one.places[at] for one, at in zip(others, last, strict=True)]]
            distances = np.sqrt(((where - own) ** 2).sum(axis=1))
            for place, nearest in enumerate(np.argsort(np.nan_to_num(distances, nan=np.inf), kind="stable")[:most]):
                steps = others[nearest].places[max(0, last[nearest] - length + 1) : last[nearest] + 1]
                found[row, place, length - len(steps) :] = self._positions[steps]
        return found


def _most(product: Product, name: str) -> int:
    """How many neighbours are looked at."""
    field = product.given[name].field(name)
    assert isinstance(field, Neighbours)
    return field.most


def _season(product: Product, series: Sequence[Array], natural: int) -> int:
    """After how many steps a season begins anew: what is said, else what the oldest half of each series shows.

    That half is training rows whatever the split: the newest rows test and validate.
    """
    for spec in (product.target, product.given[HISTORY]):
        if (said := spec.options.get("season")) is not None:
            return int(said)
    halves = [one[: len(one) // 2] for one in sorted(series, key=len)[-20:]]
    found = [_autocorrelation(half) for half in halves if len(half) >= 2 * _SHORTEST_HISTORY]
    if not found:
        return 1
    most = max(map(len, found))
    sums, counts = np.zeros(most), np.zeros(most)
    for one in found:
        sums[: len(one)] += one
        counts[: len(one)] += 1
    mean = sums / np.maximum(counts, 1)
    if 1 < natural < most and mean[natural] >= _LEAST_SEASONALITY:
        return natural
    peaks = [
        lag
        for lag in range(2, 2 * most // 3)  # what the calendar does not tell must be seen three times
        if mean[lag] >= max(_LEAST_SEASONALITY, mean[lag - 1], mean[lag + 1])
    ]
    highest = max((mean[lag] for lag in peaks), default=0.0)
    return next((lag for lag in peaks if mean[lag] >= _AS_HIGH * highest), 1)  # two seasons are no season


def _autocorrelation(series: Array) -> Array:
    """The mean autocorrelation of the channels' differences at lags 0, 1 … half the length."""
    most = min(_LONGEST_SEASON, len(series) // 2) + 1
    found = []
    for column in series.T:
        filled = np.where(np.isnan(column), np.nanmean(column) if (~np.isnan(column)).any() else 0.0, column)
        change = np.diff(filled)
        change = change - change.mean()
        power = float((change**2).sum())
        found.append(
            np.array([float((change[lag:] * change[: len(change) - lag]).sum()) / power for lag in range(most)])
            * (len(change) / (len(change) - np.arange(most)))  # of fewer pairs, as if there were as many
            if power > 0
            else np.zeros(most)
        )
    return np.asarray(np.mean(found, axis=0))


def _history(product: Product, longest: int, steps: int, season: int) -> int:
    """How many steps of the past are looked at: what is said, else enough for two seasons; less of short series."""
    said = product.given[HISTORY].options.get("length")
    if said is not None:
        return int(said)
    wished = max(_SHORTEST_HISTORY, _SEASONS_BACK * season, _FUTURES_BACK * steps)
    return max(1, min(wished, (longest - steps) // 2))


def _scale(target: Array, season: int) -> Array:
    """For every origin and channel, how far off the seasonal naive forecast was before it, on average: what errors are
    measured in (Hyndman & Koehler 2006); NaN where nothing is known. (n + 1, channels)."""
    gaps = np.full(target.shape, np.nan)
    gaps[season:] = np.abs(target[season:] - target[:-season]) if len(target) > season else gaps[season:]
    known = ~np.isnan(gaps)
    sums, counts = np.cumsum(np.where(known, gaps, 0.0), axis=0), np.cumsum(known, axis=0)
    mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return np.concatenate([np.full((1, target.shape[1]), np.nan), mean])
