"""The page of ideas: both languages, no network, printable."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from sixfold.evaluation import Span, amount, both, cell, document, facts, money, say, shown, spans, table
from sixfold.ideas._declare import CHANCES, Figure, Idea, Ideas
from sixfold.ideas._rank import NextTest, Ranked
from sixfold.language import Text

__all__ = ["TESTS", "TITLES", "ideas_page"]

TITLES: Mapping[str, Text] = {
    "volume": Text("cases a month", "每月案例数"),
    "value": Text("worth of a right answer", "答对一次的价值"),
    "errors": Text("share answered wrongly", "答错比例"),
    "error_cost": Text("cost of an error", "一次错误的代价"),
    "caught": Text("share of the worth that the price catches", "价格占价值的比例"),
    "growth": Text("growth a month", "每月增长"),
    "running": Text("running cost of an answer", "每个答案的运行成本"),
    "making": Text("cost of making it", "制作成本"),
    "data": Text("chance to have the data", "拿到数据的机会"),
    "customer": Text("chance that customers take it", "客户采用的机会"),
    "rivals": Text("chance that rivals stay away", "对手不进入的机会"),
    "regulation": Text("chance that the rules allow it", "法规允许的机会"),
}
"""What people call each figure."""

TESTS: Mapping[str, Text] = {
    "volume": Text("Count the cases of last month with two customers.", "请两位客户数一数上个月的案例。"),
    "value": Text(
        "Sit beside the people who do it today for two days, and time what a case costs.",
        "在现在做这件事的人身边坐两天，测出一个案例要花多少。",
    ),
    "errors": Text(
        "Label 200 rows, and let `sixfold run` say what is reached on them.",
        "标注 200 行，用 `sixfold run` 看能做到多好。",
    ),
    "error_cost": Text(
        "Ask what the last ten errors led to, and what each cost.", "问清最近十次错误造成了什么、各花了多少。"
    ),
    "caught": Text("Name a price to five customers, and listen.", "向五位客户报一个价，听他们怎么说。"),
    "growth": Text("Ask for the counts of the last twelve months.", "要来最近十二个月的数量。"),
    "running": Text(
        "Time the smallest model that would do, with `sixfold run` on open data.",
        "用公开数据和 `sixfold run` 测出够用的最小模型有多快。",
    ),
    "making": Text("Have it quoted: `sixfold quote` times a few real steps.", "先报价：`sixfold quote` 会实测几步。"),
    "data": Text("Ask one owner of the data for 200 rows and the terms.", "向一位数据所有者要 200 行数据和使用条件。"),
    "customer": Text(
        "Ask three customers for a letter of intent before anything is built.", "动手之前，请三位客户签意向书。"
    ),
    "rivals": Text("Try each rival's product for a day with your own rows.", "用自己的数据把每个对手的产品试一天。"),
    "regulation": Text(
        "An hour with somebody who knows the rules, with this page.", "带着本页，与懂法规的人谈一小时。"
    ),
}
"""A first test of each figure."""

_MARKS = {
    "given": Text("given", "给定"),
    "assumed": Text("assumed", "假设"),
    "measured": Text("measured", "实测"),
}
_STYLE = ".mark-assumed { color: var(--warn); } .mark-measured { color: var(--good); }"
_SHARES = ("errors", "caught", "growth", *CHANCES)
_AMOUNTS = ("value", "error_cost", "running", "making")


def ideas_page(ideas: Ideas, found: Sequence[Ranked]) -> bytes:
    """The ranked ideas as one self-contained HTML file.

    Args:
        ideas: The file.
        found: Its ideas, ranked.
    """
    by_name = {idea.name: idea for idea in ideas.ideas}
    best = found[0]
    verdict = _verdict(ideas, best)
    rows = [Span(Text(one.name, one.name), one.expected, one.low, one.high, one is best) for one in found]
    drawn = spans("ideas", rows, percent=False, label=Text("Expected value of each idea", "各想法的期望价值"))
    caption = Text(
        f"Expected value over {ideas.months} months in {ideas.currency}; the lines hold nine cases of ten over "
        "the stated ranges.",
        f"{ideas.months} 个月的期望价值（{ideas.currency}）；横线在所述范围内包含十分之九的情形。",
    )
    heads = [
        ("", False),
        *((say(text), True) for text in (
            Text("Expected value", "期望价值"), Text("All goes well", "全部顺利的机会"),
            Text("Loses money", "亏钱的机会"), Text("A month, if so", "顺利时每月"),
        )),
        (say(Text("Next test", "下一步验证")), False),
    ]  # fmt: skip
    lines = [_line(ideas, one, place == 0) for place, one in enumerate(found)]
    body = [
        f"<h1>{say(Text('Which idea first?', '先做哪个想法？'))}</h1>",
        f'<p class="verdict">{say(verdict)}</p>',
        f"<figure>{drawn}<figcaption>{say(caption)}</figcaption></figure>",
        table(heads, lines),
        *(_section(ideas, by_name[one.name], one) for one in found),
        f'<p class="quiet small">{say(_HOW)}</p>',
    ]
    title = Text("Ideas", "想法")
    return document(f"{title.en} · {title.zh} · Sixfold", "\n".join(body), footer=_footer(), style=_STYLE)


def _footer() -> str:
    """What stands below every page."""
    return say(both("report.footer", version=version("sixfold")))


_HOW = Text(
    "Every figure is drawn 20,000 times from its range (evenly, or as a triangle around the likeliest). "
    "A month brings volume × (share caught × (value × right − cost × wrong) − running cost), never less than nothing; "
    "months grow, chances are multiplied, making it is taken off. A test is worth what knowing its figure exactly "
    "would add to the choice between making it and leaving it. The figures are those of the file: what is assumed "
    "stays a guess until it is tested.",
    "每个数字都在其范围内抽取 20,000 次（均匀分布，或以最可能值为顶的三角分布）。"
    "每月带来：案例数 ×（价格占比 ×（价值 × 答对 − 代价 × 答错）− 运行成本），最少为零；"
    "逐月增长，各项机会相乘，再减去制作成本。一次验证的价值，是确切知道这个数字后，「做还是不做」能选得好多少。"
    "数字都来自文件：假设在验证之前只是猜测。",
)


def _verdict(ideas: Ideas, best: Ranked) -> Text:
    value = money(best.expected, ideas.currency)
    if best.expected <= 0:
        return Text(
            f"None of these is worth making as they stand; “{best.name}” comes nearest, at {value.en}.",
            f"按现在的数字，没有一个值得做；最接近的是「{best.name}」，期望价值 {value.zh}。",
        )
    return Text(
        f"“{best.name}” first: {value.en} expected over {ideas.months} months, if the figures hold. "
        f"Making it loses money in {shown(best.loss, 'share').en} of cases.",
        f"先做「{best.name}」：若数字属实，{ideas.months} 个月的期望价值为 {value.zh}；"
        f"有 {shown(best.loss, 'share').zh} 的情形会亏钱。",
    )


def _line(ideas: Ideas, one: Ranked, is_best: bool) -> str:
    ends = [money(end, ideas.currency) for end in (one.low, one.high)]
    between = Text(f"{ends[0].en} to {ends[1].en}", f"{ends[0].zh} 至 {ends[1].zh}")
    test = "–" if one.test is None else say(TITLES[one.test.figure])
    return (
        f"<tr{' class=ours' if is_best else ''}><th>{html.escape(one.name)}</th>"
        f"{cell(money(one.expected, ideas.currency), between)}"
        f'<td class="n">{say(shown(one.chance, "share"))}</td><td class="n">{say(shown(one.loss, "share"))}</td>'
        f'<td class="n">{say(money(one.month, ideas.currency))}</td><td>{test}</td></tr>'
    )


def _section(ideas: Ideas, idea: Idea, one: Ranked) -> str:
    told = [
        (Text("Customer", "客户"), idea.customer),
        (Text("Today", "今天的做法"), idea.today),
        (Text("Data", "数据"), idea.data),
        (Text("Regulation", "法规"), idea.regulation),
        (Text("Trend", "趋势"), idea.trend),
    ]
    known = [(say(name), html.escape(text)) for name, text in told if text]
    for rival in idea.rivals:
        away = Text("kept away by", "被什么挡住：")
        what = f" · {say(away)} {html.escape(rival.kept_away_by)}" if rival.kept_away_by else ""
        known.insert(2, (say(Text("Rival", "对手")), html.escape(rival.name) + what))
    heads = [
        (say(Text("Figure", "数字")), False),
        (say(Text("Value", "值")), True),
        (say(Text("How it is known", "如何得知")), False),
    ]
    lines = [
        f'<tr><th>{say(TITLES[name])}</th><td class="n">{say(_range(ideas, name, figure))}</td>'
        f'<td class="mark-{figure.mark}">{say(_MARKS[figure.mark])}</td></tr>'
        for name, figure in idea.said.items()
    ]
    test = "" if one.test is None else _next(ideas, one.test)
    return f"<section><h2>{html.escape(one.name)}</h2>{facts(known)}{test}{table(heads, lines)}</section>"


def _next(ideas: Ideas, test: NextTest) -> str:
    cost, worth = money(test.costs, ideas.currency), money(test.worth, ideas.currency)
    guessed = Text("" if test.is_given else ", our guess", "" if test.is_given else "（我们的估计）")
    if test.worth > 0:
        gains = Text(f"could make the choice better by {worth.en}", f"能让选择改善 {worth.zh}")
    else:
        gains = Text("will hardly change the choice, but narrows it most", "不太会改变选择，但最能缩小范围")
    says = Text(
        f"Next: {TESTS[test.figure].en} It costs about {cost.en}{guessed.en}, and {gains.en}.",
        f"下一步：{TESTS[test.figure].zh}约花 {cost.zh}{guessed.zh}，{gains.zh}。",
    )
    return f"<p><b>{say(says)}</b></p>"


def _range(ideas: Ideas, name: str, figure: Figure) -> Text:
    ends = [figure.low] if not figure.is_range else [figure.low, figure.high]
    said = [_one(ideas, name, end) for end in ends]
    return Text(" – ".join(text.en for text in said), " – ".join(text.zh for text in said))


def _one(ideas: Ideas, name: str, value: float) -> Text:
    if name in _SHARES:
        return shown(value, "share")
    return money(value, ideas.currency) if name in _AMOUNTS else Text(amount(value), amount(value))
