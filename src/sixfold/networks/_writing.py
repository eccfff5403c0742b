"""What networks that write texts share: what they are trained for, and the graph that goes on a token at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from sixfold.networks._network import Objective, Part, Recipe

__all__ = ["next_token", "shifted", "writing_step"]

_END = 1
"""The token where a text ends, before which the next one begins (:class:`sixfold.fields.text.Text`)."""

_SAMPLE = 4
"""Rows, tokens, and tokens before them that the step is held equal to Keras on: as many of each, so that every array
can be taken row by row, though in some of them time stands first."""


def shifted(target: Any) -> Any:
    """What the decoder is told of a target (batch, tokens): each token's forerunner, before the first one the end."""
    from keras import ops

    return ops.concatenate([ops.full_like(target[:, :1], _END), target[:, :-1]], axis=1)


def next_token(metric: str, recipe: Recipe, *, begun: int = 0) -> Objective:
    """Cross-entropy of the next token at every place that has one; with label smoothing (Szegedy et al. 2016).

    The output (batch, tokens, vocabulary) is logits, and may have fewer places than the targets: padding is cut.

    Args:
        metric: The name of the share of tokens that were the likeliest.
        recipe: How to train.
        begun: How many of a target's tokens stand before the first that is to be told.
    """
    from keras import ops

    smoothing = recipe.label_smoothing

    def told(targets: Any, outputs: Any) -> tuple[Any, Any]:
        cut = ops.cast(targets[:, begun : begun + ops.shape(outputs)[1]], "int32")
        return cut, ops.cast(cut != 0, "float32")

    def loss(targets: Any, outputs: Any) -> Any:
        wanted, known = told(targets, outputs)
        losses = ops.sparse_categorical_crossentropy(wanted, outputs, from_logits=True)
        if smoothing:
            even = ops.logsumexp(outputs, axis=-1) - ops.mean(outputs, axis=-1)
            losses = (1 - smoothing) * losses + smoothing * even
        return ops.sum(losses * known) / ops.maximum(ops.sum(known), 1.0)

    def score(targets: Any, outputs: Any) -> Any:
        wanted, known = told(targets, outputs)
        right = ops.cast(ops.equal(ops.cast(ops.argmax(outputs, axis=-1), "int32"), wanted), "float32") * known
        return ops.sum(right, axis=1) / ops.maximum(ops.sum(known, axis=1), 1.0)

    return Objective(metric, loss, score)


def writing_step(decoder: Any, *, crosses: bool) -> Part:
    """The decoder as a graph that goes on where it stopped: tokens, past (and memory) → logits, new keys and values.

    ``tokens`` (batch, new), ``past`` (before, batch, 2·layers, width), ``memory`` (batch, places, 2·layers, width),
    ``there`` (batch, places); ``left`` (batch,), how many more tokens it has places for; ``logits`` (batch, new,
    vocabulary), ``new`` (new, batch, 2·layers, width).
    """
    import keras

    from sixfold.networks.layers import RoomLeft

    size = (2 * decoder.layers, decoder.width)
    inputs = {
        "tokens": keras.Input((None,), dtype="int32", name="tokens"),
        "past": keras.Input(batch_shape=(None, None, *size), name="past"),
    }
    draw = np.random.default_rng(0)
    sample = {
        "tokens": draw.integers(2, decoder.vocabulary, (_SAMPLE, _SAMPLE)).astype(np.int32),
        "past": draw.normal(size=(_SAMPLE, _SAMPLE, *size)).astype(np.float32),
    }
    if crosses:
        inputs |= {
            "memory": keras.Input((None, *size), name="memory"),
            "there": keras.Input((None,), name="there"),
        }
        sample |= {
            "memory": draw.normal(size=(_SAMPLE, 5, *size)).astype(np.float32),
            "there": np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 0, 0]], np.float32),
        }
    logits, new = decoder(**inputs)
    left = RoomLeft(decoder.places)(inputs["tokens"], inputs["past"])
    return Part(keras.Model(inputs, {"left": left, "logits": logits, "new": new}, name="step"), sample)
