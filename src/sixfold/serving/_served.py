"""What answers under a name: a product, or a plain ONNX graph; both take tensors by name and give tensors."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sixfold.errors import RequestError, ServiceError
from sixfold.fields import Array, Field
from sixfold.language import Text
from sixfold.serving._bundle import Bundle
from sixfold.serving._engine import Engine, Prepared
from sixfold.serving._tensors import DATATYPES, Tensor, datatype_of
from sixfold.tasks import session

__all__ = ["Answered", "Answers", "GraphServed", "Job", "ProductServed", "Rows", "Served", "product_inputs"]

_ROWS = Text("it holds {count} rows, another tensor {others}", "它有 {count} 行，而另一个张量有 {others} 行")
_NO_ROWS = Text("its shape has no axis of rows", "它的 shape 没有行的轴")
_DATATYPE = Text("its datatype is {received}, not {expected}", "它的类型是 {received}，而不是 {expected}")
_SHAPE = Text("its shape is {received}, not {expected}", "它的 shape 是 {received}，而不是 {expected}")
_NOT_JSON = Text("an element is not JSON", "有元素不是 JSON")
_NOT_UTF8 = Text("an element is not UTF-8", "有元素不是 UTF-8")

_ONNX_TYPES = {
    "tensor(bool)": "BOOL", "tensor(uint8)": "UINT8", "tensor(uint16)": "UINT16", "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64", "tensor(int8)": "INT8", "tensor(int16)": "INT16", "tensor(int32)": "INT32",
    "tensor(int64)": "INT64", "tensor(float16)": "FP16", "tensor(float)": "FP32", "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}  # fmt: skip

Rows = Sequence[Mapping[str, Any]]
Answers = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a model made of tensors.

    Args:
        tensors: Those of :attr:`Served.outputs` that were asked for, in that order.
        count: How many rows were answered.
        rows: The rows that were answered, where the model knows rows.
        answers: The answers to them.
    """

    tensors: Sequence[tuple[Tensor, Array]]
    count: int
    rows: Rows = ()
    answers: Rows = ()


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be run for one request.

    Args:
        key: Jobs of the same key may be run together; ``None``: only alone.
        count: How many rows it has.
        payload: What :meth:`Served.run` needs.
        rows: The rows behind it, where the model knows rows.
    """

    key: Hashable | None
    count: int
    payload: Any
    rows: Rows = ()


class Served(ABC):
    """A model under a name and a version.

    Args:
        name: As clients call it.
        version: Which one it is.
        inputs: What it takes.
        outputs: What it gives.
    """

    platform: str
    """What kind of model it is, in the protocol's words: ``onnxruntime_onnx`` …"""

    def __init__(self, name: str, version: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        self.name, self.version = name, version
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)

    @property
    def about(self) -> dict[str, Any]:
        """Its metadata, as the protocol writes them."""
        return {
            "name": self.name,
            "versions": [self.version],
            "platform": self.platform,
            "inputs": [tensor.about for tensor in self.inputs],
            "outputs": [tensor.about for tensor in self.outputs],
        }

    def chosen(self, names: Iterable[str]) -> tuple[Tensor, ...]:
        """The outputs of those names, in their own order; of none: all.

        Raises:
            RequestError: There is no output of a name.
        """
        wanted, known = list(names), {tensor.name: tensor for tensor in self.outputs}
        for name in wanted:
            if name not in known:
                raise RequestError("unknown_output", tensor=name[:80], known=", ".join(known))
        return tuple(known[name] for name in wanted) if wanted else self.outputs

    @abstractmethod
    def job(self, inputs: Mapping[str, Array], parameters: Mapping[str, Any], outputs: Sequence[Tensor]) -> Job:
        """What is to be run for a request; from any thread.

        Args:
            inputs: Tensors by name, as the protocol's bodies hold them.
            parameters: What the request says beside them.
            outputs: Which of :attr:`outputs` are asked for.

        Raises:
            RequestError: The tensors are not what the model takes.
        """

    @abstractmethod
    def run(self, jobs: Sequence[Job]) -> list[Any]:
        """What the model makes of each of several jobs of one key, in one run; from any thread.

        Raises:
            RequestError: It cannot be run on them.
        """

    @abstractmethod
    def answered(self, job: Job, made: Any, outputs: Sequence[Tensor]) -> Answered:
        """What :meth:`run` made of a job, as tensors."""

    def _known(self, inputs: Mapping[str, Array]) -> None:
        known = [tensor.name for tensor in self.inputs]
        for name in inputs:
            if name not in known:
                raise RequestError("unknown_input", tensor=name[:80], known=", ".join(known) or "–")


class ProductServed(Served):
    """A product: each given column is an input, what an answer says are outputs; the first axis counts rows.

    Numbers are FP64, and NaN where nothing is known. All else is BYTES: texts, categories and dates as UTF-8, pictures
    as files (in JSON as base64), lists as JSON. A column takes other types too, as people have them: whole numbers,
    texts of numbers, pictures as UINT8 (rows, height, width[, channels]), series as numbers (rows, steps[, channels]).

    Args:
        engine: The model.
        most_rows: The most rows of a request.
    """

    platform = "sixfold_product"

    def __init__(self, engine: Engine, most_rows: int) -> None:
        self.engine, self._bundle, self._most_rows = engine, engine.bundle, most_rows
        bundle = engine.bundle
        self._takes = set(bundle.given) | set(bundle.product.brought)
        schema = bundle.task.answer_schema().get("properties", {})
        sample = bundle.sample["answer"]
        self._settings = set(bundle.task.Settings.model_fields)
        super().__init__(
            bundle.product.name,
            bundle.version,
            product_inputs(bundle),
            [_output(name, schema.get(name, {}), value) for name, value in sample.items()],
        )

    def job(
        self,
        inputs: Mapping[str, Array],
        parameters: Mapping[str, Any],
        outputs: Sequence[Tensor],  # noqa: ARG002 — an answer is made whole
    ) -> Job:
        for name in inputs:
            if name not in self._takes:
                raise RequestError("unknown_input", tensor=name[:80], known=", ".join(self._takes) or "–")
        settings = {name: value for name, value in parameters.items() if name in self._settings}
        return self.job_of(self._rows(inputs), settings)

    def job_of(self, rows: Rows, settings: Mapping[str, Any]) -> Job:
        """What is to be run for rows.

        Raises:
            RequestError: They are none, too many, or not rows of this product.
        """
        if not rows:
            raise RequestError("no_rows")
        if len(rows) > self._most_rows:
            raise RequestError("too_many_rows", count=len(rows), limit=self._most_rows)
        prepared = self.engine.prepared(rows, settings)
        if prepared is None:
            return Job(None, len(rows), (rows, settings), rows)
        return Job(None if settings else "rows", len(rows), prepared, rows)

    def run(self, jobs: Sequence[Job]) -> list[Answers]:
        first = jobs[0].payload
        if isinstance(first, Prepared):
            return self.engine.answered([job.payload for job in jobs])
        return [self.engine.answers(*first)]

    def answered(self, job: Job, made: Answers, outputs: Sequence[Tensor]) -> Answered:
        tensors = [(tensor, _gathered(tensor, [answer.get(tensor.name) for answer in made])) for tensor in outputs]
        return Answered(tensors, job.count, job.rows, made)

    def _rows(self, inputs: Mapping[str, Array]) -> list[dict[str, Any]]:
        if not self._bundle.given:
            return [{}]
        if not inputs:
            raise RequestError("no_rows")
        count = -1
        for name, values in inputs.items():
            if not values.ndim:
                raise RequestError("bad_tensor", tensor=name, reason=_NO_ROWS)
            if count not in (-1, len(values)):
                raise RequestError("bad_tensor", tensor=name, reason=_ROWS(count=len(values), others=count))
            count = len(values)
        if count > self._most_rows:
            raise RequestError("too_many_rows", count=count, limit=self._most_rows)
        columns = {name: _values(name, self._bundle.given.get(name), values) for name, values in inputs.items()}
        return [{name: values[row] for name, values in columns.items()} for row in range(count)]


class GraphServed(Served):
    """A plain ONNX graph: its own inputs and outputs.

    Args:
        name: As clients call it.
        graph: The graph, serialised ONNX.
        version: Which one it is.
        threads: How many threads one run may take; ``None``: as many as the machine has cores, eight at most.

    Raises:
        ServiceError: ONNX Runtime cannot read it, or it takes or gives what are no tensors.
    """

    platform = "onnxruntime_onnx"

    def __init__(self, name: str, graph: bytes, version: str = "1", threads: int | None = None) -> None:
        self._session = session(graph, threads)
        entries = [_entries(many) for many in (self._session.get_inputs(), self._session.get_outputs())]
        super().__init__(name, version, *entries)
        self._by_name = {tensor.name: tensor for tensor in self.inputs}
        self.is_batched = all(tensor.shape[:1] == (-1,) for tensor in (*self.inputs, *self.outputs))
        """Whether rows of several requests may go through it together: everything begins with a free axis."""

    def job(
        self,
        inputs: Mapping[str, Array],
        parameters: Mapping[str, Any],  # noqa: ARG002 — a graph has no settings
        outputs: Sequence[Tensor],
    ) -> Job:
        feed = self._fed(inputs)
        first = next(iter(feed.values()), None)
        count = len(first) if first is not None and first.ndim else 1
        names = tuple(tensor.name for tensor in outputs)
        is_even = self.is_batched and all(len(values) == count for values in feed.values())
        shapes = tuple(values.shape[1:] for values in feed.values())
        return Job((names, shapes) if is_even else None, count, (feed, names))

    def run(self, jobs: Sequence[Job]) -> list[list[Array]]:
        feed, names = jobs[0].payload
        if len(jobs) > 1:
            feed = {name: np.concatenate([job.payload[0][name] for job in jobs]) for name in feed}
        try:
            made = list(map(np.asarray, self._session.run(list(names), feed)))
        except Exception as error:  # ONNX Runtime raises a different class for each way a run can fail
            raise RequestError("graph_refused", reason=str(error).splitlines()[0][:200]) from None
        if len(jobs) == 1:
            return [made]
        ends = np.cumsum([job.count for job in jobs]).tolist()
        if any(len(values) != ends[-1] for values in made):
            # It says that its axes are free, but does not keep rows apart.
            self.is_batched = False
            return [self.run([job])[0] for job in jobs]
        return [[values[end - job.count : end] for values in made] for job, end in zip(jobs, ends, strict=True)]

    def answered(self, job: Job, made: Sequence[Array], outputs: Sequence[Tensor]) -> Answered:
        return Answered(list(zip(outputs, made, strict=True)), job.count)

    def _fed(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """What the graph is fed of tensors, held against what it takes."""
        self._known(inputs)
        feed = {}
        for tensor in self.inputs:
            values = inputs.get(tensor.name)
            if values is None:
                raise RequestError("missing_input", tensor=tensor.name, known=", ".join(self._by_name))
            if values.dtype != DATATYPES[tensor.datatype]:
                said = _DATATYPE(received=datatype_of(values.dtype), expected=tensor.datatype)
                raise RequestError("bad_tensor", tensor=tensor.name, reason=said)
            if len(values.shape) != len(tensor.shape) or any(
                axis not in (-1, size) for axis, size in zip(tensor.shape, values.shape, strict=True)
            ):
                said = _SHAPE(received=list(values.shape), expected=list(tensor.shape))
                raise RequestError("bad_tensor", tensor=tensor.name, reason=said)
            feed[tensor.name] = _texts(tensor.name, values) if tensor.datatype == "BYTES" else values
        return feed


def product_inputs(bundle: Bundle) -> list[Tensor]:
    """What a product takes: a tensor for each given column."""
    return [_input(field) for field in bundle.given.values()]


def _entries(entries: Iterable[Any]) -> list[Tensor]:
    tensors = []
    for entry in entries:
        if entry.type not in _ONNX_TYPES:
            raise ServiceError("graph_unreadable", reason=f"{entry.name}: {entry.type}")
        shape = tuple(axis if isinstance(axis, int) else -1 for axis in entry.shape)
        tensors.append(Tensor(entry.name, _ONNX_TYPES[entry.type], shape))
    return tensors


def _texts(name: str, values: Array) -> Array:
    texts = np.empty(values.size, np.object_)
    try:
        texts[:] = [value.decode() if isinstance(value, bytes) else value or "" for value in values.ravel()]
    except UnicodeDecodeError:
        raise RequestError("bad_tensor", tensor=name, reason=_NOT_UTF8) from None
    return texts.reshape(values.shape)


def _kinds(field: Field) -> set[str]:
    kinds = field.schema().get("type", "string")
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _input(field: Field) -> Tensor:
    if field.widget == "number":
        return Tensor(field.name, "FP64", (-1, 1))
    if field.widget == "image":
        return Tensor(field.name, "BYTES", (-1, 1), content_type="base64")
    takes_lists = bool({"array", "object"} & _kinds(field))
    return Tensor(field.name, "BYTES", (-1, 1), content_type="json" if takes_lists else "str")


def _output(name: str, schema: Mapping[str, Any], value: Any) -> Tensor:
    """What an answer says under a name, as a tensor; told by its schema, and by the sample's answer for what may be."""
    said = schema.get("type")
    kind = next((one for one in said if one != "null"), None) if isinstance(said, list) else said
    match kind:
        case "number":
            return Tensor(name, "FP64", (-1, 1))
        case "integer":
            return Tensor(name, "INT64" if said == "integer" else "FP64", (-1, 1))
        case "boolean":
            return Tensor(name, "BOOL", (-1, 1))
        case "string":
            return Tensor(name, "BYTES", (-1, 1), content_type="str")
        case "object" if isinstance(value, Mapping) and value and all(map(_is_number, value.values())):
            # The names are told beside the numbers: the classes of probabilities, the ends of an interval.
            return Tensor(name, "FP64", (-1, len(value)), labels=tuple(value))
    return Tensor(name, "BYTES", (-1, 1), content_type="json")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _gathered(tensor: Tensor, values: Sequence[Any]) -> Array:
    """What the answers say under one name, as a tensor (rows, …)."""
    if tensor.labels:
        table = [[_number((value or {}).get(label)) for label in tensor.labels] for value in values]
        return np.array(table, np.float64).reshape(len(values), len(tensor.labels))
    if tensor.datatype == "BYTES":
        is_json = tensor.content_type == "json"
        made = np.empty((len(values), 1), np.object_)
        made[:, 0] = [_json(value) if is_json else "" if value is None else str(value) for value in values]
        return made
    if tensor.datatype == "FP64":
        values = [_number(value) for value in values]
    return np.array(values, DATATYPES[tensor.datatype]).reshape(len(values), 1)


def _number(value: Any) -> float:
    return float(value) if _is_number(value) else float("nan")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _values(name: str, field: Field | None, tensor: Array) -> list[Any]:
    """Raw values of a column, one for each row of a tensor; of one that a given column follows from, no field."""
    is_picture = field is not None and field.widget == "image"
    if is_picture and tensor.dtype != np.object_:
        return list(tensor)
    count = len(tensor)
    if tensor.size != count:
        return list(map(_plain, tensor.tolist()))
    values = list(map(_plain, tensor.reshape(count).tolist()))
    if is_picture:
        return values
    values = [_text(name, value) if isinstance(value, bytes) else value for value in values]
    if field is None or {"array", "object"} & _kinds(field):
        return [_structure(name, value) if isinstance(value, str) else value for value in values]
    return values


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and value != value else value  # noqa: PLR0124 — only NaN differs from itself


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise RequestError("bad_tensor", tensor=name, reason=_NOT_UTF8) from None


def _structure(name: str, value: str) -> Any:
    """A list or an object that a text writes as JSON; other texts as they are."""
    if value[:1] not in ("[", "{"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise RequestError("bad_tensor", tensor=name, reason=_NOT_JSON) from None
