"""Pretrained networks of pictures: loaded from a folder in the hub's layout, fed as they were, tuned two ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")
keras_hub = pytest.importorskip("keras_hub")

from sixfold.errors import TrainingError  # noqa: E402
from sixfold.fields import Form  # noqa: E402
from sixfold.networks import Facts  # noqa: E402
from sixfold.networks.resnet import Resnet  # noqa: E402
from sixfold.tasks import Output  # noqa: E402
from sixfold.training._export import exported, hold_equal  # noqa: E402

GREY = Form(name="grid", shape=(32, 32, 1), dtype="uint8")
RGB = Form(name="grid", shape=(40, 32, 3), dtype="uint8")
NUMBER = Form(name="vector", shape=(2,), dtype="float32")
SCALE, OFFSET = [0.01, 0.02, 0.03], [-1.0, -2.0, -3.0]


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny ResNet, written in the hub's own layout."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("preset")
    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
    )
    backbone.save_to_preset(str(folder))
    keras_hub.layers.ResNetImageConverter(image_size=(224, 224), scale=SCALE, offset=OFFSET).save_to_preset(str(folder))
    return folder


def pictures(form: Form, count: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *form.shape)).astype(np.uint8)


@pytest.mark.parametrize("tuning", ["whole", "frozen"])
def test_it_builds_both_ways_beside_numbers_and_its_graph_answers_alike(preset: Path, tuning: Any) -> None:
    network = Resnet(Resnet.Options(preset=preset.name, tuning=tuning), beside=preset.parent)
    given = {"given_0": GREY, "given_1": NUMBER, "given_2": GREY}
    model = network.build(given, Output(3, "softmax"), Facts(100))
    rows: dict[str, Any] = {"given_0": pictures(GREY), "given_1": np.ones((4, 2), np.float32)}
    rows["given_2"] = rows["given_0"][::-1]
    answers = np.asarray(model(rows, training=False))
    learning = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert (learning > 150_000) == (tuning == "whole")
    assert hold_equal(exported(model), rows, [answers]) < 1e-4


def test_pictures_reach_the_preset_as_they_did_when_it_learned(preset: Path) -> None:
    network = Resnet(Resnet.Options(preset=str(preset), tuning="frozen"))
    fixed, _ = network.build({"given_0": RGB}, Output(2, "softmax"), Facts(100)).halves
    x = pictures(RGB)
    backbone = keras_hub.models.Backbone.from_preset(str(preset))
    expected = np.asarray(backbone(x * np.array(SCALE, np.float32) + np.array(OFFSET, np.float32))).mean(axis=(1, 2))
    np.testing.assert_allclose(np.asarray(fixed({"given_0": x})["given_0"]), expected, atol=1e-4)


def test_a_preset_asks_for_larger_pictures_and_its_files_count(preset: Path) -> None:
    assert Resnet.asks("image", {"preset": "x"}) == {"size": 128}
    assert Resnet.asks("image", {}) == {}
    names = {name for name, _, _ in Resnet.depends_on({"preset": preset.name}, preset.parent)}
    assert "config.json" in names
    assert Resnet.depends_on({"preset": "hf://timm/resnet18.a1_in1k"}, preset) is None


def test_a_preset_that_takes_no_pictures_is_refused(tmp_path: Path) -> None:
    texts = keras_hub.models.BertBackbone(
        vocabulary_size=9, num_layers=1, num_heads=1, hidden_dim=4, intermediate_dim=4, max_sequence_length=8
    )
    texts.save_to_preset(str(tmp_path))
    with pytest.raises(TrainingError) as caught:
        Resnet(Resnet.Options(preset=str(tmp_path))).build({"given_0": RGB}, Output(2, "softmax"), Facts())
    assert caught.value.code == "training.preset_takes_no_pictures"
    with pytest.raises(TrainingError) as caught:
        Resnet(Resnet.Options(preset="nowhere")).build({"given_0": RGB}, Output(2, "softmax"), Facts())
    assert caught.value.code == "training.no_preset"
