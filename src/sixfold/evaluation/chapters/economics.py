"""Whether the product pays: what its answers bring against doing without it, what they cost, and what is left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation._appraisal import Report, described
from sixfold.evaluation._chapter import Chapter, Finished
from sixfold.evaluation._economics import economics
from sixfold.evaluation._examples import json_row
from sixfold.evaluation._formula import Asked
from sixfold.evaluation._money_page import body, verdict
from sixfold.evaluation._worth import Valued, Worth
from sixfold.language import Text
from sixfold.prices import cores_here, prices, typical_hour

__all__ = ["Economics"]

_MOST_SECONDS, _MOST_ANSWERS, _FEWEST = 1.5, 200, 3
_MOST_ROWS = 64
_PER = 1000.0
_TO_CHECK = 385
"""Answers to look at so that a share is known within 5 points at 95 %: 1.96² · ¼ / 0.05² (Cochran 1977)."""

_OTHERS = ("no_model", "always_yes", "people")


_MEND = Text(
    "See in the chapter “Does it pay?” where the money goes: errors become fewer with more rows or another network, "
    "and what `evaluate: value:` says may be checked against what answers are really worth.",
    "请看「划算吗？」一章里钱花在了哪里：增加数据或换网络能减少错误；也请核对 `evaluate: value:` 写的金额是否属实。",
)
_CHEAPER = Text(
    "A smaller network, a cheaper machine, a higher price or more volume would mend it; the sliders of the chapter "
    "“Does it pay?” show how much of each.",
    "更小的网络、更便宜的机器、更高的价格或更大的量都能改善；「划算吗？」一章的滑块能看出各需要多少。",
)


class Economics(Chapter):
    """Value per 1,000 cases, unit economics, what if, and what changes for people."""

    title: ClassVar[Text] = Text("Does it pay?", "划算吗？")
    label: ClassVar[Text] = Text("Money", "效益")
    order: ClassVar[int] = 5

    asked_for: ClassVar[Mapping[str, Asked]] = {
        "value per 1000": Asked(
            Text("Value per 1,000 cases", "每千例价值"), _MEND, style="amount", higher_is_better=True
        ),
        "gain per 1000": Asked(
            Text("Gain per 1,000 cases", "每千例增益"), _MEND, style="amount", higher_is_better=True
        ),
        "cost per 1000": Asked(Text("Cost of 1,000 answers", "千个答案成本"), _CHEAPER, style="amount"),
        "gross margin": Asked(Text("Gross margin", "毛利率"), _CHEAPER, higher_is_better=True),
        "payback months": Asked(Text("Months until it is paid back", "回本月数"), _CHEAPER, style="amount"),
    }

    @classmethod
    def suits(cls, model: Finished) -> bool:
        return model.product.evaluate.value.is_said

    def measure(self, model: Finished) -> dict[str, Any] | None:
        value, judged = model.product.evaluate.value, model.judged
        worth = model.appraisal.worth(judged)
        ways, against, against_plain = _measured(worth, model.work.seed)
        seconds = sum(artefact.seconds for name, artefact in model.inputs.items() if name != "collect")
        hour, typical = model.product.machine_hour, None
        if hour is None and (hour := typical_hour(model.product.currency, cores_here())) is not None:
            typical = str(prices()["date"])
        training = value.training
        if training is None:
            training = seconds / 3600 * (hour or 0.0)
        speed = _speed(model)
        told = economics(
            {name: way for name, way in ways.items() if name in ("product", *_OTHERS)},
            seconds=speed["seconds"],
            machine_hour=hour,
            price=value.price,
            volume=value.volume,
            training=training,
        )
        person = None if value.person.costs is None else value.person.model_dump(mode="json")
        decides = worth is not None and "plain" in worth.ways
        return {
            "currency": model.product.currency,
            "rows": len(judged.test.truth),
            "ways": ways,
            "against": against,
            "against_plain": against_plain,
            "decides": decides,
            "threshold": judged.decision.threshold if worth is not None and worth.curve else None,
            "asks": None if judged.decision.asks is None else list(judged.decision.asks),
            "curve": [] if worth is None else [list(point) for point in worth.curve],
            "speed": speed,
            "assumed": {
                "price": value.price,
                "volume": value.volume,
                "machine_hour": hour,
                "hour_from": typical,
                "training": training,
                "training_given": value.training is not None,
                "person": person,
            },
            "economics": told.to_json(),
            "people": None if person is None or not ways else _people(model, ways["product"]["asked"]),
        }

    @classmethod
    def schema(cls) -> dict[str, Any]:
        number, maybe = {"type": "number"}, {"type": ["number", "null"]}
        whole, text = {"type": "integer", "minimum": 0}, {"type": "string"}
        gap = described(value=number, low=number, high=number)
        way = described(earned=number, errors=number, people=number, asked=number, value=gap)
        gaps = {"type": "object", "additionalProperties": gap}
        known = (
            *(
                "computing_per_1000",
                "gain_per_1000",
                "highest_price",
                "machines_per_month",
                "cost_per_1000",
                "revenue_per_month",
            ),
            *("profit_per_month", "margin", "gain_per_month", "break_even_volume", "payback_months"),
        )
        return described(
            currency=text,
            rows=whole,
            ways={"type": "object", "additionalProperties": way},
            against=gaps,
            against_plain=gaps,
            decides={"type": "boolean"},
            threshold=maybe,
            asks={"type": ["array", "null"], "items": number},
            curve={"type": "array", "items": {"type": "array", "items": number}},
            speed=described(seconds=number, seconds_in_batch=number, answers=whole, cores=whole),
            assumed=described(
                price=number,
                volume=maybe,
                machine_hour=maybe,
                hour_from={"type": ["string", "null"]},
                training=number,
                training_given={"type": "boolean"},
                person={"anyOf": [{"type": "null"}, described(costs=number, right=number, minutes=maybe)]},
            ),
            economics=described(
                per_1000={"type": "object", "additionalProperties": number},
                instead={"type": ["string", "null"]},
                machines={"type": ["integer", "null"]},
                **dict.fromkeys(known, maybe),
            ),
            people={
                "anyOf": [
                    {"type": "null"},
                    described(share=number, hours_before=maybe, hours_after=maybe, to_check=whole),
                ]
            },
        )

    @classmethod
    def figures(cls, found: Mapping[str, Any]) -> dict[str, float | None]:
        told = found["economics"]
        return {
            "value per 1000": told["per_1000"].get("product"),
            "gain per 1000": told["gain_per_1000"],
            "cost per 1000": told["cost_per_1000"],
            "gross margin": told["margin"],
            "payback months": told["payback_months"],
        }

    @classmethod
    def body(cls, found: Mapping[str, Any], report: Report) -> str:  # noqa: ARG003
        return body(found)

    @classmethod
    def verdict(cls, found: Mapping[str, Any]) -> list[Text]:
        return verdict(found)[:1] if found["ways"] else []

    @classmethod
    def script(cls) -> str:
        return (resources.files("sixfold.evaluation") / "report" / "economics.js").read_text(encoding="utf-8")

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return [
            (
                Text("Value per 1,000", "每千例价值"),
                Text(
                    "What right answers to 1,000 cases earn, less what wrong ones cost and what people are paid.",
                    "1,000 个案例答对所得，减去答错的代价和人工费用。",
                ),
            )
        ]


def _measured(worth: Worth | None, seed: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Of each way its parts per case and its value per 1,000 with a 95 % interval; and by how much the product, and its
    answers with nobody asked, are worth more than the other ways, paired."""
    if worth is None:
        return {}, {}, {}
    valued = Valued.of({name: account.value * _PER for name, account in worth.ways.items()}, seed)
    ways = {name: {**account.means(), "value": valued.of_way(name)} for name, account in worth.ways.items()}
    against = {name: valued.gap("product", name) for name in worth.ways if name != "product"}
    return ways, against, {"alone": valued.gap("alone", "plain")} if {"alone", "plain"} <= set(worth.ways) else {}


def _people(model: Finished, share: float) -> dict[str, Any]:
    value = model.product.evaluate.value
    hours = None
    if value.volume is not None and value.person.minutes is not None:
        hours = value.volume * value.person.minutes / 60
    most = _TO_CHECK if value.volume is None else min(_TO_CHECK, math.ceil(value.volume))
    return {
        "share": share,
        "hours_before": hours,
        "hours_after": None if hours is None else hours * share,
        "to_check": most,
    }


def _speed(model: Finished) -> dict[str, Any]:
    """Seconds for one answer, one row after the other and many at once: encoded, run and decoded as in a service."""
    given, task, decision, graph = model.prepared.given, model.task, model.judged.decision, model.graph
    if model.judged.samples is not None:
        settings = task.Settings(**task.sample_settings)

        def answer(_: int) -> None:
            task.answers(graph.said(1, settings), decision)

        seconds, answers = _timed(answer)
        return {"seconds": seconds, "seconds_in_batch": seconds, "answers": answers, "cores": cores_here()}
    numbers = model.judged.test.numbers[:_MOST_ROWS]
    collected = model.collected(numbers)
    rows = [json_row(given, collected[int(number)]) for number in numbers]

    def answered(part: list[dict[str, Any]]) -> None:
        arrays = {name: field.encode([row[name] for row in part]) for name, field in given.items()}
        task.answers(graph.outputs(arrays, len(part)), decision)

    seconds, answers = _timed(lambda number: answered([rows[number % len(rows)]]))
    together = math.inf
    for _ in range(_FEWEST):
        begun = time.perf_counter()
        answered(rows)
        together = min(together, (time.perf_counter() - begun) / len(rows))
        if together * len(rows) > _MOST_SECONDS:
            break  # what takes so long is measured well enough by once
    return {
        "seconds": seconds,
        "seconds_in_batch": min(seconds, together),
        "answers": answers + len(rows),
        "cores": cores_here(),
    }


def _timed(answer: Callable[[int], None]) -> tuple[float, int]:
    """The median time of a call, after one that warms up; and how many there were."""
    answer(0)
    taken: list[float] = []
    while len(taken) < _FEWEST or (sum(taken) < _MOST_SECONDS and len(taken) < _MOST_ANSWERS):
        begun = time.perf_counter()
        answer(len(taken) + 1)
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken)), len(taken)
