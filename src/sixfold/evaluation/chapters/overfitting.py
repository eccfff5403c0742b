"""Whether the model learned or learned by heart: its headline figure on rows that it knows, and on rows never seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation._appraisal import Report, described
from sixfold.evaluation._chapter import Chapter, Finished
from sixfold.evaluation._figures import compared, formula
from sixfold.evaluation._formula import Asked
from sixfold.evaluation._html import cell, say, t, table
from sixfold.evaluation._words import change, change_interval, count, interval, shown
from sixfold.language import Text

__all__ = ["Overfitting"]

_MOST_ROWS = 2000
"""Training rows that are answered again: a few points of accuracy are told apart by as many."""


_SEEN = Text("Rows it learned from", "训练时见过的行")
_UNSEEN = Text("Rows it never saw", "从未见过的行")
_APART = Text(
    "It does better on rows that it learned from than on new ones. Some of that is normal; if it is much, more rows, "
    "stronger augmentation or a smaller network help more than longer training.",
    "它在学过的行上比在新行上表现更好。有一些差距是正常的；差距大时，增加数据、加强数据增强或换更小的网络，比延长训练更有用。",
)
_TOGETHER = Text(
    "It does as well on rows that it never saw as on those that it learned from: there is no sign of overfitting. "
    "If it must become better, a larger network or longer training can help.",
    "它在没见过的行上与在学过的行上表现相当，没有过拟合的迹象。若要进一步提高，可以试更大的网络或更长的训练。",
)
_HOW = Text(
    "Training rows are drawn at random and answered as the finished product answers them. Both samples are drawn anew "
    "independently of each other for the interval, as they are different rows.",
    "训练行为随机抽取，按成品的方式作答。两组行互不相同，因此区间由两组独立重抽样得出。",
)


class Overfitting(Chapter):
    """The gap between training and test rows."""

    title: ClassVar[Text] = Text("Learned, or learned by heart?", "是学会了，还是背下来了？")
    label: ClassVar[Text] = Text("Overfitting", "记忆")
    order: ClassVar[int] = 30
    asked_for: ClassVar[Mapping[str, Asked]] = {
        "overfitting": Asked(
            Text("Gap between rows learned from and new ones", "学过的行与新行的差距"),
            Text(
                "It knows its training rows too well: collect more rows, turn augmentation on, train for fewer epochs, "
                "or take a smaller network.",
                "模型对训练行记得太牢：请增加数据、打开数据增强、减少训练轮次，或换更小的网络。",
            ),
            style=None,
        )
    }

    @classmethod
    def suits(cls, model: Finished) -> bool:
        return bool(model.prepared.given) and model.judged.samples is None and model.appraisal.most_decided_on is None

    def measure(self, model: Finished) -> dict[str, Any] | None:
        arrays = model.rows("train", _MOST_ROWS)
        truth = model.truth(arrays)
        if not len(truth):
            return None
        places, asked = model.appraisal.asked({name: arrays[name] for name in model.prepared.given}, truth)
        arrays = {name: array[places] for name, array in arrays.items()}
        outputs = model.graph.outputs(arrays, len(asked))
        answered = model.appraisal.answered(outputs, asked, model.judged.decision)
        name, sign = model.headline.name, 1.0 if model.headline.higher_is_better else -1.0
        seen = compared([name], {"": answered}, seed=model.work.seed)[""][name]
        unseen = compared([name], {"": model.judged.answered}, seed=model.work.seed + 1)[""][name]
        drawn = min(len(seen.draws), len(unseen.draws))
        gaps = sign * (seen.draws[:drawn] - unseen.draws[:drawn])
        gaps = gaps[np.isfinite(gaps)]
        if seen.value is None or unseen.value is None or not len(gaps):
            return None
        low, high = (float(end) for end in np.quantile(gaps, (0.025, 0.975)))
        return {
            "figure": name,
            "seen": seen.to_json(),
            "unseen": unseen.to_json(),
            "gap": {"value": sign * (seen.value - unseen.value), "low": low, "high": high},
        }

    @classmethod
    def schema(cls) -> dict[str, Any]:
        number = {"type": ["number", "null"]}
        whole = {"type": "integer", "minimum": 0}
        value = described(value=number, low=number, high=number, rows=whole, resamples=whole)
        gap = described(value=number, low=number, high=number)
        return described(figure={"type": "string"}, seen=value, unseen=value, gap=gap)

    @classmethod
    def figures(cls, found: Mapping[str, Any]) -> dict[str, float | None]:
        return {"overfitting": found["gap"]["value"]}

    @classmethod
    def body(cls, found: Mapping[str, Any], report: Report) -> str:  # noqa: ARG003
        how, gap = formula(found["figure"]), found["gap"]
        lines = []
        for name, who in (("seen", _SEEN), ("unseen", _UNSEEN)):
            one = found[name]
            value = cell(shown(one["value"], how.style), interval(one["low"], one["high"], how.style))
            lines.append(f'<tr><th>{say(who)}</th>{value}<td class="n">{count(one["rows"])}</td></tr>')
        beside = found["unseen"]["value"]
        by = change(gap["value"], how.style, beside)
        ends = change_interval(gap["low"], gap["high"], how.style, beside)
        verdict = _APART if gap["low"] > 0 else _TOGETHER
        told = Text(
            f"{verdict.en} The difference is {by('en')}, 95 % interval {ends('en')}.",
            f"{verdict.zh}相差 {by('zh')}，95% 区间为 {ends('zh')}。",
        )
        heads = [("", False), (say(how.title), True), (t("report.training.rows"), True)]
        return f'<p>{say(told)}</p>{table(heads, lines)}<p class="quiet small">{say(_HOW)}</p>'
