"""The figures that say how good a model is: each by its name, each with a 95 % interval and the number of rows.

A figure is one small function of the rows and of how often each is counted; so the same function gives the value (every
row once) and its bootstrap draws (rows counted as often as they were drawn). Draws of two models from the same seed
count the same rows, which is what makes the interval of their difference a *paired* one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np

from sixfold.fields import Array
from sixfold.language import Text

__all__ = [
    "RESAMPLES",
    "ClassFigures",
    "Difference",
    "Formula",
    "Measured",
    "Scored",
    "class_figures",
    "confusion",
    "difference",
    "formula",
    "formulas",
    "measured",
    "without",
]

RESAMPLES = 1000
"""How many bootstrap samples an interval rests on (Efron & Tibshirani 1993 advise at least 1,000 for percentiles)."""

_FEWEST_RESAMPLES = 100
_MOST_RANKED = 250_000_000
"""Rows × classes × resamples that AUROC may go through: about 2 s on one core. Above, it rests on fewer resamples."""

_PER_CLASS = 5000
"""Rows that could be gone through in the time that a class costs on its own."""

Style: TypeAlias = Literal["share", "number"]


@dataclass(frozen=True)
class Scored:
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
class Formula:
    """How one figure is worked out.

    Args:
        name: Its name in a task's list of figures.
        title: What people call it.
        meaning: What it says, for somebody who is no statistician.
        style: Shown as a share (98.6 %) or as a number (0.042).
        of: The figure of rows (a :class:`Scored`) that are counted so often (n,); NaN where it is not defined.
    """

    name: str
    title: Text
    meaning: Text
    style: Style
    of: Callable[[Scored, Array], float]


@dataclass(frozen=True)
class Measured:
    """One figure of one model.

    Args:
        name: Which figure.
        value: On every row once; ``None`` where it is not defined (AUROC with one class only).
        low: Lower end of the 95 % interval.
        high: Upper end of it.
        rows: On how many rows.
        resamples: On how many bootstrap samples the interval rests.
        draws: The figure of each of them; NaN where it was not defined.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    rows: int
    resamples: int
    draws: Array = field(repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """The figure as plain JSON, without its draws."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "rows": self.rows,
            "resamples": self.resamples,
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much one model is better than another on the same rows; above 0 is better, whichever way is up."""

    value: float | None
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, Any]:
        """The difference as plain JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class: how many rows are of it, how many answers named it rightly, and how many of it were found."""

    precision: float
    recall: float
    f1: float
    support: int


_FORMULAS: dict[str, Formula] = {}


def figure(
    title: Text, meaning: Text, style: Style
) -> Callable[[Callable[[Scored, Array], float]], Callable[[Scored, Array], float]]:
    """Make a function of (rows, counts) the figure of its name."""

    def keep(of: Callable[[Scored, Array], float]) -> Callable[[Scored, Array], float]:
        _FORMULAS[of.__name__] = Formula(of.__name__, title, meaning, style, of)
        return of

    return keep


def formula(name: str) -> Formula:
    """The figure called ``name``.

    Raises:
        KeyError: No figure has that name; a test holds that every figure a task names exists.
    """
    return _FORMULAS[name]


def formulas() -> tuple[Formula, ...]:
    """Every figure there is."""
    return tuple(_FORMULAS.values())


@figure(
    Text("Accuracy", "准确率"),
    Text("The share of rows that were answered rightly.", "答对的行所占的比例。"),
    "share",
)
def accuracy(scored: Scored, counts: Array) -> float:
    return _mean(scored.right, counts)


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
    Text("Log loss", "对数损失"),
    Text(
        "How surprised the model is by the truth: 0 if it gave every right answer full confidence; being sure and "
        "wrong costs most. Lower is better.",
        "模型对真实答案感到多「意外」：对每个正确答案都完全确信时为 0；越自信地答错，代价越大。越低越好。",
    ),
    "number",
)
def log_loss(scored: Scored, counts: Array) -> float:
    return _mean(scored.surprise, counts)


@figure(
    Text("AUROC", "AUROC"),
    Text(
        "How often a random row of a class gets a higher score for it than a random row of another class: 0.5 is "
        "guessing, 1 is perfect order. With several classes, each against the rest, averaged.",
        "随机取一行属于某类、一行不属于该类，前者得分更高的概率：0.5 等于瞎猜，1 表示排序完全正确。"
        "多个类时逐类对其余类计算后取平均。",
    ),
    "number",
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


def measured(names: Sequence[str], scored: Scored, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Measured]:
    """Figures of a model on rows, each with its percentile bootstrap interval (Efron & Tibshirani 1993, 13.3).

    Args:
        names: Which figures.
        scored: The rows.
        resamples: On how many bootstrap samples the intervals rest; AUROC takes fewer where there are very many rows
            and classes, and says so.
        seed: Of the draws; the same seed draws the same rows of as many rows.

    Returns:
        Each figure by its name.
    """
    wanted = {name: formula(name) for name in names}
    every = np.ones(scored.rows)
    limits = dict.fromkeys(wanted, resamples)
    if "auroc" in wanted:
        work = (scored.rows + _PER_CLASS) * len(scored.rankings)
        limits["auroc"] = min(resamples, max(_FEWEST_RESAMPLES, _MOST_RANKED // work))
    draws = {name: np.full(limit, np.nan) for name, limit in limits.items()}
    for number, counts in enumerate(_samples(scored.rows, resamples, seed)):
        for name, how in wanted.items():
            if number < limits[name]:
                draws[name][number] = how.of(scored, counts)
    return {name: _with_interval(name, how.of(scored, every), draws[name], scored.rows) for name, how in wanted.items()}


def difference(ours: Measured, theirs: Measured, *, higher_is_better: bool) -> Difference:
    """By how much ``ours`` is better than ``theirs``, with the paired 95 % interval.

    Both must have been measured on the same rows, with the same seed.
    """
    if ours.value is None or theirs.value is None:
        return Difference(None, None, None)
    sign = 1.0 if higher_is_better else -1.0
    shared = min(len(ours.draws), len(theirs.draws))
    low, high = _interval(sign * (ours.draws[:shared] - theirs.draws[:shared]))
    return Difference(sign * (ours.value - theirs.value), low, high)


def without(name: str, scored: Scored, keep: Array, *, higher_is_better: bool, seed: int = 0) -> Difference:
    """By how much a figure is better on all rows than on those where ``keep`` is true, with its paired interval."""
    how, every = formula(name), np.ones(scored.rows)
    sign = 1.0 if higher_is_better else -1.0
    kept = keep.astype(np.float64)
    draws = np.array(
        [
            how.of(scored, counts) - how.of(scored, counts * kept) if (counts * kept).any() else np.nan
            for counts in _samples(scored.rows, RESAMPLES, seed)
        ]
    )
    low, high = _interval(sign * draws)
    return Difference(_known(sign * (how.of(scored, every) - how.of(scored, kept))), low, high)


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


def _mean(values: Array, counts: Array) -> float:
    # Not `values @ counts`: the matrix library would wake all its threads for a few microseconds of work.
    return float((values * counts).sum() / counts.sum())


def _tally(scored: Scored, counts: Array) -> tuple[Array, Array, Array]:
    """Per class: rows answered rightly, rows of the class, rows answered with it."""
    size = scored.classes
    return (
        np.bincount(scored.y, scored.right * counts, size),
        np.bincount(scored.y, counts, size),
        np.bincount(scored.decided, counts, size),
    )


def _samples(rows: int, resamples: int, seed: int) -> Iterator[Array]:
    """How often each row was drawn, for each bootstrap sample; float64 (rows,)."""
    random = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(random.integers(0, rows, rows), minlength=rows).astype(np.float64)


def _with_interval(name: str, value: float, draws: Array, rows: int) -> Measured:
    low, high = _interval(draws)
    return Measured(name, _known(value), low, high, rows, int(np.isfinite(draws).sum()), draws)


def _interval(draws: Array) -> tuple[float | None, float | None]:
    known = draws[np.isfinite(draws)]
    if not known.size:
        return None, None
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
