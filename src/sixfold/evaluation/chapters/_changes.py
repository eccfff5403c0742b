"""What may happen to a value on its way to a service: noise, blur, typing mistakes, gaps. For :mod:`robustness`.

A change takes raw values as they were collected and gives raw values again: what is measured goes through the same
field as a request does. Strengths are shares, so that they mean the same for a picture of 28 pixels and of 4,000.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from sixfold.fields import Array, Field, Widget
from sixfold.language import Text

__all__ = ["CHANGES", "Change", "plain_picture"]

Draw: TypeAlias = np.random.Generator
Apply: TypeAlias = Callable[[Field, Sequence[Any], float, Draw], list[Any]]

_MORE_LIKE_IT = Text(
    "Collect rows as they will come, from the devices and people that will send them, and train on those.",
    "请收集与实际来源一致的数据（同样的设备、同样的人），并用它们训练。",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of change.

    Args:
        name: As programs know it.
        title: As people call it.
        unit: What its strengths are shares of.
        strengths: From mild to strong, as shares.
        apply: The values of a column (n) with a strength, changed.
        mend: What makes a model bear it better.
        keeps_places: Whether what was at a place stays there: a picture that is turned does not go with a mask upon it.
    """

    name: str
    title: Text
    unit: Text
    strengths: tuple[float, ...]
    apply: Apply
    mend: Text
    keeps_places: bool = True


def plain_picture(picture: Any) -> Any:
    """One of Pillow's pictures as grey or RGB, transparency laid on white."""
    from PIL import Image as Pillow

    if picture.mode in ("L", "RGB"):
        return picture
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        white = Pillow.new("RGBA", layer.size, "white")
        white.alpha_composite(layer)
        return white.convert("RGB")
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _each(change: Callable[[Field, Any, float, Draw], Any]) -> Apply:
    """A change of one parsed value at a time; what is missing stays so."""

    def apply(field: Field, values: Sequence[Any], strength: float, draw: Draw) -> list[Any]:
        found = []
        for value in values:
            parsed = field.parse(value)
            found.append(value if parsed is None else change(field, parsed, strength, draw))
        return found

    return apply


# Pictures


def _of_picture(change: Callable[[Any, float, Draw], Any]) -> Apply:
    return _each(lambda _, picture, strength, draw: change(plain_picture(picture), strength, draw))


def _noisy(picture: Any, strength: float, draw: Draw) -> Any:
    from PIL import Image as Pillow

    pixels = np.asarray(picture, np.float64)
    pixels = pixels + draw.normal(0, 255 * strength, pixels.shape)
    return Pillow.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))


def _blurred(picture: Any, strength: float, draw: Draw) -> Any:  # noqa: ARG001
    from PIL import ImageFilter

    return picture.filter(ImageFilter.GaussianBlur(strength * min(picture.size)))


def _pressed(picture: Any, strength: float, draw: Draw) -> Any:  # noqa: ARG001
    from PIL import Image as Pillow

    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=round(100 * (1 - strength)))
    return Pillow.open(io.BytesIO(stream.getvalue())).convert(picture.mode)


def _brightened(picture: Any, strength: float, draw: Draw) -> Any:  # noqa: ARG001
    from PIL import ImageEnhance

    return ImageEnhance.Brightness(picture).enhance(1 + strength)


def _flattened(picture: Any, strength: float, draw: Draw) -> Any:  # noqa: ARG001
    from PIL import ImageEnhance

    return ImageEnhance.Contrast(picture).enhance(1 - strength)


def _turned(picture: Any, strength: float, draw: Draw) -> Any:
    from PIL import Image as Pillow

    side = draw.choice((-1, 1))
    edge = np.asarray(picture).reshape(*picture.size[::-1], -1)
    around = np.concatenate([edge[0], edge[-1], edge[:, 0], edge[:, -1]]).mean(axis=0)
    fill = tuple(int(value) for value in around)
    angle = side * 360 * strength
    return picture.rotate(angle, Pillow.Resampling.BILINEAR, fillcolor=fill if len(fill) > 1 else fill[0])


# Texts


def _letters(change: Callable[[list[str], int, Draw], None]) -> Apply:
    """A change of so large a share of the letters and characters, drawn at random, from behind to the front."""

    def of(_: Field, text: str, strength: float, draw: Draw) -> str:
        letters = list(text)
        places = [place for place, letter in enumerate(letters) if letter.isalnum()]
        hit = [place for place, is_hit in zip(places, draw.random(len(places)) < strength, strict=True) if is_hit]
        for place in reversed(hit):
            change(letters, place, draw)
        return "".join(letters)

    return _each(of)


def _swap(letters: list[str], place: int, draw: Draw) -> None:  # noqa: ARG001
    if place + 1 < len(letters) and letters[place + 1].isalnum():
        letters[place], letters[place + 1] = letters[place + 1], letters[place]


def _drop(letters: list[str], place: int, draw: Draw) -> None:  # noqa: ARG001
    del letters[place]


def _in_capitals(_: Field, text: str, strength: float, draw: Draw) -> str:
    return re.sub(r"\S+", lambda word: word[0].upper() if draw.random() < strength else word[0], text)


def _cut_text(_: Field, text: str, strength: float, draw: Draw) -> str:  # noqa: ARG001
    return text[: max(1, round(len(text) * (1 - strength)))]


# Tables


def _off(field: Field, values: Sequence[Any], strength: float, draw: Draw) -> list[Any]:
    """Numbers off by a share of how far they usually differ from each other."""
    numbers = np.array([np.nan if (number := field.parse(value)) is None else number for value in values], float)
    quarter, three = np.nanquantile(numbers, (0.25, 0.75)) if np.isfinite(numbers).any() else (0.0, 0.0)
    spread = float(three - quarter) / 1.349 or float(np.nanstd(numbers)) if np.isfinite(numbers).any() else 0.0
    moved = numbers + draw.normal(0, strength * spread, len(numbers))
    return [None if np.isnan(number) else float(number) for number in moved]


def _mistaken(field: Field, values: Sequence[Any], strength: float, draw: Draw) -> list[Any]:  # noqa: ARG001
    """Some values taken from another row: a wrong choice in a form."""
    others, hit = draw.permutation(len(values)), draw.random(len(values)) < strength
    return [values[others[row]] if hit[row] else value for row, value in enumerate(values)]


def _blank(field: Field, values: Sequence[Any], strength: float, draw: Draw) -> list[Any]:  # noqa: ARG001
    hit = draw.random(len(values)) < strength
    return [None if hit[row] else value for row, value in enumerate(values)]


# Series


def _of_series(change: Callable[[Array, float, Draw], Array]) -> Apply:
    """A change of the numbers (steps, channels); channels that have names keep them."""

    def apply(field: Field, values: Sequence[Any], strength: float, draw: Draw) -> list[Any]:
        found: list[Any] = []
        for value in values:
            numbers = field.parse(value)
            if numbers is None:
                found.append(value)
                continue
            changed, names = change(np.asarray(numbers, float), strength, draw), _names(value)
            if names is None:
                found.append(changed)
            else:
                found.append({name: column.tolist() for name, column in zip(names, changed.T, strict=True)})
        return found

    return apply


def _names(value: Any) -> list[str] | None:
    if isinstance(value, (str, bytes)):
        value = json.loads(value)  # it was parsed before
    if not isinstance(value, Mapping):
        return None
    return [str(name) for name, column in value.items() if column is not None]


def _shaken(numbers: Array, strength: float, draw: Draw) -> Array:
    return np.asarray(numbers + draw.normal(0, 1, numbers.shape) * strength * np.nanstd(numbers, axis=0))


def _with_gaps(numbers: Array, strength: float, draw: Draw) -> Array:
    there = draw.random(numbers.shape) < strength
    there[0] = there[-1] = False  # a series has its ends
    return np.where(there, np.nan, numbers)


def _shortened(numbers: Array, strength: float, draw: Draw) -> Array:  # noqa: ARG001
    return numbers[: max(1, round(len(numbers) * (1 - strength)))]


_AUGMENT = Text(
    "Let training see it: `train: {augment: {brightness: 0.3, contrast: 0.3, turn: 20}}`. ",
    "让训练见到这种变化：`train: {augment: {brightness: 0.3, contrast: 0.3, turn: 20}}`。",
)
_PICTURES = Text(f"{_AUGMENT.en}{_MORE_LIKE_IT.en}", f"{_AUGMENT.zh}{_MORE_LIKE_IT.zh}")
_FILES = Text(
    f"Ask for sharper pictures: a steadier camera, more light, files of higher quality. {_MORE_LIKE_IT.en}",
    f"请要求更清晰的图片：更稳的相机、更充足的光线、更高的文件质量。{_MORE_LIKE_IT.zh}",
)
_TEXTS = Text(
    f"Add texts with such mistakes to the training rows, their answers unchanged. {_MORE_LIKE_IT.en}",
    f"把带有这类错误的文本加入训练数据，答案不变。{_MORE_LIKE_IT.zh}",
)
_FORMS = Text(
    "Check values where they are entered (a list to choose from, a range), and let people confirm what looks odd.",
    "请在录入处检查取值（下拉选项、取值范围），并让人确认看起来异常的内容。",
)
_GAPS = Text(
    "Make the columns that matter most required where they are entered, and train on rows that have such gaps.",
    "请把最重要的列在录入处设为必填，并用带有同样空缺的数据训练。",
)
_SERIES = Text(
    f"Let training see it: `train: {{augment: {{noise: 0.1, scale: 0.1}}}}`. {_MORE_LIKE_IT.en}",
    f"让训练见到这种变化：`train: {{augment: {{noise: 0.1, scale: 0.1}}}}`。{_MORE_LIKE_IT.zh}",
)

CHANGES: Mapping[Widget, tuple[Change, ...]] = {
    "image": (
        Change("noise", Text("Noise", "噪点"), Text("of full brightness", "占满亮度"), (0.04, 0.08, 0.16),
               _of_picture(_noisy), _FILES),
        Change("blur", Text("Blur", "模糊"), Text("of the shorter side", "占短边"), (0.01, 0.02, 0.04),
               _of_picture(_blurred), _FILES),
        Change("jpeg", Text("JPEG", "JPEG 压缩"), Text("quality given up", "舍弃的质量"), (0.5, 0.75, 0.9),
               _of_picture(_pressed), _FILES),
        Change("darker", Text("Darker", "变暗"), Text("of brightness lost", "亮度降低"), (0.25, 0.5, 0.7),
               _of_picture(lambda picture, strength, draw: _brightened(picture, -strength, draw)), _PICTURES),
        Change("brighter", Text("Brighter", "变亮"), Text("of brightness added", "亮度提高"), (0.25, 0.5, 1.0),
               _of_picture(_brightened), _PICTURES),
        Change("contrast", Text("Less contrast", "对比度降低"), Text("of contrast lost", "对比度损失"),
               (0.3, 0.6, 0.8), _of_picture(_flattened), _PICTURES),
        Change("turn", Text("Turned", "旋转"), Text("of a whole turn", "占一整圈"), (0.015, 0.04, 0.08),
               _of_picture(_turned), _PICTURES, keeps_places=False),
    ),
    "text": (
        Change("swapped", Text("Letters swapped", "字符颠倒"), Text("of letters", "的字符"), (0.02, 0.05, 0.1),
               _letters(_swap), _TEXTS),
        Change("dropped", Text("Letters dropped", "字符缺失"), Text("of letters", "的字符"), (0.02, 0.05, 0.1),
               _letters(_drop), _TEXTS),
        Change("capitals", Text("Capitals", "全大写"), Text("of words", "的单词"), (0.2, 1.0),
               _each(_in_capitals), _TEXTS),
        Change("cut", Text("Cut off", "被截断"), Text("of the text lost", "文本缺失"), (0.25, 0.5),
               _each(_cut_text), _TEXTS),
    ),
    "number": (
        Change("off", Text("Numbers off", "数字有偏差"), Text("of their usual spread", "占通常离散程度"),
               (0.05, 0.15, 0.4), _off, _FORMS),
        Change("number gaps", Text("Numbers missing", "数字缺失"), Text("of numbers", "的数字"), (0.1, 0.3, 0.6),
               _blank, _GAPS),
    ),
    "choice": (
        Change("mistaken", Text("Categories mistaken", "类别填错"), Text("of categories", "的类别"),
               (0.05, 0.15, 0.3), _mistaken, _FORMS),
        Change("category gaps", Text("Categories missing", "类别缺失"), Text("of categories", "的类别"),
               (0.1, 0.3, 0.6), _blank, _GAPS),
    ),
    "series": (
        Change("shaken", Text("Noise", "噪声"), Text("of its own spread", "占自身离散程度"), (0.1, 0.3, 0.6),
               _of_series(_shaken), _SERIES),
        Change("gaps", Text("Points missing", "数据点缺失"), Text("of points", "的点"), (0.1, 0.3, 0.6),
               _of_series(_with_gaps), _SERIES),
        Change("shortened", Text("Cut off", "被截短"), Text("of its end lost", "末尾缺失"), (0.1, 0.3, 0.5),
               _of_series(_shortened), _SERIES),
    ),
}  # fmt: skip
"""What can happen to a column, by the widget that people enter it with."""
