"""Gradient-boosted trees."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
"""Rounds without a better loss on rows held out before no more trees are added."""

_TOLD_EVERY = 10
_OPSET, _ML_OPSET, _IR = 18, 3, 10
_OBJECTIVES = {"sigmoid": "binary", "softmax": "multiclass", "linear": "regression"}
_PLAIN_FORMS = ("vector", "ids", "points")

_FEW_ROWS = 2_000
_LEAVES = (
    (_FEW_ROWS, (3, 7, 15, 7)),
    (5_000, (7, 15, 7, 15)),
    (15_000, (31, 15, 15, 31)),
    (math.inf, (31, 31, 15, 31)),
)
"""Leaves of the boosters in turn, of each seed and bag another, below so many rows."""

_LEAF_ROWS_OF_FEW, _LEAF_ROWS = (3, 8, 15), (5, 20, 50)
_COLUMNS = (0.8, 0.5, 0.8)
_SMOOTHING = 3.0
"""Boosters that differ err differently: on 29 tables their mean was better than that of any one setting."""

_MOST_INDICATED = 16
_SMOOTHED_BY = 10.0
_CROSS_FOLDS = 5


class Trees(Fitted):
    """Gradient-boosted trees (Friedman 2001) by LightGBM (Ke et al. 2017), for tables.

    Several boosters are averaged, each with other sizes of trees, on a random share of rows and columns; each stops
    where the loss on validation rows does.
    A category counts as its place, as how often it comes, and as an indicator each where it has few values; where it
    has many, as the mean target of its value (Micci-Barreca 2001), computed for each training row from other rows. The
    graph holds the very same trees: thresholds are rounded to the float32 below, so that every row takes the same way
    as in LightGBM.
    """

    title: ClassVar[Text] = Text("boosted trees", "梯度提升树")
    version: ClassVar[int] = 2

    class Options(KindOptions):
        """``bags``: how many boosters of each fold are averaged. ``shrinkage``: what each tree counts.

        ``leaves``: most leaves of a tree; left out, of each booster others. ``leaf_rows``: fewest rows of a leaf; left
        out, of each booster others. ``columns``: the share of columns that each tree looks at; left out, of each
        booster another. ``lambda_2``: the L2 penalty of leaves.
        """

        leaves: int | None = Setting(default=None, ge=2, le=4096)
        bags: int = Setting(default=2, ge=1, le=64)
        shrinkage: float = Setting(default=0.03, gt=0, le=1)
        leaf_rows: int | None = Setting(default=None, ge=1)
        columns: float | None = Setting(default=None, gt=0, le=1)
        lambda_2: float = Setting(default=0.0, ge=0)

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
        if not self.suits(given):
            kinds = ", ".join(form.name for form in given.values())
            raise TrainingError("does_not_suit", network="trees", expected="a table", received=kinds)
        tables = {
            name: _table(rows.inputs[name], rows.targets, form.vocabulary)
            for name, form in given.items()
            if form.name == "ids"
        }
        training = _Side(_matrix(rows.inputs, given, tables), _labels(rows.targets, output))
        _cross_fit(training.table, rows, given, tables, seed)
        held = _Side(_matrix(validation.inputs, given, tables), _labels(validation.targets, output))
        clock = _Clock(self._said.bags, tell)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        threads = max(1, cores // self._said.bags)

        def grown(bag: int) -> tuple[Any, bool]:
            turn = seed * self._said.bags + bag
            settings = {**self._settings(output, len(training.labels), turn), "seed": turn, "num_threads": threads}
            return _booster(settings, training, held, bag, clock)

        with ThreadPoolExecutor(min(cores, self._said.bags)) as pool:  # a core a booster: no thread waits for another
            found = [pair for pair in pool.map(grown, range(self._said.bags)) if pair[0] is not None]
        boosters = [booster for booster, is_whole in found if is_whole] or [booster for booster, _ in found]
        clock.finish()
        graph, leaves = _graph(boosters, given, tables, output)
        return graph, {
            "parameters": leaves,
            "trees": sum(_rounds(booster) for booster in boosters),
            "was_cut": clock.is_up,
        }

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Trees.Options)
        return self.options

    def _settings(self, output: Output, rows: int, turn: int) -> dict[str, Any]:
        said = self._said
        leaves = next(turns for below, turns in _LEAVES if rows < below)
        leaf_rows = _LEAF_ROWS_OF_FEW if rows < _FEW_ROWS else _LEAF_ROWS
        pair = turn // 2
        return {
            "objective": _OBJECTIVES[output.activation],
            **({"num_class": output.units} if output.units > 1 else {}),
            "num_leaves": said.leaves or leaves[turn % len(leaves)],
            "learning_rate": said.shrinkage,
            "min_data_in_leaf": said.leaf_rows or leaf_rows[pair % len(leaf_rows)],
            "feature_fraction": said.columns or _COLUMNS[pair % len(_COLUMNS)],
            "bagging_fraction": 0.7 if rows < _FEW_ROWS else 0.8,
            "bagging_freq": 1,
            "lambda_l2": said.lambda_2,
            "path_smooth": _SMOOTHING,
            "use_missing": False,  # what is missing has a column of its own, or an id
            "verbose": -1,
            "deterministic": True,
            "force_row_wise": True,
        }


@dataclass(frozen=True)
class _Side:
    """Rows as LightGBM takes them: (n, size) and (n,)."""

    table: Array
    labels: Array


class _Clock:
    """Tells of all boosters together, whichever thread grows them; once the time is up, all of them end."""

    def __init__(self, bags: int, tell: Callable[[int, int, float], bool]) -> None:
        self._most, self._tell = bags * _ROUNDS, tell
        self._done, self._losses = [0] * bags, [math.inf] * bags
        self._lock = threading.Lock()
        self.is_up = False

    def heard(self, bag: int, rounds: int, loss: float) -> bool:
        """Whether a booster may go on."""
        with self._lock:
            self._done[bag], self._losses[bag] = rounds, loss
            if not self.is_up:
                self.is_up = not self._tell(sum(self._done), self._most, self._loss())
            return not self.is_up

    def finish(self) -> None:
        self._tell(self._most, self._most, self._loss())

    def _loss(self) -> float:
        known = [loss for loss in self._losses if math.isfinite(loss)]
        return float(np.mean(known)) if known else 0.0


def _booster(settings: dict[str, Any], part: _Side, judge: _Side, bag: int, clock: _Clock) -> tuple[Any, bool]:
    """A booster, and whether it ended of itself; ``None`` where the time was up before it began."""
    import lightgbm

    if clock.is_up and bag > 0:
        return None, False
    training = lightgbm.Dataset(part.table, part.labels, params=settings)
    is_judged = len(judge.labels) > 0
    losses: list[float] = []
    is_whole = True

    def heard(environment: Any) -> None:
        nonlocal is_whole
        if environment.evaluation_result_list:
            losses.append(float(environment.evaluation_result_list[0][2]))
        if environment.iteration % _TOLD_EVERY == 0:
            loss = min(losses, default=math.inf)
            if not clock.heard(bag, environment.iteration + 1, loss):
                is_whole = False
                best = int(np.argmin(losses)) if losses else environment.iteration
                raise lightgbm.callback.EarlyStopException(best, environment.evaluation_result_list)

    callbacks: list[Callable[[Any], None]] = [heard]
    if is_judged:
        callbacks.append(lightgbm.early_stopping(_PATIENCE, verbose=False))
    booster = lightgbm.train(
        settings,
        training,
        num_boost_round=_ROUNDS if is_judged else _PATIENCE,
        valid_sets=[training.create_valid(judge.table, judge.labels)] if is_judged else [],
        callbacks=callbacks,
    )
    return booster, is_whole


def _table(ids: Array, targets: Array, vocabulary: int) -> Array:
    """What stands for each id: float32 (vocabulary, size): its place, how often it comes, and indicators or the mean
    target.
    """
    counts = np.bincount(ids, minlength=vocabulary)
    places = np.arange(vocabulary)
    if vocabulary <= 3:  # noqa: PLR2004 — two values and none: the place says it all
        return places[:, None].astype(np.float32)
    parts = [places[:, None], np.log1p(counts)[:, None]]
    if vocabulary <= _MOST_INDICATED:
        parts.append(np.eye(vocabulary))
    elif targets.shape[1] == 1:
        parts.append(_means(ids, targets[:, 0], vocabulary)[:, None])
    return np.concatenate(parts, axis=1).astype(np.float32)


def _means(ids: Array, targets: Array, vocabulary: int) -> Array:
    """The mean target of each id, drawn towards that of all where it comes seldom."""
    counts = np.bincount(ids, minlength=vocabulary)
    sums = np.bincount(ids, targets, minlength=vocabulary)
    return np.asarray((sums + _SMOOTHED_BY * targets.mean()) / (counts + _SMOOTHED_BY))


def _cross_fit(table: Array, rows: Rows, given: Mapping[str, Form], tables: Mapping[str, Array], seed: int) -> None:
    """Put for each training row the mean target of other rows in the place of that which its own target is part of."""
    if rows.targets.shape[1] > 1:
        return
    fold = np.random.default_rng(seed).integers(0, _CROSS_FOLDS, len(rows.targets))
    end = 0
    for name, form in given.items():
        end += tables[name].shape[1] if name in tables else math.prod(form.shape)
        if name not in tables or form.vocabulary <= _MOST_INDICATED:
            continue
        ids, targets = rows.inputs[name], rows.targets[:, 0]
        for number in range(_CROSS_FOLDS):
            out = fold == number
            if out.any() and not out.all():
                table[out, end - 1] = _means(ids[~out], targets[~out], form.vocabulary)[ids[out]]


def _matrix(inputs: Mapping[str, Array], given: Mapping[str, Form], tables: Mapping[str, Array]) -> Array:
    """All columns side by side: float32 (n, size); in the order of the graph's inputs."""
    parts = [tables[name][inputs[name]] if name in tables else np.asarray(inputs[name], np.float32) for name in given]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _labels(targets: Array, output: Output) -> Array:
    return targets.argmax(axis=1) if output.units > 1 else np.ascontiguousarray(targets[:, 0])


def _rounds(booster: Any) -> int:
    """How many rounds of a booster count: up to its best one."""
    return int(booster.best_iteration) if booster.best_iteration > 0 else int(booster.current_iteration())


def _graph(
    boosters: list[Any], given: Mapping[str, Form], tables: Mapping[str, Array], output: Output
) -> tuple[bytes, int]:
    """The boosters' mean as an ONNX graph, and how many leaves it has."""
    import onnx
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
