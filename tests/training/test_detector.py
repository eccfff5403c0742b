"""The detector: what is suppressed is what a greedy loop suppresses, and the loss is least at the truth."""

from __future__ import annotations

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from sixfold.evaluation.boxes import overlaps  # noqa: E402
from sixfold.fields import Form  # noqa: E402
from sixfold.networks import Facts, Recipe  # noqa: E402
from sixfold.networks.detector import Detector  # noqa: E402
from sixfold.networks.layers import SurestBoxes  # noqa: E402
from sixfold.tasks import Output  # noqa: E402

GIVEN = {"given_0": Form(name="grid", shape=(64, 96, 3), dtype="uint8")}
OUTPUT = Output(6, "linear", (20,), "points")
FACTS = Facts(10, target={"classes": ["a", "b"], "widths": [0.2, 0.3, 0.4], "heights": [0.2, 0.3, 0.4]})


def said(boxes: list[tuple[int, float, float, float, float, float]], height: int = 8, width: int = 12) -> np.ndarray:
    """What cells say (1, height, width, 2 + 4) that hold boxes of class, score, left, top, width and height."""
    cells = np.full((1, height, width, 6), -9.0, np.float32)
    for kind, score, left, top, wide, high in boxes:
        row, column = int((top + high / 2) * height), int((left + wide / 2) * width)
        x, y = (column + 0.5) / width, (row + 0.5) / height
        cells[0, row, column, kind - 1] = np.log(score / (1 - score))
        cells[0, row, column, 2:] = np.log([x - left, y - top, left + wide - x, top + high - y])
    return cells


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_boxes_are_suppressed_as_a_greedy_loop_would(seed: int) -> None:
    random = np.random.default_rng(seed)
    cells = random.normal(0, 1, (2, 6, 6, 6)).astype(np.float32)
    cells[..., 2:] = random.normal(-1.5, 0.4, (2, 6, 6, 4))
    found = np.asarray(SurestBoxes(40)(cells))
    everything = np.asarray(SurestBoxes(40)(cells))
    for row in range(2):
        kept = found[row][found[row, :, 0] > 0]
        assert (np.diff(kept[:, 1]) <= 0).all()
        for place, box in enumerate(kept):
            before = kept[:place][kept[:place, 0] == box[0]]
            assert not len(before) or overlaps(box[None, 2:], before[:, 2:]).max() <= 0.56
    np.testing.assert_array_equal(found, everything)


def test_of_two_boxes_that_are_one_the_surer_stays_and_others_are_untouched() -> None:
    cells = said([(1, 0.9, 0.1, 0.1, 0.4, 0.4), (1, 0.8, 0.19, 0.1, 0.4, 0.4), (2, 0.7, 0.28, 0.1, 0.4, 0.4)])
    (found,) = np.asarray(SurestBoxes(5)(cells))
    kept = found[found[:, 0] > 0]
    assert kept[:, 0].tolist() == [1, 2]
    assert kept[0].tolist() == pytest.approx([1, 0.9, 0.1, 0.1, 0.4, 0.4], abs=1e-4)


def test_the_loss_is_least_at_the_truth_and_the_overlap_is_whole_there() -> None:
    objective = Detector().objective(OUTPUT, Recipe())
    assert objective is not None
    truth = np.zeros((1, 3, 5), np.float32)
    truth[0, :2] = [1, 0.11, 0.12, 0.3, 0.3], [2, 0.61, 0.5, 0.3, 0.4]
    boxes = [(1, 0.99, 0.11, 0.12, 0.3, 0.3), (2, 0.99, 0.61, 0.5, 0.3, 0.4)]
    right = said(boxes)
    wrong_class, moved = said([(2, *boxes[0][1:]), boxes[1]]), said([(1, 0.99, 0.11, 0.12, 0.25, 0.35), boxes[1]])

    def loss(cells: np.ndarray) -> float:
        return float(objective.loss(keras.ops.array(truth), keras.ops.array(cells)))

    assert loss(right) < min(loss(wrong_class), loss(moved), loss(said([boxes[0]])))
    assert np.asarray(objective.score(keras.ops.array(truth), keras.ops.array(right)))[0] == pytest.approx(1, abs=1e-3)
    nothing = np.zeros_like(truth)
    assert np.isfinite(float(objective.loss(keras.ops.array(nothing), keras.ops.array(right))))


@pytest.mark.parametrize(("widths", "stride"), [([0.3, 0.4, 0.5], 8), ([0.05, 0.2, 0.4], 4)])
def test_cells_are_finer_where_boxes_are_small(widths: list[float], stride: int) -> None:
    facts = Facts(10, target={"classes": ["a"], "widths": widths, "heights": [0.5, 0.5, 0.5]})
    model = Detector(Detector.Options(width=4)).build(GIVEN, OUTPUT, facts)
    assert model.output_shape == (None, 64 // stride, 96 // stride, 5)
    (part,) = Detector().parts(model, GIVEN, OUTPUT).values()
    assert part.is_ranked
    assert part.model.output_shape == (None, 20, 6)


@pytest.mark.slow
def test_the_exported_graph_gives_the_same_boxes() -> None:
    from sixfold.training._export import exported, hold_equal

    model = Detector(Detector.Options(width=8)).build(GIVEN, OUTPUT, FACTS)
    model.layers[-2].bias.assign(np.log([0.2, 0.1, 0.2, 0.3]))
    (part,) = Detector().parts(model, GIVEN, OUTPUT).values()
    pictures = np.random.default_rng(0).integers(0, 256, (5, 64, 96, 3)).astype(np.uint8)
    found = np.asarray(part.model({"given_0": pictures}))
    assert hold_equal(exported(part.model), {"given_0": pictures}, [found], is_ranked=True) < 1e-4
