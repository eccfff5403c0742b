"""Whether the set of classes or the interval beside an answer holds the truth as often as was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation._appraisal import Report, described
from sixfold.evaluation._chapter import Chapter, Finished
from sixfold.evaluation._class_figures import Scored
from sixfold.evaluation._formula import Asked, share_interval
from sixfold.evaluation._html import cell, say, short, t, table
from sixfold.evaluation._pictures import Span, spans
from sixfold.evaluation._words import amount, count, interval, shown
from sixfold.evaluation.numbers import Estimated
from sixfold.fields import Array
from sixfold.language import Text

__all__ = ["Conformal"]

_MOST_GROUPS = 12
_FEWEST_IN_GROUP = 20
_MOST_NUMBER_GROUPS = 5
_MOST_SIZES = 6

_MORE_VALIDATION = Text(
    "Fit sets and intervals on more rows (`prepare: {split: {validation: 0.2}}`); if test rows are of another kind "
    "than validation rows (later, other places), fit them on rows like those that will come.",
    "请用更多验证行来拟合集合与区间（`prepare: {split: {validation: 0.2}}`）；"
    "如果测试行与验证行不是同一类数据（更晚、来自别处），请用与将来数据相近的行来拟合。",
)
_SHARPER = Text(
    "Sets and intervals are wide because the model is often in doubt: more rows, further columns or a better network "
    "make them narrow; a lower `evaluate: {coverage: …}` does so at the price of more misses.",
    "集合或区间过宽，是因为模型常常拿不准：更多数据、更多列或更好的网络能使其变窄；"
    "调低 `evaluate: {coverage: …}` 也会变窄，但漏掉真实值的次数会增加。",
)
_HOW = Text(
    "Fitted on {fitted} validation rows (split conformal), measured here on test rows. Nothing is assumed of the data "
    "or the network but that validation rows are like those to come.",
    "用 {fitted} 个验证行拟合（分割共形预测），在这里用测试行检验。"
    "除了要求验证行与将来的数据相似，对数据和网络不作任何假设。",
)


class Conformal(Chapter):
    """Sets of classes and intervals of numbers: how often they hold the truth, and how large they are."""

    title: ClassVar[Text] = Text("What stands beside an answer", "答案旁的备选与区间")
    label: ClassVar[Text] = Text("Coverage", "覆盖率")
    order: ClassVar[int] = 20
    asked_for: ClassVar[Mapping[str, Asked]] = {
        "coverage": Asked(Text("Coverage", "覆盖率"), _MORE_VALIDATION, "share", higher_is_better=True),
        "set size": Asked(Text("Classes named on average", "平均列出的类别数"), _SHARPER, "number"),
        "interval width": Asked(Text("Width of intervals", "区间宽度"), _SHARPER, "amount"),
    }

    @classmethod
    def suits(cls, model: Finished) -> bool:
        return model.appraisal.kind() in ("classes", "numbers")

    def measure(self, model: Finished) -> dict[str, Any] | None:
        answered, wanted = model.judged.answered, model.product.evaluate.coverage
        about = {"wanted": wanted, "fitted": model.judged.decided_on}
        if isinstance(answered, Scored) and (sets := model.judged.decision.sets) is not None:
            named = sets.of(answered.probabilities, answered.decided)
            holds, sizes = named[np.arange(answered.rows), answered.y], named.sum(axis=1)
            classes = model.task.target.state["classes"]
            places = {name: np.flatnonzero(answered.y == index) for index, name in enumerate(classes)}
            return {
                "form": "sets",
                "way": sets.way,
                **about,
                **_held(holds, sizes),
                "answer_right": float(answered.right.mean()),
                "sizes": _by_size(holds, sizes),
                "groups": _by_group(places, holds, sizes),
            }
        if isinstance(answered, Estimated) and answered.low is not None and answered.high is not None:
            holds, widths = np.asarray(answered.covered), answered.high - answered.low
            return {
                "form": "intervals",
                "way": "residuals",
                **about,
                **_held(holds, widths),
                "answer_right": None,
                "sizes": [],
                "groups": _by_group(_quantiles(answered.said), holds, widths),
            }
        return None

    @classmethod
    def schema(cls) -> dict[str, Any]:
        number, whole, text = {"type": ["number", "null"]}, {"type": "integer", "minimum": 0}, {"type": "string"}
        share = {"rows": whole, "covered": number, "low": number, "high": number}
        return described(
            form={"enum": ["sets", "intervals"]},
            way={"enum": ["smallest", "adaptive", "residuals"]},
            wanted=number,
            fitted=whole,
            **share,
            size=number,
            answer_right=number,
            sizes={"type": "array", "items": described(**share, size=whole)},
            groups={"type": "array", "items": described(name=text, **share, size=number)},
        )

    @classmethod
    def figures(cls, found: Mapping[str, Any]) -> dict[str, float | None]:
        name = "set size" if found["form"] == "sets" else "interval width"
        return {"coverage": found["covered"], name: found["size"]}

    @classmethod
    def body(cls, found: Mapping[str, Any], report: Report) -> str:  # noqa: ARG003
        parts = [f"<p>{say(_verdict(found))}</p>"]
        if len(found["groups"]) > 1:
            drawn = [
                Span(Text(short(one["name"]), short(one["name"])), one["covered"], one["low"], one["high"], False)
                for one in found["groups"]
            ]
            drawn.insert(0, Span(_ALL, found["covered"], found["low"], found["high"], True))
            caption = _BY_CLASS if found["form"] == "sets" else _BY_SIZE
            parts.append(
                f"<figure>{spans('coverage', drawn, percent=True, label=_PICTURE)}"
                f"<figcaption>{say(caption)}</figcaption></figure>"
            )
        if found["sizes"]:
            lines = (
                f'<tr><td class="n">{count(one["size"])}</td><td class="n">{count(one["rows"])}</td>'
                f'<td class="n">{say(shown(one["rows"] / found["rows"], "share"))}</td>'
                + cell(shown(one["covered"], "share"), interval(one["low"], one["high"], "share"))
                + "</tr>"
                for one in found["sizes"]
            )
            heads = [(say(_NAMED), True), (t("report.figures.rows"), True), (say(_SHARE), True), (say(_HELD), True)]
            parts.append(table(heads, lines))
        how = Text(*(_HOW(code).format(fitted=count(found["fitted"])) for code in ("en", "zh")))
        return "".join(parts) + f'<p class="quiet small">{say(how)}</p>'

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return [
            (
                Text("Conformal sets and intervals", "共形集合与区间"),
                Text(
                    "How far answers were off on validation rows tells how far one must reach around an answer to hold "
                    "the truth in a stated share of cases (Vovk et al. 2005; Sadinle et al. 2019; Romano et al. 2020).",
                    "由验证行上答案偏离的程度，得出要在答案周围放宽多少才能在指定比例的情况下包含真实值"
                    "（Vovk 等 2005；Sadinle 等 2019；Romano 等 2020）。",
                ),
            )
        ]


_ALL = Text("All test rows", "全部测试行")
_NAMED = Text("Classes named", "列出的类别数")
_SHARE = Text("Share", "占比")
_HELD = Text("Right one among them", "包含正确类别")
_PICTURE = Text("How often the truth was held, by group", "各组包含真实值的比例")
_BY_CLASS = Text(
    "How often the set holds the right class, by what is right, with 95 % intervals.",
    "按真实类别统计集合包含正确类别的比例及 95% 区间。",
)
_BY_SIZE = Text(
    "How often the interval holds the true number, by the size of the answer, with 95 % intervals.",
    "按答案大小统计区间包含真实值的比例及 95% 区间。",
)


def _verdict(found: Mapping[str, Any]) -> Text:
    wanted, held = shown(found["wanted"], "share"), shown(found["covered"], "share")
    ends, rows = interval(found["low"], found["high"], "share"), count(found["rows"])
    if found["form"] == "intervals":
        width = amount(found["size"])
        return Text(
            f"The interval beside an answer is to hold the true number in {wanted.en} of cases; on {rows} test rows it "
            f"did in {held.en} (95 % interval {ends.en}). It is {width} wide on average.",
            f"答案旁的区间应在 {wanted.zh} 的情况下包含真实值；在 {rows} 个测试行上实际为 {held.zh}"
            f"（95% 区间 {ends.zh}）。平均宽度为 {width}。",
        )
    size, alone = f"{found['size']:.2f}", next((one["rows"] for one in found["sizes"] if one["size"] == 1), 0)
    single = shown(alone / found["rows"], "share")
    told = Text(
        f"Each answer names the classes of which one is to be right in {wanted.en} of cases; on {rows} test rows "
        f"one was in {held.en} (95 % interval {ends.en}). {size} classes are named on average, "
        f"in {single.en} of cases just one.",
        f"每个答案都列出若干类别，其中应有 {wanted.zh} 的情况包含正确类别；在 {rows} 个测试行上实际为 {held.zh}"
        f"（95% 区间 {ends.zh}）。平均列出 {size} 个类别，{single.zh} 的情况只列一个。",
    )
    if found["answer_right"] >= found["wanted"]:
        more = Text(
            " The answer alone is right more often than that, so it mostly needs none beside it.",
            "仅凭答案本身，正确率已高于此要求，因此大多不需要另列备选。",
        )
        told = Text(told.en + more.en, told.zh + more.zh)
    return told


def _share(holds: Array) -> dict[str, Any]:
    low, high = share_interval(holds)
    return {"rows": len(holds), "covered": float(holds.mean()), "low": low, "high": high}


def _held(holds: Array, sizes: Array) -> dict[str, Any]:
    return {**_share(holds), "size": float(sizes.mean())}


def _by_size(holds: Array, sizes: Array) -> list[dict[str, Any]]:
    """The last line has the largest sets of all sizes beyond the first few, by the smallest of them."""
    bounded = np.minimum(sizes, _MOST_SIZES)
    return [{"size": int(size), **_share(holds[bounded == size])} for size in np.unique(bounded)]


def _by_group(places: Mapping[str, Array], holds: Array, sizes: Array) -> list[dict[str, Any]]:
    enough = {name: rows for name, rows in places.items() if len(rows) >= _FEWEST_IN_GROUP}
    listed = sorted(enough, key=lambda name: float(holds[enough[name]].mean()))[:_MOST_GROUPS]
    return [{"name": name, **_held(holds[enough[name]], sizes[enough[name]])} for name in enough if name in listed]


def _quantiles(said: Array) -> dict[str, Array]:
    """Rows by the size of the answer, in groups of as many."""
    groups = min(_MOST_NUMBER_GROUPS, len(said) // _FEWEST_IN_GROUP)
    parts = np.array_split(np.argsort(said, kind="stable"), groups) if groups > 1 else []
    return {f"{amount(float(said[rows[0]]))} – {amount(float(said[rows[-1]]))}": rows for rows in parts}
