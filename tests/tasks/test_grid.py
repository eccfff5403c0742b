"""Ways over a grid: A* against Dijkstra's algorithm, and a guided search that walks legally and gives up rightly."""

from __future__ import annotations

import heapq
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sixfold.tasks import PITCH, Grid, Guide
from sixfold.tasks._grid import DIAGONAL, length_of, walked

maps = arrays(bool, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.sampled_from([True, True, False]))


def guide(grid: Grid, costs: np.ndarray | None = None) -> Guide:
    blocks = (-(-grid.height // PITCH), -(-grid.width // PITCH), 4)
    plain = np.broadcast_to(np.array([1, 1, DIAGONAL, DIAGONAL]) * PITCH, blocks)
    return Guide(grid, plain if costs is None else costs)


def dijkstra(grid: Grid, start: tuple[int, int], goal: tuple[int, int]) -> float:
    queue, done = [(0.0, start)], set()
    while queue:
        length, cell = heapq.heappop(queue)
        if cell == goal:
            return length
        if cell in done:
            continue
        done.add(cell)
        for across in (-1, 0, 1):
            for down in (-1, 0, 1):
                other = (cell[0] + across, cell[1] + down)
                if other != cell and grid.step_is_legal(cell, other):
                    heapq.heappush(queue, (length + (DIAGONAL if across and down else 1), other))
    return math.inf


@settings(max_examples=150, deadline=None)
@given(maps, st.randoms(use_true_random=False))
def test_astar_is_as_short_as_dijkstra_and_guidance_finds_a_legal_way_exactly_where_there_is_one(free, random) -> None:
    cells = np.argwhere(free)
    if not len(cells):
        return
    (y, x), (goal_y, goal_x) = (cells[random.randrange(len(cells))].tolist() for _ in range(2))
    grid, start, goal = Grid(free), (x, y), (goal_x, goal_y)
    shortest = dijkstra(grid, start, goal)
    assert grid.shortest(start, goal).length == pytest.approx(shortest)
    found = grid.guided(start, goal, guide(grid))
    if math.isinf(shortest):
        assert found.cells is None
        return
    assert found.cells is not None
    assert (found.cells[0], found.cells[-1]) == (start, goal)
    assert all(grid.step_is_legal(*pair) for pair in zip(found.cells, found.cells[1:], strict=False))
    assert found.length >= shortest - 1e-6


def test_a_misled_guide_still_finds_a_way() -> None:
    draw = np.random.default_rng(0)
    free = draw.random((40, 40)) > 0.25
    grid = Grid(free)
    cells = np.argwhere(free)
    costs = draw.uniform(1, 500, (10, 10, 4))
    for _ in range(20):
        (y, x), (goal_y, goal_x) = cells[draw.integers(0, len(cells), 2)].tolist()
        best, found = grid.shortest((x, y), (goal_x, goal_y)), grid.guided((x, y), (goal_x, goal_y), guide(grid, costs))
        assert (best.cells is None) == (found.cells is None)


def test_weighted_astar_is_at_most_so_much_longer_and_looks_at_less() -> None:
    free = np.ones((60, 60), bool)
    free[10:50, 30] = False
    grid = Grid(free)
    best, quick = grid.shortest((5, 30), (55, 30)), grid.shortest((5, 30), (55, 30), 1.5)
    assert quick.length <= 1.5 * best.length
    assert quick.expanded < best.expanded


def test_guidance_looks_at_less_than_astar_around_a_pocket() -> None:
    free = np.ones((80, 80), bool)
    free[10:70, 50], free[10, 20:50], free[69, 20:50] = False, False, False
    grid = Grid(free)
    best, found = grid.shortest((30, 40), (75, 40)), grid.guided((30, 40), (75, 40), guide(grid))
    assert found.expanded < 0.4 * best.expanded
    assert found.length <= 1.05 * best.length


def test_no_corner_is_cut() -> None:
    free = np.array([[True, False], [True, True]])
    grid = Grid(free)
    assert not grid.step_is_legal((0, 0), (1, 1))
    assert grid.shortest((0, 0), (1, 1)).length == 2


def test_a_way_told_by_its_turns_is_the_same_way() -> None:
    cells = walked([(0, 0), (3, 3), (3, 6), (1, 6)])
    assert len(cells) == 9
    assert length_of(cells) == pytest.approx(3 * DIAGONAL + 5)
