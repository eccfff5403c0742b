"""Distances that spread from block to block."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253 — this folder is imported only where a network is built

__all__ = ["Spread"]


@keras.saving.register_keras_serializable("sixfold")
class Spread(keras.layers.Layer):
    """What ways between neighbouring blocks cost (batch, rows, columns, 4), to the right, below, below on the right and
    below on the left, and the block of the goal (batch, 2), as column and row → how far each block is from it (batch,
    rows, columns): value iteration, so many steps of it.

    Args:
        steps: How many.
        farthest: What counts as out of reach.
    """

    def __init__(self, steps: int, farthest: float, **settings: Any) -> None:
        super().__init__(**{"dtype": "float32", **settings})
        self.steps, self.farthest = steps, farthest

    def call(self, told: Any) -> Any:
        ops = keras.ops
        costs, goal = told
        rows, columns = costs.shape[1:3]
        across = ops.arange(columns)[None, None, :] == goal[:, 0, None, None]
        down = ops.arange(rows)[None, :, None] == goal[:, 1, None, None]
        left = ops.where(across & down, 0.0, self.farthest)  # (batch, rows, columns)
        ways = [(0, 1), (1, 0), (1, 1), (1, -1)]
        there = [costs[..., place] for place in range(len(ways))]
        back = [self._at(cost, -down, -across) for cost, (down, across) in zip(there, ways, strict=True)]
        for _ in range(self.steps):
            around = ops.pad(left, ((0, 0), (1, 1), (1, 1)), constant_values=self.farthest)
            for way, out, home in zip(ways, there, back, strict=True):
                for sign, cost in ((1, out), (-1, home)):
                    top, side = 1 + sign * way[0], 1 + sign * way[1]
                    left = ops.minimum(left, around[:, top : top + rows, side : side + columns] + cost)
        return left

    def _at(self, x: Any, down: int, across: int) -> Any:
        """Of each block, the value of another one; beyond the edge, what is out of reach."""
        rows, columns = x.shape[1:3]
        around = keras.ops.pad(x, ((0, 0), (1, 1), (1, 1)), constant_values=self.farthest)
        return around[:, 1 + down : 1 + down + rows, 1 + across : 1 + across + columns]

    def compute_output_shape(self, shapes: Any) -> Any:
        return shapes[0][:3]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "steps": self.steps, "farthest": self.farthest}
