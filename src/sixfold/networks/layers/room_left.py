"""How many more tokens there is a place for."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253 — this folder is imported only where a network is built

__all__ = ["RoomLeft"]


@keras.saving.register_keras_serializable("sixfold")
class RoomLeft(keras.layers.Layer):
    """Tokens (batch, new) and what is remembered of those before (before, batch, …) → int32 (batch,): places left."""

    def __init__(self, places: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.places = places

    def call(self, tokens: Any, past: Any) -> Any:
        ops = keras.ops
        used = ops.shape(tokens)[1] + ops.shape(past)[0]
        return ops.zeros_like(tokens[:, 0]) + ops.cast(self.places - used, "int32")

    def compute_output_spec(self, tokens: Any, past: Any) -> Any:  # noqa: ARG002
        return keras.KerasTensor((tokens.shape[0],), "int32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "places": self.places}
