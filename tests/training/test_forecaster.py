"""The network of forecasts: what it assumes, what it learns, and that its graph says the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from sixfold.errors import TrainingError  # noqa: E402
from sixfold.fields import Array, Form  # noqa: E402
from sixfold.networks import Facts, Recipe  # noqa: E402
from sixfold.networks.forecaster import Forecaster  # noqa: E402
from sixfold.tasks import Output  # noqa: E402
from sixfold.training._export import exported, hold_equal  # noqa: E402
from sixfold.training._tensorflow import mapped  # noqa: E402

STEPS, LENGTH, SEASON = 6, 24, 12
PAST = Form(name="steps", shape=(LENGTH, 2), dtype="float32")
DAY = Form(name="vector", shape=(9,), dtype="float32")
OUTPUT = Output(9, "linear", (STEPS,), "steps")
MEAN, SPREAD = 200.0, 80.0


def rows(count: int = 40, *, grows: bool = False) -> Array:
    draw = np.random.default_rng(0)
    at = np.arange(LENGTH) + draw.integers(0, SEASON, (count, 1))
    level = np.exp(draw.normal(5.3, 0.5, (count, 1))) if grows else draw.uniform(100, 900, (count, 1))
    season = 1 + 0.2 * np.sin(2 * np.pi * at / SEASON) if grows else 50 * np.sin(2 * np.pi * at / SEASON)
    values = level * season * 1.08 ** (at / SEASON) if grows else level + season + 3 * at
    values = values + draw.normal(size=values.shape) * (0.01 * level if grows else 1.0)
    return np.stack([(values - MEAN) / SPREAD, np.ones_like(values)], axis=-1).astype(np.float32)


def built(x: Array, given: dict[str, Form] | None = None, **options: Any) -> tuple[Forecaster, Any]:
    keras.utils.set_random_seed(0)
    network = Forecaster(Forecaster.Options(**options))
    about = {"given_0": {"means": [MEAN], "spreads": [SPREAD], "season": SEASON}}
    return network, network.build(given or {"given_0": PAST}, OUTPUT, Facts(len(x), {"given_0": x}, about))


def test_before_it_learns_it_repeats_the_season_with_most_of_its_change() -> None:
    x = rows()
    _, model = built(x, scale="linear")
    said = np.asarray(model.answering({"given_0": x}))[..., 4]
    values = x[..., 0]
    change = (values[:, SEASON:] - values[:, :-SEASON])[:, -SEASON // 4 :].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(said, values[:, -SEASON : -SEASON + STEPS] + 0.75 * change, atol=1e-3)


@pytest.mark.parametrize(("grows", "is_log"), [(True, True), (False, False)])
def test_shares_are_learned_where_changes_grow_with_the_numbers(grows: bool, is_log: bool) -> None:
    network = Forecaster()
    state = {"means": [MEAN], "spreads": [SPREAD]}
    scale = network._scale(Facts(40, {"given_0": rows(grows=grows)}), "given_0", state, 1, SEASON)
    assert scale.is_log is is_log
    x = rows(grows=grows)[..., :1]
    np.testing.assert_allclose(np.asarray(scale.outward(scale.inward(x))), x, atol=1e-4)


@pytest.mark.parametrize("encoder", ["linear", "dense", "cnn", "rnn", "transformer"])
def test_the_graph_says_what_the_network_says(encoder: str) -> None:
    x = rows(grows=True)
    beside = np.random.default_rng(1).normal(size=(len(x), 9)).astype(np.float32)
    given = {"given_0": PAST, "given_1": DAY}
    network, model = built(x, given, encoder=encoder, width=8)
    for weight in model.weights:  # nothing may stay zero, or half of the graph is not seen
        weight.assign(np.asarray(weight) + 0.05 * np.random.default_rng(2).normal(size=weight.shape))
    part = network.parts(model, given, OUTPUT)["graph"]
    inputs = {"given_0": x, "given_1": beside}
    expected = mapped(part.model, inputs, [])
    assert expected["output"].shape == (len(x), *OUTPUT.shape)
    assert hold_equal(exported(part.model), inputs, list(expected.values())) < 1e-4
    assert (np.diff(expected["output"].reshape(-1, 9), axis=-1) >= 0).all(), "quantiles rise"


def test_series_of_any_size_teach_the_same() -> None:
    x = rows()
    network, model = built(x)
    objective = network.objective(OUTPUT, Recipe())
    large = np.concatenate([x[..., :1] * 1000, x[..., 1:]], axis=-1)
    future = np.concatenate([x[:, -STEPS:, :1] + 0.3, np.ones((len(x), STEPS, 1), np.float32)], axis=-1)
    future_of_large = np.concatenate([future[..., :1] * 1000, future[..., 1:]], axis=-1)
    _, model_of_large = built(large, scale="linear")
    _, model = built(x, scale="linear")
    one = float(objective.loss(future, model({"given_0": x})))
    other = float(objective.loss(future_of_large, model_of_large({"given_0": large})))
    assert one == pytest.approx(other, rel=1e-3)


def test_steps_that_are_not_known_teach_nothing() -> None:
    x = rows(8)
    network, model = built(x)
    objective = network.objective(OUTPUT, Recipe())
    future = np.zeros((8, STEPS, 2), np.float32)
    future[:, :3, 1] = 1
    other = future.copy()
    other[:, 3:, 0] = 1e6
    outputs = model({"given_0": x})
    assert float(objective.loss(future, outputs)) == float(objective.loss(other, outputs))


def test_a_past_of_other_channels_is_refused() -> None:
    with pytest.raises(TrainingError) as error:
        Forecaster().build({"given_0": DAY}, OUTPUT, Facts())
    assert error.value.code == "training.does_not_suit"
