"""Boxes: how many of those there are were found, and how many of those that were said are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation import _box_page as shown
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
from sixfold.evaluation._figures import RESAMPLES
from sixfold.evaluation._formula import Answered, Formula, figure
from sixfold.fields import Array, Field
from sixfold.language import Text
from sixfold.tasks import Decision
from sixfold.tasks.detection import LABEL, SCORE, Detection

__all__ = ["Boxed", "Boxes"]

_HALF = 0.5
_STRICTER = tuple(0.5 + 0.05 * step for step in range(10))
"""The IoUs of COCO's average precision: 0.50, 0.55 … 0.95."""

_RECALLS = np.linspace(0, 1, 101)
_MOST_A_PICTURE = 100
"""COCO counts so many boxes of a picture, the surest."""

_CURVE = 60
_COMPARED = 60
"""Training rows among which the most typical one is looked for."""

_ALMOST = 1e-9


@dataclass(frozen=True)
class Boxed(Answered):
    """Rows with the true boxes and those that a model said.

    Args:
        y: The truth (n, most, 5): label (0: none), left, top, width, height.
        said: The answers (n, count, 6): label (0: none), score, left, top, width, height.
        told: Which of them are told as answers (n, count); the others have too low a score.
        classes: How many labels there are.
    """

    y: Array
    said: Array
    told: Array
    classes: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.y)

    @cached_property
    def true(self) -> Array:
        """How many true boxes of each class each row has (n, classes), float64."""
        return np.stack([(self.y[..., 0] == label).sum(axis=1) for label in self._labels], axis=1).astype(np.float64)

    @cached_property
    def ranked(self) -> list[tuple[Array, Array]]:
        """For each class, of all its said boxes by falling score: their row, and that score."""
        found = []
        for label in self._labels:
            rows, places = np.nonzero(self.said[..., LABEL] == label)
            scores = self.said[rows, places, SCORE]
            order = np.argsort(-scores, kind="stable")
            found.append((rows[order], scores[order]))
        return found

    @cached_property
    def right(self) -> list[Array]:
        """For each class, which of its ranked boxes are right, at IoU 0.5 by VOC's rule (boxes,)."""
        return [self._matched(label, _HALF, by_voc=True) for label in self._labels]

    @cached_property
    def right_alone(self) -> list[Array]:
        """The same by COCO's rule."""
        return [self._matched(label, _HALF, by_voc=False) for label in self._labels]

    @cached_property
    def right_by_coco(self) -> list[list[Array]]:
        """The same for each IoU from 0.50 to 0.95, by COCO's rule."""
        stricter = [[self._matched(label, iou, by_voc=False) for label in self._labels] for iou in _STRICTER[1:]]
        return [self.right_alone, *stricter]

    @cached_property
    def tallies(self) -> tuple[Array, Array]:
        """Of each row and class (n, classes) how many boxes are told, and how many of them are right; float64."""
        told, right = np.zeros((2, self.rows, self.classes))
        for place, label in enumerate(self._labels):
            rows, places = np.nonzero(self.said[..., LABEL] == label)
            order = np.argsort(-self.said[rows, places, SCORE], kind="stable")
            is_told = self.told[rows[order], places[order]]
            np.add.at(told[:, place], rows[order], is_told)
            np.add.at(right[:, place], rows[order], is_told & self.right_alone[place])
        return told, right

    @cached_property
    def of_rows(self) -> Array:
        """The F1 of the told boxes of each row (n,); 1 where there is nothing and nothing was said."""
        told, right = (tally.sum(axis=1) for tally in self.tallies)
        both = told + self.true.sum(axis=1)
        return np.asarray(np.where(both > 0, 2 * right / np.maximum(both, 1), 1.0))

    def kept(self, keep: Array) -> Boxed:
        """The rows where ``keep`` is true."""
        return Boxed(self.y[keep], self.said[keep], self.told[keep], self.classes)

    @property
    def _labels(self) -> range:
        return range(1, self.classes + 1)

    def _matched(self, label: int, least: float, *, by_voc: bool) -> Array:
        """Which said boxes of a class are right, ranked by score over all rows.

        By VOC (Everingham et al. 2010), a box belongs to the true one that it covers best, and is wrong if that is
        taken already; by COCO (Lin et al. 2014), to the best one that is still free, and only 100 of a picture count.
        """
        right: list[Array] = []
        for truth, said in zip(self.y, self.said, strict=True):
            ours = said[said[:, LABEL] == label]
            ours = ours[np.argsort(-ours[:, SCORE], kind="stable")]
            theirs = truth[truth[:, 0] == label]
            found = np.zeros(len(ours), bool)
            if len(ours) and len(theirs):
                overlap = overlaps(ours[:, 2:], theirs[:, 1:])
                free = np.ones(len(theirs), bool)
                for place, row in enumerate(overlap[: None if by_voc else _MOST_A_PICTURE]):
                    best = int((row if by_voc else np.where(free, row, -1.0)).argmax())
                    found[place] = row[best] >= least - _ALMOST and free[best]
                    free[best] &= not found[place]
            right.append(found)
        rows, _ = np.nonzero(self.said[..., LABEL] == label)
        scores = np.concatenate(
            [
                np.zeros(0),
                *(np.sort(said[said[:, LABEL] == label, SCORE])[::-1] for said in self.said),
            ]
        )
        together = np.concatenate([np.zeros(0, bool), *right])
        assert len(rows) == len(together)
        return together[np.argsort(-scores, kind="stable")]


def overlaps(ours: Array, theirs: Array) -> Array:
    """The IoU of each of some boxes (n, 4) of left, top, width and height with each of others (m, 4): (n, m)."""
    near = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    far = np.minimum(ours[:, None, :2] + ours[:, None, 2:], theirs[None, :, :2] + theirs[None, :, 2:])
    shared = np.prod(np.maximum(far - near, 0.0), axis=-1, dtype=np.float64)
    union = np.prod(ours[:, 2:], axis=1)[:, None] + np.prod(theirs[:, 2:], axis=1)[None] - shared
    return np.asarray(shared / np.maximum(union, 1e-12))


@figure(
    Text("Average precision at IoU 0.5", "平均精度（IoU 0.5）"),
    Text(
        "A said box is right if it covers a true one of its label by half (their overlap as a share of their union). "
        "From the surest box to the least sure one: the precision at every recall, averaged (all points, as in Pascal "
        "VOC since 2010); then the mean over the labels. 100 % is perfect. Higher is better.",
        "所答的框与同标签的真实框重合一半（交并比不低于 0.5）就算正确。从最有把握的框到最没把握的框，"
        "对每个召回率处的精确率取平均（全点法，Pascal VOC 2010 起）；再对各标签取平均。100% 表示完全准确。越高越好。",
    ),
    "share",
    cost=lambda boxed: sum(len(rows) for rows, _ in boxed.ranked),
)
def average_precision_50(boxed: Boxed, counts: Array) -> float:
    return _mean(_precisions(boxed, boxed.right, counts))


@figure(
    Text("Average precision, COCO", "平均精度（COCO）"),
    Text(
        "The same by COCO's rule: the mean over ten overlaps from 0.50 to 0.95, so that boxes must also be tight. "
        "Higher is better.",
        "按 COCO 规则的同一指标：对 0.50 到 0.95 的十个重合程度取平均，因此框还要贴得紧。越高越好。",
    ),
    "share",
    cost=lambda boxed: len(_STRICTER) * sum(len(rows) for rows, _ in boxed.ranked),
)
def average_precision(boxed: Boxed, counts: Array) -> float:
    return _mean(np.array([_mean(_precisions(boxed, right, counts, by_coco=True)) for right in boxed.right_by_coco]))


@figure(
    Text("Right of what is told", "所答中正确的"),
    Text(
        "Of the boxes that the product tells, the share that is right (precision at IoU 0.5). Higher is better.",
        "产品答出的框中，正确的比例（IoU 0.5 时的精确率）。越高越好。",
    ),
    "share",
)
def box_precision(boxed: Boxed, counts: Array) -> float:
    told, right = boxed.tallies
    return _share((counts[:, None] * right).sum(), (counts[:, None] * told).sum())


@figure(
    Text("Found of what there is", "实有中找到的"),
    Text(
        "Of the boxes that there are, the share that the product tells (recall at IoU 0.5). Higher is better.",
        "实际存在的框中，产品找到的比例（IoU 0.5 时的召回率）。越高越好。",
    ),
    "share",
)
def box_recall(boxed: Boxed, counts: Array) -> float:
    return _share((counts[:, None] * boxed.tallies[1]).sum(), (counts[:, None] * boxed.true).sum())


class Boxes(SideBySide[Boxed]):
    """Judged by average precision, label by label.

    A box is told from a score on that is fitted for its label on validation rows. Compared with always saying the boxes
    of the most typical training picture, and with tiles of the usual size.
    """

    title: ClassVar[Text] = Text("boxes", "框")
    formulas: ClassVar[tuple[Formula, ...]] = (average_precision_50, average_precision, box_precision, box_recall)
    baselines: ClassVar[Mapping[str, Text]] = {
        "layout": Text("Always the most typical picture's boxes", "总答最典型图片的框"),
        "tiles": Text("Tiles of the usual box", "以通常大小的框铺满图片"),
    }

    def truth(self, encoded: Array) -> Array:
        """The boxes as they are encoded (n, most, 5)."""
        return encoded

    def is_known(self, truth: Array) -> Array:
        """All rows: one without a box is a picture in which there is nothing."""
        return np.ones(len(truth), bool)

    def decide(self, outputs: Array, truth: Array) -> Decision:
        """For each label the score from which boxes are told: the one of the highest F1 at IoU 0.5.

        A label that no validation row has takes that of all labels together.
        """
        boxed = self._boxed(outputs, truth, np.ones(outputs.shape[:2], bool))
        if not boxed.true.sum():
            return Decision()
        every = np.argsort(-np.concatenate([scores for _, scores in boxed.ranked]), kind="stable")
        scores = np.concatenate([scores for _, scores in boxed.ranked])[every]
        common = _best(scores, np.concatenate(boxed.right_alone)[every], float(boxed.true.sum()), _HALF)
        own = [
            _best(scores, right, float(count), common)
            for (_, scores), right, count in zip(boxed.ranked, boxed.right_alone, boxed.true.sum(axis=0), strict=True)
        ]
        return Decision(threshold=common, thresholds=tuple(own))

    def told(self, decision: Decision) -> Text:
        scores = self._task.thresholds(decision)
        names = [f"{name} {score:.2f}" for name, score in zip(self._task.classes, scores, strict=True)][:5]
        more = " …" if len(scores) > len(names) else ""
        return Text(
            f"a box is told from this score on: {', '.join(names)}{more}",
            f"得分达到以下数值的框才会答出：{'、'.join(names)}{more}",
        )

    def answered(self, outputs: Array, truth: Array, decision: Decision) -> Boxed:
        return self._boxed(outputs, truth, self._task.is_told(outputs, decision))

    def yardsticks(
        self,
        given: Mapping[str, Field],  # noqa: ARG002
        sample: Encoded,
        training: Array,
        *,
        seed: int = 0,
    ) -> list[Yardstick]:
        """The boxes of the training row that most resembles the others, and tiles of the commonest label's size."""
        rows = sample.y if len(sample.y) else training
        some = rows[np.random.default_rng(seed).permutation(len(rows))[:_COMPARED]]
        said = _as_said(some)
        alike = [
            self._boxed(
                np.repeat(one[None], len(some), axis=0), some, np.repeat(one[None, :, 0] > 0, len(some), axis=0)
            )
            for one in said
        ]
        typical = said[int(np.argmax([one.of_rows.mean() for one in alike]))]
        return [_always("layout", typical, len(some)), _always("tiles", self._tiles(training), len(training))]

    def guessed(self, outputs: Array, truth: Array) -> Boxed:
        return self._boxed(outputs, truth, outputs[..., LABEL] > 0)

    def parts(self, judged: Judged[Boxed]) -> dict[str, Any]:
        answered, every = judged.answered, np.ones(judged.answered.rows)
        values, (low, high) = _precisions(answered, answered.right, every), _intervals(answered, judged.seed)
        told, right = (tally.sum(axis=0) for tally in answered.tallies)
        true, scores = answered.true.sum(axis=0), self._task.thresholds(judged.decision)
        classes = [
            {
                "class": name,
                "color": self._task.boxes.colors[place],
                "average_precision": _known(values[place]),
                "low": _known(low[place]),
                "high": _known(high[place]),
                "precision": _known(_share(right[place], told[place])),
                "recall": _known(_share(right[place], true[place])),
                "boxes": int(true[place]),
                "told": int(told[place]),
                "training_boxes": int((judged.training[..., 0] == place + 1).sum()),
                "threshold": float(scores[place]),
                "curve": _curve(answered, place),
            }
            for place, name in enumerate(self._task.classes)
        ]
        return {"classes": classes, "decided_on": judged.decided_on}

    def worst(self, answered: Boxed, most: int) -> Array:
        """The rows whose told boxes agree least with the true ones."""
        return np.argsort(answered.of_rows, kind="stable")[:most]

    def typical(self, answered: Boxed, most: int) -> Array:
        """The rows whose agreement is nearest to the median."""
        own = answered.of_rows
        return np.argsort(np.abs(own - np.median(own)), kind="stable")[:most]

    def example(self, answered: Boxed, place: int, row: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        told, right = (int(tally[place].sum()) for tally in answered.tallies)
        kept = answered.said[place][answered.told[place]]
        points = np.delete(kept, SCORE, axis=1)
        true = int(answered.true[place].sum())
        return {
            "right": self._task.boxes.told(answered.y[place]),
            "said": self._task.boxes.told(points),
            "found": right,
            "missed": true - right,
            "wrong": told - right,
        }

    def kept(self, answered: Boxed) -> dict[str, Array]:
        return {"y": answered.y, "said": answered.said}

    @classmethod
    def schema(cls) -> tuple[dict[str, Any], dict[str, Any]]:
        number, whole, text = {"type": ["number", "null"]}, {"type": "integer", "minimum": 0}, {"type": "string"}
        one = described(
            **{"class": text},
            color=text,
            average_precision=number,
            low=number,
            high=number,
            precision=number,
            recall=number,
            boxes=whole,
            told=whole,
            training_boxes=whole,
            threshold=number,
            curve={"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        )
        box = described(label=text, x=number, y=number, width=number, height=number)
        boxes = {"type": "array", "items": box}
        parts = {"classes": {"type": "array", "items": one}, "decided_on": whole}
        return parts, {"right": boxes, "said": boxes, "found": whole, "missed": whole, "wrong": whole}

    @classmethod
    def verdict(cls, report: Report) -> list[Text]:
        return shown.verdict(report)

    @classmethod
    def notes(cls, report: Report) -> list[Text]:
        return shown.notes(report)

    @classmethod
    def details(cls, report: Report) -> str:
        return shown.by_class(report)

    @classmethod
    def sections(cls, report: Report, thumbnails: Thumbnails) -> list[Section]:
        return [shown.mistakes(report, thumbnails)]

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return shown.words()

    def _boxed(self, outputs: Array, truth: Array, told: Array) -> Boxed:
        return Boxed(truth, outputs, told, len(self._task.classes))

    def _tiles(self, training: Array) -> Array:
        """The picture filled with boxes of the commonest label, in its median size: (count, 6)."""
        boxes = training[training[..., 0] > 0]
        label = float(np.bincount(boxes[:, 0].astype(int)).argmax())
        width, height = np.median(boxes[boxes[:, 0] == label, 3:], axis=0)
        across, down = (max(1, round(1 / max(float(side), 0.05))) for side in (width, height))
        return np.array(
            [
                (label, 1.0, column / across, row / down, 1 / across, 1 / down)
                for row in range(down)
                for column in range(across)
            ],
            np.float32,
        )

    @property
    def _task(self) -> Detection:
        assert isinstance(self.task, Detection)
        return self.task


def _as_said(truth: Array) -> Array:
    """True boxes (n, most, 5) as a model would say them, each with score 1: (n, most, 6)."""
    score = (truth[..., :1] > 0).astype(truth.dtype)
    return np.concatenate([truth[..., :1], score, truth[..., 1:]], axis=-1)


def _always(name: str, boxes: Array, rows: int) -> Yardstick:
    """What says the same boxes (count, 6) of every row."""
    return Yardstick(
        name, {"training_rows": rows}, lambda arrays: np.repeat(boxes[None], len(next(iter(arrays.values()))), axis=0)
    )


def _precisions(boxed: Boxed, right: list[Array], counts: Array, *, by_coco: bool = False) -> Array:
    """The average precision of each class over rows that are counted so often; NaN of one that no row has."""
    true = counts @ boxed.true
    found = np.full(boxed.classes, np.nan)
    for place, (rows, _) in enumerate(boxed.ranked):
        if true[place] > 0:
            weights = counts[rows]
            hits = np.cumsum(weights * right[place])
            recall, precision = hits / true[place], hits / np.maximum(np.cumsum(weights), _ALMOST)
            # What a lower threshold mends counts for the higher ones too: precision never rises with recall.
            highest = np.maximum.accumulate(precision[::-1])[::-1]
            if by_coco:
                at = np.searchsorted(recall, _RECALLS - _ALMOST, side="left")
                found[place] = np.append(highest, 0.0)[at].mean()
            else:
                found[place] = float((np.diff(recall, prepend=0.0) * highest).sum())
    return found


def _intervals(boxed: Boxed, seed: int) -> Array:
    """The 95 % interval of each class's average precision at IoU 0.5, by the bootstrap over rows: (2, classes)."""
    draw = np.random.default_rng(seed)
    draws = np.stack(
        [
            _precisions(
                boxed,
                boxed.right,
                np.bincount(draw.integers(0, boxed.rows, boxed.rows), minlength=boxed.rows).astype(np.float64),
            )
            for _ in range(average_precision_50.resamples(boxed, RESAMPLES))
        ]
    )
    known = np.isfinite(draws).any(axis=0)
    ends = np.full((2, draws.shape[1]), np.nan)
    ends[:, known] = np.nanquantile(draws[:, known], (0.025, 0.975), axis=0)
    return ends


def _curve(boxed: Boxed, place: int) -> list[list[float]]:
    """Precision by recall of one class, at most sixty points: [recall, precision]."""
    true, right = boxed.true[:, place].sum(), boxed.right[place]
    if not true or not len(right):
        return []
    hits = np.cumsum(right)
    precision = np.maximum.accumulate((hits / np.arange(1, len(right) + 1))[::-1])[::-1]
    chosen = np.unique(np.linspace(0, len(right) - 1, min(_CURVE, len(right))).round().astype(int))
    return [[float(hits[at] / true), float(precision[at])] for at in chosen]


def _best(scores: Array, right: Array, true: float, otherwise: float) -> float:
    """The score from which boxes (falling) have the highest F1; between two, half-way to the next one."""
    if not true or not right.any():
        return otherwise
    f1 = 2 * np.cumsum(right) / (np.arange(1, len(right) + 1) + true)
    last = int(f1.argmax())
    below = scores[last + 1] if last + 1 < len(scores) else 0.0
    return float((scores[last] + below) / 2)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
