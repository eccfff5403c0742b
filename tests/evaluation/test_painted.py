"""Generated pictures: sets that are known to be alike, to differ, or to have collapsed."""

from __future__ import annotations

import numpy as np
import pytest

from sixfold.evaluation import Encoded, appraisal_of, measured
from sixfold.evaluation.pictures import Painted, Pictures
from sixfold.fields.image import Image
from sixfold.product import Product
from sixfold.tasks import Decision, task_of

NAMES = ("fidelity_and_variety", "precision", "recall", "usefulness")


def shapes(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Bright squares at random places on grey (rows, 12, 12, 1): small ones of class 0, large ones of class 1."""
    draw = np.random.default_rng(seed)
    classes = draw.integers(0, 2, rows)
    pictures = draw.integers(0, 30, (rows, 12, 12, 1)).astype(np.uint8)
    for picture, one in zip(pictures, classes, strict=True):
        size = 2 if one == 0 else 6
        top, left = draw.integers(0, 12 - size, 2)
        picture[top : top + size, left : left + size] = 230
    return pictures, classes


@pytest.fixture
def pattern() -> Pictures:
    product = Product(name="p", data="x", given={"label": "category"}, generate={"picture": "image"})
    kind = appraisal_of("pictures")
    assert kind is Pictures
    state = {"height": 12, "width": 12, "channels": 1, "range": None}
    return Pictures(task_of(product)(product, Image("picture", None, state)))


def figures(painted: Painted) -> dict[str, float]:
    return {name: one.value for name, one in measured(NAMES, painted, resamples=100).items()}


def test_pictures_of_the_same_kind_lie_among_each_other_and_teach_their_classes() -> None:
    real, classes = shapes(400, 0)
    drawn, painted_classes = shapes(4000, 1)
    order = np.argsort(np.argsort(classes, kind="stable"), kind="stable")
    of_class = np.concatenate([drawn[painted_classes == one][: (classes == one).sum()] for one in (0, 1)])[order]
    found = figures(Painted(real, of_class, classes))
    assert found["precision"] > 0.7
    assert found["recall"] > 0.7
    assert found["usefulness"] > 0.9


def test_one_picture_again_and_again_has_no_recall_and_noise_no_precision() -> None:
    real, _ = shapes(400, 0)
    collapsed = np.repeat(real[:1], 400, axis=0)
    assert figures(Painted(real, collapsed))["recall"] < 0.05
    noise = np.random.default_rng(2).integers(0, 256, real.shape).astype(np.uint8)
    assert figures(Painted(real, noise))["precision"] < 0.05


def test_without_a_class_nothing_is_said_of_usefulness() -> None:
    real, _ = shapes(60, 0)
    assert figures(Painted(real, shapes(60, 1)[0]))["usefulness"] is None


def test_the_linear_model_paints_pictures_of_the_size_and_class_that_is_asked(pattern: Pictures) -> None:
    real, classes = shapes(300, 0)
    arrays = {"label": (classes + 1).astype(np.int32)}
    truth = pattern.truth(real)
    (gaussian,) = pattern.yardsticks({"label": None}, Encoded(arrays, truth), truth)  # type: ignore[dict-item]
    painted = gaussian.outputs(arrays)
    assert painted.shape == real.shape
    assert painted.dtype == np.uint8
    assert painted[classes == 1].mean() > painted[classes == 0].mean() + 10
    answered = pattern.answered(painted, pattern.asked(arrays, truth)[1], Decision())
    np.testing.assert_array_equal(answered.classes, classes + 1)
