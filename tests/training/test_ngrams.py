"""Words, pairs of words and runs of letters: the graph finds the places that fitting gave them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("scipy")

from sixfold.errors import TrainingError
from sixfold.fields import Form
from sixfold.networks import Rows, ngrams
from sixfold.networks._linear import answers_of
from sixfold.networks._ngram_views import Letters, letters_of
from sixfold.networks.ngrams import Ngrams, _Features
from sixfold.tasks import Output
from sixfold.training._export import outputs_of

GIVEN = {
    "given_0": Form(name="tokens", shape=(12,), dtype="int32", vocabulary=60),
    "given_1": Form(name="tokens", shape=(9,), dtype="int32", vocabulary=30),
}


def rows(count: int, output: Output, seed: int) -> Rows:
    """Texts whose answer is told by whether a pair of words stands together."""
    draw = np.random.default_rng(seed)
    inputs = {}
    for name, form in GIVEN.items():
        tokens = draw.integers(2, form.vocabulary, (count, form.shape[0])).astype(np.int32)
        lengths = draw.integers(4, form.shape[0] + 1, count)
        inputs[name] = np.where(np.arange(form.shape[0])[None] < lengths[:, None], tokens, 0).astype(np.int32)
    kind = draw.integers(0, 3, count)
    for row, one in enumerate(kind):
        inputs["given_0"][row, 1:3] = ((7, 8), (8, 7), (9, 9))[one]
    if output.activation == "linear":
        return Rows(inputs, kind[:, None].astype(np.float32))
    if output.units == 1:
        return Rows(inputs, (kind == 0)[:, None].astype(np.float32))
    return Rows(inputs, np.eye(3, dtype=np.float32)[kind])


@pytest.mark.parametrize("output", [Output(1, "sigmoid"), Output(3, "softmax"), Output(1, "linear")])
def test_it_learns_from_pairs_and_answers_alike_at_every_length(output: Output) -> None:
    training, validation, test = (rows(count, output, seed) for seed, count in enumerate((1500, 200, 300)))
    graph, about = Ngrams().fit(training, validation, GIVEN, output, 0, lambda *told: True)
    answers = outputs_of(graph, test.inputs)
    longer = {name: np.pad(x, ((0, 0), (0, 5))) for name, x in test.inputs.items()}
    np.testing.assert_allclose(outputs_of(graph, longer), answers, atol=1e-6)
    np.testing.assert_allclose(outputs_of(graph, test.inputs, list(GIVEN)), answers, atol=1e-6)
    if output.activation == "linear":
        assert np.abs(answers - test.targets).mean() < 0.4
    elif output.units == 1:
        assert ((answers > 0.5) == (test.targets > 0.5)).mean() > 0.9
    else:
        assert (answers.argmax(axis=1) == test.targets.argmax(axis=1)).mean() > 0.9
    assert about["parameters"] > 100
    nothing = outputs_of(graph, {name: np.zeros_like(x[:2]) for name, x in test.inputs.items()})
    assert np.isfinite(nothing).all()


def spelled(vocabulary: int) -> dict[str, Any]:
    """The state of a fitted text column whose tokens spell words of one to three letters; 0 and 1 spell nothing."""
    tokens = {"[PAD]": 0, "[UNK]": 1}
    for number in range(2, vocabulary):
        tokens["▁" * (number % 2) + "abcdefg"[number % 7] * (1 + number % 3) + "酒店很好"[number % 4] + str(number)] = (
            number
        )
    special = [{"content": token, "special": True} for token in ("[PAD]", "[UNK]")]
    return {"tokenizer": {"model": {"type": "BPE", "vocab": tokens}, "added_tokens": special}}


@pytest.mark.parametrize("output", [Output(1, "sigmoid"), Output(3, "softmax"), Output(1, "linear")])
def test_the_graph_scores_rows_as_the_matrix_that_was_fitted(output: Output) -> None:
    given = {
        **GIVEN,
        "given_2": Form(name="vector", shape=(2,), dtype="float32"),
        "given_3": Form(name="ids", shape=(), dtype="int32", vocabulary=5),
    }
    draw = np.random.default_rng(0)
    some = rows(300, output, 0)
    inputs = {
        **some.inputs,
        "given_2": draw.normal(size=(300, 2)).astype(np.float32),
        "given_3": draw.integers(0, 5, 300).astype(np.int32),
    }
    inputs["given_0"][::7] = 0
    columns = {name: spelled(form.vocabulary) for name, form in GIVEN.items()}
    features = _Features.seen(Rows(inputs, some.targets, columns), given, output, Ngrams.Options(bits=12))
    assert [type(seen.view).__name__ for seen in features._seen] == ["Words", "Words", "Letters", "Letters"]
    matrix = features.matrix(inputs)
    weights = draw.normal(size=(matrix.shape[1], output.units)).astype(np.float32)
    bias = draw.normal(size=output.units).astype(np.float32)
    graph = features.graph(weights, bias, output)
    expected = answers_of(matrix @ weights + bias, output)
    np.testing.assert_allclose(outputs_of(graph, inputs), expected, atol=1e-4)
    np.testing.assert_allclose(outputs_of(graph, inputs, list(GIVEN)), expected, atol=1e-4)
    np.testing.assert_allclose(outputs_of(graph, {name: x[:1] for name, x in inputs.items()}), expected[:1], atol=1e-4)


def test_runs_of_letters_go_across_tokens_and_know_where_words_begin() -> None:
    vocabulary = {"[PAD]": 0, "un": 1, "▁a": 2, "b": 3, "酒": 4, "店": 5}
    state = {"tokenizer": {"model": {"vocab": vocabulary}, "added_tokens": [{"content": "[PAD]", "special": True}]}}
    spelling = letters_of(state, 6)
    assert spelling is not None
    view = Letters(spelling, 20)
    apart, together = view.places(np.array([[2, 3, 0]])), view.places(np.array([[2, 0, 0]]))
    assert (apart > 0).sum() == 3 + 2 + 1  # ▁ a b: three letters, two pairs, one run of three
    assert set(together[together > 0]) < set(apart[apart > 0])
    assert (view.places(np.array([[4, 5]])) > 0).sum() == 3


def test_a_vocabulary_that_marks_what_goes_on_is_read_as_words() -> None:
    vocabulary = {"[PAD]": 0, "play": 1, "##ing": 2, "酒": 3}
    spelling = letters_of({"tokenizer": {"model": {"vocab": vocabulary}}}, 4)
    assert spelling is not None
    assert [int((row > 0).sum()) for row in spelling] == [0, 5, 3, 1]  # ▁play, ing, 酒
    assert letters_of({}, 4) is None


def test_what_does_not_fit_into_memory_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    some = rows(400, Output(1, "sigmoid"), 0)
    told = Rows(some.inputs, some.targets, {name: spelled(form.vocabulary) for name, form in GIVEN.items()})
    monkeypatch.setattr(ngrams, "_MOST_ENTRIES", 20_000)  # of words and pairs, a row has about 30
    features = _Features.seen(told, GIVEN, Output(1, "sigmoid"), Ngrams.Options(bits=12))
    assert [type(seen.view).__name__ for seen in features._seen] == ["Words", "Words"]
    assert features.rows == 400
    monkeypatch.setattr(ngrams, "_MOST_ENTRIES", 5_000)
    features = _Features.seen(told, GIVEN, Output(1, "sigmoid"), Ngrams.Options(bits=12))
    assert 100 < features.rows < 250
    monkeypatch.setattr(ngrams, "_MOST_WEIGHTS", 200)
    features = _Features.seen(told, GIVEN, Output(1, "sigmoid"), Ngrams.Options(bits=12))
    assert features.matrix(some.inputs).shape[1] <= 200
    columns = {"given_0": Form(name="grid", shape=(4, 4, 1), dtype="uint8")}
    with pytest.raises(TrainingError):
        Ngrams().fit(told, told, columns, Output(1, "sigmoid"), 0, lambda *told: True)


def test_when_the_time_is_up_the_best_so_far_answers() -> None:
    output = Output(1, "sigmoid")
    heard = []

    def stop(*told: float) -> bool:
        heard.append(told)
        return False

    graph, _ = Ngrams().fit(rows(500, output, 0), rows(100, output, 1), GIVEN, output, 0, stop)
    assert len(heard) == 1
    assert np.isfinite(outputs_of(graph, rows(10, output, 2).inputs)).all()
