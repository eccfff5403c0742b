"""The multilayer perceptron."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field as Setting

from sixfold.families import Options as KindOptions
from sixfold.fields import TABLE_FORMS, Array, Form
from sixfold.language import Text
from sixfold.networks._composed import embedding_width
from sixfold.networks._inputs import inputs_of, plain_vector
from sixfold.networks._network import Draw, Facts, Layered, Proposal, Recipe
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Mlp"]

_WIDTH, _DEPTH = 128, 2
_MEMBERS_OF_FEW, _MEMBERS_OF_MANY = 16, 4
"""Of many rows each step counts more than each member: on two cores there is no time for both."""

_DROPOUT = 0.1
_FEW_ROWS, _MANY_ROWS = 1_500, 12_000
_PIECES = 48
_FEWEST_ROWS_A_PIECE = 150
_NUMBERS_SIZE = 256
"""About so many units hold all numbers together."""

_SMALLEST, _LARGEST = 4, 16


class Mlp(Layered):
    """Layers of σ(W·x + b), one after another (Rosenblatt 1958; Rumelhart, Hinton & Williams 1986).

    With ``hidden`` it is the textbook perceptron: every column as one vector (categories one-hot, pictures as pixels in
    0–1), then a dense layer for each number in ``hidden``. Without, the practice of today for tables, TabM (Gorishniy,
    Kotelnikov & Babenko 2025, arXiv:2410.24210): numbers by piecewise-linear maps with knots at quantiles of the
    training rows, an embedding for each category, then several perceptrons that share their matrices, learn each for
    itself and answer as one.
    """

    title: ClassVar[Text] = Text("multilayer perceptron", "多层感知机")
    version: ClassVar[int] = 2

    class Options(KindOptions):
        """``hidden``: units of each hidden layer of the textbook perceptron. ``activation``: σ of the hidden layers.

        ``members``: how many perceptrons there are without ``hidden``; left out, by the rows. ``width``: units of each
        of their hidden layers. ``depth``: how many hidden layers they have. ``dropout``: the share of units that each
        step of training leaves out.
        """

        hidden: list[int] | None = Setting(default=None, max_length=64)
        activation: Literal["relu", "sigmoid", "tanh", "silu", "selu", "elu"] = "relu"
        members: int | None = Setting(default=None, ge=1, le=256)
        width: int = Setting(default=_WIDTH, ge=1, le=8192)
        depth: int = Setting(default=_DEPTH, ge=1, le=32)
        dropout: float = Setting(default=_DROPOUT, ge=0, lt=1)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        if all(form.name in TABLE_FORMS for form in given.values()):
            return 25
        return 10 if all(form.name in (*TABLE_FORMS, "grid") for form in given.values()) else 0

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        import keras

        said = self._said
        inputs = inputs_of(given)
        if said.hidden is None:
            return keras.Model(inputs, self._ensemble(inputs, given, output, facts), name="mlp")
        x: Any = plain_vector(inputs, given)  # (batch, size)
        for units in said.hidden:
            x = keras.layers.Dense(units, activation=said.activation)(x)
        return keras.Model(inputs, keras.layers.Dense(output.units, activation=output.activation)(x), name="mlp")

    def _ensemble(self, inputs: Mapping[str, Any], given: Mapping[str, Form], output: Output, facts: Facts) -> Any:
        import keras

        from sixfold.networks.layers import EnsembleDense, EnsembleMean

        said = self._said
        members = said.members or (_MEMBERS_OF_FEW if facts.rows < _MANY_ROWS else _MEMBERS_OF_MANY)
        x = _embedded(inputs, given, facts)  # (batch, size)
        for place in range(said.depth):
            x = EnsembleDense(said.width, members, is_first=place == 0)(x)  # (batch, members, width)
            x = keras.layers.Activation(said.activation)(x)
            x = keras.layers.Dropout(said.dropout)(x)
        return EnsembleMean(output.units, output.activation)(x)

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        if self._said.hidden is not None:
            return Recipe()
        few, many = facts.rows < _FEW_ROWS, facts.rows >= _MANY_ROWS
        return Recipe(
            optimizer="adamw",
            learning_rate=1e-2 if many else 2e-3,
            schedule="one_cycle",
            weight_decay=3e-2,
            batch=32 if few else 128,
            epochs=40 if few else 12 if many else 16,
        )

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal | None:
        if self._said.hidden is not None:
            return super().varied(draw, given, output, facts)
        plain = self.recipe(given, output, facts)
        return Proposal(
            options={
                "width": draw.suggest_categorical("width", [64, 128, 192, 256]),
                "depth": draw.suggest_int("depth", 1, 3),
                "dropout": draw.suggest_float("dropout", 0.0, 0.4),
            },
            recipe={
                "learning_rate": plain.learning_rate * draw.suggest_float("rate", 0.3, 2.0, log=True),
                "weight_decay": plain.weight_decay * draw.suggest_float("decay", 0.1, 10.0, log=True),
            },
        )

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Mlp.Options)
        return self.options


def _embedded(inputs: Mapping[str, Any], given: Mapping[str, Form], facts: Facts) -> Any:
    """All columns as one vector (batch, size): numbers by pieces, categories embedded, pictures as they are."""
    import keras

    from sixfold.networks.layers import NumberEmbedding

    parts, numbers, samples = [], [], []
    for name, form in given.items():
        if form.name == "ids":
            width = min(_LARGEST, embedding_width(form.vocabulary))
            parts.append(keras.layers.Embedding(form.vocabulary, width)(inputs[name]))
        elif form.name == "grid":
            parts.append(plain_vector({name: inputs[name]}, {name: form}))
        else:
            numbers.append(inputs[name] if len(form.shape) == 1 else keras.layers.Flatten()(inputs[name]))
            sample = facts.sample.get(name, np.zeros((0, *form.shape), np.float32))
            samples.append(sample.reshape(len(sample), math.prod(form.shape)))
    if numbers:
        x = numbers[0] if len(numbers) == 1 else keras.layers.Concatenate()(numbers)  # (batch, numbers)
        knots = [_knots(column, facts.rows) for sample in samples for column in sample.T]
        size = max(_SMALLEST, min(_LARGEST, _NUMBERS_SIZE // len(knots)))
        x = NumberEmbedding(max(len(ends) - 1 for ends in knots), size, knots)(x)  # (batch, numbers, size)
        parts.append(keras.layers.Flatten()(x))
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)


def _knots(column: Array, rows: int) -> Array:
    """Where the pieces of a number meet, ascending, two at least: quantiles of a sample of it (n,), and of the
    different values in it, for most rows may have the same.
    """
    pieces = max(2, min(_PIECES, rows // _FEWEST_ROWS_A_PIECE))
    if not len(column):
        return np.linspace(-_UNSEEN_RANGE, _UNSEEN_RANGE, pieces + 1)
    even = np.linspace(0, 1, pieces // 2 + 1)
    known = column.astype(np.float64)
    knots = np.unique([np.quantile(known, even), np.quantile(np.unique(known), even)])
    return knots if len(knots) > 1 else np.array([knots[0] - 0.5, knots[0] + 0.5])


_UNSEEN_RANGE = 3.0
"""Standard deviations that the knots span where there are no rows to go by."""
