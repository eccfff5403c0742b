"""Tables for trees, and LightGBM's trees as nodes of an ONNX graph: what every network of trees has in common."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from sixfold.fields import Array, Form
from sixfold.networks._network import Rows

__all__ = [
    "IR",
    "ML_OPSET",
    "MOST_INDICATED",
    "OPSET",
    "Ensemble",
    "matrix",
    "means",
    "rounds",
    "table_nodes",
    "tables_of",
]

OPSET, ML_OPSET, IR = 18, 3, 10

MOST_INDICATED = 16
"""Values of a category up to which each has an indicator of its own."""

_SMOOTHED_BY = 10.0


def _table_of(ids: Array, targets: Array, vocabulary: int) -> Array:
    """What stands for each id: float32 (vocabulary, size): its place, how often it comes, and indicators or the mean
    target.
    """
    counts = np.bincount(ids, minlength=vocabulary)
    places = np.arange(vocabulary)
    if vocabulary <= 3:  # noqa: PLR2004 — two values and none: the place says it all
        return places[:, None].astype(np.float32)
    parts = [places[:, None], np.log1p(counts)[:, None]]
    if vocabulary <= MOST_INDICATED:
        parts.append(np.eye(vocabulary))
    elif targets.shape[1] == 1:
        parts.append(means(ids, targets[:, 0], vocabulary)[:, None])
    return np.concatenate(parts, axis=1).astype(np.float32)


def means(ids: Array, targets: Array, vocabulary: int) -> Array:
    """The mean target of each id, drawn towards that of all where it comes seldom."""
    counts = np.bincount(ids, minlength=vocabulary)
    sums = np.bincount(ids, targets, minlength=vocabulary)
    return np.asarray((sums + _SMOOTHED_BY * targets.mean()) / (counts + _SMOOTHED_BY))


def tables_of(rows: Rows, given: Mapping[str, Form]) -> dict[str, Array]:
    """For each given category what stands for its values (see :func:`_table_of`), learned from training rows."""
    return {
        name: _table_of(rows.inputs[name], rows.targets, form.vocabulary)
        for name, form in given.items()
        if form.name == "ids"
    }


def matrix(inputs: Mapping[str, Array], given: Mapping[str, Form], tables: Mapping[str, Array]) -> Array:
    """All columns side by side: float32 (n, size); in the order of the graph's inputs."""
    parts = [tables[name][inputs[name]] if name in tables else np.asarray(inputs[name], np.float32) for name in given]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def rounds(booster: Any) -> int:
    """How many rounds of a booster count: up to its best one."""
    return int(booster.best_iteration) if booster.best_iteration > 0 else int(booster.current_iteration())


def table_nodes(given: Mapping[str, Form], tables: Mapping[str, Array]) -> tuple[list[Any], list[Any], list[Any]]:
    """The inputs of a graph, and the nodes and constants that lay them side by side as ``table`` (n, size)."""
    from onnx import TensorProto, helper, numpy_helper

    types = {"float32": TensorProto.FLOAT, "int32": TensorProto.INT32, "uint8": TensorProto.UINT8}
    inputs, nodes, constants = [], [], []
    for name, form in given.items():
        inputs.append(helper.make_tensor_value_info(name, types[form.dtype], [None, *form.shape]))
        if name in tables:
            constants.append(numpy_helper.from_array(tables[name], f"{name}_table"))
            nodes.append(helper.make_node("Gather", [f"{name}_table", name], [f"{name}_flat"], axis=0))
        else:
            constants.append(helper.make_tensor(f"{name}_shape", TensorProto.INT64, [2], [-1, math.prod(form.shape)]))
            nodes.append(helper.make_node("Cast", [name], [f"{name}_number"], to=TensorProto.FLOAT))
            nodes.append(helper.make_node("Reshape", [f"{name}_number", f"{name}_shape"], [f"{name}_flat"]))
    parts = [f"{name}_flat" for name in given]
    nodes.append(helper.make_node("Concat", parts, ["table"], axis=1))
    return inputs, nodes, constants


class Ensemble:
    """The attributes of an ONNX tree ensemble, tree by tree."""

    def __init__(self) -> None:
        self.leaves = self._trees = 0
        self._nodes: dict[str, list[Any]] = {
            name: [] for name in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
        }
        self._targets: dict[str, list[Any]] = {name: [] for name in ("treeids", "nodeids", "ids", "weights")}

    def add(self, root: Mapping[str, Any], target: int, weight: float) -> None:
        """Take in one of LightGBM's trees, which adds ``weight`` times its leaf to ``target``."""
        numbered = list(_walked(root))
        places = {id(node): place for place, node in enumerate(numbered)}
        for place, node in enumerate(numbered):
            is_leaf = "leaf_value" in node
            below = (0, 0) if is_leaf else (places[id(node["left_child"])], places[id(node["right_child"])])
            values = (
                *(self._trees, place, 0 if is_leaf else node["split_feature"]),
                *(0.0 if is_leaf else _float_below(node["threshold"]), "LEAF" if is_leaf else "BRANCH_LEQ", *below),
            )
            for name, value in zip(self._nodes, values, strict=True):
                self._nodes[name].append(value)
            if is_leaf:
                self.leaves += 1
                of_leaf = (self._trees, place, target, weight * node["leaf_value"])
                for name, value in zip(self._targets, of_leaf, strict=True):
                    self._targets[name].append(value)
        self._trees += 1

    def attributes(self) -> dict[str, list[Any]]:
        """As the operator wants them."""
        return {
            **{f"nodes_{name}": values for name, values in self._nodes.items()},
            **{f"target_{name}": values for name, values in self._targets.items()},
        }


def _walked(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for side in ("left_child", "right_child"):
        if side in node:
            yield from _walked(node[side])


def _float_below(threshold: float) -> float:
    """The largest float32 that is not above: then x ≤ t says the same of every float32 x."""
    near = np.float32(threshold)
    return float(near if float(near) <= threshold else np.nextafter(near, np.float32(-np.inf)))
