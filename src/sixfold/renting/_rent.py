"""The same held-out rows for our model, for a rented one, and by the given cost for people: paired, in money."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np

from sixfold.errors import InputError
from sixfold.evaluation import (
    Account,
    ClassWorth,
    Valued,
    appraisal_of,
    asked,
    collected_rows,
    economics,
    json_row,
    number_account,
    number_accounts,
)
from sixfold.fields import Array
from sixfold.hashing import digest_of_value
from sixfold.pipeline import Run, Sixfold
from sixfold.product import Value
from sixfold.progress import Listener, Step
from sixfold.renting._client import Endpoint, Reply
from sixfold.renting._prompt import Question
from sixfold.store import ROW, Prepared, Workspace
from sixfold.tasks import Decision, Task, task_of

__all__ = ["Rented", "Terms", "rent", "rented"]

Verdict: TypeAlias = Literal["train", "rent", "combine", "stop"]

_FEWEST = 30
"""Rows below which nothing is said."""

_MOST_TOKENS = 64
"""Of an answer: a class or a number, in JSON."""

_SAVED_EVERY = 10
_MONTHS = 12
"""Over which what making the model cost is spread."""

_PER = 1000.0
_MILLION = 1e6
_PATTERNS = ("classes", "numbers")
_WITHOUT = ("no_model", "always_yes", "people")


@dataclass(frozen=True, slots=True)
class Terms:
    """What may be spent, and how the rented model is asked.

    Args:
        rows: Test rows that are asked about, drawn at random.
        examples: Training rows that are shown in every question, one of each class first.
        most_requests: At most so many requests, failed ones included.
        most_money: At most so much money, in the product's currency; ``None``: no bound but that of requests.
        price_in: Per million tokens sent.
        price_out: Per million tokens that come back.
    """

    rows: int = 200
    examples: int = 8
    most_requests: int = 500
    most_money: float | None = None
    price_in: float = 0.0
    price_out: float = 0.0

    def cost(self, tokens_in: float, tokens_out: float) -> float:
        """What so many tokens cost."""
        return (tokens_in * self.price_in + tokens_out * self.price_out) / _MILLION


@dataclass(frozen=True, slots=True)
class Rented:
    """What came out; amounts in the product's currency.

    Args:
        product: Its name.
        url: Where the rented model was asked.
        model: What it is called.
        currency: ISO 4217.
        rows: How many test rows both answered.
        wanted: How many were to be asked about; more than ``rows`` where a limit ended it.
        unanswered: Of how many the rented answer could not be read; they count as wrong.
        per_1000: What each way is worth per 1,000 cases after all running costs, with its 95 % interval: ``product``,
            ``rented``, ``combined`` (the rented model where ours would ask a person), ``people``, ``no_model``,
            ``always_yes``.
        against: By how much ours is worth more than each other way, paired.
        running: What 1,000 answers cost of ours (machines, and making it, spread over a year) and of the rented one.
        tokens: Sent and received in all, those of answers that were kept included.
        requests: How many were made now.
        spent: What they cost, now.
        seconds: The median time of a rented answer.
        verdict: ``train``, ``rent``, ``combine`` or ``stop``.
        is_sure: Whether the paired intervals bear the verdict out; else more rows would tell.
    """

    product: str
    url: str
    model: str
    currency: str
    rows: int
    wanted: int
    unanswered: int
    per_1000: dict[str, dict[str, float]]
    against: dict[str, dict[str, float]]
    running: dict[str, float]
    tokens: list[int]
    requests: int
    spent: float
    seconds: float
    verdict: Verdict
    is_sure: bool

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON."""
        return asdict(self)


@dataclass
class _Case:
    """What is compared, and on which rows."""

    run: Run
    task: Task
    value: Value
    work: Workspace
    prepared: Prepared
    kept: Mapping[str, Array]
    places: Array
    rows: list[dict[str, Any]]


def rent(house: Sixfold, name: str, endpoint: Endpoint, terms: Terms = Terms()) -> Rented:
    """Hold a product against a rented model on the same held-out rows.

    What was answered is kept, encrypted: asked again, nothing is paid twice, and what a limit or a failure ended goes
    on where it stood.

    Args:
        house: Where the product was run.
        name: The product; it has been evaluated, and says what answers are worth.
        endpoint: Where the rented model is.
        terms: What may be spent.

    Raises:
        InputError: There is nothing to compare: not evaluated, no worth said, a kind of answer that cannot be read, or
            the limits allow too few rows.
        RunError: The rented model cannot be reached, refuses, or speaks another form.
    """
    case = _opened(house, name, terms)
    question = _question(case, terms)
    replies, requests, spent = _answers(case, question, endpoint, terms, house.listener)
    if len(replies) < min(_FEWEST, len(case.rows)):
        raise InputError("rent_too_few", rows=len(replies), fewest=min(_FEWEST, len(case.rows)))
    result = _compared(case, question, endpoint, terms, replies)
    result = replace(result, requests=requests, spent=spent)
    _remember(case, result=result.to_json())
    return result


def rented(house: Sixfold, name: str) -> dict[str, Any] | None:
    """What the last comparison of a product said; ``None`` where there was none."""
    kept = house.store.slot(_slot(name))
    return None if kept is None else json.loads(kept[1])["result"]


def _slot(name: str) -> str:
    return f"rent-{name}"


def _opened(house: Sixfold, name: str, terms: Terms) -> _Case:
    from safetensors.numpy import load

    run = house.evaluated(name)
    product, pattern = run.product, task_of(run.product).pattern
    if pattern not in _PATTERNS:
        raise InputError("rent_pattern", name=name, kind=product.target.kind)
    if not product.evaluate.value.is_of_answers:
        raise InputError("rent_no_value", name=name)
    work = Workspace(house.store, "rent", _slot(name))
    prepared = Prepared.open(run.artefacts["prepare"], work)
    kept = load(work.read(run.artefacts["evaluate"], "predictions.safetensors"))
    places = np.random.default_rng(work.seed).permutation(len(kept["row"]))[: terms.rows]
    numbers = [int(number) for number in kept["row"][places]]
    found = collected_rows(run.artefacts["collect"], numbers, work)
    rows = [json_row(prepared.given, found[number]) for number in numbers]
    task = task_of(product)(product, prepared.target, prepared.outcome)
    return _Case(run, task, product.evaluate.value, work, prepared, kept, places, rows)


def _question(case: _Case, terms: Terms) -> Question:
    """With examples from the training rows: one of each class, in turn, drawn at random."""
    numbers, truths = [], []
    appraisal = appraisal_of(case.task.pattern)(case.task)
    for arrays in case.prepared.arrays("train", case.work):
        numbers.append(arrays[ROW])
        truths.append(appraisal.truth(case.task.taken(arrays)))
        if sum(map(len, numbers)) >= 100 * max(1, terms.examples):
            break
    number, truth = np.concatenate(numbers), np.concatenate(truths)
    order = np.random.default_rng(case.work.seed).permutation(np.flatnonzero(appraisal.is_known(truth)))
    if case.task.pattern == "classes":
        # The first of each class, then the second of each …
        turn = {int(place): np.count_nonzero(truth[order[:at]] == truth[place]) for at, place in enumerate(order)}
        order = np.array(sorted(order, key=lambda place: turn[int(place)]), dtype=int)
    chosen = [int(entry) for entry in number[order[: terms.examples]]]
    found = collected_rows(case.run.artefacts["collect"], chosen, case.work)
    target = case.prepared.target
    examples = []
    for entry in chosen:
        right = target.parse(found[entry].get(target.name))
        examples.append((json_row(case.prepared.given, found[entry]), right))
    return Question(case.run.product, case.prepared.given, _classes(case.task), examples)


def _classes(task: Task) -> list[str]:
    return list(task.target.state["classes"]) if task.pattern == "classes" else []


def _answers(
    case: _Case, question: Question, endpoint: Endpoint, terms: Terms, listener: Listener
) -> tuple[list[dict[str, Any]], int, float]:
    """What the rented model says of the rows, one by one until a limit ends it; requests and money spent now."""
    known: dict[str, dict[str, Any]] = _remembered(case)["answers"]
    replies: list[dict[str, Any]] = []
    purse, unsaved = _Purse(terms), 0
    try:
        for place, row in enumerate(case.rows):
            messages = question.messages(row)
            key = digest_of_value([endpoint.address, endpoint.model, messages])
            if key not in known:
                # Bytes are more than tokens: what a request can cost at most is known before it is made.
                most = terms.cost(len(json.dumps(messages, ensure_ascii=False).encode()), _MOST_TOKENS)
                if not purse.may_ask(most):
                    break
                reply = endpoint.ask(messages, most_tokens=_MOST_TOKENS, may_ask=partial(purse.may_ask, most))
                purse.pay(reply)
                known[key] = {
                    "text": reply.text,
                    "tokens": [reply.tokens_in, reply.tokens_out],
                    "seconds": reply.seconds,
                }
                unsaved += 1
                if unsaved == _SAVED_EVERY:
                    _remember(case, answers=known)
                    unsaved = 0
            replies.append(known[key])
            listener(Step("rent", place + 1, len(case.rows), "rows"))
    finally:
        if unsaved:
            _remember(case, answers=known)
    return replies, purse.requests, purse.spent


@dataclass
class _Purse:
    """What was spent, against what may be; a request that may still be charged counts with all that it can cost."""

    terms: Terms
    requests: int = 0
    spent: float = 0.0
    open: float = 0.0

    def may_ask(self, most: float) -> bool:
        """Whether one more request that costs at most so much is within the limits; if so, it is counted."""
        terms = self.terms
        if self.requests >= terms.most_requests:
            return False
        if terms.most_money is not None and self.spent + self.open + most > terms.most_money:
            return False
        self.requests += 1
        self.open += most
        return True

    def pay(self, reply: Reply) -> None:
        """What was open is known: the last request is charged by its tokens, those that failed are not."""
        self.spent += self.terms.cost(reply.tokens_in, reply.tokens_out)
        self.open = 0.0


def _remembered(case: _Case) -> dict[str, Any]:
    kept = case.work.checkpoint()
    return {"answers": {}, "result": None} if kept is None else dict(json.loads(kept[1]))


def _remember(case: _Case, **parts: Any) -> None:
    record = {**_remembered(case), **parts}
    case.work.save_checkpoint({}, json.dumps(record, ensure_ascii=False).encode())


def _compared(
    case: _Case, question: Question, endpoint: Endpoint, terms: Terms, replies: Sequence[Mapping[str, Any]]
) -> Rented:
    rows = len(replies)
    kept = {name: array[case.places[:rows]] for name, array in case.kept.items()}
    texts = [str(reply["text"]) for reply in replies]
    ways, unanswered = (
        _class_ways(case, question, kept, texts) if _classes(case.task) else _number_ways(case, kept, texts)
    )
    told = case.work.read_json(case.run.artefacts["evaluate"], "report.json")["chapters"]["economics"]
    ours = _running(told)
    theirs = np.array([terms.cost(*reply["tokens"]) for reply in replies])
    values = {name: account.value for name, account in ways.items()}
    values["product"] = values["product"] - ours
    values["rented"] = values["rented"] - theirs
    if "combined" in values:
        values["combined"] = values["combined"] - ours - theirs * ways["product"].asked
    valued = Valued.of({name: value * _PER for name, value in values.items()}, case.work.seed)
    verdict, is_sure = _verdict(valued)
    return Rented(
        product=case.run.product.name,
        url=endpoint.address,
        model=endpoint.model,
        currency=case.run.product.currency,
        rows=rows,
        wanted=len(case.rows),
        unanswered=unanswered,
        per_1000={name: valued.of_way(name) for name in values},
        against={name: valued.gap("product", name) for name in values if name != "product"},
        running={"product": ours * _PER, "rented": float(theirs.mean()) * _PER},
        tokens=[sum(reply["tokens"][place] for reply in replies) for place in (0, 1)],
        requests=0,
        spent=0.0,
        seconds=float(np.median([reply["seconds"] for reply in replies])),
        verdict=verdict,
        is_sure=is_sure,
    )


def _running(told: Mapping[str, Any]) -> float:
    """What one of our answers costs: machines that stand ready for the volume, and making the model, over a year."""
    assumed = told["assumed"]
    found = economics(
        {},
        seconds=told["speed"]["seconds"],
        machine_hour=assumed["machine_hour"],
        volume=assumed["volume"],
        training=assumed["training"],
    )
    if assumed["volume"] is None or found.machines_per_month is None:
        return (found.computing_per_1000 or 0.0) / _PER
    return float(found.machines_per_month + assumed["training"] / _MONTHS) / float(assumed["volume"])


def _class_ways(
    case: _Case, question: Question, kept: Mapping[str, Array], texts: Sequence[str]
) -> tuple[dict[str, Account], int]:
    worth = ClassWorth.of(case.task)
    assert worth is not None
    decision = Decision(**case.work.read_json(case.run.artefacts["evaluate"], "decision.json"))
    y, chances, told = kept["y"], kept["probabilities"].astype(np.float64), kept["decided"]
    asking = asked(chances, case.task, decision)
    read = [question.class_of(text) for text in texts]
    said = np.array([-1 if place is None else place for place in read])
    ways = worth.accounts(y, chances, told, asking, _training(case))
    ways = {name: way for name, way in ways.items() if name not in ("alone", "plain")}
    ways["rented"] = worth.account_of_any(y, said)
    if asking.any():
        ways["combined"] = worth.account_of_any(y, np.where(asking, said, told))
    return ways, int((said < 0).sum())


def _number_ways(case: _Case, kept: Mapping[str, Array], texts: Sequence[str]) -> tuple[dict[str, Account], int]:
    y, said = kept["y"], kept["said"]
    read = np.array([math.nan if (number := Question.number_of(text)) is None else number for text in texts])
    # What cannot be read is as far off as the worst answer of either.
    off = np.abs(read - y)
    worst = max(float(np.nanmax(off, initial=0.0)), float(np.abs(said - y).max(initial=0.0)))
    off = np.where(np.isnan(off), worst, off)
    median = float(np.median(_training(case)))
    ways = number_accounts(case.value, np.abs(said - y), np.abs(median - y))
    ways["rented"] = number_account(case.value, off)
    return ways, int(np.isnan(read).sum())


def _training(case: _Case) -> Array:
    """The truth of every training row: classes, or numbers in their own units."""
    appraisal = appraisal_of(case.task.pattern)(case.task)
    truth = np.concatenate(
        [appraisal.truth(case.task.taken(arrays)) for arrays in case.prepared.arrays("train", case.work)]
    )
    truth = truth[appraisal.is_known(truth)]
    return truth if case.task.pattern == "classes" else case.task.values(truth)  # type: ignore[attr-defined]  # numbers have them


def _verdict(valued: Valued) -> tuple[Verdict, bool]:
    """The way that is worth most; ``stop`` where the best without either is worth as much."""
    names: dict[str, Verdict] = {"product": "train", "rented": "rent", "combined": "combine"}
    here = {name: valued.of_way(name)["value"] for name in names if name in valued.names}
    best = max(here, key=lambda name: here[name])
    without = {name: valued.of_way(name)["value"] for name in _WITHOUT if name in valued.names}
    instead = max(without, key=lambda name: without[name])
    gain = valued.gap(best, instead)
    if gain["value"] <= 0:
        return "stop", gain["high"] < 0
    beaten = [valued.gap(best, other)["low"] > 0 for other in (*(name for name in here if name != best), instead)]
    return names[best], all(beaten)
