"""A bundle in ONNX Runtime: rows in, answers out."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from sixfold.errors import RequestError, ServiceError
from sixfold.families import Options
from sixfold.fields import Array, Field, base_of, is_missing, rows_at_once
from sixfold.language import Text
from sixfold.personal import is_redacted_column, redacted
from sixfold.product import computed
from sixfold.serving._bundle import Bundle
from sixfold.store import ROW
from sixfold.tasks import Graphs, Streamed

__all__ = ["Engine", "Prepared"]

_BATCH_BYTES = 1 << 20
"""Encoded bytes of one run of the graph: small enough for the caches, large enough to hide what a call costs."""

_LARGEST_BATCH = 1024
_SEVERAL = Text("one value is expected, not a list or an object", "这里应是一个值，而不是列表或对象")
_NO_TRUTH = Text(
    "it follows from columns of which one must be true or false, and is neither",
    "它由其他列计算得出，其中一列应为 true 或 false，却两者都不是",
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Rows of one request, encoded.

    Args:
        rows: As they were sent, with what was computed of them.
        arrays: The encoded given columns by name (n, …), and the rows' numbers.
        settings: What is asked for beside them.
    """

    rows: Sequence[Mapping[str, Any]]
    arrays: Mapping[str, Array]
    settings: Options


class Engine:
    """Answers rows with a bundle's model; safe to use from several threads at once.

    Args:
        bundle: The model, its fields and its decision.
        threads: How many threads one run may take; ``None``: as many as the machine has cores, eight at most.

    Raises:
        ServiceError: ONNX Runtime cannot read the graph, or the graph is not of this bundle's columns.
    """

    def __init__(self, bundle: Bundle, threads: int | None = None) -> None:
        self.bundle = bundle
        self.standing: Callable[[], Mapping[str, Any] | None] = lambda: None
        """What is answered in place of the model, asked at every request; ``None``: the model answers."""
        self._task = bundle.task
        forms = {name: field.form for name, field in bundle.given.items()}
        self._graphs = Graphs(bundle.graphs, forms, threads)
        if unknown := sorted(set(self._graphs.unknown()) - set(self._task.own_inputs)):
            raise ServiceError("graph_differs", inputs=", ".join(unknown))
        self._batch = rows_at_once(forms.values(), _BATCH_BYTES, _LARGEST_BATCH)
        self._redacts = bundle.product.prepare.personal_data == "redact"
        self._base = base_of(bundle.target, bundle.given)
        self._computed, self._brought = bundle.product.computed, bundle.product.brought

    def answers(
        self, rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The answers for raw rows, in their order.

        Args:
            rows: Mappings from column name to raw value. A column that is left out counts as missing; where there is
                only one and it is heavy (a picture, a text, a series), it may not be.
            settings: What is asked for beside them, as the task's ``Settings`` know it.

        Raises:
            RequestError: A row names a column that the model does not know, lacks the one that there is, or has a value
                that cannot be of its column's kind; the error names the row (from 1) and the column.
        """
        for number, row in enumerate(rows, start=1):
            self._check_columns(number, row)
        if self._computed:
            rows = [self._completed(number, row) for number, row in enumerate(rows, start=1)]
        asked = self._settings(settings or {})
        if (rule := self.standing()) is not None:
            return [dict(rule) for _ in rows]
        answers: list[dict[str, Any]] = []
        for start in range(0, len(rows), self._batch):
            part = self._prepared(rows[start : start + self._batch], asked, start)
            answers += self.answered([part])[0]
        return answers

    def prepared(self, rows: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> Prepared | None:
        """Raw rows made ready to be answered together with others; ``None`` where they are too many for one run.

        Raises:
            RequestError: As :meth:`answers`.
        """
        if len(rows) > self._batch or self.standing() is not None:
            return None
        for number, row in enumerate(rows, start=1):
            self._check_columns(number, row)
        if self._computed:
            rows = [self._completed(number, row) for number, row in enumerate(rows, start=1)]
        return self._prepared(rows, self._settings(settings), 0)

    def answered(self, many: Sequence[Prepared]) -> list[list[dict[str, Any]]]:
        """The answers for rows of several requests, in one run; all of them with the same settings."""
        first = many[0]
        arrays = (
            first.arrays
            if len(many) == 1
            else {name: np.concatenate([one.arrays[name] for one in many]) for name in first.arrays}
        )
        said = self._task.answers(self._task.respond(self._graphs, arrays, first.settings), self.bundle.decision)
        if self._base is not None:
            said = self._task.upon(said, self._extents([row for one in many for row in one.rows]))
        ends = np.cumsum([len(one.rows) for one in many]).tolist()
        return [said[end - len(one.rows) : end] for one, end in zip(many, ends, strict=True)]

    def _prepared(self, rows: Sequence[Mapping[str, Any]], settings: Options, start: int) -> Prepared:
        arrays = {name: self._encoded(field, rows, start) for name, field in self.bundle.given.items()}
        arrays[ROW] = np.arange(start, start + len(rows))
        return Prepared(rows, arrays, settings)

    @property
    def can_stream(self) -> bool:
        """Whether an answer can be had piece by piece."""
        return isinstance(self._task, Streamed)

    def stream(self, settings: Mapping[str, Any]) -> Generator[str, None, dict[str, Any]]:
        """One answer in pieces, as it is made; what the generator returns is the whole.

        Raises:
            RequestError: A setting cannot be taken; told with the first piece.
        """
        return (yield from self._streamed.stream(self._graphs, self._settings(settings)))

    def tokens(self, text: str) -> int:
        """How many tokens a text of the target has."""
        return self._streamed.count(text)

    @property
    def _streamed(self) -> Streamed:
        assert isinstance(self._task, Streamed)
        return self._task

    def outputs(self, arrays: Mapping[str, Array]) -> Array:
        """What the model says of arrays by column as the fields encode them, (n, …) each: (n, …)."""
        count = len(next(iter(arrays.values())))
        parts = [
            self._task.respond(
                self._graphs,
                {
                    ROW: np.arange(start, min(count, start + self._batch)),
                    **{name: array[start : start + self._batch] for name, array in arrays.items()},
                },
                self._task.Settings(),
            )
            for start in range(0, count, self._batch)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, *self._task.output.shape), np.float32)

    def _extents(self, rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, ...]]:
        """Of each row, the size of what its answer lies upon."""
        assert self._base is not None
        return [self._base.extent(row.get(self._base.name)) for row in rows]

    def _settings(self, said: Mapping[str, Any]) -> Options:
        try:
            return self._task.Settings(**said)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(map(str, first["loc"]))
            known = ", ".join(self._task.Settings.model_fields) or "–"
            raise RequestError("bad_setting", setting=name, reason=first["msg"], known=known) from error

    def _check_columns(self, number: int, row: Mapping[str, Any]) -> None:
        given, target = self.bundle.given, self.bundle.target.name
        for name in row:
            if name in given or name in self._brought:
                continue
            if name in (target, self.bundle.product.outcome_name):
                raise RequestError("target_column", row=number, column=name)
            close = difflib.get_close_matches(str(name), given, n=1)
            raise RequestError(
                "unknown_column",
                row=number,
                column=name,
                guess=close[0] if close else next(iter(given), "–"),
                known=", ".join(_first({**given, **dict.fromkeys(self._brought)})),
            )
        if not row and given:
            raise RequestError("empty_row", row=number, known=", ".join(_first(given)))
        if (only := self.bundle.needed) is not None and _is_empty(row.get(only)):
            raise RequestError("missing_column", row=number, column=only)

    def _completed(self, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row with the given columns that follow from what it brings; what it says of them itself stands."""
        needed = [name for name in self._computed if name in self.bundle.given and name not in row]
        if not needed:
            return dict(row)
        try:
            found = computed(self._computed, row)
        except ValueError as error:
            raise RequestError("bad_value", row=number, column=", ".join(needed), reason=_NO_TRUTH) from error
        return {**row, **{name: found[name] for name in needed}}

    def _encoded(self, field: Field, rows: Sequence[Mapping[str, Any]], start: int) -> Array:
        values = [row.get(field.name) for row in rows]
        if self._redacts and is_redacted_column(field.kind()):
            values = [redacted(value, field.name) if isinstance(value, str) else value for value in values]
        if not _takes_several(field):
            for number, value in enumerate(values, start=start + 1):
                if isinstance(value, (list, tuple, dict)):
                    raise _bad_value(field, number, _SEVERAL)
        if self._task.reads_whole:
            for number, value in enumerate(values, start=start + 1):
                if (reason := field.overlong(value)) is not None:
                    raise _bad_value(field, number, reason)
        try:
            return field.encode(values)
        except ValueError:
            # The kinds encode whole columns; which row it was is asked only when one is wrong.
            for number, value in enumerate(values, start=start + 1):
                try:
                    field.encode([value])
                except ValueError as error:
                    raise _bad_value(field, number, error) from error
            raise


def _takes_several(field: Field) -> bool:
    kinds = field.schema().get("type", "string")
    return field.widget == "image" or bool({"array", "object"} & set([kinds] if isinstance(kinds, str) else kinds))


def _is_empty(value: Any) -> bool:
    return is_missing(value) or (isinstance(value, (bytes, bytearray, memoryview)) and len(value) == 0)


def _bad_value(field: Field, number: int, reason: object) -> RequestError:
    return RequestError("bad_value", row=number, column=field.name, reason=reason)


def _first(names: Mapping[str, Any], most: int = 20) -> Iterator[str]:
    for index, name in enumerate(names):
        if index == most:
            yield "…"
            return
        yield name
