"""The figures of classes: rows with chances and a decided class, and what is measured of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sixfold.evaluation._formula import Answered, Formula, figure, mean_of
from sixfold.fields import Array
from sixfold.language import Text

__all__ = ["FIGURES", "ClassFigures", "Scored", "class_figures", "confusion"]

_PER_CLASS = 5000
"""Rows that could be gone through in the time that a class costs on its own."""

_YES = 1


@dataclass(frozen=True)
class Scored(Answered):
    """Rows with the truth and what a model said of them.

    Args:
        y: The class index of each row, from 0 (n,).
        probabilities: The chance of each class (n, classes); yes or no has two columns.
        decided: The class index that the model answered (n,).
    """

    y: Array
    probabilities: Array
    decided: Array

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.y)

    @property
    def classes(self) -> int:
        """How many classes the model knows."""
        return int(self.probabilities.shape[1])

    @cached_property
    def right(self) -> Array:
        """1.0 where the answer was right (n,)."""
        return np.asarray(self.y == self.decided, np.float64)

    @cached_property
    def surprise(self) -> Array:
        """Minus the logarithm of the chance given to the true class (n,)."""
        chances = np.clip(self.probabilities.astype(np.float64), np.finfo(np.float64).eps, 1)
        chances = chances / chances.sum(axis=1, keepdims=True)
        return np.asarray(-np.log(chances[np.arange(self.rows), self.y]))

    @cached_property
    def rankings(self) -> list[tuple[Array, Array, Array, Array]]:
        """For each class that AUROC looks at: rows by rising score; and of the rows of the class, where they stand in
        that order, and where the run of rows of the same score begins and ends around each.
        """
        looked_at = [1] if self.classes == 2 else range(self.classes)  # noqa: PLR2004
        found = []
        for index in looked_at:
            scores = self.probabilities[:, index]
            order = np.argsort(scores, kind="stable")
            ordered = scores[order]
            starts = np.flatnonzero(np.concatenate([[True], ordered[1:] > ordered[:-1]]))
            ends = np.append(starts[1:], len(ordered))
            places = np.flatnonzero(self.y[order] == index)
            runs = np.searchsorted(starts, places, side="right") - 1
            found.append((order, places, starts[runs], ends[runs]))
        return found

    def kept(self, keep: Array) -> Scored:
        """The rows where ``keep`` is true."""
        return Scored(self.y[keep], self.probabilities[keep], self.decided[keep])


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class: how many rows are of it, how many answers named it rightly, and how many of it were found."""

    precision: float
    recall: float
    f1: float
    support: int


@figure(
    Text("Accuracy", "准确率"),
    Text("The share of rows that were answered rightly.", "答对的行所占的比例。"),
    "share",
)
def accuracy(scored: Scored, counts: Array) -> float:
    return mean_of(scored.right, counts)


@figure(
    Text("Balanced accuracy", "均衡准确率"),
    Text(
        "The share answered rightly in each class, averaged over the classes: rare classes weigh as much as common "
        "ones.",
        "先算每一类答对的比例，再对各类取平均：少见的类与常见的类同样重要。",
    ),
    "share",
)
def balanced_accuracy(scored: Scored, counts: Array) -> float:
    hits, support, _ = _tally(scored, counts)
    seen = support > 0
    return float((hits[seen] / support[seen]).mean())


@figure(
    Text("Macro F1", "宏平均 F1"),
    Text(
        "For each class the harmonic mean of precision (of the rows called so, how many are so) and recall (of the "
        "rows that are so, how many were called so), averaged over the classes.",
        "对每一类，取精确率（判为该类的行中有多少确实是）与召回率（确属该类的行中有多少被找到）的调和平均，再对各类取平均。",
    ),
    "share",
)
def macro_f1(scored: Scored, counts: Array) -> float:
    hits, support, named = _tally(scored, counts)
    seen = (support + named) > 0
    return float((2 * hits[seen] / (support[seen] + named[seen])).mean())


@figure(
    Text("F1 of yes", "「是」的 F1"),
    Text(
        "For the answer yes alone: the harmonic mean of precision (of the rows called yes, how many are) and recall "
        "(of the rows that are yes, how many were found).",
        "只看「是」这一类：精确率（判为「是」的行中有多少确实是）与召回率（确实为「是」的行中有多少被找到）的调和平均。",
    ),
    "share",
)
def f1(scored: Scored, counts: Array) -> float:
    if scored.classes != 2:  # noqa: PLR2004 — yes and no
        return float("nan")
    hits, support, named = _tally(scored, counts)
    either = support[_YES] + named[_YES]
    return float(2 * hits[_YES] / either) if either else float("nan")


@figure(
    Text("Log loss", "对数损失"),
    Text(
        "How surprised the model is by the truth: 0 if it gave every right answer full confidence; being sure and "
        "wrong costs most. Lower is better.",
        "模型对真实答案感到多「意外」：对每个正确答案都完全确信时为 0；越自信地答错，代价越大。越低越好。",
    ),
    "number",
)
def log_loss(scored: Scored, counts: Array) -> float:
    return mean_of(scored.surprise, counts)


@figure(
    Text("AUROC", "AUROC"),
    Text(
        "How often a random row of a class gets a higher score for it than a random row of another class: 0.5 is "
        "guessing, 1 is perfect order. With several classes, each against the rest, averaged.",
        "随机取一行属于某类、一行不属于该类，前者得分更高的概率：0.5 等于瞎猜，1 表示排序完全正确。"
        "多个类时逐类对其余类计算后取平均。",
    ),
    "number",
    cost=lambda scored: (scored.rows + _PER_CLASS) * len(scored.rankings),
)
def auroc(scored: Scored, counts: Array) -> float:
    found, total = [], counts.sum()
    below = np.zeros(scored.rows + 1)
    for order, places, starts, ends in scored.rankings:
        drawn = counts[order]
        np.cumsum(drawn, out=below[1:])
        inside = drawn[places]
        rows = inside.sum()
        pairs = rows * (total - rows)
        if pairs > 0:
            # Mann & Whitney (1947): rows below and half of the tied ones; less what rows of the class are among them.
            found.append(((inside * (below[starts] + below[ends])).sum() / 2 - rows * rows / 2) / pairs)
    return float(np.mean(found)) if found else float("nan")


FIGURES: tuple[Formula, ...] = (accuracy, balanced_accuracy, macro_f1, f1, log_loss, auroc)
"""Every figure of classes."""


def confusion(scored: Scored) -> Array:
    """How many rows of each class (down) were answered with each class (across); int64 (classes, classes)."""
    cells = np.bincount(scored.y * scored.classes + scored.decided, minlength=scored.classes**2)
    return cells.reshape(scored.classes, scored.classes)


def class_figures(scored: Scored) -> list[ClassFigures]:
    """Precision, recall, F1 and support of each class; 0 where one is not defined, as scikit-learn has it."""
    hits, support, named = _tally(scored, np.ones(scored.rows))
    return [
        ClassFigures(
            precision=float(hit / said) if said else 0.0,
            recall=float(hit / rows) if rows else 0.0,
            f1=float(2 * hit / (rows + said)) if rows + said else 0.0,
            support=int(rows),
        )
        for hit, rows, said in zip(hits, support, named, strict=True)
    ]


def _tally(scored: Scored, counts: Array) -> tuple[Array, Array, Array]:
    """Per class: rows answered rightly, rows of the class, rows answered with it."""
    size = scored.classes
    return (
        np.bincount(scored.y, scored.right * counts, size),
        np.bincount(scored.y, counts, size),
        np.bincount(scored.decided, counts, size),
    )
