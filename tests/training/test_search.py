"""The adaptive search: on the clock, never losing what is finished, and one graph out of several."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

pytest.importorskip("keras")

import onnx
from onnx import TensorProto, helper
from test_training import _child_of, prepared, trial

from sixfold.errors import TrainingError
from sixfold.fields import Form
from sixfold.product import Product
from sixfold.progress import Epoch, Event, Note
from sixfold.store import Store, Workspace
from sixfold.tasks import Output, Task, task_of
from sixfold.training import Folds, Search
from sixfold.training._candidates import candidates
from sixfold.training._ensemble import calibrated, loss_of_rows, merged, mixture, temperature_of

__all__ = ["prepared"]

SCAN = {"given_0": Form(name="grid", shape=(8, 8, 1), dtype="uint8")}


def telling(classes: int) -> Task:
    """The task of telling so many classes of pictures."""
    product = Product(name="digits", data="x", given={"scan": "image"}, predict={"digit": "category"})
    return task_of(product)(product, product.target.field("digit").fit([str(index) for index in range(classes)]))


def search(store: Store, key: str, seconds: float | None, heard: list[Event], **more: Any) -> Search:
    work = Workspace(store, "train", key, 0, heard.append)
    return Search(trial(store, key, said={"epochs": 3}), SCAN, telling(10), 1297, {}, work, seconds, **more)


def dense(seed: int, activation: str, units: int) -> tuple[bytes, np.ndarray]:
    """A graph of one dense layer over ``given_0`` (n, 4), and its weights."""
    weights = np.random.default_rng(seed).normal(size=(4, units)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["given_0", "w"], ["logits"])]
    if activation == "softmax":
        nodes.append(helper.make_node("Softmax", ["logits"], ["output"], axis=1))
    elif activation == "sigmoid":
        nodes.append(helper.make_node("Sigmoid", ["logits"], ["output"]))
    else:
        nodes.append(helper.make_node("Identity", ["logits"], ["output"]))
    graph = helper.make_graph(
        nodes,
        "dense",
        [helper.make_tensor_value_info("given_0", TensorProto.FLOAT, [None, 4])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [None, units])],
        [helper.make_tensor("w", TensorProto.FLOAT, weights.shape, weights.ravel())],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString(), weights


@pytest.mark.parametrize(("activation", "units"), [("softmax", 3), ("sigmoid", 1), ("linear", 1)])
def test_the_merged_graph_gives_the_weighted_mean_of_calibrated_answers(activation: str, units: int) -> None:
    import onnxruntime

    graphs = [dense(seed, activation, units)[0] for seed in range(3)]
    weights, temperatures = [0.5, 0.3, 0.2], [0.7, 1.0, 2.5]
    x = np.random.default_rng(9).normal(size=(7, 4)).astype(np.float32)

    def answers(graph: bytes) -> np.ndarray:
        session = onnxruntime.InferenceSession(graph)
        assert [entry.name for entry in session.get_inputs()] == ["given_0"]
        return session.run(None, {"given_0": x})[0]

    expected = sum(
        weight * calibrated(answers(graph), temperature, activation)
        for graph, weight, temperature in zip(graphs, weights, temperatures, strict=True)
    )
    whole = merged(graphs, weights, temperatures, activation)
    onnx.checker.check_model(onnx.load_from_string(whole))
    np.testing.assert_allclose(answers(whole), expected, atol=1e-6)


@settings(max_examples=40, deadline=None)
@drawn(
    st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 300), st.sampled_from(["softmax", "sigmoid", "linear"])
)
def test_a_mixture_is_never_worse_than_its_prior_allows_and_its_weights_sum_to_one(
    seed: int, models: int, rows: int, activation: str
) -> None:
    draw = np.random.default_rng(seed)
    units = 3 if activation == "softmax" else 1
    if activation == "linear":
        targets = draw.normal(size=(rows, 1))
        outputs = [targets + draw.normal(size=(rows, 1)) * draw.uniform(0.1, 2) for _ in range(models)]
    elif activation == "sigmoid":
        targets = draw.integers(0, 2, (rows, 1)).astype(float)
        outputs = [draw.uniform(0.01, 0.99, (rows, 1)) for _ in range(models)]
    else:
        targets = np.eye(units)[draw.integers(0, units, rows)]
        outputs = [draw.dirichlet(np.ones(units), rows) for _ in range(models)]
    found = mixture(outputs, targets, activation)
    assert found.weights.sum() == pytest.approx(1)
    assert (found.weights >= 0).all()
    equal = float(loss_of_rows(np.mean(outputs, axis=0), targets, activation).mean())
    assert found.loss <= equal + 1e-9 or (found.weights == 0).any()  # leaving out the lightest may cost a little


def test_few_rows_leave_equal_weights_and_many_rows_decide() -> None:
    draw = np.random.default_rng(0)

    def weights(rows: int) -> np.ndarray:
        y = draw.integers(0, 2, (rows, 1)).astype(float)
        good = np.clip(0.5 + (y - 0.5) * 0.8 + draw.normal(size=y.shape) * 0.05, 0.01, 0.99)
        bad = np.clip(0.5 + (y - 0.5) * 0.1 + draw.normal(size=y.shape) * 0.05, 0.01, 0.99)
        return mixture([good, bad], y, "sigmoid").weights

    assert abs(weights(4) - 0.5).max() < 0.2
    assert weights(4000)[0] > 0.9


def test_calibration_by_temperature_lowers_the_loss_of_an_overconfident_model() -> None:
    draw = np.random.default_rng(0)
    truth = draw.uniform(0.2, 0.8, (2000, 1))
    y = (draw.uniform(size=truth.shape) < truth).astype(float)
    sure = calibrated(truth, 0.3, "sigmoid")
    t = temperature_of(sure, y, "sigmoid")
    assert 2 < t < 5
    assert loss_of_rows(calibrated(sure, t, "sigmoid"), y, "sigmoid").mean() < loss_of_rows(sure, y, "sigmoid").mean()


def test_what_suits_is_tried_the_best_first_and_a_network_that_needs_a_preset_only_with_one() -> None:
    kinds = [kind.kind() for kind, _ in candidates(SCAN, Output(2, "softmax"), {})]
    assert kinds[0] in ("cnn", "resnet")
    assert "keras" not in kinds
    assert "bert" not in kinds


def test_networks_of_tables_look_at_the_table_alone_beside_a_picture(prepared: Store) -> None:
    given = {
        "given_0": SCAN["given_0"],
        "given_1": Form(name="vector", shape=(1,), dtype="float32"),
        "given_2": Form(name="ids", shape=(), dtype="int32", vocabulary=9),
    }
    work = Workspace(prepared, "train", "mixed", 0, lambda _: None)
    template = trial(prepared, "mixed")
    one = Search(template, given, telling(2), 300, {}, work, 60.0, columns=["scan", "age", "town"])
    seen = {kind.kind(): one._seen(kind) for kind, _ in one._kinds}
    for network in ("trees", "mlp"):
        columns, forms = seen[network]
        assert columns == ("age", "town")
        assert list(forms) == ["given_1", "given_2"]
    assert seen["cnn"] == ((), given)


@pytest.mark.slow
def test_a_search_keeps_to_its_clock_and_says_what_it_tried(prepared: Store) -> None:
    heard: list[Event] = []
    begun = time.monotonic()
    about = search(prepared, "clock", 40.0, heard).run()
    assert time.monotonic() - begun <= 44
    tried = about["search"]
    assert all(one["state"] in ("finished", "failed", "looked") and one["seconds"] > 0 for one in tried)
    assert {one["why"] for one in tried} <= {"first", "longer", "varied"}
    assert len(tried) > 1
    assert sum(one["weight"] for one in about["ensemble"]) == pytest.approx(1, abs=1e-3)
    assert about["why"]["key"] in ("best", "few", "mixture", "perfect")
    assert sum(isinstance(event, Note) and event.key.startswith("train.trial_") for event in heard) == len(tried)


@pytest.mark.slow
def test_a_killed_search_goes_on_with_the_trials_it_had_finished(prepared: Store) -> None:
    heard: list[Event] = []

    def stop_in_the_second(event: Event) -> None:
        heard.append(event)
        trials = [one for one in heard if isinstance(one, Note) and one.key.startswith("train.trial_")]
        if len(trials) > 1 and isinstance(event, Epoch):
            raise KeyboardInterrupt

    first = search(prepared, "again", None, heard, most=2)
    first._work.listener = stop_in_the_second
    with pytest.raises(KeyboardInterrupt):
        first.run()
    after: list[Event] = []
    about = search(prepared, "again", None, after, most=2).run()
    assert [one["state"] for one in about["search"]] == ["finished", "finished"]
    begun = [one for one in after if isinstance(one, Note) and one.key.startswith("train.trial_")]
    assert begun == []  # neither was begun anew: one was finished, the other went on


@pytest.mark.slow
def test_a_trial_that_is_killed_for_memory_is_written_down_and_the_search_goes_on(prepared: Store) -> None:
    heard: list[Event] = []
    one = search(prepared, "killed", None, heard, most=2)

    def kill_the_first(event: Event) -> None:
        heard.append(event)
        trials = [note for note in heard if isinstance(note, Note) and note.key.startswith("train.trial_")]
        if len(trials) == 1 and isinstance(event, Epoch):
            os.kill(_child_of(os.getpid()), signal.SIGKILL)

    one._work.listener = kill_the_first
    about = one.run()
    assert [tried["state"] for tried in about["search"]] == ["failed", "finished"]
    assert about["search"][0]["reason"] == "training.killed"
    assert json.dumps(about)


@pytest.mark.slow
def test_where_every_trial_fails_the_search_says_why(prepared: Store) -> None:
    def kill(event: Event) -> None:
        if isinstance(event, Epoch):
            os.kill(_child_of(os.getpid()), signal.SIGKILL)

    one = search(prepared, "none", None, [], most=1)
    one._work.listener = kill
    with pytest.raises(TrainingError) as caught:
        one.run()
    assert caught.value.code == "training.killed"


@pytest.mark.slow
def test_in_folds_every_row_is_held_out_once_and_the_graph_is_their_mean(prepared: Store) -> None:
    from safetensors.numpy import load

    heard: list[Event] = []
    one = search(prepared, "folds", None, heard, most=1, folds=Folds(3, 3, 3))
    about = one.run()
    held_out = load(prepared.get(one._work.members["held_out.safetensors"]))
    assert len(held_out["outputs"]) == 1297 + 200
    np.testing.assert_allclose(held_out["outputs"].sum(axis=1), 1, atol=1e-4)
    assert about["folds"] == 3
    assert {f"weights-{number}.safetensors" for number in range(3)} <= set(one._work.members)


@pytest.mark.slow
def test_several_machines_share_what_their_searches_learned(
    prepared: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import optuna

    place = f"sqlite:///{tmp_path / 'study.db'}"
    monkeypatch.setenv("SIXFOLD_STUDY", place)
    one = search(prepared, "shared", 60.0, [])
    one._study("cnn").ask().suggest_float("rate", 0.3, 3.0, log=True)
    other = search(prepared, "shared", 60.0, [])
    other._draw("cnn").suggest_float("rate", 0.3, 3.0, log=True)
    (name,) = optuna.get_all_study_names(place)
    assert len(optuna.load_study(study_name=name, storage=place).trials) == 2
    monkeypatch.setenv("SIXFOLD_STUDY", "nothing://here")
    with pytest.raises(TrainingError) as caught:
        search(prepared, "apart", 60.0, [])._draw("cnn")
    assert caught.value.code == "training.no_study"


@pytest.mark.slow
def test_a_trial_that_is_not_done_in_time_is_ended_and_says_so(prepared: Store) -> None:
    from sixfold.errors import TrainingError
    from sixfold.training import run_trial

    begun = time.monotonic()
    with pytest.raises(TrainingError, match="time was up"):
        run_trial(trial(prepared, "late", said={"epochs": 500}), lambda _: None, 3.0)
    assert time.monotonic() - begun < 10
