"""Masks: how well the areas that are said to be of a class cover those that are."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation import _mask_page as shown
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
from sixfold.fields.mask import IGNORED
from sixfold.language import Text
from sixfold.tasks import Decision
from sixfold.tasks.segmentation import Segmentation

__all__ = ["Masks"]

_MOST_MIXED = 10


@dataclass(frozen=True)
class Masked(Answered):
    """Rows with the true class of each pixel and the one that a model said.

    Pixels whose truth says nothing do not count.

    Args:
        y: The truth (n, height, width), uint8; 255 says nothing.
        said: The answer (n, height, width), uint8.
        classes: How many there are.
    """

    y: Array
    said: Array
    classes: int

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.y)

    @cached_property
    def confusion(self) -> Array:
        """Of each row, how many pixels of each true class (second axis) were said to be of each (third): int64."""
        found = np.zeros((self.rows, self.classes, self.classes), np.int32)
        for row in range(self.rows):
            known = self.y[row] != IGNORED
            pairs = self.y[row][known].astype(np.int64) * self.classes + self.said[row][known]
            found[row] = np.bincount(pairs, minlength=self.classes**2).reshape(self.classes, self.classes)
        return found

    @cached_property
    def sums(self) -> tuple[Array, Array, Array]:
        """Of each row and class (n, classes) the pixels that are both true and said, true, and said; float64."""
        right = np.diagonal(self.confusion, axis1=1, axis2=2).astype(np.float64)
        return right, self.confusion.sum(axis=2).astype(np.float64), self.confusion.sum(axis=1).astype(np.float64)

    @cached_property
    def of_rows(self) -> Array:
        """The mean IoU of each row on its own (n,), over the classes that it has or is said to have."""
        right, true, said = self.sums
        union = true + said - right
        return np.asarray(np.nansum(_over(right, union), axis=1) / np.maximum((union > 0).sum(axis=1), 1))

    def kept(self, keep: Array) -> Masked:
        """The rows where ``keep`` is true."""
        return Masked(self.y[keep], self.said[keep], self.classes)


@figure(
    Text("Mean IoU", "平均交并比"),
    Text(
        "For each class, the area where answer and truth agree, as a share of the area that either of them has, over "
        "all pictures together; then the mean over the classes. 100 % is perfect. Higher is better.",
        "对每个类别，把所有图片合在一起：答案与真实一致的面积，占两者合起来的面积的比例；再对各类别取平均。"
        "100% 表示完全准确。越高越好。",
    ),
    "share",
)
def mean_iou(masked: Masked, counts: Array) -> float:
    return _mean(_ious(masked, counts))


@figure(
    Text("Pixel accuracy", "像素准确率"),
    Text(
        "The share of all pixels whose class is right. Large areas decide it. Higher is better.",
        "类别正确的像素比例。它主要由大块区域决定。越高越好。",
    ),
    "share",
)
def pixel_accuracy(masked: Masked, counts: Array) -> float:
    right, true, _ = masked.sums
    total = (counts[:, None] * true).sum()
    return float((counts[:, None] * right).sum() / total) if total else float("nan")


@figure(
    Text("Mean class accuracy", "平均类别准确率"),
    Text(
        "For each class, the share of its pixels that were found; then the mean over the classes. Higher is better.",
        "对每个类别，被找出的像素所占的比例；再对各类别取平均。越高越好。",
    ),
    "share",
)
def mean_class_accuracy(masked: Masked, counts: Array) -> float:
    right, true, _ = masked.sums
    return _mean(_over((counts[:, None] * right).sum(axis=0), (counts[:, None] * true).sum(axis=0)))


class Masks(SideBySide[Masked]):
    """Judged by how well areas cover each other, class by class.

    Compared with the commonest class of all, and with the commonest class at each place of a picture.
    """

    title: ClassVar[Text] = Text("masks", "掩码")
    formulas: ClassVar[tuple[Formula, ...]] = (mean_iou, pixel_accuracy, mean_class_accuracy)
    baselines: ClassVar[Mapping[str, Text]] = {
        "commonest_pixel": Text("Always the commonest class", "总猜最常见的类别"),
        "place": Text("The commonest class at each place", "每个位置猜该处最常见的类别"),
    }

    def truth(self, encoded: Array) -> Array:
        """The class of each pixel (n, height, width), uint8; 255 says nothing."""
        return encoded[..., 0]

    def is_known(self, truth: Array) -> Array:
        """Not rows of which no pixel says anything."""
        return np.asarray((truth != IGNORED).any(axis=(1, 2)))

    def decide(self, outputs: Array, truth: Array) -> Decision:  # noqa: ARG002
        """Nothing is to be decided: of each pixel the likeliest class is said."""
        return Decision()

    def told(self, decision: Decision) -> Text:  # noqa: ARG002
        return Text("the likeliest class of each pixel", "每个像素取可能性最大的类别")

    def answered(self, outputs: Array, truth: Array, decision: Decision) -> Masked:  # noqa: ARG002
        return self.guessed(outputs[..., 0], truth)

    def yardsticks(
        self,
        given: Mapping[str, Field],  # noqa: ARG002
        sample: Encoded,  # noqa: ARG002
        training: Array,
        *,
        seed: int = 0,  # noqa: ARG002
    ) -> list[Yardstick]:
        """The commonest class of the training rows: of all pixels, and of those at the same place."""
        counts = np.stack([(training == code).sum(axis=0) for code in range(self._classes)])
        commonest, at_places = int(counts.sum(axis=(1, 2)).argmax()), counts.argmax(axis=0).astype(np.uint8)
        at_places[counts.sum(axis=0) == 0] = commonest
        everywhere = np.full_like(at_places, commonest)
        return [
            _always("commonest_pixel", everywhere, len(training)),
            _always("place", at_places, len(training)),
        ]

    def guessed(self, outputs: Array, truth: Array) -> Masked:
        return Masked(truth, outputs, self._classes)

    def parts(self, judged: Judged[Masked]) -> dict[str, Any]:
        answered, training = judged.answered, judged.training
        every = np.ones(answered.rows)
        ious, (low, high) = _ious(answered, every), _intervals(answered, judged.seed)
        right, true, said = (total.sum(axis=0) for total in answered.sums)
        trained = np.stack([(training == code).any(axis=(1, 2)).sum() for code in range(self._classes)])
        classes = [
            {
                "class": name,
                "color": self._task.mask.colors[code],
                "iou": _known(ious[code]),
                "low": _known(low[code]),
                "high": _known(high[code]),
                "precision": _known(_over(right, said)[code]),
                "recall": _known(_over(right, true)[code]),
                "pixels": float(true[code] / max(true.sum(), 1)),
                "rows": int((answered.sums[1][:, code] > 0).sum()),
                "training_rows": int(trained[code]),
            }
            for code, name in enumerate(self._task.classes)
        ]
        return {"classes": classes, "mixed": self._mixed(answered)}

    def worst(self, answered: Masked, most: int) -> Array:
        """The rows whose own mean IoU is lowest."""
        return np.argsort(answered.of_rows, kind="stable")[:most]

    def typical(self, answered: Masked, most: int) -> Array:
        """The rows whose own mean IoU is nearest to the median."""
        own = answered.of_rows
        return np.argsort(np.abs(own - np.median(own)), kind="stable")[:most]

    def example(self, answered: Masked, place: int, row: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        mask = self._task.mask
        files = {"right": answered.y[place], "said": answered.said[place]}
        return {
            **{name: base64.b64encode(mask.file(codes)).decode() for name, codes in files.items()},
            "iou": float(answered.of_rows[place]),
        }

    def kept(self, answered: Masked) -> dict[str, Array]:
        right, true, said = answered.sums
        return {"right": right, "true": true, "said": said}

    @classmethod
    def schema(cls) -> tuple[dict[str, Any], dict[str, Any]]:
        number, whole, text = {"type": ["number", "null"]}, {"type": "integer", "minimum": 0}, {"type": "string"}
        one = described(
            **{"class": text},
            color=text,
            iou=number,
            low=number,
            high=number,
            precision=number,
            recall=number,
            pixels=number,
            rows=whole,
            training_rows=whole,
        )
        mixed = described(truth=text, said=text, pixels=number, share=number)
        parts = {"classes": {"type": "array", "items": one}, "mixed": {"type": "array", "items": mixed}}
        return parts, {"right": text, "said": text, "iou": number}

    @classmethod
    def verdict(cls, report: Report) -> list[Text]:
        return shown.verdict(report)

    @classmethod
    def notes(cls, report: Report) -> list[Text]:  # noqa: ARG003
        return shown.notes()

    @classmethod
    def details(cls, report: Report) -> str:
        return shown.by_class(report)

    @classmethod
    def sections(cls, report: Report, thumbnails: Thumbnails) -> list[Section]:
        return [shown.mistakes(report, thumbnails)]

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return shown.words()

    def _mixed(self, answered: Masked) -> list[dict[str, Any]]:
        """Which classes are taken for which others: the most pixels first."""
        whole = answered.confusion.sum(axis=0)
        names, total = self._task.classes, max(int(whole.sum()), 1)
        wrong = np.where(np.eye(len(names), dtype=bool), 0, whole)
        order = np.argsort(-wrong.reshape(-1), kind="stable")[:_MOST_MIXED]
        return [
            {
                "truth": names[true],
                "said": names[said],
                "pixels": float(wrong[true, said] / total),
                "share": float(wrong[true, said] / whole[true].sum()),
            }
            for true, said in (divmod(int(place), len(names)) for place in order)
            if wrong[true, said]
        ]

    @property
    def _task(self) -> Segmentation:
        assert isinstance(self.task, Segmentation)
        return self.task

    @property
    def _classes(self) -> int:
        return len(self._task.classes)


def _always(name: str, places: Array, rows: int) -> Yardstick:
    """What says the same mask (height, width) of every row."""
    return Yardstick(
        name, {"training_rows": rows}, lambda arrays: np.repeat(places[None], len(next(iter(arrays.values()))), axis=0)
    )


def _ious(masked: Masked, counts: Array) -> Array:
    """The IoU of each class over rows that are counted so often; NaN where neither truth nor answer has it."""
    right, true, said = ((counts[:, None] * total).sum(axis=0) for total in masked.sums)
    return _over(right, true + said - right)


def _intervals(masked: Masked, seed: int) -> Array:
    """The 95 % interval of each class's IoU, by the bootstrap over rows: (2, classes)."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(RESAMPLES):
        counts = np.bincount(draw.integers(0, masked.rows, masked.rows), minlength=masked.rows).astype(np.float64)
        found.append(_ious(masked, counts))
    draws = np.stack(found)
    known = np.isfinite(draws).any(axis=0)
    ends = np.full((2, draws.shape[1]), np.nan)
    ends[:, known] = np.nanquantile(draws[:, known], (0.025, 0.975), axis=0)
    return ends


def _over(part: Array, whole: Array) -> Array:
    """Shares; NaN of nothing."""
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0))


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
