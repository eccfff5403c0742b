"""The encoder–decoder over pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Form, FormName
from sixfold.language import Text
from sixfold.networks._convolution import centred, over
from sixfold.networks._inputs import inputs_of
from sixfold.networks._levels import as_large, block, with_surroundings
from sixfold.networks._network import Draw, Facts, Layered, Proposal, Recipe
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Unet"]

_WIDTHS = (1, 2, 4, 6)
"""Filters of each level, in the width of the first."""

_BLOCKS = (1, 1, 2, 2)
_WIDTH = 24
_FINE_SIDE = 96
"""From so many pixels on the shorter side, the first level works at half of them: that is where the time goes."""

_LAST_SIDE = 6
_PICTURES_SEEN, _FEWEST_EPOCHS, _MOST_EPOCHS = 40_000, 20, 200
_FEW_ROWS = 400


class Unet(Layered):
    """An encoder that halves the picture level by level, a decoder that goes back up, and a shortcut between them at
    each level (Ronneberger et al. 2015), of residual blocks (He et al. 2016) and light enough for two cores.

    The shortcuts are added (as in LinkNet: Chaurasia & Culurciello 2017), which costs a third of joining them.
    """

    title: ClassVar[Text] = Text("encoder–decoder (U-Net)", "编码器–解码器（U-Net）")
    makes: ClassVar[tuple[FormName, ...]] = ("grid",)

    class Options(KindOptions):
        """``width``: filters of the first level; left out, 24. The others have 2, 4 and 6 times as many."""

        width: int | None = Setting(default=None, ge=4, le=256)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 20 if [form.name for form in given.values()] == ["grid"] else 0

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:  # noqa: ARG002
        import keras

        if not self.suits(given):
            received = ", ".join(form.name for form in given.values())
            raise TrainingError("does_not_suit", network="unet", expected="one picture", received=received)
        assert isinstance(self.options, Unet.Options)
        width = self.options.width or _WIDTH
        inputs = inputs_of(given)
        ((name, form),) = given.items()
        x = centred(inputs[name])
        is_fine = min(form.shape[:2]) < _FINE_SIDE
        x = over(x, width, 3) if is_fine else over(x, width, 5, strides=2)
        levels = []
        depth = max(1, min(len(_WIDTHS), round(math.log2(max(1, min(x.shape[1:3]) / _LAST_SIDE))) + 1))
        for level in range(depth):
            filters = width * _WIDTHS[level]
            x = block(x, filters, strides=1 if level == 0 else 2)
            for _ in range(_BLOCKS[level] - 1):
                x = block(x, filters)
            levels.append(x)
        x = with_surroundings(x)
        for below in reversed(levels[:-1]):
            x = over(x, below.shape[-1], 1)
            x = keras.layers.Add()([as_large(x, below.shape[1:3]), below])
            x = block(x, below.shape[-1])
        x = keras.layers.Dropout(0.1)(x)
        x = keras.layers.Conv2D(output.units, 1, dtype="float32")(x)
        x = as_large(x, output.places)
        return keras.Model(inputs, keras.layers.Activation(output.activation, dtype="float32")(x), name="unet")

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        return Recipe(
            optimizer="adamw",
            learning_rate=4e-3,
            schedule="one_cycle",
            weight_decay=2e-2,
            batch=8 if facts.rows < _FEW_ROWS else 16,
            epochs=max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, round(_PICTURES_SEEN / max(1, facts.rows)))),
            class_weights="balanced",
            augment={
                "shift": 0.15,
                "zoom": 0.4,
                "turn": 5.0,
                "mirror": 0.5,
                "brightness": 0.1,
                "contrast": 0.3,
                "tint": 0.1,
            },
            precision="auto",
        )

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal | None:
        plain = self.recipe(given, output, facts)
        strength = draw.suggest_float("augment", 0.3, 1.5)
        augment = {name: value * strength for name, value in plain.augment.items() if name != "mirror"}
        augment["mirror"] = draw.suggest_categorical("mirror", [0.0, 0.5])
        return Proposal(
            recipe={
                "learning_rate": plain.learning_rate * draw.suggest_float("rate", 0.3, 3.0, log=True),
                "class_weights": draw.suggest_categorical("weights", ["none", "balanced"]),
                "augment": augment,
            }
        )
