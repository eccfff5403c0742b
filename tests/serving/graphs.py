"""Tiny graphs of Triton's examples: sums and differences of numbers, and of numbers as texts; and what comes back."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper


def written(folder: Path) -> list[Path]:
    """The graphs ``simple``, ``simple_string`` and ``simple_identity`` as files."""
    return [
        _saved(folder / "simple.onnx", _sums(TensorProto.INT32, [], [])),
        _saved(
            folder / "simple_string.onnx",
            _sums(
                TensorProto.STRING,
                [helper.make_node("Cast", [f"INPUT{n}"], [f"number{n}"], to=TensorProto.INT32) for n in (0, 1)],
                [helper.make_node("Cast", [f"result{n}"], [f"OUTPUT{n}"], to=TensorProto.STRING) for n in (0, 1)],
            ),
        ),
        _saved(folder / "simple_identity.onnx", _identity()),
    ]


def _sums(kind: int, before: list[onnx.NodeProto], after: list[onnx.NodeProto]) -> onnx.GraphProto:
    taken, made = ("number", "result") if before else ("INPUT", "OUTPUT")
    nodes = [
        *before,
        helper.make_node("Add", [f"{taken}0", f"{taken}1"], [f"{made}0"]),
        helper.make_node("Sub", [f"{taken}0", f"{taken}1"], [f"{made}1"]),
        *after,
    ]
    inputs = [helper.make_tensor_value_info(f"INPUT{n}", kind, ["n", 16]) for n in (0, 1)]
    outputs = [helper.make_tensor_value_info(f"OUTPUT{n}", kind, ["n", 16]) for n in (0, 1)]
    return helper.make_graph(nodes, "sums", inputs, outputs)


def _identity() -> onnx.GraphProto:
    ends = [helper.make_tensor_value_info(name, TensorProto.STRING, ["n", "m"]) for name in ("INPUT0", "OUTPUT0")]
    return helper.make_graph([helper.make_node("Identity", ["INPUT0"], ["OUTPUT0"])], "same", [ends[0]], [ends[1]])


def _saved(path: Path, graph: onnx.GraphProto) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
