"""The state of a product in use, as plain JSON: what the terminal, the page, the figures and the alarms show."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sixfold.fields import Field
from sixfold.monitoring._drift import DRIFTED_SHARE, Drift, drift, level_of
from sixfold.monitoring._features import OTHER, Feature, answer_features, features
from sixfold.monitoring._quality import estimated, over_time, realised, slices, truth_of
from sixfold.monitoring._reference import Reference
from sixfold.monitoring._storage import Storage
from sixfold.product import Watch

__all__ = ["FEWEST_ROWS", "Watched", "columns", "look", "state"]

FEWEST_ROWS = 50
"""Rows below which nothing is said of drift: any sample of a few rows differs from a large one."""

_MOST_ROWS = 5000
"""The newest so many rows are looked at for quality, beside all that were judged."""

_BARS = 24
_MOST_BARS = 8
_MOST_ACTS = 50


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched.

    Args:
        product: Its name.
        model: The version that answers now.
        given: The fitted given columns.
        target: The fitted target.
        reference: What it learned from; ``None`` where a bundle carries none.
        settings: What product.yaml says under `deploy: watch:`.
    """

    product: str
    model: str
    given: Mapping[str, Field]
    target: Field
    reference: Reference | None
    settings: Watch = field(default_factory=Watch)


def state(watched: Watched, storage: Storage, *, now: float | None = None) -> dict[str, Any]:
    """How the product is."""
    now = time.time() if now is None else now
    settings = watched.settings
    recent = storage.pieces(model=watched.model, rows=max(settings.window, _MOST_ROWS))
    window = [row for piece in recent for row in piece.rows][-settings.window :]
    # Rows of which the truth came back may be older: late is normal.
    known = {piece.id: piece for piece in (*storage.judged_pieces(watched.model), *recent)}
    rows = [row for piece in sorted(known.values(), key=lambda piece: piece.time) for row in piece.rows]
    truth = _truth(watched, storage)
    models = storage.models()
    found = columns(watched, window)
    looked = storage.remembered(f"look:{watched.model}", {})
    alarming = set(looked.get("alarming", []))
    for one in found:
        one["alarming"] = one["name"] in alarming
    inputs = [one for one in found if one["column"] and one["drifted"] is not None]
    share = sum(one["drifted"] for one in inputs) / len(inputs) if inputs else None
    reference = watched.reference
    return {
        "format": 1,
        "product": watched.product,
        "model": watched.model,
        "time": now,
        "standing": storage.remembered("standing", {"mode": "model"}),
        "traffic": _traffic(storage, now),
        "models": [
            {"model": model, "since": first, "until": last, "requests": count}
            for model, first, last, count, _ in models
        ],
        "window": {
            "rows": len(window),
            "wanted": settings.window,
            "enough": len(window) >= FEWEST_ROWS,
            "since": window[0]["time"] if window else None,
        },
        "drift": {
            "columns": found,
            "share": share,
            "drifted": share is not None and share >= DRIFTED_SHARE,
            "alarming": sorted(alarming),
            "look": looked.get("number", 0),
            "looked": looked.get("time"),
            "level": looked.get("level"),
            "reference_rows": None if reference is None else reference.rows,
        },
        "quality": {
            "reference": None
            if reference is None or reference.right is None
            else {"accuracy": reference.right, "confidence": reference.sure, "rows": reference.judged},
            "estimated": estimated(window) if watched.target.widget == "choice" else None,
            "realised": _realised(watched, rows, truth, models),
            "feedback": len(truth),
            "slices": slices(rows, truth, watched.given, settings.slices),
            "over_time": over_time(rows, truth),
        },
        "alarms": storage.remembered("alarms", {}),
        "acts": [
            {"time": one.time, "act": one.act, "caller": one.caller, "detail": one.detail}
            for one in storage.acts()[-_MOST_ACTS:][::-1]
        ],
    }


def columns(watched: Watched, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every watched feature held against the reference; those whose values all are as they were told stand as well.

    ``drifted`` is ``None`` where there is too little to say.
    """
    reference = watched.reference
    if reference is None:
        return []
    found = []
    for feature in (*features(watched.given), *answer_features(watched.target)):
        known = reference.known.get(feature.name)
        if known is None or not known.values:
            continue
        current = _current(feature, rows, known.values)
        old = known.rows()
        # A column that never lacked a value, and does not now, has nothing to tell.
        if feature.aspect == "missing" and set(old) | set(current) == {"no"}:
            continue
        told = drift(old, current, feature.nature) if len(current) >= FEWEST_ROWS else None
        found.append(
            {
                "name": feature.name,
                "title": {"en": feature.title.en, "zh": feature.title.zh},
                "column": feature.column,
                "nature": feature.nature,
                "rows": len(current),
                **_told(told),
                "alarming": False,
                "bars": _bars(feature, old, current),
            }
        )
    return found


def look(watched: Watched, storage: Storage, *, now: float | None = None) -> dict[str, Any] | None:
    """Take one look: decide at its level which columns alarm. ``None`` where too few rows are new since the last.

    Looks are counted for each model, and each gets its part of the 5 %; see :mod:`sixfold.monitoring._drift`.
    """
    now = time.time() if now is None else now
    name = f"look:{watched.model}"
    last = storage.remembered(name, {"number": 0, "time": 0.0, "alarming": []})
    if storage.new_rows(watched.model, last["time"]) < max(FEWEST_ROWS, watched.settings.window // 2):
        return None
    pieces = storage.pieces(rows=watched.settings.window, model=watched.model)
    rows = [row for piece in pieces for row in piece.rows][-watched.settings.window :]
    number = int(last["number"]) + 1
    found = [one for one in columns(watched, rows) if one["drifted"] is not None]
    level = level_of(number, len(found))
    alarming = sorted(one["name"] for one in found if one["drifted"] and one["chance"] <= level)
    told = {"number": number, "time": now, "alarming": alarming, "level": level, "columns": len(found)}
    storage.remember(name, told)
    return told


def _truth(watched: Watched, storage: Storage) -> dict[tuple[str, int], float | str]:
    found = {}
    for key, told in storage.feedback().items():
        try:
            value = truth_of(watched.target, told)
        except ValueError:
            continue  # it was right for another model's target; this one can say nothing of it
        if value is not None:
            found[key] = value
    return found


def _current(feature: Feature, rows: Sequence[Mapping[str, Any]], known: Sequence[float | str]) -> list[float | str]:
    values = [value for row in rows if (value := row.get(feature.name)) is not None]
    if feature.nature == "number" or feature.aspect == "missing":
        return values
    names = set(known)
    return [value if value in names else OTHER for value in values]


def _told(found: Drift | None) -> dict[str, Any]:
    if found is None:
        return {"test": None, "score": None, "threshold": None, "drifted": None, "chance": None}
    return {
        "test": found.test,
        "score": found.score,
        "threshold": found.threshold,
        "drifted": bool(found.drifted),
        "chance": found.chance,
    }


def _bars(feature: Feature, old: Sequence[float | str], new: Sequence[float | str]) -> list[dict[str, Any]]:
    """Shares of both samples, side by side: by name, or within equal stretches of number."""
    if feature.nature == "category":
        counts = [Counter(old), Counter(new)]
        names = [name for name, _ in (counts[0] + counts[1]).most_common(_MOST_BARS)]
        sizes = [max(1, len(old)), max(1, len(new))]
        return [
            {"label": str(name), "reference": counts[0][name] / sizes[0], "current": counts[1][name] / sizes[1]}
            for name in names
        ]
    numbers = [np.asarray(sample, np.float64) for sample in (old, new)]
    both = np.concatenate(numbers)
    low, high = (float(value) for value in np.quantile(both, (0.005, 0.995)))
    if not high > low:
        high = low + 1
    edges = np.linspace(low, high, 21)
    shares = [np.histogram(np.clip(sample, low, high), edges)[0] / max(1, len(sample)) for sample in numbers]
    return [
        {"label": f"{edge:.4g}", "reference": float(one), "current": float(other)}
        for edge, one, other in zip(edges, *shares, strict=False)
    ]


def _realised(
    watched: Watched,
    rows: Sequence[Mapping[str, Any]],
    truth: Mapping[tuple[str, int], float | str],
    models: Sequence[tuple[str, float, float, int, int]],
) -> dict[str, Any]:
    """How answers turned out; covered is the share of all rows that this version answered."""
    told = realised(rows, truth)
    answered = next((count for model, _, _, _, count in models if model == watched.model), 0)
    return {**told, "coverage": min(1.0, told["rows"] / answered) if answered else 0.0}


def _traffic(storage: Storage, now: float) -> dict[str, Any]:
    told = storage.traffic(now, _BARS)
    took = np.array(told.took)
    return {
        "requests": told.requests,
        "rows": told.rows,
        "failed": told.failed,
        "refused": told.refused,
        "hours": told.hours,
        "p50": float(np.quantile(took, 0.5)) if took.size else None,
        "p99": float(np.quantile(took, 0.99)) if took.size else None,
        "last_hour": told.hours[-1],
        "callers": told.callers,
        "dropped": sum(storage.remembered("dropped", {}).values()),
    }
