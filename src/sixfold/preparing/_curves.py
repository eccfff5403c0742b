"""The mean course of a series, by class: what a report draws of a column whose values it does not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sixfold.fields import Array, Field
from sixfold.fields.category import natural
from sixfold.preparing._evidence import Evidence

__all__ = ["mean_curves"]

_POINTS, _MOST_CURVES, _MOST_CHANNELS = 60, 8, 6
"""What can be told apart in one picture."""


def mean_curves(steps: Array, rows: Array, evidence: Evidence, fitted: Field) -> list[dict[str, Any]]:
    """The mean course of a series over some training rows, for each class if classes are predicted: ``points`` of it
    evenly from first to last step, each channel's numbers by its name."""
    target = evidence.target
    if evidence.is_classification:
        counts = np.bincount(target.codes[evidence.train], minlength=target.count + 1)[1:]
        largest = {target.labels[code]: code for code in np.argsort(-counts, kind="stable")[:_MOST_CURVES].tolist()}
        groups = {label: target.codes[rows] == largest[label] + 1 for label in sorted(largest, key=natural)}
    else:
        groups = {"": np.ones(len(rows), bool)}
    length, channels = steps.shape[1], steps.shape[2] - 1
    starts = np.unique(np.linspace(0, length, min(_POINTS, length), endpoint=False).astype(int))
    curves = []
    for label, own in groups.items():
        there = np.add.reduceat(steps[own, :, -1].sum(axis=0, dtype=np.float64), starts)
        sums = np.add.reduceat(steps[own, :, :-1].sum(axis=0, dtype=np.float64), starts, axis=0)
        known = np.flatnonzero(there > 0)
        if len(known):
            mean = np.zeros((1, length, channels + 1), np.float32)
            mean[0, : len(known), :-1] = sums[known] / there[known, None]
            mean[0, : len(known), -1] = 1
            curves.append(
                {
                    "class": label or None,
                    "rows": int(own.sum()),
                    "steps": starts[known].tolist(),
                    "channels": _by_channel(fitted.decode(mean)[0]),
                }
            )
    return curves


def _by_channel(series: Any) -> dict[str, list[float]]:
    """A decoded series by channels, the first few of them; those without a name are called 1, 2 …"""
    if isinstance(series, Mapping):
        named = {str(name): list(values) for name, values in series.items()}
    else:
        columns = np.array(series, np.float64).reshape(len(series), -1).T
        named = {str(number): column.tolist() for number, column in enumerate(columns, start=1)}
    return dict(list(named.items())[:_MOST_CHANNELS])
