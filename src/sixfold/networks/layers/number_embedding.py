"""Numbers as vectors, piece by piece."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253 — this folder is imported only where a network is built
import numpy as np

from sixfold.fields import Array

__all__ = ["NumberEmbedding"]


@keras.saving.register_keras_serializable("sixfold")
class NumberEmbedding(keras.layers.Layer):
    """float32 (batch, numbers) → (batch, numbers, size), each number by a piecewise-linear map of its own.

    A number counts as how far it has filled each piece between two knots, from 0 to 1 (Gorishniy, Rubachev & Babenko
    2022, arXiv:2203.05556); beyond the outer knots it stays what it is there. What the pieces do is learned from zero,
    so that at first each map is a straight line through the knots.

    Args:
        pieces: The most pieces of a number.
        size: Of the vectors.
        knots: Ascending knots of each number; ``None`` where the weights are to be loaded.
    """

    def __init__(self, pieces: int, size: int, knots: list[Array] | None = None, **settings: Any) -> None:
        super().__init__(**{"dtype": "float32", **settings})  # differences of near knots need all digits
        self.pieces, self.size = pieces, size
        self._knots = knots

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        count = input_shape[-1]
        assert count is not None
        begins, slopes, shares = (np.zeros((count, self.pieces), np.float32) for _ in range(3))
        for index, knots in enumerate(self._knots or []):
            widths = np.diff(knots.astype(np.float64))
            begins[index, : len(widths)] = knots[:-1]
            slopes[index, : len(widths)] = 1 / widths
            shares[index, : len(widths)] = 1 / len(widths)

        def constant(name: str, values: Array) -> Any:
            return self.add_weight(name=name, shape=values.shape, initializer=lambda *_, **__: values, trainable=False)

        self._begins, self._slopes, self._shares = (
            constant("begins", begins),
            constant("slopes", slopes),
            constant("shares", shares),
        )
        self._line = self.add_weight(name="line", shape=(count, self.size), initializer="glorot_uniform")
        self._bias = self.add_weight(name="bias", shape=(count, self.size), initializer="zeros")
        self._bends = self.add_weight(name="bends", shape=(count, self.pieces, self.size), initializer="zeros")

    def call(self, numbers: Any) -> Any:
        ops = keras.ops
        filled = ops.clip((numbers[..., None] - self._begins) * self._slopes, 0.0, 1.0)  # (batch, numbers, pieces)
        place = (ops.sum(filled * self._shares, axis=-1, keepdims=True) - 0.5) * _SPREAD  # even in 0–1, standardised
        return place * self._line + self._bias + ops.einsum("bnp,nps->bns", filled, self._bends)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape, self.size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pieces": self.pieces, "size": self.size}


_SPREAD = 12**0.5
