"""Sequence to sequence, from scratch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Array, Form, FormName
from sixfold.language import Text
from sixfold.networks._composed import plain_encoder, there
from sixfold.networks._inputs import inputs_of
from sixfold.networks._network import Draw, Facts, Layered, Objective, Part, Proposal, Recipe
from sixfold.networks._writing import next_token, shifted, writing_step
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Seq2seq"]

_PLACES = 256
"""Of so many tokens at least the place has a vector: the same network, however long the texts at hand are."""

_ROWS_SEEN, _FEWEST_EPOCHS, _MOST_EPOCHS = 600_000, 10, 60
_MANY_ROWS = 5_000
_SAMPLE_ROWS, _SAMPLE_TOKENS = 3, 8


class Seq2seq(Layered):
    """A transformer that reads a text and writes another (Vaswani et al. 2017), with vocabularies of the same rows.

    Its encoder reads the given texts, one after another; every other given column becomes one more place of what the
    decoder attends to. Normalisation stands before each part (Xiong et al. 2020), the vectors of written tokens are
    those that the output is compared with (Press & Wolf 2017), and the loss is smoothed by 0.1.
    """

    title: ClassVar[Text] = Text("sequence to sequence", "序列到序列")
    obeys: ClassVar[frozenset[str]] = Layered.obeys - {"class_weights"}
    makes: ClassVar[tuple[FormName, ...]] = ("tokens",)
    is_taught: ClassVar[bool] = True

    class Options(KindOptions):
        """``layers``: of the encoder, and of the decoder. ``width``: of each token's vector.

        ``heads``: of attention, sharing the width. ``dropout``: the share of what is dropped while training; left out,
        more of it for fewer rows.
        """

        layers: int = Setting(default=3, ge=1, le=48)
        width: int = Setting(default=256, ge=8, le=4096)
        heads: int = Setting(default=4, ge=1, le=64)
        dropout: float | None = Setting(default=None, ge=0, lt=1)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 30 if any(form.name == "tokens" for form in given.values()) else 0

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal:
        plain = self.recipe(given, output, facts)
        return Proposal(
            options={"dropout": draw.suggest_float("dropout", 0.1, 0.4), "width": 64 * draw.suggest_int("width", 2, 6)},
            recipe={"learning_rate": plain.learning_rate * draw.suggest_float("rate", 0.5, 2.0, log=True)},
        )

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        import keras

        from sixfold.networks.layers import Block, Decoder

        said = self._said
        if not self.suits(given):
            kinds = ", ".join(form.name for form in given.values()) or "–"
            raise TrainingError("does_not_suit", network="seq2seq", expected="a text", received=kinds)
        if said.width % said.heads:
            raise TrainingError("uneven_heads", width=said.width, heads=said.heads)
        dropout = said.dropout if said.dropout is not None else 0.3 if facts.rows < _MANY_ROWS else 0.2
        inputs = inputs_of(given)
        x, is_there = self._read(inputs, given, dropout)
        for number in range(said.layers):
            block = Block(said.width, said.heads, inner=2, dropout=dropout, depth=said.layers, name=f"encoder_{number}")
            x, _ = block(x, there=is_there)
        x = keras.layers.LayerNormalization(epsilon=1e-5, name="encoded")(x)
        # The keys and values that all layers of the decoder ask for: one product, once for each text.
        memory = keras.layers.Dense(2 * said.layers * said.width, name="memory_flat")(x)
        memory = keras.layers.Reshape((-1, 2 * said.layers, said.width), name="memory")(memory)
        target = keras.Input((None,), dtype="int32", name="target")
        decoder = Decoder(
            output.units,
            said.width,
            said.layers,
            said.heads,
            max(_PLACES, output.places[0]),
            inner=2,
            dropout=dropout,
            crosses=True,
            name="decoder",
        )
        logits, _ = decoder(shifted(target), memory=memory, there=is_there)
        model = keras.Model({**inputs, "target": target}, logits)
        model.reader = keras.Model(inputs, {"memory": memory, "there": is_there}, name="reader")
        return model

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        return Recipe(
            optimizer="adamw",
            learning_rate=1e-3,
            schedule="one_cycle",
            weight_decay=0.01,
            batch=64 if facts.rows >= _MANY_ROWS else 32,
            epochs=max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, round(_ROWS_SEEN / max(1, facts.rows)))),
            label_smoothing=0.1,
            patience=6,
            precision="auto",
        )

    def objective(self, output: Output, recipe: Recipe) -> Objective:  # noqa: ARG002
        return next_token("accuracy", recipe)

    def parts(self, model: keras.Model, given: Mapping[str, Form], output: Output) -> Mapping[str, Part]:  # noqa: ARG002
        """``graph`` reads the given columns, once; ``step`` writes, token by token."""
        decoder = model.get_layer("decoder")
        return {"graph": Part(model.reader, _some(given)), "step": writing_step(decoder, crosses=True)}

    def _read(self, inputs: Mapping[str, Any], given: Mapping[str, Form], dropout: float) -> tuple[Any, Any]:
        """The given columns as places (batch, places, width), and where there is something (batch, places)."""
        import keras
        from keras import ops

        from sixfold.networks.layers import Positions

        width, several = self._said.width, len(given) > 1
        near = keras.initializers.RandomNormal(stddev=0.02)
        parts, exist = [], []
        for name, form in given.items():
            x = inputs[name]
            if form.name == "tokens":
                y = keras.layers.Embedding(form.vocabulary, width, embeddings_initializer=near)(x)
                y = Positions(max(_PLACES, form.shape[0]))(y)
                parts.append(y)
                exist.append(there(x))
            else:
                y = keras.layers.Dense(width)(plain_encoder(x, form))
                parts.append(y[:, None])
                exist.append(ops.ones_like(y[:, :1]))
        x = keras.layers.Dropout(dropout)(keras.layers.Concatenate(axis=1)(parts) if several else parts[0])
        return x, keras.layers.Concatenate(axis=1)(exist) if several else exist[0]

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Seq2seq.Options)
        return self.options


def _some(given: Mapping[str, Form]) -> dict[str, Array]:
    """A few rows at random, the first of them full of tokens: so that all are as long, whoever cuts their padding."""
    draw = np.random.default_rng(0)
    rows: dict[str, Any] = {}
    x: Any
    for name, form in given.items():
        if form.name == "tokens":
            x = draw.integers(1, form.vocabulary, (_SAMPLE_ROWS, _SAMPLE_TOKENS))
            ends = _SAMPLE_TOKENS - np.arange(_SAMPLE_ROWS)[:, None] * 3
            x = np.where(np.arange(_SAMPLE_TOKENS) < ends, x, 0)
        elif form.name == "ids":
            x = draw.integers(0, form.vocabulary, _SAMPLE_ROWS)
        elif form.dtype == "uint8":
            x = draw.integers(0, 256, (_SAMPLE_ROWS, *form.shape))
        else:
            x = draw.normal(size=(_SAMPLE_ROWS, *form.shape))
        rows[name] = x.astype(form.dtype)
    return rows
