"""Tensors as the Open Inference Protocol writes them: JSON, and binary data behind the JSON.

The protocol: https://github.com/open-inference/open-inference-protocol (version 2, REST); binary data: Triton's and
KServe's *binary tensor data extension*: little-endian, row after row, the length of each BYTES element in four bytes
before it.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import orjson

from sixfold.errors import RequestError
from sixfold.fields import Array
from sixfold.language import Text

__all__ = ["DATATYPES", "Inference", "Tensor", "Wanted", "datatype_of", "read_inference", "written"]

DATATYPES: Mapping[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    **{f"UINT{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
    **{f"INT{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype(np.object_),
}
"""The types of elements by their names in the protocol; BYTES are texts (``str``) or bytes, each of any length."""

_BY_DTYPE = {dtype: name for name, dtype in DATATYPES.items()}
_LENGTH = 4
"""Bytes before each BYTES element that tell its length."""

_MOST_AXES = 16

_NOT_AN_OBJECT = Text("it is not a JSON object", "它不是 JSON 对象")
_NO_HEADER = Text(
    "`Inference-Header-Content-Length` is not the length of the JSON at the body's beginning",
    "`Inference-Header-Content-Length` 不是正文开头那段 JSON 的长度",
)
_NO_INPUTS = Text("`inputs` is not a list of tensors", "`inputs` 不是张量的列表")
_NO_OUTPUTS = Text("`outputs` is not a list of objects with a `name`", "`outputs` 不是带有 `name` 的对象的列表")
_NO_PARAMETERS = Text("`parameters` is not an object", "`parameters` 不是对象")
_NO_ID = Text("`id` is not a text", "`id` 不是文本")
_NO_NAME = Text("a tensor has no `name`, or shares it with another", "有张量没有 `name`，或与另一个重名")
_TYPE = Text("its datatype {datatype} is not one of: {known}", "它的类型 {datatype} 不在以下之列：{known}")
_SHAPE = Text("its shape is not a list of whole numbers from 0", "它的 shape 不是由不小于 0 的整数组成的列表")
_NO_DATA = Text(
    "it has neither `data` nor `binary_data_size`, or both; shared memory is not offered",
    "它没有 `data` 也没有 `binary_data_size`，或两者都有；不支持共享内存",
)
_COUNT = Text("it has {count} elements, its shape holds {expected}", "它有 {count} 个元素，而 shape 容纳 {expected} 个")
_BYTES = Text("it has {count} bytes, its shape holds {expected}", "它有 {count} 字节，而 shape 容纳 {expected} 字节")
_PAST_END = Text("its binary data would go past the body's end", "它的二进制数据超出了正文末尾")
_LEFT_OVER = Text("{count} bytes of the body belong to no tensor", "正文中有 {count} 字节不属于任何张量")
_ELEMENT = Text("an element is not a value of {datatype}", "有元素不是 {datatype} 类型的值")
_UNEVEN = Text("its lists are not all as deep", "它的列表嵌套深度不一致")
_LENGTHS = Text("the lengths of its elements do not add up", "其中各元素的长度与总长不符")


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a model takes or gives under a name.

    Args:
        name: As the model calls it.
        datatype: One of :data:`DATATYPES`.
        shape: Its axes; -1 is free.
        labels: Where the last axis has names (the classes of probabilities), those.
        content_type: What BYTES are, in the words of MLServer: ``str``, ``base64``; and ``json``.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    labels: tuple[str, ...] = ()
    content_type: str | None = None

    @property
    def about(self) -> dict[str, Any]:
        """As the model's metadata show it."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape), **self.parameters}

    @property
    def parameters(self) -> dict[str, Any]:
        """What is said of it beside; parameters of the protocol are texts, numbers and booleans alone."""
        said: dict[str, Any] = {"content_type": self.content_type} if self.content_type else {}
        if self.labels:
            said["labels"] = json.dumps(self.labels, ensure_ascii=False)
        return {"parameters": said} if said else {}


@dataclass(frozen=True, slots=True)
class Wanted:
    """An output that a request names."""

    name: str
    is_binary: bool


@dataclass(frozen=True, slots=True)
class Inference:
    """A request for inference, read.

    Args:
        inputs: The tensors by name.
        id: What the client calls the request.
        parameters: What it says beside its tensors.
        outputs: The outputs that it wants; none named: all.
        binary: Whether outputs that are not named come as binary data.
    """

    inputs: Mapping[str, Array]
    id: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    outputs: Sequence[Wanted] = ()
    binary: bool = False


def datatype_of(dtype: np.dtype[Any]) -> str:
    """The protocol's name of a NumPy type."""
    return _BY_DTYPE.get(dtype.newbyteorder("<"), "BYTES")


def read_inference(body: bytes, header: str | None) -> Inference:
    """The request that a body holds; binary tensors are views of the body, not copies.

    Args:
        body: The body, decompressed.
        header: The header ``Inference-Header-Content-Length``, where the request has one.

    Raises:
        RequestError: The body is not of the protocol; the error names the tensor.
    """
    view = memoryview(body)
    length = len(body)
    if header is not None:
        if not header.isascii() or not header.isdigit() or not 0 < int(header) <= len(body):
            raise _wrong(_NO_HEADER)
        length = int(header)
    try:
        said = orjson.loads(view[:length])
    except orjson.JSONDecodeError as error:
        reason = Text("it breaks at line {line}, column {column}", "在第 {line} 行第 {column} 列处出错")
        raise RequestError("bad_inference", reason=reason(line=error.lineno, column=error.colno)) from None
    if not isinstance(said, dict):
        raise _wrong(_NOT_AN_OBJECT)
    parameters, name = said.get("parameters"), said.get("id")
    if not isinstance(parameters or {}, dict):
        raise _wrong(_NO_PARAMETERS)
    if name is not None and not isinstance(name, str):
        raise _wrong(_NO_ID)
    inputs = said.get("inputs", [])
    if not isinstance(inputs, list):
        raise _wrong(_NO_INPUTS)
    rest = view[length:]
    tensors: dict[str, Array] = {}
    for entry in inputs:
        if not isinstance(entry, dict):
            raise _wrong(_NO_INPUTS)
        called = entry.get("name")
        if not isinstance(called, str) or called in tensors:
            raise _wrong(_NO_NAME)
        tensors[called], rest = _read_tensor(called, entry, rest)
    if len(rest):
        raise _wrong(_LEFT_OVER, count=len(rest))
    return Inference(
        tensors,
        id=name,
        parameters=parameters or {},
        outputs=_wanted(said.get("outputs") or [], default := (parameters or {}).get("binary_data_output") is True),
        binary=default,
    )


def written(
    head: Mapping[str, Any], tensors: Sequence[tuple[Tensor, Array]], binary: Sequence[bool]
) -> tuple[bytes, int | None]:
    """The body of an answer, and the length of its JSON where binary data come after it.

    Args:
        head: What stands before the outputs: model_name, model_version, id.
        tensors: The outputs.
        binary: For each of them whether it comes as binary data.
    """
    records, parts = [], []
    for (tensor, values), is_binary in zip(tensors, binary, strict=True):
        record = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(values.shape), **tensor.parameters}
        if is_binary:
            parts.append(_raw(values))
            record["parameters"] = {**record.get("parameters", {}), "binary_data_size": len(parts[-1])}
        else:
            record["data"] = _listed(values)
        records.append(record)
    said = orjson.dumps({**head, "outputs": records}, option=orjson.OPT_SERIALIZE_NUMPY)
    return (b"".join([said, *parts]), len(said)) if parts else (said, None)


def _read_tensor(name: str, entry: Mapping[str, Any], rest: memoryview) -> tuple[Array, memoryview]:
    datatype, shape = entry.get("datatype"), entry.get("shape")
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise _bad(name, _TYPE, datatype=str(datatype)[:40], known=", ".join(DATATYPES))
    if not isinstance(shape, list) or len(shape) > _MOST_AXES or not all(type(n) is int and n >= 0 for n in shape):
        raise _bad(name, _SHAPE)
    count = math.prod(shape)
    parameters = entry.get("parameters") or {}
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if (size is None) == ("data" not in entry):
        raise _bad(name, _NO_DATA)
    if size is not None:
        if type(size) is not int or size < 0 or size > len(rest):
            raise _bad(name, _PAST_END)
        return _from_raw(name, datatype, rest[:size], count).reshape(shape), rest[size:]
    return _from_list(name, datatype, entry["data"], count).reshape(shape), rest


def _from_raw(name: str, datatype: str, raw: memoryview, count: int) -> Array:
    dtype = DATATYPES[datatype]
    if datatype == "BYTES":
        elements = list(_cut(name, raw))
        if len(elements) != count:
            raise _bad(name, _COUNT, count=len(elements), expected=count)
        return _objects(elements)
    if len(raw) != count * dtype.itemsize:
        raise _bad(name, _BYTES, count=len(raw), expected=count * dtype.itemsize)
    return np.frombuffer(raw, dtype)


def _cut(name: str, raw: memoryview) -> Iterator[bytes]:
    at, end = 0, len(raw)
    while at < end:
        begin = at + _LENGTH
        at = begin + int.from_bytes(raw[at:begin], "little")
        if begin > end or at > end:
            raise _bad(name, _LENGTHS)
        yield bytes(raw[begin:at])


def _from_list(name: str, datatype: str, data: Any, count: int) -> Array:
    flat = _flat(name, data)
    if len(flat) != count:
        raise _bad(name, _COUNT, count=len(flat), expected=count)
    dtype = DATATYPES[datatype]
    if datatype == "BYTES":
        if not all(value is None or isinstance(value, str) for value in flat):
            raise _bad(name, _ELEMENT, datatype=datatype)
        return _objects(flat)
    if datatype == "BOOL":
        if not all(value in (0, 1) and isinstance(value, int) for value in flat):
            raise _bad(name, _ELEMENT, datatype=datatype)
        return np.array(flat, dtype)
    try:
        # `array` takes numbers alone, each within the bounds of its type, and reads them faster than NumPy does.
        if dtype.kind == "f":
            return np.frombuffer(array("d", flat), np.float64).astype(dtype, copy=False)
        wide = np.frombuffer(array("q" if dtype.kind == "i" else "Q", flat), f"{dtype.kind}8")
        narrow = wide.astype(dtype, copy=False)
        if np.array_equal(wide, narrow):
            return narrow
    except (TypeError, OverflowError):
        if dtype.kind == "f" and all(value is None or isinstance(value, (int, float)) for value in flat):
            # JSON has no word for "not a number"; null stands for it.
            return np.array([math.nan if value is None else float(value) for value in flat], dtype)
    raise _bad(name, _ELEMENT, datatype=datatype)


def _flat(name: str, data: Any) -> list[Any]:
    """Nested lists as one; the protocol allows both."""
    depth = 0
    while isinstance(data, list) and data and isinstance(data[0], list):
        depth += 1
        if depth > _MOST_AXES or not all(isinstance(part, list) for part in data):
            raise _bad(name, _UNEVEN)
        data = list(chain.from_iterable(data))
    if not isinstance(data, list):
        raise _bad(name, _NO_DATA)
    return data


def _objects(elements: Sequence[Any]) -> Array:
    made = np.empty(len(elements), np.object_)
    made[:] = elements
    return made


def _raw(values: Array) -> bytes:
    if values.dtype != np.object_:
        return np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False).tobytes()
    parts = []
    for value in values.ravel():
        content = value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
        parts += [len(content).to_bytes(_LENGTH, "little"), content]
    return b"".join(parts)


def _listed(values: Array) -> Any:
    if values.dtype != np.object_:
        return np.ascontiguousarray(values.ravel())
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values.ravel()]


def _wanted(outputs: Any, default: bool) -> list[Wanted]:
    if not isinstance(outputs, list):
        raise _wrong(_NO_OUTPUTS)
    wanted = []
    for entry in outputs:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise _wrong(_NO_OUTPUTS)
        parameters = entry.get("parameters") or {}
        if not isinstance(parameters, dict):
            raise _wrong(_NO_PARAMETERS)
        for word in ("classification", "shared_memory_region"):
            if parameters.get(word):
                raise RequestError("not_offered", name=f"outputs.parameters.{word}")
        wanted.append(Wanted(entry["name"], parameters.get("binary_data", default) is True))
    return wanted


def _wrong(reason: Text, **values: Any) -> RequestError:
    return RequestError("bad_inference", reason=reason(**values) if values else reason)


def _bad(name: str, reason: Text, **values: Any) -> RequestError:
    return RequestError("bad_tensor", tensor=name[:80], reason=reason(**values) if values else reason)
