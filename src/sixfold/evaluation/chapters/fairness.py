"""Whether groups of people are treated alike: how often each is chosen, found, wrongly chosen, answered rightly."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation._appraisal import Report, described
from sixfold.evaluation._chapter import Chapter, Finished
from sixfold.evaluation._class_figures import Scored
from sixfold.evaluation._figures import RESAMPLES, formula
from sixfold.evaluation._formula import Asked, Style
from sixfold.evaluation._html import cell, say, t, table, text_of
from sixfold.evaluation._pictures import Span, spans
from sixfold.evaluation._slices import Property, binned, grouped, properties
from sixfold.evaluation._words import change, change_interval, count, interval, shown
from sixfold.evaluation.numbers import Estimated
from sixfold.fields import Array
from sixfold.language import Text

__all__ = ["Fairness", "rates_by_group"]

_FEWEST_ROWS, _FEWEST_OF_A_KIND = 30, 10
_MOST_ROWS = 20_000
_MOST_CLASSES = 30
_MANY_VALUES = 12
_MOST_SHOWN = 12
_YES = 1
_PEOPLE = re.compile(
    r"(^|[\W_])(sex|gender|race|ethnic\w*|nationality|age|religion|disab\w*|marital\w*|orientation)($|[\W_])"
    r"|性别|民族|种族|年龄|宗教|国籍|户籍|婚姻|残疾",
    re.IGNORECASE,
)

_ALIKE = Text(
    "Look first whether labels mean the same for every group and whether the group has enough training rows; leave out "
    "columns that stand for the group; collect more of its rows. Where the law allows it, judge groups by thresholds "
    "of "
    "their own outside the product.",
    "先看标注对各组是否是同一个意思、该组的训练行是否够多；去掉实际上代表该组的列；多收集该组的数据。"
    "在法律允许的情况下，可在产品之外为各组另设阈值。",
)


class Fairness(Chapter):
    """Rates by group, and how far the groups are apart, as fairlearn defines it."""

    title: ClassVar[Text] = Text("Are groups of people treated alike?", "不同人群受到同等对待吗？")
    label: ClassVar[Text] = Text("Fairness", "公平")
    order: ClassVar[int] = 15
    asked_for: ClassVar[Mapping[str, Asked]] = {
        "group difference": Asked(Text("Difference between groups", "组间差距"), _ALIKE, None),
        "selection rate difference": Asked(Text("Difference in selection rate", "选中率之差"), _ALIKE),
        "selection rate ratio": Asked(
            Text("Ratio of selection rates", "选中率之比"), _ALIKE, "number", higher_is_better=True
        ),
        "equal opportunity difference": Asked(Text("Difference in true positive rate", "真阳性率之差"), _ALIKE),
        "false positive rate difference": Asked(Text("Difference in false positive rate", "假阳性率之差"), _ALIKE),
        "equalized odds difference": Asked(Text("Equalized odds difference", "均等几率之差"), _ALIKE),
    }

    @classmethod
    def suits(cls, model: Finished) -> bool:
        return bool(_columns(model)) and model.appraisal.judges_rows and model.judged.samples is None

    def measure(self, model: Finished) -> dict[str, Any] | None:
        answered, numbers = model.judged.answered, model.judged.test.numbers
        if answered.rows > _MOST_ROWS:
            keep = np.zeros(answered.rows, bool)
            keep[np.random.default_rng(model.work.seed).permutation(answered.rows)[:_MOST_ROWS]] = True
            answered, numbers = answered.kept(keep), numbers[keep]
        values, told = model.by_row(answered), []
        raw = model.columns(_columns(model), numbers)
        for column in (name for name in _columns(model) if name in raw):
            people = _people(model, column, raw)
            sizes = np.bincount(people.codes[people.codes >= 0], minlength=len(people.names))
            kept = [code for code in range(len(people.names)) if sizes[code] >= _FEWEST_ROWS]
            if len(kept) < 2:  # noqa: PLR2004 — a group alone is treated like itself
                continue
            places = np.full(len(people.names) + 1, -1)
            places[kept] = np.arange(len(kept))
            codes = places[people.codes]
            inside = codes >= 0
            rates = {"value": _means(codes[inside], values[inside], len(kept), model.work.seed)}
            if isinstance(answered, Scored) and answered.classes <= _MOST_CLASSES:
                part = answered.kept(inside)
                rates |= rates_by_group(codes[inside], part.y, part.decided, part.classes, seed=model.work.seed)
            elif isinstance(answered, Estimated):
                off = (answered.said - answered.y)[inside]
                rates["bias"] = _means(codes[inside], off, len(kept), model.work.seed)
            told.append(
                {
                    "column": column,
                    "guessed": column not in model.product.evaluate.groups,
                    "left_out": int((~inside).sum()),
                    "groups": [
                        {"name": {"en": people.names[code].en, "zh": people.names[code].zh}, "rows": int(sizes[code])}
                        | {name: _group(draws, place) for name, draws in rates.items()}
                        for place, code in enumerate(kept)
                    ],
                    "differences": _differences(rates),
                }
            )
        classes = model.task.target.state["classes"] if isinstance(answered, Scored) else []
        chosen = classes[_YES] if len(classes) == 2 else None  # noqa: PLR2004 — yes and no
        return {"figure": model.headline.name, "chosen": chosen, "columns": told} if told else None

    @classmethod
    def schema(cls) -> dict[str, Any]:
        number, whole, text = {"type": ["number", "null"]}, {"type": "integer", "minimum": 0}, {"type": "string"}
        value = described(value=number, low=number, high=number)
        group = described(
            name=described(en=text, zh=text),
            rows=whole,
            value=value,
            **dict.fromkeys(_RATES, value),
            bias=value,
        )
        group["required"] = ["name", "rows", "value"]
        differences = described(**dict.fromkeys(cls.asked_for, value))
        differences["required"] = ["group difference"]
        column = described(
            column=text,
            guessed={"type": "boolean"},
            left_out=whole,
            groups={"type": "array", "items": group},
            differences=differences,
        )
        return described(figure=text, chosen={"type": ["string", "null"]}, columns={"type": "array", "items": column})

    @classmethod
    def figures(cls, found: Mapping[str, Any]) -> dict[str, float | None]:
        told: dict[str, float | None] = {}
        for name, about in cls.asked_for.items():
            known = [
                column["differences"][name]["value"]
                for column in found["columns"]
                if column["differences"].get(name, {}).get("value") is not None
            ]
            if known:
                told[name] = min(known) if about.higher_is_better else max(known)
        return told

    @classmethod
    def body(cls, found: Mapping[str, Any], report: Report) -> str:  # noqa: ARG003
        how = formula(found["figure"])
        in_headline = Text(f"Difference in {how.title.en}", f"{how.title.zh}之差")
        parts = [f"<p>{say(_says(found))}</p>"]
        for place, column in enumerate(found["columns"]):
            groups = column["groups"]
            names = [name for name in ("selection", "found", "wrongly", "value", "bias") if name in groups[0]]
            titles = {**_RATES, "value": how.title, "bias": _BIAS}
            styles: dict[str, Style] = {**dict.fromkeys(_RATES, "share"), "value": how.style, "bias": "amount"}
            parts.append(f"<h3>{say(column['column'])}</h3>")
            first = "selection" if "selection" in names else "value"
            drawn = [
                Span(_name(group), group[first]["value"], group[first]["low"], group[first]["high"], False)
                for group in groups[:_MOST_SHOWN]
                if group[first]["low"] is not None
            ]
            if len(drawn) > 1:
                picture = spans(f"fair{place}", drawn, percent=styles[first] == "share", label=titles[first])
                caption = Text(f"{titles[first].en}, with 95 % intervals", f"{titles[first].zh}及 95% 区间")
                parts.append(f"<figure>{picture}<figcaption>{say(caption)}</figcaption></figure>")
            lines = (
                f"<tr><th>{say(_name(group))}</th>"
                + f'<td class="n">{count(group["rows"])}</td>'
                + "".join(
                    cell(
                        shown(group[name]["value"], styles[name]),
                        interval(group[name]["low"], group[name]["high"], styles[name]),
                    )
                    for name in names
                )
                + "</tr>"
                for group in groups
            )
            heads = [(say(_GROUP), False), (t("report.figures.rows"), True)]
            parts.append(table([*heads, *((say(titles[name]), True) for name in names)], lines))
            apart = {name: about.title for name, about in cls.asked_for.items()} | {"group difference": in_headline}
            gaps = column["differences"].items()
            lines = (_apart(apart[name], cls.asked_for[name].style or how.style, gap) for name, gap in gaps)
            parts.append(table([(say(_APART), False), (say(_LARGEST), True)], lines))
            if column["left_out"]:
                parts.append(f'<p class="quiet small">{say(_left_out(column["left_out"]))}</p>')
        return "".join(parts) + f'<p class="quiet small">{say(_HOW)}</p>'

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return [
            (
                Text("Equal opportunity", "机会均等"),
                Text(
                    "Of those who deserve a yes, every group gets it as often (Hardt, Price & Srebro 2016). That every "
                    "group gets a yes as often at all is another thing, and both cannot always be had.",
                    "在确实应得到「是」的人当中，各组得到的比例相同（Hardt、Price 与 Srebro 2016）。"
                    "各组总体上得到「是」的比例相同则是另一回事，两者未必能同时满足。",
                ),
            )
        ]


_RATES = {
    "selection": Text("Selection rate", "选中率"),
    "found": Text("True positive rate", "真阳性率"),
    "wrongly": Text("False positive rate", "假阳性率"),
}
_BIAS = Text("Mean of answer less truth", "答案减真实值的平均")
_GROUP = Text("Group", "组")
_APART = Text("How far groups are apart", "组间差距")
_LARGEST = Text("Largest against smallest", "最大与最小之间")
_HOW = Text(
    "Selection rate: how often the answer is yes (of several classes: each class in turn, the largest difference "
    "counts). "
    "True positive rate: of rows that are, how many were called so; false positive rate: of rows that are not, how "
    "many "
    "were. Definitions as in fairlearn; intervals by bootstrap of the test rows. Of small groups the largest "
    "difference is "
    "overstated by chance: look at its interval. A difference does not say why it is there.",
    "选中率：答案为「是」的比例（多个类别时逐类计算，取差距最大者）。真阳性率：确实属于的行中被判为属于的比例；"
    "假阳性率：不属于的行中被判为属于的比例。定义与 fairlearn 一致；区间由对测试行自助重抽样得出。"
    "组很小时，最大差距会因偶然而偏大，请看区间。差距本身并不说明原因。",
)


def rates_by_group(
    codes: Array, y: Array, decided: Array, classes: int, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Array]:
    """Selection, true positive and false positive rate of each group: (1 + resamples, groups, classes looked at).

    The first draw is the rows themselves, the others are bootstrap samples of them: as the rates depend on how many
    rows there are of each group, class and answer alone, those are drawn. Of two classes the second is looked at, of
    several each against the rest; NaN where a group has fewer than ten rows to tell a rate by.
    """
    groups = int(codes.max()) + 1
    cells = np.bincount((codes * classes + y) * classes + decided, minlength=groups * classes**2)
    drawn = np.random.default_rng(seed).multinomial(len(y), cells / len(y), resamples)
    counts = np.concatenate([cells[None], drawn]).reshape(-1, groups, classes, classes).astype(np.float64)
    looked_at = [_YES] if classes == 2 else list(range(classes))  # noqa: PLR2004 — yes and no
    support, named = counts.sum(axis=3)[..., looked_at], counts.sum(axis=2)[..., looked_at]
    hits = counts[:, :, looked_at, looked_at]
    rows = counts.sum(axis=(2, 3))[..., None]
    enough = support[:1] >= _FEWEST_OF_A_KIND, (rows - support)[:1] >= _FEWEST_OF_A_KIND
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "selection": named / rows,
            "found": np.where(enough[0], hits / support, np.nan),
            "wrongly": np.where(enough[1], (named - hits) / (rows - support), np.nan),
        }


def _means(codes: Array, values: Array, groups: int, seed: int) -> Array:
    """The mean of each group's values, of the rows and of bootstrap samples of them: (1 + resamples, groups, 1)."""
    known = np.isfinite(values)
    codes, values = codes[known], values[known]
    random, rows = np.random.default_rng(seed), len(values)
    found = np.empty((1 + RESAMPLES, groups, 1))
    for draw in range(1 + RESAMPLES):
        counts = np.ones(rows) if draw == 0 else np.bincount(random.integers(0, rows, rows), minlength=rows)
        totals = np.bincount(codes, counts, groups)
        with np.errstate(divide="ignore", invalid="ignore"):
            found[draw, :, 0] = np.bincount(codes, counts * values, groups) / totals
    return found


def _differences(rates: Mapping[str, Array]) -> dict[str, Any]:
    """The largest differences between groups and the least ratio, each with its interval."""
    told = {"group difference": _told(rates["value"], _gap)}
    if "selection" in rates:
        told |= {
            "selection rate difference": _told(rates["selection"], _gap),
            "selection rate ratio": _told(rates["selection"], _ratio),
            "equal opportunity difference": _told(rates["found"], _gap),
            "false positive rate difference": _told(rates["wrongly"], _gap),
        }
        both = np.maximum(_gap(rates["found"]), _gap(rates["wrongly"]))
        told["equalized odds difference"] = _with_interval(both)
    return told


def _gap(draws: Array) -> Array:
    """The largest difference between two groups, of any class: (draws, groups, classes) to (draws,)."""
    known = np.isfinite(draws).sum(axis=1) > 1
    filled_low, filled_high = np.where(np.isnan(draws), np.inf, draws), np.where(np.isnan(draws), -np.inf, draws)
    gaps = np.where(known, filled_high.max(axis=1) - filled_low.min(axis=1), -np.inf).max(axis=1)
    return np.where(np.isfinite(gaps), gaps, np.nan)


def _ratio(draws: Array) -> Array:
    """The least ratio of two groups, of any class."""
    highest = draws.max(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(highest > 0, draws.min(axis=1) / highest, 1.0)
    return np.asarray(ratios.min(axis=1))


def _told(draws: Array, of: Callable[[Array], Array]) -> dict[str, float | None]:
    return _with_interval(of(draws))


def _group(draws: Array, place: int) -> dict[str, float | None]:
    """One group's rate; of several classes there is no one rate to show."""
    if draws.shape[2] > 1:
        return {"value": None, "low": None, "high": None}
    return _with_interval(draws[:, place, 0])


def _with_interval(draws: Array) -> dict[str, float | None]:
    value, known = float(draws[0]), draws[1:][np.isfinite(draws[1:])]
    if not np.isfinite(value) or not len(known):
        return {"value": None, "low": None, "high": None}
    low, high = (float(end) for end in np.quantile(known, (0.025, 0.975)))
    return {"value": value, "low": low, "high": high}


def _columns(model: Finished) -> list[str]:
    """The columns that tell groups of people: as product.yaml says, else given ones whose names say so."""
    if model.product.evaluate.groups:
        return list(model.product.evaluate.groups)
    kinds = ("category", "yes_no", "number")
    return [name for name, field in model.prepared.given.items() if field.kind() in kinds and _PEOPLE.search(name)]


def _people(model: Finished, column: str, raw: Mapping[str, list[Any]]) -> Property:
    field = model.prepared.given.get(column)
    if field is not None and (found := properties({column: field}, raw, {})):
        return found[0]
    values = raw[column]
    is_number = all(
        isinstance(value, (int, float)) and not isinstance(value, bool) for value in values if value is not None
    )
    if is_number and len(set(values)) > _MANY_VALUES:
        numbers = np.array([np.nan if value is None else float(value) for value in values])
        return binned(column, Text(column, column), numbers)
    return grouped(column, [None if value is None else str(value).strip() for value in values])


def _name(group: Mapping[str, Any]) -> Text:
    told = text_of(group["name"])
    return told if isinstance(told, Text) else Text(told, told)


def _apart(title: Text, style: Style, gap: Mapping[str, Any]) -> str:
    if style == "number":
        value, ends = shown(gap["value"], "number"), interval(gap["low"], gap["high"], "number")
    else:
        value, ends = change(gap["value"], style), change_interval(gap["low"], gap["high"], style)
    return f"<tr><th>{say(title)}</th>{cell(value, ends)}</tr>"


def _left_out(rows: int) -> Text:
    return Text(
        f"{count(rows)} test rows are of groups with fewer than {_FEWEST_ROWS} rows and are left out.",
        f"{count(rows)} 个测试行所在的组不足 {_FEWEST_ROWS} 行，未计入。",
    )


def _says(found: Mapping[str, Any]) -> Text:
    columns: Sequence[Mapping[str, Any]] = found["columns"]
    guessed = [column["column"] for column in columns if column["guessed"]]
    how = formula(found["figure"])
    worst = max(columns, key=lambda column: column["differences"]["group difference"]["value"] or 0)
    gap = change(worst["differences"]["group difference"]["value"], how.style)
    english = f"{how.title.en} differs most between groups of {worst['column']}: by {gap.en.lstrip('+')}."
    chinese = f"{how.title.zh}在「{worst['column']}」各组之间差距最大：{gap.zh.lstrip('+')}。"
    if found["chosen"] is not None:
        least = min(columns, key=lambda column: column["differences"]["selection rate ratio"]["value"] or 1)
        ratio = f"{least['differences']['selection rate ratio']['value']:.2f}"
        english += (
            f" The answer “{found['chosen']}” is given to one group of {least['column']} {ratio} times as often as to "
            "another; "
            "below 0.80 is what American courts look at first (the four-fifths rule)."
        )
        chinese += (
            f"答案「{found['chosen']}」在「{least['column']}」的一组中出现的频率是另一组的 {ratio} 倍；"
            "低于 0.80 是美国法院首先关注的界限（五分之四规则）。"
        )
    if guessed:
        english += " Groups were guessed by the names of columns; say with `evaluate: {groups: […]}` which ones matter."
        chinese += "这些分组是按列名猜测的；请用 `evaluate: {groups: […]}` 写明哪些列重要。"
    return Text(english, chinese)
