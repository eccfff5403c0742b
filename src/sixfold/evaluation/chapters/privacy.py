"""Whether the model gives away whom it learned from: membership inference, by two attacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation._appraisal import Appraisal, Report, described
from sixfold.evaluation._chapter import Chapter, Finished
from sixfold.evaluation._formula import Asked, share_interval
from sixfold.evaluation._html import cell, say, table
from sixfold.evaluation._pictures import Axis, trade
from sixfold.evaluation._words import count, interval, shown
from sixfold.evaluation.chapters._again import drawn, tested
from sixfold.evaluation.chapters._ranking import area, area_interval, found_at, roc
from sixfold.fields import Array
from sixfold.language import Text

__all__ = ["Privacy"]

_MOST_ROWS = 4000
_FEWEST_ROWS = 40
_FEWEST_OF_CLASS = 30
_ALARMS = 0.01
"""Of rows that were not learned from, so many may be accused (Carlini et al. 2022 advise to look at few alarms)."""

_MUCH = 0.6
_CHANCE = 0.5

_SAYS = Text(
    "Somebody who knows a person's row, and may ask the model, might want to find out whether that person was among "
    "those it learned from (a patient of that clinic, a debtor of that bank). Two attacks were tried on {train} "
    "training and {test} test rows: 0.5 is guessing, 1 would be certainty.",
    "如果有人掌握某个人的一行数据，又能向模型提问，就可能想推断此人是否在训练数据里（某诊所的病人、某银行的欠款人）。"
    "我们用 {train} 个训练行和 {test} 个测试行试了两种攻击：0.5 等于瞎猜，1 等于确知。",
)
_LOSS = Text("By the loss (Yeom et al. 2018)", "按损失（Yeom 等 2018）")
_LOSS_SAYS = Text("rows that it answers better than others were learned from", "答得特别好的行即为训练行")
_RATIO = Text("By likelihood ratio (after Carlini et al. 2022)", "按似然比（依 Carlini 等 2022）")
_RATIO_SAYS = Text(
    "how confidences of either kind are spread is learned on one half of the rows, class by class, and tried on the "
    "other",
    "在一半的行上逐类学习两种行的置信度分布，在另一半上检验",
)
_NONE = Text(
    "Neither attack does better than guessing, as far as so many rows can tell.",
    "就这些行数所能判断，两种攻击都不比瞎猜好。",
)
_SOME = Text(
    "There is a trace: an attacker does a little better than guessing. For data about people, prefer answers without "
    "chances, and see what mends it below.",
    "有痕迹：攻击者比瞎猜略好。若数据涉及个人，最好只给答案、不给概率，并参考下面的办法。",
)
_LOT = Text(
    "The model gives away whom it learned from. If rows are about people, do not hand it to others as it is.",
    "模型泄露了它学过谁。如果数据涉及个人，请不要就这样交给他人。",
)
_MEND = Text(
    "What mends it: more rows, fewer epochs, augmentation or label smoothing, a smaller network; and a service that "
    "tells the answer without its chances.",
    "改善办法：增加数据、减少训练轮次、数据增强或标签平滑、更小的网络；以及让服务只给答案、不给概率。",
)
_RECOGNISED = Text(
    "With one in a hundred others accused wrongly, the stronger attack recognises {share} of training rows (95 % "
    "interval {ends}); by guessing it would be 1 %.",
    "在每一百个未学过的行中误指一个的条件下，较强的攻击能认出 {share} 的训练行（95% 区间 {ends}）；瞎猜为 1%。",
)
_OTHER_SPLIT = Text(
    "Training and test rows were not divided at random here ({way}); where they differ by themselves, an attack can "
    "look stronger than it is.",
    "这里训练行与测试行不是随机划分的（{way}）；两者本身若有差别，攻击看起来会比实际更强。",
)
_HEADS = (Text("Attack", "攻击"), Text("AUC", "AUC"))
_FALSE = Text("of others, accused wrongly", "未学过的行中被误指的比例")
_TRUE = Text("Of training rows, recognised", "训练行中被认出的比例")
_LABEL = Text("What the stronger attack recognises, for every threshold", "较强攻击在各阈值下认出的比例")


class Privacy(Chapter):
    """Whether training rows can be recognised."""

    title: ClassVar[Text] = Text("Does it give away whom it learned from?", "它会泄露学过谁的数据吗？")
    label: ClassVar[Text] = Text("Privacy", "隐私")
    order: ClassVar[int] = 50
    asked_for: ClassVar[Mapping[str, Asked]] = {
        "membership inference": Asked(Text("AUC of membership inference", "成员推断 AUC"), _MEND, "number")
    }

    @classmethod
    def suits(cls, model: Finished) -> bool:
        tells_losses = type(model.appraisal).losses is not Appraisal.losses
        return tells_losses and bool(model.prepared.given) and model.appraisal.most_decided_on is None

    def measure(self, model: Finished) -> dict[str, Any] | None:
        arrays, truth = tested(model, "train", _MOST_ROWS)
        places = drawn(model, _MOST_ROWS)
        if min(len(truth), len(places)) < _FEWEST_ROWS:
            return None
        outputs = model.graph.outputs(arrays, len(truth), lambda rows: model.work.step(rows, len(truth), "rows"))
        decision, test = model.judged.decision, model.judged.test
        seen = model.appraisal.losses(model.appraisal.answered(outputs, truth, decision))
        unseen = model.appraisal.losses(model.appraisal.answered(test.outputs[places], test.truth[places], decision))
        assert seen is not None
        assert unseen is not None
        kinds = (truth, test.truth[places]) if truth.dtype.kind in "iu" and truth.ndim == 1 else None
        ours, theirs = ratio(seen, unseen, kinds, model.work.seed)
        attacks = {"loss": (-seen, -unseen), "ratio": (ours, theirs)}
        told = {}
        for number, (name, (members, others)) in enumerate(attacks.items()):
            low, high = area_interval(members, others, model.work.seed + number)
            told[name] = {"value": area(members, others), "low": low, "high": high}
        stronger = max(told, key=lambda name: told[name]["value"])
        members, others = attacks[stronger]
        hit = found_at(members, others, _ALARMS)
        low, high = share_interval(hit)
        false, true = roc(np.concatenate([members, others]), np.arange(len(members) + len(others)) < len(members))
        way = (model.report["data"].get("split") or {}).get("way")
        return {
            "train": len(seen),
            "test": len(unseen),
            "attacks": told,
            "stronger": stronger,
            "recognised": {"value": float(hit.mean()), "low": low, "high": high},
            "split": way,
            "roc": [[float(x), float(y)] for x, y in zip(false, true, strict=True)],
        }

    @classmethod
    def schema(cls) -> dict[str, Any]:
        number, whole = {"type": "number"}, {"type": "integer", "minimum": 0}
        value = described(value=number, low=number, high=number)
        return described(
            train=whole,
            test=whole,
            attacks=described(loss=value, ratio=value),
            stronger={"enum": ["loss", "ratio"]},
            recognised=value,
            split={"type": ["string", "null"]},
            roc={"type": "array", "items": {"type": "array", "items": number}},
        )

    @classmethod
    def figures(cls, found: Mapping[str, Any]) -> dict[str, float | None]:
        return {"membership inference": found["attacks"][found["stronger"]]["value"]}

    @classmethod
    def body(cls, found: Mapping[str, Any], report: Report) -> str:  # noqa: ARG003
        train, test = count(found["train"]), count(found["test"])
        says = Text(_SAYS.en.format(train=train, test=test), _SAYS.zh.format(train=train, test=test))
        best, hit = found["attacks"][found["stronger"]], found["recognised"]
        verdict = _NONE if best["low"] <= _CHANCE else _SOME if best["value"] < _MUCH else _LOT
        share, ends = shown(hit["value"], "share"), interval(hit["low"], hit["high"], "share")
        told = Text(
            _RECOGNISED.en.format(share=share.en, ends=ends.en), _RECOGNISED.zh.format(share=share.zh, ends=ends.zh)
        )
        lines = []
        for name, title, how in (("loss", _LOSS, _LOSS_SAYS), ("ratio", _RATIO, _RATIO_SAYS)):
            one = found["attacks"][name]
            value = cell(shown(one["value"], "number"), interval(one["low"], one["high"], "number"))
            lines.append(f'<tr><td>{say(title)}<span class="quiet">{say(how)}</span></td>{value}</tr>')
        false, true = zip(*found["roc"], strict=True)
        picture = trade("attack", (false, true), [], Axis(_FALSE), Axis(_TRUE), _LABEL)
        notes = [f"<p>{say(told)}</p>"]
        if verdict is not _NONE:
            notes.append(f"<p>{say(_MEND)}</p>")
        if found["split"] not in (None, "random", "stratified", "fold"):
            way = found["split"]
            note = Text(_OTHER_SPLIT.en.format(way=way), _OTHER_SPLIT.zh.format(way=way))
            notes.append(f'<p class="quiet small">{say(note)}</p>')
        heads = [(say(head), number > 0) for number, head in enumerate(_HEADS)]
        return (
            f"<p>{say(says)}</p><p><b>{say(verdict)}</b></p>"
            f'<div class="two"><figure>{picture}</figure><div>{table(heads, lines)}{"".join(notes)}</div></div>'
        )


def ratio(seen: Array, unseen: Array, kinds: tuple[Array, Array] | None, seed: int) -> tuple[Array, Array]:
    """By how much likelier each loss is of a row that was learned from than of another: logarithms (n,) and (m,).

    As in Carlini et al. (2022) confidences are taken on the scale of their logit, log(p / (1 - p)) for a loss of
    -log p, where they are about normal; mean and spread of either kind are learned for each class on one half of the
    rows and used on the other half, so that nothing is scored by what it taught. Without models that were trained
    without a row, it is a lower bound of what such an attacker could do.

    Args:
        seen: Losses of training rows (n,).
        unseen: Losses of other rows (m,).
        kinds: The classes of both; ``None``: all alike.
        seed: Of the halves.
    """
    draw = np.random.default_rng(seed)
    scaled = [_logit(losses) for losses in (seen, unseen)]
    classes = [np.zeros(len(one), np.int64) for one in scaled] if kinds is None else list(kinds)
    halves = [draw.permutation(len(one)) % 2 for one in scaled]
    found = [np.zeros(len(one)) for one in scaled]
    for half in (0, 1):
        taught = [one[part != half] for one, part in zip(scaled, halves, strict=True)]
        of = [one[part != half] for one, part in zip(classes, halves, strict=True)]
        whole = [_normal(one) for one in taught]
        for kind in np.unique(np.concatenate(classes)):
            own = [one[which == kind] for one, which in zip(taught, of, strict=True)]
            shapes = [_normal(one) for one in own] if min(map(len, own)) >= _FEWEST_OF_CLASS else whole
            for side in (0, 1):
                chosen = (halves[side] == half) & (classes[side] == kind)
                at = scaled[side][chosen]
                found[side][chosen] = _density(at, *shapes[0]) - _density(at, *shapes[1])
    return found[0], found[1]


def _logit(losses: Array) -> Array:
    """The logit of exp(-loss), held within 30 of 0."""
    held = np.clip(losses.astype(np.float64), 1e-12, None)
    return np.asarray(np.clip(-held - np.log(-np.expm1(-held)), -30, 30))


def _normal(values: Array) -> tuple[float, float]:
    return float(values.mean()), float(values.std()) + 1e-3


def _density(values: Array, mean: float, spread: float) -> Array:
    return np.asarray(-0.5 * ((values - mean) / spread) ** 2 - np.log(spread))
