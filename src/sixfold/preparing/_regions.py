"""Where more rows would help: measured by what a quick model gained when it had twice as many.

The model is fitted on half of the rows and on all of them; how its errors fell, group by group and region by region,
tells where rows still teach something. Regions of few rows vary by chance, so what each gained is drawn towards what
all gained, the more the fewer rows it has (an empirical Bayes estimate, as Efron and Morris 1975).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sixfold.fields import Array
from sixfold.preparing._groups import grouped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sixfold.preparing._evidence import Evidence

__all__ = ["regions"]

_FEWEST = 25
_MOST_TOLD = 8
_QUARTERS = 4


def regions(evidence: Evidence) -> dict[str, Any] | None:
    """What to collect next; ``None`` where no quick model could be fitted.

    ``rows`` looked at; ``measure`` (share wrong, or error in standard deviations); ``error``, ``half`` (with half the
    rows) and ``gain`` of all rows; ``regions``, the most promising first: ``column``, ``of`` (value, length,
    brightness, class), ``region``, ``rows``, ``share``, ``error``, ``half``, ``gain`` (drawn towards that of all).
    """
    model = evidence.quick
    if model is None:
        return None
    now, before = model.errors(model.said), model.errors(model.half)
    gained = before - now
    told = []
    for column, of, label, own in _every(evidence, model.rows):
        count = int(own.sum())
        if _FEWEST <= count < len(now):
            told.append((column, of, label, count, float(now[own].mean()), float(before[own].mean()), gained[own]))
    overall = float(gained.mean())
    # How much regions truly differ, beyond what chance makes of their sizes.
    noise = np.array([part.var() / len(part) for *_, part in told])
    spread = max(0.0, float(np.var([part.mean() for *_, part in told]) - noise.mean())) if told else 0.0
    ranked: list[dict[str, Any]] = []
    for (column, of, label, count, error, half, part), own_noise in zip(told, noise, strict=True):
        trust = spread / (spread + own_noise) if spread + own_noise > 0 else 0.0
        gain = overall + trust * (float(part.mean()) - overall)
        place = {"column": column, "of": of, "region": label, "rows": count, "share": count / len(now)}
        ranked.append({**place, "error": error, "half": half, "gain": gain})
    ranked.sort(key=lambda one: (-float(one["gain"]), -float(one["error"])))
    useful = [one for one in ranked if one["gain"] > max(overall, 0.0) and one["error"] > float(now.mean())]
    return {
        "rows": len(now),
        "measure": "share" if model.labels else "deviations",
        "error": float(now.mean()),
        "half": float(before.mean()),
        "gain": overall,
        "regions": useful[:_MOST_TOLD],
    }


def _every(evidence: Evidence, rows: Array) -> Iterator[tuple[str, str, str, Array]]:
    """Every region: its column, what of it, what it is called, and which of the rows are in it."""
    told = {name: ("value", group) for name, group in evidence.groups.items()}
    for name, column in evidence.given.items():
        if name not in told and not column.is_heavy and (group := grouped(column)) is not None:
            told[name] = ("value", group)
    if evidence.is_classification and (group := grouped(evidence.target)) is not None:
        told[evidence.target.name] = ("class", group)
    for name, (of, group) in told.items():
        for code, label in enumerate(group.labels, start=1):
            yield name, of, label, group.codes[rows] == code
    for name, lengths in evidence.lengths.items():
        if name in evidence.given:
            yield from _quarters(name, "length", lengths[rows].astype(float))
    for name, look in evidence.looks.items():
        if look.grey is not None:
            brightness = np.full(int(rows.max()) + 1, np.nan)
            known = look.rows[look.rows <= rows.max()]
            brightness[known] = look.grey[: len(known)].mean(axis=(1, 2))
            yield from _quarters(name, "brightness", brightness[rows])


def _quarters(name: str, of: str, numbers: Array) -> Iterator[tuple[str, str, str, Array]]:
    known = numbers[~np.isnan(numbers)]
    if len(known) == 0:
        return
    ends = np.unique(np.quantile(known, np.linspace(0, 1, _QUARTERS + 1), method="nearest"))
    for place, (low, high) in enumerate(pairwise(ends)):
        is_last = place == len(ends) - 2
        yield name, of, f"{low:.3g}–{high:.3g}", (numbers >= low) & ((numbers <= high) if is_last else (numbers < high))
