"""Effects by trees and by DragonNet: the graph says what the models say, and the effects are found."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("lightgbm")

import onnxruntime

from sixfold.errors import TrainingError
from sixfold.fields import Form
from sixfold.networks import Facts, Rows
from sixfold.networks.effects import Effects, _by_arm, _doubly_robust, _graph, _Grower, _Side, _with_arm
from sixfold.tasks import Output

GIVEN = {
    "given_0": Form(name="vector", shape=(2,), dtype="float32"),
    "given_1": Form(name="ids", shape=(), dtype="int32", vocabulary=4),
}
ARMS = Output(4, "linear", form="arms")


def rows(count: int, seed: int, arms: int = 2) -> Rows:
    """Rows whose second arm is worth the first number; who is old gets it more often."""
    draw = np.random.default_rng(seed)
    x, kind = draw.normal(size=(count, 2)).astype(np.float32), draw.integers(1, 4, count).astype(np.int32)
    chance = 1 / (1 + np.exp(-x[:, 1]))
    arm = (draw.random(count) < chance) * draw.integers(1, arms, count)
    y = x[:, 1] + kind + arm * x[:, 0] + 0.3 * draw.normal(size=count)
    return Rows({"given_0": x, "given_1": kind}, np.stack([arm, y], axis=1).astype(np.float32))


def outputs(graph: bytes, given: Rows) -> np.ndarray:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(None, dict(given.inputs))[0]


@pytest.mark.parametrize("learner", ["t", "s", "dr"])
def test_each_learner_finds_who_gains_and_how_often_arms_are_given(learner: str) -> None:
    network = Effects(Effects.Options(learner=learner))
    graph, about = network.fit(rows(700, 0), rows(200, 1), GIVEN, ARMS, 0, lambda *_: True)
    new = rows(500, 2)
    found = outputs(graph, new)
    effect, chances = found[:, 1] - found[:, 0], found[:, 2:]
    assert np.corrcoef(effect, new.inputs["given_0"][:, 0])[0, 1] > 0.9
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-5)
    assert np.corrcoef(chances[:, 1], 1 / (1 + np.exp(-new.inputs["given_0"][:, 1])))[0, 1] > 0.8
    assert about["learner"] == learner
    assert about["parameters"] > 0


@pytest.mark.parametrize(("learn", "is_effect"), [(_by_arm, False), (_with_arm, False), (_doubly_robust, True)])
def test_the_graph_says_what_the_models_say(learn, is_effect) -> None:
    data = rows(400, 3, arms=3)
    table = np.concatenate([data.inputs["given_0"], data.inputs["given_1"][:, None]], axis=1)
    side = _Side(table, data.targets[:, 0].astype(int), data.targets[:, 1].astype(float))
    grower, judge = _Grower("both", 0, 1, lambda *_: True), side.kept(np.arange(400) < 100)
    side = side.kept(np.arange(400) >= 100)
    chances = grower.chances(side, judge, 3)
    models = learn(grower, side, judge, 3, *([0] if is_effect else []))
    tables = {"given_1": np.arange(4, dtype=np.float32)[:, None]}
    graph, _ = _graph(models, chances, GIVEN, tables, Output(6, "linear", form="arms"), is_effect=is_effect)
    told = np.stack([model.tell(table) for model in models], axis=1)
    if is_effect:
        told[:, 1:] += told[:, :1]
    found = outputs(graph, data)
    np.testing.assert_allclose(found[:, :3], told, atol=1e-4)
    np.testing.assert_allclose(found[:, 3:], chances.predict(table, num_iteration=chances.best_iteration), atol=1e-5)


def test_chances_of_an_outcome_stay_within_nought_and_one() -> None:
    data = rows(300, 4)
    shares = Rows(data.inputs, np.stack([data.targets[:, 0], data.targets[:, 1] > 2], axis=1).astype(np.float32))
    graph, _ = Effects().fit(shares, shares, GIVEN, Output(4, "sigmoid", form="arms"), 0, lambda *_: True)
    found = outputs(graph, data)
    assert found[:, :2].min() >= 0
    assert found[:, :2].max() <= 1


def test_once_the_time_is_up_the_rest_grows_quickly() -> None:
    told = []
    graph, about = Effects().fit(rows(300, 5), rows(80, 6), GIVEN, ARMS, 0, lambda *how: bool(told.append(how)))
    assert about["was_cut"]
    assert outputs(graph, rows(5, 7)).shape == (5, 4)


def test_pictures_are_not_for_trees() -> None:
    grid = {"given_0": Form(name="grid", shape=(4, 4, 1), dtype="uint8")}
    assert Effects.suits(grid) == 0
    with pytest.raises(TrainingError) as caught:
        Effects().fit(rows(50, 0), rows(20, 0), grid, ARMS, 0, lambda *_: True)
    assert caught.value.slug == "does_not_suit"


def test_dragonnet_learns_effects_and_its_answers_leave_the_correction_out() -> None:
    keras = pytest.importorskip("keras")
    from sixfold.networks.dragonnet import Dragonnet

    keras.utils.set_random_seed(0)
    network, data = Dragonnet(), rows(1500, 8)
    facts = Facts(1500, data.inputs)
    model = network.build(GIVEN, ARMS, facts)
    objective = network.objective(ARMS, network.recipe(GIVEN, ARMS, facts))
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss=objective.loss)
    model.fit(dict(data.inputs), data.targets, batch_size=64, epochs=25, verbose=0)
    answers = network.parts(model, GIVEN, ARMS)["graph"].model
    new = rows(400, 9)
    found = np.asarray(answers(dict(new.inputs)))
    assert found.shape == (400, 4)
    assert model.output_shape == (None, 5)
    assert np.corrcoef(found[:, 1] - found[:, 0], new.inputs["given_0"][:, 0])[0, 1] > 0.9
    judged = objective.judge(new.targets, np.asarray(model(dict(new.inputs))))
    assert judged["mean_absolute_error"] < 1.0
