"""What the model goes by: held against models and data of which that is known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from PIL import Image as Pillow

from sixfold.evaluation.chapters._inside import Inside
from sixfold.evaluation.chapters._looking import hidden, pieces, worded, worth_of_patches, worth_of_pieces
from sixfold.evaluation.chapters._shapley import shapley
from sixfold.fields.image import Image
from sixfold.product import Product
from sixfold.stages import Evaluate

if TYPE_CHECKING:
    from tests.evaluation.conftest import Case


def explained(case: Case) -> tuple[dict[str, Any], str]:
    work = case.work()
    Evaluate().run(case.product, case.inputs, work)
    report = json.loads(case.store.get(work.members["report.json"]))
    return report["chapters"]["explanations"], case.store.get(work.members["report.html"]).decode()


# Shapley values


def columns(draw: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    return {name: draw.normal(size=(rows, 1)).astype(np.float32) for name in "abc"}


def test_shares_of_a_row_add_up_to_its_answer() -> None:
    draw = np.random.default_rng(0)
    rows, background = columns(draw, 7), columns(draw, 50)

    def said(arrays: Mapping[str, np.ndarray], count: int, whose: np.ndarray) -> np.ndarray:
        a, b, c = (arrays[name][:, 0].astype(float) for name in "abc")
        return np.tanh(a * b) + np.maximum(c, a) ** 2

    shares, base = shapley(said, rows, background, 5, seed=3)
    answers = said(rows, 7, np.arange(7))
    assert np.allclose(base + shares.sum(axis=1), answers, atol=1e-9)


def test_of_a_sum_each_column_has_its_own_part_exactly() -> None:
    draw = np.random.default_rng(1)
    rows, background = columns(draw, 4), {name: np.zeros((1, 1), np.float32) for name in "abc"}

    def said(arrays: Mapping[str, np.ndarray], count: int, whose: np.ndarray) -> np.ndarray:
        return 2.0 * arrays["a"][:, 0] - 3.0 * arrays["b"][:, 0]

    shares, _ = shapley(said, rows, background, 3, seed=0)
    assert np.allclose(shares[:, 0], 2 * rows["a"][:, 0], atol=1e-6)
    assert np.allclose(shares[:, 1], -3 * rows["b"][:, 0], atol=1e-6)
    assert np.allclose(shares[:, 2], 0)


def test_two_columns_that_only_work_together_share_alike() -> None:
    ones = {name: np.ones((1, 1), np.float32) for name in "abc"}
    zeros = {name: np.zeros((1, 1), np.float32) for name in "abc"}

    def said(arrays: Mapping[str, np.ndarray], count: int, whose: np.ndarray) -> np.ndarray:
        return arrays["a"][:, 0] * arrays["b"][:, 0]

    shares, _ = shapley(said, ones, zeros, 40, seed=0)
    assert np.allclose(shares, [[0.5, 0.5, 0.0]])  # walks go both ways, so even few orders are even


# Tables


def test_the_column_that_decides_is_found_and_one_that_does_not_is_told_apart(build: Callable[..., Case]) -> None:
    draw = np.random.default_rng(0)
    decides, other = draw.normal(size=400), draw.normal(size=400)
    rows = pl.DataFrame({"decides": decides, "other": other, "ill": np.where(decides > 0, "yes", "no")})
    product = Product(
        name="one", data="one.csv", given={"decides": "number", "other": "number"}, predict={"ill": "yes_no"}
    )
    found, page = explained(build(product, rows))
    first, second = found["importance"]["columns"]
    assert first["column"] == "decides"
    assert first["low"] > 0.2
    assert second["low"] <= 0 <= second["high"] + 1e-9
    assert found["shapley"]["columns"][0]["column"] == "decides"
    assert found["shapley"]["of"] == "yes"
    high = np.array(found["shapley"]["columns"][0]["standing"]) > 0.5
    by = np.array(found["shapley"]["columns"][0]["by"])
    assert by[high].mean() > 0 > by[~high].mean()
    assert "try the product without them: other" in page


def test_examples_tell_parts_that_add_up(tumour_case: Case) -> None:
    found, page = explained(tumour_case)
    for one in found["shapley"]["examples"]:
        total = one["base"] + sum(part["by"] for part in one["parts"]) + one["rest"]
        assert total == pytest.approx(one["answer"], abs=1e-6)
    assert "哪些列重要" in page


# Texts


def test_a_text_is_cut_into_pieces_that_make_it_up_again() -> None:
    text = "Don't touch 房间, naïve café №5 — 早餐!\n  ok"
    parts = pieces(text)
    assert "".join(parts) == text
    assert {"Don't", "房", "间", "naïve", "早", "ok"} <= set(parts)


def test_the_word_that_decides_is_worth_most() -> None:
    parts = pieces("the room was awful but near")
    worth = worth_of_pieces(
        parts, worded(parts, 99), lambda texts: np.array([float("awful" in text) for text in texts])
    )
    assert parts[int(worth.argmax())] == "awful"
    assert worth.sum() == pytest.approx(1.0)


def test_of_a_chinese_word_both_characters_count() -> None:
    parts = pieces("房间很糟糕")
    worth = worth_of_pieces(parts, worded(parts, 99), lambda texts: np.array([float("糟糕" in text) for text in texts]))
    assert set(np.argsort(-worth)[:2].tolist()) == {3, 4}


# Pictures


def test_hiding_patches_finds_the_one_that_decides() -> None:
    picture = np.full((16, 16, 1), 100, np.uint8)
    picture[2:4, 12:14] = 255

    def said(pictures: np.ndarray) -> np.ndarray:
        return pictures[:, 2:4, 12:14].mean(axis=(1, 2, 3)) / 255

    attention = worth_of_patches(picture, said)
    assert attention.argmax() == 1 * 8 + 6
    without, by_chance = hidden(picture, attention, 0.02, np.random.default_rng(0))
    assert said(without[None])[0] < said(by_chance[None])[0]


def test_pictures_of_a_network_without_convolutions_are_looked_at_by_hiding(digits_case: Case) -> None:
    found, page = explained(digits_case)
    assert found["pictures"]["method"] == "occlusion"
    assert found["pictures"]["held"]["marked"] > found["pictures"]["held"]["random"]
    assert "Zeiler" in page
    assert found["importance"] is None


SIDE, PATCH = 32, 8


def with_a_patch(count: int, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise with a patch somewhere whose colour is the class: red or blue."""
    pictures = draw.integers(90, 160, (count, SIDE, SIDE, 3)).astype(np.uint8)
    classes, corners = draw.integers(0, 2, count), draw.integers(0, SIDE - PATCH, (count, 2))
    for picture, kind, (top, left) in zip(pictures, classes, corners, strict=True):
        picture[top : top + PATCH, left : left + PATCH] = (230, 30, 30) if kind else (30, 30, 230)
    return pictures, classes, corners


@pytest.fixture(scope="module")
def patched() -> tuple[bytes, Image]:
    """A real network that learned to tell patches apart, exported, and the field of its pictures."""
    keras = pytest.importorskip("keras")
    from sixfold.networks import Facts
    from sixfold.networks.cnn import Cnn
    from sixfold.tasks import Output
    from sixfold.training._export import exported

    keras.utils.set_random_seed(0)
    pictures, classes, _ = with_a_patch(400, np.random.default_rng(0))
    field = Image("photo").fit(list(pictures[:20]))
    model = Cnn().build({"given_0": field.form}, Output(2, "softmax"), Facts(400))
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit({"given_0": pictures}, classes, epochs=6, verbose=0)
    return exported(model), field


def share_on_patches(inside: Inside, pictures: np.ndarray, classes: np.ndarray, corners: np.ndarray) -> float:
    shares = []
    for picture, kind, (top, left) in zip(pictures, classes, corners, strict=True):
        small = inside.attention("photo", {"photo": picture[None]}, int(kind))
        whole = np.asarray(Pillow.fromarray(small.astype(np.float32)).resize((SIDE, SIDE), Pillow.Resampling.BILINEAR))
        shares.append(whole[top : top + PATCH, left : left + PATCH].sum() / max(whole.sum(), 1e-9))
    return float(np.mean(shares))


def test_the_attention_lies_on_the_patch_that_decides(patched: tuple[bytes, Image]) -> None:
    graph, field = patched
    inside = Inside(graph, {"photo": field})
    assert inside.has_maps("photo")
    assert inside.members == 1
    share = share_on_patches(inside, *with_a_patch(12, np.random.default_rng(1)))
    assert share > 3 * PATCH**2 / SIDE**2, "it should lie there far more than by its area"


def test_of_a_mixture_of_folds_the_strongest_member_is_looked_into(patched: tuple[bytes, Image]) -> None:
    from sixfold.training._ensemble import mean_of, merged

    graph, field = patched
    mixture = merged([mean_of([graph, graph], "softmax"), graph], [0.4, 0.6], [1.3, 0.9], "softmax")
    inside, alone = Inside(mixture, {"photo": field}), Inside(graph, {"photo": field})
    assert inside.members == 3
    assert inside.weight("photo") == pytest.approx(0.6)
    picture = {"photo": with_a_patch(1, np.random.default_rng(2))[0]}
    assert np.allclose(inside.attention("photo", picture, 0), alone.attention("photo", picture, 0), atol=1e-3)


def test_weights_of_maps_are_the_gradients_that_a_training_library_gives(patched: tuple[bytes, Image]) -> None:
    """Grad-CAM's own definition, by automatic differentiation of the same network."""
    keras, tf = pytest.importorskip("keras"), pytest.importorskip("tensorflow")
    from sixfold.training._export import exported

    keras.utils.set_random_seed(0)
    inputs = keras.Input((SIDE, SIDE, 3), name="given_0", dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    maps = keras.layers.Conv2D(6, 3, activation="relu", padding="same", strides=2)(x)
    rest = [keras.layers.MaxPooling2D(2), keras.layers.Flatten(), keras.layers.Dense(2)]
    scores = maps
    for layer in rest:
        scores = layer(scores)
    model = keras.Model({"given_0": inputs}, keras.layers.Softmax()(scores))
    picture = with_a_patch(1, np.random.default_rng(3))[0]
    model.predict({"given_0": picture}, verbose=0)
    inside = Inside(exported(model), {"photo": patched[1]})
    seen = tf.convert_to_tensor(keras.Model(inputs, maps)(picture))
    for unit in (0, 1):
        with tf.GradientTape() as tape:
            tape.watch(seen)
            y = seen
            for layer in rest:
                y = layer(y)
            score = y[:, unit]
        slopes = tape.gradient(score, seen).numpy()[0].sum(axis=(0, 1))
        weighed = np.maximum((slopes * seen.numpy()[0]).sum(axis=-1), 0)
        expected = weighed / (weighed.max() or 1.0)
        assert np.allclose(inside.attention("photo", {"photo": picture}, unit), expected, atol=0.03)


def test_trees_have_no_last_vector_and_a_network_has(patched: tuple[bytes, Image], tumour_case: Case) -> None:
    graph, field = patched
    vectors = Inside(graph, {"photo": field}).vectors({"photo": with_a_patch(5, np.random.default_rng(4))[0]})
    assert vectors is not None
    assert vectors.shape[0] == 5
    assert vectors.shape[1] > 8
    linear = tumour_case.store.get(tumour_case.made["train"].members["graph.onnx"])
    assert not Inside(linear, tumour_case.given).has_maps("mean radius")
