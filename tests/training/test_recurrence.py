"""Recurrent layers: the compiled loop gives what Keras' own gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

import tensorflow as tf  # noqa: E402

from sixfold.training._recurrence import fast_recurrence  # noqa: E402

BATCH, LENGTH, SIZE, UNITS = 5, 11, 3, 4


def answers(model: Any, x: Any, length: int | None) -> list[np.ndarray]:
    """Outputs for x, and the gradients of their weighted sum by the inputs and by each weight."""

    @tf.function(input_signature=[tf.TensorSpec((BATCH, length, SIZE))])
    def run(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x, training=True)
            value = tf.reduce_sum(tf.sin(3.0 * y))
        return y, tape.gradient(value, [x, *(weight.value for weight in model.trainable_variables)])

    y, gradients = run(tf.constant(x))
    return [y.numpy(), *(gradient.numpy() for gradient in gradients)]


@pytest.mark.parametrize("length", [LENGTH, None])
@pytest.mark.parametrize("is_whole", [True, False])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_outputs_and_gradients_are_those_of_keras(kind: str, is_whole: bool, length: int | None) -> None:
    keras.utils.set_random_seed(1)
    inputs = keras.Input((length, SIZE))
    mask = keras.ops.any(inputs != 0, axis=-1)
    layer = keras.layers.Bidirectional(
        getattr(keras.layers, kind)(UNITS, return_sequences=is_whole, bias_initializer="random_normal")
    )
    model = keras.Model(inputs, layer(inputs, mask=mask))
    x = np.random.default_rng(0).normal(size=(BATCH, LENGTH, SIZE)).astype(np.float32)
    for row, there in enumerate((LENGTH, 7, 1, 0, 10)):
        x[row, there:] = 0
    expected = answers(model, x, length)
    with fast_recurrence():
        found = answers(model, x, length)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_what_is_unusual_is_left_to_keras() -> None:
    layer = keras.layers.LSTM(UNITS, activation="relu")
    x = np.random.default_rng(0).normal(size=(BATCH, LENGTH, SIZE)).astype(np.float32)
    expected = np.asarray(layer(x))
    with fast_recurrence():
        np.testing.assert_array_equal(np.asarray(layer(x)), expected)
