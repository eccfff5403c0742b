"""The network of paths: distances spread as Dijkstra would, walls stop them, and what routes have left is learned."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras")

import keras

from sixfold.errors import TrainingError
from sixfold.fields import Form
from sixfold.fields.route import Route
from sixfold.networks import Facts
from sixfold.networks.pathways import Pathways
from sixfold.tasks import Grid, Output

SIDE = 32
GIVEN = {
    "given_0": Form(name="grid", shape=(SIDE, SIDE, 1), dtype="uint8"),
    "given_1": Form(name="vector", shape=(2,), dtype="float32"),
    "given_2": Form(name="vector", shape=(2,), dtype="float32"),
}
WAYS = Output(4, "linear", (SIDE // 4, SIDE // 4), "ways")


def problems(count: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    draw, maps, ends, routes = np.random.default_rng(seed), [], [], []
    while len(maps) < count:
        free = draw.random((SIDE, SIDE)) > 0.2
        grid, cells = Grid(free), np.argwhere(free)
        (y, x), (goal_y, goal_x) = cells[draw.integers(0, len(cells), 2)].tolist()
        found = grid.shortest((x, y), (goal_x, goal_y))
        if found.cells is not None and found.length > 10:
            maps.append(free[..., None].astype(np.uint8) * 255)
            ends.append(((x, y), (goal_x, goal_y)))
            routes.append(found.cells)
    points = np.array(ends, np.float32)
    inputs = {"given_0": np.array(maps), "given_1": points[:, 0], "given_2": points[:, 1]}
    return inputs, Route("way").fit([]).encode(routes)


def test_distances_are_those_of_the_blocks_and_a_wall_has_no_way_through() -> None:
    network = Pathways(Pathways.Options(reach=40))
    model = network.build(GIVEN, WAYS, Facts())
    plan = np.full((1, SIDE, SIDE, 1), 255, np.uint8)
    plan[0, :, 16] = 0
    here, goal = np.zeros((1, 2), np.float32), np.array([[0, 31]], np.float32)
    left = np.asarray(model({"given_0": plan, "given_1": here, "given_2": goal}))[0]
    assert left.shape == (8, 8)
    assert left[7, 0] == 0
    assert (left[:, :4] < 100).all()
    assert (left[:, 4:] >= 1e3).all()


def test_what_is_left_of_routes_is_learned_and_costs_are_what_is_exported() -> None:
    keras.utils.set_random_seed(0)
    network = Pathways(Pathways.Options(width=16, depth=2, reach=20))
    inputs, routes = problems(60, 0)
    slow = np.array([1, 1, 1.5], np.float32)  # as if every step cost half as much again
    routes = routes * slow
    model = network.build(GIVEN, WAYS, Facts(60))
    objective = network.objective(WAYS, network.recipe(GIVEN, WAYS, Facts(60)))
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss=objective.loss)
    before = model.evaluate(inputs, routes, verbose=0)
    model.fit(inputs, routes, batch_size=12, epochs=10, verbose=0)
    new_inputs, new_routes = problems(30, 1)
    assert model.evaluate(inputs, routes, verbose=0) < 0.4 * before
    assert model.evaluate(new_inputs, new_routes * slow, verbose=0) < 0.4 * before
    part = network.parts(model, GIVEN, WAYS)["graph"]
    assert [tensor.name for tensor in part.model.inputs] == ["given_0"]
    costs = np.asarray(part.model({"given_0": part.sample["given_0"]}))
    assert costs.shape == (4, 8, 8, 4)
    assert costs.min() >= 0.85 * 4


def test_it_takes_a_map_and_two_points_and_nothing_else() -> None:
    assert Pathways.suits(GIVEN) > 0
    assert Pathways.suits({"given_0": GIVEN["given_0"]}) == 0
    with pytest.raises(TrainingError):
        Pathways().build({"given_0": GIVEN["given_0"]}, WAYS, Facts())
