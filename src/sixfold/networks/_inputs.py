"""What the beginnings of networks share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sixfold.fields import Form

__all__ = ["inputs_of", "plain_vector", "scaled"]

_BRIGHTEST = 255.0


def inputs_of(given: Mapping[str, Form]) -> dict[str, Any]:
    """A Keras input for each form, in the form's own type; tokens may be any number, so that padding can be cut."""
    import keras

    return {
        name: keras.Input((None,) if form.name == "tokens" else form.shape, dtype=form.dtype, name=name)
        for name, form in given.items()
    }


def scaled(x: Any) -> Any:
    """uint8 pictures (batch, height, width, channels) as floats in 0–1."""
    import keras

    return keras.layers.Rescaling(1 / _BRIGHTEST)(x)


def plain_vector(inputs: Mapping[str, Any], given: Mapping[str, Form]) -> Any:
    """All columns as one vector (batch, size): categories one-hot, texts as the share of each token, pictures as pixels
    in 0–1, in the order given."""
    import keras

    from sixfold.networks.layers import OneHot, TokenShares

    parts = []
    for name, form in given.items():
        x = inputs[name]
        if form.name == "ids":
            x = OneHot(form.vocabulary)(x)
        elif form.name == "tokens":
            x = TokenShares(form.vocabulary)(x)
        else:
            x = scaled(x) if form.dtype == "uint8" else x
            x = keras.layers.Flatten()(x) if len(form.shape) != 1 else x
        parts.append(x)
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)
