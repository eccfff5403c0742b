"""What a recipe may say: augmentation, hidden columns, weights of classes, accumulation, precision."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from test_training import prepared, trial  # noqa: E402

from sixfold.fields import Form  # noqa: E402
from sixfold.fields.category import Category  # noqa: E402
from sixfold.fields.number import Number  # noqa: E402
from sixfold.fields.yes_no import YesNo  # noqa: E402
from sixfold.networks import Recipe  # noqa: E402
from sixfold.product import Product, Train  # noqa: E402
from sixfold.store import Store  # noqa: E402
from sixfold.tasks import Task, task_of  # noqa: E402
from sixfold.training import run_trial  # noqa: E402
from sixfold.training._augment import Lying, augmentation  # noqa: E402
from sixfold.training._feed import _alike  # noqa: E402
from sixfold.training._objective import _place_weights, judged, objective_of  # noqa: E402
from sixfold.training._tensorflow import _cut  # noqa: E402

__all__ = ["prepared"]

PICTURE = Form(name="grid", shape=(16, 12, 3), dtype="uint8")
TEXT = Form(name="tokens", shape=(10,), dtype="int32", vocabulary=50)
SERIES = Form(name="steps", shape=(8, 3), dtype="float32")
NUMBER = Form(name="vector", shape=(1,), dtype="float32")


def changed(recipe: Recipe, given: dict[str, Form], rows: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    augment = augmentation(recipe, given, keras.random.SeedGenerator(3))
    assert augment is not None
    inputs, _ = augment({name: keras.ops.array(x) for name, x in rows.items()}, None)
    return {name: np.asarray(x) for name, x in inputs.items()}


def task(kind: str, values: list[Any]) -> Task:
    product = Product(name="t", data="-", given={"x": "number"}, predict={"y": kind})
    field = {"category": Category, "yes_no": YesNo, "number": Number}[kind]("y").fit(values)
    return task_of(product)(product, field)


@pytest.mark.parametrize(
    "name", ["shift", "zoom", "turn", "mirror", "upend", "brightness", "contrast", "tint", "erase"]
)
def test_each_change_of_pictures_changes_them_keeps_their_form_and_differs_by_row(name: str) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (6, 16, 12, 3)).astype(np.uint8)
    strength = 20.0 if name == "turn" else 0.5
    found = changed(Recipe(augment={name: strength}), {"a": PICTURE}, {"a": pictures})["a"]
    assert found.shape == pictures.shape
    assert found.dtype == np.uint8
    assert (found != pictures).any()
    same = np.repeat(pictures[:1], 6, axis=0)
    rows = changed(Recipe(augment={name: strength}), {"a": PICTURE}, {"a": same})["a"]
    assert len(np.unique(rows.reshape(6, -1), axis=0)) > 1


def test_words_are_left_out_and_those_behind_move_up() -> None:
    tokens = np.array([[5, 6, 7, 8, 9, 10, 11, 12, 0, 0], [4, 0, 0, 0, 0, 0, 0, 0, 0, 0]], np.int32)
    found = changed(Recipe(augment={"drop": 0.5}), {"a": TEXT}, {"a": tokens})["a"]
    kept = [token for token in found[0] if token]
    assert kept == [token for token in tokens[0] if token in kept]
    assert 0 < len(kept) < 8
    assert kept[0] == 5
    assert not found[0][len(kept) :].any()
    assert (found[1] == tokens[1]).all()


def test_series_are_shaken_where_they_are_and_nowhere_else() -> None:
    steps = np.zeros((3, 8, 3), np.float32)
    steps[:, :5] = 1.0
    found = changed(Recipe(augment={"noise": 0.1, "scale": 0.2}), {"a": SERIES}, {"a": steps})["a"]
    np.testing.assert_array_equal(found[..., -1], steps[..., -1])
    assert not found[:, 5:].any()
    assert (found[:, :5, :2] != 1.0).all()


def test_whole_columns_are_hidden_as_if_they_were_missing_only_beside_others() -> None:
    given = {"a": PICTURE, "b": TEXT, "c": NUMBER}
    rows = {
        "a": np.full((400, 16, 12, 3), 7, np.uint8),
        "b": np.full((400, 10), 3, np.int32),
        "c": np.ones((400, 1), np.float32),
    }
    found = changed(Recipe(modality_dropout=0.25), given, rows)
    for name in ("a", "b"):
        hidden = ~found[name].reshape(400, -1).any(axis=1)
        assert 0.15 < hidden.mean() < 0.35
        assert (found[name][~hidden] == rows[name][~hidden]).all()
    assert (found["c"] == 1).all()
    assert augmentation(Recipe(modality_dropout=0.25), {"a": PICTURE}, None) is None


def test_rows_of_rare_classes_weigh_more_when_classes_are_balanced() -> None:
    one = task("category", ["a"] * 90 + ["b"] * 10)
    targets = np.eye(2, dtype=np.float32)[[0] * 90 + [1] * 10]
    outputs = np.full((100, 2), 0.5, np.float32)
    plain = objective_of(one, Recipe(), targets)
    balanced = objective_of(one, Recipe(class_weights="balanced"), targets)
    mistaken = np.where(targets[:, 1:] == 1, [[0.9, 0.1]], [[0.9, 0.1]]).astype(np.float32)
    assert float(plain.loss(targets, outputs)) == pytest.approx(np.log(2), abs=1e-5)
    assert float(balanced.loss(targets, outputs)) == pytest.approx(np.log(2), abs=1e-5)
    assert float(balanced.loss(targets, mistaken)) > 2 * float(plain.loss(targets, mistaken))
    assert balanced.judge(targets, mistaken)["loss"] == pytest.approx(float(balanced.loss(targets, mistaken)), abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "values"), [("category", ["a", "b", "c"]), ("yes_no", ["no", "yes"]), ("number", [1, 2, 5])]
)
def test_the_loss_of_training_and_that_of_validation_are_one(kind: str, values: list[Any]) -> None:
    one, draw = task(kind, values), np.random.default_rng(0)
    field = one.target
    targets = one.targets(field.encode(draw.choice(np.array(values, dtype=object), 40).tolist()))
    raw = draw.uniform(0.05, 1, (40, one.output.units)).astype(np.float32)
    outputs = raw / raw.sum(axis=1, keepdims=True) if one.output.units > 1 else raw * 0.9
    recipe = Recipe(label_smoothing=0.0 if kind == "number" else 0.1)
    objective = objective_of(one, recipe, targets)
    told = objective.judge(targets, outputs)
    assert told["loss"] == pytest.approx(float(objective.loss(targets, outputs)), abs=1e-5)
    assert told[objective.metric] == pytest.approx(float(keras.ops.mean(objective.score(targets, outputs))), abs=1e-5)
    assert judged(one, targets, outputs)[1] == pytest.approx(told[objective.metric])


def test_texts_of_like_length_stand_in_one_batch_and_every_row_comes_once() -> None:
    draw = np.random.default_rng(0)
    lengths = draw.integers(1, 200, 1003)
    order = _alike(draw.permutation(1003), lengths, 16, draw)
    assert sorted(order) == list(range(1003))
    batches = [lengths[order[at : at + 16]] for at in range(0, 992, 16)]
    assert np.mean([batch.max() - batch.min() for batch in batches]) < 40


def test_the_padding_that_no_row_needs_is_cut() -> None:
    tokens = np.zeros((3, 40), np.int32)
    tokens[1, :9] = 4
    assert tuple(_cut(keras.ops.array(tokens)).shape) == (3, 16)
    assert tuple(_cut(keras.ops.array(np.zeros((3, 40), np.int32))).shape) == (3, 8)


def test_what_the_file_says_goes_over_the_recipe() -> None:
    said = Train(
        augment=False, class_weights="balanced", accumulate=4, precision="bfloat16", label_smoothing=0.2
    ).recipe
    assert said == {
        "augment": {},
        "class_weights": "balanced",
        "accumulate": 4,
        "precision": "bfloat16",
        "label_smoothing": 0.2,
    }
    assert Train(augment=True).recipe == {}
    assert Train(augment={"shift": 0.2}).recipe == {"augment": {"shift": 0.2}}


@pytest.mark.slow
@pytest.mark.parametrize("said", [{"accumulate": 4}, {"precision": "bfloat16"}, {"precision": "auto"}])
def test_training_in_other_ways_ends_in_the_same_kind_of_model(prepared: Store, said: dict[str, Any]) -> None:
    result = run_trial(trial(prepared, json.dumps(said), said={"epochs": 4, **said}), lambda event: None)
    assert result.about["graph_difference"] < 1e-4
    assert result.about["figure"]["value"] > 0.9
    recipe = json.loads(prepared.get(result.stored()["network.json"]))["recipe"]
    assert recipe["precision"] in ("float32", "bfloat16")
    assert recipe["accumulate"] == said.get("accumulate", 1)


MOVES = {"shift": 0.2, "zoom": 0.3, "turn": 20.0, "mirror": 0.5, "upend": 0.5}


def test_a_mask_moves_with_its_picture_and_says_nothing_where_the_picture_moved_away() -> None:
    spots = (np.random.default_rng(0).random((8, 24, 30)) < 0.5).astype(np.uint8)
    spots = np.kron(spots[:, ::6, ::6], np.ones((1, 6, 6), np.uint8))
    pictures = np.repeat(spots[..., None] * 200, 3, axis=-1)
    form = Form(name="grid", shape=pictures.shape[1:], dtype="uint8")
    augment = augmentation(Recipe(augment=MOVES), {"a": form}, keras.random.SeedGenerator(1), Lying("a", "grid", 255))
    assert augment is not None
    inputs, targets = augment({"a": keras.ops.array(pictures)}, keras.ops.array(spots))
    seen, told = np.asarray(inputs["a"])[..., 0], np.asarray(targets)
    assert told.dtype == np.uint8
    assert (told == 255).any()
    known = (told != 255) & ((seen < 20) | (seen > 180))  # between them lies the edge of a spot
    assert known.mean() > 0.5
    assert ((seen > 100) == (told == 1))[known].mean() > 0.97
    assert (told != spots).any(axis=(1, 2)).sum() >= 6


def test_boxes_move_with_their_picture() -> None:
    pictures, boxes = np.zeros((16, 40, 60, 3), np.uint8), np.zeros((16, 3, 5), np.float32)
    pictures[:, 12:22, 20:35] = 250
    boxes[:, 0] = 1, 20 / 60, 12 / 40, 15 / 60, 10 / 40
    form = Form(name="grid", shape=(40, 60, 3), dtype="uint8")
    strength = {**MOVES, "turn": 0.0}
    augment = augmentation(Recipe(augment=strength), {"a": form}, keras.random.SeedGenerator(1), Lying("a", "points"))
    assert augment is not None
    inputs, targets = augment({"a": keras.ops.array(pictures)}, keras.ops.array(boxes))
    assert not np.asarray(targets)[:, 1:].any()
    for picture, (kind, left, top, wide, high) in zip(
        np.asarray(inputs["a"])[..., 0], np.asarray(targets)[:, 0], strict=True
    ):
        rows, columns = np.nonzero(picture > 125)
        assert kind == 1
        assert [left * 60, (left + wide) * 60] == pytest.approx([columns.min(), columns.max() + 1], abs=1.1)
        assert [top * 40, (top + high) * 40] == pytest.approx([rows.min(), rows.max() + 1], abs=1.1)


def test_a_box_that_moved_out_of_the_picture_is_none_any_more() -> None:
    boxes = np.tile(np.array([[1, 0.0, 0.4, 0.1, 0.2], [2, 0.9, 0.4, 0.1, 0.2]], np.float32), (64, 1, 1))
    augment = augmentation(
        Recipe(augment={"shift": 0.4}), {"a": PICTURE}, keras.random.SeedGenerator(1), Lying("a", "points")
    )
    assert augment is not None
    _, targets = augment({"a": keras.ops.zeros((64, 16, 12, 3), "uint8")}, keras.ops.array(boxes))
    found = np.asarray(targets)
    assert set(np.unique(found[..., 0]).tolist()) == {0.0, 1.0, 2.0}
    assert not found[found[..., 0] == 0].any()
    assert (found[..., 1:3] >= 0).all()
    assert (found[..., 1:3] + found[..., 3:] <= 1 + 1e-6).all()


def test_rare_places_weigh_more_but_never_more_than_the_logarithm_allows() -> None:
    targets = np.full((2, 10, 10), 0, np.uint8)
    targets[:, 0, :2], targets[:, 9] = 1, 255
    weights = _place_weights(targets, 3)
    assert weights[0] < 1 < weights[1] <= weights[2]
    assert weights[2] / weights[0] < 50
    known = targets[targets != 255]
    assert weights[known].mean() == pytest.approx(1)
