"""The network of moving agents: wherever the scene lies and however it is turned, it sees the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from sixfold.errors import TrainingError  # noqa: E402
from sixfold.fields import Array, Form  # noqa: E402
from sixfold.networks import Facts, Recipe  # noqa: E402
from sixfold.networks.social import Social  # noqa: E402
from sixfold.tasks import Output  # noqa: E402
from sixfold.training._export import exported, hold_equal  # noqa: E402
from sixfold.training._tensorflow import mapped  # noqa: E402

LENGTH, STEPS, MOST = 8, 12, 3
PAST = Form(name="steps", shape=(LENGTH, 3), dtype="float32")
NEARBY = Form(name="points", shape=(MOST, LENGTH * 3), dtype="float32")
GIVEN = {"given_0": PAST, "given_1": NEARBY}
OUTPUT = Output(STEPS * 2 + 1, "linear", (21,), "points")
SPREADS = [4.0, 4.0]


def rows(count: int = 24) -> dict[str, Array]:
    draw = np.random.default_rng(0)
    pace = draw.normal(size=(count, 1 + MOST, 1, 2)) * 0.2
    start = draw.normal(size=(count, 1 + MOST, 1, 2))
    walked = start + pace * np.arange(LENGTH)[:, None] + draw.normal(size=(count, 1 + MOST, LENGTH, 2)) * 0.02
    there = np.ones((count, 1 + MOST, LENGTH, 1))
    there[::2, 2:] = 0
    both = np.concatenate([walked * there, there], axis=-1).astype(np.float32)
    return {"given_0": both[:, 0], "given_1": both[:, 1:].reshape(count, MOST, -1)}


def built(given: dict[str, Form] | None = None, **options: Any) -> tuple[Social, Any]:
    keras.utils.set_random_seed(0)
    network = Social(Social.Options(width=16, **options))
    facts = Facts(100, {}, {"given_0": {"spreads": SPREADS, "means": [0.0, 0.0]}})
    return network, network.build(given or GIVEN, OUTPUT, facts)


def paths(model: Any, inputs: dict[str, Array]) -> tuple[Array, Array]:
    found = np.asarray(model.answering(inputs))
    return found[..., :-1].reshape(len(found), 21, STEPS, 2), found[..., -1]


def moved(inputs: dict[str, Array], turn: Array, shift: Array) -> dict[str, Array]:
    """The same scene, turned and shifted; whoever is not there stays at zero."""
    own, nearby = inputs["given_0"].copy(), inputs["given_1"].reshape(-1, MOST, LENGTH, 3).copy()
    for part in (own, nearby):
        part[..., :2] = (part[..., :2] @ turn.T + shift) * part[..., 2:]
    return {"given_0": own, "given_1": nearby.reshape(-1, MOST, LENGTH * 3)}


def test_a_scene_that_is_turned_and_shifted_is_answered_alike() -> None:
    _, model = built()
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    shift = np.array([3.0, -5.0], np.float32)
    before, chances = paths(model, rows())
    after, chances_after = paths(model, moved(rows(), turn, shift))
    # The smallest push along the first axis, by which one who stands still has a heading, is not turned with the scene.
    np.testing.assert_allclose(after, before @ turn.T + shift, atol=0.02)
    np.testing.assert_allclose(chances_after, chances, atol=0.02)


def test_in_a_mirror_left_and_right_change_places() -> None:
    _, model = built()
    mirror = np.array([[1.0, 0.0], [0.0, -1.0]], np.float32)
    before, _ = paths(model, rows())
    after, _ = paths(model, moved(rows(), mirror, np.zeros(2, np.float32)))
    np.testing.assert_allclose(after[:, 0], before[:, 0] @ mirror.T, atol=1e-4)
    swapped = np.concatenate([before[:, 11:], before[:, 1:11]], axis=1) @ mirror.T
    np.testing.assert_allclose(after[:, 1:], swapped, atol=1e-4)


@pytest.mark.parametrize(("given", "options"), [(GIVEN, {}), (GIVEN, {"mirror": False}), ({"given_0": PAST}, {})])
def test_the_graph_says_what_the_network_says(given: dict[str, Form], options: dict[str, Any]) -> None:
    network, model = built(given, **options)
    part = network.parts(model, given, OUTPUT)["graph"]
    inputs = {name: x for name, x in rows().items() if name in given}
    expected = mapped(part.model, inputs, [])
    assert expected["output"].shape == (24, *OUTPUT.shape)
    assert hold_equal(exported(part.model), inputs, list(expected.values())) < 1e-4


def test_who_is_not_there_changes_nothing() -> None:
    _, model = built()
    inputs = rows()
    hidden = inputs["given_1"].reshape(-1, MOST, LENGTH, 3).copy()
    hidden[..., :2] += (1 - hidden[..., 2:]) * 100
    other = {**inputs, "given_1": hidden.reshape(-1, MOST, LENGTH * 3)}
    for one, two in zip(paths(model, inputs), paths(model, other), strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)


def test_the_loss_counts_distances_in_the_units_of_the_scene_and_known_steps_alone() -> None:
    network, model = built()
    inputs = rows(4)
    outputs = np.asarray(model(inputs))
    target = np.concatenate([np.zeros((4, STEPS, 2)), np.ones((4, STEPS, 1))], axis=-1).astype(np.float32)
    objective = network.objective(OUTPUT, Recipe())
    assert objective is not None
    said = outputs[:, 0, : STEPS * 2].reshape(4, STEPS, 2) * 4.0
    np.testing.assert_allclose(
        objective.score(target, outputs), np.hypot(*np.moveaxis(said, -1, 0)).mean(axis=1), rtol=1e-3
    )
    target[:, 6:, 2] = 0
    other = target.copy()
    other[:, 6:, :2] = 1e4
    assert float(objective.loss(target, outputs)) == pytest.approx(float(objective.loss(other, outputs)))


def test_without_a_past_it_is_refused() -> None:
    with pytest.raises(TrainingError) as error:
        Social().build({"given_1": NEARBY}, OUTPUT, Facts())
    assert error.value.code == "training.does_not_suit"
