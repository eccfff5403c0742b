"""The transformer, from scratch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Form
from sixfold.language import Text
from sixfold.networks._composed import Composed, there
from sixfold.networks._network import Draw, Facts, Proposal, Recipe
from sixfold.tasks import Output

__all__ = ["Transformer"]

_DROPOUT = 0.2
_WINDOW = 3
_PLACES = 256
"""Of so many tokens at least the place has a vector: the same network, however long the texts at hand are."""

_ROWS_SEEN, _FEWEST_EPOCHS, _MOST_EPOCHS = 80_000, 4, 20
_MANY_ROWS = 20_000


class Transformer(Composed):
    """A transformer encoder over texts (Vaswani et al. 2017), with a tokenizer trained on the same rows.

    Tokens and their learned places go through a convolution over neighbours, then through layers of attention and a
    feed-forward part, each behind a normalisation (pre-norm; Xiong et al. 2020); mean and maximum over the tokens that
    are there make the text's vector. Small, for texts alone cannot teach a large one from scratch.
    """

    title: ClassVar[Text] = Text("transformer", "Transformer")

    class Options(KindOptions):
        """``layers``: of attention. ``width``: of each token's vector. ``heads``: of attention, sharing the width."""

        layers: int = Setting(default=2, ge=0, le=48)
        width: int = Setting(default=128, ge=8, le=4096)
        heads: int = Setting(default=4, ge=1, le=64)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 20 if any(form.name == "tokens" for form in given.values()) else 0

    def first(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Sequence[Proposal]:  # noqa: ARG002
        """As it stands; and without attention: a convolution over words (after Kim 2014), often enough for few rows."""
        said = self._said.model_fields_set
        return (Proposal(),) if "layers" in said else (Proposal({"layers": 0}), Proposal())

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal:
        plain = self.recipe(given, output, facts)
        return Proposal(
            options={"layers": draw.suggest_int("layers", 0, 3), "width": 32 * draw.suggest_int("width", 2, 6)},
            recipe={
                "learning_rate": plain.learning_rate * draw.suggest_float("rate", 0.4, 2.5, log=True),
                "augment": {"drop": draw.suggest_float("drop", 0.0, 0.3)},
            },
        )

    def encoder(self, x: Any, form: Form, facts: Facts) -> Any | None:  # noqa: ARG002
        if form.name != "tokens":
            return None
        import keras

        from sixfold.networks.layers import PooledThere, Positions

        said = self._said
        if said.width % said.heads:
            raise TrainingError("uneven_heads", width=said.width, heads=said.heads)
        is_there = there(x)  # (batch, length)
        y = keras.layers.Embedding(form.vocabulary, said.width)(x)  # (batch, length, width)
        y = keras.layers.Dropout(_DROPOUT)(y * is_there[..., None])
        near = keras.layers.Conv1D(said.width, _WINDOW, padding="same", activation="relu")(y)
        y = Positions(max(_PLACES, form.shape[0]))(y + near)
        for _ in range(said.layers):
            y = _layer(y, is_there, said.width, said.heads)
        y = keras.layers.LayerNormalization()(y)
        return keras.layers.Dropout(_DROPOUT)(PooledThere()(y, is_there))

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        return Recipe(
            optimizer="adamw",
            learning_rate=1e-3,
            schedule="one_cycle",
            weight_decay=0.05,
            batch=32 if facts.rows < _MANY_ROWS else 64,
            epochs=max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, round(_ROWS_SEEN / max(1, facts.rows)))),
            patience=4,
            label_smoothing=0.0 if output.activation == "linear" else 0.1,
            augment={"drop": 0.1},
            modality_dropout=0.1,
        )

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Transformer.Options)
        return self.options


def _layer(x: Any, is_there: Any, width: int, heads: int) -> Any:
    """Attention among the tokens that are there, then a feed-forward part: (batch, length, width) to the same."""
    import keras

    normal = keras.layers.LayerNormalization()(x)
    attention = keras.layers.MultiHeadAttention(heads, width // heads, dropout=_DROPOUT)
    x = x + attention(normal, normal, attention_mask=is_there[:, None, :])
    normal = keras.layers.LayerNormalization()(x)
    # The tanh form: the exact one becomes an operator that ONNX Runtime lacks.
    inner = keras.layers.Dense(2 * width, activation=_gelu)(normal)
    return x + keras.layers.Dropout(_DROPOUT)(keras.layers.Dense(width)(inner))


def _gelu(x: Any) -> Any:
    import keras

    return keras.ops.gelu(x, approximate=True)
