"""Training steps in TensorFlow: several per call, rows gathered inside the graph, the update of the weights in one
pass.

What makes it faster than `model.fit` on a CPU, each measured by ``benchmarks/throughput.py``: no Python between steps;
rows stay uint8 until the network scales them; the update reads and writes each weight once; blocks that every step
needs again stay with the process (``keep_heap``); and pooling has a gradient that XLA compiles (:mod:`._pooling`).
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sixfold.fields import Array, without_padding
from sixfold.networks import Objective
from sixfold.training._feed import Chunk
from sixfold.training._optimizer import update_of
from sixfold.training._recurrence import fast_recurrence
from sixfold.training._steps import Steps

__all__ = ["Stepper", "in_batches", "keep_heap", "mapped"]

_PREDICT_BATCH = 256
_JUDGED_BATCH = 32
"""Of outputs that have many places: few, so that they fit in memory."""

_TOKENS_AT_ONCE = 8
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3


class Stepper(Steps):
    """Runs training steps of one model.

    Args:
        model: The Keras model; its inputs are a dictionary.
        objective: What to train for.
        optimizer: A Keras optimizer, not yet built.
        augment: Inputs and targets of a batch → the same, randomly changed; or ``None``.
        texts: The inputs that are tokens: the padding that no row of a batch needs is cut.
        tracked: Keras variables beyond the model's and the optimizer's that a checkpoint must hold (random seeds).
    """

    def __init__(
        self,
        model: Any,
        objective: Objective,
        optimizer: Any,
        augment: Callable[[dict[str, Any], Any], tuple[dict[str, Any], Any]] | None,
        texts: Sequence[str] = (),
        tracked: Sequence[Any] = (),
    ) -> None:
        import keras
        import tensorflow as tf

        optimizer.build(model.trainable_variables)
        super().__init__(objective.metric, [*model.variables, *optimizer.variables, *tracked])
        self._model, self._texts = model, list(texts)
        update = update_of(optimizer, model.trainable_variables)
        weights = [variable.value for variable in model.trainable_variables]

        def step(inputs: dict[str, Any], targets: Any) -> None:
            inputs = {name: _cut(x) if name in texts else x for name, x in inputs.items()}
            if augment is not None:
                inputs, targets = augment(inputs, targets)
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(weights)
                outputs = model(inputs, training=True)
                value = objective.loss(targets, outputs)
                whole = tf.add_n([value, *model.losses]) if model.losses else value
            update(tape.gradient(whole, weights))
            count = tf.cast(tf.shape(targets)[0], tf.float32)
            self._sums.assign_add([value * count, tf.reduce_sum(objective.score(targets, outputs)), count])

        has_own_schedule = isinstance(optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule)

        def run(inputs: dict[str, Any], targets: Any, order: Any, rates: Any) -> None:
            for index in tf.range(tf.shape(rates)[0]):
                if not has_own_schedule:  # a user's own optimizer may bring one
                    optimizer.learning_rate.assign(rates[index])
                rows = order[index]
                step({name: tf.gather(x, rows) for name, x in inputs.items()}, tf.gather(targets, rows))

        def sums(inputs: dict[str, Any], targets: Any) -> Any:
            outputs = model(inputs, training=False)
            count = tf.cast(tf.shape(targets)[0], tf.float32)
            score = tf.reduce_sum(objective.score(targets, outputs))
            return tf.stack([objective.loss(targets, outputs) * count, score, count])

        self._run, self._objective = run, objective
        self._sums_of = tf.function(sums, reduce_retracing=True)
        self._predict = tf.function(lambda inputs: {"output": model(inputs, training=False)}, reduce_retracing=True)

    def _resident(self, chunk: Chunk) -> tuple[Any, ...]:
        import tensorflow as tf

        return {name: tf.constant(array) for name, array in chunk.inputs.items()}, tf.constant(chunk.targets)

    def outputs(self, inputs: dict[str, Array]) -> Array:
        """The model's outputs (n, units) for rows, without training."""
        found: Array = in_batches(self._predict, inputs, self._texts)["output"]
        return found

    def judged(self, validation: Chunk) -> dict[str, float]:
        """Mean loss and metric of rows, without training."""
        if self._objective.judge is not None:
            return self._objective.judge(validation.targets, self.outputs(validation.inputs))
        import tensorflow as tf

        total = np.zeros(3)
        for at in range(0, validation.rows, _JUDGED_BATCH):
            batch = {name: x[at : at + _JUDGED_BATCH] for name, x in validation.inputs.items()}
            batch = {name: without_padding(x) if name in self._texts else x for name, x in batch.items()}
            targets = tf.constant(validation.targets[at : at + _JUDGED_BATCH])
            with fast_recurrence():
                total += self._sums_of({name: tf.constant(x) for name, x in batch.items()}, targets).numpy()
        return {"loss": float(total[0] / total[2]), self._metric: float(total[1] / total[2])}


def mapped(model: Any, inputs: Mapping[str, Array], texts: Sequence[str]) -> dict[str, Array]:
    """What a Keras model makes of rows, without training: float32 arrays by name; a single one is called ``output``."""
    import tensorflow as tf

    def found(batch: dict[str, Any]) -> dict[str, Any]:
        answers = model(batch, training=False)
        return answers if isinstance(answers, dict) else {"output": answers}

    return in_batches(tf.function(found, reduce_retracing=True), inputs, texts)


def in_batches(
    found: Callable[[dict[str, Any]], dict[str, Any]], inputs: Mapping[str, Array], texts: Sequence[str]
) -> dict[str, Array]:
    """What a compiled function gives for rows, batch by batch; texts of like length together, their padding cut."""
    import tensorflow as tf

    rows = len(next(iter(inputs.values())))
    lengths = [np.count_nonzero(inputs[name], axis=1) for name in texts]
    order = np.argsort(np.max(lengths, axis=0), kind="stable") if lengths else np.arange(rows)
    parts = []
    for at in range(0, rows, _PREDICT_BATCH):
        batch = {name: x[order[at : at + _PREDICT_BATCH]] for name, x in inputs.items()}
        batch = {name: without_padding(x) if name in texts else x for name, x in batch.items()}
        with fast_recurrence():  # at work where a new shape is traced
            answers = found({name: tf.constant(x) for name, x in batch.items()})
        parts.append({name: answer.numpy() for name, answer in answers.items()})
    back = np.argsort(order, kind="stable")
    return {name: _plain(np.concatenate([part[name] for part in parts])[back]) for name in parts[0]}


def _plain(x: Array) -> Array:
    """bfloat16, which NumPy only borrows, as float32."""
    return x if x.dtype.kind in "iu" else x.astype(np.float32)


def keep_heap() -> None:
    """Have glibc keep large blocks with the process, so that a step does not fault its gradients' pages in anew."""
    with contextlib.suppress(OSError, AttributeError):  # another C library: nothing is lost but speed
        library = ctypes.CDLL(None)
        library.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        library.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)
        library.mallopt(_M_TOP_PAD, 1 << 26)


def _cut(tokens: Any) -> Any:
    """Tokens (batch, length) without the padding that no row needs, up to a multiple of eight."""
    import tensorflow as tf

    longest = tf.reduce_max(tf.reduce_sum(tf.cast(tokens != 0, tf.int32), axis=1))
    return tokens[:, : tf.maximum(-(-longest // _TOKENS_AT_ONCE), 1) * _TOKENS_AT_ONCE]
