"""A faster gradient for max pooling on CPUs.

TensorFlow's own CPU kernel for it runs on one thread and takes a fifth of a small convolutional network's step. Windows
that do not overlap allow a gradient without scatter: each input takes its output's gradient where it was the first
maximum of its window, which is TensorFlow's rule for ties, so the bits are the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["fast_pooling"]

_PICTURES = 4
"""Rank of a batch of pictures: (batch, height, width, channels)."""


@contextlib.contextmanager
def fast_pooling() -> Iterator[None]:
    """While a step is traced, have Keras' `MaxPooling2D` use this gradient wherever its windows do not overlap."""
    import keras
    from keras.src import backend  # the public layer calls it through this name; there is no public hook

    plain = backend.nn.max_pool
    made: dict[tuple[int, int], Callable[[Any], Any]] = {}

    def max_pool(
        inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: Any = None, **rest: Any
    ) -> Any:
        size = (pool_size,) * 2 if isinstance(pool_size, int) else tuple(pool_size)
        step = size if strides is None else (strides,) * 2 if isinstance(strides, int) else tuple(strides)
        shape = tuple(inputs.shape)
        last = (data_format or keras.config.image_data_format()) == "channels_last"
        if len(shape) != _PICTURES or len(size) != 2 or step != size or not last or None in shape[1:]:  # noqa: PLR2004
            return plain(inputs, pool_size, strides, padding, data_format, **rest)
        fits = all(side >= window for side, window in zip(shape[1:3], size, strict=True))
        even = all(side % window == 0 for side, window in zip(shape[1:3], size, strict=True))
        if not fits or (padding != "valid" and not even):
            return plain(inputs, pool_size, strides, padding, data_format, **rest)
        return made.setdefault(size, _pooling(*size))(inputs)

    backend.nn.max_pool = max_pool
    try:
        yield
    finally:
        backend.nn.max_pool = plain


def _pooling(height: int, width: int) -> Callable[[Any], Any]:
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def gradient(x: Any, y: Any, upstream: Any) -> Any:
        rows, columns, channels = x.shape[1:]
        down, across = y.shape[1:3]
        kept = x[:, : down * height, : across * width]
        taken, strips = None, []
        for i in range(height):
            strip = []
            for j in range(width):
                highest = tf.equal(kept[:, i::height, j::width], y)
                first = highest if taken is None else highest & ~taken
                taken = highest if taken is None else taken | highest
                strip.append(tf.where(first, upstream, tf.zeros_like(upstream)))
            strips.append(tf.stack(strip, 3))
        whole = tf.reshape(tf.stack(strips, 2), (tf.shape(x)[0], down * height, across * width, channels))
        return tf.pad(whole, [[0, 0], [0, rows - down * height], [0, columns - across * width], [0, 0]])

    @tf.custom_gradient
    def pool(x: Any) -> Any:
        y = tf.nn.max_pool2d(x, (height, width), (height, width), "VALID")
        return y, lambda upstream: gradient(x, y, upstream)

    return pool
