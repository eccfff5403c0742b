"""A number that is learned, the same for every row."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253 — this folder is imported only where a network is built

__all__ = ["FreeNumber"]


@keras.saving.register_keras_serializable("sixfold")
class FreeNumber(keras.layers.Layer):
    """One learned number, 0 at first, as a column beside rows: (batch, size) → (batch, 1)."""

    def build(self, shape: Any) -> None:  # noqa: ARG002
        self.number = self.add_weight(shape=(1,), initializer="zeros", name="number")

    def call(self, x: Any) -> Any:
        return keras.ops.zeros_like(x[:, :1]) + self.number

    def compute_output_shape(self, shape: Any) -> Any:
        return (shape[0], 1)
