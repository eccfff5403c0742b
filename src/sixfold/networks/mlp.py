"""The multilayer perceptron."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field as Setting

from sixfold.families import Options as KindOptions
from sixfold.fields import Form
from sixfold.language import Text
from sixfold.networks._composed import embedding_width
from sixfold.networks._inputs import inputs_of, plain_vector
from sixfold.networks._network import Facts, Layered, Recipe
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Mlp"]

_WIDTH = 256
_DEPTH = 3
_DROPOUT = 0.2


class Mlp(Layered):
    """Layers of σ(W·x + b), one after another (Rosenblatt 1958; Rumelhart, Hinton & Williams 1986).

    With ``hidden`` it is the textbook perceptron: every column as one vector (categories one-hot, pictures as pixels in
    0–1), then a dense layer for each number in ``hidden``. Without, the practice of today for tables: an embedding for
    each category, normalised inputs, three residual-free layers with batch normalisation and dropout.
    """

    title: ClassVar[Text] = Text("multilayer perceptron", "多层感知机")

    class Options(KindOptions):
        """``hidden``: units of each hidden layer. ``activation``: σ of the hidden layers."""

        hidden: list[int] | None = Setting(default=None, max_length=64)
        activation: Literal["relu", "sigmoid", "tanh", "silu", "selu", "elu"] = "relu"

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 10 if all(form.name in ("vector", "ids", "grid", "points") for form in given.values()) else 0

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:  # noqa: ARG002
        import keras

        options = self._said
        inputs = inputs_of(given)
        if options.hidden is not None:
            x: Any = plain_vector(inputs, given)  # (batch, size)
            for units in options.hidden:
                x = keras.layers.Dense(units, activation=options.activation)(x)
        else:
            x = _modern_vector(inputs, given)  # (batch, size)
            for _ in range(_DEPTH):
                x = keras.layers.Dense(_WIDTH, use_bias=False)(x)
                x = keras.layers.BatchNormalization()(x)
                x = keras.layers.Activation(options.activation)(x)
                x = keras.layers.Dropout(_DROPOUT)(x)
        return keras.Model(inputs, keras.layers.Dense(output.units, activation=output.activation)(x), name="mlp")

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        if self._said.hidden is not None:
            return Recipe()
        batch = 256 if facts.rows > 5_000 else 64 if facts.rows > 1_000 else 32  # noqa: PLR2004 — a few hundred steps an epoch
        return Recipe(
            optimizer="adamw",
            learning_rate=2e-3,
            schedule="one_cycle",
            weight_decay=1e-2,
            batch=batch,
            epochs=30,
            patience=8,
        )

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Mlp.Options)
        return self.options


def _modern_vector(inputs: Mapping[str, Any], given: Mapping[str, Form]) -> Any:
    import keras

    parts = []
    for name, form in given.items():
        if form.name == "ids":
            parts.append(keras.layers.Embedding(form.vocabulary, embedding_width(form.vocabulary))(inputs[name]))
        else:
            parts.append(plain_vector({name: inputs[name]}, {name: form}))
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)
