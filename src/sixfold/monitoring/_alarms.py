"""What must hold, held; and who is told when it does not, and when it does again.

A bound on a figure that is measured on rows is broken once the whole 95 % interval lies beyond it, so that a handful of
rows wakes nobody. What is broken is told once, not at every look.
"""

from __future__ import annotations

import logging
import os
import smtplib
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import orjson

from sixfold.language import Text
from sixfold.monitoring._storage import Storage
from sixfold.product import Tell, Watch

__all__ = ["check", "told", "words"]

SERVER, SERVER_PASSWORD = "SIXFOLD_SMTP", "SIXFOLD_SMTP_PASSWORD"

_SECONDS = 15.0
_FEWEST = 50
_log = logging.getLogger("sixfold.monitoring")

_DRIFT = Text("{columns} drifted from what the model learned from", "{columns} 偏离了模型学习时的数据")
_BROKEN = Text("{name} is {value}, not {bound}", "{name}为 {value}，不满足 {bound}")
_HOLDS = Text("{name} holds again", "{name}已恢复正常")
_NAMES: Mapping[str, Text] = {
    "drift": Text("no drift", "无漂移"),
    "drifted columns": Text("share of drifted columns", "漂移列占比"),
    "estimated accuracy": Text("estimated accuracy", "估计准确率"),
    "accuracy": Text("accuracy by feedback", "反馈准确率"),
    "mean absolute error": Text("mean absolute error by feedback", "反馈平均绝对误差"),
    "confidence": Text("mean confidence", "平均把握"),
    "coverage": Text("share of rows with feedback", "有反馈的行占比"),
    "failures": Text("share of failed requests", "失败请求占比"),
    "p99": Text("time of 99 % of answers (ms)", "99% 应答时间(毫秒)"),
    "requests": Text("requests in the last hour", "最近一小时请求数"),
}


def check(settings: Watch, found: Mapping[str, Any]) -> dict[str, Text]:
    """What does not hold of a state, by name, as a sentence."""
    broken: dict[str, Text] = {}
    if settings.expect.get("drift") is True and (alarming := found["drift"]["alarming"]):
        titles = {one["name"]: one["title"] for one in found["drift"]["columns"]}
        says = {
            code: between.join(titles[name][code] if name in titles else name for name in alarming)
            for code, between in (("en", ", "), ("zh", "、"))
        }
        broken["drift"] = Text(*(_DRIFT(code, columns=names) for code, names in says.items()))
    for name, bound in settings.bounds.items():
        measured = _value(name, found)
        if measured is None:
            continue
        value, worst_case = measured[0], measured[1] if bound.sign[0] == ">" else measured[2]
        if not bound.holds(worst_case):
            said = {"value": f"{value:.4g}", "bound": f"{bound.sign} {bound.value:g}"}
            broken[name] = Text(*(_BROKEN(code, name=_NAMES[name](code), **said) for code in ("en", "zh")))
    return broken


def told(
    product: str,
    settings: Watch,
    storage: Storage,
    found: Mapping[str, Any],
    ledger: Callable[..., None] = lambda *_, **__: None,
) -> dict[str, Text]:
    """Note what began or ceased to be broken, and tell those who are to be told; returns what is broken."""
    broken, before = check(settings, found), storage.remembered("alarms", {})
    now = time.time()
    news: list[dict[str, Any]] = []
    for name, text in broken.items():
        if name not in before:
            news.append({"alarm": name, "state": "broken", "says": {"en": text.en, "zh": text.zh}})
    for name in before:
        if name not in broken:
            says = {code: _HOLDS(code, name=_NAMES[name](code)) for code in ("en", "zh")}
            news.append({"alarm": name, "state": "holds", "says": says})
    if not news:
        return broken
    standing = {
        name: {"since": before.get(name, {}).get("since", now), "says": {"en": text.en, "zh": text.zh}}
        for name, text in broken.items()
    }
    storage.remember("alarms", standing)
    for one in news:
        storage.act(f"alarm.{one['state']}", "", **one)
        ledger(f"watch.alarm_{one['state']}", product, alarm=one["alarm"], says=one["says"]["en"])
        message = {"product": product, "model": found["model"], "time": now, **one}
        # A mail server that hangs must not keep the next look waiting.
        threading.Thread(target=_tell_all, args=(settings.tell, message), daemon=True, name="alarm").start()
    return broken


def words(message: Mapping[str, Any]) -> str:
    """An alarm for people, in both languages."""
    return f"{message['product']}: {message['says']['en']}\n{message['product']}：{message['says']['zh']}"


def _value(name: str, found: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """A figure with the end of its interval that is best for it: where up is good, and where down is."""
    quality, traffic, drift = found["quality"], found["traffic"], found["drift"]
    match name:
        case "drifted columns":
            return None if drift["share"] is None else (drift["share"],) * 3
        case "estimated accuracy" | "confidence":
            figure = quality["estimated"]
        case "accuracy" | "mean absolute error":
            figure = quality["realised"]
            if figure["figure"] != name.replace(" ", "_"):
                return None
        case "coverage":
            return (quality["realised"]["coverage"],) * 3
        case "failures":
            return (traffic["failed"] / traffic["requests"],) * 3 if traffic["requests"] >= _FEWEST else None
        case "p99":
            return None if traffic["p99"] is None or traffic["requests"] < _FEWEST else (traffic["p99"],) * 3
        case _:
            return (float(traffic["last_hour"]),) * 3
    if figure is None or figure["value"] is None or figure["rows"] < _FEWEST:
        return None
    return figure["value"], figure["high"], figure["low"]


def _tell_all(tell: Sequence[Tell], message: Mapping[str, Any]) -> None:
    for way in tell:
        try:
            if way.webhook is not None:
                _post(way.webhook, message)
            elif way.email is not None:
                _mail(way.email, message)
            elif way.command is not None:
                subprocess.run(  # noqa: S603 — the program that product.yaml names, without a shell
                    way.command, input=orjson.dumps(message), timeout=_SECONDS, check=True, capture_output=True
                )
        except Exception as error:  # the next one is still to be told
            _log.error("alarm %s was not told: %s", message["alarm"], type(error).__name__)


def _post(address: str, message: Mapping[str, Any]) -> None:
    if address.startswith("env:"):
        address = os.environ[address.removeprefix("env:")]
    request = urllib.request.Request(  # noqa: S310 — an http(s) address: product.yaml is held to it
        address,
        orjson.dumps({**message, "text": words(message)}),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310
        pass


def _mail(to: str, message: Mapping[str, Any]) -> None:
    server = urlsplit(os.environ[SERVER])
    letter = EmailMessage()
    letter["Subject"] = f"Sixfold: {message['product']}: {message['alarm']} ({message['state']})"
    letter["To"], letter["From"] = to, server.username if "@" in (server.username or "") else to
    letter.set_content(words(message))
    kind = smtplib.SMTP_SSL if server.scheme == "smtps" else smtplib.SMTP
    with kind(server.hostname or "127.0.0.1", server.port or 0, timeout=_SECONDS) as session:
        if password := os.environ.get(SERVER_PASSWORD):
            if server.scheme != "smtps":
                session.starttls()
            session.login(server.username or "", password)
        session.send_message(letter)
