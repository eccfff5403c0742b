"""What is kept of a value: a few simple features, never the value of a picture, a text or a series.

=========  =========================================================================================================
widget     features
=========  =========================================================================================================
number     the number, to three digits of its spread
choice     its name, if the model knows it; every other name is "…other"
date       the day
text       length, words, the script that most letters are of, the share of digits
image      brightness, contrast, colourfulness, width, height
series     steps, mean, spread
point      each coordinate, to three digits of its spread
=========  =========================================================================================================

Beside them stands for every column whether its value was missing.
"""

from __future__ import annotations

import datetime as dt
import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sixfold.fields import Field, is_missing
from sixfold.language import Text
from sixfold.monitoring._drift import Nature

__all__ = ["CONFIDENCE", "PREDICTION", "Feature", "answer_features", "features", "measured", "of_answer"]

PREDICTION, CONFIDENCE = "prediction", "confidence"
OTHER = "…other"
"""What stands for every category that the model does not know: never the name that was sent."""

_MOST_LETTERS = 4000
_PICTURE_SIDE = 64
_MOST_COORDINATES = 4

_TITLES: Mapping[str, Text] = {
    "": Text("value", "值"),
    "missing": Text("missing", "缺失"),
    "length": Text("length", "长度"),
    "words": Text("words", "词数"),
    "script": Text("script", "文字"),
    "digits": Text("share of digits", "数字占比"),
    "brightness": Text("brightness", "亮度"),
    "contrast": Text("contrast", "对比度"),
    "colour": Text("colourfulness", "色彩"),
    "width": Text("width", "宽度"),
    "height": Text("height", "高度"),
    "steps": Text("steps", "步数"),
    "mean": Text("mean", "均值"),
    "spread": Text("spread", "离散度"),
    "x": Text("first coordinate", "第一坐标"),
    "y": Text("second coordinate", "第二坐标"),
    PREDICTION: Text("prediction", "预测"),
    CONFIDENCE: Text("confidence", "把握"),
    "count": Text("how many", "数量"),
}

_OF_WIDGET: Mapping[str, Mapping[str, Nature]] = {
    "number": {"": "number"},
    "choice": {"": "category"},
    "date": {"": "number"},
    "text": {"length": "number", "words": "number", "script": "category", "digits": "number"},
    "image": dict.fromkeys(("brightness", "contrast", "colour", "width", "height"), "number"),
    "series": dict.fromkeys(("steps", "mean", "spread"), "number"),
    "point": dict.fromkeys(("x", "y"), "number"),
}


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that is watched.

    Args:
        name: What it is stored by: ``age``, ``photo · brightness``, ``age · missing``.
        column: The column it is of; empty for answers.
        aspect: Which of its features; empty for the value itself.
        nature: What its values are.
    """

    name: str
    column: str
    aspect: str
    nature: Nature

    @property
    def title(self) -> Text:
        """For people: the column, and what of it."""
        what = _TITLES[self.aspect]
        if not self.column:
            return what
        return (
            Text(f"{self.column} · {what.en}", f"{self.column} · {what.zh}")
            if self.aspect
            else Text(self.column, self.column)
        )


def features(given: Mapping[str, Field]) -> list[Feature]:
    """What is watched of the given columns, in their order."""
    found = []
    for name, field in given.items():
        for aspect, nature in _OF_WIDGET.get(field.widget, {}).items():
            found.append(Feature(f"{name} · {aspect}" if aspect else name, name, aspect, nature))
        found.append(Feature(f"{name} · missing", name, "missing", "category"))
    return found


def answer_features(target: Field) -> list[Feature]:
    """What is watched of answers: what was said, and how sure, where an answer says so."""
    nature: Nature = "category" if target.widget == "choice" else "number"
    aspect = PREDICTION if target.widget in ("choice", "number") else "count"
    return [Feature(PREDICTION, "", aspect, nature), Feature(CONFIDENCE, "", CONFIDENCE, "number")]


def measured(given: Mapping[str, Field], row: Mapping[str, Any]) -> dict[str, float | str | None]:
    """The features of one raw row, by name; ``None`` where the value is missing or cannot be read."""
    found: dict[str, float | str | None] = {}
    for name, field in given.items():
        values = _of_value(field, row.get(name))
        found[f"{name} · missing"] = "yes" if values is None else "no"
        for aspect in _OF_WIDGET.get(field.widget, {}):
            found[f"{name} · {aspect}" if aspect else name] = None if values is None else values.get(aspect)
    return found


def of_answer(target: Field, answer: Mapping[str, Any]) -> dict[str, float | str | None]:
    """What one answer said, as a name or a number, and how sure it was."""
    said, sure = answer.get(target.name), answer.get("confidence")
    told: float | str | None = None
    if isinstance(said, bool) or target.widget == "choice":
        told = None if said is None else str(said)
    elif isinstance(said, (int, float)):
        told = float(said)
    elif isinstance(said, (list, str)):
        told = float(len(said))
    return {PREDICTION: told, CONFIDENCE: float(sure) if isinstance(sure, (int, float)) else None}


def _of_value(field: Field, value: Any) -> dict[str, float | str | None] | None:
    try:
        parsed = None if is_missing_here(value) else field.parse(value)
    except ValueError:
        return None
    if parsed is None:
        return None
    match field.widget:
        case "number":
            return {"": _rounded(float(parsed), field)}
        case "choice":
            known = getattr(field, "classes", None)
            return {"": str(parsed) if known is None or str(parsed) in known else OTHER}
        case "date":
            return {"": float(parsed.date().toordinal())} if isinstance(parsed, dt.datetime) else None
        case "text":
            return _of_text(str(parsed))
        case "image":
            return _of_picture(parsed)
        case "series":
            return _of_series(parsed)
        case "point":
            places = np.ravel(np.asarray(parsed, np.float64))[:_MOST_COORDINATES]
            return {name: _digits(float(place)) for name, place in zip(("x", "y"), places, strict=False)}
    return {}


def is_missing_here(value: Any) -> bool:
    """Whether nothing was sent; arrays and lists are never nothing."""
    return not isinstance(value, (list, np.ndarray)) and is_missing(value)


def _rounded(value: float, field: Field) -> float:
    """A number to a thousandth of its column's spread: enough to see it drift, too little to know it again."""
    quantiles: list[float] = field.state.get("quantiles") or [0.0, abs(value)]
    spread = float(quantiles[-1]) - float(quantiles[0])
    if not spread > 0:
        return _digits(value)
    step = 10.0 ** math.floor(math.log10(spread / 1000))
    rounded = round(value / step) * step
    return float(f"{rounded:.12g}") if math.isfinite(rounded) else _digits(value)


def _digits(value: float) -> float:
    return float(f"{value:.3g}")


def _of_text(text: str) -> dict[str, float | str | None]:
    part = text[:_MOST_LETTERS]
    scripts = Counter(_script(letter) for letter in part if letter.isalpha())
    return {
        "length": _digits(len(text)),
        "words": _digits(len(text.split())),
        "script": scripts.most_common(1)[0][0] if scripts else "none",
        "digits": round(sum(letter.isdigit() for letter in part) / max(1, len(part)), 2),
    }


def _script(letter: str) -> str:
    """LATIN, CJK, CYRILLIC, ARABIC …: the first word of the letter's name in Unicode."""
    if letter.isascii():
        return "latin"
    return unicodedata.name(letter, "other").split(" ")[0].lower()


def _of_picture(picture: Any) -> dict[str, float | str | None]:
    width, height = picture.size
    small = picture.convert("RGB").resize((min(width, _PICTURE_SIDE), min(height, _PICTURE_SIDE)))
    pixels = np.asarray(small, np.float64) / 255
    grey = pixels @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601 luma
    return {
        "brightness": round(float(grey.mean()), 3),
        "contrast": round(float(grey.std()), 3),
        "colour": round(float((pixels.max(axis=2) - pixels.min(axis=2)).mean()), 3),
        "width": float(width),
        "height": float(height),
    }


def _of_series(value: Any) -> dict[str, float | str | None]:
    steps = np.asarray(value, np.float64)
    known = steps[np.isfinite(steps)]
    if not known.size:
        return {"steps": float(len(steps)), "mean": None, "spread": None}
    return {"steps": float(len(steps)), "mean": _digits(float(known.mean())), "spread": _digits(float(known.std()))}


def values_of(rows: Sequence[Mapping[str, float | str | None]], name: str) -> list[float | str]:
    """The known values of one feature."""
    return [value for row in rows if (value := row.get(name)) is not None]
