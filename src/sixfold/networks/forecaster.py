"""The network of forecasts: what the season would repeat, and what is learned beyond it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Array, Form, FormName
from sixfold.language import Text
from sixfold.networks._composed import plain_encoder
from sixfold.networks._convolution import along
from sixfold.networks._inputs import inputs_of
from sixfold.networks._network import Draw, Facts, Layered, Objective, Part, Proposal, Recipe
from sixfold.networks._quantiles import pinball
from sixfold.tasks import Output
from sixfold.tasks.forecasting import MIDDLE, QUANTILES

if TYPE_CHECKING:
    import keras

__all__ = ["Forecaster"]

_ENOUGH_FOR_LAYERS = 1_000
"""Windows from which `auto` tries an encoder of several layers too: fewer teach it what they happen to show."""

_DAMPED, _RECENT = 0.75, 4
"""Of the change from season to season, as it was in the last quarter of a season, what is taken to go on: damped trends
forecast better than those that go on whole (Gardner & McKenzie 1985)."""

_ROWS_A_WEIGHT = 10
_NARROW = -2.0
"""Of the widths between quantiles, what softplus begins with: about a tenth of the window's spread."""

_CALM = 1e-3
"""Of the spread of all windows, the least that a window is taken to have: a flat one has none to divide by."""

_FARTHEST = 20.0
"""Spreads of its window beyond which no forecast goes, and exponents stay finite."""

_FLOOR = 0.1
"""Of the smallest training number, what lies below counts as this on a scale of logarithms."""

_WINDOWS_SEEN, _FEWEST_EPOCHS, _MOST_EPOCHS = 60_000, 15, 300
_DECAY, _LEAST_DECAY, _MOST_DECAY = 100.0, 0.02, 1.0
"""Of the weights, over the number of windows: what few of them show is mostly how those few happened to go."""

_DROPOUT = 0.1


@dataclass(frozen=True, slots=True)
class _Scale:
    """Between what the past column gives and what the network works in.

    Args:
        means: Of each channel, what encoding took off (channels,).
        spreads: And what it divided by (channels,).
        is_log: Whether the network works in logarithms.
        floor: The least number that has one (channels,).
        usual: The spread of a window as a rule, in what the network works in (channels,).
    """

    means: Array
    spreads: Array
    is_log: bool
    floor: Array
    usual: Array

    def inward(self, x: Any) -> Any:
        """Encoded values (…, channels) as the network sees them: logarithms of how many times the floor they are."""
        from keras import ops

        if not self.is_log:
            return x
        return ops.log(ops.maximum(_moved(x, self.spreads / self.floor, self.means / self.floor), 1.0))

    def outward(self, z: Any) -> Any:
        """What the network says (…, channels), encoded."""
        from keras import ops

        return _moved(ops.exp(z), self.floor / self.spreads, -self.means / self.spreads) if self.is_log else z


def _moved(x: Any, factor: Array, offset: Array) -> Any:
    """x · factor + offset along the channels; numbers of a layer, so that they are exported as constants."""
    import keras

    return keras.layers.Rescaling(factor.tolist(), offset.tolist())(x)


class Forecaster(Layered):
    """Repeats the last season, and learns what to change of it from how the past differed from the season before.

    Every window is measured by its own spread (Kim et al. 2022), so that a series of millions and one of dozens teach
    the same; where numbers are above zero and their changes grow with them, all is done in logarithms. A linear map
    from the past to all steps at once (Zeng et al. 2023) is the whole network, or is what an encoder (cnn, rnn,
    transformer) adds to. Of each step it gives nine quantiles, in order, by the pinball loss.
    """

    title: ClassVar[Text] = Text("forecaster", "预测网络")
    obeys: ClassVar[frozenset[str]] = Layered.obeys - {"label_smoothing", "class_weights"}
    makes: ClassVar[tuple[FormName, ...]] = ("steps",)

    class Options(KindOptions):
        """``encoder``: linear: the map alone; dense, cnn, rnn or transformer: what adds to it. ``width``: of its
        layers. ``layers``: one over another. ``scale``: log, linear, or auto: told by the training windows."""

        encoder: Literal["linear", "dense", "cnn", "rnn", "transformer"] = "linear"
        width: int = Setting(default=64, ge=4, le=2048)
        layers: int = Setting(default=2, ge=1, le=16)
        scale: Literal["auto", "log", "linear"] = "auto"

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        forms = [form.name for form in given.values()]
        return 30 if "steps" in forms and "points" not in forms else 0

    def first(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Sequence[Proposal]:  # noqa: ARG002
        if "encoder" in self._said.model_fields_set or facts.rows < _ENOUGH_FOR_LAYERS:
            return (Proposal(),)
        return tuple(Proposal({"encoder": encoder}) for encoder in ("linear", "dense", "cnn"))

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal:
        plain = self.recipe(given, output, facts)
        kinds = ["linear"] if facts.rows < _ENOUGH_FOR_LAYERS else ["linear", "dense", "cnn", "rnn", "transformer"]
        return Proposal(
            options={"encoder": draw.suggest_categorical("encoder", kinds)},
            recipe={
                "learning_rate": plain.learning_rate * draw.suggest_float("rate", 0.3, 3.0, log=True),
                "weight_decay": plain.weight_decay * draw.suggest_float("decay", 0.3, 10.0, log=True),
            },
        )

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        import keras
        from keras import ops

        name, channels = self._past(given, output)
        inputs, steps = inputs_of(given), output.places[0]
        past = inputs[name][..., :-1]  # (batch, length, channels)
        length, state = past.shape[1], facts.columns.get(name, {})
        season = int(state.get("season") or 1)
        season = season if 1 <= season < length else 1
        scale = self._scale(facts, name, state, channels, season)
        z = scale.inward(past)
        spread = _spread(z, scale.usual)
        repeated = z[:, -season:]  # (batch, season, channels)
        base = ops.tile(repeated, (1, -(-steps // season), 1))[:, :steps]
        change = (z[:, season:] - z[:, :-season]) / spread  # (batch, length - season, channels)
        seen = change
        if season > 1 and facts.rows >= _ROWS_A_WEIGHT * length:  # enough windows to tell the season's own shape too
            seen = ops.concatenate([change, (repeated - ops.mean(repeated, axis=1, keepdims=True)) / spread], axis=1)
        across = ops.transpose(seen, (0, 2, 1))  # (batch, channels, …)
        nothing = "zeros"  # so that what has learned nothing repeats the season
        added = keras.layers.Dense(steps, kernel_initializer=nothing, use_bias=False, name="linear")(across)
        found = ops.transpose(added, (0, 2, 1))  # (batch, steps, channels)
        if (
            season > 1
        ):  # that what changed since last season goes on, for the most part, is assumed before it is learned
            recent = ops.mean(change[:, -max(1, season // _RECENT) :], axis=1, keepdims=True)
            found = found + _DAMPED * recent
        gaps = (len(QUANTILES) - 1) * channels
        widths = keras.layers.Dense(
            steps * gaps,
            kernel_initializer=nothing,
            bias_initializer=keras.initializers.Constant(_NARROW),
            name="widths",
        )
        told = [keras.layers.Flatten()(seen)]
        others = self._others(inputs, given, name)
        if others is not None:
            found = found + keras.layers.Reshape((steps, channels))(
                keras.layers.Dense(steps * channels, kernel_initializer=nothing, use_bias=False, name="beside")(others)
            )
            told.append(others)
        if self._said.encoder != "linear":
            code = self._encoded((z - z[:, -1:]) / spread, change)
            code = code if others is None else keras.layers.Concatenate()([code, others])
            code = keras.layers.Dropout(_DROPOUT)(keras.layers.Dense(self._said.width, activation="relu")(code))
            found = found + keras.layers.Reshape((steps, channels))(
                keras.layers.Dense(steps * channels, kernel_initializer=nothing, name="encoded")(code)
            )
            told.append(code)
        beside = keras.layers.Concatenate()(told) if len(told) > 1 else told[0]
        width = ops.softplus(keras.layers.Reshape((steps, channels, len(QUANTILES) - 1))(widths(beside)))
        above = ops.cumsum(width[..., MIDDLE:], axis=-1)
        below = ops.flip(ops.cumsum(width[..., :MIDDLE], axis=-1), axis=-1)
        offsets = ops.concatenate([-below, ops.zeros_like(above[..., :1]), above], axis=-1)
        said = ops.clip(found[..., None] + offsets, -_FARTHEST, _FARTHEST)  # (batch, steps, channels, 9)
        whole = base[..., None] + spread[..., None] * said
        whole = ops.transpose(scale.outward(ops.transpose(whole, (0, 1, 3, 2))), (0, 1, 3, 2))
        whole = keras.layers.Reshape((steps, output.units), dtype="float32", name="quantiles")(whole)
        measured = ops.tile(_spread(past, _deviation(facts, name, channels)), (1, steps, 1))  # (batch, steps, channels)
        model = keras.Model(inputs, ops.concatenate([whole, ops.cast(measured, "float32")], axis=-1))
        model.answering = keras.Model(inputs, whole, name="answering")
        return model

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        """Few windows lie so close in time that those for validation cannot tell epochs apart: then the last weights
        are kept, at the schedule's end."""
        return Recipe(
            optimizer="adamw",
            learning_rate=5e-3 if self._said.encoder == "linear" else 2e-3,
            schedule="one_cycle",
            weight_decay=max(_LEAST_DECAY, min(_MOST_DECAY, _DECAY / max(1, facts.rows))),
            batch=16 if facts.rows < _ENOUGH_FOR_LAYERS else 64 if facts.rows < 20 * _ENOUGH_FOR_LAYERS else 256,
            epochs=max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, round(_WINDOWS_SEEN / max(1, facts.rows)))),
            keep_best=facts.rows >= _ENOUGH_FOR_LAYERS,
        )

    def objective(self, output: Output, recipe: Recipe) -> Objective:  # noqa: ARG002
        return pinball("mean_absolute_error", output, has_scale=True)

    def parts(self, model: keras.Model, given: Mapping[str, Form], output: Output) -> Mapping[str, Part]:  # noqa: ARG002
        """What answers has no need of what errors are measured in."""
        return {"graph": Part(model.answering)}

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Forecaster.Options)
        return self.options

    def _past(self, given: Mapping[str, Form], output: Output) -> tuple[str, int]:
        """The input that the target goes on from, the first series given; and its channels."""
        found = next(((name, form.shape) for name, form in given.items() if form.name == "steps"), None)
        if found is None or (found[1][1] - 1) * len(QUANTILES) != output.units or output.form != "steps":
            received = ", ".join(form.name for form in given.values()) or "–"
            raise TrainingError(
                "does_not_suit", network="forecaster", expected="the target's own past, given first", received=received
            )
        if found[1][0] < 2:  # noqa: PLR2004 — one step shows no change
            raise TrainingError("does_not_suit", network="forecaster", expected="a past of two steps", received="1")
        return found[0], found[1][1] - 1

    def _scale(self, facts: Facts, name: str, state: Mapping[str, Any], channels: int, season: int) -> _Scale:
        means = np.array(state.get("means", np.zeros(channels)), np.float32)
        spreads = np.array(state.get("spreads", np.ones(channels)), np.float32)
        windows = _windows(facts, name, channels) * spreads + means  # in the units of the column
        least = windows.min(axis=(0, 1)) if len(windows) else np.zeros(channels)
        wanted = self._said.scale
        is_log = wanted == "log" or (wanted == "auto" and bool((least > 0).all()) and _grows(windows, season))
        floor = np.maximum(_FLOOR * least, 1e-6 * np.abs(windows).max(axis=(0, 1), initial=1.0)).astype(np.float32)
        inner = np.log(np.maximum(windows, floor)) if is_log else (windows - means) / spreads
        usual = inner.std(axis=1).mean(axis=0) if len(inner) else np.ones(channels)
        return _Scale(means, spreads, is_log, floor, np.maximum(usual, 1e-6).astype(np.float32))

    def _others(self, inputs: Mapping[str, Any], given: Mapping[str, Form], past: str) -> Any | None:
        import keras

        parts = []
        for name, form in given.items():
            if name == past:
                continue
            x = inputs[name]
            parts.append(x if form.name == "vector" else plain_encoder(x, form))
        if not parts:
            return None
        return keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]

    def _encoded(self, level: Any, change: Any) -> Any:
        """The past, as far as it lies from its end (batch, length, channels), and its changes, as a vector."""
        import keras
        from keras import ops

        from sixfold.networks.layers import Block, Positions

        width, layers = self._said.width, self._said.layers
        match self._said.encoder:
            case "dense":
                x = keras.layers.Concatenate()([keras.layers.Flatten()(level), keras.layers.Flatten()(change)])
                for _ in range(layers):
                    x = keras.layers.Dropout(_DROPOUT)(keras.layers.Dense(width, activation="relu")(x))
                return x
            case "cnn":
                x, there = level, ops.ones_like(level[..., :1])
                for _ in range(layers):
                    x = along(x, there, width, 5)
                return keras.layers.Concatenate()([keras.layers.GlobalAveragePooling1D()(x), x[:, -1]])
            case "rnn":
                x = level
                for number in range(layers):
                    x = keras.layers.GRU(width, return_sequences=number < layers - 1)(x)
                return x
            case _:
                x = Positions(level.shape[1])(keras.layers.Dense(width)(level))
                there = ops.ones_like(level[..., 0])
                for number in range(layers):
                    x, _ = Block(width, 4, inner=2, dropout=_DROPOUT, depth=layers, name=f"block_{number}")(
                        x, there=there
                    )
                x = keras.layers.LayerNormalization(epsilon=1e-5)(x)
                return keras.layers.Concatenate()([keras.layers.GlobalAveragePooling1D()(x), x[:, -1]])


def _spread(x: Any, usual: Array) -> Any:
    """The standard deviation of each window (batch, 1, channels), a little above zero where it is flat."""
    from keras import ops

    return ops.sqrt(_moved(ops.var(x, axis=1, keepdims=True), np.ones_like(usual), np.square(_CALM * usual)))


def _windows(facts: Facts, name: str, channels: int) -> Array:
    """Some training windows, as they are encoded, that are there whole: (n, length, channels)."""
    if name not in facts.sample:
        return np.zeros((0, 1, channels), np.float32)
    sample = facts.sample[name]
    return np.asarray(sample[(sample[..., -1] > 0).all(axis=1)][..., :-1])


def _deviation(facts: Facts, name: str, channels: int) -> Array:
    """The spread of a window as a rule, as it is encoded (channels,)."""
    windows = _windows(facts, name, channels)
    usual = windows.std(axis=1).mean(axis=0) if len(windows) else np.ones(channels)
    return np.maximum(usual, 1e-6).astype(np.float32)


def _grows(windows: Array, season: int) -> bool:
    """Whether changes grow with the numbers (n, length, channels): then shares are more alike than amounts."""
    if windows.shape[1] <= season:
        return False
    amounts = np.abs(windows[:, season:] - windows[:, :-season]).mean(axis=1)
    shares = np.abs(np.log(windows[:, season:]) - np.log(windows[:, :-season])).mean(axis=1)

    def unlike(sizes: Array) -> float:
        return float((sizes.std(axis=0) / np.maximum(sizes.mean(axis=0), 1e-12)).mean())

    return unlike(shares) < unlike(amounts)
