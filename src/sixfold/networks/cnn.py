"""The convolutional network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Form
from sixfold.language import Text
from sixfold.networks._composed import Composed
from sixfold.networks._convolution import (
    along,
    averaged_down,
    centred,
    has_pictures,
    normalised_along,
    over,
    picture_recipe,
    present,
    series_recipe,
    varied_pictures,
)
from sixfold.networks._inputs import inputs_of, scaled
from sixfold.networks._network import Draw, Facts, Proposal, Recipe
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Cnn"]

_DEFAULT_DENSE = (128,)

_FIRST, _FILTERS = 16, (32, 96, 96)
_LAST_SIDE = 3.5

_MODULES, _SERIES_FILTERS, _LONGEST = 6, 32, 40
"""Along series: modules, filters of each convolution, and the longest one's steps (Fawaz et al. 2020)."""

_FAR_BELOW = 1e4
"""Padding is so far below every step when the highest of neighbours is taken."""


class Cnn(Composed):
    """Convolutions over a picture (LeCun et al. 1998).

    With ``filters`` or ``dense`` it is the plain network that everybody starts with: for each number in ``filters`` a
    3×3 convolution with ReLU and a 2×2 max pooling; then flattened; then a dense ReLU layer for each number in
    ``dense``; then the output. Trained plainly, too: Adam, batch 32, 10 epochs. Without, a network and a recipe that
    learn better; along series, that is InceptionTime's (Fawaz et al. 2020).
    """

    title: ClassVar[Text] = Text("convolutional network", "卷积神经网络")

    class Options(KindOptions):
        """``filters``: of each 3×3 convolution. ``dense``: units of each dense layer after them."""

        filters: list[int] | None = Setting(default=None, min_length=1, max_length=8)
        dense: list[int] | None = Setting(default=None, max_length=8)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        forms = {form.name for form in given.values()}
        return 20 if "grid" in forms else 22 if "steps" in forms else 0

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        kinds = [form.name for form in given.values()]
        if not self.suits(given) or (self._is_plain and kinds != ["grid"]):
            expected = "one picture" if self._is_plain else "a picture or a series among the given columns"
            raise TrainingError("does_not_suit", network="cnn", expected=expected, received=", ".join(kinds))
        if not self._is_plain:
            return super().build(given, output, facts)
        import keras

        ((name, form),) = given.items()
        inputs = inputs_of(given)
        x = self._plain(scaled(inputs[name]), form)
        return keras.Model(inputs, keras.layers.Dense(output.units, activation=output.activation)(x), name="cnn")

    def encoder(self, x: Any, form: Form, facts: Facts) -> Any | None:  # noqa: ARG002
        match form.name:
            case "grid":
                return _over_pictures(x)
            case "steps":
                return _along_series(x, form)
            case _:
                return None

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        if self._is_plain:
            return Recipe(keep_best=False)
        return picture_recipe(facts.rows, "float32") if has_pictures(given) else series_recipe(facts.rows)

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal | None:
        if has_pictures(given) and not self._is_plain:
            return varied_pictures(draw, self.recipe(given, output, facts))
        return super().varied(draw, given, output, facts)

    @property
    def _is_plain(self) -> bool:
        return self._said.filters is not None or self._said.dense is not None

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Cnn.Options)
        return self.options

    def _plain(self, x: Any, form: Form) -> Any:
        import keras

        filters = self._said.filters if self._said.filters is not None else [32]
        side = min(form.shape[:2])
        for count in filters:
            side = (side - 2) // 2
            if side < 1:
                raise TrainingError("too_many_filters", filters=len(filters), size=f"{form.shape[0]}×{form.shape[1]}")
            x = keras.layers.Conv2D(count, (3, 3), activation="relu")(x)
            x = keras.layers.MaxPooling2D((2, 2))(x)
        x = keras.layers.Flatten()(x)
        for units in self._said.dense if self._said.dense is not None else _DEFAULT_DENSE:
            x = keras.layers.Dense(units, activation="relu")(x)
        return x


def _over_pictures(x: Any) -> Any:
    """Three levels of two 3×3 convolutions, halving the picture within each; then the maximum: (batch, 96).

    Halved between its two convolutions (as in Jordan 2024, arXiv:2404.00498), a level sees most for what it costs.
    """
    import keras

    x = over(averaged_down(centred(x)), _FIRST)
    halvings = _halvings(min(x.shape[1:3]))
    for level, count in enumerate(_FILTERS):
        x = over(x, count, halves=len(_FILTERS) - level <= halvings)
        x = over(x, count)
    return keras.layers.GlobalMaxPooling2D()(x)


def _halvings(side: int) -> int:
    """How often a picture of ``side`` pixels is halved: until three or four are left."""
    return max(0, min(len(_FILTERS), round(math.log2(side / _LAST_SIDE))))


def _along_series(steps: Any, form: Form) -> Any:
    """Six modules with a shortcut around each three; then mean and maximum: (batch, 256)."""
    import keras

    from sixfold.networks.layers import PooledThere

    there = present(steps)
    longest = max(3, min(_LONGEST, form.shape[0] // 2))
    sizes = (longest, max(3, longest // 2), max(3, longest // 4))
    x = past = steps
    for index in range(_MODULES):
        x = _module(x, there, sizes)
        if index % 3 == 2:  # noqa: PLR2004 — each third
            past = along(past, there, x.shape[-1], 1, is_active=False)
            x = past = keras.layers.ReLU()(keras.layers.Add()([x, past]))
    return PooledThere()(x, there[..., 0])


def _module(x: Any, there: Any, sizes: Sequence[int]) -> Any:
    """Convolutions of several lengths, and a maximum, beside each other: (batch, length, 128)."""
    import keras

    def convolved(y: Any, size: int) -> Any:
        return keras.layers.Conv1D(_SERIES_FILTERS, size, padding="same", use_bias=False)(y)

    narrow = convolved(x, 1)
    highest = keras.layers.MaxPooling1D(3, strides=1, padding="same")(x + (there - 1.0) * _FAR_BELOW)
    parts = [*(convolved(narrow, size) for size in sizes), convolved(highest * there, 1)]
    return normalised_along(keras.layers.Concatenate()(parts), there)
