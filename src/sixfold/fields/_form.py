"""The closed set of forms that arrays can have; encoders, drift statistics and page widgets serve forms, not kinds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["Form", "FormName", "input_names"]

FormName = Literal["vector", "ids", "tokens", "steps", "grid", "points"]


class Form(BaseModel):
    """What the array of one column looks like, without the rows' axis.

    Args:
        name: ``vector`` (size,) · ``ids`` () of a vocabulary · ``tokens`` (length,) of a vocabulary ·
            ``steps`` (length, channels) · ``grid`` (height, width, channels) · ``points`` (count, coordinates).
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
