"""Running the exported graph: what is judged is what will be served, not the network it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from sixfold.errors import RunError
from sixfold.fields import Array, Field, graph_feed, rows_at_once

__all__ = ["Graph"]

_BATCH_BYTES = 16 << 20
_MOST_ROWS = 4096


class Graph:
    """An exported graph, ready to run batch by batch.

    Args:
        data: The ONNX graph, serialised.
        given: The fitted fields of the given columns, in order.

    Raises:
        RunError: ONNX Runtime cannot open it.
    """

    def __init__(self, data: bytes, given: Mapping[str, Field]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions share no base but Exception
            raise RunError("graph_fails", reason=_first_line(error)) from error
        self._inputs = {entry.name: entry.shape for entry in self._session.get_inputs()}
        self._forms = {name: field.form for name, field in given.items()}
        self._rows = rows_at_once(self._forms.values(), _BATCH_BYTES, _MOST_ROWS)

    def outputs(self, arrays: Mapping[str, Array], tell: Callable[[int], None] = lambda _: None) -> Array:
        """The graph's output (n, units) for encoded given columns of n rows each.

        Args:
            arrays: The columns.
            tell: Told after each batch how many rows it had.

        Raises:
            RunError: It cannot be run on them, or gives something that is not a number.
        """
        order = self._by_length(arrays)
        batches = []
        for start in range(0, len(order), self._rows):
            batch = order[start : start + self._rows]
            batches.append(self._run({name: arrays[name][batch] for name in self._forms}))
            tell(len(batch))
        outputs = np.concatenate(batches)
        found = np.empty_like(outputs)
        found[order] = outputs
        return found

    def _run(self, arrays: Mapping[str, Array]) -> Array:
        try:
            (output,) = self._session.run(None, graph_feed(self._inputs, self._forms, arrays))
        except Exception as error:  # see above
            raise RunError("graph_fails", reason=_first_line(error)) from error
        if not np.isfinite(output).all():
            raise RunError("graph_not_finite")
        return np.asarray(output)

    def _by_length(self, arrays: Mapping[str, Array]) -> Array:
        """Positions of the rows, the shortest texts first: a batch is as long as its longest text."""
        tokens = [np.count_nonzero(arrays[name], axis=1) for name, form in self._forms.items() if form.name == "tokens"]
        rows = len(next(iter(arrays.values())))
        return np.argsort(np.max(tokens, axis=0), kind="stable") if tokens else np.arange(rows)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
