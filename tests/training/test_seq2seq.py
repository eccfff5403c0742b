"""Sequence to sequence: going on token by token says what learning saw, and padding changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from sixfold.errors import TrainingError  # noqa: E402
from sixfold.fields import Form  # noqa: E402
from sixfold.networks import Facts, Recipe  # noqa: E402
from sixfold.networks.seq2seq import Seq2seq  # noqa: E402
from sixfold.tasks import Graphs, Output  # noqa: E402
from sixfold.tasks._decoding import Cache  # noqa: E402
from sixfold.training._export import exported, hold_equal  # noqa: E402
from sixfold.training._tensorflow import mapped  # noqa: E402

TEXT = Form(name="tokens", shape=(12,), dtype="int32", vocabulary=30)
TOPIC = Form(name="ids", shape=(), dtype="int32", vocabulary=4)
OUTPUT = Output(20, "softmax", (10,), "tokens")
GIVEN = {"given_0": TEXT, "given_1": TOPIC}
ROWS = {
    "given_0": np.array([[5, 6, 7, 8, 9, 3, 2, 4] + [0] * 4, [5, 9] + [0] * 10], np.int32),
    "given_1": np.array([1, 3], np.int32),
}
TARGET = np.array([[4, 5, 6, 1, 0, 0, 0, 0], [7, 8, 9, 10, 11, 1, 0, 0]], np.int32)


@pytest.fixture(scope="module")
def model() -> Any:
    keras.utils.set_random_seed(0)
    return Seq2seq(Seq2seq.Options(layers=2, width=16, heads=2)).build(GIVEN, OUTPUT, Facts())


@pytest.fixture(scope="module")
def graphs(model: Any) -> Graphs:
    network, members = Seq2seq(), {}
    for name, part in network.parts(model, GIVEN, OUTPUT).items():
        expected = mapped(part.model, part.sample, [])
        members[name] = exported(part.model)
        assert hold_equal(members[name], part.sample, list(expected.values())) < 1e-4
    return Graphs(members, {"english": TEXT, "topic": TOPIC})


def test_going_on_token_by_token_says_what_the_whole_text_says(model: Any, graphs: Graphs) -> None:
    whole = np.asarray(model({**ROWS, "target": TARGET}, training=False))
    feed = graphs.feed("graph", {"english": ROWS["given_0"], "topic": ROWS["given_1"]})
    memory = dict(zip(graphs.outputs("graph"), graphs.run("graph", feed), strict=True))
    assert memory["memory"].shape == (2, 9, 4, 16), "eight tokens and the topic"
    cache = Cache(graphs, 2, memory)
    before = np.concatenate([np.ones((2, 1), np.int32), TARGET[:, :-1]], axis=1)
    found = np.concatenate([cache.logits(before[:, at : at + 1]) for at in range(8)], axis=1)
    np.testing.assert_allclose(found, whole, atol=1e-4)
    cache = Cache(graphs, 2, memory)
    together = np.concatenate([cache.logits(before[:, :5]), cache.logits(before[:, 5:])], axis=1)
    np.testing.assert_allclose(together, whole, atol=1e-4)


def test_padding_of_what_is_read_changes_nothing(model: Any) -> None:
    whole = np.asarray(model({**ROWS, "target": TARGET}, training=False))
    cut = {name: x[1:, :2] if x.ndim == 2 else x[1:] for name, x in ROWS.items()}
    alone = np.asarray(model({**cut, "target": TARGET[1:]}, training=False))
    np.testing.assert_allclose(alone, whole[1:], atol=1e-5)


def test_a_token_is_told_by_those_before_it_alone(model: Any) -> None:
    other = TARGET.copy()
    other[:, 3:] = 13
    one, two = (np.asarray(model({**ROWS, "target": target}, training=False)) for target in (TARGET, other))
    np.testing.assert_allclose(one[:, :4], two[:, :4], atol=1e-5)
    assert np.abs(one[:, 4:] - two[:, 4:]).max() > 1e-3


def test_padding_of_what_is_written_is_not_learned_from(model: Any) -> None:
    objective = Seq2seq().objective(OUTPUT, Recipe(label_smoothing=0.1))
    logits = np.random.default_rng(0).normal(size=(2, 8, 20)).astype(np.float32)
    wild = np.where((TARGET == 0)[..., None], 50 * logits, logits)
    wider = np.pad(TARGET, ((0, 0), (0, 4)))
    assert float(objective.loss(TARGET, logits)) == pytest.approx(float(objective.loss(wider, wild)), rel=1e-5)
    sure = np.where(np.arange(20) == TARGET[..., None], 30.0, 0.0).astype(np.float32)
    np.testing.assert_allclose(np.asarray(objective.score(TARGET, sure)), [1, 1])


def test_it_asks_for_a_text_and_a_width_that_its_heads_can_share() -> None:
    with pytest.raises(TrainingError) as caught:
        Seq2seq().build({"given_0": TOPIC}, OUTPUT, Facts())
    assert caught.value.code == "training.does_not_suit"
    with pytest.raises(TrainingError) as caught:
        Seq2seq(Seq2seq.Options(width=10, heads=4)).build(GIVEN, OUTPUT, Facts())
    assert caught.value.code == "training.uneven_heads"
