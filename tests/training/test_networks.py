"""Networks: what they are, layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from sixfold.errors import ProductError, TrainingError  # noqa: E402
from sixfold.families import find, names  # noqa: E402
from sixfold.fields import Form  # noqa: E402
from sixfold.networks import Facts, Fitted, Layered, Network, Proposal, Recipe, Rows  # noqa: E402
from sixfold.networks.cnn import Cnn  # noqa: E402
from sixfold.networks.keras import Keras  # noqa: E402
from sixfold.networks.mlp import Mlp  # noqa: E402
from sixfold.product import Train  # noqa: E402
from sixfold.tasks import Output  # noqa: E402
from sixfold.training._export import outputs_of  # noqa: E402

PHOTO = Form(name="grid", shape=(64, 64, 3), dtype="uint8")
SMALL = Form(name="grid", shape=(8, 8, 1), dtype="uint8")
NUMBER = Form(name="vector", shape=(2,), dtype="float32")
WORD = Form(name="ids", shape=(), dtype="int32", vocabulary=5)
TEXT = Form(name="tokens", shape=(12,), dtype="int32", vocabulary=30)
SERIES = Form(name="steps", shape=(20, 3), dtype="float32")


def classic() -> Any:
    """The model of every first tutorial."""
    return keras.Sequential(
        [
            keras.layers.Input((64, 64, 3)),
            keras.layers.Conv2D(32, (3, 3), activation="relu"),
            keras.layers.MaxPooling2D((2, 2)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def configurations(model: Any) -> list[tuple[str, dict[str, Any]]]:
    """Each layer's class and configuration, without names, and without what only feeds the network."""
    plumbing = ("InputLayer", "Rescaling")
    return [
        (type(layer).__name__, {name: value for name, value in layer.get_config().items() if name != "name"})
        for layer in model.layers
        if type(layer).__name__ not in plumbing
    ]


def test_cnn_with_filters_and_dense_is_the_model_that_everybody_starts_with() -> None:
    network = Cnn(Cnn.Options(filters=[32], dense=[128]))
    ours = network.build({"given_0": PHOTO}, Output(10, "softmax"), Facts())
    assert configurations(ours) == configurations(classic())
    assert network.recipe({"given_0": PHOTO}, Output(10, "softmax"), Facts(1000)) == Recipe(
        optimizer="adam", learning_rate=1e-3, schedule="constant", batch=32, epochs=10, keep_best=False
    )


def test_mlp_with_hidden_is_the_textbook_perceptron() -> None:
    given = {"given_0": NUMBER, "given_1": WORD, "given_2": SMALL}
    model = Mlp(Mlp.Options(hidden=[7, 3], activation="sigmoid")).build(given, Output(4, "softmax"), Facts())
    draw = np.random.default_rng(0)
    rows = {
        "given_0": draw.normal(size=(6, 2)).astype(np.float32),
        "given_1": draw.integers(0, 5, 6).astype(np.int32),
        "given_2": draw.integers(0, 256, (6, 8, 8, 1)).astype(np.uint8),
    }
    x = np.concatenate([rows["given_0"], np.eye(5)[rows["given_1"]], rows["given_2"].reshape(6, 64) / 255], axis=1)
    w1, b1, w2, b2, w3, b3 = (np.asarray(weight, np.float64) for weight in model.get_weights())
    hidden = 1 / (1 + np.exp(-(x @ w1 + b1)))
    hidden = 1 / (1 + np.exp(-(hidden @ w2 + b2)))
    logits = hidden @ w3 + b3
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(model(rows)), expected, atol=1e-6)


def every_network() -> list[str]:
    return [name for name in names(Network) if name != "keras"]


SUITED = (
    {"given_0": SMALL},
    {"given_0": NUMBER, "given_1": WORD},
    {"given_0": TEXT},
    {"given_0": SERIES},
    {"given_0": SMALL, "given_1": NUMBER, "given_2": WORD, "given_3": TEXT, "given_4": SERIES},
)


def drawn(form: Form, rows: int, draw: np.random.Generator) -> np.ndarray:
    array = draw.integers(0, max(2, form.vocabulary), (rows, *form.shape)).astype(form.dtype)
    if form.name == "steps":
        array = draw.normal(size=(rows, *form.shape)).astype(np.float32)
        array[..., -1] = 1.0
    return array


@pytest.mark.parametrize("name", every_network())
def test_every_network_keeps_the_contract_of_its_family(name: str) -> None:
    kind = find(Network, name)
    assert kind.title.en
    assert kind.title.zh
    assert not set(kind.Options.model_fields) & set(Train.model_fields), "options stand flat in `train`"
    given = next(forms for forms in SUITED if kind.suits(forms))
    network, draw = kind(), np.random.default_rng(0)
    assert all(isinstance(one, Proposal) for one in network.first(given, Output(3, "softmax"), Facts()))
    if kind.needs:
        return  # it is nothing without what it needs; its own tests bring that
    for output in (Output(3, "softmax"), Output(1, "sigmoid"), Output(1, "linear")):
        rows = {name: drawn(form, 60, draw) for name, form in given.items()}
        if isinstance(network, Fitted):
            targets = np.eye(3, dtype=np.float32)[np.arange(60) % 3][:, : output.units]
            some = Rows(rows, targets)
            graph, about = network.fit(some, some, given, output, 0, lambda *told: True)
            answers = outputs_of(graph, rows)
            assert about["parameters"] > 0
        else:
            assert isinstance(network, Layered)
            assert isinstance(network.recipe(given, output, Facts(100)), Recipe)
            answers = np.asarray(network.build(given, output, Facts(60, rows))(rows, training=False))
        assert answers.shape == (60, output.units)
        assert np.isfinite(answers).all()
        if output.activation != "linear":
            assert ((answers >= 0) & (answers <= 1)).all()
        if output.units > 1:
            np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)


def test_too_many_poolings_for_a_small_picture_are_refused() -> None:
    with pytest.raises(TrainingError) as caught:
        Cnn(Cnn.Options(filters=[8, 8, 8])).build({"given_0": SMALL}, Output(10, "softmax"), Facts())
    assert caught.value.code == "training.too_many_filters"


OWN = """
from keras import Sequential
from keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D

def build():
    model = Sequential([
        Input((64, 64, 3)),
        Conv2D(32, (3, 3), activation="relu"), MaxPooling2D((2, 2)), Flatten(),
        Dense(128, activation="relu"), Dense(10, activation="softmax"),
    ])
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    return model

def by_shape(input_shape, classes):
    return Sequential([Input(input_shape), Flatten(), Dense(classes, activation="softmax")])

def wrong_end():
    return Sequential([Input((64, 64, 3)), Flatten(), Dense(3)])

def no_model():
    return 3

def broken():
    raise ValueError("no such thing")
"""


@pytest.fixture
def own_code(tmp_path: Path) -> Path:
    (tmp_path / "my_model.py").write_text(OWN, encoding="utf-8")
    return tmp_path


def own(folder: Path, function: str) -> Keras:
    return Keras(Keras.Options(function=f"my_model:{function}", folder=str(folder)))


def test_a_model_of_ones_own_is_used_with_its_optimizer(own_code: Path) -> None:
    model = own(own_code, "build").build({"given_0": PHOTO}, Output(10, "softmax"), Facts())
    assert model.own_optimizer["class_name"] == "RMSprop"
    assert model.count_params() == classic().count_params()


def test_a_function_may_ask_for_shape_and_classes(own_code: Path) -> None:
    model = own(own_code, "by_shape").build({"given_0": SMALL}, Output(4, "softmax"), Facts())
    assert model.output_shape == (None, 4)


@pytest.mark.parametrize(
    ("function", "code"),
    [
        ("wrong_end", "training.wrong_output"),
        ("no_model", "training.not_a_model"),
        ("broken", "training.own_code_failed"),
        ("missing", "training.own_code_failed"),
    ],
)
def test_code_that_makes_no_fitting_model_is_refused(own_code: Path, function: str, code: str) -> None:
    with pytest.raises(TrainingError) as caught:
        own(own_code, function).build({"given_0": PHOTO}, Output(10, "softmax"), Facts())
    assert caught.value.code == code


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProductError) as caught:
        _ = own(tmp_path, "build").digest
    assert caught.value.code == "product.no_code"


def test_the_rate_of_ones_own_optimizer_is_kept_unless_the_file_says_another() -> None:
    from sixfold.training._child import recipe_of

    own = keras.optimizers.serialize(keras.optimizers.SGD(0.05))
    falling = keras.optimizers.schedules.CosineDecay(0.1, 100)
    assert recipe_of(Recipe(), own, {}).learning_rate == pytest.approx(0.05)
    assert recipe_of(Recipe(), own, {"learning_rate": 0.2}).learning_rate == 0.2
    assert recipe_of(Recipe(), keras.optimizers.serialize(keras.optimizers.SGD(falling)), {}) == Recipe()
    assert recipe_of(Recipe(), None, {"epochs": 3}).epochs == 3
