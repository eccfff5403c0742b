"""For which rows it does worse: every value, every range, every length, and pairs of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation._appraisal import Report, described
from sixfold.evaluation._chapter import Chapter, Finished
from sixfold.evaluation._class_figures import Scored
from sixfold.evaluation._figures import formula, measured
from sixfold.evaluation._formula import Answered, Asked
from sixfold.evaluation._html import cell, say, short, t, table, text_of
from sixfold.evaluation._pictures import Span, spans
from sixfold.evaluation._slices import (
    Property,
    Slice,
    binned,
    chances_of_worse,
    fewest_rows,
    grouped,
    properties,
    slices_of,
)
from sixfold.evaluation._words import count, interval, shown
from sixfold.evaluation.numbers import Estimated
from sixfold.fields import Array
from sixfold.language import Text
from sixfold.store import ROW

__all__ = ["Slices"]

_MOST_ROWS = 20_000
_MOST_SHOWN = 10
_MOST_COLUMNS = 30
_SURE = 0.05
_LEAST_CHANCE = 0.005
"""So few permutations tell smaller ones not apart."""

_RESAMPLES = 300
_YES = 1

_COLLECT = Text(
    "Collect more rows like those of the worst slice, and look at its worst examples: often they are labelled "
    "otherwise, "
    "or a column that would tell is missing. Or leave such rows to a person.",
    "多收集与最差切片相似的行，并查看其中错得最多的例子：往往是标注标准不同，或缺少能说明问题的列；"
    "也可以把这类行交给人处理。",
)


class Slices(Chapter):
    """Slices of the test rows, the worst first; those beyond chance are told apart from those that may be it."""

    title: ClassVar[Text] = Text("For which rows is it worse?", "对哪些行表现更差？")
    label: ClassVar[Text] = Text("Slices", "切片")
    order: ClassVar[int] = 10
    asked_for: ClassVar[Mapping[str, Asked]] = {
        "worst slice": Asked(Text("Worst slice", "最差切片"), _COLLECT, None, None),
        "worst slice recall": Asked(Text("Worst slice recall", "最差切片的召回率"), _COLLECT, "share", True),
    }

    @classmethod
    def suits(cls, model: Finished) -> bool:
        return bool(model.prepared.given) and model.appraisal.judges_rows and model.judged.samples is None

    def measure(self, model: Finished) -> dict[str, Any] | None:
        answered, numbers = model.judged.answered, model.judged.test.numbers
        if answered.rows > _MOST_ROWS:
            keep = np.zeros(answered.rows, bool)
            keep[np.random.default_rng(model.work.seed).permutation(answered.rows)[:_MOST_ROWS]] = True
            answered, numbers = answered.kept(keep), numbers[keep]
        told, right = _properties(model, numbers), _of_the_truth(model, answered)
        sign = -1.0 if model.headline.higher_is_better else 1.0
        values = model.by_row(answered)
        judged = np.isfinite(values)
        harm = np.where(judged, sign * values, np.mean(sign * values[judged]) if judged.any() else 0.0)
        parts = slices_of(told, answered.rows)
        if not parts or not judged.any():
            return None
        chances = chances_of_worse(parts, harm, seed=model.work.seed)
        mean = float(harm.mean())
        apart = np.array([float(harm[part.rows].mean()) - mean for part in parts])
        ranked = sorted(range(len(parts)), key=lambda place: (chances[place] > _SURE, -apart[place]))
        shown_ones = [place for place in _distinct(parts, ranked) if apart[place] > 0][:_MOST_SHOWN]
        name = model.headline.name
        worst = [
            {**_told(parts[place]), **_figure(name, answered, parts[place].rows, model.work.seed)}
            | {"chance": float(chances[place])}
            for place in shown_ones
        ]
        truths = slices_of([right], answered.rows, with_pairs=False) if right is not None else []
        every = formula(name).of(answered, np.ones(answered.rows))
        return {
            "figure": name,
            "all": float(every) if np.isfinite(every) else None,
            "rows": answered.rows,
            "fewest": fewest_rows(answered.rows),
            "looked_at": len(parts),
            "worst": worst,
            "found": int((chances <= _SURE).sum()),
            "columns": _by_column([*([] if right is None else [right]), *told], answered.rows, name, answered, sign),
            "recall": _worst_recall(answered, parts, truths),
        }

    @classmethod
    def schema(cls) -> dict[str, Any]:
        number, whole = {"type": ["number", "null"]}, {"type": "integer", "minimum": 0}
        text = described(en={"type": "string"}, zh={"type": "string"})
        what = {"type": "array", "items": described(**{"of": text, "is": text})}
        slice_ = {"what": what, "rows": whole, "value": number, "low": number, "high": number}
        return described(
            figure={"type": "string"},
            all=number,
            rows=whole,
            fewest=whole,
            looked_at=whole,
            worst={"type": "array", "items": described(**slice_, chance=number)},
            found=whole,
            columns={
                "type": "array",
                "items": described(
                    of=text,
                    slices={"type": "array", "items": described(**{"is": text}, rows=whole, value=number)},
                ),
            },
            recall={"anyOf": [{"type": "null"}, described(what=what, rows=whole, value=number)]},
        )

    @classmethod
    def figures(cls, found: Mapping[str, Any]) -> dict[str, float | None]:
        worst = next((one["value"] for one in found["worst"] if one["chance"] <= _SURE), found["all"])
        return {
            "worst slice": worst,
            "worst slice recall": None if found["recall"] is None else found["recall"]["value"],
        }

    @classmethod
    def body(cls, found: Mapping[str, Any], report: Report) -> str:  # noqa: ARG003
        how = formula(found["figure"])
        parts = [f"<p>{say(_verdict(found))}</p>"]
        shown_ones = [one for one in found["worst"] if one["low"] is not None]
        if shown_ones:
            drawn = [] if found["all"] is None else [Span(_ALL, found["all"], found["all"], found["all"], True)]
            drawn += [Span(_name(one["what"]), one["value"], one["low"], one["high"], False) for one in shown_ones]
            picture = spans("slices", drawn, percent=how.style == "share", label=_PICTURE)
            parts.append(f"<figure>{picture}<figcaption>{say(_caption(found))}</figcaption></figure>")
            lines = (
                f"<tr><th>{say(_name(one['what'], 90))}</th>"
                + cell(shown(one["value"], how.style), interval(one["low"], one["high"], how.style))
                + f'<td class="n">{count(one["rows"])}</td><td class="n">{say(_chance(one["chance"]))}</td></tr>'
                for one in shown_ones
            )
            heads = [
                (say(_SLICE), False),
                (say(how.title), True),
                (t("report.figures.rows"), True),
                (say(_MAY_BE), True),
            ]
            parts.append(table(heads, lines))
        if found["columns"]:
            lines = (
                f"<tr><th>{say(_plain(column['of']))}</th>"
                + "".join(
                    f"<td>{say(_plain(one['is']))}</td>"
                    + cell(shown(one["value"], how.style), Text(*[f"n = {count(one['rows'])}"] * 2))
                    for one in (column["slices"][0], column["slices"][-1])
                )
                + "</tr>"
                for column in found["columns"]
            )
            heads = [(say(_COLUMN), False), (say(_WORST), False), (say(how.title), True), (say(_BEST), False)]
            parts.append(f"<h3>{say(_EVERY)}</h3>{table([*heads, (say(how.title), True)], lines)}")
        return "".join(parts) + f'<p class="quiet small">{say(_how(found))}</p>'

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return [
            (
                Text("Slice", "切片"),
                Text(
                    "Rows that have something in common: a value, a range of a number, a length; or two such things.",
                    "有共同点的一组行：同一个取值、同一段数值、相近的长度；或同时满足两个这样的条件。",
                ),
            )
        ]


_ALL = Text("All test rows", "全部测试行")
_SLICE = Text("Slice", "切片")
_MAY_BE = Text("May be chance", "纯属偶然的可能")
_COLUMN = Text("Column", "列")
_WORST = Text("Worst", "最差")
_BEST = Text("Best", "最好")
_EVERY = Text("Every column: where it is worst and best", "各列：最差与最好的部分")
_PICTURE = Text("The headline figure of the worst slices, with intervals", "最差切片的主要指标及区间")


def _properties(model: Finished, numbers: Array) -> list[Property]:
    given = model.prepared.given
    light = [name for name, field in given.items() if not field.is_heavy or field.kind() == "text"]
    raw = model.columns(light, numbers)
    known = {name: field for name, field in given.items() if name in raw or name not in light}
    arrays = _of_arrays(model, [name for name in known if name not in light], numbers)
    return properties(known, raw, arrays)


def _of_arrays(model: Finished, names: Sequence[str], numbers: Array) -> dict[str, Array]:
    """Of series how many steps they have, of pictures how bright they are (0–1), shard by shard."""
    forms = {name: model.prepared.given[name].form.name for name in names}
    names = [name for name in names if forms[name] in ("steps", "grid")]
    found = {name: np.full(len(numbers), np.nan) for name in names}
    if not names:
        return found
    order = np.argsort(numbers, kind="stable")
    for arrays in model.prepared.arrays("test", model.work):
        here = np.isin(arrays[ROW], numbers)
        places = order[np.searchsorted(numbers[order], arrays[ROW][here])]
        for name in names:
            array = arrays[name][here]
            flat = array[..., -1].sum(axis=1) if forms[name] == "steps" else _brightness(array)
            found[name][places] = flat
    return found


def _brightness(pictures: Array) -> Array:
    scale = 255.0 if pictures.dtype == np.uint8 else 1.0
    return np.asarray(pictures.reshape(len(pictures), -1).mean(axis=1, dtype=np.float64) / scale)


def _of_the_truth(model: Finished, answered: Answered) -> Property | None:
    """Rows by what is right: the class, or the range of the number."""
    target = model.task.target
    if isinstance(answered, Scored):
        classes = target.state["classes"]
        return grouped(target.name, [classes[index] for index in answered.y.tolist()])
    if isinstance(answered, Estimated):
        return binned(target.name, Text(target.name, target.name), answered.y)
    return None


def _distinct(parts: Sequence[Slice], ranked: Sequence[int]) -> list[int]:
    """Positions of slices, without those that are for the most part one that stands before them."""
    kept: list[int] = []
    for place in ranked:
        rows = parts[place].rows
        if all(_overlap(rows, parts[other].rows) < 0.8 for other in kept):  # noqa: PLR2004 — for the most part the same
            kept.append(place)
        if len(kept) >= 2 * _MOST_SHOWN:
            break
    return kept


def _overlap(one: Array, other: Array) -> float:
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)


def _told(part: Slice) -> dict[str, Any]:
    return {"what": [{"of": _json(of), "is": _json(name)} for of, name in part.told]}


def _figure(name: str, answered: Answered, rows: Array, seed: int) -> dict[str, Any]:
    keep = np.zeros(answered.rows, bool)
    keep[rows] = True
    found = measured([name], answered.kept(keep), resamples=_RESAMPLES, seed=seed)[name]
    return {"rows": len(rows), "value": found.value, "low": found.low, "high": found.high}


def _by_column(told: Sequence[Property], rows: int, name: str, answered: Answered, sign: float) -> list[dict[str, Any]]:
    """Each property's slices, the worst first; the property that tells most comes first."""
    found: list[dict[str, Any]] = []
    how = formula(name)
    for one in told:
        slices: list[dict[str, Any]] = []
        for part in slices_of([one], rows, with_pairs=False):
            counts = np.zeros(rows)
            counts[part.rows] = 1
            value = float(how.of(answered, counts))
            slices.append({"is": _json(part.told[0][1]), "rows": len(part.rows), "value": value})
        known = sorted((part for part in slices if np.isfinite(part["value"])), key=lambda part: -sign * part["value"])
        if len(known) > 1:
            found.append({"of": _json(one.title), "slices": known})
    found.sort(key=lambda column: -abs(column["slices"][0]["value"] - column["slices"][-1]["value"]))
    return found[:_MOST_COLUMNS]


def _worst_recall(answered: Answered, parts: Sequence[Slice], truths: Sequence[Slice]) -> dict[str, Any] | None:
    """Of yes or no, the least share of yes that was found in any slice of one column; of several classes, the least
    share of any class that was."""
    if not isinstance(answered, Scored):
        return None
    if answered.classes == 2:  # noqa: PLR2004 — yes and no
        is_yes = answered.y == _YES
        rows = {place: part.rows[is_yes[part.rows]] for place, part in enumerate(parts) if len(part.told) == 1}
        enough = {place: rows[place] for place in rows if len(rows[place]) >= fewest_rows(int(is_yes.sum()))}
        found = [(parts[place], where) for place, where in enough.items()]
    else:
        found = [(part, part.rows) for part in truths]
    if not found:
        return None
    part, rows_of_it = min(found, key=lambda one: float(answered.right[one[1]].mean()))
    return {**_told(part), "rows": len(rows_of_it), "value": float(answered.right[rows_of_it].mean())}


def _verdict(found: Mapping[str, Any]) -> Text:
    how, beyond = formula(found["figure"]), [one for one in found["worst"] if one["chance"] <= _SURE]
    every = shown(found["all"], how.style)
    if not beyond:
        return Text(
            f"In none of {count(found['looked_at'])} slices does it do worse than chance would have it: "
            f"{how.title.en} is "
            f"{every.en} on all test rows, and differences between slices are no larger than among rows dealt at "
            "random.",
            f"在 {count(found['looked_at'])} 个切片中，没有一个的表现差到超出偶然：全部测试行的{how.title.zh}为 "
            f"{every.zh}，"
            "各切片之间的差别不比随机分组更大。",
        )
    first = beyond[0]
    name, value = _name(first["what"], 120), shown(first["value"], how.style)
    return Text(
        f"It does worst where {name.en}: {how.title.en} is {value.en} on these {count(first['rows'])} rows, against "
        f"{every.en} on all. Of {count(found['looked_at'])} slices looked at, {count(found['found'])} are worse than "
        "all "
        "rows together by more than chance.",
        f"表现最差的切片是 {name.zh}：这 {count(first['rows'])} 行的{how.title.zh}为 {value.zh}，而全部测试行为 "
        f"{every.zh}。"
        f"共看了 {count(found['looked_at'])} 个切片，其中 {count(found['found'])} 个比整体差，且超出偶然。",
    )


def _caption(found: Mapping[str, Any]) -> Text:
    how = formula(found["figure"])
    return Text(
        f"{how.title.en} of the worst slices, with 95 % intervals, against all {count(found['rows'])} test rows.",
        f"最差切片的{how.title.zh}及 95% 区间，与全部 {count(found['rows'])} 个测试行对照。",
    )


def _how(found: Mapping[str, Any]) -> Text:
    return Text(
        f"Slices have at least {count(found['fewest'])} rows; pairs are of slices of two columns. “May be chance” "
        "says how "
        "often a slice so bad would be found somewhere among all that were looked at if rows were dealt at random "
        "(Westfall & Young 1993): looking at many is paid for. Slices that are mostly the same rows are shown once.",
        f"每个切片至少有 {count(found['fewest'])} 行；成对切片由两列组合而成。「纯属偶然的可能」是指："
        "若把各行随机分组，在看过的所有切片中"
        "出现这么差的切片的概率（Westfall 与 Young 1993），即已计入看了许多切片这一因素。行大体相同的切片只列一次。",
    )


def _chance(chance: float) -> Text:
    if chance < _LEAST_CHANCE:
        return Text(f"< {_LEAST_CHANCE * 100:.1f}\u00a0%", f"< {_LEAST_CHANCE * 100:.1f}%")
    percent = f"{chance * 100:.1f}" if chance < 0.1 else f"{chance * 100:.0f}"  # noqa: PLR2004 — a decimal says something
    return Text(f"{percent}\u00a0%", f"{percent}%")


def _name(what: Sequence[Mapping[str, Any]], longest: int = 60) -> Text:
    told = [(_plain(one["of"]), _plain(one["is"])) for one in what]
    return Text(
        short(" · ".join(f"{of.en}: {name.en}" for of, name in told), longest),
        short(" · ".join(f"{of.zh}：{name.zh}" for of, name in told), longest),
    )


def _plain(record: Any) -> Text:
    told = text_of(record)
    return told if isinstance(told, Text) else Text(told, told)


def _json(text: Text) -> dict[str, str]:
    return {"en": text.en, "zh": text.zh}
