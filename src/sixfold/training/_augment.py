"""Random changes of training pictures, drawn anew for every row and step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sixfold.fields import Form
from sixfold.networks import Recipe

__all__ = ["augmentation"]

_HALF_TURN = 3.141592653589793


def augmentation(
    recipe: Recipe, given: Mapping[str, Form], seed: Any
) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
    """What the recipe's ``augment`` asks for, for every picture among the given columns; ``None`` where it asks
    nothing.

    ``shift`` (share of the side), ``zoom`` (share), ``turn`` (degrees), ``brightness`` and ``contrast`` (share): each
    is the largest change; every row draws its own, evenly. Pictures stay uint8 (batch, height, width, channels).

    Args:
        recipe: How to train.
        given: The forms of the given columns, by input name.
        seed: A :class:`keras.random.SeedGenerator`, whose state a checkpoint holds.
    """
    pictures = [name for name, form in given.items() if form.name == "grid" and form.dtype == "uint8"]
    if not recipe.augment or not pictures:
        return None

    def augment(inputs: dict[str, Any]) -> dict[str, Any]:
        return {name: _changed(x, recipe.augment, seed) if name in pictures else x for name, x in inputs.items()}

    return augment


def _changed(pictures: Any, strength: Mapping[str, float], seed: Any) -> Any:
    from keras import ops, random

    count = ops.shape(pictures)[0]
    height, width = pictures.shape[1:3]

    def drawn(name: str) -> Any:
        return random.uniform((count,), -strength.get(name, 0.0), strength.get(name, 0.0), seed=seed)  # (batch,)

    x = ops.cast(pictures, "float32")
    if any(name in strength for name in ("shift", "zoom", "turn")):
        angle = drawn("turn") * (_HALF_TURN / 180)
        scale = 1 / (1 + drawn("zoom"))
        cosine, sine = ops.cos(angle) * scale, ops.sin(angle) * scale
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        right, down = drawn("shift") * width, drawn("shift") * height
        zero = ops.zeros_like(angle)
        transforms = ops.stack(
            [
                cosine,
                -sine,
                middle_x - cosine * middle_x + sine * middle_y + right,
                sine,
                cosine,
                middle_y - sine * middle_x - cosine * middle_y + down,
                zero,
                zero,
            ],
            axis=1,
        )  # (batch, 8)
        x = ops.image.affine_transform(x, transforms, interpolation="bilinear", fill_mode="nearest")
    if "contrast" in strength:
        mean = ops.mean(x, axis=(1, 2, 3), keepdims=True)
        x = mean + (x - mean) * (1 + ops.reshape(drawn("contrast"), (-1, 1, 1, 1)))
    if "brightness" in strength:
        x = x + 255 * ops.reshape(drawn("brightness"), (-1, 1, 1, 1))
    return ops.cast(ops.clip(ops.round(x), 0, 255), "uint8")
