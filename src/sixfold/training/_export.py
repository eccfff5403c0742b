"""The exported graph: ONNX, checked against Keras on real rows."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sixfold.errors import TrainingError
from sixfold.fields import Array, without_padding
from sixfold.files import scratch

__all__ = ["exported", "hold_equal", "outputs_of"]

_OPSET = 18
_TOLERANCE = 1e-4
_BATCH = 256
_PICTURE_KERNEL = 4
"""Rank of a convolution's weights over pictures: (height, width, before, after)."""

_PASSES = ("optimize_transpose", "fold_constants", "merge_duplication", "remove_identity")
"""What tf2onnx must tidy up where there are no pictures. Its other passes copy a large graph dozens of times: without
them the graph of a pretrained encoder takes 5 seconds instead of 16, is a tenth smaller, and answers as fast."""


def exported(model: Any) -> bytes:
    """The model as a serialised ONNX graph; inputs keep their names and types, the number of rows is free.

    Raises:
        TrainingError: A layer has no form in ONNX.
    """
    import onnx

    is_of_pictures = any(len(weight.shape) == _PICTURE_KERNEL for weight in model.weights)
    with scratch() as folder, _quiet(), contextlib.nullcontext() if is_of_pictures else _few_passes():
        path = folder / "graph.onnx"
        try:
            model.export(str(path), format="onnx", opset_version=_OPSET, verbose=False)
        except (ValueError, TypeError, RuntimeError, NotImplementedError) as error:
            raise TrainingError("not_exportable", reason=error) from error
        graph = onnx.load(str(path))
    onnx.checker.check_model(graph)
    return bytes(graph.SerializeToString())


def hold_equal(
    graph: bytes, inputs: Mapping[str, Array], expected: Sequence[Array], *, is_ranked: bool = False
) -> float:
    """Hold that the graph gives what Keras gave for real rows, output by output; returns the largest difference.

    Args:
        graph: The graph.
        inputs: Rows (n, …) by input.
        expected: What Keras gave for them, by output.
        is_ranked: Whether a row's output is a list of vectors (n, count, size), of which those that are all but equal
            may change places: then each is held against the nearest one, and one in a hundred may have dropped out.

    Raises:
        TrainingError: They differ by more than 1e-4.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    largest = 0.0
    wanted = {entry.name for entry in session.get_inputs()}
    for start in range(0, len(expected[0]), _BATCH):
        part = {name: np.ascontiguousarray(x[start : start + _BATCH]) for name, x in inputs.items() if name in wanted}
        for outputs, kept in zip(session.run(None, part), expected, strict=True):
            gaps = (_of_ranked if is_ranked else _apart)(outputs, kept[start : start + _BATCH])
            largest = max(largest, float(gaps.max(initial=0.0)))
    if not largest <= _TOLERANCE:
        raise TrainingError("graph_differs", largest=f"{largest:.2g}", tolerance=_TOLERANCE)
    return largest


def _apart(one: Array, other: Array) -> Array:
    return np.asarray(np.abs(one - other))


def _of_ranked(one: Array, other: Array) -> Array:
    """How far each vector is from the nearest of the same row, but for the hundredth that is farthest."""
    gaps = [
        np.abs(ours[:, None] - theirs[None]).max(axis=-1).min(axis=1) for ours, theirs in zip(one, other, strict=True)
    ]
    found = np.sort(np.concatenate([np.zeros(0), *gaps]))
    return found[: len(found) - len(found) // 100]


def outputs_of(graph: bytes, inputs: Mapping[str, Array], texts: Sequence[str] = ()) -> Array:
    """What the graph gives for rows: float32 (n, units); of ``texts``, padding is cut batch by batch."""
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    wanted = {entry.name for entry in session.get_inputs()}
    rows = len(next(iter(inputs.values())))
    parts = []
    for start in range(0, rows, _BATCH):
        part = {name: np.ascontiguousarray(x[start : start + _BATCH]) for name, x in inputs.items() if name in wanted}
        part = {name: without_padding(x) if name in texts else x for name, x in part.items()}
        parts.append(session.run(None, part)[0])
    return np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, 1), np.float32)


@contextlib.contextmanager
def _few_passes() -> Any:
    from tf2onnx import optimizer

    every = optimizer._get_optimizers
    optimizer._get_optimizers = lambda: OrderedDict((name, every()[name]) for name in _PASSES)
    try:
        yield
    finally:
        optimizer._get_optimizers = every


@contextlib.contextmanager
def _quiet() -> Any:
    """Converters speak on every channel; none of it is for the user."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        silence = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(silence), contextlib.redirect_stderr(silence):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
