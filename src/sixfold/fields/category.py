"""Categories: one of the values seen in training."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from sixfold.fields._field import Array, Field, Values, Widget, is_missing
from sixfold.fields._form import Form
from sixfold.language import Text

__all__ = ["Category", "label", "natural"]

_UNSEEN = 0


class Category(Field):
    """One of several values; as the target, the class to predict.

    Encoded as an id: 0 stands for missing values and those not seen in training, 1… for the classes in their natural
    order. As a target the classes count from 0 (see :attr:`classes`), since a target row without a class is left out.
    """

    title: ClassVar[Text] = Text("one of several values", "若干取值之一")
    widget: ClassVar[Widget] = "choice"

    def parse(self, value: Any) -> str | None:
        return None if is_missing(value) else label(value)

    def learn(self, values: Values) -> dict[str, Any]:
        return {"classes": sorted({name for name in self.parsed(values) if name is not None}, key=natural)}

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
