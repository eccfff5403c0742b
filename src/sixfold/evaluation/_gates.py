"""Gates: named rules that must hold before the next stage. A new gate is one decorated function here.

A gate only says what it found; to refuse, and to let a person override it, is the pipeline's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

from sixfold.errors import ProductError
from sixfold.evaluation._appraisal import baseline_title
from sixfold.evaluation._figures import formula
from sixfold.evaluation._words import both, change, change_interval, count, shown
from sixfold.language import Text
from sixfold.product import Product

__all__ = ["MOST_SHARED", "Verdict", "better_baseline", "check_gates", "gate_names", "gate_title", "judge"]

State: TypeAlias = Literal["passed", "warning", "failed", "off"]
Report: TypeAlias = Mapping[str, Any]

MOST_SHARED = 0.01
"""Share of an official test split that may also be among the other rows before the figures are asked."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate found.

    Args:
        name: The gate.
        state: ``passed``, ``warning`` (passed, but somebody should look), ``failed``, or ``off`` (turned off in
            product.yaml; then ``says`` is what it would have said).
        says: The reason in one or two sentences.
        by: By how much it holds (above 0) or not, in the gate's own measure; ``None`` where there is no measure.
        mend: What to do if it does not hold.
    """

    name: str
    state: State
    says: Text
    by: float | None
    mend: Text

    @property
    def passed(self) -> bool:
        """Whether the next stage may begin, as far as this gate is concerned."""
        return self.state != "failed"

    def to_json(self) -> dict[str, Any]:
        """The verdict as plain JSON."""
        return {**asdict(self), "passed": self.passed}


Rule: TypeAlias = Callable[[Product, Report], Verdict]

_RULES: dict[str, Rule] = {}


def gate(name: str) -> Callable[[Rule], Rule]:
    """Make a function of (product, report) the gate called ``name``; see :func:`judge` for the report."""

    def keep(rule: Rule) -> Rule:
        _RULES[name] = rule
        return rule

    return keep


def gate_names() -> tuple[str, ...]:
    """The names of all gates."""
    return tuple(_RULES)


def gate_title(name: str) -> Text:
    """What people call a gate: its name, in Chinese too where the locale file has it."""
    try:
        return both(f"report.gates.names.{name.replace(' ', '_')}")
    except KeyError:
        return Text(name, name)


def check_gates(product: Product) -> None:
    """Hold that product.yaml names only gates that exist.

    Raises:
        ProductError: It does not.
    """
    for name in product.evaluate.gates:
        if name not in _RULES:
            place = product.place(f"evaluate.gates.{name}")
            raise ProductError("unknown_gate", place=place, name=name, known=", ".join(_RULES))


def judge(product: Product, report: Report) -> list[Verdict]:
    """What each gate says of a report (the content of report.json).

    Raises:
        ProductError: product.yaml names a gate that does not exist.
    """
    check_gates(product)
    verdicts = [rule(product, report) for rule in _RULES.values()]
    return [
        verdict if product.evaluate.gates.get(verdict.name, True) else replace(verdict, state="off")
        for verdict in verdicts
    ]


@gate("beats baseline")
def beats_baseline(_: Product, report: Report) -> Verdict:
    """The headline figure is better than the better baseline's, beyond the paired 95 % interval of the difference."""
    headline = report["figures"][0]
    how = formula(headline["name"])
    best = better_baseline(headline)
    mend = Text(
        "Look at the worst examples and the data report first: mislabelled rows and missing columns are the usual "
        "cause. Then give it more rows, more epochs or another network.",
        "先看「错得最离谱的例子」和数据报告：标错的行、缺少的列是最常见的原因；再考虑增加数据、训练轮次或换一种网络。",
    )
    if best is None or headline["value"] is None or headline["against"][best]["difference"]["low"] is None:
        says = Text(
            f"{how.title('en')} cannot be compared with a baseline on these test rows.",
            f"在这些测试行上无法与基线比较{how.title('zh')}。",
        )
        return Verdict("beats baseline", "failed", says, None, mend)
    theirs, gap, whose = headline["against"][best], headline["against"][best]["difference"], baseline_title(best)
    beside = headline["value"]
    by = change(gap["value"], how.style, beside)
    ends = change_interval(gap["low"], gap["high"], how.style, beside)
    says = Text(
        f"{how.title('en')} is {shown(headline['value'], how.style)('en')}; the better baseline "
        f"(“{whose('en')}”) reaches {shown(theirs['value'], how.style)('en')}. "
        f"The difference is {by('en')}, 95 % interval {ends('en')}.",
        f"{how.title('zh')}为 {shown(headline['value'], how.style)('zh')}；较好的基线（「{whose('zh')}」）为 "
        f"{shown(theirs['value'], how.style)('zh')}。相差 {by('zh')}，95% 区间为 {ends('zh')}。",
    )
    return Verdict("beats baseline", "passed" if gap["low"] > 0 else "failed", says, gap["value"], mend)


@gate("no leakage")
def no_leakage(_: Product, report: Report) -> Verdict:
    """No row of the test is also among the rows that the model learned from.

    In a split that we made, one such row fails. An official split is not ours to change: it fails only if more than 1 %
    of its test rows are shared *and* the headline figure is better on all test rows than on the leak-free ones beyond
    the paired 95 % interval of that difference; below that it is a warning.
    """
    leaks, tested = report["leaks"], report["rows"]["test"]
    shared = sum(leaks["shared_rows"].values())
    ours = sum(rows for pair, rows in leaks["shared_rows"].items() if pair.split("/")[1] not in leaks["official"])
    mend = Text(
        "Remove the repeated rows, or let rows that belong together (same patient, same customer) stay on one side "
        "with `prepare: {split: {group: COLUMN}}`.",
        "请去掉重复的行；或用 `prepare: {split: {group: 列名}}` 让同属一处的行（同一患者、同一客户）留在同一侧。",
    )
    if shared == 0:
        says = Text("No row stands in two splits.", "没有任何一行同时出现在两份数据里。")
        return Verdict("no leakage", "passed", says, 0.0, mend)
    if ours:
        says = Text(
            f"{count(ours)} rows stand in two splits, so what was held out is not wholly unseen.",
            f"有 {count(ours)} 行同时出现在两份数据里，留出的数据并非全部没见过。",
        )
        return Verdict("no leakage", "failed", says, float(ours), mend)
    leaked = leaks["leaked_test_rows"]
    share = leaked / tested if tested else 0.0
    how, free = formula(report["figures"][0]["name"]), leaks["leak_free"]
    says = Text(
        f"The official split shares rows: {count(leaked)} of {count(tested)} test rows ({share * 100:.2f} %) are also "
        "among the other rows.",
        f"官方划分中有重复：{count(tested)} 个测试行里有 {count(leaked)} 行（{share * 100:.2f}%）也出现在其他数据里。",
    )
    flatters = False
    if free is not None and free["value"] is not None and free["difference"]["low"] is not None:
        flatters = free["difference"]["low"] > 0
        by = change(free["difference"]["value"], how.style, free["value"])
        ends = change_interval(free["difference"]["low"], free["difference"]["high"], how.style, free["value"])
        says = Text(
            f"{says.en} Without them, {_inside(how.title('en'))} is "
            f"{shown(free['value'], how.style)('en')}; the difference is {by('en')} (95 % interval {ends('en')}).",
            f"{says.zh}去掉之后，{how.title('zh')}为 {shown(free['value'], how.style)('zh')}；"
            f"重复行使指标变化了 {by('zh')}（95% 区间 {ends('zh')}）。",
        )
    nothing_left = free is None or free["value"] is None
    fails = share > MOST_SHARED and (flatters or nothing_left)
    return Verdict("no leakage", "failed" if fails else "warning", says, share, mend)


def better_baseline(figure: Mapping[str, Any]) -> str | None:
    """Of the yardsticks of a figure of the report, the one that does better; ``None`` where none has a value."""
    towards = 1 if figure["higher_is_better"] else -1
    known = {name: them["value"] for name, them in figure["against"].items() if them["value"] is not None}
    return max(known, key=lambda name: towards * known[name]) if known else None


def _inside(title: str) -> str:
    """The title of a figure as it stands inside a sentence: with a small letter, unless it is an abbreviation."""
    return title if title[1:2].isupper() or title[1:2] in "²1" else title[:1].lower() + title[1:]
