"""Incident: on the day it goes wrong, who answers is switched at once, and what happened is written down.

The report is one file in both languages: what changed and when, which versions, requests and callers were affected, and
a draft of what customers are told. It says what the record says and no more: why, is for people to find out.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sixfold.errors import InputError
from sixfold.language import Text
from sixfold.monitoring import Storage, state
from sixfold.operating._watched import storage_of
from sixfold.pipeline import Run, Sixfold
from sixfold.serving import watched_of

__all__ = ["Incident", "end_incident", "incident"]

Way = Literal["former", "rule", "person"]

_MOST_LISTED = 1000
_CHANGES = ("deploy.done", "refresh.", "incident.", "watch.", "guard.", "gate.overridden", "service.stopped")
_WAYS: dict[str, Text] = {
    "former": Text("the former version answers again", "恢复由上一个版本作答"),
    "rule": Text("a declared rule answers in place of the model", "由声明的规则代替模型作答"),
    "person": Text("requests are passed on to a person", "请求转由人工处理"),
}


@dataclass(frozen=True, slots=True)
class Incident:
    """What was done.

    Args:
        way: Who answers now.
        bad: The version that answered before.
        now: The version that answers now, if one does.
        since: From when on requests count as affected (UTC).
        requests: How many they are.
        callers: How many they came from.
        report: The report, in both languages (Markdown).
    """

    way: Way
    bad: str
    now: str | None
    since: str
    requests: int
    callers: int
    report: str


def incident(house: Sixfold, run: Run, *, way: Way | None, reason: str, since: float | None = None) -> Incident:
    """Switch who answers, and write down what happened.

    Args:
        house: Whose product it is.
        run: Its last run.
        way: ``former``, ``rule`` or ``person``; left out, the first of these that there is.
        reason: What was seen, in the words of whoever declares it.
        since: From when on requests are affected (seconds since 1970); left out, since the oldest alarm that stands,
            else since this version first answered.

    Raises:
        InputError: There is no former version, or no rule is declared.
        ServiceError: The former version does not answer rightly.
    """
    name, bad = run.product.name, run.bundle.version
    former = house.former(name)
    rule = run.product.deploy.watch.rule
    chosen: Way = way or ("former" if former is not None else "rule" if rule is not None else "person")
    if chosen == "former" and former is None:
        raise InputError("no_former", name=name)
    if chosen == "rule" and rule is None:
        raise InputError("no_rule", name=name)
    storage = storage_of(house, run)
    try:
        # First who answers, then the writing down.
        storage.remember("standing", {"mode": "model" if chosen == "former" else chosen, "model": bad})
        if chosen == "former":
            house.restore(name)
        found = state(watched_of(run.bundle), storage)
        begun = since if since is not None else _begun(found, storage, bad)
        affected = [one for one in storage.requests(since=begun) if one.model == bad and one.count]
        callers = Counter(one.caller for one in affected)
        now = former.bundle.version if chosen == "former" and former is not None else None
        storage.act("incident", "", done=chosen, says={"en": _WAYS[chosen].en, "zh": _WAYS[chosen].zh})
        house.ledger.append(
            "incident.declared", name, way=chosen, bad=bad, now=now, reason=reason, since=_utc(begun),
            requests=len(affected), callers=len(callers),
        )  # fmt: skip
        told = {
            "name": name,
            "declared": _utc(time.time()),
            "way": chosen,
            "bad": bad,
            "now": now,
            "reason": reason,
            "since": _utc(begun),
            "requests": [(one.id, _utc(one.time), one.caller) for one in affected],
            "rows": sum(one.count for one in affected),
            "callers": callers.most_common(),
            "changes": [
                (entry.time, entry.act, ", ".join(f"{key}={_short(value)}" for key, value in entry.values.items()))
                for entry in house.ledger.entries()
                if entry.product == name and entry.act.startswith(_CHANGES)
            ][-30:],
            "alarms": [(Text(**one["says"]), _utc(one["since"])) for one in found["alarms"].values()],
        }  # fmt: skip
    finally:
        storage.close()
    return Incident(chosen, bad, now, _utc(begun), len(affected), len(callers), _report(told))


def end_incident(house: Sixfold, run: Run) -> None:
    """Let the model answer again."""
    storage = storage_of(house, run)
    try:
        storage.remember("standing", {"mode": "model"})
    finally:
        storage.close()
    house.ledger.append("incident.over", run.product.name, model=run.bundle.version)


def _begun(found: dict[str, Any], storage: Storage, model: str) -> float:
    if found["alarms"]:
        return float(min(one["since"] for one in found["alarms"].values()))
    first = [one.time for one in storage.requests() if one.model == model]
    return min(first, default=time.time())


def _report(told: dict[str, Any]) -> str:
    return f"{_part(told, 'en')}\n\n---\n\n{_part(told, 'zh')}\n"


def _part(told: dict[str, Any], code: Literal["en", "zh"]) -> str:
    def say(english: str, chinese: str) -> str:
        return Text(english, chinese)(code)

    way = _WAYS[told["way"]](code)
    callers = "\n".join(f"- `{caller}`: {count}" for caller, count in told["callers"][:_MOST_LISTED]) or "–"
    requests = "\n".join(
        f"- `{request}` · {moment} · `{caller}`" for request, moment, caller in told["requests"][:_MOST_LISTED]
    )
    changes = "\n".join(f"- {moment} · `{act}` · {values}" for moment, act, values in told["changes"]) or "–"
    alarms = "\n".join(f"- {text(code)} · {moment}" for text, moment in told["alarms"]) or say("- none", "- 无")
    more = len(told["requests"]) - _MOST_LISTED
    cut = "" if more <= 0 else say(f"\n- … and {more:,} more", f"\n- ……另有 {more:,} 个")
    now = told["now"] or "–"
    return "\n\n".join(
        [
            say(f"# Incident: {told['name']}", f"# 事故报告：{told['name']}"),
            say(f"Declared {told['declared']} (UTC).", f"{told['declared']}(UTC)宣布。") + f" {told['reason']}",
            say("## What was done", "## 已采取的措施"),
            say(f"At once: {way}. Version before: `{told['bad']}`; now: `{now}`.",
                f"立即：{way}。原版本：`{told['bad']}`；现版本：`{now}`。"),
            say("## What changed", "## 发生了哪些变化"),
            changes,
            say("Alarms that stand:", "仍在报警："),
            alarms,
            say("## Who was affected", "## 受影响范围"),
            say(
                f"Since {told['since']} (UTC) version `{told['bad']}` answered {len(told['requests']):,} requests with "
                f"{told['rows']:,} rows, of {len(told['callers']):,} callers.",
                f"自 {told['since']}(UTC)起，版本 `{told['bad']}` 共应答 {len(told['requests']):,} 个请求、"
                f"{told['rows']:,} 行，涉及 {len(told['callers']):,} 个调用方。",
            ),
            say("Callers and their requests:", "调用方及其请求数："),
            callers,
            say("Requests:", "请求："),
            (requests + cut) or "–",
            say("## Draft of a notice to customers", "## 致客户的通知(草稿)"),
            say(
                f"> From {told['since']} (UTC) on, some answers of {told['name']} may have been wrong. "
                f"We noticed it and, since {told['declared']} (UTC), {way}. "
                "If you acted on an answer from that time, please check it; "
                "its request id lets us tell you how it came about. We will write again when we know the cause.",
                f"> 自 {told['since']}(UTC)起，{told['name']} 的部分应答可能有误。"
                f"我们已发现这一情况，并自 {told['declared']}(UTC)起{way}。"
                "如果您依据该时段的应答采取了行动，请予以核对；"
                "凭请求编号，我们可以说明该应答的来由。"
                "查明原因后我们将再次告知。",
            ),
        ]
    )  # fmt: skip


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _short(value: Any, most: int = 60) -> str:
    text = str(value)
    return text if len(text) <= most else text[: most - 1] + "…"
