"""The closed set of forms that arrays can have; encoders, drift statistics and page widgets serve forms, not kinds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

__all__ = ["Form", "FormName", "input_names", "without_padding"]

FormName = Literal["vector", "ids", "tokens", "steps", "grid", "points"]


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
