"""The network of moving agents: where each will go, among those nearby."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Form, FormName
from sixfold.language import Text
from sixfold.networks._composed import plain_encoder
from sixfold.networks._inputs import inputs_of
from sixfold.networks._network import Draw, Facts, Layered, Objective, Part, Proposal, Recipe
from sixfold.tasks import Output
from sixfold.tasks.behaviour import FUTURES

if TYPE_CHECKING:
    import keras

__all__ = ["Social"]

_PLANE = 2
"""Coordinates of a plane; of any other number, nothing is turned."""

_STILL = 1e-2
"""A path shorter than this has no heading: it is left as it lies."""

_NEVER = -1e9
_DROPOUT = 0.1
_ALL_LEARN = 0.05
"""What every future learns from each row, beside the best one: so that none is left behind for ever (Rupprecht et al.
2017)."""

_ROWS_SEEN, _FEWEST_EPOCHS, _MOST_EPOCHS, _MANY_ROWS = 1_500_000, 10, 120, 5_000


class Social(Layered):
    """Sees the world as the agent does: from where it stands, along the way it goes; the scene's own north is unknown.

    What would come of going on as before is its beginning, and it learns what to change of that: from the agent's own
    steps, and from those nearby through attention (Vaswani et al. 2017). It also looks at everything in a mirror, and
    answers alike in both; so paths to the left teach those to the right. One path is learned from every row; of twenty
    futures, the one that comes nearest (winner takes all: Guzman-Rivera et al. 2012), and how likely each is.
    """

    title: ClassVar[Text] = Text("network of moving agents", "运动体网络")
    obeys: ClassVar[frozenset[str]] = Layered.obeys - {"label_smoothing", "class_weights"}
    makes: ClassVar[tuple[FormName, ...]] = ("points",)

    class Options(KindOptions):
        """``width``: of its layers. ``layers``: one over another. ``mirror``: whether left and right are alike.

        ``dropout``: the share of what is dropped while training.
        """

        width: int = Setting(default=128, ge=8, le=2048)
        layers: int = Setting(default=2, ge=1, le=16)
        mirror: bool = True
        dropout: float = Setting(default=_DROPOUT, ge=0, lt=1)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        forms = [form.name for form in given.values()]
        return 30 if "steps" in forms and "grid" not in forms else 0

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal:
        plain = self.recipe(given, output, facts)
        return Proposal(
            options={
                "width": 64 * draw.suggest_int("width", 1, 4),
                "dropout": draw.suggest_float("dropout", 0.0, 0.3),
            },
            recipe={"learning_rate": plain.learning_rate * draw.suggest_float("rate", 0.3, 2.0, log=True)},
        )

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        import keras
        from keras import ops

        name, channels = self._past(given, output)
        steps = (output.units - 1) // channels
        inputs, state = inputs_of(given), facts.columns.get(name, {})
        spreads = [float(spread) for spread in state.get("spreads", [1.0] * channels)]
        back = keras.layers.Rescaling([1 / spread for spread in spreads], 0.0)
        past = inputs[name][..., :-1]  # (batch, length, channels)
        here = past[:, -1:]
        own = keras.layers.Rescaling(spreads, 0.0)(past - here)  # from where it stands, in units
        turn = _Turn(own) if channels == _PLANE else None
        nearby = next((key for key, form in given.items() if form.name == "points"), None)
        others = there = None
        if nearby is not None:
            most, width = given[nearby].shape
            whole = ops.reshape(inputs[nearby], (-1, most, width // (channels + 1), channels + 1))
            there = whole[..., -1:]  # (batch, most, length, 1)
            others = keras.layers.Rescaling(spreads, 0.0)(whole[..., :-1] - here[:, None]) * there
        if turn is not None:
            own = turn.into(own)
            others = None if others is None else turn.into(others)
        beside = [
            inputs[key] if form.name == "vector" else plain_encoder(inputs[key], form)
            for key, form in given.items()
            if key not in (name, nearby)
        ]
        mind = self._mind(own, others, there, beside, steps, channels)
        views = [mind([part for part in (own, others, there, *beside) if part is not None])]
        halves = FUTURES // 2
        if self._said.mirror and channels == _PLANE:
            mirror = keras.layers.Rescaling([1.0, -1.0], 0.0)
            flipped = [mirror(own), None if others is None else mirror(others), there, *beside]
            paths, logits = mind([part for part in flipped if part is not None])
            views.append((mirror(paths), logits))
            path = (views[0][0][:, :1] + views[1][0][:, :1]) / 2
            futures = ops.concatenate([paths[:, 1 : halves + 1] for paths, _ in views], axis=1)
            logits = ops.concatenate([logits[:, :halves] for _, logits in views], axis=1)
        else:
            (paths, logits), path = views[0], views[0][0][:, :1]
            futures = paths[:, 1:]
        ways = ops.concatenate([path, futures], axis=1)  # (batch, 21, steps, channels), from where it stands
        ways = ways if turn is None else turn.back(ways)
        found = back(ways) + here[:, None]
        flat = ops.reshape(found, (-1, FUTURES + 1, steps * channels))
        told = ops.concatenate([ops.zeros_like(logits[:, :1]), logits], axis=1)[..., None]
        whole = ops.cast(ops.concatenate([flat, told], axis=-1), "float32")
        units = keras.layers.Rescaling([0.0] * channels, spreads)(here)  # what a step of one is, in units
        units = ops.tile(units, (1, FUTURES + 1, 1))
        model = keras.Model(inputs, ops.concatenate([whole, ops.cast(units, "float32")], axis=-1))
        model.answering = keras.Model(inputs, whole, name="answering")
        return model

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        return Recipe(
            optimizer="adamw",
            learning_rate=2e-3,
            schedule="one_cycle",
            weight_decay=0.05,
            batch=128 if facts.rows >= _MANY_ROWS else 32,
            epochs=max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, round(_ROWS_SEEN / max(1, facts.rows)))),
        )

    def objective(self, output: Output, recipe: Recipe) -> Objective:  # noqa: ARG002
        """The distance of the one path, that of the best future, a little of all, and how likely the best was held."""
        from keras import ops

        def parted(targets: Any, outputs: Any) -> tuple[Any, Any]:
            channels = targets.shape[-1] - 1
            steps = targets.shape[1]
            units = outputs[:, :1, None, output.units :]
            known = targets[:, None, :, -1]  # (batch, 1, steps)
            paths = ops.reshape(outputs[..., : output.units - 1], (-1, FUTURES + 1, steps, channels))
            gaps = (paths - targets[:, None, :, :-1]) * units
            distances = ops.sqrt(ops.sum(ops.square(gaps), axis=-1) + 1e-9)  # (batch, 21, steps)
            return ops.sum(distances * known, axis=-1) / ops.maximum(ops.sum(known, axis=-1), 1.0), outputs

        def loss(targets: Any, outputs: Any) -> Any:
            distances, outputs = parted(targets, outputs)
            futures, logits = distances[:, 1:], outputs[:, 1:, output.units - 1]
            best = ops.argmin(futures, axis=1)
            held = ops.log_softmax(logits, axis=1) * ops.one_hot(best, FUTURES)
            return ops.mean(
                distances[:, 0]
                + ops.min(futures, axis=1)
                + _ALL_LEARN * ops.mean(futures, axis=1)
                - _ALL_LEARN * ops.sum(held, axis=1)
            )

        def score(targets: Any, outputs: Any) -> Any:
            return parted(targets, outputs)[0][:, 0]

        return Objective("average_displacement", loss, score)

    def parts(self, model: keras.Model, given: Mapping[str, Form], output: Output) -> Mapping[str, Part]:  # noqa: ARG002
        """What answers has no need of units."""
        return {"graph": Part(model.answering)}

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Social.Options)
        return self.options

    def _past(self, given: Mapping[str, Form], output: Output) -> tuple[str, int]:
        found = next(((name, form.shape) for name, form in given.items() if form.name == "steps"), None)
        if found is None or output.places != (FUTURES + 1,) or found[1][0] < 3:  # noqa: PLR2004 — a turn has three steps
            received = ", ".join(form.name for form in given.values()) or "–"
            expected = "the agent's own past of three steps at least, given first"
            raise TrainingError("does_not_suit", network="social", expected=expected, received=received)
        return found[0], found[1][1] - 1

    def _mind(self, own: Any, others: Any, there: Any, beside: list[Any], steps: int, channels: int) -> Any:
        """What makes paths (batch, n + 1, steps, channels) and logits (batch, n) of what the agent sees."""
        import keras
        from keras import ops

        said = self._said
        is_mirrored = said.mirror and channels == _PLANE
        count = 1 + (FUTURES // 2 if is_mirrored else FUTURES)
        seen = [keras.Input(part.shape[1:]) for part in (own, others, there, *beside) if part is not None]
        x = seen[0]
        velocity = x[:, 1:] - x[:, :-1]
        code = keras.layers.Concatenate()([keras.layers.Flatten()(x), keras.layers.Flatten()(velocity)])
        code = keras.layers.Concatenate()([code, *seen[3 if others is not None else 1 :]]) if beside else code
        for _ in range(said.layers):
            code = keras.layers.Dense(said.width, activation="relu")(code)
        parts = [code]
        if others is not None:
            y, known = seen[1], seen[2]
            moved = (y[:, :, 1:] - y[:, :, :-1]) * known[:, :, 1:] * known[:, :, :-1]
            most = y.shape[1]
            told = ops.concatenate([y, known], axis=-1)
            flat = ops.concatenate(
                [ops.reshape(told, (-1, most, told.shape[2] * told.shape[3])),
                 ops.reshape(moved, (-1, most, moved.shape[2] * moved.shape[3]))], axis=-1
            )  # fmt: skip
            for _ in range(said.layers):
                flat = keras.layers.Dense(said.width // 2, activation="relu")(flat)
            query = keras.layers.Dense(said.width // 2)(code)
            keys = keras.layers.Dense(said.width // 2)(flat)
            is_there = known[:, :, -1, 0]  # (batch, most)
            closeness = ops.sum(keys * query[:, None], axis=-1) / math.sqrt(said.width / 2)
            shares = ops.softmax(closeness + (1 - is_there) * _NEVER, axis=1) * is_there
            pooled = ops.sum(flat * shares[..., None], axis=1)
            loudest = ops.max(flat * is_there[..., None], axis=1)
            parts += [pooled, loudest]
        code = keras.layers.Concatenate()(parts) if len(parts) > 1 else code
        for _ in range(said.layers):
            code = keras.layers.Dropout(said.dropout)(keras.layers.Dense(said.width, activation="relu")(code))
        change = keras.layers.Dense(count * steps * channels)(code)
        # What is added to each step is summed up: paths that begin where the agent stands, and have no jumps.
        change = ops.reshape(change, (-1, count, steps, channels)) * (1 / steps)
        pace = ops.mean(velocity[:, -2:], axis=1)[:, None, None]  # of the last two steps
        paths = ops.cumsum(pace + change, axis=2)
        logits = keras.layers.Dense(count - 1)(code)
        return keras.Model(seen, [paths, logits], name="mind")


class _Turn:
    """Turns what an agent sees so that it goes along the first axis, and back.

    Args:
        own: Its steps, from where it stands, (batch, length, 2).
    """

    def __init__(self, own: Any) -> None:
        from keras import ops

        way = -own[:, 0]  # from the oldest step to the newest
        size = ops.sqrt(ops.sum(ops.square(way), axis=-1, keepdims=True) + _STILL**2)
        ahead = ops.concatenate([way[:, :1] + _STILL, way[:, 1:]], axis=-1) / size
        self._way = ahead / ops.sqrt(ops.sum(ops.square(ahead), axis=-1, keepdims=True) + 1e-12)

    def into(self, x: Any) -> Any:
        """Places (batch, …, 2) as the agent sees them."""
        return self._turned(x, 1.0)

    def back(self, x: Any) -> Any:
        """What the agent sees (batch, …, 2) as it lies in the scene."""
        return self._turned(x, -1.0)

    def _turned(self, x: Any, side: float) -> Any:
        from keras import ops

        shape = (-1, *[1] * (len(x.shape) - 2))
        cosine, sine = ops.reshape(self._way[:, 0], shape), ops.reshape(self._way[:, 1], shape) * side
        first, second = x[..., 0], x[..., 1]
        return ops.stack([first * cosine + second * sine, second * cosine - first * sine], axis=-1)
