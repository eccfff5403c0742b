"""Running the exported graph: what is judged is what will be served, not the network it came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from sixfold.errors import RunError
from sixfold.fields import Array, input_names

__all__ = ["Graph"]

_BATCH_BYTES = 16 << 20
_MOST_ROWS = 4096


class Graph:
    """An exported graph, ready to run batch by batch.

    Args:
        data: The ONNX graph, serialised.
        given: The names of the given columns, in order.

    Raises:
        RunError: ONNX Runtime cannot open it.
    """

    def __init__(self, data: bytes, given: Iterable[str]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no base but Exception
            raise RunError("graph_fails", reason=_first_line(error)) from error
        self._inputs = input_names(given)

    def outputs(self, arrays: Mapping[str, Array]) -> Array:
        """The graph's output (n, units) for encoded given columns of n rows each.

        Raises:
            RunError: It cannot be run on them, or gives something that is not a number.
        """
        return np.concatenate(list(self.batches(arrays)))

    def batches(self, arrays: Mapping[str, Array]) -> Iterator[Array]:
        """The same, a batch at a time."""
        given = {name: arrays[column] for column, name in self._inputs.items()}
        rows = len(next(iter(given.values())))
        row_bytes = max(1, sum(array[:1].nbytes for array in given.values()))
        size = max(1, min(_MOST_ROWS, _BATCH_BYTES // row_bytes))
        for start in range(0, rows, size):
            batch = {name: np.ascontiguousarray(array[start : start + size]) for name, array in given.items()}
            try:
                (output,) = self._session.run(None, batch)
            except Exception as error:  # see above
                raise RunError("graph_fails", reason=_first_line(error)) from error
            if not np.isfinite(output).all():
                raise RunError("graph_not_finite")
            yield output


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
