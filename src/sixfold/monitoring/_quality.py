"""How good answers are while they are given: estimated without labels, and as it turned out.

*Estimated* is confidence-based performance estimation: a calibrated chance of 0.8 is right in eight cases of ten, so
the mean chance of the answers is the share that is right (NannyML's CBPE; Garg et al. 2022 on when that holds: inputs
may drift, what follows from them may not). *Realised* is what feedback says; it comes late and for few, so how many
rows it covers always stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sixfold.fields import Field
from sixfold.monitoring._features import CONFIDENCE, PREDICTION

__all__ = ["estimated", "over_time", "realised", "slices", "truth_of", "wilson"]

_Z = 1.959964
"""Two-sided 95 %."""

_FEWEST_IN_SLICE = 20
_MOST_VALUES = 8
_MOST_COLUMNS = 6
_TIMES = 24

Row = Mapping[str, Any]


def wilson(right: float, rows: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    if rows == 0:
        return 0.0, 1.0
    share, z2 = right / rows, _Z * _Z
    centre = (share + z2 / (2 * rows)) / (1 + z2 / rows)
    half = _Z * math.sqrt(share * (1 - share) / rows + z2 / (4 * rows * rows)) / (1 + z2 / rows)
    return max(0.0, centre - half), min(1.0, centre + half)


def estimated(rows: Sequence[Row]) -> dict[str, float] | None:
    """The accuracy to be expected of answered rows: ``{value, low, high, rows}``; ``None`` where none says how sure
    it is."""
    chances = np.array([chance for row in rows if (chance := row.get(CONFIDENCE)) is not None], np.float64)
    if not chances.size:
        return None
    value = float(chances.mean())
    half = _Z * math.sqrt(float((chances * (1 - chances)).sum())) / len(chances)
    return {
        "value": value,
        "low": max(0.0, value - half),
        "high": min(1.0, value + half),
        "rows": len(chances),
    }


def truth_of(target: Field, told: Any) -> float | str | None:
    """What was right, as feedback says it, in the form of a prediction.

    Raises:
        ValueError: It cannot be of the target's kind.
    """
    if target.widget == "choice":
        named = target.parse(told)
        classes = getattr(target, "classes", [])
        yes = getattr(target.options, "yes", None)
        if yes is not None and named is not None and str(named) not in classes and len(classes) == 2:  # noqa: PLR2004
            return str(classes[0])  # every value but the one that means yes means no
        return None if named is None else str(named)
    if target.widget == "number":
        number = target.parse(told)
        return None if number is None else float(number)
    return None


def realised(rows: Sequence[Row], truth: Mapping[tuple[str, int], float | str]) -> dict[str, Any]:
    """How answers turned out.

    Returns:
        ``{figure, value, low, high, rows, coverage}``: accuracy, or the mean absolute error of numbers; ``value`` is
        ``None`` while nothing came back.
    """
    pairs = [
        (row[PREDICTION], truth[key])
        for row in rows
        if (key := (row["request"], row["place"])) in truth and row.get(PREDICTION) is not None
    ]
    coverage = len(pairs) / len(rows) if rows else 0.0
    are_names = any(isinstance(said, str) for said, _ in pairs) or not pairs
    told = {"figure": "accuracy" if are_names else "mean_absolute_error", "rows": len(pairs), "coverage": coverage}
    if not pairs:
        return {**told, "value": None, "low": None, "high": None}
    if are_names:
        right = sum(said == true for said, true in pairs)
        low, high = wilson(right, len(pairs))
        return {**told, "value": right / len(pairs), "low": low, "high": high}
    errors = np.array([abs(float(said) - float(true)) for said, true in pairs])
    half = _Z * float(errors.std(ddof=1)) / math.sqrt(len(errors)) if len(errors) > 1 else float(errors[0])
    value = float(errors.mean())
    return {**told, "value": value, "low": max(0.0, value - half), "high": value + half}


def slices(
    rows: Sequence[Row],
    truth: Mapping[tuple[str, int], float | str],
    given: Mapping[str, Field],
    asked: Sequence[str],
) -> list[dict[str, Any]]:
    """Quality by the values of some columns: categories by name, numbers by the quarters of the training rows.

    Returns:
        ``{column, value, rows, estimated, realised}`` each, the worst first by what is known.
    """
    columns = [name for name in asked if name in given] or [
        name for name, field in given.items() if field.widget in ("choice", "number")
    ][:_MOST_COLUMNS]
    found = []
    for column in columns:
        groups: dict[str, list[Row]] = {}
        for row in rows:
            value = _group(given[column], row.get(column))
            if value is not None:
                groups.setdefault(value, []).append(row)
        largest = sorted(groups.items(), key=lambda item: -len(item[1]))[:_MOST_VALUES]
        for value, part in largest:
            if len(part) >= _FEWEST_IN_SLICE:
                told = {"column": column, "value": value, "rows": len(part)}
                found.append({**told, "estimated": estimated(part), "realised": realised(part, truth)})

    def badness(one: Mapping[str, Any]) -> float:
        known = one["realised"]
        if known["rows"] >= _FEWEST_IN_SLICE and known["value"] is not None:
            return float(known["value"]) if known["figure"] == "accuracy" else -float(known["value"])
        return float(one["estimated"]["value"]) if one["estimated"] else math.inf

    return sorted(found, key=badness)


def over_time(rows: Sequence[Row], truth: Mapping[tuple[str, int], float | str]) -> list[dict[str, Any]]:
    """Estimated and realised quality in stretches of equal time, oldest first."""
    dated = [(float(row["time"]), row) for row in rows]
    if not dated:
        return []
    first, last = min(moment for moment, _ in dated), max(moment for moment, _ in dated)
    length = max((last - first) / _TIMES, 1.0)
    parts: dict[int, list[Row]] = {}
    for moment, row in dated:
        parts.setdefault(min(_TIMES - 1, int((moment - first) / length)), []).append(row)
    return [
        {
            "time": first + (number + 0.5) * length,
            "rows": len(part),
            "estimated": None if (guess := estimated(part)) is None else guess["value"],
            "realised": realised(part, truth)["value"],
        }
        for number, part in sorted(parts.items())
    ]


def _group(field: Field, value: Any) -> str | None:
    if value is None:
        return None
    if field.widget == "choice":
        return str(value)
    quantiles = field.state.get("quantiles") or []
    if field.widget != "number" or len(quantiles) < 5:  # noqa: PLR2004
        return None
    edges = [quantiles[round(share * (len(quantiles) - 1))] for share in (0.25, 0.5, 0.75)]
    if edges[0] == edges[2]:
        return None
    place = int(np.searchsorted(edges, float(value), side="left"))
    low, high = ([None, *edges][place], [*edges, None][place])
    if low is None:
        return f"≤ {high:.4g}"
    return f"> {low:.4g}" if high is None else f"{low:.4g} – {high:.4g}"
