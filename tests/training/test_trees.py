"""Boosted trees: the graph is the very forest."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

lightgbm = pytest.importorskip("lightgbm")

from sixfold.errors import TrainingError  # noqa: E402
from sixfold.fields import Form  # noqa: E402
from sixfold.networks import Facts, Rows  # noqa: E402
from sixfold.networks.trees import Trees  # noqa: E402
from sixfold.tasks import Output  # noqa: E402

GIVEN = {
    "given_0": Form(name="vector", shape=(2,), dtype="float32"),
    "given_1": Form(name="ids", shape=(), dtype="int32", vocabulary=6),
    "given_2": Form(name="ids", shape=(), dtype="int32", vocabulary=40),
    "given_3": Form(name="ids", shape=(), dtype="int32", vocabulary=3),
    "given_10": Form(name="points", shape=(2, 2), dtype="float32"),
}


def rows(count: int, output: Output, seed: int) -> Rows:
    draw = np.random.default_rng(seed)
    inputs = {
        "given_0": draw.normal(size=(count, 2)).astype(np.float32),
        "given_1": draw.integers(0, 6, count).astype(np.int32),
        "given_2": draw.integers(0, 40, count).astype(np.int32),
        "given_3": draw.integers(0, 3, count).astype(np.int32),
        "given_10": draw.normal(size=(count, 2, 2)).astype(np.float32),
    }
    score = inputs["given_0"][:, 0] + (inputs["given_1"] > 2) - inputs["given_10"][:, 1, 0]
    score = score + 0.1 * (inputs["given_2"] % 3) + 0.3 * draw.normal(size=count)
    if output.activation == "linear":
        targets = score[:, None]
    elif output.units == 1:
        targets = (score > 0)[:, None]
    else:
        targets = np.eye(output.units)[np.digitize(score, [-0.5, 1.0])]
    return Rows(inputs, targets.astype(np.float32))


def table_of(test: Rows, training: Rows) -> np.ndarray:
    """What LightGBM is to see: of categories their place, how often they come, and indicators or the mean target."""
    few, many = test.inputs["given_1"], test.inputs["given_2"]
    counts = [np.bincount(training.inputs[name], minlength=size) for name, size in (("given_1", 6), ("given_2", 40))]
    parts = [test.inputs["given_0"], few[:, None], np.log1p(counts[0])[few][:, None], np.eye(6)[few]]
    parts += [many[:, None], np.log1p(counts[1])[many][:, None]]
    if training.targets.shape[1] == 1:
        sums = np.bincount(training.inputs["given_2"], training.targets[:, 0], minlength=40)
        parts.append(((sums + 10 * training.targets.mean()) / (counts[1] + 10))[many][:, None])
    parts += [test.inputs["given_3"][:, None], test.inputs["given_10"].reshape(len(few), -1)]
    return np.concatenate(parts, axis=1).astype(np.float32)


@pytest.mark.parametrize("output", [Output(1, "sigmoid"), Output(3, "softmax"), Output(1, "linear")])
def test_the_graph_answers_as_lightgbm_does_and_better_than_guessing(
    output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    made: list[Any] = []
    plain = lightgbm.train
    monkeypatch.setattr(lightgbm, "train", lambda *values, **named: made.append(plain(*values, **named)) or made[-1])
    told: list[tuple[int, int, float]] = []
    network = Trees(Trees.Options(bags=2))
    training, validation, test = (rows(count, output, seed) for seed, count in enumerate((2500, 300, 500)))
    graph, about = network.fit(training, validation, GIVEN, output, 0, lambda *values: told.append(values) or True)
    session = onnxruntime.InferenceSession(graph)
    (answers,) = session.run(None, dict(test.inputs))
    table = table_of(test, training)
    scores = np.mean([one.predict(table, raw_score=True, num_iteration=one.best_iteration) for one in made], axis=0)
    scores = scores.reshape(500, output.units)
    if output.activation == "sigmoid":
        expected = 1 / (1 + np.exp(-scores))
    elif output.activation == "softmax":
        expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    else:
        expected = scores
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, expected, atol=1e-5)
    if output.activation == "linear":
        assert ((answers - test.targets) ** 2).mean() < 0.3 * test.targets.var()
    elif output.units == 1:
        assert ((answers > 0.5) == (test.targets > 0.5)).mean() > 0.8
    else:
        assert (answers.argmax(axis=1) == test.targets.argmax(axis=1)).mean() > 0.7
    assert about["parameters"] > 10
    assert all(done <= most for done, most, _ in told)


def test_it_stops_when_it_is_told_that_the_time_is_up() -> None:
    output = Output(1, "sigmoid")
    _, about = Trees().fit(rows(3000, output, 0), rows(300, output, 1), GIVEN, output, 0, lambda *values: False)
    assert about["trees"] <= 2


def test_other_forms_are_refused_by_name() -> None:
    picture = {"given_0": Form(name="grid", shape=(4, 4, 1), dtype="uint8")}
    assert Trees.suits(picture) == 0
    empty = Rows({"given_0": np.zeros((0, 4, 4, 1), np.uint8)}, np.zeros((0, 1), np.float32))
    with pytest.raises(TrainingError) as caught:
        Trees().fit(empty, empty, picture, Output(1, "sigmoid"), 0, lambda *values: True)
    assert caught.value.code == "training.does_not_suit"


def test_its_variations_are_options_that_it_knows() -> None:
    optuna = pytest.importorskip("optuna")
    drawn = Trees().varied(optuna.create_study().ask(), GIVEN, Output(1, "sigmoid"), Facts())
    assert Trees.Options(**drawn.options)


def test_trees_need_no_keras() -> None:
    code = (
        "import sys; from sixfold.networks.trees import Trees; import lightgbm; "
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
