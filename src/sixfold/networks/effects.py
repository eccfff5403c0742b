"""Effects of a choice by trees: the S-, T- and DR-learner over gradient boosting and random forests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import TABLE_FORMS, Array, Form, FormName
from sixfold.language import Text
from sixfold.networks._forest import IR, ML_OPSET, OPSET, Ensemble, matrix, rounds, table_nodes, tables_of
from sixfold.networks._network import Facts, Fitted, Proposal, Rows
from sixfold.tasks import Output

__all__ = ["Effects"]

_ROUNDS, _PATIENCE, _UNJUDGED_ROUNDS, _HURRIED = 800, 40, 150, 40
_FEWEST_TO_JUDGE = 10
"""Held out rows below which a booster is not stopped by them, but grown to so many rounds as usually serve."""

_SHRINKAGE = 0.03
_TREES, _MOST_LEAVES = 150, 128
_FEW_ROWS = 2_000
_FOLDS = 3
_WORTH_THREADS = 5_000_000
"""Cells of a table below which several threads of one model wait for each other longer than they work."""

_LEAST_CHANCE = 0.02
"""No row weighs more than fifty: beyond, a handful of rows that nearly never got their arm would decide alone."""


class Effects(Fitted):
    """What each arm would lead to, by boosted trees and random forests (LightGBM, Ke et al. 2017), averaged.

    The *T-learner* (Künzel et al. 2019) fits the outcome under each arm by itself; the *S-learner* fits one model with
    the arm among its columns; the *DR-learner* (Kennedy 2023) fits the effect to doubly robust scores, made of outcome
    and chance models that never saw the row. Chances of arms are fitted by boosted trees.
    """

    title: ClassVar[Text] = Text("effects by trees", "树模型效应估计")
    makes: ClassVar[tuple[FormName | Literal["arms", "ways"], ...]] = ("arms",)

    class Options(KindOptions):
        """``learner``: t (a model for each arm), s (one with the arm among its columns) or dr (doubly robust).

        ``trees``: boosted, forest, or both, averaged.
        """

        learner: Literal["t", "s", "dr"] = "t"
        trees: Literal["boosted", "forest", "both"] = "both"

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 30 if all(form.name in TABLE_FORMS for form in given.values()) else 0

    def first(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Sequence[Proposal]:  # noqa: ARG002
        return tuple(Proposal({"learner": learner}) for learner in ("t", "s", "dr"))

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
            raise TrainingError("does_not_suit", network="effects", expected="a table", received=kinds)
        tables = tables_of(rows, given)
        arms = output.units // 2
        training, held = (
            _Side(matrix(side.inputs, given, tables), side.targets[:, 0].astype(np.int64), side.targets[:, 1].copy())
            for side in (rows, validation)
        )
        grower = _Grower(self._said.trees, seed, _STEPS[self._said.learner](arms), tell)
        if len(held.outcomes):  # until outcomes are learned: that of saying their mean
            grower.loss = float(((held.outcomes - training.outcomes.mean()) ** 2).mean())
        chances = grower.chances(training, held, arms)
        match self._said.learner:
            case "t":
                outcomes: list[_Model] = _by_arm(grower, training, held, arms)
            case "s":
                outcomes = _with_arm(grower, training, held, arms)
            case _:
                outcomes = _doubly_robust(grower, training, held, arms, seed)
        grower.finish(_squared(outcomes, held, is_effect=self._said.learner == "dr"))
        graph, leaves = _graph(outcomes, chances, given, tables, output, is_effect=self._said.learner == "dr")
        return graph, {"parameters": leaves, "learner": self._said.learner, "was_cut": grower.is_up}

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Effects.Options)
        return self.options


_STEPS: Mapping[str, Callable[[int], int]] = {
    "t": lambda arms: 1 + arms,
    "s": lambda arms: 2,  # noqa: ARG005
    "dr": lambda arms: (1 + _FOLDS) * (1 + arms) + arms - 1,
}
"""How many models each learner fits."""


@dataclass(frozen=True)
class _Side:
    """Rows: the table (n, size), the arm (n,) and the outcome (n,) of each."""

    table: Array
    arms: Array
    outcomes: Array

    def kept(self, keep: Array) -> _Side:
        return _Side(self.table[keep], self.arms[keep], self.outcomes[keep])


@dataclass(frozen=True)
class _Model:
    """The weighted sum of trees: LightGBM's own form of each, and what says the same of a table (n, size): (n,)."""

    trees: list[tuple[Mapping[str, Any], float]]
    tell: Callable[[Array], Array]


class _Grower:
    """Grows models, one after another; tells of each, and grows quickly once the time is up."""

    def __init__(self, kind: str, seed: int, steps: int, tell: Callable[[int, int, float], bool]) -> None:
        self._kind, self._seed, self._steps, self._tell = kind, seed, steps, tell
        self._done, self.is_up = 0, False
        self.loss = 0.0

    def finish(self, loss: float) -> None:
        self._tell(self._steps, self._steps, loss)

    def model(self, table: Array, labels: Array, judge: Array, judge_labels: Array) -> _Model:
        """Numbers (n,) from a table (n, size); the second one is only to stop by."""
        with ThreadPoolExecutor(2) as pool:
            wanted = []
            if self._kind != "forest":
                wanted.append((pool.submit(self._boosted, "regression", table, labels, judge, judge_labels), False))
            if self._kind != "boosted":
                wanted.append((pool.submit(self._forest, table, labels), True))
            parts = [(grown.result(), is_mean) for grown, is_mean in wanted]
        self._step()
        trees = []
        for booster, is_mean in parts:
            told = booster.dump_model(num_iteration=rounds(booster))["tree_info"]
            weight = 1 / len(parts) / (len(told) if is_mean else 1)
            trees += [(tree["tree_structure"], weight) for tree in told]
        boosters = [booster for booster, _ in parts]
        return _Model(
            trees, lambda rows: np.mean([one.predict(rows, num_iteration=rounds(one)) for one in boosters], axis=0)
        )

    def chances(self, side: _Side, judge: _Side, arms: int) -> Any:
        """The booster that tells the chances of arms."""
        booster = self._boosted("multiclass", side.table, side.arms, judge.table, judge.arms, num_class=arms)
        self._step()
        return booster

    def _step(self) -> None:
        self._done += 1
        if not self._tell(self._done, self._steps, self.loss):
            self.is_up = True

    def _boosted(
        self, objective: str, table: Array, labels: Array, judge: Array, judge_labels: Array, **settings: Any
    ) -> Any:
        import lightgbm

        is_few = len(table) < _FEW_ROWS
        settings |= {
            **self._common(objective, table),
            "num_leaves": 7 if is_few or objective == "multiclass" else 15,
            "learning_rate": _SHRINKAGE,
            "min_data_in_leaf": min(15 if is_few else 30, max(1, len(table) // 8)),
            "feature_fraction": 0.7,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
        }
        training = lightgbm.Dataset(table, labels, params=settings)
        is_judged = len(judge) >= _FEWEST_TO_JUDGE
        most = _HURRIED if self.is_up else _ROUNDS if is_judged else _UNJUDGED_ROUNDS
        return lightgbm.train(
            settings,
            training,
            most,
            valid_sets=[training.create_valid(judge, judge_labels)] if is_judged else [],
            callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)] if is_judged else [],
        )

    def _forest(self, table: Array, labels: Array) -> Any:
        import lightgbm

        settings = {
            **self._common("regression", table),
            "boosting": "rf",
            "num_leaves": _MOST_LEAVES,
            "min_data_in_leaf": 5,
            "bagging_fraction": 0.63,
            "bagging_freq": 1,
            "feature_fraction_bynode": 0.5,
        }
        data = lightgbm.Dataset(table, labels, params=settings)
        return lightgbm.train(settings, data, _HURRIED if self.is_up else _TREES)

    def _common(self, objective: str, table: Array) -> dict[str, Any]:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return {
            "objective": objective,
            "seed": self._seed,
            "num_threads": 1 if table.size < _WORTH_THREADS else cores,
            "use_missing": False,  # what is missing has a column of its own, or an id
            "verbose": -1,
            "deterministic": True,
            "force_row_wise": True,
        }


def _by_arm(grower: _Grower, side: _Side, judge: _Side, arms: int) -> list[_Model]:
    """The T-learner: of each arm a model of its own."""
    found = []
    for arm in range(arms):
        own, held = side.kept(side.arms == arm), judge.kept(judge.arms == arm)
        found.append(grower.model(own.table, own.outcomes, held.table, held.outcomes))
    return found


def _with_arm(grower: _Grower, side: _Side, judge: _Side, arms: int) -> list[_Model]:
    """The S-learner: one model, told the arm by an indicator of each but the first; of each arm its trees are cut to
    the ways that the arm leaves open."""

    def told(table: Array, chosen: Array) -> Array:
        return np.concatenate([table, np.eye(arms, dtype=np.float32)[chosen][:, 1:]], axis=1)

    def under(arm: int, table: Array) -> Array:
        return model.tell(told(table, np.full(len(table), arm)))

    size = side.table.shape[1]
    model = grower.model(told(side.table, side.arms), side.outcomes, told(judge.table, judge.arms), judge.outcomes)
    found = []
    for arm in range(arms):
        indicators = {size + place: float(place + 1 == arm) for place in range(arms - 1)}
        trees = [(_cut(root, indicators), weight) for root, weight in model.trees]
        found.append(_Model(trees, partial(under, arm)))
    return found


def _cut(node: Mapping[str, Any], known: Mapping[int, float]) -> Mapping[str, Any]:
    """A tree where the values of some columns are known: without their splits."""
    if "leaf_value" in node:
        return node
    if (value := known.get(node["split_feature"])) is not None:
        return _cut(node["left_child" if value <= node["threshold"] else "right_child"], known)
    return {
        **node,
        "left_child": _cut(node["left_child"], known),
        "right_child": _cut(node["right_child"], known),
    }


def _doubly_robust(grower: _Grower, side: _Side, judge: _Side, arms: int, seed: int) -> list[_Model]:
    """The DR-learner: the first arm's outcome, and of each other arm its effect, from cross-fitted scores."""
    fold = np.random.default_rng(seed).permutation(len(side.arms)) % _FOLDS
    scores = np.zeros((len(side.arms), arms))
    for number in range(_FOLDS):
        rest, own = side.kept(fold != number), side.kept(fold == number)
        models, chances = _by_arm(grower, rest, judge, arms), grower.chances(rest, judge, arms)
        scores[fold == number] = _scores(models, chances, own)
    whole = _by_arm(grower, side, judge, arms)
    judged = _scores(whole, grower.chances(side, judge, arms), judge) if len(judge.arms) else np.zeros((0, arms))
    return [
        whole[0],
        *(
            grower.model(side.table, scores[:, arm] - scores[:, 0], judge.table, judged[:, arm] - judged[:, 0])
            for arm in range(1, arms)
        ),
    ]


def _scores(models: Sequence[_Model], chances: Any, side: _Side) -> Array:
    """Doubly robust scores of each arm's outcome: (n, arms)."""
    expected = np.stack([model.tell(side.table) for model in models], axis=1)
    chance = np.maximum(chances.predict(side.table, num_iteration=rounds(chances)), _LEAST_CHANCE)
    got = np.eye(len(models))[side.arms]
    return np.asarray(expected + got * (side.outcomes[:, None] - expected) / chance)


def _squared(models: Sequence[_Model], judge: _Side, *, is_effect: bool) -> float:
    """The mean squared error of held out outcomes."""
    if not len(judge.arms):
        return 0.0
    expected = np.stack([model.tell(judge.table) for model in models], axis=1)
    if is_effect:
        expected[:, 1:] += expected[:, :1]
    own = expected[np.arange(len(judge.arms)), judge.arms]
    return float(((own - judge.outcomes) ** 2).mean())


def _graph(
    outcomes: Sequence[_Model],
    chances: Any,
    given: Mapping[str, Form],
    tables: Mapping[str, Array],
    output: Output,
    *,
    is_effect: bool,
) -> tuple[bytes, int]:
    """The models as an ONNX graph, and how many leaves it has."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    arms = len(outcomes)
    inputs, nodes, constants = table_nodes(given, tables)
    trees = Ensemble()
    for place, root, weight in _placed(outcomes, chances):
        trees.add(root, place, weight)
    nodes.append(
        helper.make_node(
            *("TreeEnsembleRegressor", ["table"], ["scores"]),
            domain="ai.onnx.ml",
            n_targets=2 * arms,
            **trees.attributes(),
        )
    )
    sums = np.eye(arms, dtype=np.float32)
    if is_effect:  # each arm's outcome is the first one's and the effect
        sums[0] = 1
    constants += [
        numpy_helper.from_array(sums, "sums"),
        numpy_helper.from_array(np.array([arms, arms], np.int64), "halves"),
        *(numpy_helper.from_array(np.array(end, np.float32), name) for name, end in (("none", 0.0), ("all", 1.0))),
    ]
    nodes += [
        helper.make_node("Split", ["scores", "halves"], ["told", "odds"], axis=1),
        helper.make_node("MatMul", ["told", "sums"], ["outcomes"]),
        helper.make_node("Softmax", ["odds"], ["chances"], axis=1),
    ]
    if output.activation == "sigmoid":
        nodes.append(helper.make_node("Clip", ["outcomes", "none", "all"], ["held"]))
    nodes.append(
        helper.make_node(
            "Concat", ["held" if output.activation == "sigmoid" else "outcomes", "chances"], ["output"], axis=1
        )
    )
    answers = helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, output.units])
    model = helper.make_model(
        helper.make_graph(nodes, "effects", inputs, [answers], constants),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)],
    )
    model.ir_version = IR
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString()), trees.leaves


def _placed(outcomes: Sequence[_Model], chances: Any) -> Iterator[tuple[int, Mapping[str, Any], float]]:
    """Every tree with what it adds to, and its weight: first the outcomes', then the chances'."""
    for arm, model in enumerate(outcomes):
        for root, weight in model.trees:
            yield arm, root, weight
    for place, tree in enumerate(chances.dump_model(num_iteration=rounds(chances))["tree_info"]):
        yield len(outcomes) + place % len(outcomes), tree["tree_structure"], 1.0
