"""What the page says of paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sixfold.evaluation._appraisal import Report, Section
from sixfold.evaluation._html import say, short, t, table
from sixfold.evaluation._pictures import Walk, walks
from sixfold.evaluation._words import amount, both, count, interval, shown
from sixfold.language import Text

__all__ = ["by_step", "examples_of", "notes", "verdict", "words"]

_WALKS, _IN_A_LINE = 6, 3
"""Agents that are drawn of each sort, and how many stand beside each other."""

_MOST_LINES = 24


def verdict(report: Report) -> list[Text]:
    """How far off paths are, against going on at the same velocity; and how near the best future comes."""
    figures = {figure["name"]: figure for figure in report["figures"]}
    headline, final = report["figures"][0], figures["final_displacement"]
    value, end = (shown(one["value"], "amount") for one in (headline, final))
    ends = interval(headline["low"], headline["high"], "amount")
    rows, steps = count(headline["rows"]), report["horizons"][-1]["step"]
    naive = shown(headline["against"]["constant_velocity"]["value"], "amount")
    best, best_end = (
        shown(figures[name]["value"], "amount") for name in ("best_average_displacement", "best_final_displacement")
    )
    return [
        Text(
            f"For {rows} agents it had not seen, its path is {value.en} off on average (95 % interval {ends.en}), and "
            f"{end.en} after {steps} steps.",
            f"对 {rows} 个没见过的运动体，它给出的路径平均偏离 {value.zh}（95% 区间 {ends.zh}），第 {steps} 步时偏离 "
            f"{end.zh}。",
        ),
        Text(
            f"Going on at the same velocity would be {naive.en} off.",
            f"如果保持原速直行，会偏离 {naive.zh}。",
        ),
        Text(
            f"Of its {report['futures']['count']} futures, the best is {best.en} off, and {best_end.en} at the end.",
            f"它设想的 {report['futures']['count']} 个未来中，最接近的一个平均偏离 {best.zh}，终点偏离 {best_end.zh}。",
        ),
    ]


def notes(report: Report) -> list[Text]:
    """How futures were counted."""
    about = report["futures"]
    first, five = shown(about["likeliest_is_nearest"], "share"), shown(about["among_five"], "share")
    return [
        Text(
            "Amounts are in the units of the target. Each agent's windows count by themselves; the best future is "
            "chosen "
            "for each by its own distance, once on average and once at the end.",
            "数量均以目标列的单位计。每个窗口单独计算；最接近的未来按各自的距离选取，平均与终点各选一次。",
        ),
        Text(
            f"The likeliest future was the nearest one in {first.en} of cases, and the nearest was among the five "
            f"likeliest in {five.en}.",
            f"最可能的未来恰是最接近的，占 {first.zh}；最接近的在最可能的五个之中，占 {five.zh}。",
        ),
    ]


def by_step(report: Report) -> str:
    """How far off each step ahead is."""
    title = Text("By steps ahead", "按预测的步数来看")
    heads = [
        (say(Text("Steps ahead", "向前第几步")), False),
        (t("report.figures.test_rows"), True),
        (say(Text("The path is off by", "路径偏离")), True),
        (say(Text("The nearest future is off by", "最近的未来偏离")), True),
    ]
    chosen = report["horizons"][:: max(1, -(-len(report["horizons"]) // _MOST_LINES))]
    lines = (
        f"<tr><th>{one['step']}</th>"
        f'<td class="n">{count(one["rows"])}</td>'
        f'<td class="n">{say(shown(one["distance"], "amount"))}</td>'
        f'<td class="n">{say(shown(one["best_distance"], "amount"))}</td></tr>'
        for one in chosen
    )
    return f"<h3>{say(title)}</h3>{table(heads, lines)}"


def examples_of(report: Report) -> Section:
    """Some agents with where they came from, what was said, and where they went."""
    parts = []
    groups = (
        (
            report["typical"],
            "typical",
            Text("Ordinary ones", "一般水平的例子"),
            Text("Half of the paths are nearer than these, half are farther.", "有一半的路径比这些更准，另一半更远。"),
        ),
        (
            report["worst"],
            "worst",
            Text("Farthest off", "偏差最大的例子"),
            Text(
                "Not one of twenty futures came near: a sudden turn, somebody who starts or stops, or a slip in the "
                "data.",
                "二十个未来没有一个接近：突然转弯、起步或停下，也可能是数据有误。",
            ),
        ),
    )
    for examples, name, title, about in groups:
        if not examples:
            continue
        parts.append(f"<h3>{say(title)}</h3><p class='quiet'>{say(about)}</p>")
        for number in range(0, min(len(examples), _WALKS), _IN_A_LINE):
            drawn = walks(
                f"walks_{name}_{number}",
                [_walk(example, report) for example in examples[number : min(number + _IN_A_LINE, _WALKS)]],
                Text("Paths: past, futures, what came, those nearby", "路径：过去、设想的未来、实际、邻近者"),
            )
            parts.append(f"<figure>{drawn}</figure>")
    caption = Text(
        "Grey: the past, and those nearby (thin). Blue: the path that is told; faint: the futures, the likelier the "
        "stronger. Dots: where the agent went.",
        "灰线：过去，细线为邻近者。蓝线：给出的路径；淡线：设想的未来，越可能越深。圆点：实际去向。",
    )
    parts.append(f"<p class='quiet small'>{say(caption)}</p>")
    return Section("mistakes", Text("Paths", "路径"), Text("Where it sees them go", "它看到的去向"), "\n".join(parts))


def _walk(example: Mapping[str, Any], report: Report) -> tuple[str, Walk]:
    values = example["values"]
    around = values.get(report["nearby"]) or [] if report["nearby"] else []
    name = f"{short(str(example['path'] or '# ' + str(example['row'])), 30)} · {amount(example['off'])}"
    return name, Walk(
        _plane(values.get(report["past"]) or []),
        _plane(example["said"]),
        [_plane(path) for path in example["futures"]],
        example["chances"],
        _plane(example["right"]),
        [_plane(path) for path in around],
    )


def _plane(path: Any) -> list[tuple[float, float]]:
    """The first two coordinates of the steps that are known; one alone is drawn over the steps."""
    found = []
    for at, step in enumerate(path):
        numbers = step if isinstance(step, list) else [step]
        if None in numbers:
            continue
        found.append((float(numbers[0]), float(numbers[1])) if len(numbers) > 1 else (float(at), float(numbers[0])))
    return found


def words() -> list[tuple[Text, Text]]:
    """What the yardsticks and the futures are."""
    return [
        (
            both("report.words.baseline"),
            Text(
                "What costs almost nothing: going on at the velocity of the last step, or standing still. A product "
                "that "
                "does not beat them is not worth its upkeep.",
                "几乎不花成本的做法：保持最后一步的速度直行，或原地不动。如果产品超不过它们，就不值得维护。",
            ),
        ),
        (
            Text("Future", "未来"),
            Text(
                "One of twenty courses that may come, each with a chance. They were learned so that the nearest of "
                "them "
                "comes near, whichever way an agent goes.",
                "可能出现的二十种走向之一，各有概率。学习的目标是：无论运动体往哪走，总有一个走向与实际接近。",
            ),
        ),
    ]
