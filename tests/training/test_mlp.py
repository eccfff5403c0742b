"""The ensemble of perceptrons: what each member learns, and what the numbers become."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from sixfold.fields import Form  # noqa: E402
from sixfold.networks import Facts  # noqa: E402
from sixfold.networks.layers import EnsembleDense, EnsembleMean, NumberEmbedding  # noqa: E402
from sixfold.networks.mlp import Mlp  # noqa: E402
from sixfold.tasks import Output  # noqa: E402

GIVEN = {
    "given_0": Form(name="vector", shape=(2,), dtype="float32"),
    "given_1": Form(name="ids", shape=(), dtype="int32", vocabulary=5),
    "given_2": Form(name="points", shape=(2, 2), dtype="float32"),
}


def rows(count: int) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    return {
        "given_0": np.stack([draw.lognormal(size=count), draw.integers(0, 2, count)], axis=1).astype(np.float32),
        "given_1": draw.integers(0, 5, count).astype(np.int32),
        "given_2": draw.normal(size=(count, 2, 2)).astype(np.float32),
    }


@pytest.mark.parametrize(
    ("activation", "units", "loss"),
    [
        ("softmax", 3, keras.losses.CategoricalCrossentropy()),
        ("sigmoid", 1, keras.losses.BinaryCrossentropy()),
        ("linear", 1, keras.losses.MeanSquaredError()),
    ],
)
def test_the_loss_of_the_answer_and_what_the_layer_adds_are_the_mean_of_the_members_own_losses(
    activation: Any, units: int, loss: Any
) -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(20, 4, 6)).astype(np.float32)
    classes = draw.integers(0, max(2, units), 20)
    targets = np.eye(units, dtype=np.float32)[classes] if units > 1 else classes[:, None].astype(np.float32)
    layer = EnsembleMean(units, activation)
    whole = float(loss(targets, layer(x, training=True))) + float(sum(layer.losses))
    kernel, bias = layer.get_weights()
    scores = np.einsum("bmi,miu->bmu", x, kernel) + bias
    own = [float(loss(targets, keras.activations.get(activation)(scores[:, member]))) for member in range(4)]
    assert whole == pytest.approx(np.mean(own), abs=1e-5)
    layer(x)
    assert not layer.losses, "outside of training nothing is added"


def test_members_share_a_matrix_and_scale_it_each_in_its_way() -> None:
    layer = EnsembleDense(3, 2, is_first=True)
    x = np.random.default_rng(2).normal(size=(5, 4)).astype(np.float32)
    answers = np.asarray(layer(x))
    scale_in, scale_out, kernel, bias = layer.get_weights()
    for member in range(2):
        expected = (x * scale_in[member]) @ kernel * scale_out[member] + bias[member]
        np.testing.assert_allclose(answers[:, member], expected, atol=1e-5)
    assert not np.allclose(answers[:, 0], answers[:, 1])


def test_a_number_becomes_a_line_through_its_knots_with_bends_that_are_learned() -> None:
    layer = NumberEmbedding(2, 1, [np.array([0.0, 1.0, 3.0])])
    x = np.array([[-5.0], [0.0], [0.5], [1.0], [2.0], [3.0], [9.0]], np.float32)
    layer.build(x.shape)
    line, bias, bends, *constants = layer.get_weights()
    layer.set_weights([np.ones_like(line), bias, bends, *constants])
    straight = np.asarray(layer(x))[:, 0, 0]
    filled = np.array([0, 0, 0.25, 0.5, 0.75, 1, 1])
    np.testing.assert_allclose(straight, (filled - 0.5) * 12**0.5, atol=1e-6)
    layer.set_weights([np.zeros_like(line), bias, np.array([[[2.0], [-1.0]]], np.float32), *constants])
    np.testing.assert_allclose(np.asarray(layer(x))[:, 0, 0], [0, 0, 1, 2, 1.5, 1, 1], atol=1e-6)


@pytest.mark.parametrize("layer", [NumberEmbedding(4, 2), EnsembleDense(3, 2), EnsembleMean(1, "sigmoid")])
def test_its_layers_come_back_from_their_configuration(layer: Any) -> None:
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()


@pytest.mark.slow
@pytest.mark.parametrize("output", [Output(3, "softmax"), Output(1, "sigmoid"), Output(1, "linear")])
def test_its_graph_answers_as_it_does_on_numbers_far_outside_too(output: Output) -> None:
    import onnxruntime

    from sixfold.training._export import exported

    sample = rows(2000)
    model = Mlp().build(GIVEN, output, Facts(2000, sample))
    model.set_weights([w + 0.1 if w.ndim == 3 else w for w in model.get_weights()])
    few = {name: x[:50] for name, x in sample.items()}
    few["given_0"][:3] = [[1e6, 0], [-1e6, 1], [0, 1]]
    expected = np.asarray(model(few, training=False))
    (answers,) = onnxruntime.InferenceSession(exported(model)).run(None, few)
    np.testing.assert_allclose(answers, expected, atol=1e-5)


def test_its_variations_are_options_that_it_knows() -> None:
    optuna = pytest.importorskip("optuna")
    output = Output(1, "sigmoid")
    drawn = Mlp().varied(optuna.create_study().ask(), GIVEN, output, Facts())
    assert drawn is not None
    assert Mlp.Options(**drawn.options)
    assert Mlp().recipe(GIVEN, output, Facts()).model_copy(update=dict(drawn.recipe))
