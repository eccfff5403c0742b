"""What the page says of the effects of a choice."""

from __future__ import annotations

from typing import Any

from sixfold.evaluation._appraisal import Report, Section, Thumbnails
from sixfold.evaluation._html import examples, facts, say, short, table
from sixfold.evaluation._pictures import Axis, Course, Dots, courses, dots
from sixfold.evaluation._words import amount, both, count, interval, shown
from sixfold.language import Text

__all__ = ["averages", "differences", "notes", "overlap", "verdict", "words"]

_MUCH_OUTSIDE = 0.1
"""Share of rows that one arm nearly never got from which the report warns."""

_LITTLE_LEFT = 0.3
"""Share of its rows that an arm is worth, weighted as all rows are, below which the report warns."""

_MOST_ARMS = 4


def verdict(report: Report) -> list[Text]:
    """What its choices would lead to, whether effects differ between rows at all, and where the data say nothing."""
    headline, choice = report["figures"][0], report["choice"]
    outcome, target = choice["outcome"], report["product"]["target"]
    against = {name: amount(them["value"]) for name, them in headline["against"].items()}
    value, rows = amount(headline["value"]), count(headline["rows"])
    ends = interval(headline["low"], headline["high"], headline["style"])
    said = [
        Text(
            f"On {rows} test rows, {outcome} would be {value} on average under its choices (95 % interval {ends.en}); "
            f"{against['none']} with {target} {choice['arms'][0]} for everyone, {against['all']} with the other choice "
            f"for everyone, and {against['observed']} as it was done.",
            f"在 {rows} 个测试行上，按它的选择，{outcome} 平均会是 {value}（95% 区间 {ends.zh}）；"
            f"人人的 {target} 都是 {choice['arms'][0]} 时是 {against['none']}，人人用另一种时是 {against['all']}，"
            f"实际的做法是 {against['observed']}。",
        )
    ]
    if not choice["differs"]:
        best = choice["best"]
        said.append(
            Text(
                f"No effect by row can be learned from these data: give everyone the same, {target} {best}.",
                f"从这些数据中学不出因行而异的效应：请对所有行用同一种选择，即 {target} 为 {best}。",
            )
        )
    if report["overlap"]["outside"] > _MUCH_OUTSIDE:
        share = shown(report["overlap"]["outside"], "share")
        said.append(
            Text(
                f"Beware: {share.en} of rows are such as nearly always, or never, got one of the choices. What another "
                "one would do there is a guess from other rows; the data cannot support a choice there.",
                f"请注意：{share.zh} 的行几乎总是、或几乎从不得到某一种选择。换一种选择在那里会怎样，"
                "只是由其他行推测的；数据不足以支持在那里作出选择。",
            )
        )
    return said


def notes(report: Report) -> list[Text]:
    """What estimates rest on."""
    best = report["baselines"]["all"]["arm"]
    return [
        Text(
            f"The other choice is {best}. Outcomes under choices that were not made are estimated (doubly robust), "
            "which is right only if the given columns hold all that led to both the choice and the outcome. No figure "
            "can show that they do; only somebody who knows how choices were made can say so.",
            f"另一种选择指 {best}。没有作出的选择会带来什么结果，是（双重稳健地）估计出来的；只有当已知列包含了"
            "所有既影响选择、又影响结果的因素时，估计才正确。没有哪个指标能证明这一点，"
            "只有了解当初如何选择的人才能判断。",
        )
    ]


def averages(report: Report) -> str:
    """The average effect of each choice, and whether it differs between rows."""
    title = Text("The average effect", "平均效应")
    first = report["choice"]["arms"][0]
    heads = [
        (say(Text(f"Against {first}", f"与 {first} 相比")), False),
        (say(Text("Average effect", "平均效应")), True),
        (say(Text("95 % interval", "95% 区间")), True),
        (say(Text("Plain difference of means", "均值之差")), True),
        (say(Text("Does it differ as told?", "是否如所说的那样因行而异？")), False),
    ]
    lines = []
    for one in report["average"]:
        differs = (
            Text(f"yes: read at {one['slope']:.2f} of what is told", f"是：按所说差异的 {one['slope']:.2f} 倍解读")
            if one["differs"]
            else Text("no: it cannot be told from chance", "否：与偶然无法区分")
        )
        lines.append(
            f"<tr><th>{say(short(one['arm']))}</th>"
            f'<td class="n">{say(_signed(one["value"]))}</td>'
            f'<td class="n">{say(interval(one["low"], one["high"], "amount"))}</td>'
            f'<td class="n">{say(_signed(one["plain"]))}</td><td>{say(differs)}</td></tr>'
        )
    note = Text(
        "The plain difference compares rows as they came to each choice; where it is far from the average effect, the "
        "choice was not made at random.",
        "均值之差直接比较得到各种选择的行；如果它与平均效应相差很远，说明当初的选择不是随机的。",
    )
    return f"<h3>{say(title)}</h3>{table(heads, lines)}<p class='quiet small'>{say(note)}</p>"


def differences(report: Report) -> Section:
    """Whether effects differ between rows: by what is promised, and what choosing whom to treat first brings."""
    outcome = report["choice"]["outcome"]
    figures: list[str] = []
    for one in report["by_promise"][:_MOST_ARMS]:
        if one["groups"]:
            drawn = dots(
                f"by_promise_{len(figures)}",
                [
                    Dots(
                        [group["told"] for group in one["groups"]],
                        [group["value"] for group in one["groups"]],
                        60,
                        bars=([group["low"] for group in one["groups"]], [group["high"] for group in one["groups"]]),
                    )
                ],
                Axis(Text("effect as the network tells it", "网络所说的效应")),
                Axis(Text(f"estimated effect on {outcome}", f"对 {outcome} 的效应估计")),
                Text(f"Effects of {one['arm']} by what the network tells", f"{one['arm']} 的效应，按网络所说分组"),
                guide="diagonal",
            )
            caption = Text(
                f"{one['arm']}: each dot gathers as many test rows, with its 95 % interval. Dots on the dashed line: "
                "effects are as told. On one level: they do not differ between rows.",
                f"{one['arm']}：每个圆点汇集同样多的测试行，竖线是 95% 区间。落在虚线上，说明效应与所说的一致；"
                "都在同一高度，说明效应不因行而异。",
            )
            figures.append(f"<figure>{drawn}<figcaption>{say(caption)}</figcaption></figure>")
    uplift = report["uplift"]
    shares, whole = [100 * share for share in uplift["shares"]], uplift["whole"]
    by_chance = [share / 100 * whole for share in shares]
    drawn = courses(
        "uplift",
        [
            (
                f"{outcome}",
                [
                    Course(Text("best first", "先选最好的"), shares, uplift["gains"]),
                    Course(Text("at random", "随机"), shares, by_chance),
                ],
            )
        ],
        Text(
            "What treating a share of rows brings, those promised most first",
            "先处理获益最多者时，处理一定比例的行带来什么",
        ),
    )
    caption = Text(
        "What choosing the promised arm instead of the first one brings on average over all test rows, against the "
        "share of rows (in percent) for which it is chosen: those who are promised most first, or at random. "
        "The higher the first line above the second, the better it knows who gains; where it falls, choosing harms.",
        "横轴是改用所说最好的选择的行所占的比例（百分比），纵轴是由此给全部测试行平均带来的变化（向上为更好）："
        "先选预计获益最多的行，或随机选。前一条线高出越多，说明它越清楚谁会获益；线下降处，"
        "说明选择反而有害。",
    )
    figures.append(f"<figure>{drawn}<figcaption>{say(caption)}</figcaption></figure>")
    body = f"{_differs(report)}{''.join(figures)}"
    return Section(
        "differences",
        Text("Whom it helps", "对谁有用"),
        Text("Does the effect differ between rows?", "效应因行而异吗？"),
        body,
    )


def _differs(report: Report) -> str:
    choice = report["choice"]
    rows = count(choice["decided_on"])
    if choice["differs"]:
        said = Text(
            f"Yes: on {rows} rows that were held out while learning, effects differ as the network tells, beyond "
            "chance (best linear predictor test, Chernozhukov et al. 2018).",
            f"是：在学习时留出的 {rows} 行上，效应的差异与网络所说的相符，超出偶然"
            "（最佳线性预测检验，Chernozhukov 等，2018）。",
        )
    else:
        said = Text(
            f"It cannot be told: on {rows} rows that were held out while learning, the differences that the network "
            "tells are no better than chance (best linear predictor test, Chernozhukov et al. 2018). So no effect by "
            f"row can be learned here; the product gives every row the average effect, and recommends {choice['best']} "
            "for everyone. More rows, or columns that have to do with whom the choice helps, may change that.",
            f"看不出来：在学习时留出的 {rows} 行上，网络所说的差异并不比偶然更好"
            "（最佳线性预测检验，Chernozhukov 等，2018）。因此这里学不出因行而异的效应；产品对每一行都给出平均效应，"
            f"并建议所有行都用 {choice['best']}。增加行数，或增加与“对谁有用”有关的列，也许会有所改变。",
        )
    told = [
        (
            say(Text(f"{one['arm']}: slope on test rows", f"{one['arm']}：测试行上的斜率")),
            say(interval(one["slope_low"], one["slope_high"], "number")),
        )
        for one in report["average"]
        if one["slope_low"] is not None
    ]
    note = Text(
        "A slope of 1: effects differ just as told; 0: not at all. Its 95 % interval is that of test rows alone.",
        "斜率为 1 表示效应的差异与所说的完全一致，为 0 表示毫无差异。95% 区间只由测试行得出。",
    )
    return f"<p>{say(said)}</p>{facts(told)}<p class='quiet small'>{say(note)}</p>"


def overlap(report: Report, thumbnails: Thumbnails) -> Section:
    """Whether rows like each got every choice, without which nothing can be said of it there."""
    about, arms = report["overlap"], report["overlap"]["arms"]
    edges = [100 * (place + 0.5) / len(arms[0]["got"]) for place in range(len(arms[0]["got"]))]
    shown_arms = arms[1:] if len(arms) == 2 else arms[:_MOST_ARMS]  # noqa: PLR2004 — of two, each is the other's rest
    drawn = courses(
        "overlap",
        [
            (
                one["arm"],
                [
                    Course(Text("got it", "得到它的"), edges, [100 * share for share in one["got"]]),
                    Course(Text("others", "其他"), edges, [100 * share for share in one["others"]]),
                ],
            )
            for one in shown_arms
        ],
        Text("How often rows like each get a choice", "各行得到某种选择的可能性"),
    )
    caption = Text(
        "How many rows (in percent) have which chance of getting the choice (in percent): those that got it, and "
        "the others. Where only one line is above zero, the other side cannot be known.",
        "横轴是得到该选择的可能性（百分比），纵轴是行数的百分比：实际得到它的行与其他行。"
        "只有一条线高于零的地方，另一种选择会怎样就无从得知。",
    )
    outside = shown(about["outside"], "share")
    known: list[tuple[str, str]] = [
        (
            say(Text("Rows with a chance below 5 % or above 95 %", "可能性低于 5% 或高于 95% 的行")),
            say(outside),
        )
    ]
    for one in arms:
        name = Text(f"{one['arm']}: rows, and what they are worth", f"{one['arm']}：行数，及其相当于多少行")
        known.append((say(name), f"{count(one['rows'])} · {count(round(one['effective']))}"))
    warnings = "".join(f"<p><b>{say(text)}</b></p>" for text in _warnings(report))
    note = Text(
        "What rows are worth is their effective number (Kish) when they are weighted to stand for all rows.",
        "“相当于多少行”是把它们加权、使其代表全部行之后的有效行数（Kish）。",
    )
    parts = [
        warnings,
        f"<figure>{drawn}<figcaption>{say(caption)}</figcaption></figure>",
        f"{facts(known)}<p class='quiet small'>{say(note)}</p>",
    ]
    if report["worst"]:
        title = Text("Least supported", "依据最少的例子")
        advice = Text(
            "Rows whose choice, or the first one, rows like them seldom got: what it says of them rests on others.",
            "与这些行相似的行很少得到所建议的选择或第一种选择：它对这些行的判断来自其他行。",
        )
        parts.append(f"<h3>{say(title)}</h3><p class='quiet'>{say(advice)}</p>")
        parts.append(examples(report, thumbnails, _said, _got))
    return Section(
        "overlap",
        Text("Support", "数据依据"),
        Text("Can the data support a choice?", "数据足以支持选择吗？"),
        "\n".join(parts),
    )


def _warnings(report: Report) -> list[Text]:
    told = []
    outside = report["overlap"]["outside"]
    if outside > _MUCH_OUTSIDE:
        share = shown(outside, "share")
        told.append(
            Text(
                f"For {share.en} of rows the data cannot support a choice: rows like them nearly always, or never, got "
                "one of them. Answers there carry the warning `seldom`; try the other choice on some such rows before "
                "you rely on them.",
                f"对于 {share.zh} 的行，数据不足以支持选择：与它们相似的行几乎总是、或几乎从不得到其中一种。"
                "那里的答案带有警告 `seldom`；在依赖这些答案之前，请先在一些这样的行上试用另一种选择。",
            )
        )
    few = [one for one in report["overlap"]["arms"] if one["effective"] < _LITTLE_LEFT * one["rows"]]
    told += [
        Text(
            f"The {count(one['rows'])} test rows with {one['arm']} are worth only {count(round(one['effective']))} "
            "when they stand for all: what it would do for everyone is known badly.",
            f"得到 {one['arm']} 的 {count(one['rows'])} 个测试行，若要代表全部行，只相当于 "
            f"{count(round(one['effective']))} 行：它对所有人会怎样，所知甚少。",
        )
        for one in few
    ]
    return told


def words() -> list[tuple[Text, Text]]:
    """What the words of effects mean."""
    return [
        (
            both("report.words.baseline"),
            Text(
                "What needs no product: the first choice for everyone, the other one for everyone, and what was done. "
                "A product that does not lead to better outcomes than all of them is not worth its upkeep.",
                "不需要产品的做法：人人用第一种，人人用另一种，或照实际的做法。如果产品带来的结果不比这些都好，"
                "就不值得维护。",
            ),
        ),
        (
            Text("Effect", "效应"),
            Text(
                "By how much the outcome of a row would differ under a choice from that under the first one. It is "
                "never seen, for each row has only one outcome; it is estimated from rows that are alike in the given "
                "columns.",
                "同一行在某种选择下的结果，与第一种选择下相差多少。每一行只有一个结果，所以它看不到，"
                "只能由已知列相似的行来估计。",
            ),
        ),
        (
            Text("Doubly robust", "双重稳健"),
            Text(
                "An estimate from two models, of outcomes and of who got which choice: it is right if either is.",
                "由两个模型得出的估计：一个估计结果，一个估计谁得到哪种选择。只要其中一个正确，估计就正确。",
            ),
        ),
        (
            Text("Overlap", "重叠"),
            Text(
                "That rows like each got every choice now and then. Without it, what another choice would do is "
                "unknown.",
                "与每一行相似的行，各种选择都时有得到。没有重叠，换一种选择会怎样就无从得知。",
            ),
        ),
    ]


def _signed(value: float) -> Text:
    said = f"{'−' if value < 0 else '+'}{amount(abs(value))}"
    return Text(said, said)


def _said(example: Report) -> str:
    effect: Any = _signed(example["effect"])
    ends = "" if example["low"] is None else f" ({interval(example['low'], example['high'], 'amount').en})"
    return (
        f"<b>{say(short(example['said']))}</b> "
        f'<span class="quiet">{say(short(example["of"]))} {say(effect)}{say(ends)}</span>'
    )


def _got(example: Report) -> str:
    chance = shown(example["chance"], "share")
    told = Text(f"got {example['right']}", f"实际 {example['right']}")
    rare = Text(f"chance of {example['of']} {chance.en}", f"{example['of']} 的可能性 {chance.zh}")
    return f'{say(told)} <span class="quiet">{say(rare)}</span>'
