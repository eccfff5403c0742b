"""The generative adversarial network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import TABLE_FORMS, Form, FormName
from sixfold.language import Text
from sixfold.networks._composed import embedding_width
from sixfold.networks._inputs import inputs_of
from sixfold.networks._network import Adversarial, Draw, Facts, Part, Proposal, Recipe
from sixfold.tasks import Output
from sixfold.tasks.imaging import NOISE

if TYPE_CHECKING:
    import keras

__all__ = ["Gan"]

_LEAST_SIDE = 4
"""The picture begins with about so many pixels a side, and is doubled from there."""

_SLOPE = 0.2
_MOMENTUM = 0.9
_FEW_PICTURES = 20_000
_SEEN = 3_000_000
"""Pictures that are seen in all where nobody gives a time; `minutes` ends it before."""


class Gan(Adversarial):
    """Two networks that learn from each other (Goodfellow et al. 2014): one paints pictures out of noise, the other
    tells painted pictures from real ones.

    It does not collapse, for what is known to help: the hinge loss (Lim & Ye 2017), a critic whose layers are
    spectrally normalised (Miyato et al. 2018) and learns faster than the painter (Heusel et al. 2017), classes that
    enter the critic by projection (Miyato & Koyama 2018) and the painter by the scale and shift of its normalised
    features (de Vries et al. 2017); the painter that answers is the moving average of all it was (Yazıcı et al. 2019).
    Of few pictures the critic sees changed copies alone, real and painted ones changed alike (Zhao et al. 2020): so it
    cannot learn them by heart, and the changes do not show in what is painted.
    """

    title: ClassVar[Text] = Text("generative adversarial network", "生成对抗网络")
    makes: ClassVar[tuple[FormName, ...]] = ("grid",)

    class Options(KindOptions):
        """``latent``: numbers of noise that a picture begins with. ``width``: filters of the last level; each one
        before has twice as many, up to eight times.
        """

        latent: int = Setting(default=64, ge=2, le=1024)
        width: int = Setting(default=32, ge=4, le=256)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 20 if all(form.name in TABLE_FORMS for form in given.values()) else 0

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:  # noqa: ARG002
        import keras

        sides, levels = _first(output.places)
        if not self.suits(given) or levels == 0:
            expected = "numbers and categories, or nothing; and pictures of 8 pixels a side at least"
            received = ", ".join([*(form.name for form in given.values()), "×".join(map(str, output.places))])
            raise TrainingError("does_not_suit", network="gan", expected=expected, received=received)
        inputs = inputs_of(given)
        noise = keras.Input((self._said.latent,), name=NOISE)
        told = _condition(inputs, given)
        x = noise if told is None else keras.layers.Concatenate()([noise, told])
        widths = [min(8, 2 ** (levels - level)) * self._said.width for level in range(levels + 1)]
        x = keras.layers.Dense(sides[0] * sides[1] * widths[0], use_bias=False)(x)
        x = keras.layers.Reshape((*sides, widths[0]))(x)
        x = _painted(x, told)
        for width in widths[1:]:
            x = keras.layers.Conv2DTranspose(width, 4, strides=2, padding="same", use_bias=False)(x)
            x = _painted(x, told)
        x = keras.layers.Conv2D(output.units, 3, padding="same", activation="tanh", dtype="float32")(x)
        cut = [have - want for have, want in zip(x.shape[1:3], output.places, strict=True)]
        if any(cut):
            x = keras.layers.Cropping2D([(gap // 2, gap - gap // 2) for gap in cut])(x)
        return keras.Model({**inputs, NOISE: noise}, x, name="painter")

    def critic(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:  # noqa: ARG002
        import keras

        def normalised(layer: Any) -> Any:
            return keras.layers.SpectralNormalization(layer)

        inputs = inputs_of(given)
        picture = keras.Input(output.shape, name="target")
        levels = _first(output.places)[1]
        x = normalised(keras.layers.Conv2D(self._said.width, 3, padding="same"))(picture)
        x = keras.layers.LeakyReLU(_SLOPE)(x)
        for level in range(levels):
            width = min(8, 2 ** (level + 1)) * self._said.width
            x = normalised(keras.layers.Conv2D(width, 4, strides=2, padding="same"))(x)
            x = keras.layers.LeakyReLU(_SLOPE)(x)
        width = x.shape[-1]
        x = normalised(keras.layers.Conv2D(width, 3, padding="same"))(x)
        x = keras.layers.LeakyReLU(_SLOPE)(x)
        seen = keras.layers.GlobalAveragePooling2D()(x)  # (batch, width)
        score = normalised(keras.layers.Dense(1))(seen)
        told = _condition(inputs, given)
        if told is not None:
            wanted = normalised(keras.layers.Dense(width, use_bias=False))(told)
            score = keras.layers.Add()([score, keras.layers.Dot(axes=1)([seen, wanted])])
        return keras.Model({**inputs, "target": picture}, score, name="critic")

    def noise_shape(self) -> tuple[int, ...]:
        return (self._said.latent,)

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        few = facts.rows < _FEW_PICTURES
        return Recipe(
            optimizer="adam",
            learning_rate=2e-4,
            batch=64,
            epochs=max(1, round(_SEEN / max(1, facts.rows))),
            augment={"shift": 0.125, "brightness": 0.2, "contrast": 0.5, "erase": 0.4} if few else {},
            keep_best=False,
        )

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal | None:  # noqa: ARG002
        return None  # what is painted after a short while says little of what would be after a long one

    def parts(self, model: keras.Model, given: Mapping[str, Form], output: Output) -> Mapping[str, Part]:  # noqa: ARG002
        draw = np.random.default_rng(0)
        rows = 64
        sample: dict[str, Any] = {NOISE: draw.standard_normal((rows, *self.noise_shape())).astype(np.float32)}
        for name, form in given.items():
            if form.name == "ids":
                sample[name] = draw.integers(0, form.vocabulary, (rows, *form.shape)).astype(np.int32)
            else:
                sample[name] = draw.standard_normal((rows, *form.shape)).astype(form.dtype)
        return {"graph": Part(model, sample)}

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Gan.Options)
        return self.options


def _first(places: Sequence[int]) -> tuple[tuple[int, int], int]:
    """(height, width) that the picture begins with, and how often they are doubled to cover ``places``."""
    levels = max(0, int(math.log2(max(1, min(places)) / _LEAST_SIDE)))
    height, width = (-(-side // 2**levels) for side in places)
    return (height, width), levels


def _condition(inputs: Mapping[str, Any], given: Mapping[str, Form]) -> Any:
    """What is given as one vector (batch, size); ``None`` where nothing is."""
    import keras

    parts = []
    for name, form in given.items():
        if form.name == "ids":
            width = 2 * embedding_width(form.vocabulary)
            # As far apart as noise is: classes that begin alike would be told apart late, or not at all.
            beginning = keras.initializers.RandomNormal(stddev=1.0)
            parts.append(keras.layers.Embedding(form.vocabulary, width, beginning)(inputs[name]))
        else:
            parts.append(inputs[name] if len(form.shape) == 1 else keras.layers.Flatten()(inputs[name]))
    return None if not parts else parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)


def _painted(x: Any, told: Any) -> Any:
    """Features normalised over the batch, scaled and shifted by what is given, then ReLU."""
    import keras

    if told is None:
        return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=_MOMENTUM)(x))
    x = keras.layers.BatchNormalization(momentum=_MOMENTUM, center=False, scale=False)(x)
    width = x.shape[-1]
    scale = keras.layers.Reshape((1, 1, width))(keras.layers.Dense(width, bias_initializer="ones")(told))
    shift = keras.layers.Reshape((1, 1, width))(keras.layers.Dense(width)(told))
    return keras.layers.ReLU()(keras.layers.Add()([keras.layers.Multiply()([x, scale]), shift]))
