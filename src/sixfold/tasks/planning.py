"""The way over a map, from one point to another."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sixfold.errors import RequestError
from sixfold.families import Options
from sixfold.fields import Array, Field
from sixfold.language import Text
from sixfold.product import Product
from sixfold.store import ROW
from sixfold.tasks._decision import Decision
from sixfold.tasks._graphs import Graphs
from sixfold.tasks._grid import PITCH, Found, Grid, Guide
from sixfold.tasks._task import Figure, Output, Task

__all__ = ["Planning"]

_FREE = 128
"""Pixels of a map at least so bright can be walked on."""

_MOST_TURNS = 1024
_TOLD = 4
"""What stands before the points where a way turns: whether there is one, its length, cells expanded, turns."""

_MAPS_KEPT = 8
_UNITS = 4
"""Ways out of a block whose costs the network tells; the others are its neighbours'."""


class Planning(Task):
    """Predict a ``route`` from a map (an ``image``: bright cells can be walked on) and two points, the start's first.

    The network tells what it costs to go from one block of cells to the next. The way itself is found by search under
    its guidance, so it is always one that can be walked; where there is none, the answer says so.
    """

    title: ClassVar[Text] = Text("path planning", "路径规划")
    pattern: ClassVar[str] = "routes"
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("nodes_over_astar", higher_is_better=False),
        Figure("length_over_optimum", higher_is_better=False),
        Figure("success"),
    )

    def __init__(self, product: Product, target: Field, outcome: Field | None = None) -> None:
        super().__init__(product, target, outcome)
        self._maps: OrderedDict[bytes, tuple[Graphs, Grid, Guide]] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def matches(cls, product: Product) -> bool:
        given = sorted(spec.kind for spec in product.given.values())
        return product.verb == "predict" and product.target.kind == "route" and given == ["image", "point", "point"]

    @classmethod
    def asks(cls, kind: str) -> Mapping[str, Any]:
        """A map keeps its own size, for its cells count."""
        return {"fit": "pad", "color": "grey"} if kind == "image" else {}

    @property
    def columns(self) -> tuple[str, str, str]:
        """The given columns: the map's, the start's and the goal's."""
        kinds = {name: spec.kind for name, spec in self.product.given.items()}
        start, goal = (name for name, kind in kinds.items() if kind == "point")
        return next(name for name, kind in kinds.items() if kind == "image"), start, goal

    @property
    def output(self) -> Output:
        places = (-(-self.target.state["height"] // PITCH), -(-self.target.state["width"] // PITCH))
        return Output(_UNITS, "linear", places, "ways")

    @property
    def loss(self) -> str:
        return "mean_squared_error"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("mean_absolute_error",)

    def targets(self, encoded: Array) -> Array:
        """Places along the way, and what is left of it there: float32 (n, 64, 3)."""
        return encoded

    def encoded(self, targets: Array) -> Array:
        return targets

    def respond(self, graphs: Graphs, arrays: Mapping[str, Array], settings: Options) -> Array:  # noqa: ARG002
        """Of each row, whether there is a way, its length, how many cells and rooms were expanded, how many points it
        turns at, and those, x and y of each: float32 (n, 4 + 2048).

        Raises:
            RequestError: The map or a point is missing, or a point is in a wall or off the map.
        """
        plan, start, goal = self.columns
        found = []
        for row, number in enumerate(arrays[ROW].tolist()):
            ends = self._end(arrays, start, row, number), self._end(arrays, goal, row, number)
            grid, guide = self._known(graphs, arrays, plan, row)
            for name, end in zip((start, goal), ends, strict=True):
                if not grid.is_free(*end):
                    raise RequestError("point_blocked", row=number + 1, column=name, x=end[0], y=end[1])
            found.append(told(grid.guided(*ends, guide)))
        return np.stack(found) if found else np.zeros((0, _TOLD + 2 * _MOST_TURNS), np.float32)

    def answers(self, outputs: Array, decision: Decision) -> list[dict[str, Any]]:  # noqa: ARG002
        said = []
        for row in outputs:
            is_found, length, expanded, count = row[:_TOLD].tolist()
            points = row[_TOLD : _TOLD + 2 * int(count)].astype(int).reshape(-1, 2).tolist()
            is_there = bool(is_found)
            said.append(
                {
                    self.target.name: points if is_there else None,
                    "length": round(float(length), 4) if is_there else None,
                    "expanded": int(expanded),
                }
            )
        return said

    def alike(self, one: Array, other: Array) -> bool:
        """The same way, or one as long: of ways that are, the order of sums may choose another."""
        return bool(np.allclose(one[:2], other[:2], rtol=0, atol=1e-3))

    def answer_schema(self) -> Mapping[str, Any]:
        point = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2}
        return {
            "type": "object",
            "properties": {
                self.target.name: {
                    "type": ["array", "null"],
                    "items": point,
                    "description": "The points [x, y] where the way turns, both ends included; null: there is no way.",
                },
                "length": {"type": ["number", "null"], "description": "In cells; a diagonal step is √2."},
                "expanded": {"type": "integer", "description": "Cells and rooms that the search looked at."},
            },
            "required": [self.target.name, "length", "expanded"],
        }

    def grid(self, arrays: Mapping[str, Array], row: int) -> Grid:
        """The map of one row."""
        return Grid(arrays[self.columns[0]][row, ..., 0] >= _FREE)

    def ends(self, arrays: Mapping[str, Array], row: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Start and goal of one row; below 0 where they are missing."""
        _, *names = self.columns
        start, goal = ((int(arrays[name][row, 0]), int(arrays[name][row, 1])) for name in names)
        return start, goal

    def _end(self, arrays: Mapping[str, Array], name: str, row: int, number: int) -> tuple[int, int]:
        x, y = (int(part) for part in arrays[name][row])
        if x < 0:
            raise RequestError("missing_column", row=number + 1, column=name)
        return x, y

    def _known(self, graphs: Graphs, arrays: Mapping[str, Array], plan: str, row: int) -> tuple[Grid, Guide]:
        """A map and its guide: of the last few maps they are kept."""
        key = hashlib.blake2b(arrays[plan][row].tobytes(), digest_size=16).digest()
        with self._lock:
            known = self._maps.get(key)
        if known is None or known[0] is not graphs:
            if not arrays[plan][row].any():
                raise RequestError("missing_column", row=int(arrays[ROW][row]) + 1, column=plan)
            grid = self.grid(arrays, row)
            one = {name: array[row : row + 1] for name, array in arrays.items()}
            known = graphs, grid, Guide(grid, graphs.run("graph", graphs.feed("graph", one))[0][0])
            with self._lock:
                self._maps[key] = known
                while len(self._maps) > _MAPS_KEPT:
                    self._maps.popitem(last=False)
        return known[1:]


def told(found: Found) -> Array:
    """What a search came to, as numbers (4 + 2048,)."""
    row = np.zeros(_TOLD + 2 * _MOST_TURNS, np.float32)
    turns = [] if found.cells is None else _turns(found.cells)
    is_there = found.cells is not None and len(turns) <= _MOST_TURNS
    row[:_TOLD] = is_there, found.length if is_there else 0, found.expanded, len(turns) if is_there else 0
    if is_there:
        row[_TOLD : _TOLD + 2 * len(turns)] = np.array(turns, np.float32).reshape(-1)
    return row


def _turns(cells: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The cells where a way turns, both ends included."""
    kept = [cells[0]]
    for before, here, after in zip(cells, cells[1:], cells[2:], strict=False):
        if (here[0] - before[0], here[1] - before[1]) != (after[0] - here[0], after[1] - here[1]):
            kept.append(here)
    return [*kept, cells[-1]] if len(cells) > 1 else kept
