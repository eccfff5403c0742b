"""Sensitivity at a stated specificity, and the other way round: as tests in medicine are judged, and alarms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation._appraisal import Report, described
from sixfold.evaluation._chapter import Chapter, Finished
from sixfold.evaluation._class_figures import Scored
from sixfold.evaluation._decide import chances, reaching
from sixfold.evaluation._formula import Asked, share_interval
from sixfold.evaluation._html import cell, facts, say, short, t, table
from sixfold.evaluation._pictures import Axis, Dots, trade
from sixfold.evaluation._words import count, interval, shown
from sixfold.evaluation.chapters._ranking import roc
from sixfold.fields import Array
from sixfold.language import Text
from sixfold.tasks import Decision

__all__ = ["Screening"]

_STATED = (0.8, 0.9, 0.95, 0.99)
_DRAWS = 4000
_CASES = 1000
"""How many people the plain sentence speaks of."""

_SENSITIVITY, _SPECIFICITY = Text("Sensitivity", "灵敏度"), Text("Specificity", "特异度")
_MEND = Text(
    "One can be had for the other by the threshold; both become better only with more rows (of the rarer kind above "
    "all), cleaner labels or a better network.",
    "两者可以通过阈值互换；要同时提高，只能靠更多数据（尤其是较少的一类）、更干净的标注或更好的网络。",
)
_SAYS = Text(
    "Sensitivity: of the rows that are “{yes}”, how many are found. Specificity: of the others, how many are told so. "
    "The threshold was chosen on validation rows, the figures are of test rows: so a stated share may be missed by "
    "chance, and the interval says by how much.",
    "灵敏度：确为「{yes}」的行中有多少被找到。特异度：其余的行中有多少被正确排除。"
    "阈值在验证行上选定，指标在测试行上测得：因此与所要求的比例可能有偶然偏差，区间说明偏差有多大。",
)
_REACHED = Text(
    "Stated: {figure} {wanted}. On test rows it is {value}, 95 % interval {ends}: {verdict}",
    "要求：{figure} {wanted}。测试行上为 {value}，95% 区间 {ends}：{verdict}",
)
_HOLDS = Text("as stated, as far as so many rows can tell.", "就这些行数所能判断，符合要求。")
_MORE = Text("better than stated.", "优于要求。")
_MISSED = Text(
    "less than stated. Validation rows were too few, or are of another kind than test rows; hold out more of them.",
    "低于要求。验证行太少，或与测试行不是同一类数据；请留出更多验证行。",
)
_PLAIN = Text(
    "Among {cases} cases of which {yes} are “{name}”, {found} are found and {missed} missed; of the {no} others, "
    "{called} are called “{name}” wrongly. So a case that is called “{name}” is so in {ppv} of cases.",
    "在 {cases} 例中有 {yes} 例确为「{name}」时：找到 {found} 例，漏掉 {missed} 例；"
    "其余 {no} 例中有 {called} 例被误判为「{name}」。因此被判为「{name}」的，有 {ppv} 确实如此。",
)
_GIVEN = Text("as stated in product.yaml", "按 product.yaml 所给")
_TESTED = Text(
    "as among the test rows; where the product is used it may be rarer by far, and then a “{name}” is worth less: "
    "state `evaluate: {{prevalence: …}}`",
    "与测试行相同；实际使用中可能少见得多，那时「{name}」的可信度更低：请写明 `evaluate: {{prevalence: …}}`",
)
_FACTS = {
    "sensitivity": _SENSITIVITY,
    "specificity": _SPECIFICITY,
    "positive predictive value": Text("A yes is right", "判「是」的准确程度"),
    "negative predictive value": Text("A no is right", "判「否」的准确程度"),
}
_PREVALENCE = Text("How common it is", "患病率（阳性占比）")
_THRESHOLD = Text("Threshold", "阈值")
_OTHERS = Text("Other thresholds", "其他阈值")
_OTHERS_SAYS = Text(
    "Each threshold was chosen on validation rows for what is stated on its left, and measured on test rows.",
    "每个阈值都按左侧所列要求在验证行上选定，并在测试行上测得。",
)
_HEADS = (Text("Stated", "要求"), _THRESHOLD, _SENSITIVITY, _SPECIFICITY)
_ROC_LABEL = Text("Sensitivity against false alarms, for every threshold", "各阈值下灵敏度与误报率的关系")
_ROC_SAYS = Text(
    "The line: every threshold there could be (ROC). The point: the one that the product uses, with the interval of "
    "its sensitivity.",
    "曲线：所有可能的阈值（ROC）。圆点：产品所用的阈值，及其灵敏度的区间。",
)
_FALSE_ALARMS = Text("false alarms among the others", "其余行中的误报率")


class Screening(Chapter):
    """What is found, and what is called wrongly."""

    title: ClassVar[Text] = Text("What is found, and what is called wrongly?", "找到多少，误报多少？")
    label: ClassVar[Text] = Text("Screening", "筛查")
    order: ClassVar[int] = 15
    asked_for: ClassVar[Mapping[str, Asked]] = {
        name: Asked(title, _MEND, higher_is_better=True) for name, title in _FACTS.items()
    }

    @classmethod
    def suits(cls, model: Finished) -> bool:
        asked = model.product.evaluate
        is_asked = asked.medical or asked.point is not None or asked.prevalence is not None
        return is_asked and isinstance(model.judged.answered, Scored) and model.task.output.units == 1

    def measure(self, model: Finished) -> dict[str, Any] | None:
        scored, decision = model.judged.answered, model.judged.decision
        if len(np.unique(scored.y)) < 2:  # noqa: PLR2004 — of one class alone there is nothing to tell apart
            return None
        likely = scored.probabilities[:, 1]
        used = _at(likely >= decision.threshold, scored.y)
        asked = model.product.evaluate
        prevalence = asked.prevalence if asked.prevalence is not None else float(np.mean(scored.y))
        others = []
        for figure in ("specificity", "sensitivity"):
            for share in _STATED:
                threshold = _threshold(model, decision, figure, share)
                if threshold is not None:
                    point = _at(likely >= threshold, scored.y)
                    others.append({"figure": figure, "share": share, "threshold": threshold, **point})
        false, true = roc(likely, scored.y == 1)
        return {
            "yes": model.prepared.target.state["classes"][1],
            "stated": None if asked.point is None else {"figure": asked.point[0], "share": asked.point[1]},
            "threshold": decision.threshold,
            "positive": int((scored.y == 1).sum()),
            "negative": int((scored.y == 0).sum()),
            **used,
            **_predictive(used, prevalence, model.work.seed),
            "prevalence": prevalence,
            "prevalence_given": asked.prevalence is not None,
            "others": others,
            "roc": [[float(x), float(y)] for x, y in zip(false, true, strict=True)],
        }

    @classmethod
    def schema(cls) -> dict[str, Any]:
        number, whole = {"type": "number"}, {"type": "integer", "minimum": 0}
        value = described(value=number, low=number, high=number)
        figure = {"enum": ["specificity", "sensitivity"]}
        other = described(figure=figure, share=number, threshold=number, sensitivity=value, specificity=value)
        return described(
            yes={"type": "string"},
            stated={"anyOf": [{"type": "null"}, described(figure=figure, share=number)]},
            threshold=number,
            positive=whole,
            negative=whole,
            sensitivity=value,
            specificity=value,
            positive_predictive_value=value,
            negative_predictive_value=value,
            prevalence=number,
            prevalence_given={"type": "boolean"},
            others={"type": "array", "items": other},
            roc={"type": "array", "items": {"type": "array", "items": number}},
        )

    @classmethod
    def figures(cls, found: Mapping[str, Any]) -> dict[str, float | None]:
        return {name: found[name.replace(" ", "_")]["value"] for name in cls.asked_for}

    @classmethod
    def body(cls, found: Mapping[str, Any], report: Report) -> str:
        name = short(found["yes"], 30)
        parts = [f'<p class="notice">{t("report.top.medical")}</p>'] if report["product"]["medical"] else []
        parts.append(f"<p>{say(_filled(_SAYS, yes=name))}</p>")
        if found["stated"] is not None:
            parts.append(f"<p>{say(_reached(found))}</p>")
        parts.append(f"<p>{say(_in_cases(found, name))}</p>")
        point = Dots(
            [100 * (1 - found["specificity"]["value"])],
            [100 * found["sensitivity"]["value"]],
            46,
            names=[Text("as used", "当前所用")],
            bars=([100 * found["sensitivity"]["low"]], [100 * found["sensitivity"]["high"]]),
        )
        false, true = zip(*found["roc"], strict=True)
        drawn = trade("roc", (false, true), [point], Axis(_FALSE_ALARMS), Axis(_SENSITIVITY), _ROC_LABEL)
        told = [(say(title), _value(found[key.replace(" ", "_")])) for key, title in _FACTS.items()]
        common = _GIVEN if found["prevalence_given"] else _filled(_TESTED, name=name)
        told += [
            (say(_PREVALENCE), f"{say(shown(found['prevalence'], 'share'))} <span class='quiet'>{say(common)}</span>"),
            (say(_THRESHOLD), f"{found['threshold']:.3f}"),
        ]
        parts.append(
            f'<div class="two"><figure>{drawn}<figcaption>{say(_ROC_SAYS)}</figcaption></figure>{facts(told)}</div>'
        )
        if found["others"]:
            lines = [
                f"<tr><th>{say(_FACTS[one['figure']])} {say(shown(one['share'], 'share'))}</th>"
                f'<td class="n">{one["threshold"]:.3f}</td>'
                + "".join(
                    cell(shown(one[key]["value"], "share"), interval(one[key]["low"], one[key]["high"], "share"))
                    for key in ("sensitivity", "specificity")
                )
                + "</tr>"
                for one in found["others"]
            ]
            heads = [(say(head), number > 0) for number, head in enumerate(_HEADS)]
            parts.append(f"<h3>{say(_OTHERS)}</h3><p>{say(_OTHERS_SAYS)}</p>{table(heads, lines)}")
        return "".join(parts)


def _at(is_yes: Array, y: Array) -> dict[str, dict[str, float]]:
    """Sensitivity and specificity of answers (n,), each with its 95 % interval (Wilson 1927)."""
    found = {}
    for name, holds in (("sensitivity", is_yes[y == 1]), ("specificity", ~is_yes[y == 0])):
        low, high = share_interval(holds)
        found[name] = {"value": float(np.mean(holds)), "low": low, "high": high}
    return found


def _threshold(model: Finished, decision: Decision, figure: Any, share: float) -> float | None:
    if model.judged.deciding is None or not len(model.judged.deciding[1]):
        return None
    outputs, truth = model.judged.deciding
    return reaching(figure, share, chances(outputs, decision)[:, 1], truth)


def _predictive(used: Mapping[str, Any], prevalence: float, seed: int) -> dict[str, dict[str, float]]:
    """How often a yes and a no are right where yes is so common, by Bayes' rule.

    Their intervals are from draws of sensitivity and specificity: normal on the scale of the logit, with the width that
    their own intervals have, so that a share of 100 % is not taken for certain.
    """
    draw = np.random.default_rng(seed)

    def drawn(one: Mapping[str, float]) -> Array:
        low, high = (np.log(end / (1 - end)) for end in np.clip((one["low"], one["high"]), 1e-6, 1 - 1e-6))
        return np.asarray(1 / (1 + np.exp(-draw.normal((low + high) / 2, (high - low) / 3.92, _DRAWS))))

    def both(found: Any, spared: Any) -> tuple[Any, Any]:
        yes = found * prevalence + (1 - spared) * (1 - prevalence)
        no = spared * (1 - prevalence) + (1 - found) * prevalence
        return found * prevalence / np.maximum(yes, 1e-12), spared * (1 - prevalence) / np.maximum(no, 1e-12)

    values = both(used["sensitivity"]["value"], used["specificity"]["value"])
    draws = both(drawn(used["sensitivity"]), drawn(used["specificity"]))
    found = {}
    for name, value, sample in zip(("positive", "negative"), values, draws, strict=True):
        low, high = np.quantile(sample, (0.025, 0.975))
        ends = {"low": float(min(low, value)), "high": float(max(high, value))}
        found[f"{name}_predictive_value"] = {"value": float(value), **ends}
    return found


def _filled(text: Text, **values: Any) -> Text:
    def one(code: str) -> str:
        told = {name: value(code) if isinstance(value, Text) else value for name, value in values.items()}
        return text(code).format(**told)

    return Text(one("en"), one("zh"))


def _value(one: Mapping[str, float]) -> str:
    ends = interval(one["low"], one["high"], "share")
    return f"{say(shown(one['value'], 'share'))} <span class='quiet'>{say(ends)}</span>"


def _reached(found: Mapping[str, Any]) -> Text:
    stated = found["stated"]
    one = found[stated["figure"]]
    verdict = _MORE if one["low"] > stated["share"] else _MISSED if one["high"] < stated["share"] else _HOLDS
    return _filled(
        _REACHED,
        figure=_FACTS[stated["figure"]],
        wanted=shown(stated["share"], "share"),
        value=shown(one["value"], "share"),
        ends=interval(one["low"], one["high"], "share"),
        verdict=verdict,
    )


def _in_cases(found: Mapping[str, Any], name: str) -> Text:
    """The same in whole people, which are understood better than shares (Gigerenzer & Hoffrage 1995)."""
    cases = _CASES * (1 if found["prevalence"] * _CASES >= 5 else 100)  # noqa: PLR2004 — enough of them to speak of
    yes = round(cases * found["prevalence"])
    hit = round(yes * found["sensitivity"]["value"])
    called = round((cases - yes) * (1 - found["specificity"]["value"]))
    return _filled(
        _PLAIN,
        cases=count(cases),
        yes=count(yes),
        name=name,
        found=count(hit),
        missed=count(yes - hit),
        no=count(cases - yes),
        called=count(called),
        ppv=shown(found["positive_predictive_value"]["value"], "share"),
    )
