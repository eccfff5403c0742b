"""The end of several networks that answer as one and learn each for itself."""

from __future__ import annotations

from typing import Any, Literal

import keras  # noqa: TID253 — this folder is imported only where a network is built

__all__ = ["EnsembleMean"]


@keras.saving.register_keras_serializable("sixfold")
class EnsembleMean(keras.layers.Layer):
    """Members' answers before the activation (batch, members, inputs) → one answer after it (batch, units).

    Each member has a head of its own; the answer is the activation of the mean. While training the layer adds what the
    mean of the members' own losses exceeds the loss of the mean by. That gap needs no targets: for squared errors it is
    the members' variance (Krogh & Vedelsby 1995), for cross-entropy the mean of their log-partition functions less that
    of the mean. So the sum of both is what each member would minimise alone, as TabM trains them.

    Args:
        units: Of the answer.
        activation: Of the answer.
    """

    def __init__(self, units: int, activation: Literal["softmax", "sigmoid", "linear"], **settings: Any) -> None:
        super().__init__(**{"dtype": "float32", **settings})
        self.units, self.activation = units, activation

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        members, size = input_shape[1:]
        assert size is not None
        self._kernel = self.add_weight(
            name="kernel",
            shape=(members, size, self.units),
            initializer=keras.initializers.RandomUniform(-(size**-0.5), size**-0.5),
        )
        self._bias = self.add_weight(name="bias", shape=(members, self.units), initializer="zeros")

    def call(self, x: Any, training: bool = False) -> Any:
        ops = keras.ops
        each = ops.einsum("bmi,miu->bmu", x, self._kernel) + self._bias  # (batch, members, units)
        mean = ops.mean(each, axis=1)  # (batch, units)
        if training:
            self.add_loss(ops.mean(ops.mean(self._partition(each), axis=1) - self._partition(mean)))
        return keras.activations.get(self.activation)(mean)

    def _partition(self, scores: Any) -> Any:
        """What of the loss does not hang on the targets: (…, units) → (…)."""
        ops = keras.ops
        match self.activation:
            case "softmax":
                return ops.logsumexp(scores, axis=-1)
            case "sigmoid":
                return ops.mean(ops.softplus(scores), axis=-1)
            case _:
                return ops.mean(ops.square(scores), axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "activation": self.activation}
