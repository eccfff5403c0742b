"""The convolutional network."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Form
from sixfold.language import Text
from sixfold.networks._composed import Composed
from sixfold.networks._inputs import inputs_of, scaled
from sixfold.networks._network import Facts, Recipe
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Cnn"]

_DEFAULT_DENSE = (128,)

_WORKING_SIDE = 32
"""Larger pictures are averaged down to about this side first: on two cores, more detail costs more than it brings."""

_FILTERS = (32, 64, 128, 128)
_LAST_SIDE = 4

_MOMENTUM = 0.9
"""Of the running means: small sets have few steps, and Keras' 0.99 would lag behind for several epochs."""

_ROWS_SEEN, _FEWEST_EPOCHS, _MOST_EPOCHS, _MANY_ROWS = 40_000, 10, 40, 20_000


class Cnn(Composed):
    """Convolutions over a picture (LeCun et al. 1998).

    With ``filters`` or ``dense`` it is the plain network that everybody starts with: for each number in ``filters`` a
    3×3 convolution with ReLU and a 2×2 max pooling; then flattened; then a dense ReLU layer for each number in
    ``dense``; then the output. Trained plainly, too: Adam, batch 32, 10 epochs. Without, a network and a recipe that
    learn better.
    """

    title: ClassVar[Text] = Text("convolutional network", "卷积神经网络")

    class Options(KindOptions):
        """``filters``: of each 3×3 convolution. ``dense``: units of each dense layer after them."""

        filters: list[int] | None = Setting(default=None, min_length=1, max_length=8)
        dense: list[int] | None = Setting(default=None, max_length=8)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 20 if any(form.name == "grid" for form in given.values()) else 0

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        kinds = [form.name for form in given.values()]
        if not self.suits(given) or (self._is_plain and kinds != ["grid"]):
            expected = "one picture" if self._is_plain else "a picture among the given columns"
            raise TrainingError("does_not_suit", network="cnn", expected=expected, received=", ".join(kinds))
        if not self._is_plain:
            return super().build(given, output, facts)
        import keras

        ((name, form),) = given.items()
        inputs = inputs_of(given)
        x = self._plain(scaled(inputs[name]), form)
        return keras.Model(inputs, keras.layers.Dense(output.units, activation=output.activation)(x), name="cnn")

    def encoder(self, x: Any, form: Form, facts: Facts) -> Any | None:  # noqa: ARG002
        return _modern(scaled(x), form) if form.name == "grid" else None

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        if self._is_plain:
            return Recipe(keep_best=False)
        return _modern_recipe(facts.rows)

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


def _modern(x: Any, form: Form) -> Any:
    """Four 3×3 convolutions, batch-normalised (Ioffe & Szegedy 2015), halving the picture between; then the mean."""
    import keras

    factor = max(1, min(form.shape[:2]) // _WORKING_SIDE)
    x = keras.layers.Rescaling(2.0, -1.0)(x)
    if factor > 1:
        x = keras.layers.AveragePooling2D(factor)(x)
    halved = _halved_after(min(form.shape[:2]) // factor)
    for index, count in enumerate(_FILTERS):
        x = keras.layers.Conv2D(count, 3, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=_MOMENTUM)(x)
        x = keras.layers.ReLU()(x)
        if index in halved:
            x = keras.layers.MaxPooling2D(2)(x)
    return keras.layers.GlobalAveragePooling2D()(x)


def _halved_after(side: int) -> tuple[int, ...]:
    """After which convolutions a picture of ``side`` pixels is halved: until about 4 are left for the last one."""
    times = max(0, min(len(_FILTERS) - 1, round(math.log2(side / _LAST_SIDE))))
    return (1,) if times == 1 else tuple(range(times))


def _modern_recipe(rows: int) -> Recipe:
    epochs = max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, round(_ROWS_SEEN / max(1, rows))))
    return Recipe(
        optimizer="adamw",
        learning_rate=3e-3,
        schedule="one_cycle",
        weight_decay=5e-2,
        batch=32 if rows < _MANY_ROWS else 128,
        epochs=epochs,
        label_smoothing=0.1,
        modality_dropout=0.1,
        augment={"shift": 0.1, "zoom": 0.1, "turn": 10.0, "brightness": 0.1, "contrast": 0.2},
    )
