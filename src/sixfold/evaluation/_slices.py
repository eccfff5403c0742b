"""Slices of rows: what they have in common, and on which a model does worse than chance would have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from sixfold.evaluation._words import amount
from sixfold.fields import Array, Field
from sixfold.language import Text

__all__ = ["Property", "Slice", "binned", "chances_of_worse", "fewest_rows", "grouped", "properties", "slices_of"]

_BINS = 4
_MOST_VALUES = 30
_MOST_PAIRS = 1500
_PERMUTATIONS = (100, 400)
_MOST_WORK = 1_000_000_000
"""Members of slices × permutations: about 2 s on one core; above, there are fewer permutations."""

_NO_THOUSANDS = 10_000
_SMALLEST_SHARE = 0.01
_FEWEST_ROWS = 20

_UNKNOWN = Text("not known", "未知")
_OTHER = -1

Told: TypeAlias = tuple[Text, Text]
"""Of what something is, and what it is: (length of “review”, 12 – 80)."""


@dataclass(frozen=True)
class Property:
    """What rows may have in common.

    Args:
        column: The column it is told from.
        title: What it is called.
        codes: Which of ``names`` each row has (n,); -1: none of them.
        names: What there is.
    """

    column: str
    title: Text
    codes: Array
    names: Sequence[Text]


@dataclass(frozen=True)
class Slice:
    """Rows that have one thing in common, or two.

    Args:
        told: What that is.
        rows: Their positions, rising.
        columns: Which columns it is told from.
    """

    told: tuple[Told, ...]
    rows: Array
    columns: tuple[str, ...]


def properties(given: Mapping[str, Field], raw: Mapping[str, list[Any]], arrays: Mapping[str, Array]) -> list[Property]:
    """What rows may have in common, of every given column that tells: categories and their values, numbers and dates in
    bins of as many rows, texts and series by their length, pictures by their brightness.

    Args:
        given: The fitted fields of the given columns.
        raw: The columns that are not heavy, and texts, as they were collected.
        arrays: Of pictures the mean of each (n,), of series how many steps each has (n,).
    """
    found = []
    for name, field in given.items():
        match field.kind():
            case "category" | "yes_no":
                found.append(grouped(name, _parsed(field, raw[name])))
            case "number":
                values = [np.nan if value is None else float(value) for value in _parsed(field, raw[name])]
                found.append(binned(name, Text(name, name), np.array(values)))
            case "date":
                found.append(_dated(name, _parsed(field, raw[name])))
            case "text":
                lengths = np.array([np.nan if text is None else len(str(text)) for text in raw[name]])
                found.append(binned(name, Text(f"letters in {name}", f"{name} 的字数"), lengths))
            case "series" if name in arrays:
                found.append(binned(name, Text(f"steps of {name}", f"{name} 的步数"), arrays[name]))
            case "image" if name in arrays:
                found.append(binned(name, Text(f"brightness of {name}", f"{name} 的亮度"), arrays[name], percent=True))
    return [one for one in found if len(one.names) > 1]


def grouped(column: str, values: Sequence[Any]) -> Property:
    """Rows by their value, of at most the 30 most frequent ones."""
    told = [None if value is None else str(value) for value in values]
    frequent = [name for name, _ in Counter(told).most_common(_MOST_VALUES)]
    places = {name: place for place, name in enumerate(frequent)}
    codes = np.array([places.get(name, _OTHER) for name in told], np.int64)
    names = [_UNKNOWN if name is None else Text(name, name) for name in frequent]
    return Property(column, Text(column, column), codes, names)


def binned(column: str, title: Text, values: Array, *, percent: bool = False, bins: int = _BINS) -> Property:
    """Rows by the size of a number (n,), NaN where it is not known: in bins of about as many rows."""
    values = np.asarray(values, np.float64)  # whole numbers know no infinity, which an empty column has as its least
    values = np.asarray(values, np.float64)
    known = values[np.isfinite(values)]
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="nearest")) if known.size else np.zeros(0)
    edges = edges[edges > known.min(initial=np.inf)]
    codes = np.searchsorted(edges, values, side="right")
    unknown, names = ~np.isfinite(values), []
    for place in range(len(edges) + 1):
        inside = values[(codes == place) & ~unknown]
        low, high = (_number(end, percent=percent) for end in (inside.min(initial=np.inf), inside.max(initial=-np.inf)))
        names.append(Text(low, low) if low == high else Text(f"{low} – {high}", f"{low} – {high}"))
    if unknown.any():
        codes[unknown] = len(names)
        names.append(_UNKNOWN)
    return Property(column, title, codes, names)


def slices_of(found: Sequence[Property], rows: int, *, with_pairs: bool = True) -> list[Slice]:
    """The slices of properties that have enough rows (20, and 1 %), and the pairs of them.

    Args:
        found: The properties.
        rows: How many rows there are.
        with_pairs: Whether pairs are looked at: the largest 1,500. Which ones does not depend on how rows were
            answered, or chance would be underrated.
    """
    least, single = fewest_rows(rows), []
    for one in found:
        for code, name in enumerate(one.names):
            places = np.flatnonzero(one.codes == code)
            if least <= len(places) < rows:
                single.append(Slice(((one.title, name),), places, (one.column,)))
    if not with_pairs or not single:
        return single
    holds = np.zeros((len(single), rows), bool)
    for place, part in enumerate(single):
        holds[place, part.rows] = True
    counts = holds.astype(np.float32) @ holds.T.astype(np.float32)
    titles = np.unique([part.told[0][0].en for part in single], return_inverse=True)[1]
    sizes = np.diag(counts)
    smaller = np.minimum(sizes[:, None], sizes[None])
    told_apart = (titles[:, None] < titles[None]) & (counts >= least) & (counts < smaller)
    ones, others = np.nonzero(told_apart)
    largest = np.argsort(-counts[ones, others], kind="stable")[:_MOST_PAIRS]
    pairs = []
    for one, other in zip(ones[largest].tolist(), others[largest].tolist(), strict=True):
        first, second = single[min(one, other)], single[max(one, other)]
        rows_of_both = np.flatnonzero(holds[one] & holds[other])
        pairs.append(Slice((*first.told, *second.told), rows_of_both, (*first.columns, *second.columns)))
    return [*single, *pairs]


def fewest_rows(rows: int) -> int:
    """How many rows a slice of so many must have to be looked at."""
    return max(_FEWEST_ROWS, int(np.ceil(_SMALLEST_SHARE * rows)))


def chances_of_worse(parts: Sequence[Slice], harm: Array, *, seed: int) -> Array:
    """How likely a slice as bad as each would be found somewhere among all of them by chance alone (m,).

    The maximum of all slices' standardised distances from the mean, over permutations of the rows (Westfall & Young
    1993, single step): so having looked at many slices, that overlap as they like, is paid for.

    Args:
        parts: Every slice that was looked at.
        harm: How badly each row was answered (n,).
        seed: Of the permutations.
    """
    from scipy.sparse import csr_matrix

    rows, sizes = len(harm), np.array([len(part.rows) for part in parts])
    places, starts = np.concatenate([part.rows for part in parts]), np.concatenate([[0], np.cumsum(sizes)])
    members = csr_matrix((np.ones(len(places), np.float32), places, starts), shape=(len(parts), rows))
    spread = float(harm.std())
    if spread == 0:
        return np.ones(len(parts))
    centred = ((harm - harm.mean()) / spread).astype(np.float32)
    scale = 1 / np.sqrt(sizes * (1 - sizes / rows))
    random = np.random.default_rng(seed)
    permutations = int(np.clip(_MOST_WORK // len(places), *_PERMUTATIONS))
    shuffled = np.stack([random.permutation(centred) for _ in range(permutations)], axis=1)
    highest = (members @ shuffled * scale[:, None]).max(axis=0)
    here = (members @ centred) * scale
    return np.asarray((1 + (highest[None] >= here[:, None] - 1e-6).sum(axis=1)) / (1 + permutations))


def _parsed(field: Field, values: Iterable[Any]) -> list[Any]:
    """Values in their plain form, ``None`` where they are missing or cannot be read."""
    found = []
    for value in values:
        try:
            found.append(field.parse(value))
        except ValueError:
            found.append(None)
    return found


def _dated(column: str, values: Sequence[Any]) -> Property:
    days = np.array([str(value)[:10] if value is not None else "NaT" for value in values], "M8[D]")
    numbers = np.where(np.isnat(days), np.nan, days.astype(np.int64).astype(np.float64))
    told = binned(column, Text(column, column), numbers)
    names = []
    for code, name in enumerate(told.names):
        inside = days[told.codes == code]
        low, high = str(inside.min()), str(inside.max())
        names.append(name if name is _UNKNOWN else Text(f"{low} – {high}", f"{low} – {high}"))
    return Property(told.column, told.title, told.codes, names)


def _number(value: float, *, percent: bool) -> str:
    if percent:
        return f"{100 * value:.0f}%"
    if float(value).is_integer():
        return f"{value:.0f}" if abs(value) < _NO_THOUSANDS else f"{value:,.0f}"
    return amount(value)
