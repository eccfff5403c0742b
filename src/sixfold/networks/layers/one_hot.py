"""Ids as one-hot vectors."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253 — this folder is imported only where a network is built

__all__ = ["OneHot"]


@keras.saving.register_keras_serializable("sixfold")
class OneHot(keras.layers.Layer):
    """int32 ids (batch,) → float32 (batch, size), with a single 1 where the id says."""

    def __init__(self, size: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.size = size

    def call(self, ids: Any) -> Any:
        return keras.ops.one_hot(ids, self.size, dtype=self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape, self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size}
