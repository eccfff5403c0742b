"""Rows that a generator made: which, how many, and what they bought on rows that are real."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation._appraisal import Report, Rows, described
from sixfold.evaluation._chapter import Chapter, Finished
from sixfold.evaluation._class_figures import Scored
from sixfold.evaluation._figures import formula
from sixfold.evaluation._graph import Graph
from sixfold.evaluation._html import cell, facts, say, short, t, table
from sixfold.evaluation._report import figures
from sixfold.evaluation._words import change, change_interval, count, interval, shown
from sixfold.language import Text
from sixfold.store import ROW, WITHOUT, SplitName
from sixfold.tasks import Figure, graph_members

__all__ = ["Synthetic"]

_MOST_CLASSES = 12

_WHERE = Text(
    "They were learned from, and nothing else: every figure of this report is from real rows, and so are the "
    "baselines.",
    "这些行只用于学习：本报告中的所有指标都来自真实的行，基线也是。",
)
_NOT_ASKED = Text(
    "What they bought is not known: `evaluate: {without_synthetic: true}` trains a second time without them and "
    "compares both on the same test rows.",
    "还不知道它们带来了什么：写上 `evaluate: {without_synthetic: true}`，会再训练一次不含这些行的模型，"
    "并在同样的测试行上比较两者。",
)
_SAW = Text(
    "The generator learned from some of the validation rows, so choices made on those may look a little too good; no "
    "test row is among what it learned from.",
    "生成器学过其中一些验证行，因此依据验证行所作的选择可能略显乐观；它没有学过任何测试行。",
)
_RECALL = Text("Recall of {name}", "{name} 的召回率")


class Synthetic(Chapter):
    """Trained with and without what a generator made."""

    title: ClassVar[Text] = Text("Synthetic rows", "合成的行")
    label: ClassVar[Text] = Text("Synthetic", "合成")
    order: ClassVar[int] = 25

    @classmethod
    def suits(cls, model: Finished) -> bool:
        return model.prepared.synthetic_rows > 0

    def measure(self, model: Finished) -> dict[str, Any] | None:
        told = model.report["data"]["synthetic"]
        found: dict[str, Any] = {
            "product": told["product"],
            "digest": told["digest"],
            "rows": model.prepared.synthetic_rows,
            "real": model.prepared.real.rows("train"),
            "only": told["only"],
            "classes": told["classes"],
            "seen_validation": told["seen_validation"],
            "without": None,
        }
        trained = model.inputs["train"]
        kept = {name.removeprefix(WITHOUT): name for name in trained.members if name.startswith(WITHOUT)}
        if not kept:
            return found
        graphs = {name: model.work.read(trained, kept[member]) for member, name in graph_members(list(kept)).items()}
        other = Graph(graphs, model.prepared.given, model.task)
        validation = _answered(model, other, "validation", model.appraisal.most_decided_on)
        decision = model.appraisal.decide(validation.outputs, validation.truth)
        test = _answered(model, other, "test", None)
        theirs = model.appraisal.answered(test.outputs, test.truth, decision)
        ours = model.judged.answered
        listed = figures(model.task.judged_by, ours, {"without": theirs}, seed=model.work.seed)
        found["without"] = {
            "rows": trained.about["without"]["rows"],
            "figures": [_pair(one, one["title"]) for one in listed],
            "classes": [],
        }
        if isinstance(ours, Scored) and isinstance(theirs, Scored):
            classes = model.report["classes"]
            for name in sorted(told["classes"], key=lambda label: -told["classes"][label])[:_MOST_CLASSES]:
                here = ours.y == classes.index(name) if name in classes else np.zeros(ours.rows, bool)
                if here.any():
                    title = Text(_RECALL.en.format(name=name), _RECALL.zh.format(name=name))
                    (one,) = figures(
                        [Figure("accuracy")], ours.kept(here), {"without": theirs.kept(here)}, seed=model.work.seed
                    )
                    found["without"]["classes"].append(_pair(one, {"en": title.en, "zh": title.zh}))
        return found

    @classmethod
    def schema(cls) -> dict[str, Any]:
        number, whole = {"type": ["number", "null"]}, {"type": "integer", "minimum": 0}
        text = {"type": "string"}
        value = described(value=number, low=number, high=number)
        pair = described(
            name=text,
            title=described(en=text, zh=text),
            rows=whole,
            **{"with": value, "without": value},
            difference=value,
        )
        without = described(
            rows=whole, figures={"type": "array", "items": pair}, classes={"type": "array", "items": pair}
        )
        return described(
            product=text,
            digest=text,
            rows=whole,
            real=whole,
            only={"type": "object"},
            classes={"type": "object", "additionalProperties": whole},
            seen_validation=whole,
            without={"anyOf": [{"type": "null"}, without]},
        )

    @classmethod
    def figures(cls, found: Mapping[str, Any]) -> dict[str, float | None]:
        bought = found["without"]
        return {"synthetic gain": None if bought is None else bought["figures"][0]["difference"]["value"]}

    @classmethod
    def body(cls, found: Mapping[str, Any], report: Report) -> str:  # noqa: ARG003
        rows, real, product = count(found["rows"]), count(found["real"]), found["product"]
        only = " · ".join(f"{name}: {_listed(value)}" for name, value in found["only"].items())
        said = Text(
            f"Beside {real} real rows it learned from {rows} rows that the generator of {product} made.",
            f"除 {real} 个真实的行外，它还从 {product} 的生成器生成的 {rows} 行中学习。",
        )
        known = [
            (say(Text("Generator", "生成器")), f"{say(product)} · <code>{say(found['digest'][:16])}</code>"),
            *([(say(Text("Only", "仅限")), say(short(only, 80)))] if only else []),
        ]
        if found["classes"]:
            shares = [f"{name} {count(rows)}" for name, rows in list(found["classes"].items())[:_MOST_CLASSES]]
            known.append((say(Text("Rows by class", "各类行数")), say(" · ".join(shares))))
        parts = [f"<p>{say(said)} {say(_WHERE)}</p>", facts(known)]
        parts.append(f"<p>{say(_NOT_ASKED)}</p>" if found["without"] is None else _bought(found["without"]))
        if found["seen_validation"]:
            parts.append(f'<p class="quiet small">{say(_SAW)}</p>')
        return "".join(parts)

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return [
            (
                Text("Synthetic row", "合成的行"),
                Text(
                    "A row that a generator made after having learned from real ones. It can help where real rows are "
                    "rare; it can also teach the generator's mistakes. It never judges a model.",
                    "生成器从真实的行学习之后造出的行。真实的行很少时可能有帮助，也可能把生成器的错误教给模型。"
                    "它从不用来评判模型。",
                ),
            )
        ]


def _answered(model: Finished, graph: Graph, split: SplitName, most: int | None) -> Rows:
    """The rows of a split that can be judged, as another graph answers them; in the order of the product's own."""
    parts, left = [], model.prepared.rows(split) if most is None else most
    for whole in model.prepared.arrays(split, model.work):
        arrays = {name: array[:left] for name, array in whole.items()}
        left -= len(arrays[ROW])
        truth = model.truth(arrays)
        if not len(truth):
            continue
        beside = {name: array for name, array in arrays.items() if name not in (ROW, model.prepared.target.name)}
        places, truth = model.appraisal.asked(beside, truth)
        arrays = {name: array[places] for name, array in arrays.items()}
        parts.append(Rows(arrays[ROW], graph.outputs(arrays, len(truth)), truth).kept(model.appraisal.is_known(truth)))
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("numbers", "outputs", "truth")))


def _pair(one: Mapping[str, Any], title: Mapping[str, str]) -> dict[str, Any]:
    theirs = one["against"]["without"]
    return {
        "name": one["name"],
        "title": dict(title),
        "rows": one["rows"],
        "with": {key: one[key] for key in ("value", "low", "high")},
        "without": {key: theirs[key] for key in ("value", "low", "high")},
        "difference": theirs["difference"],
    }


def _bought(without: Mapping[str, Any]) -> str:
    headline = without["figures"][0]
    lines = []
    for one in (*without["classes"], *without["figures"]):
        style = formula(one["name"]).style
        cells = [
            cell(shown(one[key]["value"], style), interval(one[key]["low"], one[key]["high"], style))
            for key in ("with", "without")
        ]
        gap, beside = one["difference"], one["with"]["value"]
        cells.append(cell(change(gap["value"], style, beside), change_interval(gap["low"], gap["high"], style, beside)))
        title = Text(one["title"]["en"], one["title"]["zh"])
        lines.append(f'<tr><th>{say(title)}</th>{"".join(cells)}<td class="n">{count(one["rows"])}</td></tr>')
    heads = [
        ("", False),
        (say(Text("With them", "有合成行")), True),
        (say(Text("Without them", "没有合成行")), True),
        (say(Text("Better by", "改进")), True),
        (t("report.figures.rows"), True),
    ]
    return f"<p><b>{say(_verdict(headline, without['classes']))}</b></p>{table(heads, lines)}"


def _verdict(headline: Mapping[str, Any], classes: list[Mapping[str, Any]]) -> Text:
    gap = headline["difference"]
    title = Text(headline["title"]["en"], headline["title"]["zh"])
    better = [one for one in classes if (one["difference"]["low"] or 0) > 0]
    if (gap["low"] or 0) > 0:
        return Text(f"They pay: {title.en} is better with them.", f"有用：有了它们，{title.zh}更好。")
    if (gap["high"] or 0) < 0:
        said = Text(f"They harm: {title.en} is worse with them.", f"有害：有了它们，{title.zh}更差。")
    else:
        said = Text(
            f"On the whole they cannot be told to help or harm: {title.en} differs by no more than chance.",
            f"总体上看不出有用还是有害：{title.zh}的差别没有超出偶然。",
        )
    if better:
        names = Text(", ".join(one["title"]["en"] for one in better), "、".join(one["title"]["zh"] for one in better))
        return Text(f"{said.en} But more is {names.en}.", f"{said.zh}但{names.zh}提高了。")
    return said


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
