"""Words and pairs of words: the graph finds the places that fitting gave them."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

from sixfold.fields import Form
from sixfold.networks import Rows
from sixfold.networks.ngrams import Ngrams
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


def test_the_graph_scores_rows_as_the_matrix_that_was_fitted() -> None:
    from sixfold.networks.ngrams import _answers, _Places

    output, buckets = Output(3, "softmax"), 1 << 12
    some = rows(200, output, 0)
    places = _Places.seen(some.inputs, GIVEN, buckets)
    draw = np.random.default_rng(1)
    weights, bias = draw.normal(size=(places.count, 3)), draw.normal(size=3)
    expected = _answers(places.matrix(some.inputs) @ weights + bias, output)
    graph = places.graph(GIVEN, weights, bias, output, buckets)
    np.testing.assert_allclose(outputs_of(graph, some.inputs), expected, atol=1e-5)
