"""Go, go with conditions, or not yet: named rules over a quote. A new reason is one decorated function here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from sixfold.evaluation import baseline_title, both, count, duration, formula, interval, shown
from sixfold.language import Text
from sixfold.quoting._quote import Quote, Reason, Verdict

__all__ = ["judged"]

_MOST_OF_MEMORY, _TIGHT_MEMORY = 1.0, 0.8
_DISK_TIMES = 2.0
"""Of what stays on disk: checkpoints, and files in the making beside those they replace."""

_SURE = 0.8
"""The chance that the interval must hold the figure with, to be gone by without a condition."""

_WORTH = 2.0
"""Points that make it worth to collect twice the rows, or to take another network."""

_POINT = 0.01
_MORE = Text(
    " Give it columns that tell more, mend the labels, or try another network first.",
    "请先补充更有用的列、改正标注，或换一种网络。",
)


Rule: TypeAlias = Callable[[Quote], "tuple[Verdict, dict[str, Any]] | None"]
_RULES: dict[str, Rule] = {}
_ORDER: tuple[Verdict, ...] = ("not_yet", "conditions", "go")


def _rule(of: Rule) -> Rule:
    _RULES[of.__name__] = of
    return of


def judged(quote: Quote) -> Quote:
    """The quote with its verdict: as good as its worst reason."""
    reasons = sorted(_found(quote), key=lambda reason: _ORDER.index(reason.speaks_for))
    verdict: Verdict = reasons[0].speaks_for if reasons else "go"
    return quote.model_copy(update={"reasons": tuple(reasons), "verdict": verdict})


def _found(quote: Quote) -> Iterator[Reason]:
    for name, rule in _RULES.items():
        told = rule(quote)
        if told is not None:
            verdict, values = told
            says = both(f"quote.reasons.{name}", **values)
            yield Reason(key=name, speaks_for=verdict, en=says("en"), zh=says("zh"))


@_rule
def memory_lacks(quote: Quote) -> tuple[Verdict, dict[str, Any]] | None:
    """Its peak does not fit into memory, or hardly."""
    share = quote.peak_bytes / quote.machine.memory_bytes
    if share <= _TIGHT_MEMORY:
        return None
    values = {"peak": _gib(quote.peak_bytes), "memory": _gib(quote.machine.memory_bytes)}
    return ("not_yet" if share > _MOST_OF_MEMORY else "conditions"), values


@_rule
def disk_lacks(quote: Quote) -> tuple[Verdict, dict[str, Any]] | None:
    """What it leaves does not fit on the disk."""
    needed = round(_DISK_TIMES * sum(stage.disk_bytes for stage in quote.stages if not stage.is_made))
    free = quote.machine.disk_free_bytes
    return None if needed <= free else ("not_yet", {"needed": _gib(needed), "free": _gib(free)})


@_rule
def beats_guess(quote: Quote) -> tuple[Verdict, dict[str, Any]] | None:
    """It is better than the best guess without a model: surely, perhaps, or not."""
    if quote.quality is None or quote.quality.yardstick is None:
        return None
    found, (name, value) = quote.quality, quote.quality.yardstick
    worst, best = found.expected.low, found.expected.high
    if not found.higher_is_better:
        worst, best, value = -best, -worst, -value
    values = {"name": baseline_title(name), "value": _shown(quote, abs(value)), "ends": _ends(quote)}
    if best <= value:
        return "not_yet", {**values, "sure": Text("is no better than", "不会好于"), "mend": _MORE}
    if worst <= value:
        return "conditions", {**values, "sure": Text("may be no better than", "可能并不好于"), "mend": _MORE}
    return "go", {**values, "sure": Text("is better than", "好于"), "mend": Text("", "")}


@_rule
def unsure(quote: Quote) -> tuple[Verdict, dict[str, Any]] | None:
    """The interval is not sure to hold what comes."""
    if quote.quality is None:
        return "conditions", {"chance": "–", "ends": Text("–", "–")}
    chance = quote.quality.expected.chance
    return None if chance >= _SURE else ("conditions", {"chance": f"{chance:.0%}", "ends": _ends(quote)})


@_rule
def few_test_rows(quote: Quote) -> tuple[Verdict, dict[str, Any]] | None:
    """So few rows test it that its figure will say little."""
    rows = quote.rows["test"]
    return None if rows >= 100 else ("conditions", {"rows": count(rows)})  # noqa: PLR2004 — half an interval of ±10 points


@_rule
def more_rows(quote: Quote) -> tuple[Verdict, dict[str, Any]] | None:
    """Twice the rows would buy much, and more than another network."""
    if quote.quality is None:
        return None
    found = quote.quality
    points = found.twice.value / _worth(quote)
    other = 0.0 if found.bigger is None else found.bigger.value / _worth(quote)
    if points < _WORTH or points < other:
        return None
    return "conditions", {"points": f"{points:.1f}", "rows": count(2 * quote.rows["train"])}


@_rule
def other_network(quote: Quote) -> tuple[Verdict, dict[str, Any]] | None:
    """Another network is surely better on as many rows."""
    found = None if quote.quality is None else quote.quality.bigger
    if found is None or found.low <= 0 or found.value / _worth(quote) < _WORTH:
        return None
    return "conditions", {"points": f"{found.value / _worth(quote):.1f}", "what": _what(found.what)}


@_rule
def unmeasured(quote: Quote) -> tuple[Verdict, dict[str, Any]] | None:
    """Some of the plan could not be measured in the time of a quote."""
    if not quote.unmeasured:
        return None
    return "conditions", {"names": ", ".join(quote.unmeasured), "seconds": round(quote.most_seconds)}


@_rule
def time_known(quote: Quote) -> tuple[Verdict, dict[str, Any]] | None:
    """How long it takes."""
    return "go", {"time": duration(quote.total_seconds), "peak": _gib(quote.peak_bytes)}


def _what(what: str) -> Text:
    kind, _, name = what.partition(" ")
    return both(f"quote.bought.{kind}", network=name)


def _worth(quote: Quote) -> float:
    """What a point is, in the figure's own units."""
    assert quote.quality is not None
    if formula(quote.quality.figure).style == "share":
        return _POINT
    beside = quote.quality.expected.value if quote.quality.yardstick is None else quote.quality.yardstick[1]
    return max(1e-12, _POINT * abs(beside))


def _shown(quote: Quote, value: float) -> Text:
    assert quote.quality is not None
    return shown(value, formula(quote.quality.figure).style)


def _ends(quote: Quote) -> Text:
    assert quote.quality is not None
    found = quote.quality
    return interval(found.expected.low, found.expected.high, formula(found.figure).style)


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
