"""Products with their artefacts, ready to be evaluated."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import polars as pl
from onnx import TensorProto, helper, numpy_helper
from PIL import Image as Pillow
from safetensors.numpy import save
from sklearn.linear_model import LogisticRegression, Ridge

from sixfold.evaluation import every_chapter
from sixfold.fields import Field
from sixfold.product import Product
from sixfold.store import Artefact, Store, Workspace


class Case:
    """A product with the artefacts of collect, prepare and train, ready to be evaluated."""

    def __init__(self, store: Store, product: Product, rows: pl.DataFrame, **told: Any) -> None:
        self.store, self.product, self.rows = store, product, rows
        self.given = {name: spec.field(name) for name, spec in product.given.items()}
        self.target = product.target.field(product.target_name)
        self.splits = self._split(told.pop("test_rows", 0.3))
        self.data = told.pop("data", {})
        self.weights = told.pop("weights", None)
        self.made: dict[str, Artefact] = {}
        self._collect()
        self._prepare()
        self._train(told.pop("harm", 0.0))

    @property
    def inputs(self) -> Mapping[str, Artefact]:
        return self.made

    def work(self, stage: str = "evaluate", listener: Callable[[Any], None] = lambda _: None) -> Workspace:
        return Workspace(self.store, stage, f"{stage}-{self.product.name}", 0, listener)

    def _split(self, test: float) -> dict[str, np.ndarray]:
        order = np.random.default_rng(1).permutation(self.rows.height)
        tested, validated = int(len(order) * test), int(len(order) * 0.2)
        parts = {
            "test": order[:tested],
            "validation": order[tested : tested + validated],
            "train": order[tested + validated :],
        }
        return {name: np.sort(part) for name, part in parts.items()}

    def _collect(self) -> None:
        work, middle = self.work("collect"), self.rows.height // 2
        for number, part in enumerate((self.rows[:middle], self.rows[middle:])):
            stream = io.BytesIO()
            part.write_parquet(stream)
            work.write(f"rows-{number:05}.parquet", stream.getvalue())
        about = {
            "rows": self.rows.height,
            "columns": [name for name in self.rows.columns if not name.startswith("__")],
            "splits": None,
            "provenance": {
                "place": "sklearn",
                "name": "sklearn",
                "kind": "sklearn",
                "digest": "0" * 64,
                "bytes": 1,
                "licence": "BSD-3-Clause",
                "origin": None,
                "detected": {"delimiter": ","},
            },
            "digest": "0" * 64,
        }
        self.made["collect"] = self.store.keep("collect", "collect-key", about, work.members, 0.4)

    def _values(self, name: str, rows: np.ndarray) -> list[Any]:
        column = self.rows[name].to_list()
        return [column[row] for row in rows]

    def _prepare(self) -> None:
        work, train = self.work("prepare"), self.splits["train"]
        fields: dict[str, Field] = {}
        for name, field in {**self.given, self.target.name: self.target}.items():
            fields[name] = field.fit(self._values(name, train))
        self.given = {name: fields[name] for name in self.given}
        self.target = fields[self.target.name]
        self.arrays: dict[str, dict[str, np.ndarray]] = {}
        shards = []
        for split, rows in self.splits.items():
            parts = np.array_split(rows, 2)
            arrays = []
            for number, part in enumerate(parts):
                encoded = {name: field.encode(self._values(name, part)) for name, field in fields.items()}
                encoded["__row__"] = part.astype(np.int64)
                data = save({name: np.ascontiguousarray(array) for name, array in encoded.items()})
                work.write(f"{split}-{number:05}.safetensors", data)
                shards.append(
                    {"name": f"{split}-{number:05}.safetensors", "split": split, "rows": len(part), "bytes": len(data)}
                )
                arrays.append(encoded)
            self.arrays[split] = {name: np.concatenate([part[name] for part in arrays]) for name in arrays[0]}
        given = [field.to_json() for field in self.given.values()]
        work.write_json("fields.json", {"given": given, "target": self.target.to_json()})
        work.write_json("shards.json", shards)
        report = {
            "findings": [
                {
                    "check": "duplicate rows",
                    "severity": "warning",
                    "column": None,
                    "count": 3,
                    "rows": [1],
                    "says": {"en": "3 rows repeat another row.", "zh": "3 行与别的行完全相同。"},
                    "mend": {"en": "Remove them.", "zh": "请删除。"},
                }
            ],
            "columns": {},
            "splits": {name: {"rows": len(rows)} for name, rows in self.splits.items()},
            "split": {"way": "stratified", "official": []},
            "shared_rows": {"train/test": 0, "train/validation": 0, "validation/test": 0},
            "leaked_test_rows": [],
            "left_out": {"missing target": 2},
            "pictures": {},
            **self.data,
        }
        work.write_json("report.json", report)
        self.made["prepare"] = self.store.keep("prepare", "prepare-key", {}, work.members, 1.2)

    def _flat(self, split: str) -> np.ndarray:
        arrays = self.arrays[split]
        return np.concatenate(
            [arrays[name].reshape(len(arrays[name]), -1).astype(np.float32) for name in self.given], axis=1
        )

    def _train(self, harm: float) -> None:
        work = self.work("train")
        x, y = self._flat("train"), self.arrays["train"][self.target.name]
        scale, kind = float(np.abs(x).max()), self.target.kind()
        if kind == "number":
            line = Ridge(alpha=1e-3).fit(x / scale, y[:, 0])
            coefficients, bias = line.coef_[None], np.array([line.intercept_], np.float32)
        else:
            model = LogisticRegression(max_iter=300).fit(x / scale, y - 1)
            coefficients, bias = model.coef_, model.intercept_.astype(np.float32)
        weights = (coefficients / scale).T.astype(np.float32)
        if harm:
            weights = weights + np.random.default_rng(0).normal(0, harm, weights.shape).astype(np.float32)
        activation = {"number": "Identity", "yes_no": "Sigmoid"}.get(kind, "Softmax")
        graph = graph_of(self.given, weights, bias, activation)
        work.write("graph.onnx", graph)
        work.write_json("network.json", {"kind": "mlp", "versions": {"keras": "3.15.1"}})
        metric = "mean_absolute_error" if kind == "number" else "accuracy"
        history = [
            {
                "epoch": n,
                "seconds": 0.5,
                "loss": 1 / n,
                metric: 1 - 0.5 / n,
                "val_loss": 1.1 / n,
                f"val_{metric}": 0.9,
            }
            for n in range(1, 9)
        ]
        work.write_json("history.json", history)
        about = {"network": "mlp", "parameters": int(weights.size + bias.size), "epochs": 8, "best_epoch": 7,
                 "seconds": 4.2}  # fmt: skip
        self.made["train"] = self.store.keep("train", "train-key", about, work.members, 5.0)


def graph_of(given: Mapping[str, Field], weights: np.ndarray, bias: np.ndarray, activation: str) -> bytes:
    """Cast → Flatten → Concat → Gemm → activation, with a dynamic batch."""
    inputs, nodes, flat = [], [], []
    kinds = {"uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT, "int32": TensorProto.INT32}
    for index, field in enumerate(given.values()):
        name = f"given_{index}"
        inputs.append(helper.make_tensor_value_info(name, kinds[field.form.dtype], ["batch", *field.form.shape]))
        nodes.append(helper.make_node("Cast", [name], [f"cast_{index}"], to=TensorProto.FLOAT))
        if field.form.shape:
            nodes.append(helper.make_node("Flatten", [f"cast_{index}"], [f"flat_{index}"]))
        else:
            nodes.append(helper.make_node("Unsqueeze", [f"cast_{index}", "axis"], [f"flat_{index}"]))
        flat.append(f"flat_{index}")
    nodes.append(helper.make_node("Concat", flat, ["all"], axis=1))
    nodes.append(helper.make_node("Gemm", ["all", "weights", "bias"], ["logits"]))
    nodes.append(helper.make_node(activation, ["logits"], ["output"]))
    constants = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(bias, "bias"),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
    ]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", weights.shape[1]])
    graph = helper.make_graph(nodes, "linear", inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(pixels.astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def without_chapters(html: str) -> str:
    """The page without what chapters draw: only what stands there whatever chapters there are."""
    names = "|".join(kind.kind() for kind in every_chapter())
    return re.sub(rf'<section id="({names})">.*?</section>', "", html, flags=re.DOTALL)
