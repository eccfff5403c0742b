"""What networks of convolutions share, over pictures and along series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sixfold.fields import Form
from sixfold.networks._network import Draw, Proposal, Recipe

__all__ = [
    "along",
    "averaged_down",
    "centred",
    "has_pictures",
    "normalised_along",
    "over",
    "picture_recipe",
    "present",
    "series_recipe",
    "varied_pictures",
]

_LEAST_SIDE = 28
"""Pictures are averaged down as far as so many pixels a side are left: on two cores, more detail costs more than it
brings."""

_MOMENTUM = 0.9
"""Of the running means: small sets have few steps, and Keras' 0.99 would lag behind for several epochs."""

_PICTURES_SEEN, _FEWEST_EPOCHS, _MOST_EPOCHS, _MANY_PICTURES = 40_000, 10, 40, 20_000

_FEW_SERIES = 2_000
_SERIES_SEEN, _FEWEST_SERIES_EPOCHS, _MOST_SERIES_EPOCHS = 25_000, 20, 400


def picture_recipe(rows: int, precision: Literal["float32", "auto"]) -> Recipe:
    """How a network of convolutions over pictures is trained on so many rows."""
    return Recipe(
        optimizer="adamw",
        learning_rate=3e-3,
        schedule="one_cycle",
        weight_decay=5e-2,
        batch=32 if rows < _MANY_PICTURES else 128,
        epochs=max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, round(_PICTURES_SEEN / max(1, rows)))),
        label_smoothing=0.1,
        modality_dropout=0.1,
        augment={"shift": 0.1, "zoom": 0.1, "turn": 10.0, "brightness": 0.1, "contrast": 0.2},
        precision=precision,
    )


def varied_pictures(draw: Draw, plain: Recipe) -> Proposal:
    """Another way to train over pictures.

    Whether left and right may change places depends on what is to be told (letters, hands), and how much a turned or
    hidden part matters, too: so it is tried, not assumed.
    """
    strength = draw.suggest_float("augment", 0.3, 1.5)
    augment = {name: value * strength for name, value in plain.augment.items()}
    augment["mirror"] = draw.suggest_categorical("mirror", [0.0, 0.5])
    augment["erase"] = draw.suggest_categorical("erase", [0.0, 0.3])
    return Proposal(
        recipe={
            "learning_rate": plain.learning_rate * draw.suggest_float("rate", 0.3, 3.0, log=True),
            "weight_decay": plain.weight_decay * draw.suggest_float("decay", 0.3, 3.0, log=True),
            "augment": augment,
        }
    )


def series_recipe(rows: int) -> Recipe:
    """How a network along series is trained on so many rows.

    Where there are few rows, a handful of them is for validation and cannot tell epochs apart: the last weights are
    kept, at the schedule's end.
    """
    batch = 16 if rows < 1_000 else 32 if rows < 10_000 else 128  # noqa: PLR2004 — some hundreds of steps an epoch at most
    epochs = max(_FEWEST_SERIES_EPOCHS, min(_MOST_SERIES_EPOCHS, round(_SERIES_SEEN / max(1, rows))))
    return Recipe(
        optimizer="adamw",
        learning_rate=2e-3,
        schedule="one_cycle",
        weight_decay=5e-2,
        batch=batch,
        epochs=epochs,
        label_smoothing=0.05,
        modality_dropout=0.1,
        augment={"noise": 0.03, "scale": 0.1},
        keep_best=rows >= _FEW_SERIES,
    )


def has_pictures(given: Mapping[str, Form]) -> bool:
    """Whether there are pictures among the given columns."""
    return any(form.name == "grid" for form in given.values())


def centred(x: Any) -> Any:
    """uint8 pictures (batch, height, width, channels) as floats from -1 to 1."""
    import keras

    return keras.layers.Rescaling(2 / 255, -1.0)(x)


def averaged_down(x: Any) -> Any:
    """Pictures (batch, height, width, channels) with 28 to 55 pixels on the shorter side; smaller ones as they are."""
    import keras

    factor = max(1, min(x.shape[1:3]) // _LEAST_SIDE)
    return keras.layers.AveragePooling2D(factor)(x) if factor > 1 else x


def over(x: Any, filters: int, size: int = 3, strides: int = 1, *, halves: bool = False, is_active: bool = True) -> Any:
    """A convolution over pictures, a 2×2 pooling where it ``halves``, batch-normalised (Ioffe & Szegedy 2015), then
    ReLU where ``is_active``."""
    import keras

    x = keras.layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
    x = keras.layers.MaxPooling2D(2)(x) if halves else x
    x = keras.layers.BatchNormalization(momentum=_MOMENTUM)(x)
    return keras.layers.ReLU()(x) if is_active else x


def present(steps: Any) -> Any:
    """Where series (batch, length, channels) have a step: (batch, length, 1) of 1.0 and 0.0."""
    return steps[..., -1:]


def along(x: Any, there: Any, filters: int, size: int, *, is_active: bool = True) -> Any:
    """The same along series (batch, length, channels).

    The padding is zero before and after and counts in no mean, so it never changes the answer.
    """
    import keras

    x = keras.layers.Conv1D(filters, size, padding="same", use_bias=False)(x)
    return normalised_along(x, there, is_active=is_active)


def normalised_along(x: Any, there: Any, *, is_active: bool = True) -> Any:
    """Series batch-normalised over the steps that exist, then ReLU where ``is_active``; the padding is zero again."""
    import keras

    x = keras.layers.BatchNormalization(momentum=_MOMENTUM)(x, mask=there[..., 0] > 0)
    x = keras.layers.ReLU()(x) if is_active else x
    return keras.layers.Multiply()([x, there])
