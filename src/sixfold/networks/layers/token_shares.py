"""Texts as the share of each token."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253 — this folder is imported only where a network is built

__all__ = ["TokenShares"]


@keras.saving.register_keras_serializable("sixfold")
class TokenShares(keras.layers.Layer):
    """int32 tokens (batch, length), 0 for padding → float32 (batch, size): which share of the text each token has."""

    def __init__(self, size: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.size = size

    def call(self, tokens: Any) -> Any:
        ops = keras.ops
        there = ops.cast(tokens != 0, self.compute_dtype)  # (batch, length)
        counts = ops.sum(ops.one_hot(tokens, self.size, dtype=self.compute_dtype) * there[..., None], axis=1)
        return counts / ops.maximum(ops.sum(there, axis=1, keepdims=True), 1.0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}
