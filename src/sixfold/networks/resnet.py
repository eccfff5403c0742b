"""The residual network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Form
from sixfold.language import Text
from sixfold.networks._composed import Composed
from sixfold.networks._convolution import (
    along,
    averaged_down,
    centred,
    has_pictures,
    over,
    picture_recipe,
    present,
    series_recipe,
    varied_pictures,
)
from sixfold.networks._network import Draw, Facts, Proposal, Recipe
from sixfold.networks._preset import backbone_of, files_of, folder_of, in_halves
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Resnet"]

_NINE = 9
_BLOCKS: dict[int, tuple[int, ...]] = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
"""How many blocks of two convolutions each level has (He et al. 2016, table 1)."""

_LARGEST_SMALL_SIDE = 64
_WIDTH = 64
_WIDTH_OF_NINE, _NARROW_WIDTH_OF_NINE, _MANY_ROWS = 32, 16, 10_000
"""Many rows teach more in the passes that half the width saves than in the width (measured on two cores)."""

_SIDE_OF_PRESETS = 128
"""Networks pretrained on 224 pixels still see most at 128, for a third of the work."""

_PICTURES, _COLOURS, _DROPOUT = 4, 3, 0.2
_TUNED_SEEN, _TUNING_EPOCHS = 15_000, (3, 15)
_FEATURES_SEEN, _FEATURE_EPOCHS = 400_000, (10, 100)

_ALONG_FILTERS, _ALONG_SIZES = (64, 128, 128), (8, 5, 3)
"""Of the three blocks along series, and of the three convolutions in each (Wang, Yan & Oates 2017)."""


class Resnet(Composed):
    """Convolutions with shortcuts around them (He et al. 2016), batch-normalised before each activation.

    Pictures: a side of up to 64 pixels gets a 3×3 convolution first and no pooling, a larger one 7×7 in steps of two
    and a pooling. By default the nine-layer network that won DAWNBench (Coleman et al. 2017), on pictures averaged down
    to about 32 pixels; 18 and 34 layers are those of the paper. Series: three blocks of three convolutions (Wang, Yan &
    Oates 2017).

    With ``preset`` it goes on from a pretrained network of KerasHub's that takes pictures (ResNet, EfficientNet,
    DenseNet …), in Hugging Face's (timm) or KerasHub's layout; pictures are then 128 pixels a side unless their column
    says ``size``.
    """

    title: ClassVar[Text] = Text("residual network", "残差网络")

    class Options(KindOptions):
        """``depth``: layers, 9, 18 or 34, where there is no preset.

        ``width``: filters of the first level; left out, 32 for 9 layers (16 from 10,000 rows on), 64 for others.

        ``preset``: a folder, or a name on a hub: hf://…, kaggle://… or modelscope://….

        ``tuning``: whole: every weight of the preset learns. frozen: its weights stay; every picture goes through it
        once, and only what follows learns.
        """

        depth: Literal[9, 18, 34] | None = None
        width: int | None = Setting(default=None, ge=4, le=256)
        preset: str | None = Setting(default=None, min_length=1)
        tuning: Literal["whole", "frozen"] = "whole"

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        forms = {form.name for form in given.values()}
        return 20 if "grid" in forms else 22 if "steps" in forms else 0

    @classmethod
    def asks(cls, kind: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"size": _SIDE_OF_PRESETS} if kind == "image" and options.get("preset") else {}

    @classmethod
    def depends_on(cls, options: Mapping[str, Any], beside: Path) -> Any:
        return files_of(options.get("preset"), beside)

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        if not self.suits(given):
            received = ", ".join(form.name for form in given.values())
            expected = "a picture or a series among the given columns"
            raise TrainingError("does_not_suit", network="resnet", expected=expected, received=received)
        if self._said.preset is None or not has_pictures(given):
            return super().build(given, output, facts)
        self._preset = _pretrained(self._said.preset, self.beside)
        try:
            if self._said.tuning == "frozen":
                return in_halves(given, self._feature, lambda forms: self._on_features(forms, output, facts))
            return super().build(given, output, facts)
        finally:
            del self._preset

    def encoder(self, x: Any, form: Form, facts: Facts) -> Any | None:
        import keras

        match form.name:
            case "grid" if self._said.preset is not None:
                return keras.layers.Dropout(_DROPOUT)(self._preset(x))
            case "vector" if self._said.tuning == "frozen" and form.shape == (getattr(self, "_size", None),):
                return keras.layers.Dropout(_DROPOUT)(keras.layers.LayerNormalization()(x))
            case "grid":
                return self._over_pictures(x, form, facts.rows)
            case "steps":
                return _along_series(x)
            case _:
                return None

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        if self._said.preset is not None and has_pictures(given):
            return _recipe_of_presets(facts.rows, is_frozen=self._said.tuning == "frozen")
        return picture_recipe(facts.rows, "auto") if has_pictures(given) else series_recipe(facts.rows)

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal | None:
        if has_pictures(given) and not (self._said.preset and self._said.tuning == "frozen"):
            return varied_pictures(draw, self.recipe(given, output, facts))
        return super().varied(draw, given, output, facts)

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Resnet.Options)
        return self.options

    def _feature(self, x: Any, form: Form) -> Any | None:
        if form.name != "grid":
            return None
        vector = self._preset(x)
        self._size = int(vector.shape[-1])
        return vector

    def _on_features(self, forms: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        return super().build(forms, output, facts)

    def _over_pictures(self, x: Any, form: Form, rows: int) -> Any:
        import keras

        is_small = min(form.shape[:2]) <= _LARGEST_SMALL_SIDE
        depth = self._said.depth or (_NINE if is_small else 18)
        width_of_nine = _WIDTH_OF_NINE if rows < _MANY_ROWS else _NARROW_WIDTH_OF_NINE
        width = self._said.width or (width_of_nine if depth == _NINE else _WIDTH)
        x = centred(x)
        if not is_small:
            x = keras.layers.MaxPooling2D(3, strides=2, padding="same")(over(x, width, 7, strides=2))
            return _levels(x, width, _BLOCKS[depth]) if depth != _NINE else _nine(x, width)
        x = over(averaged_down(x), width)
        return _nine(x, width) if depth == _NINE else _levels(x, width, _BLOCKS[depth])


def _pretrained(preset: str, beside: Path) -> Any:
    """From pictures, uint8 (batch, height, width, channels), to the preset's vectors (batch, size)."""
    import keras

    backbone = backbone_of(preset, beside)
    shape: tuple[int | None, ...] = getattr(backbone.input, "shape", ())
    if len(shape) != _PICTURES or shape[-1] != _COLOURS or len(backbone.output.shape) != _PICTURES:
        raise TrainingError("preset_takes_no_pictures", preset=preset, received=type(backbone).__name__)
    scale, offset = _scaling_of(preset, beside)

    def vector(x: Any) -> Any:
        x = keras.ops.cast(x, "float32")
        x = keras.layers.Concatenate()([x] * _COLOURS) if x.shape[-1] == 1 else x
        return keras.layers.GlobalAveragePooling2D()(backbone(keras.layers.Rescaling(scale, offset)(x)))

    return vector


def _scaling_of(preset: str, beside: Path) -> tuple[Any, Any]:
    """By what the preset's pictures were multiplied, and what was added."""
    import keras_hub

    try:
        converter = keras_hub.layers.ImageConverter.from_preset(
            str(folder_of(preset, beside, with_weights=False)), image_size=None
        )
    except (ValueError, TypeError, OSError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise TrainingError("no_preset", preset=preset, reason=reason) from error
    scale, offset = converter.scale, converter.offset
    return 1.0 if scale is None else scale, 0.0 if offset is None else offset


def _recipe_of_presets(rows: int, *, is_frozen: bool) -> Recipe:
    if is_frozen:
        fewest, most = _FEATURE_EPOCHS
        return Recipe(
            optimizer="adamw",
            learning_rate=3e-3,
            schedule="one_cycle",
            weight_decay=1e-2,
            batch=64,
            epochs=max(fewest, min(most, round(_FEATURES_SEEN / max(1, rows)))),
            patience=20,
        )
    fewest, most = _TUNING_EPOCHS
    plain = picture_recipe(rows, "auto")
    epochs = max(fewest, min(most, round(_TUNED_SEEN / max(1, rows))))
    return plain.model_copy(update={"learning_rate": 3e-4, "batch": 32, "epochs": epochs})


def _nine(x: Any, width: int) -> Any:
    """Three levels of twice the filters each, the first and the last with a block: (batch, 8·width)."""
    import keras

    x = _halved(over(x, 2 * width))
    x = _block(x, 2 * width)
    x = _halved(over(x, 4 * width))
    x = _halved(over(x, 8 * width))
    x = _block(x, 8 * width)
    return keras.layers.GlobalMaxPooling2D()(x)


def _halved(x: Any) -> Any:
    import keras

    return keras.layers.MaxPooling2D(2)(x) if min(x.shape[1:3]) > 1 else x


def _levels(x: Any, width: int, blocks: tuple[int, ...]) -> Any:
    """The levels of the paper, each half as large with twice the filters: (batch, 8·width)."""
    import keras

    for level, count in enumerate(blocks):
        for index in range(count):
            x = _block(x, width << level, strides=2 if level and not index else 1)
    return keras.layers.GlobalAveragePooling2D()(x)


def _block(x: Any, filters: int, strides: int = 1) -> Any:
    """Two 3×3 convolutions and a shortcut, which is a 1×1 convolution where the shape changes."""
    import keras

    y = over(over(x, filters, strides=strides), filters, is_active=False)
    if strides > 1 or x.shape[-1] != filters:
        x = over(x, filters, 1, strides, is_active=False)
    return keras.layers.ReLU()(keras.layers.Add()([x, y]))


def _along_series(steps: Any) -> Any:
    """(batch, length, channels) → (batch, 256)."""
    import keras

    from sixfold.networks.layers import PooledThere

    there = present(steps)
    x = steps
    for filters in _ALONG_FILTERS:
        y = x
        for index, size in enumerate(_ALONG_SIZES):
            y = along(y, there, filters, size, is_active=index < len(_ALONG_SIZES) - 1)
        if x.shape[-1] != filters:
            x = along(x, there, filters, 1, is_active=False)
        x = keras.layers.ReLU()(keras.layers.Add()([x, y]))
    return PooledThere()(x, there[..., 0])
