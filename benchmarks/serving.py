"""The same ONNX graph behind Sixfold, MLServer and BentoML: requests per second, median and 99th percentile.

Same client, same machine, alternating: each round asks every server in turn, so that whatever else the machine does
meanwhile falls upon all of them alike. The client is a process of its own, raw HTTP/1.1 over sockets, bodies made
beforehand. MLServer and BentoML run in environments of their own:

    python -m venv mlserver && mlserver/bin/pip install "mlserver==1.7.*" onnxruntime
    python -m venv bentoml && bentoml/bin/pip install "bentoml==1.4.*" onnxruntime
    python benchmarks/serving.py --mlserver mlserver/bin/python --bentoml bentoml/bin/python

The bars (of the CNN, against the better of the two): at 8 and 32 connections at least twice the requests per second and
at most half the 99th percentile; at one connection at most 1 ms over ONNX Runtime alone in binary. MiniLM: at least
0.95 of a bare ONNX Runtime loop.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CONNECTIONS = (1, 8, 32)
KINDS = {"INT64": "<i8", "FP32": "<f4"}

MLSERVER = """
import numpy as np, onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse

class Graph(MLModel):
    async def load(self):
        self.session = onnxruntime.InferenceSession(self.settings.parameters.uri, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload):
        feed = {entry.name: NumpyCodec.decode_input(entry) for entry in payload.inputs}
        made = self.session.run(None, feed)
        names = [entry.name for entry in self.session.get_outputs()]
        outputs = [NumpyCodec.encode_output(name, value) for name, value in zip(names, made)]
        return InferenceResponse(model_name=self.name, outputs=outputs)
"""

BENTOML = """
import bentoml, numpy as np, onnxruntime, typing

@bentoml.service(traffic={"timeout": 60, "max_concurrency": 64})
class Graph:
    def __init__(self):
        self.session = onnxruntime.InferenceSession("graph.onnx", providers=["CPUExecutionProvider"])
        self.entry = self.session.get_inputs()[0]

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000)
    def infer(self, x: np.ndarray) -> np.ndarray:
        kind = np.int64 if "int64" in self.entry.type else np.float32
        return self.session.run(None, {self.entry.name: x.astype(kind)})[0]
"""


def constant(name: str, values: Any) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(values), name)


def saved(path: Path, nodes: list[Any], constants: list[Any], entry: Any, end: Any) -> None:
    graph = helper.make_graph(nodes, path.stem, [entry], [end], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def cnn(path: Path) -> tuple[str, str, np.ndarray]:
    """Three convolutions on a picture of 64 × 64 × 3; the input's name, its datatype, one row."""
    random = np.random.default_rng(0)
    nodes, constants = [helper.make_node("Transpose", ["x"], ["at0"], perm=[0, 3, 1, 2])], []
    for n, (before, after) in enumerate(((3, 32), (32, 64), (64, 64))):
        constants.append(constant(f"w{n}", random.normal(0, 0.1, (after, before, 3, 3)).astype(np.float32)))
        nodes += [
            helper.make_node("Conv", [f"at{n}", f"w{n}"], [f"c{n}"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"c{n}"], [f"r{n}"]),
            helper.make_node("MaxPool", [f"r{n}"], [f"at{n + 1}"], kernel_shape=[2, 2], strides=[2, 2]),
        ]
    constants.append(constant("w", random.normal(0, 0.1, (64, 10)).astype(np.float32)))
    nodes += [
        helper.make_node("GlobalAveragePool", ["at3"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["y"]),
    ]
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 64, 64, 3])
    saved(path, nodes, constants, entry, helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10]))
    return "x", "FP32", random.random((1, 64, 64, 3), np.float32).round(4)


def minilm(path: Path) -> tuple[str, str, np.ndarray]:
    """A transformer of MiniLM's size: 6 layers, 384 wide, 12 heads, on 128 tokens; weights drawn at random."""
    random, width, heads, words = np.random.default_rng(0), 384, 12, 30_522
    each = width // heads
    nodes = [helper.make_node("Gather", ["words", "x"], ["h0"])]
    constants = [
        constant("words", random.normal(0, 0.02, (words, width)).astype(np.float32)),
        constant("apart", np.array([0, 0, heads, each])),
        constant("joined", np.array([0, 0, width])),
        constant("scale", np.float32(each**-0.5)),
        constant("one", np.ones(width, np.float32)),
        constant("zero", np.zeros(width, np.float32)),
    ]

    def dense(name: str, taken: str, before: int, after: int) -> str:
        constants.append(constant(f"w_{name}", random.normal(0, 0.02, (before, after)).astype(np.float32)))
        nodes.append(helper.make_node("MatMul", [taken, f"w_{name}"], [name]))
        return name

    def node(kind: str, *taken: str, to: str, **more: Any) -> str:
        nodes.append(helper.make_node(kind, list(taken), [to], **more))
        return to

    for n in range(6):
        parts = []
        for what, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
            apart = node("Reshape", dense(f"{what}{n}", f"h{n}", width, width), "apart", to=f"{what}a{n}")
            parts.append(node("Transpose", apart, to=f"{what}t{n}", perm=order))
        scores = node("Mul", node("MatMul", parts[0], parts[1], to=f"s{n}"), "scale", to=f"ss{n}")
        mixed = node("MatMul", node("Softmax", scores, to=f"p{n}"), parts[2], to=f"m{n}")
        back = node("Reshape", node("Transpose", mixed, to=f"mt{n}", perm=[0, 2, 1, 3]), "joined", to=f"mj{n}")
        added = node("Add", f"h{n}", dense(f"o{n}", back, width, width), to=f"a{n}")
        normal = node("LayerNormalization", added, "one", "zero", to=f"n{n}")
        wide = node("Relu", dense(f"f{n}", normal, width, 4 * width), to=f"g{n}")
        nodes.append(helper.make_node("Add", [normal, dense(f"e{n}", wide, 4 * width, width)], [f"b{n}"]))
        node("LayerNormalization", f"b{n}", "one", "zero", to=f"h{n + 1}")
    node("ReduceMean", "h6", to="y", axes=[1], keepdims=0)
    entry = helper.make_tensor_value_info("x", TensorProto.INT64, ["n", 128])
    saved(path, nodes, constants, entry, helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", width]))
    return "x", "INT64", random.integers(0, words, (1, 128))


GRAPHS = {"cnn": cnn, "minilm": minilm}


def requests(path: str, name: str, datatype: str, row: np.ndarray) -> dict[str, bytes]:
    """A whole request in JSON and one in binary."""
    tensor = {"name": name, "datatype": datatype, "shape": list(row.shape)}
    in_json = json.dumps({"inputs": [{**tensor, "data": row.ravel().tolist()}]}).encode()
    raw = row.astype(KINDS[datatype]).tobytes()
    said = {**tensor, "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [said], "parameters": {"binary_data_output": True}}).encode()
    return {
        "JSON": whole(path, in_json, ""),
        "binary": whole(path, head + raw, f"Inference-Header-Content-Length: {len(head)}\r\n"),
    }


def whole(path: str, body: bytes, more: str) -> bytes:
    kind = "application/octet-stream" if more else "application/json"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def ask(port: int, request: bytes, until: float, took: list[float], refused: list[int]) -> None:
    """Ask again and again over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)
    while (begun := time.perf_counter()) < until:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        status = int(head[9:12])
        if status == 200:
            took.append(time.perf_counter() - begun)
        else:
            refused.append(status)
    writer.close()


def client(port: int, request: bytes, connections: int, seconds: float, told: Any) -> None:
    took: list[float] = []
    refused: list[int] = []

    async def all_of_them() -> None:
        until = time.perf_counter() + seconds
        await asyncio.gather(*(ask(port, request, until, took, refused) for _ in range(connections)))

    asyncio.run(all_of_them())
    told.put((took, refused))


def measured(port: int, request: bytes, connections: int, seconds: float) -> tuple[list[float], list[int]]:
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    process = context.Process(target=client, args=(port, request, connections, seconds, told))
    process.start()
    found = told.get(timeout=seconds + 60)
    process.join()
    return found


def bare(path: Path, name: str, row: np.ndarray, seconds: float) -> list[float]:
    """ONNX Runtime alone, in a loop."""
    from sixfold.tasks import session

    opened, took = session(path.read_bytes()), []
    opened.run(None, {name: row})
    until = time.perf_counter() + seconds
    while (begun := time.perf_counter()) < until:
        opened.run(None, {name: row})
        took.append(time.perf_counter() - begun)
    return took


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def started(command: list[str], port: int, ready: str, folder: Path, log: Path) -> Iterator[int]:
    with log.open("wb") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, start_new_session=True)
    try:
        ends = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=2).close()
                break
            if process.poll() is not None or time.monotonic() > ends:
                sys.exit(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.2)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def sixfold_server(path: Path, folder: Path, workers: int) -> Any:
    port = free_port()
    more = ["--workers", str(workers)] if workers > 1 else []
    command = [sys.executable, "-m", "sixfold", "serve", str(path), "--port", str(port), *more]
    return started(command, port, "/v2/health/ready", folder, folder / "sixfold.log")


def mlserver(python: str, path: Path, folder: Path) -> Any:
    port = free_port()
    place = folder / "mlserver"
    place.mkdir()
    (place / "graph.py").write_text(MLSERVER)
    settings = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port(), "debug": False}
    (place / "settings.json").write_text(json.dumps(settings))
    model = {"name": path.stem, "implementation": "graph.Graph", "parameters": {"uri": str(path)}}
    (place / "model-settings.json").write_text(json.dumps(model))
    command = [python, "-m", "mlserver.cli", "start", "."]
    program = Path(python).with_name("mlserver")
    command = [str(program), "start", "."] if program.exists() else command
    return started(command, port, "/v2/health/ready", place, folder / "mlserver.log")


def bentoml(python: str, path: Path, folder: Path) -> Any:
    port = free_port()
    place = folder / "bentoml"
    place.mkdir()
    (place / "service.py").write_text(BENTOML)
    (place / "graph.onnx").write_bytes(path.read_bytes())
    command = [python, "-m", "bentoml", "serve", "service:Graph", "--port", str(port)]
    return started(command, port, "/readyz", place, folder / "bentoml.log")


def table(
    graph: str, found: dict[tuple[str, str, int], tuple[list[float], list[int], float]], alone: list[float]
) -> None:
    print(f"\n{graph}: ONNX Runtime alone {1 / np.mean(alone):.0f} runs/s, median {np.median(alone) * 1e3:.2f} ms\n")
    print("| server | form | connections | requests/s | median ms | p99 ms | refused |\n|---|---|---|---|---|---|---|")
    for (server, form, connections), (took, refused, seconds) in found.items():
        rate, milliseconds = len(took) / seconds, np.array(took or [np.nan]) * 1e3
        middle, late = np.median(milliseconds), np.quantile(milliseconds, 0.99)
        print(f"| {server} | {form} | {connections} | {rate:.0f} | {middle:.2f} | {late:.2f} | {len(refused)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mlserver", metavar="PYTHON", help="a Python that has mlserver and onnxruntime")
    parser.add_argument("--bentoml", metavar="PYTHON", help="a Python that has bentoml and onnxruntime")
    parser.add_argument("--graphs", nargs="+", default=list(GRAPHS), choices=list(GRAPHS))
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1, help="processes of Sixfold")
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    asked = parser.parse_args()
    for graph in asked.graphs:
        with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
            folder = Path(name)
            path = folder / f"{graph}.onnx"
            entry, datatype, row = GRAPHS[graph](path)
            bodies = requests(f"/v2/models/{graph}/infer", entry, datatype, row)
            servers = {"Sixfold": (stack.enter_context(sixfold_server(path, folder, asked.workers)), bodies)}
            if asked.mlserver:
                servers["MLServer"] = (stack.enter_context(mlserver(asked.mlserver, path, folder)), bodies)
            if asked.bentoml:
                own = whole("/infer", json.dumps({"x": row.tolist()}).encode(), "")
                servers["BentoML"] = (stack.enter_context(bentoml(asked.bentoml, path, folder)), {"JSON": own})
            found: dict[tuple[str, str, int], tuple[list[float], list[int], float]] = {}
            alone: list[float] = []
            for port, own_bodies in servers.values():
                for request in own_bodies.values():
                    measured(port, request, 2, 1)
            for _ in range(asked.rounds):
                alone += bare(path, entry, row, min(asked.seconds, 2))
                for connections in asked.connections:
                    for form in bodies:
                        for server, (port, own_bodies) in servers.items():
                            if form not in own_bodies:
                                continue
                            took, refused = measured(port, own_bodies[form], connections, asked.seconds)
                            before = found.get((server, form, connections), ([], [], 0.0))
                            spent = before[2] + asked.seconds
                            found[server, form, connections] = (before[0] + took, before[1] + refused, spent)
            table(graph, found, alone)


if __name__ == "__main__":
    main()
