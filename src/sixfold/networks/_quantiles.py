"""Forecasts as quantiles: what they are trained for."""

from __future__ import annotations

from typing import Any

from sixfold.networks._network import Objective
from sixfold.tasks import Output
from sixfold.tasks.forecasting import MIDDLE, QUANTILES

__all__ = ["pinball"]


def pinball(metric: str, output: Output, *, has_scale: bool = False) -> Objective:
    """The pinball loss of quantiles (Koenker & Bassett 1978), over the steps that are known.

    Targets are (batch, steps, channels + 1), the last of each step 1 where it is known; outputs (batch, steps,
    channels · 9).

    Args:
        metric: What the distance of the median is called.
        output: What the network ends in.
        has_scale: Whether the outputs end in one more number for each channel, that errors are measured in: so that
            every series counts alike, however large its numbers are.
    """
    from keras import ops

    channels = output.units // len(QUANTILES)

    def parted(targets: Any, outputs: Any) -> tuple[Any, Any, Any]:
        known = targets[..., -1:]  # (batch, steps, 1)
        found = ops.reshape(outputs[..., : output.units], (-1, *output.places, channels, len(QUANTILES)))
        gaps = targets[..., :-1, None] - found  # (batch, steps, channels, 9)
        if has_scale:
            gaps = gaps / outputs[..., output.units :, None]
        return known, gaps, ops.maximum(ops.sum(known, axis=(1, 2)) * channels, 1.0)

    def loss(targets: Any, outputs: Any) -> Any:
        known, gaps, counts = parted(targets, outputs)
        shares = ops.convert_to_tensor(QUANTILES, dtype="float32")
        losses = ops.mean(ops.maximum(shares * gaps, (shares - 1) * gaps), axis=-1)
        return ops.mean(ops.sum(losses * known, axis=(1, 2)) / counts)

    def score(targets: Any, outputs: Any) -> Any:
        known, gaps, counts = parted(targets, outputs)
        return ops.sum(ops.abs(gaps[..., MIDDLE]) * known, axis=(1, 2)) / counts

    return Objective(metric, loss, score)
