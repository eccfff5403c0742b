"""Routes: what is counted against A*, what is drawn, and rows that cannot be judged."""

from __future__ import annotations

import numpy as np
import pytest

from sixfold.evaluation._appraisal import Encoded, Judged, Rows
from sixfold.evaluation._figures import measured
from sixfold.evaluation.routes import Routes
from sixfold.fields.route import Route
from sixfold.product import Product
from sixfold.tasks import Decision
from sixfold.tasks.planning import Planning, told

SIDE = 48


def pattern() -> Routes:
    product = Product(
        name="ways",
        data="x",
        given={"map": "image", "start": "point", "goal": "point"},
        predict={"way": "route"},
    )
    return Routes(Planning(product, Route("way", None, {"height": SIDE, "width": SIDE})))


def rows(routes: Routes, count: int = 60) -> tuple[dict[str, np.ndarray], np.ndarray]:
    draw = np.random.default_rng(0)
    free = draw.random((SIDE, SIDE)) > 0.15
    free[24, :40] = False
    plan = np.repeat(free[None, ..., None].astype(np.uint8) * 255, count, axis=0)
    cells = np.argwhere(free)[:, ::-1]
    arrays = {
        "map": plan,
        "start": cells[draw.integers(0, len(cells), count)].astype(np.float32),
        "goal": cells[draw.integers(0, len(cells), count)].astype(np.float32),
    }
    grid = routes._planning.grid(arrays, 0)
    ways = [grid.shortest(*routes._planning.ends(arrays, row)).cells for row in range(count)]
    return arrays, routes.task.target.encode(ways)


def judged(routes: Routes) -> tuple[Judged, np.ndarray, np.ndarray]:
    arrays, encoded = rows(routes)
    places, truth = routes.asked(arrays, routes.truth(encoded))
    arrays = {name: array[places] for name, array in arrays.items()}
    outputs = []
    last = None
    for row in range(len(places)):
        last = routes._mapped(arrays, row, last)
        outputs.append(told(last[1].guided(*routes._planning.ends(arrays, row), last[2])))
    outputs = np.stack(outputs)
    answered = routes.answered(outputs, truth, Decision())
    split = Rows(places, outputs, truth)
    return Judged(Decision(), 0, encoded, split, split, answered, 0), arrays, truth


def test_what_was_not_learned_is_as_good_as_a_network_that_learned_nothing() -> None:
    routes = pattern()
    whole, _, _ = judged(routes)
    found = measured([figure.name for figure in routes.task.judged_by], whole.answered)
    assert found["success"].value == 1
    assert found["nodes_over_astar"].value == pytest.approx(routes.parts(whole)["unlearned"])
    assert 1 <= found["length_over_optimum"].value < 1.1
    assert found["nodes_over_astar"].value < 0.8


def test_astar_is_its_own_measure_and_weighted_astar_looks_at_less() -> None:
    routes = pattern()
    _, arrays, truth = judged(routes)
    astar, weighted = (
        routes.guessed(yardstick.outputs(arrays), truth)
        for yardstick in routes.yardsticks({}, Encoded({}, truth), truth)
    )
    assert (astar.over_astar == 1).all()
    np.testing.assert_allclose(astar.over_optimum, 1, atol=1e-5)
    assert weighted.over_astar.mean() < 1


def test_a_problem_without_a_way_lowers_success_and_is_shown_first() -> None:
    routes = pattern()
    whole, _, truth = judged(routes)
    outputs = whole.test.outputs.copy()
    outputs[3, :4] = 0
    answered = routes.answered(outputs, truth, Decision())
    assert measured(["success"], answered)["success"].value == pytest.approx(1 - 1 / answered.rows)
    assert routes.worst(answered, 12)[0] == 3
    assert np.isfinite(measured(["length_over_optimum"], answered)["length_over_optimum"].value)


def test_rows_whose_ends_are_in_walls_are_not_judged() -> None:
    routes = pattern()
    arrays, encoded = rows(routes, 10)
    arrays["start"][4] = (0, 24)
    places, truth = routes.asked(arrays, routes.truth(encoded))
    assert 4 not in places
    assert truth.shape[1:] == (65, 3)
    assert routes.is_known(truth).all()


def test_what_parts_and_examples_say_is_what_the_schema_describes() -> None:
    routes = pattern()
    whole, arrays, _ = judged(routes)
    parts, example = Routes.schema()
    assert set(routes.parts(whole)) == set(parts)
    shown = routes.example(whole.answered, 0, {"map": arrays["map"][0, ..., 0], "way": "0,0 4,4 4,9"})
    assert set(shown) == set(example)
    assert shown["right"] == [[0, 0], [4, 4], [4, 9]]
    assert (shown["height"], shown["width"]) == (SIDE, SIDE)
    assert shown["said"][0] == arrays["start"][0].astype(int).tolist()
