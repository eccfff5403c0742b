"""Learned places in a sequence."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253 — this folder is imported only where a network is built

__all__ = ["Positions"]


@keras.saving.register_keras_serializable("sixfold")
class Positions(keras.layers.Layer):
    """(batch, length, size) → the same, with a learned vector added for each place up to ``most``.

    Sequences may be of any length up to that, so that padding can be cut.
    """

    def __init__(self, most: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.most = most

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        near = keras.initializers.TruncatedNormal(stddev=0.02)
        self.table = self.add_weight(shape=(self.most, input_shape[-1]), initializer=near, name="table")

    def call(self, x: Any) -> Any:
        ops = keras.ops
        return x + ops.cast(ops.take(self.table, ops.arange(ops.shape(x)[1]), axis=0), x.dtype)[None]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "most": self.most}
