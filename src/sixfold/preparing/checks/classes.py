"""Whether there are enough rows of every class."""

from __future__ import annotations

from collections.abc import Iterator

from sixfold.language import Text
from sixfold.preparing._check import check, threshold
from sixfold.preparing._evidence import SHOWN, Evidence, Found, sample

_FEW_ROWS = threshold(
    "few rows",
    10,
    Text(
        "A class with fewer training rows is named: a figure about it rests on a handful of rows.",
        "训练行少于此数的类别会被点名：关于它的指标只靠寥寥几行。",
    ),
)
_IMBALANCED = threshold(
    "imbalance",
    10,
    Text(
        "How many times the largest class may outnumber the smallest before it is said.",
        "最大类别的行数达到最小类别的多少倍起发出提醒。",
    ),
)


@check("few rows")
def few_rows(evidence: Evidence) -> Iterator[Found]:
    """Classes with few training rows."""
    if not evidence.is_classification:
        return
    counts = evidence.class_rows(evidence.train)
    least = evidence.limit(_FEW_ROWS)
    few = {name: count for name, count in counts.items() if 0 < count < least}
    if few:
        named = ", ".join(f"{name} ({count})" for name, count in sorted(few.items(), key=lambda item: item[1])[:SHOWN])
        more = " …" if len(few) > SHOWN else ""
        yield Found(
            "few rows",
            "warning",
            Text(
                f"{len(few)} classes have fewer than {least:g} training rows: {named}{more}.",
                f"{len(few)} 个类别的训练数据不足 {least:g} 行：{named}{more}。",
            ),
            Text(
                "Collect more rows of them, merge them with others, or leave them out.",
                "请为它们多收集一些数据，或与其他类别合并，或不要它们。",
            ),
            evidence.target.name,
            sum(few.values()),
        )


@check("imbalance")
def imbalance(evidence: Evidence) -> Iterator[Found]:
    """One class has many times the rows of another."""
    if not evidence.is_classification:
        return
    counts = {name: count for name, count in evidence.class_rows(evidence.train).items() if count}
    largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
    if counts[largest] >= evidence.limit(_IMBALANCED) * counts[smallest]:
        times = counts[largest] / counts[smallest]
        yield Found(
            "imbalance",
            "warning",
            Text(
                f"{largest} has {times:.0f} times as many training rows as {smallest} "
                f"({counts[largest]} and {counts[smallest]}).",
                f"{largest} 的训练数据是 {smallest} 的 {times:.0f} 倍"
                f"（{counts[largest]} 行对 {counts[smallest]} 行）。",
            ),
            Text(
                "Judge by balanced accuracy and the confusion matrix, not by accuracy alone; more rows of the rare "
                "class help most.",
                "请看均衡准确率和混淆矩阵，不要只看准确率；为少见的类别多收集数据最有效。",
            ),
            evidence.target.name,
            counts[smallest],
        )


@check("unseen classes")
def unseen_classes(evidence: Evidence) -> Iterator[Found]:
    """Validation and test rows of a class that no training row has: no model can be right there, so none is asked."""
    if len(rows := evidence.unseen):
        labels = sorted({evidence.target.labels[code - 1] for code in evidence.target.codes[rows].tolist()})
        named = ", ".join(labels[:SHOWN]) + (" …" if len(labels) > SHOWN else "")
        yield Found(
            "unseen classes",
            "warning",
            Text(
                f"{len(rows)} validation or test rows are left out, since no training row has their class: {named}. "
                "The figures do not count them.",
                f"{len(rows)} 个验证或测试行的类别在训练数据里没有（{named}）,已排除，指标不包含它们。",
            ),
            Text(
                "Add training rows of these classes, or split another way.",
                "请补充这些类别的训练数据，或换一种划分方式。",
            ),
            evidence.target.name,
            len(rows),
            sample(rows),
        )
