"""What it costs to go from block to block of a map, learned from optimal routes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Form, FormName
from sixfold.language import Text
from sixfold.networks._inputs import inputs_of
from sixfold.networks._network import Draw, Facts, Layered, Objective, Part, Proposal, Recipe
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Pathways"]

_WALL = 1e4
"""What a way between blocks costs that have no free cells beside each other."""

_FREE = 127.5
"""Brighter pixels of a map can be walked on."""

_LEAST_LEFT = 6.0
"""Cells nearer to the goal than so many say more of where in its block it lies than of what the way costs."""

_LEAST, _OPENNESS = 0.85, -1.82
"""Of what a block costs if nothing stands in it, the least that it may be told to cost; and what makes it cost just
that at the beginning."""

_CHECKED = 4
_ROUTES_SEEN = 6_000
_MOST_EPOCHS = 40


class Pathways(Layered):
    """A few convolutions look at each block of four by four cells and those around it, and tell what it costs to go to
    its neighbours; nothing of where the route begins and ends.

    It learns as a value iteration network does (Tamar et al. 2016): from the goal, distances spread over those costs
    from block to block, and must become what optimal routes have left at each of their places. What is looked at is
    small, so what was learned on some maps holds on others. Answers take its costs for a guide: the way itself is
    searched cell by cell.
    """

    title: ClassVar[Text] = Text("costs of ways", "通行代价网络")
    obeys: ClassVar[frozenset[str]] = Layered.obeys - {"label_smoothing", "class_weights"}
    makes: ClassVar[tuple[FormName | Literal["arms", "ways"], ...]] = ("ways",)

    class Options(KindOptions):
        """``width``: filters of each layer. ``depth``: how many layers look around. ``reach``: over how many blocks
        distances spread while it learns.
        """

        width: int = Setting(default=32, ge=4, le=256)
        depth: int = Setting(default=3, ge=1, le=8)
        reach: int = Setting(default=40, ge=4, le=400)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 30 if sorted(form.name for form in given.values()) == ["grid", "vector", "vector"] else 0

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:  # noqa: ARG002
        import keras
        from keras import ops

        from sixfold.networks.layers import Spread

        if not self.suits(given):
            received = ", ".join(form.name for form in given.values())
            expected = "a map and two points"
            raise TrainingError("does_not_suit", network="pathways", expected=expected, received=received)
        said, pitch = self._said, _pitch(given, output)
        inputs = inputs_of(given)
        places, points = _apart(given)
        plan = inputs[places]
        height, width, _ = given[places].shape
        free = ops.cast(ops.cast(plan[..., :1], "float32") > _FREE, "float32")
        rows, columns = output.places
        free = ops.pad(free, ((0, 0), (0, rows * pitch - height), (0, columns * pitch - width), (0, 0)))
        blocks = ops.reshape(free, (-1, rows, pitch, columns, pitch))
        blocks = ops.reshape(ops.transpose(blocks, (0, 1, 3, 2, 4)), (-1, rows, columns, pitch * pitch))
        x = blocks
        for _ in range(said.depth):
            x = keras.layers.Conv2D(said.width, 3, padding="same", activation="relu")(x)
        start = keras.initializers.Constant(_OPENNESS)
        more = keras.layers.Conv2D(output.units, 1, bias_initializer=start, activation="softplus", dtype="float32")(x)
        least = np.array([1.0, 1.0, math.sqrt(2), math.sqrt(2)], np.float32) * pitch
        costs = ops.where(_openings(blocks, pitch) > 0, (_LEAST + more) * least, _WALL)
        left = Spread(said.reach, _WALL)([costs, ops.cast(inputs[points[1]] // pitch, "int32")])
        model = keras.Model(inputs, left, name="pathways")
        model.costs = costs
        return model

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        return Recipe(
            optimizer="adam",
            learning_rate=3e-3,
            schedule="one_cycle",
            batch=8,
            epochs=max(2, min(_MOST_EPOCHS, round(_ROUTES_SEEN / max(1, facts.rows)))),
        )

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal | None:  # noqa: ARG002
        return None  # what counts, how few cells are looked at, only a search over whole maps can say

    def objective(self, output: Output, recipe: Recipe) -> Objective:  # noqa: ARG002
        from keras import ops

        _, columns = output.places
        reach = self._said.reach

        def off(targets: Any, outputs: Any) -> Any:
            """How far the told distance is from what is left, at each place of each route (batch, places), and where
            that counts."""
            rows = output.places[0]
            pitch = _PITCH
            block = ops.cast(ops.maximum(targets[..., :2], 0) // pitch, "int32")
            number = ops.clip(block[..., 1], 0, rows - 1) * columns + ops.clip(block[..., 0], 0, columns - 1)
            told = ops.take_along_axis(ops.reshape(outputs, (-1, rows * columns)), number, axis=1)
            left = targets[..., 2]
            counts = (left >= _LEAST_LEFT) & (left <= 0.7 * reach * pitch) & (told < 0.5 * _WALL)
            return (told - left) / (left + 2 * pitch), ops.cast(counts, "float32")

        def loss(targets: Any, outputs: Any) -> Any:
            gap, counts = off(targets, outputs)
            return ops.sum(ops.square(gap) * counts) / ops.maximum(ops.sum(counts), 1.0)

        def score(targets: Any, outputs: Any) -> Any:
            gap, counts = off(targets, outputs)
            return ops.sum(ops.abs(gap) * counts, axis=1) / ops.maximum(ops.sum(counts, axis=1), 1.0)

        return Objective("mean_absolute_error", loss, score)

    def parts(self, model: keras.Model, given: Mapping[str, Form], output: Output) -> Mapping[str, Part]:  # noqa: ARG002
        """The costs alone: distances are searched for, not spread, once they are learned."""
        import keras

        places, _ = _apart(given)
        plan = next(tensor for tensor in model.inputs if tensor.name == places)
        form = given[places]
        sample = np.random.default_rng(0).integers(0, 2, (_CHECKED, *form.shape), np.uint8) * 255
        return {"graph": Part(keras.Model({places: plan}, model.costs, name="costs"), {places: sample})}

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Pathways.Options)
        return self.options


_PITCH = 4


def _pitch(given: Mapping[str, Form], output: Output) -> int:  # noqa: ARG001
    return _PITCH


def _apart(given: Mapping[str, Form]) -> tuple[str, list[str]]:
    """The map's input, and those of the two points, the start's first."""
    points = [name for name, form in given.items() if form.name == "vector"]
    return next(name for name, form in given.items() if form.name == "grid"), points


def _openings(blocks: Any, pitch: int) -> Any:
    """1 where neighbouring blocks have free cells beside each other (batch, rows, columns, 4): on the right, below, and
    below on either side, which takes both ways around."""
    from keras import ops

    cells = ops.reshape(blocks, (-1, *blocks.shape[1:3], pitch, pitch))
    right = ops.max(cells[:, :, :-1, :, -1] * cells[:, :, 1:, :, 0], axis=-1)
    below = ops.max(cells[:, :-1, :, -1, :] * cells[:, 1:, :, 0, :], axis=-1)
    right = ops.pad(right, ((0, 0), (0, 0), (0, 1)))
    below = ops.pad(below, ((0, 0), (0, 1), (0, 0)))

    def at(x: Any, down: int, across: int) -> Any:
        """Of each block, that of another one: 0 beyond the edge."""
        rows, columns = x.shape[1], x.shape[2]
        padded = ops.pad(x, ((0, 0), (1, 1), (1, 1)))
        return padded[:, 1 + down : 1 + down + rows, 1 + across : 1 + across + columns]

    slope = right * at(below, 0, 1) * below * at(right, 1, 0)
    other = at(right, 0, -1) * below * at(below, 0, -1) * at(right, 1, -1)
    return ops.stack([right, below, slope, other], axis=-1)
