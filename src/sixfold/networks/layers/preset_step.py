"""A pretrained language model, going on where it stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras  # noqa: TID253 — this folder is imported only where a network is built

__all__ = ["PresetStep"]

_NEVER = -1e9


@keras.saving.register_keras_serializable("sixfold")
class PresetStep(keras.layers.Layer):
    """What a KerasHub causal model says after tokens, in ids of our own: 0 is padding, 1 the end, others 2 higher.

    Args:
        model: The KerasHub task, without what prepares texts for it.
        tokens: How many tokens its vocabulary has.
        end: Its id of the token that ends a text.
        begin: Its id of the token that a text begins with.
    """

    def __init__(self, model: Any, tokens: int, end: int, begin: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.model, self.tokens, self.end, self.begin = model, tokens, end, begin
        _, cache = model._build_cache(keras.ops.zeros((1, 2), "int32"))
        _, self.depth, _, _, self.heads, self.size = cache.shape  # (batch, layers, 2, tokens, heads, size)

    @property
    def entries(self) -> tuple[int, int]:
        """Of what is remembered of each token: 2·layers, width."""
        return 2 * self.depth, self.heads * self.size

    def build(self, *_: Any, **__: Any) -> None:
        self.built = True

    def call(self, tokens: Any, past: Any = None) -> Any:
        """Logits (batch, tokens, tokens + 2); with ``past`` (before, batch, 2·layers, width) also the new of that."""
        ops = keras.ops
        first = 0 if past is None else ops.shape(past)[0]
        at = ops.arange(ops.shape(tokens)[1]) + first
        ends = ops.where(at == 0, self.begin, self.end)[None]
        ids = ops.where(tokens >= 2, tokens - 2, ops.cast(ends, "int32"))  # noqa: PLR2004 — as above
        if past is None:
            # Padding stands at the end alone, so no token of a text looks at it: all may count as there.
            told = self.model({"token_ids": ids, "padding_mask": ops.ones_like(ids)})
            return self._logits(told)
        with _spliced():
            before = ops.shape(past)[0]
            shape = (before, ops.shape(past)[1], self.depth, 2, self.heads, self.size)
            held = ops.transpose(ops.reshape(past, shape), (1, 2, 3, 0, 4, 5))
            room = (ops.shape(tokens)[0], self.depth, 2, ops.shape(tokens)[1], self.heads, self.size)
            cache = ops.concatenate([held, ops.zeros(room, held.dtype)], axis=3)
            told, _, cache = self.model.call_with_cache(ids, cache, before)
        new = ops.transpose(cache[:, :, :, before:], (3, 0, 1, 2, 4, 5))
        flat = (ops.shape(tokens)[1], ops.shape(tokens)[0], *self.entries)
        return self._logits(told), ops.cast(ops.reshape(new, flat), "float32")

    def _logits(self, told: Any) -> Any:
        ops = keras.ops
        told = ops.cast(told[..., : self.tokens], "float32")
        never = ops.full_like(told[..., :1], _NEVER)
        end = told[..., self.end : self.end + 1]
        own = ops.concatenate([told[..., : self.end], never, told[..., self.end + 1 :]], axis=-1)
        return ops.concatenate([never, end, own], axis=-1)

    def compute_output_spec(self, tokens: Any, past: Any = None) -> Any:
        batch, length = tokens.shape
        logits = keras.KerasTensor((batch, length, self.tokens + 2), "float32")
        return logits if past is None else (logits, keras.KerasTensor((length, batch, *self.entries), "float32"))


@contextlib.contextmanager
def _spliced() -> Iterator[None]:
    """Write into a cache by cutting and joining: the operation that KerasHub uses has no form in ONNX."""
    own = keras.ops.slice_update

    def spliced(inputs: Any, start: Any, updates: Any) -> Any:
        at = start[1]  # of (batch, tokens, …)
        rest = inputs[:, at + keras.ops.shape(updates)[1] :]
        return keras.ops.concatenate([inputs[:, :at], keras.ops.cast(updates, inputs.dtype), rest], axis=1)

    keras.ops.slice_update = spliced
    try:
        yield
    finally:
        keras.ops.slice_update = own
