"""What the model loses when rows come worse than those it was tested on: noise, blur, mistakes, gaps."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sixfold.errors import RunError
from sixfold.evaluation._appraisal import Report, described
from sixfold.evaluation._chapter import Chapter, Finished
from sixfold.evaluation._examples import thumbnails
from sixfold.evaluation._figures import compared, difference, formula
from sixfold.evaluation._formula import Answered, Asked
from sixfold.evaluation._html import cell, say, short, t, table
from sixfold.evaluation._pictures import Ladder, Rung, Span, ladders, spans
from sixfold.evaluation._words import change, change_interval, count, interval, listed, shown
from sixfold.evaluation.chapters._again import (
    PICTURE,
    affordable,
    as_json,
    asked_again,
    base_name,
    encoded,
    shown_picture,
)
from sixfold.evaluation.chapters._changes import CHANGES, Change, plain_picture
from sixfold.fields import Array, Field, is_missing
from sixfold.language import Text

__all__ = ["Robustness"]

_SECONDS = 14.0
"""What asking again may take, all changes together."""

_MOST_ROWS, _AT_ONCE = 1024, 64
_RESAMPLES = 500
_MOST_COLUMNS, _MOST_DRAWN = 40, 24

_SAYS = Text(
    "Test rows are changed as they might be in daily use, encoded anew and answered as the service would. Dots are the "
    "figure under each strength with its 95 % interval; the dashed line is the figure without any change.",
    "把测试行按日常使用中可能出现的情况加以改动，再像服务那样重新编码、作答。"
    "圆点为各强度下的指标及其 95% 区间；虚线为不改动时的指标。",
)
_STEADY = Text("No change costs more than chance would explain.", "任何一种改动造成的损失都没有超出偶然波动的范围。")
_MISSING = Text("A column missing", "缺少某一列")
_MISSING_SAYS = Text(
    "Each given column is left out of every row in turn. Where the figure falls much, the product depends on that "
    "column: make it required where it is entered, and watch whether it comes.",
    "依次去掉每一列。指标大幅下降说明产品依赖这一列：请在录入处设为必填，并监测它是否到位。",
)
_PICTURE_LABEL = Text("The figure under each change, from mild to strong", "每种改动由弱到强时的指标")
_MISSING_LABEL = Text("The figure without each column", "缺少各列时的指标")
_WITHOUT = Text("Every column there", "各列齐全")
_STRONGEST = Text("At their strongest, the changes look like this.", "各种改动在最强时是这样的。")
_AS_IT_IS = Text("As it is", "原样")
_TABLE = Text("All figures", "全部数字")
_HEADS = (Text("Change", "改动"), Text("Strength", "强度"), Text("Lost", "损失"))


class Robustness(Chapter):
    """The headline figure under changes that daily use brings."""

    title: ClassVar[Text] = Text("What if rows come worse than these?", "数据变差了怎么办？")
    label: ClassVar[Text] = Text("Robustness", "稳健性")
    order: ClassVar[int] = 40
    asked_for: ClassVar[Mapping[str, Asked]] = {
        "lost to mild changes": Asked(
            Text("Lost to the worst mild change", "最坏的轻微改动造成的损失"),
            Text(
                "See in the chapter on robustness which change costs most, and what helps against it.",
                "请在「稳健性」一章查看哪种改动损失最大，以及应对办法。",
            ),
            style=None,
        )
    }

    @classmethod
    def suits(cls, model: Finished) -> bool:
        return bool(_asked(model) or _in_turn(model)) and model.judged.samples is None

    def measure(self, model: Finished) -> dict[str, Any] | None:
        asked, columns = _asked(model), _in_turn(model)
        times = 1 + sum(len(change.strengths) for change, _ in asked) + len(columns)
        places = affordable(model, _SECONDS, times, _MOST_ROWS)
        numbers = model.judged.test.numbers[places]
        raw = model.collected(numbers)
        rows = [raw[int(row)] for row in numbers]
        given = model.prepared.given
        arrays = encoded(given, rows)
        truth = model.judged.test.truth[places]

        def answered(changed: Mapping[str, Array]) -> Answered:
            outputs = asked_again(model, places, {**arrays, **changed})
            found: Answered = model.appraisal.answered(outputs, truth, model.judged.decision)
            return found

        def tell() -> None:
            model.work.step(len(models), times, "questions")

        models: dict[str, Answered] = {"": answered({})}
        refused: list[str] = []
        for change_, names in asked:
            for strength in change_.strengths:
                key = f"change {change_.name} {strength}"
                changed = _changed(model, change_, strength, names, rows)
                if changed is None:
                    refused.append(change_.name)
                elif any(not np.array_equal(array, arrays[name]) for name, array in changed.items()):
                    models[key] = answered(changed)
                tell()
        for name in columns:
            blank = _blank(model, name, len(rows))
            try:
                if blank is None:
                    raise ValueError(name)
                models[f"column {name}"] = answered({name: blank})
            except (ValueError, RunError):
                refused.append(name)
            tell()
        headline = model.headline
        found = {
            who: figures[headline.name]
            for who, figures in compared([headline.name], models, resamples=_RESAMPLES, seed=model.work.seed).items()
        }
        if found[""].value is None or len(found) == 1:
            return None

        def told(key: str) -> dict[str, Any]:
            gap = difference(found[""], found[key], higher_is_better=headline.higher_is_better)
            return {**found[key].to_json(), "lost": gap.to_json()}

        return {
            "figure": headline.name,
            "higher_is_better": headline.higher_is_better,
            "rows": len(places),
            "of": len(model.judged.test.truth),
            "unchanged": found[""].to_json(),
            "changes": [
                {
                    "name": change_.name,
                    "steps": [
                        {"strength": strength, **told(key)}
                        for strength in change_.strengths
                        if (key := f"change {change_.name} {strength}") in found
                    ],
                    "picture": _sample(given, change_, names, rows),
                }
                for change_, names in asked
                if any(f"change {change_.name} {strength}" in found for strength in change_.strengths)
            ],
            "picture": _sample(given, None, list(given), rows),
            "missing": [{"column": name, **told(f"column {name}")} for name in columns if f"column {name}" in found],
            "columns_left_out": max(0, len(_light(model)) - len(columns)),
            "refused": sorted(set(refused)),
        }

    @classmethod
    def schema(cls) -> dict[str, Any]:
        number, whole = {"type": ["number", "null"]}, {"type": "integer", "minimum": 0}
        value = {"value": number, "low": number, "high": number, "rows": whole, "resamples": whole}
        lost = described(value=number, low=number, high=number)
        picture = {"anyOf": [{"type": "null"}, PICTURE]}
        step = described(strength={"type": "number"}, **value, lost=lost)
        return described(
            figure={"type": "string"},
            higher_is_better={"type": "boolean"},
            rows=whole,
            of=whole,
            unchanged=described(**value),
            changes={
                "type": "array",
                "items": described(name={"type": "string"}, steps={"type": "array", "items": step}, picture=picture),
            },
            picture=picture,
            missing={"type": "array", "items": described(column={"type": "string"}, **value, lost=lost)},
            columns_left_out=whole,
            refused={"type": "array", "items": {"type": "string"}},
        )

    @classmethod
    def figures(cls, found: Mapping[str, Any]) -> dict[str, float | None]:
        lost = [one["steps"][0]["lost"]["value"] for one in found["changes"] if one["steps"]]
        known = [value for value in lost if value is not None]
        return {"lost to mild changes": max(known) if known else None}

    @classmethod
    def body(cls, found: Mapping[str, Any], report: Report) -> str:  # noqa: ARG003
        parts = [f"<p>{say(_SAYS)} {say(_looked_at(found))}</p>"]
        if found["changes"]:
            parts += [_drawn(found), _verdicts(found), _looks(found), _listed(found)]
        if found["missing"]:
            parts += [f"<h3>{say(_MISSING)}</h3><p>{say(_MISSING_SAYS)}</p>", _columns(found)]
        if found["refused"]:
            parts.append(f'<p class="quiet small">{say(_refused(found["refused"]))}</p>')
        return "".join(parts)


def _light(model: Finished) -> list[str]:
    """The columns that a row may lack."""
    given = model.prepared.given
    if len(given) == 1 and next(iter(given.values())).is_heavy:
        return []
    return [name for name, field in given.items() if name != base_name(model) and field.widget != "point"]


def _in_turn(model: Finished) -> list[str]:
    return _light(model)[:_MOST_COLUMNS]


def _asked(model: Finished) -> list[tuple[Change, list[str]]]:
    """Each change that means something here, and the columns that it is made to."""
    found = []
    for widget, changes in CHANGES.items():
        fields = [field for field in model.prepared.given.values() if field.widget == widget and _can_change(field)]
        for change_ in changes:
            names = [field.name for field in fields if change_.keeps_places or field.name != base_name(model)]
            if names:
                found.append((change_, names))
    return found


def _can_change(field: Field) -> bool:
    """Not a map, each pixel of which is a place: blurred, it is another map. Nor what is typed as text and is none."""
    return not _is_map(field) and (field.widget != "text" or field.form.name == "tokens")


def _is_map(field: Field) -> bool:
    return getattr(field.options, "fit", None) == "pad"


def _changed(
    model: Finished, change_: Change, strength: float, names: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Array] | None:
    """The arrays of the changed columns; ``None`` where a service would refuse them."""
    arrays = {}
    for name in names:
        field = model.prepared.given[name]
        draw = np.random.default_rng([model.work.seed, zlib.crc32(f"{change_.name} {name}".encode())])
        size = _AT_ONCE if field.is_heavy else len(rows)  # of pictures, only so many are decoded at once
        parts = []
        for start in range(0, len(rows), size):
            values = change_.apply(field, [row.get(name) for row in rows[start : start + size]], strength, draw)
            if model.task.reads_whole and any(field.overlong(value) is not None for value in values):
                return None
            parts.append(field.encode(values))
        arrays[name] = np.concatenate(parts)
    return arrays


def _blank(model: Finished, name: str, rows: int) -> Array | None:
    field = model.prepared.given[name]
    if model.task.reads_whole and field.overlong(None) is not None:
        return None
    return field.encode([None] * rows)


def _sample(
    given: Mapping[str, Field], change_: Change | None, names: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """The first picture there is, under a change at its strongest."""
    fields = [given[name] for name in names if given[name].widget == "image" and not _is_map(given[name])]
    known = [row for row in rows if fields and not is_missing(row.get(fields[0].name))]
    if not known:
        return None
    field = fields[0]
    value = known[0][field.name]
    if change_ is not None:
        (value,) = change_.apply(field, [value], change_.strengths[-1], np.random.default_rng(0))
    else:
        value = plain_picture(field.parse(value))
    small = thumbnails({field.name: field}, {field.name: value})
    return as_json(small[0]) if small else None


def _change(name: str) -> Change:
    return next(change_ for changes in CHANGES.values() for change_ in changes if change_.name == name)


def _looked_at(found: Mapping[str, Any]) -> Text:
    rows, of = count(found["rows"]), count(found["of"])
    return Text(f"{rows} of {of} test rows were looked at.", f"共查看 {of} 个测试行中的 {rows} 行。")


def _drawn(found: Mapping[str, Any]) -> str:
    how = formula(found["figure"])
    panels = []
    for one in found["changes"]:
        rungs = [
            Rung(_percent(step["strength"]), step["value"], step["low"], step["high"])
            for step in one["steps"]
            if step["value"] is not None and step["low"] is not None
        ]
        if rungs:
            about = _change(one["name"])
            panels.append(Ladder(about.title, about.unit, rungs))
    drawn = ladders("robustness", panels, found["unchanged"]["value"], percent=how.style == "share",
                    label=_PICTURE_LABEL)  # fmt: skip
    pictures = "".join(drawn)
    return f'<figure><div class="ladders">{pictures}</div><figcaption>{say(how.title)}</figcaption></figure>'


def _percent(share: float) -> str:
    return f"{share * 100:g}%"


def _verdicts(found: Mapping[str, Any]) -> str:
    """What costs more than chance would, at the mildest strength at which it does; and what helps."""
    how, items, costly = formula(found["figure"]), [], []
    for one in found["changes"]:
        step = next((step for step in one["steps"] if (step["lost"]["low"] or 0) > 0), None)
        if step is not None:
            costly.append((one, step))
    costly.sort(key=lambda pair: -pair[1]["lost"]["value"])
    by_mend: dict[Text, list[str]] = {}
    for one, step in costly:
        about = _change(one["name"])
        by, ends = _moved(found, step)
        level = _percent(step["strength"])
        told = Text(
            f"{about.title.en} ({level} {about.unit.en}): {how.title.en} {by('en')}, 95 % interval {ends('en')}.",
            f"{about.title.zh}（{level}{about.unit.zh}）：{how.title.zh} {by('zh')}，95% 区间为 {ends('zh')}。",
        )
        by_mend.setdefault(about.mend, []).append(f"<p>{say(told)}</p>")
    for mend, lines in by_mend.items():
        items.append(f'<li class="warning">{"".join(lines)}<p class="mend">{say(mend)}</p></li>')
    return f'<ul class="findings">{"".join(items)}</ul>' if items else f"<p>{say(_STEADY)}</p>"


def _moved(found: Mapping[str, Any], step: Mapping[str, Any]) -> tuple[Text, Text]:
    """By how much the figure went up or down, and the interval of that."""
    style, beside, lost = formula(found["figure"]).style, found["unchanged"]["value"], step["lost"]
    if lost["value"] is None or lost["low"] is None:
        return Text("–", "–"), Text("–", "–")
    sign = -1 if found["higher_is_better"] else 1
    low, high = sorted((sign * lost["low"], sign * lost["high"]))
    return change(sign * lost["value"], style, beside), change_interval(low, high, style, beside)


def _looks(found: Mapping[str, Any]) -> str:
    pictures = [(one["picture"], _change(one["name"]).title) for one in found["changes"] if one["picture"]]
    if not pictures or found["picture"] is None:
        return ""
    items = "".join(
        f"<li>{shown_picture(picture, title('en'))}<p>{say(title)}</p></li>"
        for picture, title in [(found["picture"], _AS_IT_IS), *pictures]
    )
    return f'<p class="quiet">{say(_STRONGEST)}</p><ul class="examples">{items}</ul>'


def _listed(found: Mapping[str, Any]) -> str:
    how, lines = formula(found["figure"]), []
    for one in found["changes"]:
        about = _change(one["name"])
        for number, step in enumerate(one["steps"]):
            level = Text(
                f"{_percent(step['strength'])} {about.unit.en}", f"{_percent(step['strength'])}{about.unit.zh}"
            )
            name = say(about.title) if number == 0 else ""
            lines.append(
                f"<tr><th>{name}</th><td>{say(level)}</td>"
                f"{cell(shown(step['value'], how.style), interval(step['low'], step['high'], how.style))}"
                f"{cell(*_moved(found, step))}</tr>"
            )
    heads = [(say(_HEADS[0]), False), (say(_HEADS[1]), False), (say(how.title), True), (say(_HEADS[2]), True)]
    return f"<details><summary>{say(_TABLE)}</summary>{table(heads, lines)}</details>"


def _columns(found: Mapping[str, Any]) -> str:
    """The columns whose absence costs most, and the rest in a line."""
    how = formula(found["figure"])
    ranked = sorted(found["missing"], key=lambda one: -(one["lost"]["value"] or 0))
    rows = [
        Span(short(one["column"], 40), one["value"], one["low"], one["high"], False)
        for one in ranked[:_MOST_DRAWN]
        if one["value"] is not None and one["low"] is not None
    ]
    whole = found["unchanged"]
    if whole["low"] is None:
        return ""
    ours = Span(_WITHOUT, whole["value"], whole["low"], whole["high"], True)
    drawn = spans("missing", [ours, *rows], percent=how.style == "share", label=_MISSING_LABEL)
    left = len(ranked) - len(rows) + found["columns_left_out"]
    note = f'<p class="quiet small">{t("report.mistakes.more_columns", count=count(left))}</p>' if left else ""
    return f"<figure>{drawn}<figcaption>{say(how.title)}</figcaption></figure>{note}"


def _refused(names: Sequence[str]) -> Text:
    known = {change_.name: change_.title for changes in CHANGES.values() for change_ in changes}
    told = listed(known.get(name, name) for name in names)
    return Text(
        f"A service refuses rows changed in these ways rather than answer them: {told.en}.",
        f"对以下改动后的行，服务会拒绝作答而不是乱答：{told.zh}。",
    )
