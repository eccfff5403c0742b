"""The data report, as figures: whoever shows it draws the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sixfold.fields import Array
from sixfold.fields.date import Date
from sixfold.preparing._codes import MISSING, present
from sixfold.preparing._column import Column
from sixfold.preparing._curves import mean_curves
from sixfold.preparing._drift import drifts
from sixfold.preparing._encoding import Encoded
from sixfold.preparing._evidence import PAIRS, Evidence, Found
from sixfold.preparing._groups import represented
from sixfold.preparing._regions import regions
from sixfold.store import ROW

__all__ = ["data_report"]

_QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
_BINS = 20
_TOP = 20
_DRIFTED = 0.02
"""Population stability index beyond chance from which a difference is drawn."""

_FEWEST_MONTHS, _MOST_MONTHS = 3, 120
"""Between these, dates are counted by month: below by day, above by year."""


def data_report(evidence: Evidence, encoded: Encoded, found: Sequence[Found], collected_rows: int) -> dict[str, Any]:
    """What there is to say of the rows, as plain JSON.

    ``findings`` as :meth:`Found.to_json`; ``columns`` by name, the target among them (kind, role, missing share by
    split, distinct values, and by kind: quantiles and histogram, commonest values, picture sizes, dates by month; of
    texts and series no value but their ``lengths``, in tokens or steps up to the ``limit`` kept, and of series the mean
    ``curves``); ``splits`` by name (rows, classes); ``split`` (way, which splits are the source's own); ``shared_rows``
    by pair of splits; ``groups`` as :func:`represented`, ``drift`` as :func:`drifts`, ``next`` as :func:`regions` tell;
    ``leaked_test_rows``: test rows that are also in training or validation; ``left_out`` by reason;
    ``pictures`` (drawn by others).
    """
    splits, same = encoded.splits.rows, evidence.same
    shared = {f"{earlier}/{later}": _shared(same, splits[earlier], splits[later]) for earlier, later in PAIRS}
    leaked = np.union1d(shared["train/test"], shared["validation/test"])
    columns = {name: ("given", column) for name, column in evidence.given.items()}
    columns[evidence.target.name] = ("target", evidence.target)
    if evidence.outcome is not None:
        columns[evidence.outcome.name] = ("outcome", evidence.outcome)
    return {
        "rows": collected_rows,
        "findings": [one.to_json() for one in found],
        "columns": {
            name: {"role": role, **_column(column, splits), **_heavy(name, encoded, evidence)}
            for name, (role, column) in columns.items()
        },
        "splits": {
            name: {
                "rows": len(rows),
                **({"classes": _in_order(evidence.class_rows(rows))} if evidence.is_classification else {}),
            }
            for name, rows in splits.items()
        },
        "split": {"way": encoded.splits.way, "official": sorted(encoded.splits.official)},
        "shared_rows": {pair: len(rows) for pair, rows in shared.items()},
        "leaked_test_rows": leaked.tolist(),
        "left_out": {
            "missing target": len(evidence.untargeted),
            **({} if evidence.without_outcome is None else {"missing outcome": len(evidence.without_outcome)}),
            "unseen classes": len(evidence.unseen),
            "missing pictures": len(evidence.unpictured),
            "unreadable images": len(encoded.lost),
            "shared rows": len(encoded.repeated),
        },
        "groups": represented(evidence),
        "drift": [one for one in drifts(evidence) if one["index"] - one["chance"] >= _DRIFTED][:_TOP],
        "next": regions(evidence),
        "pictures": {},
    }


def _shared(same: Array | None, earlier: Array, later: Array) -> Array:
    return later[present(same[earlier], int(same.max(initial=0)))[same[later]]] if same is not None else later[:0]


def _column(column: Column, splits: Mapping[Any, Array]) -> dict[str, Any]:
    train = splits["train"]
    about: dict[str, Any] = {
        "kind": column.kind.kind(),
        "missing": {name: float((column.codes[rows] == MISSING).mean()) for name, rows in splits.items()},
        "distinct": column.distinct(train),
        "bad": len(column.bad),
    }
    if column.numbers is not None:
        about.update(_numbers(column.numbers, splits))
    elif isinstance(column.kind, Date):
        about.update(_dates(column, splits))
    elif column.labels:
        counts = np.bincount(column.codes[train], minlength=len(column.labels) + 1)[1:]
        top = np.argsort(-counts, kind="stable")[:_TOP]
        about["top"] = [{"value": column.labels[code], "count": int(counts[code])} for code in top if counts[code]]
        about["others"] = int(counts.sum() - counts[top].sum())
    return about


def _dates(column: Column, splits: Mapping[Any, Array]) -> dict[str, Any]:
    """The first and the last training date, and how many rows of each split fall into each day, month or year."""
    assert column.values is not None
    wall = [None if moment is None else moment.replace(tzinfo=None) for moment in column.kind.parsed(column.values)]
    moments = np.array(wall, "M8[us]")[column.codes]
    known = {name: moments[rows][~np.isnat(moments[rows])] for name, rows in splits.items()}
    train = known["train"]
    if train.size == 0:
        return {}
    # As with numbers: bars at both ends hold what lies beyond.
    low, high = np.quantile(train.astype(np.int64), (0.005, 0.995), method="nearest").astype("M8[us]")
    months = int((high.astype("M8[M]") - low.astype("M8[M]")).astype(int))
    unit = "D" if months < _FEWEST_MONTHS else "M" if months <= _MOST_MONTHS else "Y"
    first, last = (int(end.astype(f"M8[{unit}]").astype(np.int64)) for end in (low, high))
    bars = {
        name: np.clip(found.astype(f"M8[{unit}]").astype(np.int64), first, last) - first
        for name, found in known.items()
    }
    return {
        "dates": {
            "first": str(train.min().astype("M8[s]")),
            "last": str(train.max().astype("M8[s]")),
            "by": {"D": "day", "M": "month", "Y": "year"}[unit],
            "from": np.arange(first, last + 1).astype(f"M8[{unit}]").astype(str).tolist(),
            **{name: np.bincount(bar, minlength=last - first + 1).tolist() for name, bar in bars.items()},
        }
    }


def _heavy(name: str, encoded: Encoded, evidence: Evidence) -> dict[str, Any]:
    """What is told of heavy values, whose content is nobody's business: how large they are."""
    if name in encoded.sizes:
        common = encoded.sizes[name].most_common(_TOP)
        return {"sizes": [{"height": height, "width": width, "count": count} for (height, width), count in common]}
    if name not in encoded.lengths:
        return {}
    lengths = encoded.lengths[name].astype(np.float64)
    lengths[lengths == 0] = np.nan
    form = evidence.fitted[name].form
    about: dict[str, Any] = {
        "lengths": {"of": form.name, "limit": form.shape[0], **_numbers(lengths, encoded.splits.rows)}
    }
    if form.name == "steps":
        about["channels"] = form.shape[1] - 1
        about["curves"] = mean_curves(encoded.sample[name], encoded.sample[ROW], evidence, evidence.fitted[name])
    return about


def _numbers(numbers: Array, splits: Mapping[Any, Array]) -> dict[str, Any]:
    known = {name: numbers[rows][~np.isnan(numbers[rows])] for name, rows in splits.items()}
    train = known["train"]
    if train.size == 0:
        return {}
    # Outliers would squeeze all others into one bar; the bars at both ends hold what lies beyond.
    low, high = (float(q) for q in np.quantile(train, (0.005, 0.995), method="nearest"))
    edges = np.linspace(low, high, _BINS + 1) if low < high and np.isfinite(high - low) else np.array([low, low])
    unit = float(np.abs(train).max()) or 1.0  # keeps the sums of the largest floats finite
    return {
        "mean": float((train / unit).mean() * unit),
        "deviation": float((train / unit).std() * unit),
        "quantiles": {str(q): float(np.quantile(train, q, method="nearest")) for q in _QUANTILES},
        "histogram": {
            "edges": edges.tolist(),
            **{name: _bars(values, edges) for name, values in known.items()},
        },
    }


def _bars(values: Array, edges: Array) -> list[int]:
    if edges[0] == edges[-1]:
        return [len(values)]
    bins = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return [int(count) for count in np.bincount(bins, minlength=len(edges) - 1)]


def _in_order(classes: Mapping[str, int]) -> dict[str, int]:
    from sixfold.fields.category import natural

    return {name: classes[name] for name in sorted(classes, key=natural)}
