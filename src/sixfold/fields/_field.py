"""The family of the kinds of column."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sixfold.families import Kind, Options, find
from sixfold.fields._form import Form
from sixfold.language import Text

__all__ = ["Array", "Field", "Values", "Widget", "base_of", "is_missing", "restored", "says_unknown"]

Array: TypeAlias = NDArray[Any]
Values: TypeAlias = Sequence[Any] | NDArray[Any]
Widget: TypeAlias = Literal["number", "choice", "image", "text", "date", "series", "point"]

_BLANKS = frozenset(
    {"?", "-", "--", "–", "—", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "无", "缺失", "未知", "不详"}
)
"""What tables write where a number is not known."""


class Field(Kind, ABC):
    """One column: how its values are checked, turned into arrays and back.

    The only place where a value becomes an array, in training and in serving alike, so that the two cannot drift apart.
    A field is fitted on training rows alone; what it learned is ``state``, plain JSON. Of large packages only NumPy,
    Pillow and tokenizers are used.

    Args:
        name: The column's name.
        options: What product.yaml says of it.
        state: What :meth:`fit` learned; empty before.
        beside: Where relative paths among the options begin: the folder of product.yaml; by default the current one.
    """

    folder: ClassVar[str] = "sixfold.fields"
    widget: ClassVar[Widget] = "text"
    examples: ClassVar[tuple[Any, ...]] = ()
    """A few values as people write them; a kind from outside brings some, so that its contract can be tested."""
    is_heavy: ClassVar[bool] = False
    """Whether values are large (pictures, texts, series): then `prepare` never holds a column of them in memory but
    leaves them in the store and reads them a shard at a time; :meth:`learn` is handed a sequence that does so too."""
    lies_upon: ClassVar[str | None] = None
    """The kind of given column whose values its own lie upon, place by place (a mask, boxes: on a picture); ``None``:
    each value stands for itself."""

    def __init__(
        self,
        name: str,
        options: Options | None = None,
        state: dict[str, Any] | None = None,
        *,
        beside: Path | None = None,
    ) -> None:
        self.name = name
        self.beside = beside if beside is not None else Path()
        self.options = options if options is not None else self.Options()
        self.state: dict[str, Any] = state or {}

    @abstractmethod
    def parse(self, value: Any) -> Any:
        """One value, checked and in its plain form; ``None`` where it is missing.

        Raises:
            ValueError: ``value`` cannot be of this kind; its argument is a :class:`~sixfold.language.Text` that says
                why in both languages, without the value itself.
        """

    def depends_on(self) -> Any:
        """What its arrays depend on beyond its options and the rows, as plain JSON: the digest of a file, or ``None``.

        Raises:
            ValueError: What an option names is not there or cannot be read.
        """
        return None

    @abstractmethod
    def learn(self, values: Values) -> dict[str, Any]:
        """What this kind needs to know of the training rows, as plain JSON."""

    @property
    @abstractmethod
    def form(self) -> Form:
        """The form of the arrays that :meth:`encode` makes; known once fitted."""

    @abstractmethod
    def encode(self, values: Values) -> Array:
        """Values of n rows as one array of shape (n, \\*form.shape); missing and unseen ones have a place of their own.

        Raises:
            ValueError: A value cannot be of this kind.
        """

    @abstractmethod
    def decode(self, array: Array) -> list[Any]:
        """An array of shape (n, \\*form.shape) back to n values, as far as encoding kept them."""

    def learn_target(self, values: Values) -> dict[str, Any]:
        """What it needs to know where its column is the one to predict; unless a kind says otherwise, the same."""
        return self.learn(values)

    def fit(self, values: Values, *, is_target: bool = False) -> Self:
        """This field, fitted on ``values`` (training rows alone); the original is left as it was."""
        return type(self)(
            self.name, self.options, self.learn_target(values) if is_target else self.learn(values), beside=self.beside
        )

    def upon(self, base: Field) -> Self:  # noqa: ARG002
        """This field, told the fitted column that its values lie upon, before it is fitted itself."""
        return self

    def encode_upon(self, values: Values, extents: Sequence[tuple[int, ...]]) -> Array:  # noqa: ARG002
        """As :meth:`encode`, each value held against the size of what it lies upon.

        Args:
            values: The values of n rows.
            extents: For each row the :meth:`extent` of the value that it lies upon; () where that is not known.

        Raises:
            ValueError: A value cannot be of this kind, or does not fit what it lies upon.
        """
        return self.encode(values)

    def parsed(self, values: Values) -> list[Any]:
        """Every value through :meth:`parse`, each different one once where equal values are sure to be alike.

        Raises:
            ValueError: A value cannot be of this kind.
        """
        listed = values.tolist() if isinstance(values, np.ndarray) else values
        # 1, 1.0 and True are one key of a dictionary, but not one label; so only values of one type share their answer.
        if len({type(value) for value in listed} - {type(None)}) > 1:
            return [self.parse(value) for value in listed]
        try:
            answers = {value: self.parse(value) for value in set(listed)}
        except TypeError:  # values that cannot be keys: lists, arrays
            return [self.parse(value) for value in listed]
        return [answers[value] for value in listed]

    def likeness(self, value: Any) -> bytes | None:
        """What a raw value says, as bytes: equal for two values if they say the same; ``None`` where it is missing.

        Asked of heavy kinds, to find copies of a row. It must be cheap, so a picture is not decoded for it.

        Raises:
            ValueError: The value cannot be of this kind.
        """
        parsed = self.parse(value)
        return None if parsed is None else str(parsed).encode("utf-8", "surrogatepass")

    def extent(self, value: Any) -> tuple[int, ...]:  # noqa: ARG002
        """How large a raw value is, for the data report: (height, width) of a picture; () where there is no size to it.

        Raises:
            ValueError: The value cannot be of this kind.
        """
        return ()

    def overlong(self, value: Any) -> Text | None:  # noqa: ARG002
        """Why a raw value does not fit whole into its array (a text that is too long); ``None`` where it does.

        Asked where an answer to half a value would be none (a translation).
        """
        return None

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of one value, for OpenAPI and the demo page."""
        return {"type": "string"}

    def json_value(self, value: Any) -> Any:
        """One raw value as it would be sent over JSON (images as base64)."""
        return value

    def to_json(self) -> dict[str, Any]:
        """The fitted field as plain JSON; :func:`restored` is the way back."""
        return {
            "name": self.name,
            "kind": self.kind(),
            "version": self.version,
            "options": self.options.model_dump(mode="json"),
            "state": self.state,
        }


def restored(record: dict[str, Any]) -> Field:
    """The fitted field that :meth:`Field.to_json` wrote."""
    family: type[Field] = Field  # type: ignore[type-abstract]  # a family is looked up, never built
    kind = find(family, record["kind"])
    return kind(record["name"], kind.Options(**record["options"]), record["state"])


def base_of(target: Field, given: Mapping[str, Field]) -> Field | None:
    """The given column that a target's values lie upon: the first one of the kind that it asks for; ``None``: none."""
    return next((field for field in given.values() if field.kind() == target.lies_upon), None)


def is_missing(value: Any) -> bool:
    """Whether a raw value says nothing: None, NaN, an empty or blank string, and what pandas calls NA and NaT."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, (float, np.floating)):
        return math.isnan(value)
    # pandas is no part of the runtime, and its NA equals nothing, not even itself: so it is known by its name.
    return type(value).__name__ in ("NAType", "NaTType")


def says_unknown(text: str) -> bool:
    """Whether a stripped text only says that nothing is known: ?, NA, null, -, 无 …"""
    return text.lower() in _BLANKS
