"""For whom a choice makes how much difference: the estimated effect in every group of every given column."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation._appraisal import Report, described
from sixfold.evaluation._chapter import Chapter, Finished
from sixfold.evaluation._html import say, short
from sixfold.evaluation._pictures import Span, forest
from sixfold.evaluation._words import amount, count, listed
from sixfold.evaluation.effects import Effects
from sixfold.fields import Array, Field
from sixfold.fields.category import Category
from sixfold.fields.date import Date
from sixfold.fields.number import Number
from sixfold.fields.yes_no import YesNo
from sixfold.language import Text
from sixfold.store import ROW

__all__ = ["EffectsByGroup"]

_GROUPS, _FEWEST = 5, 20
"""Ranges that numbers are divided into; and rows below which a group is not told by itself."""

_MOST_VALUES, _MOST_COLUMNS, _MOST_ARMS = 8, 40, 3
_CHANCE = 0.05
_NORMAL_95 = 1.959964

_OTHERS = Text("others", "其他")
_MISSING = Text("missing", "缺失")
_HOW = Text(
    "Each line is a group of test rows and how many they are: their effect against the first choice by doubly robust "
    "scores, with its 95 % interval. The dashed line is the average effect, the solid one is no effect. Numbers are "
    "divided into five ranges of as many rows, dates likewise, texts and series by their length, pictures by their "
    "brightness.",
    "每条线是一组测试行及其行数：按双重稳健得分估计的、相对于第一种选择的效应，以及 95% 区间。"
    "虚线是平均效应，实线表示没有效应。数字按行数均分为五段，日期也一样；文本和序列按长度，图片按明暗分组。",
)
_BEWARE = Text(
    "Groups differ in more than the column that names them: that an effect is larger among the old does not say that "
    "it is larger because of age.",
    "各组之间的差别不只在分组的那一列：效应在老年人中更大，并不说明是年龄使它更大。",
)


class EffectsByGroup(Chapter):
    """The effect of each choice, group by group."""

    title: ClassVar[Text] = Text("The effect by group", "各组的效应")
    label: ClassVar[Text] = Text("Groups", "分组")
    order: ClassVar[int] = 10

    @classmethod
    def suits(cls, model: Finished) -> bool:
        return isinstance(model.appraisal, Effects) and bool(model.prepared.given)

    def measure(self, model: Finished) -> dict[str, Any] | None:
        answered, numbers = model.judged.answered, model.judged.test.numbers
        arms = model.report["choice"]["arms"]
        columns: dict[str, Any] = {}
        for name, field in model.prepared.given.items():
            groups = _groups(field, _column(model, name, numbers))
            if len(groups) > 1:
                columns[name] = groups
        if not columns or not len(numbers):
            return None
        shown = sorted(range(1, len(arms)), key=lambda arm: -int((answered.got == arm).sum()))[:_MOST_ARMS]
        told = []
        for arm in sorted(shown):
            gaps = np.asarray(answered.scores[:, arm] - answered.scores[:, 0], np.float64)
            found = [
                {
                    "column": name,
                    "chance": _chance(gaps, [rows for _, rows in groups]),
                    "groups": [{"of": {"en": of.en, "zh": of.zh}, **_mean(gaps[rows])} for of, rows in groups],
                }
                for name, groups in columns.items()
            ]
            told.append({"arm": arms[arm], "value": float(gaps.mean()), "columns": _ranked(found)})
        return {"outcome": model.report["choice"]["outcome"], "arms": told}

    @classmethod
    def schema(cls) -> dict[str, Any]:
        number, whole = {"type": ["number", "null"]}, {"type": "integer", "minimum": 0}
        of = described(en={"type": "string"}, zh={"type": "string"})
        group = described(of=of, rows=whole, value=number, low=number, high=number)
        column = described(
            column={"type": "string"},
            chance=number,
            differs={"type": "boolean"},
            groups={"type": "array", "items": group},
        )
        arm = described(arm={"type": "string"}, value=number, columns={"type": "array", "items": column})
        return described(outcome={"type": "string"}, arms={"type": "array", "items": arm})

    @classmethod
    def body(cls, found: Mapping[str, Any], report: Report) -> str:  # noqa: ARG003
        parts = [f'<p class="quiet small">{say(_HOW)}</p>']
        for place, arm in enumerate(found["arms"]):
            if len(found["arms"]) > 1:
                parts.append(f"<h3>{say(short(arm['arm']))}</h3>")
            parts.append(f"<p>{say(_said(arm, found['outcome']))}</p>")
            ends = _ends(arm)
            pictures = []
            for number, column in enumerate(arm["columns"][:_MOST_COLUMNS]):
                name = short(column["column"], 30)
                drawn = forest(
                    f"groups_{place}_{number}",
                    Text(f"{name} ✓", f"{name} ✓") if column["differs"] else Text(name, name),
                    [
                        Span(_label(one), one["value"], one["low"], one["high"], is_ours=column["differs"])
                        for one in column["groups"]
                    ],
                    beside=arm["value"],
                    ends=ends,
                    label=Text(f"Effect of {arm['arm']} by {name}", f"{arm['arm']} 的效应，按 {name} 分组"),
                )
                pictures.append(f"<figure>{drawn}</figure>")
            parts.append(f'<div class="two close">{"".join(pictures)}</div>')
            left = len(arm["columns"]) - _MOST_COLUMNS
            if left > 0:
                more = Text(f"{left} more columns stand in report.json.", f"另有 {left} 列，见 report.json。")
                parts.append(f'<p class="quiet small">{say(more)}</p>')
        return "".join([*parts, f'<p class="quiet small">{say(_BEWARE)}</p>'])


def _column(model: Finished, name: str, numbers: Array) -> Array:
    """A given column of the test rows in the order of ``numbers``, each heavy value as one number: the length of a text
    or series, the mean brightness of a picture."""
    rows, parts = [], []
    for arrays in model.prepared.arrays("test", model.work):
        array, form = arrays[name], model.prepared.given[name].form
        if form.name == "tokens":
            array = (array != 0).sum(axis=1)
        elif form.name == "steps":
            array = (array[..., -1] != 0).sum(axis=1)
        elif form.name in ("grid", "points"):
            array = array.reshape(len(array), -1).astype(np.float64).mean(axis=1)
        rows.append(arrays[ROW])
        parts.append(array)
    places = {int(row): place for place, row in enumerate(np.concatenate(rows))}
    return np.concatenate(parts)[[places[int(number)] for number in numbers]]


def _groups(field: Field, array: Array) -> list[tuple[Text, Array]]:
    """The groups of a column, each with the places of its rows; those too small to be told stand together."""
    if isinstance(field, (Category, YesNo)):
        values = field.decode(array)
        named = [(None if value is None else str(value)) for value in values]
        ranked = sorted({value for value in named if value is not None}, key=lambda one: -named.count(one))
        kept = [value for value in ranked[:_MOST_VALUES] if named.count(value) >= _FEWEST]
        order = [value for value in getattr(field, "classes", sorted(kept)) if value in kept] or kept
        groups = [(Text(value, value), _where(named, value)) for value in order]
        rest = np.array([place for place, value in enumerate(named) if value not in {*kept, None}], np.int64)
        groups.append((_OTHERS, rest))
        groups.append((_MISSING, _where(named, None)))
        return [group for group in groups if len(group[1]) >= _FEWEST]
    if isinstance(field, (Number, Date)):
        decoded = field.decode(array)
        labels: list[Any] = [value for value in decoded if value is not None]
        sort = np.array([np.nan if value is None else _as_number(value) for value in decoded])
    else:
        sort, labels, decoded = np.asarray(array, np.float64).reshape(len(array), -1).mean(axis=1), [], []
    known = np.flatnonzero(np.isfinite(sort))
    ranges = _ranges(sort, known)
    groups = []
    for rows in ranges:
        low, high = rows[sort[rows].argmin()], rows[sort[rows].argmax()]
        ends = [_short(decoded[place]) if labels else f"{sort[place]:.4g}" for place in (low, high)]
        if isinstance(field, Date):
            said = Text(f"from {ends[0]}", f"自 {ends[0]}")
        else:
            said = Text(*[ends[0] if ends[0] == ends[1] else f"{ends[0]} … {ends[1]}"] * 2)
        groups.append((said, rows))
    lacking = np.flatnonzero(~np.isfinite(sort))
    return [*groups, *([(_MISSING, lacking)] if len(lacking) >= _FEWEST else [])]


def _ranges(sort: Array, known: Array) -> list[Array]:
    """Rows in at most five ranges of about as many; rows of one value stay together."""
    most = min(_GROUPS, len(known) // _FEWEST)
    if most < 2:  # noqa: PLR2004
        return []
    edges = np.unique(np.quantile(sort[known], np.linspace(0, 1, most + 1)[1:-1]))
    bins = np.searchsorted(edges, sort[known], side="right")
    parts = [known[bins == one] for one in np.unique(bins)]
    return [rows for rows in parts if len(rows) >= _FEWEST]


def _mean(gaps: Array) -> dict[str, Any]:
    value, error = float(gaps.mean()), float(gaps.std(ddof=1) / math.sqrt(len(gaps)))
    return {
        "rows": len(gaps),
        "value": value,
        "low": value - _NORMAL_95 * error,
        "high": value + _NORMAL_95 * error,
    }


def _chance(gaps: Array, groups: list[Array]) -> float:
    """How often groups would differ so much if all had the same effect (Cochran 1954)."""
    from scipy.stats import chi2

    means = np.array([gaps[rows].mean() for rows in groups])
    weights = np.array([len(rows) / max(float(gaps[rows].var(ddof=1)), 1e-18) for rows in groups])
    together = float((weights * means).sum() / weights.sum())
    return float(chi2.sf(float((weights * (means - together) ** 2).sum()), len(groups) - 1))


def _ranked(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The columns by rising chance, each told to differ or not, so that of all that are told to at most one in twenty
    is by chance (Benjamini & Hochberg 1995)."""
    ranked = sorted(found, key=lambda one: float(one["chance"]))
    last = max(
        (place for place, one in enumerate(ranked, start=1) if one["chance"] <= _CHANCE * place / len(ranked)),
        default=0,
    )
    return [{**one, "differs": place <= last} for place, one in enumerate(ranked, start=1)]


def _said(arm: Mapping[str, Any], outcome: str) -> Text:
    differing = [short(one["column"], 30) for one in arm["columns"] if one["differs"]]
    if not differing:
        return Text(
            f"By no given column does the effect of {arm['arm']} on {outcome} differ beyond chance.",
            f"按任何一个已知列分组，{arm['arm']} 对 {outcome} 的效应都没有超出偶然的差异。",
        )
    names = listed(Text(name, name) for name in differing)
    return Text(
        f"The effect of {arm['arm']} on {outcome} differs beyond chance by {names.en} (marked ✓; of so many columns "
        "looked at, at most one in twenty that are marked is by chance).",
        f"{arm['arm']} 对 {outcome} 的效应按 {names.zh} 分组时有超出偶然的差异（标有 ✓；已考虑到同时看了很多列，"
        "标出的列中至多二十分之一出于偶然）。",
    )


def _label(one: Mapping[str, Any]) -> Text:
    rows = count(one["rows"])
    return Text(f"{short(one['of']['en'], 20)} · {rows}", f"{short(one['of']['zh'], 20)} · {rows}")


def _ends(arm: Mapping[str, Any]) -> tuple[float, float]:
    """One scale for all columns; intervals of tiny groups may run out of it."""
    groups = [one for column in arm["columns"] for one in column["groups"]]
    low = min(0.0, *np.quantile([one["low"] for one in groups], [0.02, 0.02]))
    high = max(0.0, *np.quantile([one["high"] for one in groups], [0.98, 0.98]))
    room = 0.05 * max(high - low, 1e-9)
    return float(low - room), float(high + room)


def _where(named: list[Any], value: Any) -> Array:
    return np.array([place for place, one in enumerate(named) if one == value], np.int64)


def _as_number(value: Any) -> float:
    return float(np.datetime64(value, "s").astype(np.int64)) if isinstance(value, str) else float(value)


def _short(value: Any) -> str:
    return value[:10] if isinstance(value, str) else amount(float(value))
