"""A dense layer of several networks that share most of it."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253 — this folder is imported only where a network is built

__all__ = ["EnsembleDense"]


@keras.saving.register_keras_serializable("sixfold")
class EnsembleDense(keras.layers.Layer):
    """(batch, members, inputs), or (batch, inputs) for all members → (batch, members, units).

    BatchEnsemble (Wen, Tran & Ba 2020): one matrix for all members, and for each member a scale of every input, a scale
    of every output and a bias. With ``is_first`` the members begin with random scales of their inputs, which is what
    makes them differ (TabM: Gorishniy, Kotelnikov & Babenko 2025); elsewhere all begin alike.

    Args:
        units: Of each member.
        members: How many.
        is_first: Whether members begin apart.
    """

    def __init__(self, units: int, members: int, *, is_first: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        self.units, self.members, self.is_first = units, members, is_first

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        size, members, units = input_shape[-1], self.members, self.units
        apart = keras.initializers.RandomNormal(0.0, 1.0) if self.is_first else "ones"
        # The optimizer leaves what is called gamma and beta out of weight decay, as it does in normalisation.
        self._scale_in = self.add_weight(name="gamma_in", shape=(members, size), initializer=apart)
        self._scale_out = self.add_weight(name="gamma_out", shape=(members, units), initializer="ones")
        self._kernel = self.add_weight(name="kernel", shape=(size, units), initializer="he_uniform")
        self._bias = self.add_weight(name="bias", shape=(members, units), initializer="zeros")

    def call(self, x: Any) -> Any:
        ops = keras.ops
        size, members, units = self._kernel.shape[0], self.members, self.units
        each = x if len(x.shape) == 3 else ops.expand_dims(x, 1)  # noqa: PLR2004 — (batch, members or 1, size)
        scaled = ops.reshape(each * self._scale_in, (-1, size))  # (batch·members, size)
        y = ops.reshape(ops.matmul(scaled, self._kernel), (-1, members, units))
        return y * self._scale_out + self._bias

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.members, self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "members": self.members,
            "is_first": self.is_first,
        }
