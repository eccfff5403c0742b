"""Paths of agents: how far the one path and the best of twenty futures are from where they went."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation import _track_page as shown
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
from sixfold.evaluation._formula import Answered, Formula, figure, mean_of
from sixfold.fields import Array, Field
from sixfold.fields.series import Series
from sixfold.language import Text
from sixfold.tasks import Decision
from sixfold.tasks.behaviour import Behaviour

__all__ = ["Tracks"]

_TEMPERATURES = (0.1, 10.0, 60)
_FEWEST_TO_CALIBRATE = 20


@dataclass(frozen=True)
class Moved(Answered):
    """Agents with where they went and what was said of it, in the units of the target.

    Args:
        y: Where they went (n, steps, channels); anything where it is not known.
        known: Whether each step is known (n, steps).
        path: The one path (n, steps, channels).
        futures: What else may come (n, futures, steps, channels); of a yardstick, its one path.
        chances: Of each future (n, futures).
    """

    y: Array
    known: Array
    path: Array
    futures: Array
    chances: Array

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.y)

    @cached_property
    def gaps(self) -> Array:
        """How far the one path is off at each step (n, steps); NaN where nothing is known."""
        return _gaps(self.path, self.y, self.known)

    @cached_property
    def off(self) -> Array:
        """The mean of it (n,)."""
        return _mean(self.gaps)

    @cached_property
    def at_the_end(self) -> Array:
        """How far the one path is off at the last step that is known (n,)."""
        return _last(self.gaps, self.known)

    @cached_property
    def each(self) -> Array:
        """The same for every future (n, futures, steps)."""
        return _gaps(self.futures, self.y[:, None], self.known[:, None])

    @cached_property
    def best(self) -> Array:
        """How far the best future is off on average (n,)."""
        return np.asarray(_mean(self.each).min(axis=1))

    @cached_property
    def best_at_the_end(self) -> Array:
        """How far the future that ends nearest is off there (n,)."""
        return np.asarray(_last(self.each, self.known[:, None]).min(axis=1))

    def kept(self, keep: Array) -> Moved:
        """The rows where ``keep`` is true."""
        return Moved(self.y[keep], self.known[keep], self.path[keep], self.futures[keep], self.chances[keep])


def _gaps(paths: Array, y: Array, known: Array) -> Array:
    distances = np.sqrt(((paths - y) ** 2).sum(axis=-1))
    return np.where(np.broadcast_to(known, distances.shape), distances, np.nan)


def _mean(gaps: Array) -> Array:
    known = np.isfinite(gaps)
    return np.asarray(np.where(known, gaps, 0.0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1))


def _last(gaps: Array, known: Array) -> Array:
    steps = known.shape[-1]
    last = steps - 1 - np.argmax(known[..., ::-1], axis=-1)
    places = np.broadcast_to(last[..., None], (*gaps.shape[:-1], 1))
    return np.asarray(np.take_along_axis(gaps, places, axis=-1)[..., 0])


@figure(
    Text("Average displacement (ADE)", "平均位移误差（ADE）"),
    Text(
        "How far the one path is from where the agent went, on average over its steps, in the units of the target. "
        "Lower is better.",
        "给出的一条路径与实际位置平均相距多远，对各步取平均，以目标列的单位计。越低越好。",
    ),
    "amount",
)
def average_displacement(moved: Moved, counts: Array) -> float:
    return mean_of(moved.off, counts)


@figure(
    Text("Final displacement (FDE)", "终点位移误差（FDE）"),
    Text(
        "How far the one path is from where the agent went at the last step. Lower is better.",
        "最后一步时，给出的一条路径与实际位置相距多远。越低越好。",
    ),
    "amount",
)
def final_displacement(moved: Moved, counts: Array) -> float:
    return mean_of(moved.at_the_end, counts)


@figure(
    Text("Best of 20, average", "二十选一的平均误差"),
    Text(
        "The same of the future that comes nearest, of twenty (Gupta et al. 2018). It asks whether what came was among "
        "what was thought possible. Lower is better.",
        "二十个未来中最接近实际的那一个的平均位移误差（Gupta 等，2018）：实际发生的是否在设想之中。越低越好。",
    ),
    "amount",
)
def best_average_displacement(moved: Moved, counts: Array) -> float:
    return mean_of(moved.best, counts)


@figure(
    Text("Best of 20, final", "二十选一的终点误差"),
    Text(
        "The distance at the last step, of the future that ends nearest, of twenty. Lower is better.",
        "二十个未来中终点最接近实际的那一个，在最后一步相距多远。越低越好。",
    ),
    "amount",
)
def best_final_displacement(moved: Moved, counts: Array) -> float:
    return mean_of(moved.best_at_the_end, counts)


class Tracks(SideBySide[Moved]):
    """Judged by the distance from where agents went; compared with going on at the same velocity, and standing still.

    The chances of futures are calibrated on validation rows.
    """

    title: ClassVar[Text] = Text("paths", "路径")
    formulas: ClassVar[tuple[Formula, ...]] = (
        average_displacement,
        final_displacement,
        best_average_displacement,
        best_final_displacement,
    )
    baselines: ClassVar[Mapping[str, Text]] = {
        "constant_velocity": Text("Going on at the same velocity", "保持原速直行"),
        "standing": Text("Standing still", "原地不动"),
    }

    def truth(self, encoded: Array) -> Array:
        """Coordinates, and whether each step is known: (n, steps, channels + 1)."""
        return encoded.astype(np.float64)

    def is_known(self, truth: Array) -> Array:
        """Not agents of which no step is known."""
        return np.asarray((truth[..., -1] > 0).any(axis=1))

    def decide(self, outputs: Array, truth: Array) -> Decision:
        """The temperature under which the future that came nearest was held likeliest (Guo et al. 2017)."""
        if len(truth) < _FEWEST_TO_CALIBRATE:
            return Decision()
        moved = self.answered(outputs, truth, Decision())
        best = _mean(moved.each).argmin(axis=1)
        rows = np.arange(len(best))

        def loss(temperature: float) -> float:
            chances = self._task.chances(outputs, Decision(temperature=temperature))
            return float(-np.log(np.maximum(chances[rows, best], 1e-12)).mean())

        return Decision(temperature=float(min(np.geomspace(*_TEMPERATURES), key=loss)))

    def told(self, decision: Decision) -> Text:
        value = f"{decision.temperature:.2f}"
        return Text(f"temperature {value} for the chances of futures", f"各个未来的概率所用温度为 {value}")

    def answered(self, outputs: Array, truth: Array, decision: Decision) -> Moved:
        paths = self._task.paths(outputs)
        return self._moved(paths[:, 0], paths[:, 1:], self._task.chances(outputs, decision), truth)

    def yardsticks(
        self,
        given: Mapping[str, Field],  # noqa: ARG002
        sample: Encoded,  # noqa: ARG002
        training: Array,  # noqa: ARG002
        *,
        seed: int = 0,  # noqa: ARG002
    ) -> list[Yardstick]:
        """The velocity of the last step, for ever; and staying where one stands."""
        past, channels, ahead = self._task.past, self._task.channels, np.arange(1, self._task.steps + 1)[:, None]

        def going_on(arrays: Mapping[str, Array]) -> Array:
            steps = arrays[past][..., :channels].astype(np.float64)
            return steps[:, -1:] + ahead * (steps[:, -1:] - steps[:, -2:-1])

        def standing(arrays: Mapping[str, Array]) -> Array:
            return np.repeat(arrays[past][:, -1:, :channels].astype(np.float64), len(ahead), axis=1)

        return [Yardstick("constant_velocity", {}, going_on), Yardstick("standing", {}, standing)]

    def guessed(self, outputs: Array, truth: Array) -> Moved:
        target = self.task.target
        assert isinstance(target, Series)
        paths = target.in_units(outputs)
        return self._moved(paths, paths[:, None], np.ones((len(paths), 1)), truth)

    def parts(self, judged: Judged[Moved]) -> dict[str, Any]:
        moved = judged.answered
        steps = moved.y.shape[1]
        nearest = _mean(moved.each).argmin(axis=1)
        ranks = (moved.chances > moved.chances[np.arange(moved.rows), nearest][:, None]).sum(axis=1)
        return {
            "horizons": [
                {
                    "step": step + 1,
                    "rows": int(moved.known[:, step].sum()),
                    "distance": _known(moved.gaps[:, step]),
                    "best_distance": _known(moved.each[:, :, step].min(axis=1)),
                }
                for step in range(steps)
            ],
            "futures": {
                "count": int(moved.futures.shape[1]),
                "temperature": judged.decision.temperature,
                "likeliest_is_nearest": float((ranks == 0).mean()),
                "among_five": float((ranks < 5).mean()),  # noqa: PLR2004 — as many as one looks at
            },
            "past": self._task.past,
            "nearby": self._task.nearby,
        }

    def worst(self, answered: Moved, most: int) -> Array:
        """The agents whose best future is farthest off."""
        return np.argsort(-answered.best, kind="stable")[:most]

    def typical(self, answered: Moved, most: int) -> Array:
        """The agents whose one path is as far off as half of all are."""
        return np.argsort(np.abs(answered.off - np.median(answered.off)), kind="stable")[:most]

    def example(self, answered: Moved, place: int, row: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        right = np.where(answered.known[place][:, None], answered.y[place], np.nan)
        return {
            "right": [[_plain(value) for value in step] for step in right.tolist()],
            "said": answered.path[place].tolist(),
            "futures": answered.futures[place].tolist(),
            "chances": answered.chances[place].tolist(),
            "off": float(answered.off[place]),
        }

    def kept(self, answered: Moved) -> dict[str, Array]:
        return {
            "y": answered.y,
            "known": answered.known,
            "path": answered.path,
            "futures": answered.futures.astype(np.float32),
            "chances": answered.chances,
        }

    @classmethod
    def schema(cls) -> tuple[dict[str, Any], dict[str, Any]]:
        number, whole = {"type": ["number", "null"]}, {"type": "integer", "minimum": 0}
        path = {"type": "array", "items": {"type": "array", "items": number}}
        parts = {
            "horizons": {
                "type": "array",
                "items": described(step=whole, rows=whole, distance=number, best_distance=number),
            },
            "futures": described(count=whole, temperature=number, likeliest_is_nearest=number, among_five=number),
            "past": {"type": "string"},
            "nearby": {"type": ["string", "null"]},
        }
        example = {
            "right": path,
            "said": path,
            "futures": {"type": "array", "items": path},
            "chances": {"type": "array", "items": number},
            "off": number,
        }
        return parts, example

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
        return [shown.examples_of(report)]

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return shown.words()

    @property
    def _task(self) -> Behaviour:
        assert isinstance(self.task, Behaviour)
        return self.task

    def _moved(self, path: Array, futures: Array, chances: Array, truth: Array) -> Moved:
        target = self.task.target
        assert isinstance(target, Series)
        return Moved(target.in_units(truth[..., :-1]), truth[..., -1] > 0, path, futures, chances)


def _known(values: Array) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
