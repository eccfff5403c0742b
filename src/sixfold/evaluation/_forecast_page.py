"""What the page says of forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sixfold.evaluation._appraisal import Report, Section
from sixfold.evaluation._html import facts, say, short, t, table
from sixfold.evaluation._pictures import Axis, Dots, Fan, dots, fans
from sixfold.evaluation._words import both, count, interval, shown
from sixfold.language import Text

__all__ = ["by_step", "examples_of", "notes", "trust", "verdict", "words"]

_MOST_LINES = 24
_FANS = 6
"""Windows that are drawn, three in a line: ordinary ones, then the worst."""

_PAST_SHOWN = 3
"""So many times as many steps of the past as of the future are drawn at most."""


def verdict(report: Report) -> list[Text]:
    """How far off forecasts are, against repeating the season."""
    headline = report["figures"][0]
    value, rows = shown(headline["value"], headline["style"]), count(headline["rows"])
    ends = interval(headline["low"], headline["high"], headline["style"])
    title, steps = headline["title"], len(report["horizons"]) and report["horizons"][-1]["step"]
    parts = [
        Text(
            f"From {rows} moments it had not seen, its forecasts of {steps} steps reach {title['en']} {value.en} (95 % "
            f"interval {ends.en}).",
            f"从 {rows} 个没见过的时刻出发预测 {steps} 步，{title['zh']} 为 {value.zh}（95% 区间 {ends.zh}）。",
        )
    ]
    naive = headline["against"].get("seasonal_naive") or headline["against"].get("last_value")
    if naive is not None:
        their = shown(naive["value"], headline["style"])
        if "seasonal_naive" in headline["against"]:
            parts.append(
                Text(f"Repeating the last season would reach {their.en}.", f"如果照搬上一季，只有 {their.zh}。")
            )
        else:
            parts.append(
                Text(f"Repeating the last value would reach {their.en}.", f"如果照搬最后一个值，只有 {their.zh}。")
            )
    covered = report["intervals"]["covered"]
    if covered is not None:
        share = shown(covered, "share")
        parts.append(
            Text(
                f"Its {report['intervals']['wanted'] * 100:.0f} % intervals hold {share.en} of what came.",
                f"它的 {report['intervals']['wanted'] * 100:.0f}% 区间包含了 {share.zh} 的实际值。",
            )
        )
    return parts


def notes(report: Report) -> list[Text]:
    """What errors are measured in."""
    season = report["season"]
    if season > 1:
        return [
            Text(
                f"A season has {season} steps. Errors are measured by how far off repeating the last season was, on "
                "average, over all that each series showed before the forecast.",
                f"一季有 {season} 步。误差以「照搬上一季」在该序列此前全部数据上的平均偏差为单位。",
            )
        ]
    return [
        Text(
            "No season was found. Errors are measured by how far one step is from the next, on average, over all that "
            "each series showed before the forecast.",
            "没有发现季节性。误差以该序列此前相邻两步的平均差距为单位。",
        )
    ]


def by_step(report: Report) -> str:
    """How far off each step ahead is."""
    title = Text("By steps ahead", "按预测的步数来看")
    heads = [
        (say(Text("Steps ahead", "向前第几步")), False),
        (t("report.figures.test_rows"), True),
        (say(Text("MASE", "MASE")), True),
        (say(Text("Off by, on average", "平均偏离")), True),
        (say(Text("In the interval", "落在区间内")), True),
        (say(Text("Width of the interval", "区间宽度")), True),
    ]
    horizons = report["horizons"]
    chosen = horizons[:: max(1, -(-len(horizons) // _MOST_LINES))]
    lines = (
        f"<tr><th>{one['step']}</th>"
        f'<td class="n">{count(one["rows"])}</td>'
        f'<td class="n">{say(shown(one["mase"], "number"))}</td>'
        f'<td class="n">{say(shown(one["mean_absolute_error"], "amount"))}</td>'
        f'<td class="n">{say(shown(one["covered"], "share"))}</td>'
        f'<td class="n">{say(shown(one["width"], "amount"))}</td></tr>'
        for one in chosen
    )
    return f"<h3>{say(title)}</h3>{table(heads, lines)}"


def examples_of(report: Report) -> Section:
    """Some forecasts as fans: ordinary ones, and those that are farthest off."""
    parts = []
    groups = (
        (
            report["typical"],
            "typical",
            Text("Ordinary ones", "一般水平的例子"),
            Text(
                "Half of the forecasts are better than these, half are worse.", "有一半的预测比这些更好，另一半更差。"
            ),
        ),
        (
            report["worst"],
            "worst",
            Text("Farthest off", "偏差最大的例子"),
            Text(
                "Look at them first: something happened that the past did not show, or the numbers themselves are "
                "wrong.",
                "请先看这些：可能发生了过去没有显示的事，也可能数字本身有误。",
            ),
        ),
    )
    for examples, name, title, about in groups:
        if not examples:
            continue
        parts.append(f"<h3>{say(title)}</h3><p class='quiet'>{say(about)}</p>")
        for number in range(0, min(len(examples), _FANS), 3):
            drawn = fans(
                f"fans_{name}_{number}",
                [_fan(example, report) for example in examples[number : min(number + 3, _FANS)]],
                Text("Forecasts, their intervals and what came", "预测、区间与实际值"),
            )
            parts.append(f"<figure>{drawn}</figure>")
    caption = Text(
        "Grey: the past that it was given. Blue: the forecast, and the interval that should hold eight in ten. "
        "Dots: what came.",
        "灰线：给它的过去。蓝线：预测，以及应包含八成实际值的区间。圆点：实际值。",
    )
    parts.append(f"<p class='quiet small'>{say(caption)}</p>")
    return Section("mistakes", Text("Forecasts", "预测"), Text("What it foretells", "它预测得怎么样"), "\n".join(parts))


def _fan(example: Mapping[str, Any], report: Report) -> tuple[str, Fan]:
    past = _first(example["values"].get(report["past"]))
    said = [step[0] for step in example["said"]]
    past = past[-_PAST_SHOWN * len(said) :]
    name = short(str(example["path"] or f"# {example['row']}"), 34)
    low, high, right = ([step[0] for step in example[key]] for key in ("low", "high", "right"))
    return name, Fan(past, said, low, high, right)


def _first(values: Any) -> list[float | None]:
    """The first channel of a series as it was given."""
    if isinstance(values, Mapping):
        values = next(iter(values.values()), [])
    return [value[0] if isinstance(value, list) else value for value in values or []]


def trust(report: Report) -> Section:
    """How often intervals hold what came, at every share."""
    about = report["intervals"]
    wanted = f"{about['wanted'] * 100:.0f}"
    says = Text(
        f"Each step comes with an interval that should hold what comes in {wanted} % of cases. Its width was learned, "
        f"and "
        f"then set on {count(about['decided_on'])} validation forecasts: {about['widening']:.2f} times as wide "
        "(conformalised quantiles: Romano et al. 2019).",
        f"每一步都附有一个区间，应有 {wanted}% 的实际值落在其中。区间的宽度先由学习得到，再用 "
        f"{count(about['decided_on'])} 次验证预测校准：乘以 {about['widening']:.2f}（共形分位数：Romano 等，2019）。",
    )
    known = [
        (say(Text("What came inside the interval", "落在区间内的实际值")), say(shown(about["covered"], "share"))),
        (say(Text("Wanted", "目标")), say(Text(f"{wanted}\u00a0%", f"{wanted}%"))),
        (say(Text("Usual width", "通常的宽度")), say(shown(about["width"], "amount"))),
    ]
    hint = Text(
        "Forecasts from moments close to each other miss together, so a few moments tell little; and no interval "
        "knows of "
        "what has never happened yet.",
        "相邻时刻的预测往往一起偏离，所以少数几个时刻说明不了多少；任何区间也不知道从未发生过的事。",
    )
    drawn = dots(
        "quantiles",
        [Dots([100 * share for share, _ in about["quantiles"]], [100 * found for _, found in about["quantiles"]], 60)],
        Axis(Text("should lie below", "应当低于它的比例"), percent=True, ends=(0, 100)),
        Axis(Text("lie below", "实际低于它的比例"), percent=True, ends=(0, 100)),
        Text("The share of what came below each quantile", "低于各分位数的实际值比例"),
        guide="diagonal",
    )
    caption = Text(
        "Each dot is one of the nine quantiles; on the dashed line it keeps its word.",
        "每个圆点是九个分位数之一；落在虚线上说明名副其实。",
    )
    figure = f"<figure>{drawn}<figcaption>{say(caption)}</figcaption></figure>"
    words_ = f"<p>{say(says)}</p>{facts(known)}<p class='quiet small'>{say(hint)}</p>"
    label, title = Text("Intervals", "区间"), Text("Can its intervals be believed?", "它的区间可信吗？")
    return Section("trust", label, title, f'<div class="two">{figure}<div>{words_}</div></div>')


def words() -> list[tuple[Text, Text]]:
    """What the yardsticks and the moments are."""
    return [
        (
            both("report.words.baseline"),
            Text(
                "What costs almost nothing: saying what came a season ago, or the last value again. A product that "
                "does "
                "not beat them is not worth its upkeep.",
                "几乎不花成本的做法：照搬上一季的值，或照搬最后一个值。如果产品超不过它们，就不值得维护。",
            ),
        ),
        (
            Text("Moment", "时刻"),
            Text(
                "From where a forecast is made: the network sees what lies before it, and is judged by what came "
                "after. "
                "The test has the newest moments; no training forecast reaches into them.",
                "作出预测的起点：网络只看到它之前的数据，用之后的实际值来评判。测试用的是最新的时刻，训练所用的预测都不会伸入其中。",
            ),
        ),
    ]
