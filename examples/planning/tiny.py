"""A few made-up maps: rooms with doors, and problems between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sixfold.tasks import Grid

SIDE = 40
NAMES = ("arena", "brc503d", "den020d", "den401d", "den600d", "lak201d", "orz102d", "ost001d")


def make(folder: Path) -> str:
    """Maps with problems in the form of the MovingAI benchmarks; returns what says where they are."""
    draw, maps = np.random.default_rng(0), folder / "maps"
    maps.mkdir()
    for name in NAMES:
        free = np.ones((SIDE, SIDE), bool)
        for wall in (10, 20, 30):
            free[wall], free[:, wall] = False, False
        for _ in range(24):
            across, along = draw.choice([10, 20, 30]), draw.integers(1, SIDE - 2)
            free[across, along : along + 2], free[along : along + 2, across] = True, True
        lines = ["version 1"]
        grid, cells = Grid(free), np.argwhere(free)
        while len(lines) < 30:
            (y, x), (goal_y, goal_x) = cells[draw.integers(0, len(cells), 2)].tolist()
            length = grid.shortest((x, y), (goal_x, goal_y)).length
            if np.isfinite(length):
                ends = (x, y, goal_x, goal_y)
                lines.append("\t".join(map(str, (0, f"{name}.map", SIDE, SIDE, *ends, f"{length:.6f}"))))
        rows = "\n".join("".join(".@"[not cell] for cell in row) for row in free)
        (maps / f"{name}.map").write_text(f"type octile\nheight {SIDE}\nwidth {SIDE}\nmap\n{rows}\n", "utf-8")
        (maps / f"{name}.map.scen").write_text("\n".join(lines) + "\n", "utf-8")
    return f"movingai:{maps}"
