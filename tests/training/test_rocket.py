"""The ridge on fixed convolutions: what it learns, what it ignores, how sure it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest

from sixfold.fields import Form
from sixfold.networks import Rows, rocket
from sixfold.networks.rocket import Rocket
from sixfold.tasks import Output

LENGTH = 60
SERIES = Form(name="steps", shape=(LENGTH, 2), dtype="float32")
NUMBER = Form(name="vector", shape=(1,), dtype="float32")
YES_NO, SOFTMAX, LINEAR = Output(1, "sigmoid"), Output(2, "softmax"), Output(1, "linear")


def waves(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise in which, anywhere, there is a slow or a fast wave; of any length: series (n, 60, 2) and which (n,)."""
    draw = np.random.default_rng(seed)
    kinds = np.arange(count) % 2
    series = np.zeros((count, LENGTH, 2), np.float32)
    for row, kind in enumerate(kinds):
        steps = draw.integers(30, LENGTH + 1)
        start = draw.integers(0, steps - 20)
        series[row, :steps, 0] = draw.normal(scale=0.3, size=steps)
        series[row, start : start + 20, 0] += np.sin(np.arange(20) * (0.6 if kind else 1.2) + draw.uniform(0, 6))
        series[row, :steps, 1] = 1
    return series, kinds


def fitted(
    rows: dict[str, Any],
    targets: np.ndarray,
    output: Output,
    validation: Rows | None = None,
    tell: Callable[[int, int, float], bool] = lambda done, most, loss: True,
    **forms: Form,
) -> tuple[Callable[[dict[str, Any]], np.ndarray], dict[str, Any]]:
    given = forms or {"given_0": SERIES}
    nothing = Rows({name: x[:0] for name, x in rows.items()}, targets[:0])
    graph, about = Rocket(Rocket.Options(features=1_000)).fit(
        Rows(rows, targets), validation or nothing, given, output, 0, tell
    )
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return (lambda inputs: session.run(None, inputs)[0]), dict(about)


def hot(kinds: np.ndarray) -> np.ndarray:
    return np.eye(2, dtype=np.float32)[kinds]


def test_forty_series_of_unequal_length_are_enough_to_tell_waves_apart() -> None:
    series, kinds = waves(40, 0)
    others, truth = waves(200, 1)
    for output, targets in ((SOFTMAX, hot(kinds)), (YES_NO, kinds[:, None].astype(np.float32))):
        answers, _ = fitted({"given_0": series}, targets, output)
        found = answers({"given_0": others})
        said = found[:, -1] > 0.5
        assert (said == truth).mean() > 0.95


def test_what_stands_in_the_padding_counts_nowhere() -> None:
    series, kinds = waves(20, 0)
    answers, _ = fitted({"given_0": series}, hot(kinds), SOFTMAX)
    littered = series.copy()
    littered[..., 0] += 100 * (1 - series[..., 1])
    np.testing.assert_array_equal(answers({"given_0": littered}), answers({"given_0": series}))


def test_alone_or_among_many_a_row_gets_the_same_answer() -> None:
    series, kinds = waves(20, 0)
    series[3] = 0  # a missing one
    series[4, :, 0] = 5.0  # a flat one, on which rounding could fall to either side
    answers, _ = fitted({"given_0": series}, hot(kinds), SOFTMAX)
    together = answers({"given_0": series})
    for row in range(20):
        np.testing.assert_allclose(answers({"given_0": series[row : row + 1]})[0], together[row], atol=1e-6)


def test_solved_by_rows_or_by_features_it_says_about_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    series, kinds = waves(60, 0)
    others, truth = waves(60, 1)
    monkeypatch.setattr(rocket, "_STRENGTHS", np.array([1e-2]))
    monkeypatch.setattr(rocket, "_FEW_STRENGTHS", np.array([1e-2]))
    monkeypatch.setattr(rocket, "_SCALES", np.array([2.0]))
    validation = Rows({"given_0": others}, hot(truth))
    by_rows, _ = fitted({"given_0": series}, hot(kinds), SOFTMAX, validation)
    monkeypatch.setattr(rocket, "_MOST_ROWS_IN_PAIRS", 0)
    by_features, about = fitted({"given_0": series}, hot(kinds), SOFTMAX, validation)
    np.testing.assert_allclose(by_features({"given_0": others}), by_rows({"given_0": others}), atol=2e-3)
    assert about["rows_used"] == 60
    assert not about["was_cut"]


def test_when_the_time_is_up_it_keeps_what_the_rows_so_far_gave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rocket, "_MOST_ROWS_IN_PAIRS", 0)
    monkeypatch.setattr(rocket, "_FLOATS_AT_ONCE", 8 * 84 * 8 * LENGTH)
    series, kinds = waves(200, 0)
    validation = Rows({"given_0": series[:50]}, hot(kinds[:50]))
    answers, about = fitted({"given_0": series}, hot(kinds), SOFTMAX, validation, lambda done, most, loss: done < 128)
    assert about["was_cut"]
    assert about["rows_used"] == 128
    others, truth = waves(100, 1)
    assert (answers({"given_0": others}).argmax(axis=1) == truth).mean() > 0.9


def test_a_few_rows_that_are_all_right_do_not_make_it_sure() -> None:
    series, kinds = waves(10, 0)
    answers, _ = fitted({"given_0": series}, hot(kinds), SOFTMAX)
    assert answers({"given_0": waves(100, 1)[0]}).max(axis=1).mean() < 0.98


def test_numbers_are_learned_and_a_column_beside_the_series_counts() -> None:
    series, kinds = waves(80, 0)
    draw = np.random.default_rng(2)
    beside = draw.normal(size=(80, 1)).astype(np.float32)
    targets = (kinds[:, None] + 2 * beside).astype(np.float32)
    rows = {"given_0": series, "given_1": beside}
    answers, _ = fitted(rows, targets, LINEAR, given_0=SERIES, given_1=NUMBER)
    others, truth = waves(100, 1)
    more = draw.normal(size=(100, 1)).astype(np.float32)
    wanted = truth[:, None] + 2 * more
    gaps = answers({"given_0": others, "given_1": more}) - wanted
    assert (gaps**2).mean() < 0.1 * wanted.var()


def test_series_shorter_than_a_kernel_are_taken() -> None:
    form = Form(name="steps", shape=(1, 2), dtype="float32")
    series = np.array([[[0.0, 1.0]], [[1.0, 1.0]]] * 6, np.float32)
    answers, _ = fitted({"given_0": series}, hot(np.arange(12) % 2), SOFTMAX, given_0=form)
    assert (answers({"given_0": series}).argmax(axis=1) == np.arange(12) % 2).all()
