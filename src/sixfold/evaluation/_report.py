"""The content of report.json: everything that the page shows, for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sixfold.evaluation._baseline import Baseline
from sixfold.evaluation._figures import (
    Measured,
    Scored,
    class_figures,
    confusion,
    difference,
    formula,
    measured,
    without,
)
from sixfold.fields import Array
from sixfold.tasks import Decision, Figure

__all__ = ["by_class", "calibration", "confused", "figures", "leaks", "schema"]

_BINS = 15
"""Guo et al. 2017."""

_MOST_CELLS_SIDE = 100
_MOST_PAIRS = 10


def figures(
    wanted: Sequence[Figure], scored: Scored, yardsticks: Sequence[Baseline], *, seed: int = 0
) -> list[dict[str, Any]]:
    """Each figure with its interval, against each baseline with the paired interval of the difference."""
    names = [figure.name for figure in wanted]
    ours = measured(names, scored, seed=seed)
    theirs: dict[str, dict[str, Measured]] = {
        yardstick.name: measured(names, yardstick.scored, seed=seed) for yardstick in yardsticks
    }
    return [
        {
            "name": figure.name,
            "title": _both(formula(figure.name).title),
            "meaning": _both(formula(figure.name).meaning),
            "style": formula(figure.name).style,
            "higher_is_better": figure.higher_is_better,
            **ours[figure.name].to_json(),
            "against": {
                name: {
                    **them[figure.name].to_json(),
                    "difference": difference(
                        ours[figure.name], them[figure.name], higher_is_better=figure.higher_is_better
                    ).to_json(),
                }
                for name, them in theirs.items()
            },
        }
        for figure in wanted
    ]


def by_class(classes: Sequence[str], scored: Scored, counts: Mapping[str, Array]) -> list[dict[str, Any]]:
    """Each class: precision, recall, F1 and support on test rows, and its rows in each split."""
    return [
        {
            "name": name,
            "precision": entry.precision,
            "recall": entry.recall,
            "f1": entry.f1,
            "support": entry.support,
            "rows": {split: int(count[index]) for split, count in counts.items()},
        }
        for index, (name, entry) in enumerate(zip(classes, class_figures(scored), strict=True))
    ]


def confused(classes: Sequence[str], scored: Scored) -> tuple[list[list[int]] | None, list[dict[str, Any]]]:
    """The confusion matrix (``None`` beyond 100 classes), and the most frequent confusions, the most frequent first."""
    wrong = scored.right == 0
    pairs, rows = np.unique(np.stack([scored.y[wrong], scored.decided[wrong]]), axis=1, return_counts=True)
    support = np.bincount(scored.y, minlength=len(classes))
    listed = [
        {
            "right": classes[pairs[0, index]],
            "said": classes[pairs[1, index]],
            "rows": int(rows[index]),
            "share": float(rows[index] / support[pairs[0, index]]),
        }
        for index in np.argsort(-rows, kind="stable")[:_MOST_PAIRS]
    ]
    return (confusion(scored).tolist() if len(classes) <= _MOST_CELLS_SIDE else None), listed


def calibration(scored: Scored, before: Scored, decision: Decision, *, has_threshold: bool) -> dict[str, Any]:
    """How far confidence and truth are apart on test rows, before and after calibration (ECE, Guo et al. 2017)."""
    bins, ece = _reliability(scored)
    return {
        "temperature": decision.temperature,
        "threshold": decision.threshold if has_threshold else None,
        "ece": ece,
        "ece_before": _reliability(before)[1],
        "bins": bins,
    }


def leaks(
    data: Mapping[str, Any], headline: Figure, scored: Scored, row_numbers: Array, *, seed: int
) -> dict[str, Any]:
    """What the gate "no leakage" asks: shared rows as `prepare` counted them, and the headline without leaked rows."""
    listed = np.asarray(data.get("leaked_test_rows") or [], np.int64)
    leaked = np.isin(row_numbers, listed)
    free: dict[str, Any] | None = None
    if leaked.any() and not leaked.all():
        clean = scored.kept(~leaked)
        value = formula(headline.name).of(clean, np.ones(clean.rows))
        free = {
            "rows": clean.rows,
            "value": float(value) if np.isfinite(value) else None,
            "difference": without(
                headline.name, scored, ~leaked, higher_is_better=headline.higher_is_better, seed=seed
            ).to_json(),
        }
    return {
        "official": list((data.get("split") or {}).get("official") or []),
        "shared_rows": {name: int(rows) for name, rows in (data.get("shared_rows") or {}).items()},
        "leaked_test_rows": int(leaked.sum()),
        "leak_free": free,
    }


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of report.json."""
    number = {"type": ["number", "null"]}
    whole = {"type": "integer", "minimum": 0}
    text = _object(en={"type": "string"}, zh={"type": "string"})
    gap = _object(value=number, low=number, high=number)
    rows = _object(train=whole, validation=whole, test=whole)
    value = {"value": number, "low": number, "high": number, "rows": whole, "resamples": whole}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sixfold: report.json",
        **_object(
            format={"const": 1},
            product=_object(
                name={"type": "string"},
                goal={"type": "string"},
                verb={"type": "string"},
                target={"type": "string"},
                given={"type": "object", "additionalProperties": {"type": "string"}},
                task=text,
            ),
            rows=_object(train=whole, validation=whole, test=whole, left_out=whole),
            resamples=whole,
            classes={"type": "array", "items": {"type": "string"}},
            figures={
                "type": "array",
                "minItems": 1,
                "items": _object(
                    name={"type": "string"},
                    title=text,
                    meaning=text,
                    style={"enum": ["share", "number"]},
                    higher_is_better={"type": "boolean"},
                    **value,
                    against={"type": "object", "additionalProperties": _object(**value, difference=gap)},
                ),
            },
            baselines={"type": "object", "additionalProperties": {"type": "object"}},
            by_class={
                "type": "array",
                "items": _object(
                    name={"type": "string"}, precision=number, recall=number, f1=number, support=whole, rows=rows
                ),
            },
            confusion={"type": ["array", "null"], "items": {"type": "array", "items": whole}},
            confused={
                "type": "array",
                "items": _object(right={"type": "string"}, said={"type": "string"}, rows=whole, share=number),
            },
            calibration=_object(
                temperature=number,
                threshold=number,
                ece=number,
                ece_before=number,
                bins={"type": "array", "items": _object(confidence=number, right=number, rows=whole)},
            ),
            wrong_rows=whole,
            worst={
                "type": "array",
                "items": _object(
                    row=whole,
                    path={"type": ["string", "null"]},
                    right={"type": "string"},
                    said={"type": "string"},
                    confidence=number,
                    values={"type": "object"},
                ),
            },
            leaks=_object(
                official={"type": "array", "items": {"type": "string"}},
                shared_rows={"type": "object", "additionalProperties": whole},
                leaked_test_rows=whole,
                leak_free={"anyOf": [{"type": "null"}, _object(rows=whole, value=number, difference=gap)]},
            ),
            gates={
                "type": "array",
                "items": _object(
                    name={"type": "string"},
                    state={"enum": ["passed", "warning", "failed", "off"]},
                    passed={"type": "boolean"},
                    says=text,
                    by=number,
                    mend=text,
                ),
            },
            training={"type": "object", "required": ["network", "history"]},
            data={"type": "object"},
            provenance={"type": "object"},
            collected_rows={"type": ["integer", "null"]},
            made=_object(
                sixfold={"type": "string"},
                stages={"type": "object", "additionalProperties": _object(seconds=number, artefact={"type": "string"})},
                seeds={"type": "object", "additionalProperties": {"type": "integer"}},
                versions={"type": "object", "additionalProperties": {"type": "string"}},
                settings={"type": "string"},
            ),
        ),
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _reliability(scored: Scored) -> tuple[list[dict[str, Any]], float]:
    sure = scored.probabilities[np.arange(scored.rows), scored.decided]
    places = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    rows = np.bincount(places, minlength=_BINS)
    confidence = np.bincount(places, sure, _BINS)
    right = np.bincount(places, scored.right, _BINS)
    bins = [
        {"confidence": float(confidence[i] / rows[i]), "right": float(right[i] / rows[i]), "rows": int(rows[i])}
        for i in np.flatnonzero(rows)
    ]
    return bins, float(np.abs(confidence - right).sum() / scored.rows)


def _both(text: Any) -> dict[str, str]:
    return {"en": text("en"), "zh": text("zh")}
