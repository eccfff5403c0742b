"""A layer of a transformer that can go on where it stopped."""

from __future__ import annotations

import math
from typing import Any

import keras  # noqa: TID253 — this folder is imported only where a network is built

__all__ = ["Block"]

_NEAR = 0.02
"""Deviation of weights at the beginning (Radford et al. 2019)."""

_NEVER = -1e9


@keras.saving.register_keras_serializable("sixfold")
class Block(keras.layers.Layer):
    """Attention, then a feed-forward part, each behind a normalisation (Vaswani et al. 2017; pre-norm: Xiong et al.
    2020).

    Args:
        width: Of each token's vector.
        heads: Of attention, sharing the width.
        inner: How many times as wide the feed-forward part is.
        dropout: While training, of what attention and the feed-forward part give, and of the weights of attention.
        depth: How many such layers follow each other: what each adds begins smaller by √(2·depth).
        looks_back: Whether a token sees those before it alone.
        crosses: Whether it also attends to a memory, whose keys and values it is handed.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        inner: int = 4,
        dropout: float = 0.0,
        depth: int = 1,
        looks_back: bool = False,
        crosses: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.width, self.heads, self.inner, self.dropout, self.depth = width, heads, inner, dropout, depth
        self.looks_back, self.crosses = looks_back, crosses
        near = keras.initializers.RandomNormal(stddev=_NEAR)
        nearer = keras.initializers.RandomNormal(stddev=_NEAR / math.sqrt(2 * depth))
        self.own_norm = keras.layers.LayerNormalization(epsilon=1e-5, name="own_norm")
        self.own = keras.layers.Dense(3 * width, kernel_initializer=near, name="own")
        self.own_out = keras.layers.Dense(width, kernel_initializer=nearer, name="own_out")
        if crosses:
            self.cross_norm = keras.layers.LayerNormalization(epsilon=1e-5, name="cross_norm")
            self.query = keras.layers.Dense(width, kernel_initializer=near, name="query")
            self.cross_out = keras.layers.Dense(width, kernel_initializer=nearer, name="cross_out")
        self.last_norm = keras.layers.LayerNormalization(epsilon=1e-5, name="last_norm")
        self.up = keras.layers.Dense(inner * width, kernel_initializer=near, name="up")
        self.down = keras.layers.Dense(width, kernel_initializer=nearer, name="down")
        self.drop = keras.layers.Dropout(dropout, name="drop")

    def build(self, *_: Any) -> None:
        one = (None, None, self.width)
        self.own_norm.build(one)
        self.own.build(one)
        self.own_out.build(one)
        if self.crosses:
            self.cross_norm.build(one)
            self.query.build(one)
            self.cross_out.build(one)
        self.last_norm.build(one)
        self.up.build(one)
        self.down.build((None, None, self.inner * self.width))
        self.built = True

    def call(
        self,
        x: Any,
        there: Any = None,
        past: Any = None,
        memory: Any = None,
        memory_there: Any = None,
        training: bool | None = None,
    ) -> tuple[Any, Any]:
        """Tokens' vectors one layer on, and the keys and values that later tokens will ask for.

        Args:
            x: (batch, tokens, width).
            there: (batch, tokens), 1 where there is a token; ``None``: everywhere.
            past: Keys and values of the tokens before, (before, batch, 2, width); ``None``: there are none.
            memory: Keys and values of the memory, (batch, places, 2, width).
            memory_there: (batch, places), 1 where the memory says something.
            training: Whether something is dropped.

        Returns:
            (batch, tokens, width), and the tokens' own keys and values (batch, tokens, 2, width).
        """
        ops = keras.ops
        length = ops.shape(x)[1]
        query, keys, values = ops.split(self.own(self.own_norm(x)), 3, axis=-1)
        new = ops.stack([keys, values], axis=2)
        before = 0
        if past is not None:
            before = ops.shape(past)[0]
            past = ops.transpose(past, (1, 0, 2, 3))  # (batch, before, 2, width)
            keys = ops.concatenate([past[:, :, 0], keys], axis=1)
            values = ops.concatenate([past[:, :, 1], values], axis=1)
        hidden = None
        if self.looks_back:
            at = ops.arange(length)[:, None] + before
            hidden = ops.cast(ops.arange(length + before)[None] > at, x.dtype)[None, None]
        elif there is not None:
            hidden = 1 - ops.cast(there, x.dtype)[:, None, None]
        x = x + self.drop(self.own_out(self._attended(query, keys, values, hidden, training)), training=training)
        if self.crosses:
            hidden = None if memory_there is None else 1 - ops.cast(memory_there, x.dtype)[:, None, None]
            query = self.query(self.cross_norm(x))
            found = self._attended(query, memory[:, :, 0], memory[:, :, 1], hidden, training)
            x = x + self.drop(self.cross_out(found), training=training)
        # The tanh form: the exact one becomes an operator that ONNX Runtime lacks.
        inner = ops.gelu(self.up(self.last_norm(x)), approximate=True)
        return x + self.drop(self.down(inner), training=training), new

    def _attended(self, query: Any, keys: Any, values: Any, hidden: Any, training: bool | None) -> Any:
        ops = keras.ops
        q, k, v = (self._by_head(x) for x in (query, keys, values))  # (batch, heads, places, size)
        scores = ops.matmul(q * (self.width // self.heads) ** -0.5, ops.transpose(k, (0, 1, 3, 2)))
        if hidden is not None:
            scores = scores + hidden * ops.cast(_NEVER, scores.dtype)
        weights = self.drop(ops.softmax(scores, axis=-1), training=training)
        found = ops.transpose(ops.matmul(weights, v), (0, 2, 1, 3))
        return ops.reshape(found, (ops.shape(query)[0], ops.shape(query)[1], self.width))

    def _by_head(self, x: Any) -> Any:
        ops = keras.ops
        whole = ops.reshape(x, (ops.shape(x)[0], ops.shape(x)[1], self.heads, self.width // self.heads))
        return ops.transpose(whole, (0, 2, 1, 3))

    def get_config(self) -> dict[str, Any]:
        names = ("width", "heads", "inner", "dropout", "depth", "looks_back", "crosses")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
