"""Generated pictures: how like real ones each is, how much of what is real they cover, and what they are good for."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

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
from sixfold.evaluation._html import say
from sixfold.evaluation._words import both, count, interval, shown
from sixfold.fields import Array, Field
from sixfold.language import Text
from sixfold.tasks import Decision, Task

__all__ = ["Pictures"]

_NEIGHBOURS = 3
"""As Kynkäänniemi et al. (2019) choose."""

_SEEN_SIDE, _SEEN_SIZE, _FILTERS, _FILTER_SIDE, _POOLED = 32, 64, 48, 5, 4
"""Pictures, averaged down to 32 to 63 pixels a side, are compared by what 48 random filters of 5×5 see in each of 4×4
parts of them, as 64 principal components: untrained features tell wrong textures and shapes from right ones, and need
no network of somebody else's."""

_COMPONENTS = 64

_AT_ONCE = 1024
_SHEET, _PAIRS, _MOST_SEARCHED = 48, 12, 60_000
_LEARNED_FROM_SIDE, _MOST_CLASSES = 32, 50


@dataclass(frozen=True)
class Painted(Answered):
    """Real pictures and as many generated ones.

    Args:
        real: uint8 (n, height, width, channels).
        painted: The same, generated for the same given values.
        classes: The class that was given, from 0 (n,); ``None`` where no single category is.
    """

    real: Array
    painted: Array
    classes: Array | None = None

    @property
    def rows(self) -> int:
        """How many of each there are."""
        return len(self.real)

    @cached_property
    def seen(self) -> tuple[Array, Array]:
        """Both as what random filters see in them: principal components of the real ones, float32 (n, size)."""
        real, painted = (_filtered(pictures) for pictures in (self.real, self.painted))
        middle = real.mean(axis=0)
        _, _, axes = np.linalg.svd((real - middle)[: 4 * real.shape[1]], full_matrices=False)
        axes = axes[:_SEEN_SIZE].T
        return np.asarray((real - middle) @ axes, np.float32), np.asarray((painted - middle) @ axes, np.float32)

    @cached_property
    def is_like_real(self) -> Array:
        """Whether each generated picture lies among the real ones (n,)."""
        real, painted = self.seen
        return _within(painted, real)

    @cached_property
    def is_covered(self) -> Array:
        """Whether each real picture lies among the generated ones (n,)."""
        real, painted = self.seen
        return _within(real, painted)

    @cached_property
    def is_told(self) -> Array | None:
        """Whether a classifier that learned from generated pictures alone tells each real one's class (n,)."""
        if self.classes is None:
            return None
        return np.asarray(_classifier(self.painted, self.classes).predict(_flat(self.real)) == self.classes)

    def kept(self, keep: Array) -> Painted:
        """The rows where ``keep`` is true."""
        return Painted(self.real[keep], self.painted[keep], None if self.classes is None else self.classes[keep])


@figure(
    Text("Fidelity and variety", "逼真与多样"),
    Text(
        "The harmonic mean of the two below: high only if pictures are both like real ones and as various as they are.",
        "下面两项的调和平均：只有图片既像真的、又和真实图片一样多样时才高。",
    ),
    "share",
)
def fidelity_and_variety(painted: Painted, counts: Array) -> float:
    parts = precision.of(painted, counts), recall.of(painted, counts)
    return 2 * parts[0] * parts[1] / sum(parts) if sum(parts) > 0 else 0.0


@figure(
    Text("Precision", "精确率"),
    Text(
        "The share of generated pictures that lie among the real ones: no farther from one of them than its third "
        "neighbour (Kynkäänniemi et al. 2019). Low: they look wrong.",
        "生成的图片中落在真实图片之间的比例：与某张真实图片的距离不超过它到第三近邻的距离（Kynkäänniemi 等，"
        "2019）。低说明看起来不对。",
    ),
    "share",
)
def precision(painted: Painted, counts: Array) -> float:
    return mean_of(painted.is_like_real, counts)


@figure(
    Text("Recall", "召回率"),
    Text(
        "The share of real pictures that lie among the generated ones, in the same sense. Low: there is too little "
        "variety, the sign of a collapse.",
        "真实图片中落在生成图片之间的比例，含义相同。低说明花样太少，是“模式坍塌”的征兆。",
    ),
    "share",
)
def recall(painted: Painted, counts: Array) -> float:
    return mean_of(painted.is_covered, counts)


@figure(
    Text("Usefulness", "可用性"),
    Text(
        "The share of real test pictures whose class is told rightly by a classifier that learned from generated "
        "pictures alone (Ravuri & Vinyals 2019).",
        "只用生成的图片训练一个分类器，它能正确说出类别的真实测试图片所占的比例（Ravuri 与 Vinyals，2019）。",
    ),
    "share",
)
def usefulness(painted: Painted, counts: Array) -> float:
    return float("nan") if painted.is_told is None else mean_of(painted.is_told, counts)


class Pictures(SideBySide[Painted]):
    """Judged by whether generated pictures lie among real ones, and real ones among them.

    Compared with a linear model of the same kind: pictures drawn from a normal distribution of principal components,
    of each class where a class is given.
    """

    title: ClassVar[Text] = Text("pictures", "图片")
    judges_rows: ClassVar[bool] = False
    formulas: ClassVar[tuple[Formula, ...]] = (fidelity_and_variety, precision, recall, usefulness)
    baselines: ClassVar[Mapping[str, Text]] = {"gaussian": Text("A linear model's pictures", "线性模型的图片")}
    most_decided_on: ClassVar[int | None] = 0

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._learned: Array | None = None
        """Some training pictures: what a classifier learns that is to be compared with one of generated pictures."""

    def truth(self, encoded: Array) -> Array:
        """The real pictures as records: ``picture``, and room for the ``class`` that was given (-1: none)."""
        records = np.zeros(len(encoded), [("picture", np.uint8, encoded.shape[1:]), ("class", np.int32)])
        records["picture"], records["class"] = encoded, -1
        return records

    def asked(self, arrays: Mapping[str, Array], truth: Array) -> tuple[Array, Array]:
        given = list(arrays.values())
        if len(given) == 1 and given[0].ndim == 1:
            truth = truth.copy()
            truth["class"] = given[0]
        return np.arange(len(truth)), truth

    def is_known(self, truth: Array) -> Array:
        """Every picture."""
        return np.ones(len(truth), bool)

    def decide(self, outputs: Array, truth: Array) -> Decision:  # noqa: ARG002
        """There is nothing to decide."""
        return Decision()

    def told(self, decision: Decision) -> Text:  # noqa: ARG002
        return Text("nothing to decide", "无需决定")

    def answered(self, outputs: Array, truth: Array, decision: Decision) -> Painted:  # noqa: ARG002
        classes = truth["class"]
        has_classes = len(classes) > 0 and bool((classes >= 0).all()) and 1 < len(np.unique(classes)) <= _MOST_CLASSES
        return Painted(truth["picture"], outputs, classes if has_classes else None)

    def yardsticks(
        self,
        given: Mapping[str, Field],
        sample: Encoded,
        training: Array,  # noqa: ARG002 — a sample of them is enough to draw from
        *,
        seed: int = 0,
    ) -> list[Yardstick]:
        """A normal distribution of the principal components of training pictures, of each class."""
        begun = time.monotonic()
        truth = self.asked(sample.arrays, sample.y)[1]
        self._learned = truth
        pictures, classes = truth["picture"], truth["class"]
        shape = pictures.shape[1:]
        flat = pictures.reshape(len(pictures), -1).astype(np.float32)
        middle = flat.mean(axis=0)
        _, spread, axes = np.linalg.svd(flat - middle, full_matrices=False)
        axes, places = axes[:_COMPONENTS], (flat - middle) @ axes[:_COMPONENTS].T
        of_class = {}
        for one in [*np.unique(classes).tolist(), None]:
            chosen = places if one is None else places[classes == one]
            covariance = np.cov(chosen, rowvar=False) if len(chosen) > 1 else np.diag(spread[: len(axes)] ** 2)
            of_class[one] = chosen.mean(axis=0), np.linalg.cholesky(covariance + 1e-3 * np.eye(len(axes)))

        def outputs(arrays: Mapping[str, Array]) -> Array:
            columns = [arrays[name] for name in given]
            rows = len(next(iter(arrays.values())))
            wanted = columns[0].tolist() if len(columns) == 1 and columns[0].ndim == 1 else [-1] * rows
            draw = np.random.default_rng(seed)
            painted = np.empty((rows, *shape), np.uint8)
            for row, one in enumerate(wanted):
                centre, root = of_class.get(one, of_class[None])
                values = middle + (centre + root @ draw.standard_normal(len(axes))) @ axes
                painted[row] = np.clip(np.rint(values), 0, 255).reshape(shape)
            return painted

        about = {"training_rows": len(pictures), "components": len(axes), "seconds": round(time.monotonic() - begun, 2)}
        return [Yardstick("gaussian", about, outputs)]

    def guessed(self, outputs: Array, truth: Array) -> Painted:
        return self.answered(outputs, truth, Decision())

    def parts(self, judged: Judged[Painted]) -> dict[str, Any]:
        answered = judged.answered
        real = judged.training["picture"][:_MOST_SEARCHED]
        shown_rows = np.linspace(0, answered.rows - 1, min(_SHEET, answered.rows)).astype(int)
        if answered.classes is not None:
            shown_rows = shown_rows[np.argsort(answered.classes[shown_rows], kind="stable")]
        painted = answered.painted[shown_rows]
        nearest, distances = _nearest(painted[:: max(1, len(painted) // _PAIRS)][:_PAIRS], real)
        own = _nearest(answered.real[:_PAIRS], real)[1]
        ceiling = None
        if answered.classes is not None and self._learned is not None:
            told = _classifier(self._learned["picture"], self._learned["class"])
            ceiling = float((told.predict(_flat(answered.real)) == answered.classes).mean())
        return {
            "samples": [_png(picture) for picture in painted],
            "neighbours": [
                [_png(one), _png(real[place])]
                for one, place in zip(painted[:: max(1, len(painted) // _PAIRS)][:_PAIRS], nearest, strict=True)
            ],
            "distances": {"painted": float(np.median(distances)), "real": float(np.median(own))},
            "ceiling": ceiling,
        }

    def worst(self, answered: Painted, most: int) -> Array:
        """Generated pictures that lie among no real ones."""
        return np.flatnonzero(~answered.is_like_real)[:most]

    def typical(self, answered: Painted, most: int) -> Array:
        """Generated pictures that lie among real ones."""
        found = np.flatnonzero(answered.is_like_real)[:most]
        return found if len(found) else np.arange(min(most, answered.rows))

    def example(self, answered: Painted, place: int, row: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        return {"right": _png(answered.real[place]), "said": _png(answered.painted[place])}

    def kept(self, answered: Painted) -> dict[str, Array]:
        return {"is_like_real": answered.is_like_real, "is_covered": answered.is_covered}

    @classmethod
    def schema(cls) -> tuple[dict[str, Any], dict[str, Any]]:
        picture, number = {"type": "string", "contentEncoding": "base64"}, {"type": ["number", "null"]}
        parts = {
            "samples": {"type": "array", "items": picture},
            "neighbours": {"type": "array", "items": {"type": "array", "items": picture}},
            "distances": described(painted=number, real=number),
            "ceiling": number,
        }
        return parts, {"right": picture, "said": picture}

    @classmethod
    def verdict(cls, report: Report) -> list[Text]:
        figures = {one["name"]: one for one in report["figures"]}
        like, covered = (figures[name] for name in ("precision", "recall"))
        rows = count(like["rows"])
        told = [
            Text(
                f"Of {rows} generated pictures, {shown(like['value'], 'share').en} lie among the real ones; of as many "
                f"real ones, {shown(covered['value'], 'share').en} lie among those generated.",
                f"在 {rows} 张生成的图片中，{shown(like['value'], 'share').zh} 落在真实图片之间；同样多的真实图片中，"
                f"{shown(covered['value'], 'share').zh} 落在生成的图片之间。",
            )
        ]
        useful = figures.get("usefulness")
        if useful is not None and useful["value"] is not None:
            ends = interval(useful["low"], useful["high"], "share")
            ceiling = report.get("ceiling")
            beside = "" if ceiling is None else f"; from real ones, {shown(ceiling, 'share').en}"
            beside_zh = "" if ceiling is None else f"；用真实图片训练则为 {shown(ceiling, 'share').zh}"
            told.append(
                Text(
                    f"A classifier that learned from them alone is right on {shown(useful['value'], 'share').en} of "
                    f"real pictures (95 % interval {ends.en}){beside}.",
                    f"只用它们训练的分类器，在真实图片上的准确率为 {shown(useful['value'], 'share').zh}"
                    f"（95% 区间 {ends.zh}）{beside_zh}。",
                )
            )
        return told

    @classmethod
    def notes(cls, report: Report) -> list[Text]:
        linear = report["baselines"]["gaussian"]
        rows, size = count(linear["training_rows"]), count(linear["components"])
        return [
            Text(
                f"Pictures are compared by what {_FILTERS} random filters see in {_POOLED}×{_POOLED} parts of them, as "
                f"{_SEEN_SIZE} principal components of the test pictures. The linear model draws {size} principal "
                f"components of {rows} training pictures from a normal distribution.",
                f"比较图片时，先看 {_FILTERS} 个随机滤波器在图片的 {_POOLED}×{_POOLED} 个区域中的响应，再取测试图片的 "
                f"{_SEEN_SIZE} 个主成分。线性模型从 {rows} 张训练图片的 {size} 个主成分的正态分布中抽取图片。",
            )
        ]

    @classmethod
    def details(cls, report: Report) -> str:  # noqa: ARG003
        return ""

    @classmethod
    def sections(cls, report: Report, thumbnails: Thumbnails) -> list[Section]:  # noqa: ARG003
        return [_samples(report), _memory(report)]

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return [
            (
                both("report.words.baseline"),
                Text(
                    "What costs almost nothing: pictures drawn from a normal distribution that was fitted to the "
                    "training pictures. A generator that does not beat it is not worth its upkeep.",
                    "几乎不花成本的做法：从一个拟合训练图片的正态分布中抽取图片。如果生成模型超不过它，就不值得维护。",
                ),
            )
        ]


def _samples(report: Report) -> Section:
    title = Text("What it makes", "它生成的图片")
    pictures = "".join(_image(one) for one in report["samples"])
    about = Text(
        "Not chosen: every one of as many test rows in turn, each from noise of its own. Look for pictures that are "
        "alike (a collapse), and for what no real picture would show.",
        "未经挑选：对测试行依次生成，每张使用各自的噪声。请留意是否有许多雷同的图片（模式坍塌），以及真实图片中不会出现的东西。",
    )
    return Section("samples", Text("Samples", "样例"), title, f"<p>{say(about)}</p><div class='sheet'>{pictures}</div>")


def _memory(report: Report) -> Section:
    title = Text("Does it only repeat what it saw?", "它是不是只在重复见过的图片？")
    painted, real = report["distances"]["painted"], report["distances"]["real"]
    is_copied = painted < real / 2
    says = Text(
        f"Each generated picture beside the training picture nearest to it. Half of them are closer than {painted:.3g} "
        f"to theirs; half of real test pictures are closer than {real:.3g} (root mean squared difference of pixels, 0 "
        "to 255).",
        f"每张生成的图片旁边，是与它最接近的训练图片。其中一半与最近者的距离小于 {painted:.3g}；真实的测试图片中一半"
        f"小于 {real:.3g}（像素差的均方根，0 到 255）。",
    )
    warns = (
        Text(
            "They are much nearer to training pictures than real ones are: it may have learned some by heart. Do not "
            "hand them out as new where the training pictures are private.",
            "它们比真实图片更接近训练图片：可能背下了一些。如果训练图片属于隐私，请不要把它们当作新图片交出去。",
        )
        if is_copied
        else Text(
            "They are no nearer to training pictures than real ones are: nothing points to learning by heart.",
            "它们并不比真实图片更接近训练图片：没有迹象表明它背下了训练图片。",
        )
    )
    pairs = "".join(f'<li class="pair">{_image(one)}{_image(other)}</li>' for one, other in report["neighbours"])
    body = f"<p>{say(says)}</p><p>{say(warns)}</p><ul class='examples'>{pairs}</ul>"
    return Section("memory", Text("Memory", "记忆"), title, body)


def _image(picture: str) -> str:
    return f'<img class="tiny" alt="" src="data:image/png;base64,{picture}">'


def _png(picture: Array) -> str:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def _filtered(pictures: Array) -> Array:
    """The mean response of random filters, where it is positive, in each part of each picture: (n, size)."""
    small = _averaged(pictures, _SEEN_SIDE)  # (n, height, width, channels)
    channels = small.shape[-1]
    draw = np.random.default_rng(0)
    filters = draw.standard_normal((_FILTER_SIDE**2, channels, _FILTERS)).astype(np.float32)
    filters -= filters.mean(axis=0) * draw.uniform(0, 1, _FILTERS).astype(np.float32)  # some see edges, some light
    filters = filters.reshape(-1, _FILTERS) / (_FILTER_SIDE * channels**0.5)
    reach = _FILTER_SIDE // 2
    found = []
    for start in range(0, len(small), _AT_ONCE // 4):
        padded = np.pad(small[start : start + _AT_ONCE // 4], ((0, 0), (reach, reach), (reach, reach), (0, 0)), "edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (_FILTER_SIDE, _FILTER_SIDE), axis=(1, 2))
        patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(*windows.shape[:3], -1)
        seen = np.maximum(patches @ filters, 0)  # (n, height, width, filters)
        rows = np.array_split(np.arange(seen.shape[1]), min(_POOLED, seen.shape[1]))
        columns = np.array_split(np.arange(seen.shape[2]), min(_POOLED, seen.shape[2]))
        parts = [seen[:, part[0] : part[-1] + 1].mean(axis=1) for part in rows]
        pooled = [part[:, side[0] : side[-1] + 1].mean(axis=1) for part in parts for side in columns]
        found.append(np.concatenate(pooled, axis=1))
    return np.concatenate(found)


def _averaged(pictures: Array, side: int) -> Array:
    """Pictures averaged down to about ``side`` pixels on the shorter side, float32 (n, …) in 0…1."""
    factor = max(1, min(pictures.shape[1:3]) // side)
    height, width = (pixels // factor for pixels in pictures.shape[1:3])
    cut = pictures[:, : height * factor, : width * factor].astype(np.float32)
    blocks = cut.reshape(len(cut), height, factor, width, factor, cut.shape[-1]).mean(axis=(2, 4))
    return np.asarray(blocks / 255, np.float32)


def _flat(pictures: Array) -> Array:
    return _averaged(pictures, _LEARNED_FROM_SIDE).reshape(len(pictures), -1)


def _classifier(pictures: Array, classes: Array) -> Any:
    """A perceptron that tells classes of pictures: the same one for generated and for real ones."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn brings it

    model = MLPClassifier((256,), batch_size=min(128, len(pictures)), max_iter=20, random_state=0)
    with threadpool_limits(2), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(_flat(pictures), classes)


def _within(points: Array, others: Array) -> Array:
    """Whether each of ``points`` (n, size) is no farther from one of ``others`` (m, size) than that one's third
    neighbour among them (n,)."""
    squares = (others**2).sum(axis=1)
    reach = np.empty(len(others), np.float32)
    place = min(_NEIGHBOURS, len(others) - 1)
    for start in range(0, len(others), _AT_ONCE):
        gaps = _gaps(others[start : start + _AT_ONCE], others, squares)
        reach[start : start + _AT_ONCE] = np.partition(gaps, place, axis=1)[:, place]
    found = np.empty(len(points), bool)
    for start in range(0, len(points), _AT_ONCE):
        gaps = _gaps(points[start : start + _AT_ONCE], others, squares)
        found[start : start + _AT_ONCE] = (gaps <= reach).any(axis=1)
    return found


def _gaps(points: Array, others: Array, squares: Array) -> Array:
    """Squared distances (n, m)."""
    return np.asarray((points**2).sum(axis=1)[:, None] + squares - 2 * points @ others.T)


def _nearest(pictures: Array, real: Array) -> tuple[Array, Array]:
    """For each picture the place of the real one nearest to it by its pixels, and how far that is."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float32)
    best, places = np.full(len(flat), np.inf, np.float32), np.zeros(len(flat), np.int64)
    for start in range(0, len(real), _AT_ONCE):
        others = real[start : start + _AT_ONCE].reshape(-1, flat.shape[1]).astype(np.float32)
        gaps = _gaps(flat, others, (others**2).sum(axis=1))
        closest = gaps.argmin(axis=1)
        values = gaps[np.arange(len(flat)), closest]
        is_nearer = values < best
        best[is_nearer], places[is_nearer] = values[is_nearer], closest[is_nearer] + start
    return places, np.sqrt(np.maximum(best, 0) / flat.shape[1])
