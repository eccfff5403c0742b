"""Two networks that learn from each other."""

from __future__ import annotations

import numpy as np
import pytest

from sixfold.errors import TrainingError
from sixfold.fields import Form
from sixfold.networks import Facts
from sixfold.networks.gan import Gan
from sixfold.tasks import Output
from sixfold.training._adversarial import AdversarialStepper, sliced_distance
from sixfold.training._feed import Chunk

GIVEN = {"given_0": Form(name="ids", shape=(), dtype="int32", vocabulary=3)}
OUTPUT = Output(1, "linear", (12, 10), "grid")


def bars(rows: int, seed: int) -> Chunk:
    """Pictures of a bright bar: on the left of class 1, on the right of class 2."""
    draw = np.random.default_rng(seed)
    classes = draw.integers(1, 3, rows).astype(np.int32)
    pictures = np.full((rows, 12, 10, 1), 20, np.uint8)
    for row, one in enumerate(classes):
        pictures[row, :, : 3 if one == 1 else 10][:, -3:] = 220
    return Chunk({"given_0": classes, "target": pictures}, pictures)


def stepper(seed: int = 0) -> tuple[Gan, AdversarialStepper]:
    import keras

    keras.utils.set_random_seed(seed)
    network = Gan(Gan.Options(latent=8, width=8))
    facts = Facts(200)
    painter, critic = network.build(GIVEN, OUTPUT, facts), network.critic(GIVEN, OUTPUT, facts)
    recipe = network.recipe(GIVEN, OUTPUT, facts)
    return network, AdversarialStepper(painter, critic, recipe, ("noise", network.noise_shape()), "distance", seed)


def order(steps: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, (steps, 16))


def test_a_picture_has_the_size_that_the_task_asks_for() -> None:
    network = Gan()
    assert network.build(GIVEN, OUTPUT, Facts()).output_shape == (None, 12, 10, 1)
    assert network.build({}, Output(3, "linear", (64, 64), "grid"), Facts()).output_shape == (None, 64, 64, 3)


def test_pictures_too_small_to_begin_with_are_refused() -> None:
    with pytest.raises(TrainingError, match="8 pixels a side"):
        Gan().build({}, Output(1, "linear", (6, 6), "grid"), Facts())


@pytest.mark.slow
def test_painted_pictures_come_to_look_like_real_ones_of_their_class() -> None:
    rows = bars(200, 0)
    _, one = stepper()
    before = one.judged(rows)["loss"]
    for turn in range(12):
        one.steps(rows, order(25, turn), [1e-3] * 25)
    assert one.judged(rows)["loss"] < 0.6 * before
    one.finish()
    noise = np.random.default_rng(1).standard_normal((40, 8)).astype(np.float32)
    left = one.outputs({"given_0": np.full(40, 1, np.int32), "noise": noise})
    right = one.outputs({"given_0": np.full(40, 2, np.int32), "noise": noise})
    assert left[:, :, :3].mean() > left[:, :, -3:].mean()
    assert right[:, :, -3:].mean() > right[:, :, :3].mean()


def test_a_restored_stepper_goes_on_with_the_same_bits() -> None:
    rows = bars(200, 0)
    _, one = stepper()
    one.steps(rows, order(2, 0), [1e-3] * 2)
    kept = one.state()
    one.steps(rows, order(2, 1), [1e-3] * 2)
    _, other = stepper(seed=3)
    other.restore(kept)
    other.steps(rows, order(2, 1), [1e-3] * 2)
    for name, value in one.state().items():
        np.testing.assert_array_equal(value, other.state()[name], err_msg=name)


def test_the_distance_is_small_between_pictures_of_one_kind_and_large_between_two() -> None:
    draw = np.random.default_rng(0)
    one, same = (draw.uniform(0, 0.5, (200, 12, 12, 1)) for _ in range(2))
    other = draw.uniform(0.4, 1.0, (200, 12, 12, 1))
    assert sliced_distance(one, same, 0) < 0.02 < sliced_distance(one, other, 0)
