"""The closed set of forms that arrays can have; encoders, drift statistics and page widgets serve forms, not kinds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

__all__ = ["TABLE_FORMS", "Form", "FormName", "graph_feed", "input_names", "rows_at_once", "without_padding"]

FormName = Literal["vector", "ids", "tokens", "steps", "grid", "points"]

TABLE_FORMS: tuple[FormName, ...] = ("vector", "ids", "points")
"""The forms of numbers and categories: what a table is made of, and of which a few rows tell much."""


class Form(BaseModel):
    """What the array of one column looks like, without the rows' axis.

    Args:
        name: ``vector`` (size,) · ``ids`` () of a vocabulary · ``tokens`` (length,) of a vocabulary, 0 for the padding
            at its end · ``steps`` (length, channels), of which the last channel is 1 where there is a step and 0 in the
            padding at the end · ``grid`` (height, width, channels) · ``points`` (count, coordinates).
        shape: The shape of one row's array.
        dtype: Its NumPy type: float32, int32 or uint8 (0–255, which a network scales itself).
        vocabulary: How many different ids there are, for ``ids`` and ``tokens``; 0 for other forms.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: FormName
    shape: tuple[int, ...]
    dtype: Literal["float32", "int32", "uint8"]
    vocabulary: int = 0


def input_names(columns: Iterable[str]) -> dict[str, str]:
    """For each given column, in order, the name of the network's and graph's input: ``given_0``, ``given_1`` …

    Columns may be called anything, in any script; inputs of a graph may not.
    """
    return {column: f"given_{index}" for index, column in enumerate(columns)}


_TOKENS_AT_ONCE = 8


def without_padding(tokens: NDArray[Any]) -> NDArray[Any]:
    """Tokens (n, length) as (n, shorter): cut to the longest row, rounded up to a multiple of eight.

    Every graph takes any number of tokens, and padding costs time.
    """
    longest = int(np.count_nonzero(tokens, axis=1).max(initial=0))
    return tokens[:, : max(_TOKENS_AT_ONCE, -(-longest // _TOKENS_AT_ONCE) * _TOKENS_AT_ONCE)]


_TOKEN_BYTES, _STEP_BYTES = 1024, 256
"""What a token and a step of one row become inside a network: vectors of 256 and of 64 floats."""


def rows_at_once(forms: Iterable[Form], most_bytes: int, most_rows: int) -> int:
    """How many rows a graph is run on together, so that what it makes of them stays within ``most_bytes``."""
    row = 0
    for form in forms:
        if form.name in ("tokens", "steps"):
            row += form.shape[0] * (_TOKEN_BYTES if form.name == "tokens" else _STEP_BYTES)
        else:
            row += math.prod(form.shape) * np.dtype(form.dtype).itemsize
    return max(1, min(most_rows, most_bytes // max(1, row)))


def graph_feed(
    inputs: Mapping[str, Sequence[Any]], forms: Mapping[str, Form], arrays: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """What an exported graph is fed for some rows.

    Args:
        inputs: The graph's inputs and their shapes, as ONNX Runtime tells them: an axis that is no number is free.
        forms: The forms of the given columns, in order.
        arrays: The rows' arrays (n, …) by column; tokens are cut to the longest row where the graph leaves that free.
    """
    feed = {}
    for column, name in input_names(forms).items():
        if name not in inputs:
            continue
        array = arrays[column]
        if forms[column].name == "tokens" and not isinstance(inputs[name][1], int):
            array = without_padding(array)
        feed[name] = np.ascontiguousarray(array)
    return feed
