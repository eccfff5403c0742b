"""What training steps offer the loop, whichever way a model learns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sixfold.fields import Array
from sixfold.training._feed import Chunk
from sixfold.training._pooling import fast_pooling
from sixfold.training._recurrence import fast_recurrence

__all__ = ["Steps"]


class Steps(ABC):
    """Runs training steps in TensorFlow: several per call, over rows that stay resident, compiled for their shapes.

    Args:
        metric: The name of the figure shown beside the loss.
        tracked: Every variable that the next step depends on, in a fixed order: what a checkpoint holds.
    """

    def __init__(self, metric: str, tracked: Sequence[Any]) -> None:
        import tensorflow as tf

        self._metric, self._tracked = metric, list(tracked)
        self._sums = tf.Variable(tf.zeros(3))  # loss, metric, rows
        self._held: tuple[Chunk, tuple[Any, ...]] | None = None
        self._compiled: dict[tuple[int, int], Any] = {}

    _run: Callable[..., None]
    """The steps of one call, in TensorFlow: what :meth:`_resident` gave, rows (steps, batch) and rates (steps,)."""

    @abstractmethod
    def _resident(self, chunk: Chunk) -> tuple[Any, ...]:
        """The rows of a chunk as tensors."""

    @abstractmethod
    def outputs(self, inputs: dict[str, Array]) -> Array:
        """The model's outputs (n, …) for rows, without training."""

    @abstractmethod
    def judged(self, validation: Chunk) -> dict[str, float]:
        """Loss and metric of rows, without training."""

    def steps(self, chunk: Chunk, order: Array, rates: Sequence[float]) -> None:
        """Train on rows ``order`` (steps, batch) of a chunk, at the learning rate of each step."""
        import tensorflow as tf

        if self._held is None or self._held[0] is not chunk:
            self._held = (chunk, self._resident(chunk))
        resident, batch = self._held[1], order.shape[1]
        if (chunk.rows, batch) not in self._compiled:  # shapes known beforehand make better kernels
            shapes = tf.nest.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), resident)
            calls = (tf.TensorSpec((None, batch), tf.int32), tf.TensorSpec((None,), tf.float32))
            with fast_pooling(), fast_recurrence():
                self._compiled[chunk.rows, batch] = tf.function(self._run).get_concrete_function(*shapes, *calls)
        self._compiled[chunk.rows, batch](*resident, tf.constant(order, tf.int32), tf.constant(list(rates), tf.float32))

    def figures(self) -> dict[str, float]:
        """Mean loss and metric since :meth:`restart_figures`."""
        loss, metric, rows = (float(value) for value in self._sums.numpy())
        return {"loss": loss / max(rows, 1), self._metric: metric / max(rows, 1)}

    def restart_figures(self) -> None:
        """Begin the means of a new epoch."""
        self._sums.assign(np.zeros(3, np.float32))

    def finish(self) -> None:  # noqa: B027 — most ways of learning leave nothing to do
        """Give the model the weights that answer, where they are not those it has."""

    def state(self) -> dict[str, Array]:
        """Everything that the next step depends on, and the sums of the epoch."""
        values = {f"{index:05}": np.asarray(variable) for index, variable in enumerate(self._tracked)}
        return {**values, "sums": self._sums.numpy()}

    def restore(self, state: dict[str, Array]) -> None:
        """Return to what :meth:`state` gave."""
        for index, variable in enumerate(self._tracked):
            variable.assign(state[f"{index:05}"])
        self._sums.assign(state["sums"])
