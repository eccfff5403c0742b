"""Running the exported graphs: what is judged is what will be served, not the network it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from sixfold.errors import RunError, ServiceError
from sixfold.families import Options
from sixfold.fields import Array, Field, rows_at_once
from sixfold.store import ROW
from sixfold.tasks import Graphs, Task

__all__ = ["Graph"]

_BATCH_BYTES = 16 << 20
_MOST_ROWS = 4096


class Graph:
    """A model's exported graphs, ready to answer batch by batch.

    Args:
        members: Each graph by its name, serialised.
        given: The fitted fields of the given columns, in order.
        task: What runs them.

    Raises:
        RunError: ONNX Runtime cannot open one.
    """

    def __init__(self, members: Mapping[str, bytes], given: Mapping[str, Field], task: Task) -> None:
        self._target = task.target.name
        self._forms, self._task = {name: field.form for name, field in given.items()}, task
        try:
            self._graphs = Graphs(members, self._forms)
        except ServiceError as error:
            raise RunError("graph_fails", reason=error.values["reason"]) from error
        self._rows = rows_at_once(self._forms.values(), _BATCH_BYTES, _MOST_ROWS)

    def outputs(self, arrays: Mapping[str, Array], rows: int, tell: Callable[[int], None] = lambda _: None) -> Array:
        """What the model says (n, …) of encoded given columns of n rows each; or, where answers are not what is judged
        (:meth:`sixfold.tasks.Task.score`), how likely it finds their targets.

        Args:
            arrays: The columns; the target among them where it is scored.
            rows: How many there are.
            tell: Told after each batch how many rows it had.

        Raises:
            RunError: It cannot be run on them, or gives something that is not a number.
        """
        order = self._by_length(arrays, rows)
        batches = []
        for start in range(0, len(order), self._rows):
            batch = order[start : start + self._rows]
            numbers = arrays[ROW] if ROW in arrays else np.arange(rows)
            given = {ROW: numbers[batch], **{name: arrays[name][batch] for name in self._forms}}
            truth = arrays[self._target][batch] if self._target in arrays else None
            batches.append(self._run(given, truth, self._task.Settings()))
            tell(len(batch))
        outputs = np.concatenate(batches)
        found = np.empty_like(outputs)
        found[order] = outputs
        return found

    def said(self, rows: int, settings: Options) -> Array:
        """What the model says in so many rows where nothing is given.

        Raises:
            RunError: As for :meth:`outputs`.
        """
        return self._run({ROW: np.arange(rows)}, None, settings)

    def _run(self, arrays: Mapping[str, Array], truth: Array | None, settings: Options) -> Array:
        try:
            scored = None if truth is None else self._task.score(self._graphs, arrays, truth)
            output = self._task.respond(self._graphs, arrays, settings) if scored is None else scored
        except Exception as error:  # ONNX Runtime's exceptions share no base but Exception
            raise RunError("graph_fails", reason=_first_line(error)) from error
        if output.dtype.kind == "f" and not np.isfinite(output).all():
            raise RunError("graph_not_finite")
        return output

    def _by_length(self, arrays: Mapping[str, Array], rows: int) -> Array:
        """Positions of the rows, the shortest texts first: a batch is as long as its longest text."""
        tokens = [np.count_nonzero(arrays[name], axis=1) for name, form in self._forms.items() if form.name == "tokens"]
        return np.argsort(np.max(tokens, axis=0), kind="stable") if tokens else np.arange(rows)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
