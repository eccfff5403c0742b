"""Ways over a grid of cells, from cell to neighbouring cell, never cutting the corner of a wall.

A cell has eight neighbours; a straight step costs 1, a diagonal one √2, and is allowed only where both cells beside it
are free as well (the rule of the MovingAI benchmarks: Sturtevant 2012). Nothing but Python and NumPy: the search is
part of every service.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from sixfold.fields import Array

__all__ = ["DIAGONAL", "PITCH", "Found", "Grid", "Guide", "length_of", "octile", "walked"]

DIAGONAL = math.sqrt(2)
PITCH = 4
"""Cells a side of a block, between which the network tells costs."""

_WEIGHT = 4.0
"""What the distance that is left counts beside the way so far, under guidance: what that makes longer, straightening
makes short again."""

_ASIDE = 1e4
"""What a cell beside the guided blocks counts as farther from the goal: it is looked at once those are used up."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to.

    Args:
        cells: The way, (x, y) of every cell, both ends included; ``None``: there is none.
        expanded: How many cells, and blocks of cells, were taken out of the queue.
    """

    cells: list[tuple[int, int]] | None
    expanded: int

    @property
    def length(self) -> float:
        """How long the way is; infinite where there is none."""
        return math.inf if self.cells is None else length_of(self.cells)


class Grid:
    """A map.

    Args:
        free: Which cells can be walked on, (height, width) of booleans.
    """

    def __init__(self, free: Array) -> None:
        self.free = free
        self.height, self.width = free.shape
        self._stride = self.width + 2  # a wall all around, so that no step leaves the map

    def is_free(self, x: int, y: int) -> bool:
        """Whether a cell is on the map and can be walked on."""
        return 0 <= x < self.width and 0 <= y < self.height and bool(self.free[y, x])

    def shortest(self, start: tuple[int, int], goal: tuple[int, int], weight: float = 1.0) -> Found:
        """The shortest way, by A* (Hart, Nilsson & Raphael 1968) with the octile distance.

        With a ``weight`` above 1 (Pohl 1970) the way is at most so many times as long as the shortest, and fewer cells
        are expanded.
        """
        ahead = weight * octile(*self._places, goal)
        return self._search(start, goal, ahead.ravel().tolist())

    def guided(self, start: tuple[int, int], goal: tuple[int, int], guide: Guide) -> Found:
        """A way by the distances that a guide tells, straightened.

        Every cell can still be reached, so there is a way exactly if one is found; it is not sure to be the shortest.
        """
        line = self._line(self._index(start), self._index(goal))
        if line is not None:
            return Found([start, *map(self._cell, line)], len(line) + 1)
        rooms, looked_at = guide.distances(start, goal)
        ahead: list[float | None] = [None] * ((self.height + 2) * self._stride)
        cells, values = guide.ahead(rooms, goal)
        places = (cells[:, 1] + 1) * self._stride + cells[:, 0] + 1
        for place, value in zip(places.tolist(), values.tolist(), strict=True):
            ahead[place] = value
        found = self._search(start, goal, ahead)
        cells_of = None if found.cells is None else self._straightened(found.cells)
        return Found(cells_of, found.expanded + looked_at)

    def step_is_legal(self, one: tuple[int, int], other: tuple[int, int]) -> bool:
        """Whether two neighbouring cells can be walked between."""
        across, down = other[0] - one[0], other[1] - one[1]
        if max(abs(across), abs(down)) != 1 or not (self.is_free(*one) and self.is_free(*other)):
            return False
        return not (across and down) or (self.is_free(one[0] + across, one[1]) and self.is_free(one[0], one[1] + down))

    def _search(self, start: tuple[int, int], goal: tuple[int, int], ahead: Sequence[float | None]) -> Found:
        begin, end = self._index(start), self._index(goal)
        steps = self._steps
        gone, before, done = {begin: 0.0}, {begin: begin}, set()
        queue = [(0.0, 0.0, begin)]
        pop, push = heapq.heappop, heapq.heappush
        while queue:
            _, so_far, here = pop(queue)
            if here in done:
                continue
            done.add(here)
            if here == end:
                return Found(self._back(before, end), len(done))
            for offset, cost in steps[here]:
                there = here + offset
                if there in done:
                    continue
                length = cost - so_far  # the queue holds it negative: of ways that look alike, the longer one first
                if length < gone.get(there, math.inf):
                    gone[there], before[there] = length, here
                    left = ahead[there]
                    push(queue, (length + (self._aside(there, goal) if left is None else left), -length, there))
        return Found(None, len(done))

    def _aside(self, place: int, goal: tuple[int, int]) -> float:
        row, column = divmod(place, self._stride)
        across, down = abs(column - 1 - goal[0]), abs(row - 1 - goal[1])
        return float(_WEIGHT * (_ASIDE + max(across, down) + (DIAGONAL - 1) * min(across, down)))

    def _straightened(self, cells: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """A way with stretches replaced by straight ones where nothing stands between, from both of its ends."""
        forth = self._pulled([self._index(cell) for cell in cells])
        back = self._pulled(forth[::-1])[::-1]
        return [self._cell(place) for place in back]

    def _pulled(self, way: list[int]) -> list[int]:
        """From each place on, the farthest one that a straight line reaches: doubled as far as it goes, then halved."""
        found, here, last = way[:1], 0, len(way) - 1
        while here < last:
            reach, line, ahead = here + 1, way[here + 1 : here + 2], 2
            low, high = here + 1, last + 1
            while here + ahead <= last:
                if (told := self._line(way[here], way[here + ahead])) is None:
                    high = here + ahead
                    break
                low, reach, line = here + ahead, here + ahead, told
                ahead *= 2
            while high - low > 1:
                middle = (low + high) // 2
                if (told := self._line(way[here], way[middle])) is None:
                    high = middle
                else:
                    low, reach, line = middle, middle, told
            found += line
            here = reach
        return found

    def _line(self, one: int, other: int) -> list[int] | None:
        """The cells of a shortest way over an empty map, straight or diagonal first; ``None``: walls forbid it."""
        top, left = divmod(one, self._stride)
        bottom, right = divmod(other, self._stride)
        down, across = bottom - top, right - left
        step_down, step_across = (down > 0) - (down < 0), (across > 0) - (across < 0)
        diagonal = min(abs(down), abs(across))
        straight = max(abs(down), abs(across)) - diagonal
        slope = step_down * self._stride + step_across
        level = step_across if abs(across) > abs(down) else step_down * self._stride
        return self._laid(one, (slope, diagonal), (level, straight)) or self._laid(
            one, (level, straight), (slope, diagonal)
        )

    def _laid(self, place: int, *legs: tuple[int, int]) -> list[int] | None:
        steps, cells = self._offsets, []
        for offset, count in legs:
            for _ in range(count):
                if offset not in steps[place]:
                    return None
                place += offset
                cells.append(place)
        return cells

    def _back(self, before: Mapping[int, int], end: int) -> list[tuple[int, int]]:
        way = [end]
        while before[way[-1]] != way[-1]:
            way.append(before[way[-1]])
        return [self._cell(place) for place in reversed(way)]

    def _index(self, cell: tuple[int, int]) -> int:
        return int((cell[1] + 1) * self._stride + cell[0] + 1)

    def _cell(self, place: int) -> tuple[int, int]:
        row, column = divmod(place, self._stride)
        return column - 1, row - 1

    @cached_property
    def _places(self) -> tuple[Array, Array]:
        """x and y of every cell, the wall around included."""
        rows, columns = np.mgrid[-1 : self.height + 1, -1 : self.width + 1]
        return columns, rows

    @cached_property
    def _ways_out(self) -> Array:
        """Of every cell, the wall around included, a bit for each of eight neighbours that can be walked to."""
        walls = np.pad(self.free, 1)
        up, down, left, right = walls[:-2, 1:-1], walls[2:, 1:-1], walls[1:-1, :-2], walls[1:-1, 2:]
        corners = (
            walls[:-2, :-2] & up & left,
            walls[:-2, 2:] & up & right,
            walls[2:, :-2] & down & left,
            walls[2:, 2:] & down & right,
        )
        bits = sum(way.astype(np.int64) << bit for bit, way in enumerate((up, down, left, right, *corners)))
        return np.pad(bits * self.free, 1).ravel()

    @cached_property
    def _steps(self) -> list[tuple[tuple[int, float], ...]]:
        """Of every cell, its steps: by how much the index changes, and what it costs."""
        stride = self._stride
        ways = [(-stride, 1.0), (stride, 1.0), (-1, 1.0), (1, 1.0)]
        ways += [(down + across, DIAGONAL) for down in (-stride, stride) for across in (-1, 1)]
        table = [tuple(way for bit, way in enumerate(ways) if mask >> bit & 1) for mask in range(1 << len(ways))]
        return [table[mask] for mask in self._ways_out.tolist()]

    @cached_property
    def _offsets(self) -> list[frozenset[int]]:
        """The same without what they cost."""
        kinds: dict[tuple[tuple[int, float], ...], frozenset[int]] = {}
        return [kinds.setdefault(steps, frozenset(offset for offset, _ in steps)) for steps in self._steps]


class Guide:
    """Where to look on a map: an A* over rooms, by what the network tells of how far it is from one to the next.

    A *room* is what can be walked within one block of cells: a wall through a block makes two of it. Rooms are known
    from the map alone; what it costs to go from block to block is learned.

    Args:
        grid: The map.
        costs: (rows, columns, 4) of blocks: to the one on the right, below, below on the right, and below on the left.
    """

    def __init__(self, grid: Grid, costs: Array) -> None:
        self._grid, self._costs = grid, costs
        self._rows, self._columns = -(-grid.height // PITCH), -(-grid.width // PITCH)

    def distances(self, start: tuple[int, int], goal: tuple[int, int]) -> tuple[dict[int, float], int]:
        """How far it is to the goal from the rooms that a search from the goal's to the start's looks at; how many."""
        begin, end = (int(self._rooms[y, x]) for x, y in (goal, start))
        gone: dict[int, float] = {begin: 0.0}
        done: dict[int, float] = {}
        queue = [(0.0, begin)]
        column, row = start[0] // PITCH, start[1] // PITCH
        blocks, ways = self._blocks, self._ways
        while queue:
            _, here = heapq.heappop(queue)
            if here in done:
                continue
            so_far = done[here] = gone[here]
            if here == end:
                break
            for there, cost in ways[here]:
                length = so_far + cost
                if there not in done and length < gone.get(there, math.inf):
                    gone[there] = length
                    down, across = abs(blocks[there][0] - row), abs(blocks[there][1] - column)
                    left = max(down, across) + (DIAGONAL - 1) * min(down, across)
                    heapq.heappush(queue, (length + _ROOM_WEIGHT * PITCH * left, there))
        return done, len(done)

    def ahead(self, rooms: Mapping[int, float], goal: tuple[int, int]) -> tuple[Array, Array]:
        """The free cells of those rooms as (x, y) (n, 2), and what each counts as far from the goal (n,): by its own
        room and those next to it."""
        known = np.fromiter(rooms, np.int64, len(rooms))
        told = np.full(len(self._blocks), np.inf)
        told[known] = list(rooms.values())
        cells = self._cells[np.isin(self._room_of_cells, known)]  # (n, 2) as x, y
        own = self._rooms[cells[:, 1], cells[:, 0]]
        middles = np.array(self._blocks)[:, ::-1] * PITCH + (PITCH - 1) / 2
        left = told[own] + _between(cells, middles[own])
        for place in range(self._next.shape[1]):
            other = self._next[own, place]
            is_there = other >= 0
            far = told[other[is_there]] + _between(cells[is_there], middles[other[is_there]])
            left[is_there] = np.minimum(left[is_there], far)
        beeline = octile(cells[:, 0], cells[:, 1], goal)
        left = np.where(beeline <= PITCH, beeline, np.maximum(left, beeline))
        return cells, _WEIGHT * left

    @cached_property
    def _rooms(self) -> Array:
        """The room of each free cell, from 0; -1 of walls (height, width)."""
        free = self._grid.free
        height, width = self._rows * PITCH, self._columns * PITCH
        whole = np.zeros((height, width), bool)
        whole[: free.shape[0], : free.shape[1]] = free
        numbers = np.where(whole, np.arange(height * width).reshape(height, width), _NO_ROOM)
        blocks = numbers.reshape(self._rows, PITCH, self._columns, PITCH).swapaxes(1, 2).copy()
        walls = blocks == _NO_ROOM
        for _ in range(PITCH * PITCH):  # the least number spreads to all that can be walked to from it
            before = blocks.copy()
            np.minimum(blocks[:, :, 1:], blocks[:, :, :-1], out=blocks[:, :, 1:])
            np.minimum(blocks[:, :, :-1], blocks[:, :, 1:], out=blocks[:, :, :-1])
            blocks[walls] = _NO_ROOM
            np.minimum(blocks[..., 1:], blocks[..., :-1], out=blocks[..., 1:])
            np.minimum(blocks[..., :-1], blocks[..., 1:], out=blocks[..., :-1])
            blocks[walls] = _NO_ROOM
            if (blocks == before).all():
                break
        spread = blocks.swapaxes(1, 2).reshape(height, width)[: free.shape[0], : free.shape[1]]
        found = np.full(free.shape, -1, np.int64)
        found[free] = np.unique(spread[free], return_inverse=True)[1].reshape(-1)
        return found

    @cached_property
    def _cells(self) -> Array:
        rows, columns = np.nonzero(self._grid.free)
        return np.stack([columns, rows], axis=1)

    @cached_property
    def _room_of_cells(self) -> Array:
        return self._rooms[self._cells[:, 1], self._cells[:, 0]]

    @cached_property
    def _blocks(self) -> list[tuple[int, int]]:
        """The block of each room, as row and column."""
        _, first = np.unique(self._room_of_cells, return_index=True)
        return [(int(y) // PITCH, int(x) // PITCH) for x, y in self._cells[first]]

    @cached_property
    def _pairs(self) -> Array:
        """Rooms next to each other, each pair once, and in which of the four directions (n, 3)."""
        rooms = self._rooms
        found = []
        for place, (down, across) in enumerate(_WAYS):
            left, right = max(0, -across), rooms.shape[1] - max(0, across)
            here = rooms[: rooms.shape[0] - down, left:right]
            there = rooms[down:, left + across : right + across]
            is_legal = (here >= 0) & (there >= 0)
            if down and across:  # around the corner both ways
                is_legal &= rooms[: rooms.shape[0] - down, left + across : right + across] >= 0
                is_legal &= rooms[down:, left:right] >= 0
            y, x = np.mgrid[0 : here.shape[0], left:right]
            is_border = np.ones(here.shape, bool)
            if down:
                is_border &= y % PITCH == PITCH - 1
            if across:
                is_border &= x % PITCH == (PITCH - 1 if across > 0 else 0)
            chosen = is_legal & is_border
            pairs = np.unique(np.stack([here[chosen], there[chosen]], axis=1), axis=0)
            found.append(np.concatenate([pairs, np.full((len(pairs), 1), place)], axis=1))
        return np.concatenate(found)

    @cached_property
    def _ways(self) -> list[list[tuple[int, float]]]:
        """Of each room, those next to it and what it costs to go there."""
        found: list[list[tuple[int, float]]] = [[] for _ in self._blocks]
        blocks = np.array(self._blocks)
        one, other, way = self._pairs.T
        # Costs stand with the upper block of two, or the left one of two on a level: the first of each pair.
        costs = self._costs[blocks[one, 0], blocks[one, 1], way]
        for here, there, cost in zip(one.tolist(), other.tolist(), costs.tolist(), strict=True):
            found[here].append((there, cost))
            found[there].append((here, cost))
        return found

    @cached_property
    def _next(self) -> Array:
        """Of each room, those next to it, -1 where there are no more (rooms, most)."""
        most = max((len(ways) for ways in self._ways), default=0)
        found = np.full((len(self._ways), most), -1, np.int64)
        for room, ways in enumerate(self._ways):
            found[room, : len(ways)] = [there for there, _ in ways]
        return found


_WAYS = ((0, 1), (1, 0), (1, 1), (1, -1))
_NO_ROOM = 1 << 40
_ROOM_WEIGHT = 1.2
"""What the beeline counts among rooms: they are many where it counts once, and ways get longer where it counts more."""


def _between(cells: Array, places: Array) -> Array:
    return octile(cells[:, 0], cells[:, 1], (places[:, 0], places[:, 1]))


def octile(x: Array, y: Array, goal: tuple[float | Array, float | Array]) -> Array:
    """How far it would be to the goal if nothing stood between."""
    across, down = np.abs(x - goal[0]), np.abs(y - goal[1])
    return np.asarray(np.maximum(across, down) + (DIAGONAL - 1) * np.minimum(across, down))


def length_of(cells: Sequence[tuple[int, int]]) -> float:
    """How long a way from cell to neighbouring cell is."""
    diagonal = sum(one[0] != other[0] and one[1] != other[1] for one, other in pairwise(cells))
    return len(cells) - 1 - diagonal + DIAGONAL * diagonal


def walked(points: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Every cell of a way that is told by the points where it turns."""
    cells = [(points[0][0], points[0][1])]
    for x, y in points[1:]:
        across, down = x - cells[-1][0], y - cells[-1][1]
        count = max(abs(across), abs(down))
        step = ((across > 0) - (across < 0), (down > 0) - (down < 0))
        begin = cells[-1]
        cells += [(begin[0] + step[0] * place, begin[1] + step[1] * place) for place in range(1, count + 1)]
    return cells
