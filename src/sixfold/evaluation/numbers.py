"""Numbers: how far answers are from the truth, and how often their intervals hold it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation import _number_page as shown
from sixfold.evaluation._appraisal import (
    Encoded,
    Judged,
    Report,
    Section,
    SideBySide,
    Thumbnails,
    Yardstick,
    described,
)
from sixfold.evaluation._decide import conformal
from sixfold.evaluation._formula import Answered, Formula, figure, mean_of, share_interval
from sixfold.evaluation._linear import Inputs, piecewise
from sixfold.evaluation._worth import Worth, number_accounts
from sixfold.fields import Array, Field
from sixfold.language import Text
from sixfold.tasks import Decision
from sixfold.tasks.regression import Regression

__all__ = ["Numbers"]

_MOST_POINTS = 700
"""Test rows drawn for the pictures: more would be a smear, and a large file."""

_MOST_GROUPS = 8
_FEWEST_IN_GROUP = 20
_NOTHING = 1e-6
"""Share of the largest number below which one counts as zero: float32 does not tell them apart."""

_PENALTIES = (1.0, 10.0, 100.0, 1000.0)
_HELD_OUT = 5
"""One of so many rows that the linear model learns from chooses its penalty."""

_MOST_WORK = 1e10
"""Rows × inputs × the lesser of both, of the linear model: about 3 s on one core."""


@dataclass(frozen=True)
class Estimated(Answered):
    """Rows with the true number and the one that a model said, in the target's own units.

    Args:
        y: The truth (n,).
        said: The answer (n,).
        low: The lower end of the answer's interval (n,); ``None`` where no interval is claimed.
        high: The upper end of it (n,).
    """

    y: Array
    said: Array
    low: Array | None = None
    high: Array | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.y)

    @cached_property
    def off(self) -> Array:
        """How far the answer is from the truth, in size (n,)."""
        return np.asarray(np.abs(self.said - self.y))

    @cached_property
    def squared(self) -> Array:
        """The square of it (n,)."""
        return np.asarray((self.said - self.y) ** 2)

    @cached_property
    def centred(self) -> Array:
        """The truth without its mean over the rows (n,): so that sums of squares keep their digits."""
        return np.asarray(self.y - self.y.mean())

    @cached_property
    def ranked_shares(self) -> tuple[Array, Array]:
        """Rows whose truth is not zero by rising share that the answer is off; and those shares."""
        known = np.flatnonzero(np.abs(self.y) > _NOTHING * np.abs(self.y).max(initial=0))
        shares = self.off[known] / np.abs(self.y[known])
        order = np.argsort(shares, kind="stable")
        return known[order], shares[order]

    @cached_property
    def covered(self) -> Array | None:
        """Whether the interval holds the truth (n,)."""
        if self.low is None or self.high is None:
            return None
        return np.asarray((self.low <= self.y) & (self.y <= self.high))

    def kept(self, keep: Array) -> Estimated:
        """The rows where ``keep`` is true."""
        ends = (None if end is None else end[keep] for end in (self.low, self.high))
        return Estimated(self.y[keep], self.said[keep], *ends)


@figure(
    Text("Mean absolute error", "平均绝对误差"),
    Text(
        "By how much answers are off on average, in the units of the target. Lower is better.",
        "答案平均偏离多少，以目标列的单位计。越低越好。",
    ),
    "amount",
)
def mean_absolute_error(estimated: Estimated, counts: Array) -> float:
    return mean_of(estimated.off, counts)


@figure(
    Text("Root mean squared error", "均方根误差"),
    Text(
        "The same, with large mistakes weighing more than in proportion: the root of the mean of squared mistakes, in "
        "the units of the target. Lower is better.",
        "同样衡量偏离多少，但大的偏差所占的分量更重：误差平方的平均值再开方，以目标列的单位计。越低越好。",
    ),
    "amount",
)
def root_mean_squared_error(estimated: Estimated, counts: Array) -> float:
    return math.sqrt(mean_of(estimated.squared, counts))


@figure(
    Text("Median absolute percentage error", "绝对百分比误差中位数"),
    Text(
        "Half of the answers are off by less than this share of the true number. Rows whose true number is zero have "
        "no such share and do not count. Lower is better.",
        "有一半的答案偏离真实值不超过这个比例。真实值为零的行没有这个比例，不计入。越低越好。",
    ),
    "share",
)
def median_absolute_percentage_error(estimated: Estimated, counts: Array) -> float:
    rows, shares = estimated.ranked_shares
    below = np.cumsum(counts[rows])
    total = below[-1] if len(below) else 0
    if total == 0:
        return float("nan")
    middle = np.searchsorted(below, [(total - 1) // 2, total // 2], side="right")
    return float(shares[middle].mean())


@figure(
    Text("R²", "R²"),
    Text(
        "Which share of the differences between rows the answers explain: 1 is perfect, 0 is no better than always "
        "saying the mean, below 0 is worse than that.",
        "答案解释了各行差异中的多大比例：1 表示完全准确，0 相当于总猜平均值，负数比那还差。",
    ),
    "number",
)
def r2(estimated: Estimated, counts: Array) -> float:
    spread = mean_of(estimated.centred**2, counts) - mean_of(estimated.centred, counts) ** 2
    return 1 - mean_of(estimated.squared, counts) / spread if spread > 0 else float("nan")


class Numbers(SideBySide[Estimated]):
    """Judged by how far answers are from the truth, in the target's own units.

    Each answer has an interval, fitted on validation rows; compared with the median of the training rows and with ridge
    regression.
    """

    title: ClassVar[Text] = Text("numbers", "数字")
    formulas: ClassVar[tuple[Formula, ...]] = (
        mean_absolute_error,
        root_mean_squared_error,
        median_absolute_percentage_error,
        r2,
    )
    baselines: ClassVar[Mapping[str, Text]] = {
        "median": Text("Always the median", "总猜中位数"),
        "linear": Text("A simple linear model", "简单的线性模型"),
    }

    def truth(self, encoded: Array) -> Array:
        """The target as it is encoded (n,); NaN where it is missing."""
        missing = (encoded[:, 1:] > 0.5).any(axis=1)  # noqa: PLR2004 — a flag, 0 or 1
        return np.asarray(np.where(missing, np.nan, encoded[:, 0].astype(np.float64)))

    def is_known(self, truth: Array) -> Array:
        """Not rows without a number."""
        return np.isfinite(truth)

    def decide(self, outputs: Array, truth: Array) -> Decision:
        """The half-width of the intervals: split conformal (Vovk et al. 2005; Lei et al. 2018, algorithm 2).

        Of n validation rows, it is the ⌈(n + 1) · coverage⌉-th smallest distance between answer and truth, in encoded
        units; of 90 % there is none below nine rows.
        """
        known = self.is_known(truth)
        distances = np.abs(outputs[known, 0].astype(np.float64) - truth[known])
        return Decision(margin=conformal(distances, self.task.product.evaluate.coverage))

    def told(self, decision: Decision) -> Text:
        if decision.margin is None:
            return Text("too few to tell how far off an answer may be", "行数太少，无法估计答案可能偏离多少")
        margin = f"{decision.margin:.3f}"
        return Text(
            f"{self.task.product.evaluate.coverage:.0%} of answers are within {margin} of the truth, in encoded units",
            f"{self.task.product.evaluate.coverage:.0%} 的答案与真实值相差不超过 {margin}（编码后的单位）",
        )

    def answered(self, outputs: Array, truth: Array, decision: Decision) -> Estimated:
        y, middle, told = self._regression.values(truth), self._regression.held(outputs), self._regression.told
        if decision.margin is None:
            return Estimated(y, told(middle))
        return Estimated(y, told(middle), told(middle - decision.margin), told(middle + decision.margin))

    def leaning(self, outputs: Array, decision: Decision) -> Array:  # noqa: ARG002
        return self._regression.told(self._regression.held(outputs))[:, None]

    def losses(self, answered: Estimated) -> Array:
        return answered.off

    def yardsticks(
        self, given: Mapping[str, Field], sample: Encoded, training: Array, *, seed: int = 0
    ) -> list[Yardstick]:
        """The median of the training rows, and ridge regression on the encoded columns.

        The penalty of the ridge, 1 to 1,000, is the best one on a fifth of its rows.
        """
        return [_median(training), _linear(given, sample, seed)]

    def guessed(self, outputs: Array, truth: Array) -> Estimated:
        return Estimated(self._regression.values(truth), self._regression.told(outputs))

    def parts(self, judged: Judged[Estimated]) -> dict[str, Any]:
        answered = judged.answered
        drawn = np.random.default_rng(judged.seed).permutation(answered.rows)[:_MOST_POINTS]
        return {
            "points": [[float(answered.y[row]), float(answered.said[row])] for row in np.sort(drawn)],
            "off": {str(share): float(np.quantile(answered.off, share)) for share in (0.5, 0.9)},
            "groups": _groups(answered),
            "intervals": _intervals(answered, judged, self.task.product.evaluate.coverage),
        }

    def worth(self, judged: Judged[Estimated]) -> Worth | None:
        value, answered = self.task.product.evaluate.value, judged.answered
        if not value.is_of_answers:
            return None
        known = judged.training[np.isfinite(judged.training)]
        median = self._regression.told(np.array([np.median(known)]))
        return Worth(number_accounts(value, answered.off, np.abs(median - answered.y)))

    def worst(self, answered: Estimated, most: int) -> Array:
        """The rows whose answers are farthest from the truth."""
        return np.argsort(-answered.off, kind="stable")[:most]

    def typical(self, answered: Estimated, most: int) -> Array:
        """The rows whose answers are as far off as half of all are."""
        return np.argsort(np.abs(answered.off - np.median(answered.off)), kind="stable")[:most]

    def example(self, answered: Estimated, place: int, row: Mapping[str, Any]) -> dict[str, Any]:
        right = self.task.target.parse(row.get(self.task.target.name))
        ends = (None if end is None else float(end[place]) for end in (answered.low, answered.high))
        low, high = ends
        return {
            "right": float(answered.y[place]) if right is None else float(right),
            "said": float(answered.said[place]),
            "low": low,
            "high": high,
        }

    def kept(self, answered: Estimated) -> dict[str, Array]:
        kept = {"y": answered.y, "said": answered.said}
        return (
            kept
            if answered.low is None or answered.high is None
            else kept
            | {
                "low": answered.low,
                "high": answered.high,
            }
        )

    @classmethod
    def schema(cls) -> tuple[dict[str, Any], dict[str, Any]]:
        number, whole = {"type": ["number", "null"]}, {"type": "integer", "minimum": 0}
        parts = {
            "points": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
            "off": {"type": "object", "additionalProperties": number},
            "groups": {
                "type": "array",
                "items": described(
                    low=number, high=number, rows=whole, bias=number, mean_absolute_error=number, covered=number
                ),
            },
            "intervals": described(
                wanted=number,
                margin=number,
                covered=number,
                low=number,
                high=number,
                width=number,
                decided_on=whole,
            ),
        }
        return parts, {"right": number, "said": number, "low": number, "high": number}

    @classmethod
    def verdict(cls, report: Report) -> list[Text]:
        return shown.verdict(report)

    @classmethod
    def notes(cls, report: Report) -> list[Text]:
        return shown.notes(report)

    @classmethod
    def details(cls, report: Report) -> str:
        return shown.by_size(report)

    @classmethod
    def sections(cls, report: Report, thumbnails: Thumbnails) -> list[Section]:
        return [shown.mistakes(report, thumbnails), shown.trust(report)]

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return shown.words()

    @property
    def _regression(self) -> Regression:
        assert isinstance(self.task, Regression)
        return self.task


def _median(training: Array) -> Yardstick:
    middle = float(np.median(training))
    about = {"training_rows": len(training)}
    return Yardstick("median", about, lambda arrays: np.full(len(next(iter(arrays.values()))), middle))


def _linear(given: Mapping[str, Field], sample: Encoded, seed: int) -> Yardstick:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn brings it

    begun = time.monotonic()
    read = Inputs.fitted(given, sample.arrays)
    inputs, y = read(sample.arrays), sample.y
    most = _MOST_WORK / inputs.shape[1]
    rows = int(min(len(inputs), max(most / inputs.shape[1], min(math.sqrt(most), inputs.shape[1]))))
    chosen = np.random.default_rng(seed).permutation(len(inputs))[:rows]
    inputs, y = inputs[chosen].astype(np.float64), y[chosen]
    with threadpool_limits(1):
        held_out = np.arange(len(inputs)) % _HELD_OUT == 0
        loss = {
            penalty: float(((line(inputs[held_out]) - y[held_out]) ** 2).mean())
            for penalty, line in zip(_PENALTIES, _ridges(inputs[~held_out], y[~held_out], _PENALTIES), strict=True)
        }
        best = min(loss, key=lambda penalty: loss[penalty])
        (line,) = _ridges(inputs, y, (best,))
    about = {
        "training_rows": len(inputs),
        "inputs": int(inputs.shape[1]),
        "penalty": best,
        "seconds": round(time.monotonic() - begun, 2),
    }
    # Held within what was seen: a line that runs away on a strange row, and then through an exponent, is no yardstick.
    least, greatest = float(y.min()), float(y.max())
    return Yardstick("linear", about, lambda arrays: np.clip(piecewise(line, read, arrays), least, greatest))


def _ridges(inputs: Array, y: Array, penalties: tuple[float, ...]) -> list[Any]:
    """For each penalty, the line fitted to ``inputs`` (n, k) and ``y`` (n,): by whichever of both sides is smaller."""
    from scipy.linalg import cho_factor, cho_solve

    centre, middle = inputs.mean(axis=0), y.mean()
    x = inputs - centre
    is_wide = x.shape[1] > x.shape[0]
    square = x @ x.T if is_wide else x.T @ x
    right = y - middle if is_wide else x.T @ (y - middle)

    def line(penalty: float) -> Any:
        solved = cho_solve(cho_factor(square + penalty * np.eye(len(square))), right)
        weights = x.T @ solved if is_wide else solved
        return lambda inputs: (inputs - centre) @ weights + middle

    return [line(penalty) for penalty in penalties]


def _groups(answered: Estimated) -> list[dict[str, Any]]:
    """Test rows by the size of the answer, in groups of as many rows: how far off each is, and which way."""
    groups = min(_MOST_GROUPS, answered.rows // _FEWEST_IN_GROUP)
    if groups < 2:  # noqa: PLR2004 — one group says what the figures say
        return []
    found = []
    for rows in np.array_split(np.argsort(answered.said, kind="stable"), groups):
        said, y = answered.said[rows], answered.y[rows]
        found.append(
            {
                "low": float(said[0]),
                "high": float(said[-1]),
                "rows": len(rows),
                "bias": float((said - y).mean()),
                "mean_absolute_error": float(np.abs(said - y).mean()),
                "covered": None if answered.covered is None else float(answered.covered[rows].mean()),
            }
        )
    return found


def _intervals(answered: Estimated, judged: Judged[Estimated], wanted: float) -> dict[str, Any]:
    """How often the intervals hold the truth on test rows (with the interval of that share by Wilson 1927)."""
    about: dict[str, Any] = {
        "wanted": wanted,
        "margin": judged.decision.margin,
        "decided_on": judged.decided_on,
        **dict.fromkeys(("covered", "low", "high", "width")),
    }
    if answered.covered is None or answered.low is None or answered.high is None:
        return about
    low, high = share_interval(answered.covered)
    width = float(np.median(answered.high - answered.low))
    return about | {"covered": float(answered.covered.mean()), "low": low, "high": high, "width": width}
