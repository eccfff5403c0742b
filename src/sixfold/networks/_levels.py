"""What networks have in common that go down the levels of a picture and up again."""

from __future__ import annotations

from typing import Any

from sixfold.networks._convolution import over

__all__ = ["as_large", "block", "with_surroundings"]


def block(x: Any, filters: int, strides: int = 1) -> Any:
    """Two 3×3 convolutions and a shortcut."""
    import keras

    y = over(over(x, filters, strides=strides), filters, is_active=False)
    if strides > 1:
        x = keras.layers.AveragePooling2D(2, padding="same")(x)
    if x.shape[-1] != filters:
        x = over(x, filters, 1, is_active=False)
    return keras.layers.ReLU()(keras.layers.Add()([x, y]))


def with_surroundings(x: Any) -> Any:
    """Each place of a coarse picture told what the whole picture is like."""
    import keras

    whole = keras.layers.GlobalAveragePooling2D(keepdims=True)(x)
    whole = keras.layers.Conv2D(x.shape[-1], 1, activation="sigmoid")(whole)
    return keras.layers.Add()([x, keras.layers.Multiply()([x, whole])])


def as_large(x: Any, size: tuple[int, ...]) -> Any:
    """Pictures brought to a (height, width) by lines between pixels; what is too much of a doubling is cut off."""
    import keras

    if tuple(x.shape[1:3]) == tuple(size):
        return x
    factor = max(-(-size[0] // x.shape[1]), -(-size[1] // x.shape[2]))
    x = keras.layers.UpSampling2D(factor, interpolation="bilinear")(x)
    return x[:, : size[0], : size[1]] if tuple(x.shape[1:3]) != tuple(size) else x
