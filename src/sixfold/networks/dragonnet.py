"""Effects of a choice by one network with a head for each arm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field as Setting

from sixfold.families import Options as KindOptions
from sixfold.fields import Array, Form, FormName
from sixfold.language import Text
from sixfold.networks._composed import Composed
from sixfold.networks._inputs import inputs_of
from sixfold.networks._network import Draw, Facts, Objective, Part, Proposal, Recipe
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Dragonnet"]

_HEAD_LAYERS = 2
_DROPOUT = 0.1
_OF_CHANCES, _OF_CORRECTION = 1.0, 0.1
"""What the chances of arms, and the targeted regularisation, weigh beside the outcomes (Shi et al. use 1 and 1; their
outcomes are not standardised)."""

_LEAST_CHANCE = 0.02
_TINY = 1e-6
_FEW_ROWS = 2_000


class Dragonnet(Composed):
    """DragonNet (Shi, Blei & Veitch 2019, arXiv:1906.02120): one representation, a head for the outcome under each arm
    (TARNet: Shalit, Johansson & Sontag 2017), and one for the chances of arms, so that what tells the arm is kept in
    the representation; outcomes are nudged towards the efficient estimate of effects (targeted regularisation).

    Takes any mix of columns: pictures, texts and series have the plain encoder of their form.
    """

    title: ClassVar[Text] = Text("DragonNet", "DragonNet 网络")
    obeys: ClassVar[frozenset[str]] = Composed.obeys - {"label_smoothing", "class_weights"}
    makes: ClassVar[tuple[FormName | Literal["arms", "ways"], ...]] = ("arms",)

    class Options(KindOptions):
        """``width``: units of the shared layers. ``depth``: how many there are. ``heads``: units of each arm's layers.

        ``targeted``: whether outcomes are corrected by the chances of arms.
        """

        width: int = Setting(default=128, ge=1, le=4096)
        depth: int = Setting(default=2, ge=1, le=16)
        heads: int = Setting(default=64, ge=1, le=4096)
        targeted: bool = True

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 20 if given else 0

    def encoder(self, x: Any, form: Form, facts: Facts) -> Any | None:  # noqa: ARG002
        return None

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        import keras

        from sixfold.networks.layers import FreeNumber

        said, arms = self._said, output.units // 2
        inputs = inputs_of(given)
        x = self.represented(inputs, given, facts)
        for _ in range(said.depth):
            x = keras.layers.Dense(said.width, activation="elu")(x)
            x = keras.layers.Dropout(_DROPOUT)(x)
        outcomes = []
        for _ in range(arms):
            y = x
            for _ in range(_HEAD_LAYERS):
                y = keras.layers.Dense(said.heads, activation="elu")(y)
            outcomes.append(keras.layers.Dense(1, activation=output.activation, dtype="float32")(y))
        chances = keras.layers.Dense(arms, activation="softmax", dtype="float32")(x)
        correction = FreeNumber()(x)
        return keras.Model(inputs, keras.layers.Concatenate()([*outcomes, chances, correction]), name="dragonnet")

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        few = facts.rows < _FEW_ROWS
        return Recipe(
            optimizer="adamw",
            learning_rate=2e-3,
            schedule="one_cycle",
            weight_decay=1e-2,
            batch=64 if few else 128,
            epochs=60 if few else 30,
        )

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal | None:  # noqa: ARG002
        return None  # variations would be told apart by a loss that is mostly noise

    def objective(self, output: Output, recipe: Recipe) -> Objective:  # noqa: ARG002
        from keras import ops

        arms, is_share, of_correction = output.units // 2, output.activation == "sigmoid", self._correction

        def loss(targets: Any, outputs: Any) -> Any:
            return _loss(ops, targets, outputs, arms, is_share, of_correction)

        def score(targets: Any, outputs: Any) -> Any:
            got = ops.one_hot(ops.cast(targets[:, 0], "int32"), arms)
            return ops.abs(ops.sum(got * outputs[:, :arms], axis=1) - targets[:, 1])

        def judge(targets: Array, outputs: Array) -> dict[str, float]:
            own = outputs[np.arange(len(targets)), targets[:, 0].astype(np.int64)].astype(np.float64)
            chance = outputs[np.arange(len(targets)), arms + targets[:, 0].astype(np.int64)].astype(np.float64)
            off = _cross_entropy(targets[:, 1], own) if is_share else (own - targets[:, 1]) ** 2
            told = float(off.mean() - _OF_CHANCES * np.log(np.maximum(chance, _TINY)).mean())
            return {"loss": told, "mean_absolute_error": float(np.abs(own - targets[:, 1]).mean())}

        return Objective("mean_absolute_error", loss, score, judge)

    def parts(self, model: keras.Model, given: Mapping[str, Form], output: Output) -> Mapping[str, Part]:  # noqa: ARG002
        import keras

        inputs = {tensor.name: tensor for tensor in model.inputs}
        return {"graph": Part(keras.Model(inputs, model.output[:, : output.units], name="dragonnet_answers"))}

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Dragonnet.Options)
        return self.options

    @property
    def _correction(self) -> float:
        return _OF_CORRECTION if self._said.targeted else 0.0


def _loss(ops: Any, targets: Any, outputs: Any, arms: int, is_share: bool, of_correction: float) -> Any:
    """Of the arm that each row got: its outcome, its chance, and its outcome corrected by one over its chance."""
    got = ops.one_hot(ops.cast(targets[:, 0], "int32"), arms)  # (batch, arms)
    y, own = targets[:, 1], ops.sum(got * outputs[:, :arms], axis=1)
    chance = ops.sum(got * outputs[:, arms : 2 * arms], axis=1)
    if is_share:
        held = ops.clip(own, _TINY, 1 - _TINY)
        off = -(y * ops.log(held) + (1 - y) * ops.log(1 - held))
    else:
        off = ops.square(own - y)
    whole = ops.mean(off) - _OF_CHANCES * ops.mean(ops.log(ops.maximum(chance, _TINY)))
    if of_correction:
        sign = 1.0 - 2.0 * got[:, 0]
        corrected = own + outputs[:, -1] * sign / ops.maximum(chance, _LEAST_CHANCE)
        whole += of_correction * ops.mean(ops.square(corrected - y))
    return whole


def _cross_entropy(y: Array, chances: Array) -> Array:
    held = np.clip(chances, _TINY, 1 - _TINY)
    return np.asarray(-(y * np.log(held) + (1 - y) * np.log1p(-held)))
