"""Routes: whether there is one, how long it is, and how much was searched for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation import _route_page as shown
from sixfold.evaluation._appraisal import (
    Encoded,
    Judged,
    Report,
    Section,
    SideBySide,
    Thumbnails,
    Yardstick,
    described,
)
from sixfold.evaluation._formula import Answered, Formula, figure, mean_of
from sixfold.fields import Array, Field
from sixfold.fields.image import opened
from sixfold.language import Text
from sixfold.tasks import PITCH, Decision, Grid, Guide
from sixfold.tasks.planning import Planning, told

__all__ = ["Routes"]

_WEIGHT = 1.5
_OPTIMUM, _OPTIMUM_NODES, _PLAIN_NODES = 0, 1, 2
"""What is known of a row beside its route: the optimal length, what A* expands, and what our own search expands where
it is guided by costs that nothing was learned of."""

_GROUPS, _FEWEST_IN_GROUP = 5, 8
_TOLD = 4


@dataclass(frozen=True)
class Planned(Answered):
    """Rows with the way that was found.

    Args:
        found: Whether there is one (n,).
        length: How long it is (n,); 0 where there is none.
        expanded: What was taken out of the queue (n,).
        optimum: How long the shortest is (n,).
        astar: What A* with the octile distance expands (n,).
        plain: What our own search expands where nothing was learned (n,).
        turns: The points where it turns, x and y of each, as many as there are (n, …).
    """

    found: Array
    length: Array
    expanded: Array
    optimum: Array
    astar: Array
    plain: Array
    turns: Array

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.found)

    @property
    def over_astar(self) -> Array:
        """What was expanded as a share of what A* expands (n,)."""
        return np.asarray(self.expanded / np.maximum(self.astar, 1))

    @property
    def over_optimum(self) -> Array:
        """The length as a multiple of the shortest (n,); of ways of no length and where there is none, 1 and NaN."""
        ratio = np.where(self.optimum > 0, self.length / np.maximum(self.optimum, 1e-9), 1.0)
        return np.asarray(np.where(self.found, ratio, np.nan))

    def kept(self, keep: Array) -> Planned:
        """The rows where ``keep`` is true."""
        return Planned(**{name: value[keep] for name, value in vars(self).items()})


@figure(
    Text("Nodes expanded, over A*", "展开节点数与 A* 之比"),
    Text(
        "How many cells, and rooms of cells, the search takes out of its queue, as a multiple of what A* with the "
        "octile distance takes on the same problem; the mean over the problems. Lower is better.",
        "搜索从队列中取出的格子和房间的数目，与 A*（八向距离）在同一问题上取出的数目之比，对各问题取平均。越低越好。",
    ),
    "number",
)
def nodes_over_astar(planned: Planned, counts: Array) -> float:
    return mean_of(planned.over_astar, counts)


@figure(
    Text("Length over the optimum", "长度与最优之比"),
    Text(
        "How long the way is, as a multiple of the shortest one; the mean over the problems that were solved. 1 is the "
        "least. Lower is better.",
        "路线长度与最短路线之比，对已解出的问题取平均。最小为 1。越低越好。",
    ),
    "number",
)
def length_over_optimum(planned: Planned, counts: Array) -> float:
    known = planned.found & (counts > 0)
    return mean_of(planned.over_optimum[known], counts[known]) if known.any() else float("nan")


@figure(
    Text("Success", "成功率"),
    Text(
        "The share of problems for which a way was found; every way is walked cell by cell before it counts. Higher is "
        "better.",
        "找到路线的问题所占的比例；每条路线都要逐格走通才算。越高越好。",
    ),
    "share",
)
def success(planned: Planned, counts: Array) -> float:
    return mean_of(planned.found.astype(np.float64), counts)


class Routes(SideBySide[Planned]):
    """Judged by what the search expands, how long ways are, and whether they are found; against A* and weighted A*."""

    title: ClassVar[Text] = Text("routes", "路线")
    formulas: ClassVar[tuple[Formula, ...]] = (nodes_over_astar, length_over_optimum, success)
    baselines: ClassVar[Mapping[str, Text]] = {
        "astar": Text("A* (octile distance)", "A*（八向距离）"),
        "weighted": Text("Weighted A* (1.5)", "加权 A*（1.5）"),
    }
    most_decided_on = 0
    """Nothing is decided on validation rows."""

    def truth(self, encoded: Array) -> Array:
        """The route's places (n, 64, 3)."""
        return encoded

    def is_known(self, truth: Array) -> Array:
        """Rows that have a route."""
        return np.asarray(truth[:, 0, 0] >= 0)

    def asked(self, arrays: Mapping[str, Array], truth: Array) -> tuple[Array, Array]:
        """Rows whose ends can be walked on, and beside each route what it is judged by: (m, 65, 3)."""
        kept, found = [], []
        last: tuple[bytes, Grid, Guide] | None = None
        for row in range(len(truth)):
            start, goal = self._planning.ends(arrays, row)
            last = self._mapped(arrays, row, last)
            _, grid, plain = last
            if not (grid.is_free(*start) and grid.is_free(*goal)):
                continue
            best = grid.shortest(start, goal)
            if best.cells is None:
                continue
            kept.append(row)
            found.append([[best.length, best.expanded, grid.guided(start, goal, plain).expanded]])
        places = np.array(kept, np.int64)
        beside = np.array(found, np.float64).reshape(-1, 1, 3)
        return places, np.concatenate([truth[places].astype(np.float64), beside], axis=1)

    def decide(self, outputs: Array, truth: Array) -> Decision:  # noqa: ARG002
        """Nothing is to be decided."""
        return Decision()

    def told(self, decision: Decision) -> Text:  # noqa: ARG002
        return Text("the way that the search finds under guidance", "由引导下的搜索找出的路线")

    def answered(self, outputs: Array, truth: Array, decision: Decision) -> Planned:  # noqa: ARG002
        return self.guessed(outputs, truth)

    def yardsticks(
        self,
        given: Mapping[str, Field],  # noqa: ARG002
        sample: Encoded,  # noqa: ARG002
        training: Array,
        *,
        seed: int = 0,  # noqa: ARG002
    ) -> list[Yardstick]:
        """A* and weighted A*, both with the octile distance."""
        rows = {"training_rows": len(training)}
        weighted = Yardstick("weighted", {**rows, "weight": _WEIGHT}, lambda arrays: self._by_astar(arrays, _WEIGHT))
        return [Yardstick("astar", {**rows, "weight": 1.0}, lambda arrays: self._by_astar(arrays, 1.0)), weighted]

    def guessed(self, outputs: Array, truth: Array) -> Planned:
        beside = truth[:, -1]
        return Planned(
            found=outputs[:, 0] > 0,
            length=outputs[:, 1].astype(np.float64),
            expanded=outputs[:, 2].astype(np.float64),
            optimum=beside[:, _OPTIMUM],
            astar=beside[:, _OPTIMUM_NODES],
            plain=beside[:, _PLAIN_NODES],
            turns=outputs[:, _TOLD - 1 :],
        )

    def parts(self, judged: Judged[Planned]) -> dict[str, Any]:
        answered = judged.answered
        every = np.ones(answered.rows)
        plain = replace(answered, expanded=answered.plain)
        drawn = np.random.default_rng(judged.seed).permutation(answered.rows)[:400]
        return {
            "by_length": _by_length(answered),
            "points": [
                [float(answered.optimum[row]), float(answered.over_astar[row])] for row in np.sort(drawn).tolist()
            ],
            "unlearned": nodes_over_astar.of(plain, every),
            "nodes": {"ours": float(answered.expanded.mean()), "astar": float(answered.astar.mean())},
        }

    def worst(self, answered: Planned, most: int) -> Array:
        """Rows that were not solved, then those that took most; and as many evenly from all, to be looked at."""
        badness = np.where(answered.found, answered.over_astar, np.inf)
        bad = np.argsort(-badness, kind="stable")[: most // 2]
        others = np.setdiff1d(np.arange(answered.rows), bad)
        spread = others[np.argsort(answered.optimum[others], kind="stable")]
        some = spread[np.unique(np.linspace(0, len(spread) - 1, min(len(spread), most - len(bad))).astype(int))]
        return np.concatenate([bad, some[::-1]])

    def typical(self, answered: Planned, most: int) -> Array:
        """The solved rows whose ways are as long as half of all are."""
        off = np.abs(answered.optimum - np.median(answered.optimum)) + np.where(answered.found, 0, np.inf)
        return np.argsort(off, kind="stable")[:most]

    def example(self, answered: Planned, place: int, row: Mapping[str, Any]) -> dict[str, Any]:
        plan = opened(row.get(self._planning.columns[0]))
        count = int(answered.turns[place, 0])
        points = answered.turns[place, 1 : 1 + 2 * count].reshape(-1, 2)
        right = self.task.target.parse(row.get(self.task.target.name))
        corners = [] if right is None else [list(point) for point in _corners(right)]
        return {
            "right": corners,
            "said": points.astype(int).tolist(),
            "height": 0 if plan is None else plan.height,
            "width": 0 if plan is None else plan.width,
            "length": float(answered.length[place]),
            "optimum": float(answered.optimum[place]),
            "expanded": int(answered.expanded[place]),
            "astar": int(answered.astar[place]),
        }

    def kept(self, answered: Planned) -> dict[str, Array]:
        return {name: value for name, value in vars(answered).items() if name != "turns"}

    @classmethod
    def schema(cls) -> tuple[dict[str, Any], dict[str, Any]]:
        number, whole = {"type": ["number", "null"]}, {"type": "integer", "minimum": 0}
        points = {"type": "array", "items": {"type": "array", "items": number}}
        group = described(low=number, high=number, rows=whole, nodes=number, length=number, found=number)
        parts = {
            "by_length": {"type": "array", "items": group},
            "points": points,
            "unlearned": number,
            "nodes": described(ours=number, astar=number),
        }
        example = {
            **dict.fromkeys(("right", "said"), points),
            **dict.fromkeys(("height", "width", "expanded", "astar"), whole),
            **dict.fromkeys(("length", "optimum"), number),
        }
        return parts, example

    @classmethod
    def verdict(cls, report: Report) -> list[Text]:
        return shown.verdict(report)

    @classmethod
    def notes(cls, report: Report) -> list[Text]:
        return shown.notes(report)

    @classmethod
    def details(cls, report: Report) -> str:
        return shown.by_length(report)

    @classmethod
    def sections(cls, report: Report, thumbnails: Thumbnails) -> list[Section]:
        return [shown.ways(report, thumbnails)]

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        return shown.words()

    def _by_astar(self, arrays: Mapping[str, Array], weight: float) -> Array:
        found = []
        last: tuple[bytes, Grid, Guide] | None = None
        for row in range(len(next(iter(arrays.values())))):
            last = self._mapped(arrays, row, last)
            found.append(told(last[1].shortest(*self._planning.ends(arrays, row), weight)))
        return np.stack(found) if found else np.zeros((0, _TOLD), np.float32)

    def _mapped(
        self, arrays: Mapping[str, Array], row: int, last: tuple[bytes, Grid, Guide] | None
    ) -> tuple[bytes, Grid, Guide]:
        """The map of a row, and a guide of which nothing was learned; of rows on one map, made once."""
        plan = arrays[self._planning.columns[0]][row]
        key = plan.tobytes()
        if last is not None and last[0] == key:
            return last
        grid = self._planning.grid(arrays, row)
        blocks = (-(-grid.height // PITCH), -(-grid.width // PITCH))
        costs = np.broadcast_to(np.array([1.0, 1.0, math.sqrt(2), math.sqrt(2)]) * PITCH, (*blocks, 4))
        return key, grid, Guide(grid, costs)

    @property
    def _planning(self) -> Planning:
        assert isinstance(self.task, Planning)
        return self.task


def _by_length(answered: Planned) -> list[dict[str, Any]]:
    """Test rows by the length of the shortest way, in groups of as many."""
    count = min(_GROUPS, answered.rows // _FEWEST_IN_GROUP)
    groups = []
    for rows in np.array_split(np.argsort(answered.optimum, kind="stable"), count) if count > 1 else []:
        known = rows[answered.found[rows]]
        groups.append(
            {
                "low": float(answered.optimum[rows[0]]),
                "high": float(answered.optimum[rows[-1]]),
                "rows": len(rows),
                "nodes": float(answered.over_astar[rows].mean()),
                "length": float(answered.over_optimum[known].mean()) if len(known) else None,
                "found": float(answered.found[rows].mean()),
            }
        )
    return groups


def _corners(points: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """A route without the points that it goes straight through."""
    kept = points[:1]
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        if np.sign(np.subtract(here, before)).tolist() != np.sign(np.subtract(after, here)).tolist():
            kept.append(here)
    return [*kept, points[-1]] if len(points) > 1 else kept
