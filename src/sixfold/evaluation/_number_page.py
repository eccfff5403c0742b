"""What the page says of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sixfold.evaluation._appraisal import Report, Section, Thumbnails
from sixfold.evaluation._html import examples, facts, plain, say, t, table
from sixfold.evaluation._pictures import Axis, Dots, dots
from sixfold.evaluation._words import amount, both, change, count, interval, shown
from sixfold.language import Text

__all__ = ["by_size", "mistakes", "notes", "trust", "verdict", "words"]

_WIDE_RANGE = 30
"""So many times the first decile of the truths, the last one asks for a logarithmic scale: else most dots are one."""

_SIZE_ALONE, _SIZE_TOGETHER = 34, 11
_MANY_DOTS = 150


def verdict(report: Report) -> list[Text]:
    """By how much answers are off, against what costs nothing."""
    headline = report["figures"][0]
    values = {
        "rows": count(headline["rows"]),
        "value": shown(headline["value"], headline["style"]),
        "interval": interval(headline["low"], headline["high"], headline["style"]),
    }
    if headline["name"] == "mean_absolute_error":
        told = [
            Text(
                "On {rows} test rows, answers are off by {value} on average (95 % interval {interval})",
                "在 {rows} 个测试行上，答案平均偏离 {value}（95% 区间 {interval}）",
            )
        ]
        half = amount(report["off"]["0.5"])
        told.append(Text(f"; half of the answers are off by less than {half}.", f"；其中一半偏离不到 {half}。"))
        parts = [_filled(Text("".join(part.en for part in told), "".join(part.zh for part in told)), values)]
    else:
        parts = [both("report.top.any", figure=_title(headline), **values)]
    against = {name: shown(them["value"], headline["style"]) for name, them in headline["against"].items()}
    if "linear" in against:
        parts.append(
            Text(
                f"Always saying the median would be off by {against['median'].en}, a simple linear model by "
                f"{against['linear'].en}.",
                f"如果总猜中位数，会偏离 {against['median'].zh}；简单的线性模型偏离 {against['linear'].zh}。",
            )
        )
    return parts


def notes(report: Report) -> list[Text]:
    """What the linear model learned from."""
    linear = report["baselines"].get("linear")
    if linear is None:
        return []
    rows, inputs = count(linear["training_rows"]), count(linear["inputs"])
    return [
        Text(
            f"Amounts are in the units of the target. The linear model is a ridge regression on {inputs} inputs, "
            f"learned from {rows} training rows.",
            f"数量均以目标列的单位计。线性模型是岭回归，有 {inputs} 个输入，用 {rows} 个训练行学得。",
        )
    ]


def by_size(report: Report) -> str:
    """How far off answers are, by how large they are."""
    groups = report["groups"]
    if not groups:
        return ""
    title = Text("By the size of the answer", "按答案的大小来看")
    heads = [
        (say(Text("Answers", "答案")), False),
        (t("report.figures.test_rows"), True),
        (say(Text("Off by, on average", "平均偏离")), True),
        (say(Text("Too high (+) or too low (−) by", "偏高（+）或偏低（−）")), True),
        (say(Text("In the interval", "落在区间内")), True),
    ]
    lines = (
        f"<tr><th>{say(interval(group['low'], group['high'], 'amount'))}</th>"
        f'<td class="n">{count(group["rows"])}</td>'
        f'<td class="n">{say(shown(group["mean_absolute_error"], "amount"))}</td>'
        f'<td class="n">{say(change(group["bias"], "amount", group["mean_absolute_error"]))}</td>'
        f'<td class="n">{say(shown(group["covered"], "share"))}</td></tr>'
        for group in groups
    )
    return f"<h3>{say(title)}</h3>{table(heads, lines)}"


def mistakes(report: Report, thumbnails: Thumbnails) -> Section:
    """Answers against truth, what is left over, and the rows that are farthest off."""
    right, said = (np.array([point[index] for point in report["points"]]) for index in (0, 1))
    target = report["product"]["target"]
    is_log = _spans_orders(right) and _spans_orders(said)
    size = _SIZE_TOGETHER if len(right) > _MANY_DOTS else _SIZE_ALONE
    answer = Text(f"answer: {target}", f"答案：{target}")
    against = dots(
        "against_truth",
        [Dots(right.tolist(), said.tolist(), size, opacity=0.55)],
        Axis(Text(f"truth: {target}", f"真实值：{target}"), log=is_log),
        Axis(answer, log=is_log),
        Text("Answers against the truth", "答案与真实值的对照"),
        guide="diagonal",
    )
    left_over = dots(
        "left_over",
        [Dots(said.tolist(), (said - right).tolist(), size, opacity=0.55)],
        Axis(answer, log=is_log),
        Axis(Text("too high by", "偏高多少")),
        Text("By how much answers are too high, against the answers", "答案偏高多少，与答案的对照"),
        guide=0.0,
    )
    captions = (
        Text(
            "Each dot is a test row. On the dashed line, answer and truth are equal; the farther from it, the farther "
            "off.",
            "每个圆点是一个测试行。落在虚线上，答案与真实值相等；离虚线越远，偏差越大。",
        ),
        Text(
            "The same rows: above the dashed line the answer is too high, below too low. A slope, a bow or a funnel "
            "means that the model has not learned all there is, or that large answers are less certain.",
            "同样的行：在虚线上方的答案偏高，在下方的偏低。如果整体倾斜、弯曲或呈漏斗形，说明还有规律没有学到，或者越大的答案越不确定。",
        ),
    )
    pictures = "".join(
        f"<figure>{drawn}<figcaption>{say(caption)}</figcaption></figure>"
        for drawn, caption in zip((against, left_over), captions, strict=True)
    )
    about = Text(
        f"Half of the test rows are off by less than {amount(report['off']['0.5'])}, nine in ten by less than "
        f"{amount(report['off']['0.9'])}.",
        f"一半的测试行偏离不到 {amount(report['off']['0.5'])}，九成偏离不到 {amount(report['off']['0.9'])}。",
    )
    parts = [f"<p>{say(about)}</p>", f'<div class="two">{pictures}</div>']
    if report["worst"]:
        title = Text("Farthest off", "偏差最大的例子")
        advice = Text(
            "Look at them first: a wrong unit, a slipped digit, a column that is missing.",
            "请先看这些：可能是单位写错、数字错位，或缺少某一列。",
        )
        parts.append(f"<h3>{say(title)}</h3><p class='quiet'>{say(advice)}</p>")
        parts.append(examples(report, thumbnails, _said, _right))
    return Section("mistakes", both("report.contents.mistakes"), both("report.mistakes.title"), "\n".join(parts))


def trust(report: Report) -> Section:
    """How often intervals hold the truth."""
    about, wanted = report["intervals"], f"{report['intervals']['wanted'] * 100:.0f}"
    label, title = Text("Intervals", "区间"), Text("Can its intervals be believed?", "它的区间可信吗？")
    if about["covered"] is None:
        rows = count(about["decided_on"])
        why = Text(
            f"{rows} rows are too few to say how far off an answer may be, so the product claims no "
            "intervals. Nine at least are needed: give it more rows.",
            f"用来确定区间的只有 {rows} 行，不足以说明答案可能偏离多少，因此产品不给出区间。至少需要九行：请增加数据。",
        )
        return Section("trust", label, title, f"<p>{say(why)}</p>")
    says = Text(
        f"Each answer comes with an interval that should hold the truth in {wanted} % of cases. Its width was set "
        f"so on {count(about['decided_on'])} rows that were held out (split conformal prediction: Lei et al. 2018).",
        f"每个答案都附有一个区间，真实值应有 {wanted}% 的情况落在其中。区间的宽度由 "
        f"{count(about['decided_on'])} 个留出的行确定（分割共形预测：Lei 等，2018）。",
    )
    known = [
        (
            say(Text("Test rows inside their interval", "落在区间内的测试行")),
            say(
                Text(
                    f"{shown(about['covered'], 'share').en} (95 % interval "
                    f"{interval(about['low'], about['high'], 'share').en})",
                    f"{shown(about['covered'], 'share').zh}（95% 区间 "
                    f"{interval(about['low'], about['high'], 'share').zh}）",
                )
            ),
        ),
        (say(Text("Wanted", "目标")), say(Text(f"{wanted}\u00a0%", f"{wanted}%"))),
        (say(Text("Usual width", "通常的宽度")), say(amount(about["width"]))),
    ]
    hint = Text(
        "The promise is for all rows together: small and large answers may be covered unequally.",
        "这一承诺是就全部行而言的：小的答案和大的答案，覆盖率可能不同。",
    )
    words = f"<p>{say(says)}</p>{facts(known)}<p class='quiet small'>{say(hint)}</p>"
    if not report["groups"]:
        return Section("trust", label, title, words)
    figure = _coverage(report)
    return Section("trust", label, title, f'<div class="two">{figure}<div>{words}</div></div>')


def _coverage(report: Report) -> str:
    """The share of truths inside the interval, by the size of the answer."""
    groups = report["groups"]
    middles = [(group["low"] + group["high"]) / 2 for group in groups]
    is_log = _spans_orders(middles)
    drawn = dots(
        "coverage",
        [Dots(middles, [100 * group["covered"] for group in groups], 60)],
        Axis(Text(f"answer: {report['product']['target']}", f"答案：{report['product']['target']}"), log=is_log),
        Axis(Text("inside the interval", "落在区间内"), percent=True, ends=(min(50.0, *_floor(groups)), 103)),
        Text(
            "The share of test rows inside their interval, by the size of the answer",
            "落在区间内的测试行比例，按答案大小",
        ),
        guide=100 * report["intervals"]["wanted"],
    )
    caption = Text(
        "Each dot gathers as many test rows of similar answers. They should lie about the dashed line.",
        "每个圆点汇集了同样多、答案相近的测试行，应当落在虚线附近。",
    )
    return f"<figure>{drawn}<figcaption>{say(caption)}</figcaption></figure>"


def words() -> list[tuple[Text, Text]]:
    """What the yardsticks and the intervals of answers are."""
    return [
        (
            both("report.words.baseline"),
            Text(
                "What costs almost nothing: always saying the median of the training rows, and a simple linear model. "
                "A product that does not beat them is not worth its upkeep.",
                "几乎不花成本的做法：总猜训练行的中位数，或用一个简单的线性模型。如果产品超不过它们，就不值得维护。",
            ),
        ),
        (
            Text("Interval of an answer", "答案的区间"),
            Text(
                "As far above and below the answer as nine in ten validation rows were off, in the units the network "
                "works in. It holds for rows like those; it knows nothing of a single row being strange.",
                "在答案上下各留出一段距离：十个验证行中有九个的偏差不超过它（按网络所用的单位）。它对同类的行成立，但不知道某一行是否特殊。",
            ),
        ),
    ]


def _said(example: Report) -> str:
    value = say(amount(example["said"], max(abs(example["said"]), abs(example["right"]))))
    if example["low"] is None:
        return f"<b>{value}</b>"
    return f'<b>{value}</b> <span class="quiet">{say(interval(example["low"], example["high"], "amount"))}</span>'


def _right(example: Report) -> str:
    return f"<b>{say(plain(example['right']))}</b>"


def _title(figure: Report) -> Text:
    return Text(figure["title"]["en"], figure["title"]["zh"])


def _filled(text: Text, values: dict[str, object]) -> Text:
    """A text with values in its braces, that speak each language themselves where they do."""
    return Text(
        *(
            text(code, **{name: value(code) if isinstance(value, Text) else value for name, value in values.items()})
            for code in ("en", "zh")
        )
    )


def _floor(groups: Sequence[Report]) -> list[float]:
    return [100 * group["covered"] - 5 for group in groups]


def _spans_orders(values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    numbers = np.asarray(values, np.float64)
    if not len(numbers) or numbers.min() <= 0:
        return False
    low, high = np.quantile(numbers, (0.1, 0.9))
    return bool(high > _WIDE_RANGE * low)
