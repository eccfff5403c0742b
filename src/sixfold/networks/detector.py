"""The detector: boxes in a picture, without anchors, in one pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Form, FormName
from sixfold.language import Text
from sixfold.networks._convolution import centred, over
from sixfold.networks._inputs import inputs_of
from sixfold.networks._levels import as_large, block, with_surroundings
from sixfold.networks._network import Draw, Facts, Layered, Objective, Part, Proposal, Recipe
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Detector"]

_WIDTHS, _BLOCKS = (1, 2, 4, 6, 8), (1, 1, 2, 2, 1)
"""Of the levels at a half, a quarter, an eighth … of the picture: filters in the width of the first, and blocks."""

_WIDTH = 24
_FINE, _COARSE = 4, 8
_SMALL = 16.0
"""Pixels of a small box (of one in twenty) from which cells of 8 pixels tell boxes apart; below, cells of 4."""

_SPREAD, _LEAST_SPREAD = 0.1, 0.45
"""How far a box's middle reaches: in its own size, and at least in cells (after Liu et al. 2020, arXiv:1909.00700)."""

_LEAST_NEAR = 0.3
_OVERLAP_WEIGHS = 3.0
_RARE = 0.02
"""How likely a fresh network takes a cell for a middle (Lin et al. 2017)."""

_PICTURES_SEEN, _FEWEST_EPOCHS, _MOST_EPOCHS, _FEW_ROWS = 30_000, 20, 200, 400


class Detector(Layered):
    """Finds the middle of each box on a coarse grid and, from there, its four sides (Zhou et al. 2019, CenterNet; Liu
    et al. 2020, TTFNet): focal loss on the middles, generalised IoU (Rezatofighi et al. 2019) on the boxes.

    The cells are 8 pixels wide, or 4 where boxes are small. The exported graph keeps only the surest of neighbouring
    cells, then of boxes of one class that overlap (non-maximum suppression), and gives a list of fixed length.
    """

    title: ClassVar[Text] = Text("detector without anchors", "无锚框检测网络")
    obeys: ClassVar[frozenset[str]] = Layered.obeys - {"label_smoothing", "class_weights"}
    makes: ClassVar[tuple[FormName, ...]] = ("points",)

    class Options(KindOptions):
        """``width``: filters of the first level; left out, 24. The others have 2, 4, 6 and 8 times as many.

        ``stride``: pixels of the (resized) picture to a cell, 4 or 8; left out, by how small the training boxes are.
        """

        width: int | None = Setting(default=None, ge=4, le=256)
        stride: int | None = Setting(default=None, ge=_FINE, le=_COARSE, multiple_of=_FINE)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 20 if [form.name for form in given.values()] == ["grid"] else 0

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:  # noqa: ARG002
        import keras

        if not self.suits(given):
            received = ", ".join(form.name for form in given.values())
            raise TrainingError("does_not_suit", network="detector", expected="one picture", received=received)
        width = self._said.width or _WIDTH
        inputs = inputs_of(given)
        ((name, form),) = given.items()
        x = over(centred(inputs[name]), width, 5, strides=2)
        levels, cell = [], 2
        last = max(1, min(len(_WIDTHS), int(math.log2(min(form.shape[:2]) / 4))))
        for level in range(last):
            filters = width * _WIDTHS[level]
            x = block(x, filters, strides=1 if level == 0 else 2)
            for _ in range(_BLOCKS[level] - 1):
                x = block(x, filters)
            levels.append((cell, x))
            cell *= 2
        x = with_surroundings(x)
        stride = min(self._stride(form, facts), levels[-1][0])
        for size, below in reversed(levels[:-1]):
            if size < stride:
                break
            x = over(x, below.shape[-1], 1)
            x = keras.layers.Add()([as_large(x, below.shape[1:3]), below])
            x = block(x, below.shape[-1])
        classes = len(facts.target.get("classes", ("",)))
        middle = [facts.target.get(sides, (0.1, 0.2, 0.3))[1] / 2 for sides in ("widths", "heights")]
        usual = [math.log(side) for side in middle] * 2
        seen, sides = over(x, x.shape[-1]), over(x, x.shape[-1])
        rare = keras.initializers.Constant(-math.log((1 - _RARE) / _RARE))
        where = keras.layers.Conv2D(classes, 1, bias_initializer=rare, dtype="float32", name="where")(seen)
        reach = keras.layers.Conv2D(
            4, 1, kernel_initializer="zeros", bias_initializer=_constants(usual), dtype="float32", name="reach"
        )(sides)
        return keras.Model(inputs, keras.layers.Concatenate(dtype="float32")([where, reach]), name="detector")

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        return Recipe(
            optimizer="adamw",
            learning_rate=2e-3,
            schedule="one_cycle",
            weight_decay=2e-2,
            batch=8 if facts.rows < _FEW_ROWS else 16,
            epochs=max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, round(_PICTURES_SEEN / max(1, facts.rows)))),
            augment={"shift": 0.15, "zoom": 0.3, "mirror": 0.5, "brightness": 0.1, "contrast": 0.3, "tint": 0.1},
        )

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal | None:
        plain = self.recipe(given, output, facts)
        strength = draw.suggest_float("augment", 0.3, 1.5)
        augment = {name: value * strength for name, value in plain.augment.items() if name != "mirror"}
        augment["mirror"] = draw.suggest_categorical("mirror", [0.0, 0.5])
        augment["upend"] = draw.suggest_categorical("upend", [0.0, 0.5])
        rate = plain.learning_rate * draw.suggest_float("rate", 0.3, 3.0, log=True)
        return Proposal(recipe={"learning_rate": rate, "augment": augment})

    def objective(self, output: Output, recipe: Recipe) -> Objective:  # noqa: ARG002
        return Objective("overlap", _loss, _overlap)

    def parts(self, model: keras.Model, given: Mapping[str, Form], output: Output) -> Mapping[str, Part]:
        """From pictures to boxes: (batch, most, 6) of label (0: none), score, left, top, width and height."""
        import keras

        from sixfold.networks.layers import SurestBoxes

        inputs = inputs_of(given)
        boxes = SurestBoxes(output.places[0], dtype="float32")(model(inputs))
        return {"graph": Part(keras.Model(inputs, boxes), is_ranked=True)}

    def _stride(self, form: Form, facts: Facts) -> int:
        if self._said.stride is not None:
            return self._said.stride
        small = [
            facts.target[sides][0] * pixels
            for sides, pixels in zip(("heights", "widths"), form.shape[:2], strict=True)
            if sides in facts.target
        ]
        return _FINE if small and min(small) < _SMALL else _COARSE

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Detector.Options)
        return self.options


def _constants(values: list[float]) -> Any:
    """An initializer with a value of its own for each unit."""

    def initialized(shape: Any, dtype: Any = None) -> Any:
        from keras import ops

        return ops.reshape(ops.convert_to_tensor(values, dtype), shape)

    return initialized


def _near(targets: Any, outputs: Any) -> tuple[Any, Any]:
    """How near each cell is to the middle of each box, and whether it holds it: (batch, cells, most), 0–1 both."""
    from keras import ops

    from sixfold.networks.layers import middles

    x, y = middles(outputs)
    height, width = outputs.shape[1:3]
    kind, left, top, wide, high = (targets[:, None, :, index] for index in range(5))  # (batch, 1, most)
    apart_x, apart_y = x[None, :, None] - (left + wide / 2), y[None, :, None] - (top + high / 2)
    spread_x = ops.maximum(wide * _SPREAD, _LEAST_SPREAD / width)
    spread_y = ops.maximum(high * _SPREAD, _LEAST_SPREAD / height)
    there = ops.cast(kind > 0, "float32")
    is_in_x = (apart_x > -0.5 / width) & (apart_x <= 0.5 / width)
    is_in_y = (apart_y > -0.5 / height) & (apart_y <= 0.5 / height)
    holds = ops.cast(is_in_x & is_in_y, "float32") * there
    near = ops.exp(-0.5 * ((apart_x / spread_x) ** 2 + (apart_y / spread_y) ** 2)) * there
    return ops.maximum(near, holds), holds


def _loss(targets: Any, outputs: Any) -> Any:
    """Focal loss on the middles (Law & Deng 2018, eq. 1), and 1 − GIoU of the boxes of the cells near them."""
    from keras import ops

    from sixfold.networks.layers import corners, ious

    near, holds = _near(targets, outputs)
    logits = ops.reshape(outputs[..., :-4], (-1, near.shape[1], outputs.shape[-1] - 4))  # (batch, cells, classes)
    kinds = ops.one_hot(ops.cast(targets[..., 0], "int32") - 1, logits.shape[-1], dtype="float32")
    is_middle = ops.cast(ops.matmul(holds, kinds) > 0, "float32")
    around = ops.minimum(ops.matmul(near, kinds), 1.0)
    sure, unsure = ops.log_sigmoid(logits), ops.log_sigmoid(-logits)
    chance = ops.exp(sure)
    found = is_middle * (1 - chance) ** 2 * sure
    not_found = (1 - is_middle) * (1 - around) ** 4 * chance**2 * unsure
    boxes = ops.maximum(ops.sum(is_middle), 1.0)
    weight, truth = _nearest(near, targets)
    apart = ops.sum(weight * (1 - ious(corners(outputs), truth)[1])) / ops.maximum(ops.sum(weight), 1.0)
    return -ops.sum(found + not_found) / boxes + _OVERLAP_WEIGHS * apart


def _overlap(targets: Any, outputs: Any) -> Any:
    """The mean IoU (batch,) of the boxes that the cells in the middle of a true one say, and that one."""
    from keras import ops

    from sixfold.networks.layers import corners, ious

    near, holds = _near(targets, outputs)
    _, truth = _nearest(near, targets)
    is_middle = ops.max(holds, axis=-1)
    return ops.sum(ious(corners(outputs), truth)[0] * is_middle, axis=1) / ops.maximum(ops.sum(is_middle, axis=1), 1.0)


def _nearest(near: Any, targets: Any) -> tuple[Any, Any]:
    """For each cell how much it must know of a box (batch, cells), and the box that it is nearest to (…, 4)."""
    from keras import ops

    best, weight = ops.one_hot(ops.argmax(near, axis=-1), near.shape[-1]), ops.max(near, axis=-1)
    left, top, wide, high = (targets[..., index] for index in range(1, 5))
    corners = ops.stack([left, top, left + wide, top + high], axis=-1)
    return ops.where(weight > _LEAST_NEAR, weight, 0.0), ops.matmul(best, corners)
