"""Gradient-boosted trees."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import TABLE_FORMS, Array, Form
from sixfold.language import Text
from sixfold.networks._forest import (
    IR,
    ML_OPSET,
    MOST_INDICATED,
    OPSET,
    Ensemble,
    matrix,
    means,
    rounds,
    table_nodes,
    tables_of,
)
from sixfold.networks._network import Draw, Facts, Fitted, Proposal, Rows
from sixfold.tasks import Output

__all__ = ["Trees"]

_ROUNDS = 4000
_PATIENCE = 60
"""Rounds without a better loss on rows held out before no more trees are added."""

_TOLD_EVERY = 10
_OBJECTIVES = {"sigmoid": "binary", "softmax": "multiclass", "linear": "regression"}

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
        return 30 if all(form.name in TABLE_FORMS for form in given.values()) else 0

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
        tables = tables_of(rows, given)
        training = _Side(matrix(rows.inputs, given, tables), _labels(rows.targets, output))
        _cross_fit(training.table, rows, given, tables, seed)
        held = _Side(matrix(validation.inputs, given, tables), _labels(validation.targets, output))
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
            "trees": sum(rounds(booster) for booster in boosters),
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


def _cross_fit(table: Array, rows: Rows, given: Mapping[str, Form], tables: Mapping[str, Array], seed: int) -> None:
    """Put for each training row the mean target of other rows in the place of that which its own target is part of."""
    if rows.targets.shape[1] > 1:
        return
    fold = np.random.default_rng(seed).integers(0, _CROSS_FOLDS, len(rows.targets))
    end = 0
    for name, form in given.items():
        end += tables[name].shape[1] if name in tables else math.prod(form.shape)
        if name not in tables or form.vocabulary <= MOST_INDICATED:
            continue
        ids, targets = rows.inputs[name], rows.targets[:, 0]
        for number in range(_CROSS_FOLDS):
            out = fold == number
            if out.any() and not out.all():
                table[out, end - 1] = means(ids[~out], targets[~out], form.vocabulary)[ids[out]]


def _labels(targets: Array, output: Output) -> Array:
    return targets.argmax(axis=1) if output.units > 1 else np.ascontiguousarray(targets[:, 0])


def _graph(
    boosters: list[Any], given: Mapping[str, Form], tables: Mapping[str, Array], output: Output
) -> tuple[bytes, int]:
    """The boosters' mean as an ONNX graph, and how many leaves it has."""
    import onnx
    from onnx import TensorProto, helper

    inputs, nodes, constants = table_nodes(given, tables)
    trees = Ensemble()
    for booster in boosters:
        told = booster.dump_model(num_iteration=rounds(booster))
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
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
    )
    model.ir_version = IR
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString()), trees.leaves
