"""Forecasts: how far each step ahead is off, measured in what the season alone would miss by, and how sure to be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation import _forecast_page as shown
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
from sixfold.evaluation._formula import Answered, Formula, figure
from sixfold.fields import Array, Field
from sixfold.fields.series import Series
from sixfold.language import Text
from sixfold.store import SCALE
from sixfold.tasks import Decision
from sixfold.tasks.forecasting import COVERAGE, MIDDLE, QUANTILES, Forecasting

__all__ = ["Forecasts"]

_TINY = 1e-9
_FEWEST_TO_WIDEN = 20
"""Steps of validation rows from which the interval is set by them."""

_LEARNED_COUNTS = 5.0
"""As many windows apart from each other count as what was learned of the intervals."""

_LEAST_RATIO = 1e-3

_MOST_HORIZONS = 400


@dataclass(frozen=True)
class Foretold(Answered):
    """Windows with what came and what was said of it, in the units of the target.

    Args:
        y: What came (n, steps, channels); anything where it is not known.
        known: Whether each step is known (n, steps).
        quantiles: What was said (n, steps, channels, 9); of a yardstick, its one value nine times.
        scale: What errors are measured in (n, channels); NaN where nothing is known of it.
    """

    y: Array
    known: Array
    quantiles: Array
    scale: Array

    @property
    def rows(self) -> int:
        """How many windows there are."""
        return len(self.y)

    @property
    def said(self) -> Array:
        """The median (n, steps, channels)."""
        return np.asarray(self.quantiles[..., MIDDLE])

    @cached_property
    def off(self) -> Array:
        """How far the median is off (n, steps, channels); NaN where what came is not known."""
        return np.where(self.known[..., None], np.abs(self.said - self.y), np.nan)

    @cached_property
    def scaled(self) -> Array:
        """The same in what errors are measured in (n, steps, channels)."""
        return np.asarray(self.off / np.where(self.scale > _TINY, self.scale, np.nan)[:, None])

    @cached_property
    def by_row(self) -> Array:
        """The mean of it over the steps and channels of each window (n,); NaN where there is none."""
        return _mean(self.scaled)

    @cached_property
    def shares(self) -> Array:
        """The symmetric share that each window is off (n,)."""
        sizes = np.abs(self.said) + np.abs(self.y)
        return _mean(
            np.where(
                sizes > _TINY, 2 * self.off / np.maximum(sizes, _TINY), np.where(self.known[..., None], 0.0, np.nan)
            )
        )

    @cached_property
    def ranked(self) -> Array:
        """Twice the mean pinball loss of each window's quantiles, in what errors are measured in (n,)."""
        gaps = self.y[..., None] - self.quantiles
        shares = np.array(QUANTILES)
        losses = 2 * np.maximum(shares * gaps, (shares - 1) * gaps).mean(axis=-1)
        losses = np.where(self.known[..., None], losses, np.nan)
        return _mean(losses / np.where(self.scale > _TINY, self.scale, np.nan)[:, None])

    @cached_property
    def covered(self) -> Array:
        """Whether the interval holds what came (n, steps, channels); NaN where that is not known."""
        holds = (self.quantiles[..., 0] <= self.y) & (self.y <= self.quantiles[..., -1])
        return np.where(self.known[..., None], holds.astype(np.float64), np.nan)

    def kept(self, keep: Array) -> Foretold:
        """The windows where ``keep`` is true."""
        return Foretold(self.y[keep], self.known[keep], self.quantiles[keep], self.scale[keep])


def _mean(values: Array) -> Array:
    """The mean of each row's known values (n, …): (n,)."""
    flat = values.reshape(len(values), -1)
    known = np.isfinite(flat)
    counts = known.sum(axis=1)
    return np.where(counts > 0, np.where(known, flat, 0.0).sum(axis=1) / np.maximum(counts, 1), np.nan)


def _over(values: Array, counts: Array) -> float:
    known = np.isfinite(values)
    total = float(counts[known].sum())
    return float((values[known] * counts[known]).sum() / total) if total > 0 else float("nan")


@figure(
    Text("MASE", "MASE"),
    Text(
        "How far the forecast is off on average, over how far repeating the last season was off before it (mean "
        "absolute "
        "scaled error: Hyndman & Koehler 2006). Below 1 is better than that; lower is better.",
        "预测平均偏离多少，除以在此之前「照搬上一季」平均偏离多少（平均绝对比例误差：Hyndman 与 Koehler，2006）。"
        "小于 1 说明比照搬更准；越低越好。",
    ),
    "number",
)
def mase(foretold: Foretold, counts: Array) -> float:
    return _over(foretold.by_row, counts)


@figure(
    Text("sMAPE", "sMAPE"),
    Text(
        "By which share forecast and truth differ on average, measured by the mean size of both. Lower is better.",
        "预测与真实值平均相差多大比例，以二者大小的平均为准。越低越好。",
    ),
    "share",
)
def smape(foretold: Foretold, counts: Array) -> float:
    return _over(foretold.shares, counts)


@figure(
    Text("Scaled CRPS", "CRPS（按比例）"),
    Text(
        "How well all nine quantiles fit what came: twice their mean pinball loss, measured as MASE is. It rewards a "
        "narrow interval that holds the truth. Lower is better.",
        "九个分位数与实际的吻合程度：弹球损失平均值的两倍，比例与 MASE "
        "相同。既窄又包含真实值的区间得分最好。越低越好。",
    ),
    "number",
)
def scaled_crps(foretold: Foretold, counts: Array) -> float:
    return _over(foretold.ranked, counts)


class Forecasts(SideBySide[Foretold]):
    """Judged step by step ahead, from each moment of the test; compared with repeating the last season, and with the
    last value.

    What a step's error is measured in is the mean error of the seasonal naive forecast before that window, series by
    series. The interval is set on validation windows.
    """

    title: ClassVar[Text] = Text("forecasts", "对未来的预测")
    formulas: ClassVar[tuple[Formula, ...]] = (mase, smape, scaled_crps)
    baselines: ClassVar[Mapping[str, Text]] = {
        "seasonal_naive": Text("The same as a season ago", "照搬上一季"),
        "last_value": Text("The last value again", "照搬最后一个值"),
    }

    def truth(self, encoded: Array) -> Array:
        """Values, whether each step is known, and what errors are measured in: (n, steps, 2 · channels + 1), the last
        ones NaN until :meth:`asked` tells."""
        lacking = np.full((*encoded.shape[:-1], encoded.shape[-1] - 1), np.nan)
        return np.concatenate([encoded.astype(np.float64), lacking], axis=-1)

    def is_known(self, truth: Array) -> Array:
        """Not windows of which no step is known."""
        return np.asarray((truth[..., self._task.channels] > 0).any(axis=1))

    def asked(self, arrays: Mapping[str, Array], truth: Array) -> tuple[Array, Array]:
        channels, spreads = self._task.channels, np.array(self.task.target.state["spreads"])
        if SCALE in arrays:
            scale = arrays[SCALE].astype(np.float64)
        else:  # rows that were windows already: the past that they show tells
            past = arrays[self._task.past][..., :channels].astype(np.float64)
            season = self._season(past.shape[1])
            scale = np.abs(past[:, season:] - past[:, :-season]).mean(axis=1) * spreads
        measured = truth.copy()
        measured[..., channels + 1 :] = scale[:, None]
        return np.arange(len(truth)), measured

    def decide(self, outputs: Array, truth: Array) -> Decision:
        """By what the distances of quantiles from the median are multiplied, so that the interval holds eight in ten.

        Of the steps of validation windows it is the ⌈(n + 1) · 0.8⌉-th smallest ratio of a step's distance from the
        median to the interval's reach on that side (conformalised quantiles, in the scaled form: Romano et al. 2019;
        Sousa et al. 2022). Windows that begin one step apart miss together, so as many as a future has steps count as
        one; and few of them change little: the logarithm of the ratio is shrunk as if what was learned were five more.
        """
        answered = self.answered(outputs, truth, Decision())
        middle, y = answered.said, answered.y
        reach = np.where(y > middle, answered.quantiles[..., -1] - middle, middle - answered.quantiles[..., 0])
        ratios = np.sort((answered.off / np.maximum(reach, _TINY))[np.isfinite(answered.off)])
        if len(ratios) < _FEWEST_TO_WIDEN:
            return Decision()
        place = min(len(ratios), math.ceil((len(ratios) + 1) * COVERAGE))
        alone = len(truth) / truth.shape[1]
        return Decision(widening=float(max(ratios[place - 1], _LEAST_RATIO) ** (alone / (alone + _LEARNED_COUNTS))))

    def told(self, decision: Decision) -> Text:
        factor = f"{decision.widening:.2f}"
        return Text(f"intervals {factor} times as wide as learned", f"区间为所学宽度的 {factor} 倍")

    def answered(self, outputs: Array, truth: Array, decision: Decision) -> Foretold:
        return self._foretold(self._task.quantiles(outputs, decision), truth)

    def yardsticks(
        self,
        given: Mapping[str, Field],
        sample: Encoded,  # noqa: ARG002
        training: Array,  # noqa: ARG002
        *,
        seed: int = 0,  # noqa: ARG002
    ) -> list[Yardstick]:
        """The values of a season ago, and the last one again; the same where there is no season."""
        steps, past = self.task.output.places[0], self._task.past
        season = self._season(given[past].form.shape[0])

        def again(length: int) -> Any:
            def outputs(arrays: Mapping[str, Array]) -> Array:
                values = arrays[past][..., : self._task.channels]
                return np.tile(values[:, -length:], (1, -(-steps // length), 1))[:, :steps]

            return outputs

        found = [Yardstick("last_value", {}, again(1))]
        return [Yardstick("seasonal_naive", {"season": season}, again(season)), *found] if season > 1 else found

    def guessed(self, outputs: Array, truth: Array) -> Foretold:
        target = self.task.target
        assert isinstance(target, Series)
        values = target.in_units(outputs)[..., None]
        return self._foretold(np.repeat(values, len(QUANTILES), axis=-1), truth)

    def parts(self, judged: Judged[Foretold]) -> dict[str, Any]:
        answered = judged.answered
        steps = answered.y.shape[1]
        ahead = np.unique(np.linspace(0, steps - 1, min(steps, _MOST_HORIZONS)).astype(int))
        width = np.where(answered.known[..., None], answered.quantiles[..., -1] - answered.quantiles[..., 0], np.nan)
        below = [
            float(np.nanmean(np.where(answered.known[..., None], answered.y <= answered.quantiles[..., at], np.nan)))
            for at in range(len(QUANTILES))
        ]
        return {
            "horizons": [
                {
                    "step": int(step) + 1,
                    "rows": int(answered.known[:, step].sum()),
                    "mase": _known(answered.scaled[:, step]),
                    "mean_absolute_error": _known(answered.off[:, step]),
                    "covered": _known(answered.covered[:, step]),
                    "width": _known(width[:, step]),
                }
                for step in ahead.tolist()
            ],
            "intervals": {
                "wanted": COVERAGE,
                "widening": judged.decision.widening,
                "covered": _known(answered.covered),
                "width": _known(width),
                "decided_on": judged.decided_on,
                "quantiles": [[share, found] for share, found in zip(QUANTILES, below, strict=True)],
            },
            "season": int(self.task.target.state.get("season") or 1),
            "past": self._task.past,
        }

    def worst(self, answered: Foretold, most: int) -> Array:
        """The windows that are farthest off."""
        return np.argsort(-np.nan_to_num(answered.by_row), kind="stable")[:most]

    def typical(self, answered: Foretold, most: int) -> Array:
        """The windows that are as far off as half of all are."""
        middle = np.nanmedian(answered.by_row) if np.isfinite(answered.by_row).any() else 0.0
        return np.argsort(np.abs(np.nan_to_num(answered.by_row) - middle), kind="stable")[:most]

    def example(self, answered: Foretold, place: int, row: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        right = np.where(answered.known[place][:, None], answered.y[place], np.nan)
        return {
            "right": [[_plain(value) for value in step] for step in right.tolist()],
            "said": answered.said[place].tolist(),
            "low": answered.quantiles[place, ..., 0].tolist(),
            "high": answered.quantiles[place, ..., -1].tolist(),
            "mase": _plain(float(answered.by_row[place])),
        }

    def kept(self, answered: Foretold) -> dict[str, Array]:
        return {"y": answered.y, "known": answered.known, "quantiles": answered.quantiles, "scale": answered.scale}

    @classmethod
    def schema(cls) -> tuple[dict[str, Any], dict[str, Any]]:
        number, whole = {"type": ["number", "null"]}, {"type": "integer", "minimum": 0}
        steps = {"type": "array", "items": {"type": "array", "items": number}}
        parts = {
            "horizons": {
                "type": "array",
                "items": described(
                    step=whole, rows=whole, mase=number, mean_absolute_error=number, covered=number, width=number
                ),
            },
            "intervals": described(
                wanted=number, widening=number, covered=number, width=number, decided_on=whole, quantiles=steps
            ),
            "season": whole,
            "past": {"type": "string"},
        }
        return parts, {"right": steps, "said": steps, "low": steps, "high": steps, "mase": number}

    @classmethod
    def verdict(cls, report: Report) -> list[Text]:
        return shown.verdict(report)

    @classmethod
    def notes(cls, report: Report) -> list[Text]:
        return shown.notes(report)

    @classmethod
    def details(cls, report: Report) -> str:
        return shown.by_step(report)

    @classmethod
    def sections(cls, report: Report, thumbnails: Thumbnails) -> list[Section]:  # noqa: ARG003
        return [shown.examples_of(report), shown.trust(report)]

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return shown.words()

    @property
    def _task(self) -> Forecasting:
        assert isinstance(self.task, Forecasting)
        return self.task

    def _season(self, length: int) -> int:
        """The season that a past of so many steps shows; 1 where it shows none whole."""
        season = int(self.task.target.state.get("season") or 1)
        return season if season < length else 1

    def _foretold(self, quantiles: Array, truth: Array) -> Foretold:
        target, channels = self.task.target, self._task.channels
        assert isinstance(target, Series)
        scale = truth[:, 0, channels + 1 :]
        return Foretold(target.in_units(truth[..., :channels]), truth[..., channels] > 0, quantiles, scale)


def _known(values: Array) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
