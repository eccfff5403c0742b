"""Gradient-boosted trees."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Array, Form
from sixfold.language import Text
from sixfold.networks._network import Draw, Facts, Fitted, Proposal, Rows
from sixfold.tasks import Output

__all__ = ["Trees"]

_ROUNDS = 4000
_PATIENCE = 60
"""Rounds without a better validation loss before no more trees are added."""

_TOLD_EVERY = 10
_FEW_ROWS, _MANY_ROWS = 1_500, 8_000
_OPSET, _ML_OPSET, _IR = 18, 3, 10
_OBJECTIVES = {"sigmoid": "binary", "softmax": "multiclass", "linear": "regression"}
_PLAIN_FORMS = ("vector", "ids", "points")


class Trees(Fitted):
    """Gradient-boosted trees (Friedman 2001) by LightGBM (Ke et al. 2017), for tables.

    Boosters on random shares of rows and columns are averaged, one for each fold of the rows at least; each stops where
    the validation loss does. A category counts as the number of its place. The graph holds the very same trees:
    thresholds are rounded to the float32 below, so that every row takes the same way as in LightGBM.
    """

    title: ClassVar[Text] = Text("boosted trees", "梯度提升树")

    class Options(KindOptions):
        """``leaves``: most leaves of a tree; left out, by the rows. ``bags``: how many boosters of each fold.

        ``shrinkage``: what each tree counts. ``leaf_rows``: fewest rows of a leaf; left out, by the rows. ``columns``:
        the share of columns that each tree looks at. ``lambda_2``: the L2 penalty of leaves.
        """

        leaves: int | None = Setting(default=None, ge=2, le=4096)
        bags: int = Setting(default=1, ge=1, le=64)
        shrinkage: float = Setting(default=0.05, gt=0, le=1)
        leaf_rows: int | None = Setting(default=None, ge=1)
        columns: float = Setting(default=0.6, gt=0, le=1)
        lambda_2: float = Setting(default=1.0, ge=0)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 30 if all(form.name in _PLAIN_FORMS for form in given.values()) else 0

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal:  # noqa: ARG002
        return Proposal(
            options={
                "leaves": draw.suggest_int("leaves", 4, 96, log=True),
                "shrinkage": draw.suggest_float("shrinkage", 0.02, 0.12, log=True),
                "leaf_rows": draw.suggest_int("leaf_rows", 3, 100, log=True),
                "columns": draw.suggest_float("columns", 0.3, 1.0),
                "lambda_2": draw.suggest_float("lambda_2", 0.01, 30.0, log=True),
            }
        )

    def fit(
        self,
        rows: Rows,
        validation: Rows,
        given: Mapping[str, Form],
        output: Output,
        seed: int,
        tell: Callable[[int, int, float], bool],
    ) -> tuple[bytes, Mapping[str, Any]]:
        import lightgbm

        if not self.suits(given):
            kinds = ", ".join(form.name for form in given.values())
            raise TrainingError("does_not_suit", network="trees", expected="a table", received=kinds)
        settings = self._settings(output, len(rows.targets))
        training = lightgbm.Dataset(_matrix(rows.inputs, given), _labels(rows.targets, output), free_raw_data=False)
        held = training.create_valid(_matrix(validation.inputs, given), _labels(validation.targets, output))
        is_judged = len(validation.targets) > 0
        boosters, ended = [], False
        for bag in range(self._said.bags):
            if ended:
                break
            losses: list[float] = []

            def heard(environment: Any, losses: list[float] = losses, bag: int = bag) -> None:
                nonlocal ended
                if environment.evaluation_result_list:
                    losses.append(float(environment.evaluation_result_list[0][2]))
                if environment.iteration % _TOLD_EVERY == 0 and losses:
                    done = bag * _ROUNDS + environment.iteration + 1
                    ended = not tell(done, self._said.bags * _ROUNDS, min(losses))
                    if ended:
                        best = int(np.argmin(losses))
                        raise lightgbm.callback.EarlyStopException(best, environment.evaluation_result_list)

            callbacks: list[Callable[[Any], None]] = [heard]
            if is_judged:
                callbacks.append(lightgbm.early_stopping(_PATIENCE, verbose=False))
            boosters.append(
                lightgbm.train(
                    {**settings, "seed": seed * 1000 + bag},
                    training,
                    num_boost_round=_ROUNDS if is_judged else _PATIENCE,
                    valid_sets=[held] if is_judged else [],
                    callbacks=callbacks,
                )
            )
        tell(self._said.bags * _ROUNDS, self._said.bags * _ROUNDS, min(losses, default=0.0))
        graph, leaves = _graph(boosters, given, output)
        return graph, {"parameters": leaves, "trees": sum(_rounds(booster) for booster in boosters)}

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Trees.Options)
        return self.options

    def _settings(self, output: Output, rows: int) -> dict[str, Any]:
        said = self._said
        by_rows = 8 if rows < _FEW_ROWS else 16 if rows < _MANY_ROWS else 31
        return {
            "objective": _OBJECTIVES[output.activation],
            **({"num_class": output.units} if output.units > 1 else {}),
            "num_leaves": said.leaves or by_rows,
            "learning_rate": said.shrinkage,
            "min_data_in_leaf": said.leaf_rows or (5 if rows < _FEW_ROWS else 20),
            "feature_fraction": said.columns,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": said.lambda_2,
            "use_missing": False,  # what is missing has a column of its own, or an id
            "max_bin": 255,
            "verbose": -1,
            "deterministic": True,
            "force_row_wise": True,
        }


def _matrix(inputs: Mapping[str, Array], given: Mapping[str, Form]) -> Array:
    """All columns side by side: float32 (n, size), ids as numbers; in the order of the graph's inputs."""
    return np.concatenate(
        [np.asarray(inputs[name], np.float32).reshape(len(inputs[name]), -1) for name in given], axis=1
    )


def _labels(targets: Array, output: Output) -> Array:
    return targets.argmax(axis=1) if output.units > 1 else np.ascontiguousarray(targets[:, 0])


def _rounds(booster: Any) -> int:
    """How many rounds of a booster count: up to its best one."""
    return int(booster.best_iteration) if booster.best_iteration > 0 else int(booster.current_iteration())


def _graph(boosters: list[Any], given: Mapping[str, Form], output: Output) -> tuple[bytes, int]:
    """The boosters' mean as an ONNX graph, and how many leaves it has."""
    import onnx
    from onnx import TensorProto, helper

    types = {"float32": TensorProto.FLOAT, "int32": TensorProto.INT32, "uint8": TensorProto.UINT8}
    inputs, nodes, parts = [], [], []
    for name, form in given.items():
        inputs.append(helper.make_tensor_value_info(name, types[form.dtype], [None, *form.shape]))
        nodes.append(helper.make_node("Cast", [name], [f"{name}_number"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Reshape", [f"{name}_number", f"{name}_shape"], [f"{name}_flat"]))
        parts.append(f"{name}_flat")
    sizes = {f"{name}_shape": math.prod(form.shape) for name, form in given.items()}
    constants = [helper.make_tensor(name, TensorProto.INT64, [2], [-1, size]) for name, size in sizes.items()]
    nodes.append(helper.make_node("Concat", parts, ["table"], axis=1))
    trees = _Ensemble()
    for booster in boosters:
        told = booster.dump_model(num_iteration=_rounds(booster))
        for place, tree in enumerate(told["tree_info"]):
            trees.add(tree["tree_structure"], place % output.units, 1 / len(boosters))
    nodes.append(
        helper.make_node(
            "TreeEnsembleRegressor",
            ["table"],
            ["scores"],
            domain="ai.onnx.ml",
            n_targets=output.units,
            **trees.attributes(),
        )
    )
    end = {"sigmoid": ("Sigmoid", {}), "softmax": ("Softmax", {"axis": 1}), "linear": ("Identity", {})}
    operator, settings = end[output.activation]
    nodes.append(helper.make_node(operator, ["scores"], ["output"], **settings))
    answers = helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, output.units])
    model = helper.make_model(
        helper.make_graph(nodes, "trees", inputs, [answers], constants),
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid("ai.onnx.ml", _ML_OPSET)],
    )
    model.ir_version = _IR
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString()), trees.leaves


class _Ensemble:
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
