"""What tells, token by token, how a text goes on."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253 — this folder is imported only where a network is built

from sixfold.networks.layers.block import Block

__all__ = ["Decoder"]


@keras.saving.register_keras_serializable("sixfold")
class Decoder(keras.layers.Layer):
    """Tokens so far → how likely each token of the vocabulary comes next, after each of them.

    Learned places, blocks that look back alone, and the tokens' own vectors again at the end (tied: Press & Wolf 2017).

    Args:
        vocabulary: How many tokens there are.
        width: Of each token's vector.
        layers: Of attention.
        heads: Of attention, sharing the width.
        places: The most tokens of a text.
        inner: How many times as wide the feed-forward parts are.
        dropout: While training.
        crosses: Whether it also attends to a memory.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int,
        layers: int,
        heads: int,
        places: int,
        *,
        inner: int = 4,
        dropout: float = 0.0,
        crosses: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.vocabulary, self.width, self.layers, self.heads, self.places = vocabulary, width, layers, heads, places
        self.inner, self.dropout, self.crosses = inner, dropout, crosses
        self.drop = keras.layers.Dropout(dropout, name="drop")
        self.blocks = [
            Block(
                width,
                heads,
                inner=inner,
                dropout=dropout,
                depth=layers,
                looks_back=True,
                crosses=crosses,
                name=f"block_{number}",
            )
            for number in range(layers)
        ]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5, name="norm")

    def build(self, *_: Any, **__: Any) -> None:
        near = keras.initializers.RandomNormal(stddev=0.02)
        self.table = self.add_weight(shape=(self.vocabulary, self.width), initializer=near, name="table")
        self.place = self.add_weight(shape=(self.places, self.width), initializer=near, name="place")
        for block in self.blocks:
            block.build((None, None, self.width))
        self.norm.build((None, None, self.width))
        self.built = True

    def call(
        self, tokens: Any, past: Any = None, memory: Any = None, there: Any = None, training: bool | None = None
    ) -> tuple[Any, Any]:
        """Logits, and the keys and values that later tokens will ask for.

        Args:
            tokens: int32 (batch, tokens).
            past: Keys and values of the tokens before, (before, batch, 2·layers, width): time first, so that a cache
                grows without being copied.
            memory: Keys and values of the memory, (batch, places, 2·layers, width).
            there: (batch, places), 1 where the memory says something.
            training: Whether something is dropped.

        Returns:
            float32 (batch, tokens, vocabulary), and (tokens, batch, 2·layers, width).
        """
        ops = keras.ops
        before = 0 if past is None else ops.shape(past)[0]
        at = ops.arange(ops.shape(tokens)[1]) + before
        table = ops.cast(self.table, self.compute_dtype)
        x = ops.take(table, tokens, axis=0) + ops.cast(ops.take(self.place, at, axis=0), self.compute_dtype)[None]
        x = self.drop(x, training=training)
        new = []
        for number, block in enumerate(self.blocks):
            pair = slice(2 * number, 2 * number + 2)
            x, own = block(
                x,
                past=None if past is None else past[:, :, pair],
                memory=None if memory is None else memory[:, :, pair],
                memory_there=there,
                training=training,
            )
            new.append(own)
        logits = ops.matmul(self.norm(x), ops.transpose(table))
        return ops.cast(logits, "float32"), ops.transpose(ops.concatenate(new, axis=2), (1, 0, 2, 3))

    def compute_output_spec(self, tokens: Any, *_: Any, **__: Any) -> Any:
        batch, length = tokens.shape
        return (
            keras.KerasTensor((batch, length, self.vocabulary), "float32"),
            keras.KerasTensor((length, batch, 2 * self.layers, self.width), self.compute_dtype),
        )

    def get_config(self) -> dict[str, Any]:
        names = ("vocabulary", "width", "layers", "heads", "places", "inner", "dropout", "crosses")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
