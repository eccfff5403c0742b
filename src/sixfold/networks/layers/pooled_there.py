"""The mean and the maximum of the places of a sequence that exist."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253 — this folder is imported only where a network is built

__all__ = ["PooledThere"]

_FAR_BELOW = -1e4
"""Below every activation, and within what bfloat16 and float16 hold."""


@keras.saving.register_keras_serializable("sixfold")
class PooledThere(keras.layers.Layer):
    """(batch, length, size) and where there is something (batch, length) → (batch, 2·size): mean beside maximum.

    A sequence of nothing but padding gives zeros.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.supports_masking = True

    def compute_mask(self, *_: Any) -> None:
        """What is pooled has no steps any more."""

    def call(self, x: Any, there: Any) -> Any:
        ops = keras.ops
        kept = ops.cast(there, x.dtype)[..., None]  # (batch, length, 1)
        count = ops.sum(kept, axis=1)  # (batch, 1)
        mean = ops.sum(x * kept, axis=1) / ops.maximum(count, 1.0)
        highest = ops.max(x * kept + (1 - kept) * _FAR_BELOW, axis=1) * ops.cast(count > 0, x.dtype)
        return ops.concatenate([mean, highest], axis=-1)

    def compute_output_shape(self, x_shape: tuple[int | None, ...], there_shape: Any) -> tuple[int | None, ...]:  # noqa: ARG002
        size = x_shape[-1]
        return (x_shape[0], None if size is None else 2 * size)
