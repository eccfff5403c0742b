"""The boxes that the cells of a detector say."""

from __future__ import annotations

from typing import Any

import keras  # noqa: TID253 — this folder is imported only where a network is built

from sixfold.networks.layers._cells import corners, ious

__all__ = ["SurestBoxes"]

_NEXT_TO, _SAME_BOX = 3, 0.55
"""Cells across which only the surest counts; and the IoU from which two boxes of a class are one."""

_PASSES = 12
_WEAKEST = 0.02
"""Below such a score a box is none."""


@keras.saving.register_keras_serializable("sixfold")
class SurestBoxes(keras.layers.Layer):
    """From what cells say (batch, height, width, classes + 4) to the surest boxes (batch, most, 6), of those that are
    one the surest alone: label (0: none), score, left, top, width and height. The surest stand first; those that were
    dropped are zeros in between.

    Args:
        most: How many boxes there may be.
    """

    def __init__(self, most: int, **settings: Any) -> None:
        super().__init__(**settings)
        self.most = most
        self.pool = keras.layers.MaxPooling2D(_NEXT_TO, strides=1, padding="same")

    def call(self, outputs: Any) -> Any:
        height, width, units = outputs.shape[1:]
        classes = units - 4
        chances = keras.ops.sigmoid(outputs[..., :-4])
        highest = self.pool(chances)
        peaks = keras.ops.reshape(keras.ops.where(chances >= highest, chances, 0.0), (-1, height * width * classes))
        count = min(self.most, height * width * classes)
        scores, places = keras.ops.top_k(peaks, count)  # (batch, count)
        cells, kinds = places // classes, places % classes
        boxes = keras.ops.take_along_axis(corners(outputs), cells[..., None], axis=1)
        boxes = keras.ops.clip(boxes, 0.0, 1.0)
        stays = _suppressed(boxes, kinds) * keras.ops.cast(scores >= _WEAKEST, "float32")
        left, top, right, bottom = (boxes[..., index] for index in range(4))
        labels = keras.ops.cast(kinds + 1, "float32")
        told = keras.ops.stack([labels, scores, left, top, right - left, bottom - top], axis=-1) * stays[..., None]
        return keras.ops.pad(told, ((0, 0), (0, self.most - count), (0, 0))) if count < self.most else told

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], self.most, 6)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "most": self.most}


def _suppressed(boxes: Any, kinds: Any) -> Any:
    """1.0 for each ranked box (batch, count) that no surer one of its class overlaps too much, 0.0 for others.

    A box is dropped by those that stay alone, so all are asked again until nothing changes (Zheng et al. 2021, Cluster
    NMS): as many passes as boxes hang together in a chain. Chains of more than twelve are not seen.
    """
    overlap = ious(boxes[:, :, None], boxes[:, None])[0]
    count = boxes.shape[1]
    surer = keras.ops.arange(count)[:, None] < keras.ops.arange(count)[None]
    is_one = (overlap > _SAME_BOX) & (kinds[:, :, None] == kinds[:, None]) & surer[None]
    drops = keras.ops.cast(is_one, "float32")  # (batch, by, which)
    stays = keras.ops.ones_like(overlap[:, 0])
    for _ in range(_PASSES):
        stays = 1.0 - keras.ops.max(drops * stays[:, :, None], axis=1)
    return stays
