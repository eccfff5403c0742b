"""Networks: what they are, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from sixfold.errors import ProductError, TrainingError  # noqa: E402
from sixfold.families import find, names  # noqa: E402
from sixfold.fields import Form  # noqa: E402
from sixfold.networks import Facts, Fitted, Layered, Network, Recipe, Rows  # noqa: E402
from sixfold.networks.cnn import Cnn  # noqa: E402
from sixfold.networks.keras import Keras  # noqa: E402
from sixfold.networks.mlp import Mlp  # noqa: E402
from sixfold.networks.resnet import Resnet  # noqa: E402
from sixfold.product import Train  # noqa: E402
from sixfold.tasks import Output  # noqa: E402
from sixfold.training._export import outputs_of  # noqa: E402

PHOTO = Form(name="grid", shape=(64, 64, 3), dtype="uint8")
SMALL = Form(name="grid", shape=(8, 8, 1), dtype="uint8")
NUMBER = Form(name="vector", shape=(2,), dtype="float32")
WORD = Form(name="ids", shape=(), dtype="int32", vocabulary=5)
SERIES = Form(name="steps", shape=(20, 3), dtype="float32")
LONG_SERIES = Form(name="steps", shape=(80, 3), dtype="float32")
TEXT = Form(name="tokens", shape=(16,), dtype="int32", vocabulary=30)


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


FORMS = {"given_0": NUMBER, "given_1": WORD, "given_2": SMALL, "given_3": SERIES, "given_4": TEXT}
OUTPUTS = (Output(3, "softmax"), Output(1, "sigmoid"), Output(1, "linear"))


def every_network() -> list[str]:
    return [name for name in names(Network) if name != "keras"]


def every_network_by_itself() -> list[str]:
    """Those that need no option and give vectors: the others' own tests bring what they need."""
    kinds = {name: find(Network, name) for name in every_network()}
    return [name for name, kind in kinds.items() if not kind.needs and "vector" in kind.makes]


def mixes(kind: type[Network]) -> list[dict[str, Form]]:
    """Each form alone, the table, a picture with two points on it, and the largest mix: those the network suits."""
    table = {name: FORMS[name] for name in ("given_0", "given_1")}
    alone = [{"given_0": form} for form in (SMALL, SERIES, TEXT)]
    points = {"given_0": SMALL, "given_1": NUMBER, "given_2": NUMBER}
    largest = {name: form for name, form in FORMS.items() if kind.suits({**table, name: form})}
    return [given for given in (*alone, table, points, largest) if given and kind.suits(given)]


def rows_of(given: Mapping[str, Form], count: int, seed: int = 0) -> dict[str, Any]:
    """Random rows; series and texts end early, and the first row has none."""
    draw = np.random.default_rng(seed)
    rows: dict[str, Any] = {}
    for name, form in given.items():
        if form.dtype == "float32":
            x = draw.normal(size=(count, *form.shape)).astype(np.float32)
        else:
            x = draw.integers(form.name == "tokens", max(2, form.vocabulary), (count, *form.shape)).astype(form.dtype)
        if form.name in ("steps", "tokens"):
            ends = draw.integers(1, form.shape[0] + 1, count)
            ends[0] = 0
            there = np.arange(form.shape[0]) < ends[:, None]
            if form.name == "steps":
                x[..., -1] = 1
            x = x * (there[..., None] if form.name == "steps" else there).astype(x.dtype)
        rows[name] = x
    return rows


def targets_of(output: Output, count: int) -> np.ndarray:
    classes = np.arange(count) % max(2, output.units)
    return np.eye(output.units, dtype=np.float32)[classes] if output.units > 1 else classes[:, None].astype(np.float32)


def answers_of(graph: bytes, rows: Mapping[str, Any]) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (answers,) = session.run(None, dict(rows))
    return np.asarray(answers)


def hold_that_they_are(answers: np.ndarray, output: Output, count: int) -> None:
    assert answers.shape == (count, output.units)
    assert np.isfinite(answers).all()
    if output.activation != "linear":
        assert ((answers >= 0) & (answers <= 1)).all()
    if output.activation == "softmax":
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", every_network())
def test_every_network_keeps_the_contract_of_its_family(name: str) -> None:
    kind = find(Network, name)
    assert kind.title.en
    assert kind.title.zh
    assert not set(kind.Options.model_fields) & set(Train.model_fields), "options stand flat in `train`"
    assert mixes(kind) or kind.suits({}), "it suits something"
    if kind.needs or "vector" not in kind.makes:  # the tests of its own bring what it needs, and what it makes
        return
    for given in mixes(kind):
        for output in OUTPUTS:
            network, rows = kind(), rows_of(given, 60)
            if isinstance(network, Fitted):
                fed = Rows(rows, targets_of(output, 60))
                graph, about = network.fit(fed, fed, given, output, 0, lambda done, most, loss: True)
                assert about["parameters"] > 0
                answers = outputs_of(graph, rows)
            else:
                assert isinstance(network, Layered)
                assert isinstance(network.recipe(given, output, Facts(100)), Recipe)
                answers = np.asarray(network.build(given, output, Facts(60, rows))(rows, training=False))
            hold_that_they_are(answers, output, 60)


class Least:
    """A draw that takes the first of everything."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return low

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return low

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return choices[0]


@pytest.mark.parametrize("name", every_network_by_itself())
def test_what_a_network_proposes_is_what_it_and_its_recipe_understand(name: str) -> None:
    kind = find(Network, name)
    for given in mixes(kind):
        network = kind()
        proposals = [
            *network.first(given, OUTPUTS[0], Facts(500)),
            network.varied(Least(), given, OUTPUTS[0], Facts(500)),
        ]
        for proposal in filter(None, proposals):
            kind.Options(**proposal.options)
            plain = network.recipe(given, OUTPUTS[0], Facts(500)) if isinstance(network, Layered) else Recipe()
            Recipe(**{**plain.model_dump(), **proposal.recipe})


@pytest.mark.parametrize("name", every_network_by_itself())
def test_every_exported_graph_answers_as_its_network_does(name: str) -> None:
    from sixfold.training._export import exported, hold_equal

    network = find(Network, name)()
    if isinstance(network, Fitted):
        pytest.skip("what is fitted is a graph from the start")
    assert isinstance(network, Layered)
    given = mixes(type(network))[-1]
    model, rows = network.build(given, OUTPUTS[0], Facts()), rows_of(given, 7)
    for variable in model.variables:  # running means of zero would hide a mistake
        if "moving_mean" in variable.path or "beta" in variable.path:
            variable.assign(np.random.default_rng(1).normal(scale=0.1, size=variable.shape))
    expected = np.asarray(model(rows, training=False))
    graph = exported(model)
    assert hold_equal(graph, rows, [expected]) < 1e-4
    np.testing.assert_allclose(answers_of(graph, {name: x[2:3] for name, x in rows.items()}), expected[2:3], atol=1e-4)


@pytest.mark.parametrize("name", every_network_by_itself())
def test_padding_never_changes_an_answer(name: str) -> None:
    kind = find(Network, name)
    for form in (LONG_SERIES, TEXT):
        given = {"given_0": form}
        if not kind.suits(given) or not issubclass(kind, Layered):
            continue
        longer = {"given_0": form.model_copy(update={"shape": (form.shape[0] + 8, *form.shape[1:])})}
        short, long = (kind().build(forms, OUTPUTS[0], Facts()) for forms in (given, longer))
        long.set_weights(short.get_weights())
        (x,) = rows_of(given, 5).values()
        padded = np.pad(x, [(0, 0), (0, 8), *[(0, 0)] * (x.ndim - 2)])
        expected = np.asarray(short({"given_0": x}, training=False))
        np.testing.assert_allclose(np.asarray(long({"given_0": padded}, training=False)), expected, atol=1e-5)


@pytest.mark.parametrize("depth", [9, 18, 34])
def test_a_large_picture_is_halved_twice_at_the_start_of_a_residual_network(depth: Any) -> None:
    def first(side: int) -> tuple[Any, Any]:
        form = Form(name="grid", shape=(side, side, 1), dtype="uint8")
        network = Resnet(Resnet.Options(depth=depth, width=4))
        model = network.build({"given_0": form}, Output(2, "softmax"), Facts())
        convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        assert len(convolutions) == {9: 8, 18: 20, 34: 36}[depth]  # with the shortcuts', without the dense layer
        return convolutions[0].kernel_size, convolutions[0].strides

    assert first(64) == ((3, 3), (1, 1))
    assert first(96) == ((7, 7), (2, 2))


@pytest.mark.parametrize(("name", "form"), [("resnet", NUMBER), ("rnn", NUMBER), ("cnn", WORD)])
def test_a_network_says_which_columns_it_is_for(name: str, form: Form) -> None:
    network = find(Network, name)()
    assert isinstance(network, Layered)
    with pytest.raises(TrainingError) as caught:
        network.build({"given_0": form}, OUTPUTS[0], Facts())
    assert caught.value.code == "training.does_not_suit"


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
