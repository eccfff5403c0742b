"""The chapter that tells how a model works: its blocks, and a formula for every loss that a task can name."""

from __future__ import annotations

from typing import Any

import pytest

from sixfold.evaluation.chapters.anatomy import _LOSSES, _OF_FORMS, Anatomy, _grouped

REPORT = {"product": {"target": "<b>digit"}}


def found(**changes: Any) -> dict[str, Any]:
    layers = [
        {"name": "scan", "kind": "InputLayer", "parameters": 0, "shape": [8, 8, 1]},
        {"name": "c1", "kind": "Conv2D", "parameters": 80, "shape": [8, 8, 8]},
        {"name": "b1", "kind": "BatchNormalization", "parameters": 32, "shape": [8, 8, 8]},
        {"name": "p1", "kind": "MaxPooling2D", "parameters": 0, "shape": [4, 4, 8]},
        {"name": "d1", "kind": "Dense", "parameters": 1290, "shape": [10]},
    ]
    return {
        "network": "cnn",
        "title": {"en": "convolutional network", "zh": "卷积神经网络"},
        "is_fitted": False,
        "others": [],
        "inputs": [{"column": "scan", "form": "grid", "shape": [8, 8, 1]}],
        "layers": layers,
        "parameters": 1402,
        "output": {"units": 10, "activation": "softmax", "places": [], "form": "vector"},
        "loss": "categorical_crossentropy",
        "recipe": {"learning_rate": 0.003, "batch": 32, "epochs": 9, "schedule": "one_cycle", "optimizer": "adam"},
        **changes,
    }


def test_layers_stand_in_blocks_each_led_by_one_that_learns() -> None:
    assert [[layer["name"] for layer in group] for group in _grouped(found()["layers"])] == [["c1", "b1", "p1"], ["d1"]]


def test_the_page_shows_shapes_and_counts_explains_the_layers_and_escapes_names() -> None:
    page = Anatomy.body(found(), REPORT)
    assert "4×4×8 · 112" in page
    assert "Pooling" in page
    assert "Recurrent layer" not in page
    assert "32 rows" in page
    assert "每一步看 32 行" in page
    assert "<b>digit" not in page


def test_a_long_network_is_shortened_in_its_middle() -> None:
    layers = [{"name": f"d{n}", "kind": "Dense", "parameters": 5, "shape": [n]} for n in range(60)]
    page = Anatomy.body(found(layers=layers), REPORT)
    assert "42 more blocks" in page
    assert page.count("Dense") < 30


def test_what_no_layers_make_up_is_one_box_and_learns_by_no_steps() -> None:
    page = Anatomy.body(found(network="trees", layers=[], is_fitted=True, recipe={}, others=["mlp"]), REPORT)
    assert "Boosted trees" in page
    assert "How it learned" not in page
    assert "together with others (mlp)" in page


@pytest.mark.parametrize("loss", sorted(_LOSSES))
def test_every_loss_has_its_formula(loss: str) -> None:
    output = {"units": 1, "activation": "sigmoid", "places": [4, 4], "form": "grid"}
    assert "<pre>" in Anatomy.body(found(loss=loss, output=output, inputs=[]), REPORT)


@pytest.mark.parametrize("form", sorted(_OF_FORMS))
def test_choices_and_ways_have_formulas_of_their_own(form: str) -> None:
    output = {"units": 4, "activation": "linear", "places": [], "form": form}
    assert "<pre>" in Anatomy.body(found(output=output, loss="mean_squared_error"), REPORT)
