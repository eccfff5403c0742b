"""Categories: one of the values seen in training."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, ClassVar

import numpy as np
from pydantic import Field as Setting

from sixfold.families import Options as KindOptions
from sixfold.fields._field import Array, Field, Values, Widget, is_missing
from sixfold.fields._form import Form
from sixfold.language import Text

__all__ = ["Category", "label", "natural"]

_UNSEEN = 0

_MANY, _RARE = 100, 3
"""Of more values than so many, those with fewer rows are rare: one or two rows teach nothing about a value."""

_NO_RARE_TARGET = Text(
    "`rare` is for given columns: a class that is to be predicted cannot count as unknown",
    "`rare`只用于已知列：要预测的类别不能算作未知",
)


class Category(Field):
    """One of several values; as the target, the class to predict.

    Encoded as an id: 0 stands for missing values, those not seen in training and rare ones, 1… for the classes in their
    natural order. As a target the classes count from 0 (see :attr:`classes`), since a target row without a class is
    left out; and none is rare.
    """

    title: ClassVar[Text] = Text("one of several values", "若干取值之一")
    widget: ClassVar[Widget] = "choice"
    version: ClassVar[int] = 2

    class Options(KindOptions):
        """``rare``: a given value that fewer training rows have counts as unknown, so that what stands for the unknown
        has rows to learn from; left out, 3 where there are more than 100 values, else 1.
        """

        rare: int | None = Setting(None, ge=1)

    def parse(self, value: Any) -> str | None:
        return None if is_missing(value) else label(value)

    def learn(self, values: Values) -> dict[str, Any]:
        assert isinstance(self.options, Category.Options)
        counts = self._counts(values)
        fewest = self.options.rare or (_RARE if len(counts) > _MANY else 1)
        return {"classes": sorted((name for name, count in counts.items() if count >= fewest), key=natural)}

    def learn_target(self, values: Values) -> dict[str, Any]:
        if isinstance(self.options, Category.Options) and self.options.rare is not None:
            raise ValueError(_NO_RARE_TARGET)
        return {"classes": sorted(self._counts(values), key=natural)}

    @property
    def classes(self) -> list[str]:
        """The values seen in training, in natural order (2 before 10)."""
        classes: list[str] = self.state["classes"]
        return classes

    @property
    def form(self) -> Form:
        return Form(name="ids", shape=(), dtype="int32", vocabulary=len(self.classes) + 1)

    def encode(self, values: Values) -> Array:
        ids: dict[str | None, int] = {name: index for index, name in enumerate(self.classes, start=1)}
        return np.fromiter((ids.get(name, _UNSEEN) for name in self.parsed(values)), np.int32, count=len(values))

    def decode(self, array: Array) -> list[str | None]:
        return [self.classes[index - 1] if index > _UNSEEN else None for index in array.tolist()]

    def _counts(self, values: Values) -> Counter[str]:
        counts = Counter(self.parsed(values))
        del counts[None]
        return counts

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "number", "boolean", "null"], "examples": self.classes[:10]}


def label(value: Any) -> str:
    """A raw value as a class name: text is stripped, whole floats lose their ``.0`` so that 3 and 3.0 are one class."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    return str(value).strip()


def natural(name: str) -> tuple[int, float, str]:
    """The key that sorts class names as people do: 2 before 10, numbers before words."""
    try:
        number = float(name)
    except ValueError:
        return (1, 0.0, name)
    return (0, number, name) if math.isfinite(number) else (1, 0.0, name)  # NaN would leave the order to chance
