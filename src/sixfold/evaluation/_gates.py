"""Gates: what must hold before the next stage.

Rules are decorated functions here, and on unless product.yaml turns them off. Beside them product.yaml may ask any
figure to be within a bound (one of the task, or one that the pattern or a chapter names), and any check of the data to
find nothing. A gate only says what it found; to refuse, and to let a person override it, is the pipeline's.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

from sixfold.errors import Place, ProductError
from sixfold.evaluation._appraisal import appraisal_of, appraisals, baseline_title
from sixfold.evaluation._chapter import every_chapter
from sixfold.evaluation._figures import formula, formulas
from sixfold.evaluation._formula import Asked, Style
from sixfold.evaluation._words import both, change, change_interval, count, joined, money, shown
from sixfold.language import Text
from sixfold.product import Bound, Product
from sixfold.tasks import task_of

__all__ = [
    "MOST_SHARED",
    "Verdict",
    "askable",
    "asked_for",
    "better_baseline",
    "check_gates",
    "gate_names",
    "gate_title",
    "judge",
]

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
    """The names of the gates that are on unless product.yaml turns them off."""
    return tuple(_RULES)


def gate_title(name: str) -> Text:
    """What people call a gate: its name, in Chinese too where it is known."""
    try:
        return both(f"report.gates.names.{name.replace(' ', '_')}")
    except KeyError:
        titles = {_plain(how.name): how.title for how in formulas()}
        titles |= {asked: about.title for asked, about in asked_for().items()}
        return titles.get(_plain(name), Text(name, name))


def asked_for() -> dict[str, Asked]:
    """The figures beside those of tasks that gates can bound: what patterns and chapters name."""
    found: dict[str, Asked] = {}
    for pattern in appraisals():
        found |= pattern.asked_for
    for chapter in every_chapter():
        found |= chapter.asked_for
    return found


def askable(product: Product) -> dict[str, list[str]]:
    """The figures that gates may bound, by where they come from: ``task``, ``pattern``, ``chapters``."""
    task = task_of(product)
    return {
        "task": [_plain(figure.name) for figure in task.figures],
        "pattern": list(appraisal_of(task.pattern).asked_for),
        "chapters": [name for kind in every_chapter() for name in kind.asked_for],
    }


def check_gates(product: Product, checks: Iterable[str] = (), overridden: Iterable[str] = ()) -> None:
    """Hold that product.yaml and the command line name only gates that there are, and ask each what it can answer.

    Args:
        product: The declaration.
        checks: The names of the checks of the data, that may be asked to find nothing.
        overridden: Gates that a person wants passed.

    Raises:
        ProductError: They do not.
    """
    bounded = [name for names in askable(product).values() for name in names]
    known = [*_RULES, *bounded, *checks]
    for name, asked in product.evaluate.gates.items():
        place, plain = product.place(f"evaluate.gates.{name}"), _plain(name)
        if plain not in known:
            raise _unknown(name, place, known)
        if asked is False:
            continue
        wanted = "true" if plain in _RULES else "none" if plain in checks else ">= 0.9"
        given = "true" if asked is True else "none" if asked == "none" else ">= 0.9"
        if wanted != given:
            said = str(asked).lower() if isinstance(asked, bool) else asked
            raise ProductError("gate_asks_otherwise", place=place, name=name, said=said, wanted=wanted)
        if plain in checks and product.prepare.checks.get(plain) == "off":
            raise ProductError("gate_of_check_off", place=place, name=name)
    standing = [*_RULES, *product.evaluate.gates]
    for name in overridden:
        if name not in standing:
            raise _unknown(name, Place(key="--override"), standing)


def judge(product: Product, report: Report) -> list[Verdict]:
    """What each gate says of a report (the content of report.json): the rules, then what product.yaml asks."""
    gates = product.evaluate.gates
    off = {_plain(name) for name, asked in gates.items() if asked is False}
    rules = [rule(product, report) for rule in _RULES.values()]
    verdicts = [replace(verdict, state="off") if verdict.name in off else verdict for verdict in rules]
    bounds = product.evaluate.bounds
    for name, asked in gates.items():
        if name in bounds:
            verdicts.append(_bounded(name, bounds[name], report))
        elif asked == "none":
            verdicts.append(_nothing_found(name, report))
    return verdicts


_BETTER = Text(
    "Look at the worst examples, at the slices where it fails and at the data report first: mislabelled rows, missing "
    "columns and too few rows of one kind are the usual cause. Then give it more rows, more time or another network.",
    "先看「错得最离谱的例子」、表现差的切片和数据报告：标错的行、缺少的列、某一类行太少是最常见的原因；再考虑增加数据、延长训练或换一种网络。",
)
_NOT_MEASURED = Text(
    "The report says what this figure needs: more test rows, or a setting under `evaluate`. Else remove the gate.",
    "请按报告中的说明满足该指标的条件：更多测试行，或 `evaluate` 下的某个设置；做不到时请去掉这道关卡。",
)


def _bounded(name: str, bound: Bound, report: Report) -> Verdict:
    """Whether a figure is within its bound: the figure itself, not the end of its interval."""
    value, style, about = _figure_called(_plain(name), report)
    title, wanted = gate_title(name), _signed(bound, style)
    mend = _BETTER if about is None else about.mend
    if value is None:
        says = Text(
            f"{title('en')} is to be {wanted('en')}, but could not be measured here.",
            f"要求{title('zh')} {wanted('zh')}，但这里无法测得。",
        )
        return Verdict(name, "failed", says, None, _NOT_MEASURED)
    margin = bound.margin(value)
    holds, told = bound.holds(value), shown(value, style)
    short = shown(abs(margin), style)
    apart = Text(f"{short('en')} short of that", f"差 {short('zh')}")
    if style == "share":
        points = f"{abs(margin) * 100:.1f}"
        apart = Text(f"{points} points short of that", f"差 {points} 个百分点")
    if holds:
        apart = Text("as it is to be", "符合要求")
    says = Text(
        f"{title('en')} is {told('en')}; asked for: {wanted('en')}; {apart('en')}.",
        f"{title('zh')}为 {told('zh')}；要求 {wanted('zh')}；{apart('zh')}。",
    )
    return Verdict(name, "passed" if holds else "failed", says, margin, mend)


def _figure_called(name: str, report: Report) -> tuple[float | None, Style, Asked | None]:
    """The value of a figure of a report, how it is shown, and what is known of it beyond a figure of the task."""
    headline = report["figures"][0]
    for figure in report["figures"]:
        if _plain(figure["name"]) == name:
            return figure["value"], formula(figure["name"]).style, None
    pattern = appraisal_of(report["pattern"])
    values = pattern.told_to_gates(report) if name in pattern.asked_for else {}
    about = pattern.asked_for.get(name)
    for kind in every_chapter():
        if name in kind.asked_for:
            about = kind.asked_for[name]
            found = report["chapters"].get(kind.kind())
            values = {} if found is None else kind.figures(found)
    style = None if about is None else about.style
    return values.get(name), style or formula(headline["name"]).style, about


def _nothing_found(name: str, report: Report) -> Verdict:
    """Whether a check of the data found nothing."""
    found = [finding for finding in report["data"].get("findings", []) if finding["check"] == _plain(name)]
    if not found:
        says = Text(f"The check “{name}” found nothing.", f"检查项「{name}」没有发现问题。")
        return Verdict(name, "passed", says, 0.0, Text("", ""))
    told = joined(Text(**finding["says"]) for finding in found)
    mend = joined({finding["mend"]["en"]: Text(**finding["mend"]) for finding in found}.values())
    return Verdict(name, "failed", told, -float(len(found)), mend)


def _signed(bound: Bound, style: Style) -> Text:
    sign = bound.sign.replace(">=", "≥").replace("<=", "≤")
    value = shown(bound.value, style)
    return Text(f"{sign}\u00a0{value('en')}", f"{sign}\u00a0{value('zh')}")


def _plain(name: str) -> str:
    """A figure by the name that people write: ``balanced accuracy`` for ``balanced_accuracy``."""
    return name.replace("_", " ").strip().lower()


def _unknown(name: str, place: Place, known: Iterable[str]) -> ProductError:
    known = list(known)
    close = difflib.get_close_matches(_plain(name), known, n=1, cutoff=0.0)
    return ProductError("unknown_gate", place=place, name=name, guess=close[0], known=", ".join(known))


@gate("beats baseline")
def beats_baseline(_: Product, report: Report) -> Verdict:
    """The headline figure is better than the better baseline's, beyond the paired 95 % interval of the difference.

    Where `evaluate: value:` says what answers are worth, they are held in money against one answer for everyone.
    """
    if (paid := _beats_in_money(report)) is not None:
        return paid
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


def _beats_in_money(report: Report) -> Verdict | None:
    """The same where product.yaml says what answers are worth; ``None`` where it says nothing.

    Then they are decided for money, and judged by it, not by a figure that such a decision gives away on purpose.
    """
    told = report.get("chapters", {}).get("economics")
    if told is None or not told["ways"]:
        return None
    without = {name: told["against"][name] for name in ("no_model", "always_yes") if name in told["against"]}
    name, gap = min(without.items(), key=lambda entry: entry[1]["low"])
    ours, theirs = (money(told["ways"][way]["value"]["value"], told["currency"]) for way in ("product", name))
    by, *ends = (money(gap[part], told["currency"]) for part in ("value", "low", "high"))
    whose = {
        "no_model": Text("the same answer for everyone", "对所有人给同一个答案"),
        "always_yes": Text("always yes", "总答「是」"),
    }[name]
    says = Text(
        f"Per 1,000 cases the product brings {ours.en}; “{whose.en}” brings {theirs.en}. The difference is {by.en}, "
        f"95 % interval {ends[0].en} to {ends[1].en}.",
        f"每 1,000 个案例，本产品带来 {ours.zh}；「{whose.zh}」带来 {theirs.zh}。相差 {by.zh}，"
        f"95% 区间为 {ends[0].zh} 至 {ends[1].zh}。",
    )
    mend = Text(
        "See in the chapter “Does it pay?” what errors cost it. More rows or another network make fewer; and hold what "
        "`evaluate: value:` says against what answers are really worth.",
        "请看「划算吗？」一章里错误造成的损失：增加数据或换网络能减少错误；"
        "也请核对 `evaluate: value:` 写的金额是否属实。",
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
