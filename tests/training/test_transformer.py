"""The transformer: padding never changes an answer, and its graph takes texts of any length."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from sixfold.errors import TrainingError  # noqa: E402
from sixfold.fields import Form  # noqa: E402
from sixfold.networks import Facts  # noqa: E402
from sixfold.networks.transformer import Transformer  # noqa: E402
from sixfold.tasks import Output  # noqa: E402
from sixfold.training._export import exported, hold_equal, outputs_of  # noqa: E402

TEXT = Form(name="tokens", shape=(24,), dtype="int32", vocabulary=40)
NUMBER = Form(name="vector", shape=(2,), dtype="float32")


@pytest.mark.parametrize("layers", [0, 1])
def test_the_graph_answers_alike_whatever_the_padding(layers: int) -> None:
    given = {"given_0": TEXT, "given_1": NUMBER}
    network = Transformer(Transformer.Options(layers=layers, width=16, heads=2))
    model = network.build(given, Output(3, "softmax"), Facts())
    draw = np.random.default_rng(0)
    tokens = np.where(np.arange(24)[None] < draw.integers(0, 13, 9)[:, None], draw.integers(1, 40, (9, 24)), 0)
    rows = {"given_0": tokens.astype(np.int32), "given_1": draw.normal(size=(9, 2)).astype(np.float32)}
    assert (rows["given_0"].sum(axis=1) == 0).any()  # a missing text among them
    answers = np.asarray(model(rows, training=False))
    assert np.isfinite(answers).all()
    graph = exported(model)
    assert hold_equal(graph, rows, [answers]) < 1e-4
    np.testing.assert_allclose(outputs_of(graph, rows, ["given_0"]), answers, atol=1e-5)


def test_a_width_that_its_heads_cannot_share_is_refused() -> None:
    with pytest.raises(TrainingError) as caught:
        Transformer(Transformer.Options(width=10, heads=4)).build({"given_0": TEXT}, Output(1, "sigmoid"), Facts())
    assert caught.value.code == "training.uneven_heads"
