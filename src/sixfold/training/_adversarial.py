"""Training steps of two networks that learn from each other, in TensorFlow.

At each step the critic learns from real and painted pictures, then the painter from the critic. Both losses are hinges
(Lim & Ye 2017). The painter that answers is the exponential moving average of its weights.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sixfold.fields import Array
from sixfold.networks import Recipe
from sixfold.training._feed import Chunk
from sixfold.training._optimizer import update_of
from sixfold.training._steps import Steps
from sixfold.training._tensorflow import in_batches

__all__ = ["PASSED", "AdversarialStepper"]

PASSED = ("shift", "brightness", "contrast", "erase")
"""The changes of pictures through which gradients pass."""

_MEMORY = 0.999
"""Of the moving average: about a thousand steps; at the beginning fewer: it need not remember the first noise."""

_CRITIC_IS_FASTER = 2.0
_MOST_JUDGED = 2_000
_PATCH, _PATCHES_A_PICTURE, _PROJECTIONS = 7, 16, 256


class AdversarialStepper(Steps):
    """Runs training steps of a painter and its critic; the loss is the critic's, the metric the painter's.

    Args:
        painter: The Keras model that answers; its inputs are a dictionary with ``noise`` in it.
        critic: The Keras model that tells real from painted; its input ``target`` is a picture in -1…1.
        recipe: How to train; of ``augment`` the changes through which gradients pass (shift, brightness, contrast,
            erase).
        noise: The name and the shape of one row's noise.
        metric: The name of the figure shown beside the loss.
        seed: Of everything drawn.
    """

    def __init__(
        self, painter: Any, critic: Any, recipe: Recipe, noise: tuple[str, tuple[int, ...]], metric: str, seed: int
    ) -> None:
        import keras
        import tensorflow as tf

        draws = keras.random.SeedGenerator(seed)
        optimizers = [
            keras.optimizers.Adam(recipe.learning_rate * faster, beta_1=0.0, beta_2=0.99)
            for faster in (1.0, _CRITIC_IS_FASTER)
        ]
        for optimizer, model in zip(optimizers, (painter, critic), strict=True):
            optimizer.build(model.trainable_variables)
        self._painter, self._noise, self._seed = painter, noise, seed
        self._rates = [optimizer.learning_rate for optimizer in optimizers]
        self._average = [tf.Variable(variable.value) for variable in painter.variables]
        self._count = tf.Variable(0.0)
        super().__init__(
            metric,
            [
                *painter.variables,
                *critic.variables,
                *(variable for optimizer in optimizers for variable in optimizer.variables),
                draws.state,
                *self._average,
                self._count,
            ],
        )
        updates = [
            update_of(optimizer, model.trainable_variables)
            for optimizer, model in zip(optimizers, (painter, critic), strict=True)
        ]
        weights = [[variable.value for variable in model.trainable_variables] for model in (painter, critic)]
        name, shape = noise

        def scores(inputs: dict[str, Any], *, training: bool) -> Any:
            return tf.cast(critic(inputs, training=training), tf.float32)  # which may be told in half as many bits

        def step(inputs: dict[str, Any]) -> None:
            real = tf.cast(inputs["target"], tf.float32) / 127.5 - 1.0
            told = {key: x for key, x in inputs.items() if key != "target"}
            count = tf.shape(real)[0]
            drawn = keras.random.normal((count, *shape), seed=draws)
            with tf.GradientTape(watch_accessed_variables=False) as painting:
                painting.watch(weights[0])
                painted = painter({**told, name: drawn}, training=True)
                with tf.GradientTape(watch_accessed_variables=False) as judging:
                    judging.watch(weights[1])
                    seen = scores({**told, "target": _changed(real, recipe, draws)}, training=True)
                    fooled = scores(
                        {**told, "target": _changed(tf.stop_gradient(painted), recipe, draws)}, training=True
                    )
                    loss = tf.reduce_mean(tf.nn.relu(1.0 - seen)) + tf.reduce_mean(tf.nn.relu(1.0 + fooled))
                updates[1](judging.gradient(loss, weights[1]))
                answer = -tf.reduce_mean(scores({**told, "target": _changed(painted, recipe, draws)}, training=False))
            updates[0](painting.gradient(answer, weights[0]))
            self._count.assign_add(1.0)
            memory = tf.minimum(_MEMORY, self._count / (self._count + 10.0))
            for kept, variable in zip(self._average, painter.variables, strict=True):
                kept.assign(memory * kept + (1.0 - memory) * tf.cast(variable.value, tf.float32))
            rows = tf.cast(count, tf.float32)
            self._sums.assign_add([loss * rows, answer * rows, rows])

        def run(inputs: dict[str, Any], order: Any, rates: Any) -> None:
            for index in tf.range(tf.shape(rates)[0]):
                self._rates[0].assign(rates[index])
                self._rates[1].assign(rates[index] * _CRITIC_IS_FASTER)
                rows = order[index]
                step({key: tf.gather(x, rows) for key, x in inputs.items()})

        self._run = run
        self._predict = tf.function(lambda inputs: {"output": painter(inputs, training=False)}, reduce_retracing=True)

    def _resident(self, chunk: Chunk) -> tuple[Any, ...]:
        import tensorflow as tf

        return ({name: tf.constant(array) for name, array in chunk.inputs.items()},)

    def judged(self, validation: Chunk) -> dict[str, float]:
        """How far painted pictures are from as many validation ones: the sliced Wasserstein distance of patches of 7×7
        pixels (Rabin et al. 2012; Karras et al. 2018), pixels in 0…1; the metric is the same."""
        rows = min(validation.rows, _MOST_JUDGED)
        painted = self._painted({name: x[:rows] for name, x in validation.inputs.items()}, rows)
        distance = sliced_distance(validation.inputs["target"][:rows] / 255.0, painted / 2 + 0.5, self._seed)
        return {"loss": distance, self._metric: distance}

    def outputs(self, inputs: dict[str, Array]) -> Array:
        """The painter's pictures in -1…1 for rows of its inputs, ``noise`` among them, with the weights it has."""
        return in_batches(self._predict, inputs, [])["output"]

    def finish(self) -> None:
        """Give the painter the weights that answer: their moving average."""
        for kept, variable in zip(self._average, self._painter.variables, strict=True):
            variable.assign(kept)

    def _painted(self, inputs: dict[str, Array], rows: int) -> Array:
        """Pictures of the average painter in -1…1, for rows of the given columns."""
        name, shape = self._noise
        noise = np.random.default_rng(self._seed).standard_normal((rows, *shape)).astype(np.float32)
        before = [np.array(variable) for variable in self._painter.variables]
        self.finish()
        told = {key: x for key, x in inputs.items() if key != "target"}
        painted = self.outputs({**told, name: noise})
        for variable, value in zip(self._painter.variables, before, strict=True):
            variable.assign(value)
        return painted


def sliced_distance(real: Array, painted: Array, seed: int) -> float:
    """The sliced Wasserstein distance of random patches of two sets of pictures (n, height, width, channels)."""
    draw = np.random.default_rng(seed)
    height, width, channels = real.shape[1:]
    size = min(_PATCH, height, width)
    directions = draw.standard_normal((size * size * channels, _PROJECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    sides = []
    for pictures in (real, painted):
        tops = draw.integers(0, height - size + 1, (len(pictures), _PATCHES_A_PICTURE))
        lefts = draw.integers(0, width - size + 1, (len(pictures), _PATCHES_A_PICTURE))
        windows = np.lib.stride_tricks.sliding_window_view(pictures, (size, size), axis=(1, 2))
        patches = windows[np.arange(len(pictures))[:, None], tops, lefts]  # (n, patches, channels, size, size)
        flat = patches.reshape(-1, channels * size * size).astype(np.float32)
        sides.append(np.sort(flat @ directions, axis=0))
    return float(np.abs(sides[0] - sides[1]).mean())


def _changed(pictures: Any, recipe: Recipe, draws: Any) -> Any:
    """Pictures in -1…1 (batch, height, width, channels) changed so that gradients pass: brighter or darker, with more
    or less contrast, shifted, and a square of each left out."""
    import keras
    import tensorflow as tf

    strength = recipe.augment
    count, (height, width) = tf.shape(pictures)[0], pictures.shape[1:3]

    def drawn(name: str) -> Any:
        return keras.random.uniform((count, 1, 1, 1), -strength[name], strength[name], seed=draws)

    x = pictures
    if strength.get("brightness"):
        x = x + 2.0 * drawn("brightness")
    if strength.get("contrast"):
        mean = tf.reduce_mean(x, axis=(1, 2, 3), keepdims=True)
        x = mean + (x - mean) * (1.0 + drawn("contrast"))
    if strength.get("shift"):
        most = [max(1, round(strength["shift"] * side)) for side in (height, width)]
        padded = tf.pad(x, [[0, 0], [most[0]] * 2, [most[1]] * 2, [0, 0]])
        starts = [
            keras.random.randint((count, 1), 0, 2 * reach + 1, seed=draws) + tf.range(side)[None]
            for reach, side in zip(most, (height, width), strict=True)
        ]
        x = tf.gather(padded, starts[0], axis=1, batch_dims=1)
        x = tf.gather(x, starts[1], axis=2, batch_dims=1)
    if strength.get("erase"):
        masks = []
        for side in (height, width):
            reach = max(1, round(strength["erase"] * side))
            middle = keras.random.randint((count, 1), 0, side, seed=draws)
            masks.append(tf.abs(tf.range(side)[None] - middle) * 2 < reach)
        hole = masks[0][:, :, None] & masks[1][:, None, :]
        x = x * tf.cast(~hole, x.dtype)[..., None]
    return x
