"""The cells of a detector: where they are, what boxes they say, and how far two boxes are one."""

from __future__ import annotations

from typing import Any

from keras import ops  # noqa: TID253 — this folder is imported only where a network is built

__all__ = ["corners", "ious", "middles"]

_LEAST_REACH, _MOST_REACH = -10.0, 2.5
"""Logarithms of shares of the picture: no box reaches farther from its middle, whatever a strange picture does."""

_TINY = 1e-7


def middles(outputs: Any) -> tuple[Any, Any]:
    """Where the middles of the cells are, as shares of the picture: (cells,) from the left, and from the top."""
    height, width = outputs.shape[1:3]
    across = (ops.arange(width, dtype="float32") + 0.5) / width
    down = (ops.arange(height, dtype="float32") + 0.5) / height
    return ops.tile(across, height), ops.repeat(down, width)


def corners(outputs: Any) -> Any:
    """The box that each cell says: (batch, cells, 4) of left, top, right and bottom."""
    x, y = middles(outputs)
    flat = ops.reshape(outputs[..., -4:], (-1, x.shape[0], 4))
    reach = ops.exp(ops.clip(flat, _LEAST_REACH, _MOST_REACH))  # to the left, the top, the right and the bottom
    return ops.stack([x - reach[..., 0], y - reach[..., 1], x + reach[..., 2], y + reach[..., 3]], axis=-1)


def ious(one: Any, other: Any) -> tuple[Any, Any]:
    """IoU and generalised IoU of boxes (…, 4) of left, top, right and bottom."""

    def area(left: Any, top: Any, right: Any, bottom: Any) -> Any:
        return ops.maximum(right - left, 0.0) * ops.maximum(bottom - top, 0.0)

    ours, theirs = ([box[..., index] for index in range(4)] for box in (one, other))
    shared = area(
        *(ops.maximum(ours[i], theirs[i]) for i in (0, 1)), *(ops.minimum(ours[i], theirs[i]) for i in (2, 3))
    )
    around = area(
        *(ops.minimum(ours[i], theirs[i]) for i in (0, 1)), *(ops.maximum(ours[i], theirs[i]) for i in (2, 3))
    )
    union = area(*ours) + area(*theirs) - shared
    iou = shared / ops.maximum(union, _TINY)
    return iou, iou - (around - union) / ops.maximum(around, _TINY)
