"""The content of report.json: everything that the page shows, for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sixfold.evaluation._appraisal import Appraisal, appraisals, described
from sixfold.evaluation._chapter import every_chapter
from sixfold.evaluation._figures import compared, difference, formula, without
from sixfold.evaluation._formula import Answered
from sixfold.fields import Array
from sixfold.tasks import Figure

__all__ = ["figures", "leaks", "schema"]


def figures(
    wanted: Sequence[Figure], answered: Answered, yardsticks: Mapping[str, Answered], *, seed: int = 0
) -> list[dict[str, Any]]:
    """Each figure with its interval, against each baseline with the paired interval of the difference.

    Args:
        wanted: Which figures.
        answered: The test rows as the product answers them.
        yardsticks: The same rows as each baseline does, by its name.
        seed: Of the draws.
    """
    names = [figure.name for figure in wanted]
    # A name that no kind can have, so that no yardstick is taken for the product.
    models = compared(names, {"": answered, **yardsticks}, seed=seed)
    ours, theirs = models[""], {name: models[name] for name in yardsticks}
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


def leaks(
    data: Mapping[str, Any], headline: Figure, answered: Answered, row_numbers: Array, *, seed: int
) -> dict[str, Any]:
    """What the gate "no leakage" asks: shared rows as `prepare` counted them, and the headline without leaked rows."""
    listed = np.asarray(data.get("leaked_test_rows") or [], np.int64)
    leaked = np.isin(row_numbers, listed)
    free: dict[str, Any] | None = None
    if leaked.any() and not leaked.all():
        clean = answered.kept(~leaked)
        value = formula(headline.name).of(clean, np.ones(clean.rows))
        free = {
            "rows": clean.rows,
            "value": float(value) if np.isfinite(value) else None,
            "difference": without(
                headline.name, answered, ~leaked, higher_is_better=headline.higher_is_better, seed=seed
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
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sixfold: report.json",
        "anyOf": [_schema_of(kind) for kind in appraisals()],
    }


def _schema_of_chapters() -> dict[str, Any]:
    """What each chapter found, by its name; a chapter that had nothing to ask is left out."""
    properties = {kind.kind(): kind.schema() for kind in every_chapter()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _schema_of(kind: type[Appraisal[Any]]) -> dict[str, Any]:
    number = {"type": ["number", "null"]}
    whole = {"type": "integer", "minimum": 0}
    text = described(en={"type": "string"}, zh={"type": "string"})
    gap = described(value=number, low=number, high=number)
    value = {"value": number, "low": number, "high": number, "rows": whole, "resamples": whole}
    parts, example = kind.schema()
    examples = {
        "type": "array",
        "items": described(row=whole, path={"type": ["string", "null"]}, **example, values={"type": "object"}),
    }
    return described(
        format={"const": 1},
        pattern={"const": kind.kind()},
        product=described(
            name={"type": "string"},
            goal={"type": "string"},
            medical={"type": "boolean"},
            verb={"type": "string"},
            target={"type": "string"},
            given={"type": "object", "additionalProperties": {"type": "string"}},
            task=text,
        ),
        rows=described(train=whole, validation=whole, test=whole, left_out=whole),
        resamples=whole,
        figures={
            "type": "array",
            "minItems": 1,
            "items": described(
                name={"type": "string"},
                title=text,
                meaning=text,
                style={"enum": ["share", "number", "amount"]},
                higher_is_better={"type": "boolean"},
                **value,
                against={"type": "object", "additionalProperties": described(**value, difference=gap)},
            ),
        },
        baselines={"type": "object", "additionalProperties": {"type": "object"}},
        worst=examples,
        typical=examples,
        rival={
            "anyOf": [
                {"type": "null"},
                described(
                    trial={"type": "string"},
                    network={"type": "string"},
                    figures={"type": "object", "additionalProperties": described(**value, difference=gap)},
                ),
            ]
        },
        leaks=described(
            official={"type": "array", "items": {"type": "string"}},
            shared_rows={"type": "object", "additionalProperties": whole},
            leaked_test_rows=whole,
            leak_free={"anyOf": [{"type": "null"}, described(rows=whole, value=number, difference=gap)]},
        ),
        chapters=_schema_of_chapters(),
        gates={
            "type": "array",
            "items": described(
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
        made=described(
            sixfold={"type": "string"},
            stages={"type": "object", "additionalProperties": described(seconds=number, artefact={"type": "string"})},
            seeds={"type": "object", "additionalProperties": {"type": "integer"}},
            versions={"type": "object", "additionalProperties": {"type": "string"}},
            settings={"type": "string"},
        ),
        **parts,
    )


def _both(text: Any) -> dict[str, str]:
    return {"en": text("en"), "zh": text("zh")}
