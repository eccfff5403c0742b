"""What was quoted before training, beside what came: so that the next quote can be believed, or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sixfold.evaluation._appraisal import Report, described
from sixfold.evaluation._chapter import Chapter, Finished
from sixfold.evaluation._figures import formula
from sixfold.evaluation._html import cell, say, table
from sixfold.evaluation._pictures import Span, spans
from sixfold.evaluation._words import duration, interval, shown
from sixfold.language import Text
from sixfold.store import kept_quote

__all__ = ["Quoted"]

_NEAR_TIME, _NEAR_MEMORY = 0.15, 0.2
"""Of what came, by how much a quote of time and of memory may be off to be called near."""

_STAGES = {
    "collect": Text("Collect", "采集"),
    "prepare": Text("Prepare", "准备"),
    "train": Text("Train", "训练"),
}
_TOTAL = Text("Together", "合计")
_HEADS = (Text("Quoted", "报价"), Text("Came", "实际"))
_CAME = Text("What came, with its 95 % interval", "实际结果及其 95% 区间")
_SAID = Text("What was quoted", "报价")
_WITHIN = Text("The figure lies within the quoted interval.", "最终指标落在报价区间之内。")
_BETTER = Text("The model became better than was quoted.", "模型比报价的更好。")
_WORSE = Text(
    "The model became worse than was quoted: the learning curve went flat earlier than its first part told.",
    "模型不如报价的好：学习曲线比开头部分显示的更早变平。",
)
_NEAR = Text("Time and peak memory came as quoted.", "用时和内存峰值与报价相符。")
_OFF = Text(
    "Time or memory came otherwise than quoted (by more than 15 % or 20 %): a machine that does other work besides "
    "takes longer. Quote and run when it is free.",
    "用时或内存与报价相差较大（超过 15% 或 20%）：机器同时在做别的工作时，用时会变长。请在机器空闲时报价和运行。",
)
_HOW = Text(
    "Quoted on {when} by training a share of the real rows on this machine. What comes after this report (deploying, "
    "delivering) is set beside the quote by `sixfold status`.",
    "报价时间为 {when}，方法是在本机上用一部分真实数据训练。"
    "本报告之后的步骤（部署、交付）由 `sixfold status` 与报价对照。",
)


class Quoted(Chapter):
    """Quote and actual, side by side."""

    title: ClassVar[Text] = Text("Quoted, and what came", "报价与实际")
    label: ClassVar[Text] = Text("Quote", "报价")
    order: ClassVar[int] = 90

    @classmethod
    def suits(cls, model: Finished) -> bool:
        return kept_quote(model.work.store, model.product) is not None

    def measure(self, model: Finished) -> dict[str, Any] | None:
        quote = kept_quote(model.work.store, model.product)
        if quote is None:
            return None
        stages = []
        for one in quote["stages"]:
            if one["stage"] in _STAGES:
                made = model.inputs[one["stage"]]
                actual = {"seconds": made.seconds, "peak_bytes": int(made.used.get("peak_bytes") or 0)}
                quoted = {name: one[name] for name in ("seconds", "peak_bytes")}
                stages.append({"stage": one["stage"], "quoted": quoted, "actual": actual})
        name, quality = model.headline.name, quote["quality"]
        came = next(one for one in model.report["figures"] if one["name"] == name)
        said = None
        if quality is not None and quality["figure"] == name and came["value"] is not None and came["low"] is not None:
            ends = {end: quality["expected"][end] for end in ("value", "low", "high", "chance")}
            said = {"figure": name, "quoted": ends, "actual": {end: came[end] for end in ("value", "low", "high")}}
        return {"when": quote["time"], "stages": stages, "quality": said, "verdict": quote["verdict"]}

    @classmethod
    def schema(cls) -> dict[str, Any]:
        number, word = {"type": "number"}, {"type": "string"}
        took = described(seconds=number, peak_bytes={"type": "integer", "minimum": 0})
        stage = described(stage=word, quoted=took, actual=took)
        expected = described(value=number, low=number, high=number, chance=number)
        actual = described(value=number, low=number, high=number)
        quality = described(figure=word, quoted=expected, actual=actual)
        return described(
            when=word,
            stages={"type": "array", "items": stage},
            quality={"anyOf": [{"type": "null"}, quality]},
            verdict={"enum": ["go", "conditions", "not_yet"]},
        )

    @classmethod
    def figures(cls, found: Mapping[str, Any]) -> dict[str, float | None]:
        quoted, actual = _sums(found)
        return {"time over quote": None if not quoted["seconds"] else actual["seconds"] / quoted["seconds"] - 1}

    @classmethod
    def body(cls, found: Mapping[str, Any], report: Report) -> str:
        quoted, actual = _sums(found)
        rows = [_row(say(_STAGES[one["stage"]]), one["quoted"], one["actual"]) for one in found["stages"]]
        rows.append(_row(f"<strong>{say(_TOTAL)}</strong>", quoted, actual))
        heads = [("", False), *((say(head), True) for head in _HEADS)]
        near = _is_near(quoted["seconds"], actual["seconds"], _NEAR_TIME)
        near = near and _is_near(quoted["peak_bytes"], actual["peak_bytes"], _NEAR_MEMORY)
        lines = [] if found["quality"] is None else _quality(found["quality"], report)
        when = found["when"][:16].replace("T", " ")
        how = Text(_HOW.en.format(when=when), _HOW.zh.format(when=when))
        return "".join(
            [
                *lines,
                f"<p>{say(_NEAR if near else _OFF)}</p>",
                table(heads, rows),
                f'<p class="quiet small">{say(how)}</p>',
            ]
        )


def _sums(found: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Seconds together and the highest peak: as quoted, and as they came."""
    sums = []
    for who in ("quoted", "actual"):
        told = [one[who] for one in found["stages"]]
        sums.append(
            {"seconds": sum(one["seconds"] for one in told), "peak_bytes": max(one["peak_bytes"] for one in told)}
        )
    return sums[0], sums[1]


def _row(name: str, quoted: Mapping[str, Any], actual: Mapping[str, Any]) -> str:
    cells = [cell(duration(one["seconds"]), _mebibytes(one["peak_bytes"])) for one in (quoted, actual)]
    return f"<tr><th>{name}</th>{''.join(cells)}</tr>"


def _quality(told: Mapping[str, Any], report: Report) -> list[str]:
    """The figure beside its quote: a picture, and a sentence."""
    how, quoted, actual = formula(told["figure"]), told["quoted"], told["actual"]
    upwards = next(one["higher_is_better"] for one in report["figures"] if one["name"] == told["figure"])
    over, is_within = actual["value"] > quoted["high"], quoted["low"] <= actual["value"] <= quoted["high"]
    verdict = _WITHIN if is_within else _BETTER if over == upwards else _WORSE
    ends, came = interval(quoted["low"], quoted["high"], how.style), shown(actual["value"], how.style)
    chance = f"{quoted['chance']:.0%}"
    says = Text(
        f"{how.title.en}: {ends.en} were quoted (with a chance of {chance}), {came.en} came. {verdict.en}",
        f"{how.title.zh}：报价为 {ends.zh}（把握 {chance}），实际为 {came.zh}。{verdict.zh}",
    )
    rows = [
        Span(_CAME, actual["value"], actual["low"], actual["high"], is_ours=True),
        Span(_SAID, quoted["value"], quoted["low"], quoted["high"], is_ours=False),
    ]
    return [f"<p>{say(says)}</p>", spans("quoted", rows, percent=how.style == "share", label=says)]


def _is_near(quoted: float, actual: float, share: float) -> bool:
    return actual <= 0 or abs(quoted - actual) <= share * actual


def _mebibytes(size: int) -> Text:
    said = f"{size / (1 << 20):,.0f} MiB"
    return Text(said, said)
