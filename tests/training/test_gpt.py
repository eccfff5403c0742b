"""The language model: going on token by token says what learning saw, and long texts are taught in pieces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from sixfold.errors import TrainingError  # noqa: E402
from sixfold.fields import Form  # noqa: E402
from sixfold.networks import Facts, Recipe  # noqa: E402
from sixfold.networks.gpt import Gpt  # noqa: E402
from sixfold.tasks import Graphs, Output  # noqa: E402
from sixfold.tasks._decoding import Cache  # noqa: E402
from sixfold.training._export import exported, hold_equal  # noqa: E402
from sixfold.training._feed import in_windows  # noqa: E402
from sixfold.training._tensorflow import mapped  # noqa: E402

OUTPUT = Output(20, "softmax", (30,), "tokens")
TARGET = np.array([[1, 4, 5, 6, 7, 8, 9, 10, 11], [1, 7, 8, 1, 0, 0, 0, 0, 0]], np.int32)


def test_going_on_token_by_token_says_what_the_whole_text_says_until_there_is_no_room() -> None:
    keras.utils.set_random_seed(0)
    network = Gpt(Gpt.Options(layers=2, width=16, heads=2, context=8))
    model: Any = network.build({}, OUTPUT, Facts())
    (part,) = network.parts(model, {}, OUTPUT).values()
    expected = mapped(part.model, part.sample, [])
    graph = exported(part.model)
    assert hold_equal(graph, part.sample, list(expected.values())) < 1e-4
    whole = np.asarray(model({"target": TARGET}, training=False))
    cache = Cache(Graphs({"graph": graph}, {}), 2, name="graph")
    found, left = [], []
    for at in range(8):
        found.append(cache.logits(TARGET[:, at : at + 1]))
        left.append(cache.left)
    np.testing.assert_allclose(np.concatenate(found, axis=1), whole, atol=1e-4)
    assert left == [7, 6, 5, 4, 3, 2, 1, 0]


def test_long_texts_become_pieces_that_begin_with_the_token_before_and_lose_nothing() -> None:
    tokens = np.array([[5, 6, 7, 8, 9, 1, 0], [4, 1, 0, 0, 0, 0, 0], [2, 3, 4, 5, 6, 7, 8]], np.int32)
    pieces = in_windows(tokens, 3)
    assert pieces.tolist() == [[1, 5, 6, 7], [7, 8, 9, 1], [1, 4, 1, 0], [1, 2, 3, 4], [4, 5, 6, 7], [7, 8, 0, 0]]
    assert (pieces[:, 1:] != 0).sum() == (tokens != 0).sum(), "each token is told once"


def test_each_token_is_told_by_those_before_it() -> None:
    objective = Gpt().objective(OUTPUT, Recipe())
    sure = np.where(np.arange(20) == TARGET[:, 1:, None], 30.0, 0.0).astype(np.float32)
    assert float(objective.loss(TARGET, sure)) == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(np.asarray(objective.score(TARGET, sure)), [1, 1])


def test_the_rate_falls_with_the_width() -> None:
    rates = [Gpt(Gpt.Options(width=width)).recipe({}, OUTPUT, Facts()).learning_rate for width in (64, 128, 768)]
    assert rates[0] == rates[1] == 3e-3 > rates[2]
    assert rates[2] == pytest.approx(5.2e-4, rel=0.01)


def test_it_takes_nothing_and_suits_only_that() -> None:
    given = {"given_0": Form(name="ids", shape=(), dtype="int32", vocabulary=4)}
    assert Gpt.suits({}) > 0 == Gpt.suits(given)
    with pytest.raises(TrainingError) as caught:
        Gpt().build(given, OUTPUT, Facts())
    assert caught.value.code == "training.does_not_suit"
