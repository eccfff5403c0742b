"""A few made-up people who cross a square in arcs."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def make(folder: Path) -> str:
    """Files of frame, person and place, without names, in the folders train, val and test; returns where they are."""
    draw = np.random.default_rng(0)
    for number, split in enumerate(("train", "train", "val", "test")):
        lines = []
        for who in range(30):
            heading, turn, pace = draw.uniform(0, 6.28), draw.normal() * 0.1, draw.uniform(0.3, 0.7)
            place, first = draw.uniform(-8, 8, 2), int(draw.integers(0, 30))
            for at in range(24):
                heading += turn
                place = place + pace * np.array([np.cos(heading), np.sin(heading)])
                lines.append(f"{10 * (first + at)}.0\t{who}.0\t{place[0]:.3f}\t{place[1]:.3f}")
        (folder / "squares" / split).mkdir(parents=True, exist_ok=True)
        (folder / "squares" / split / f"square{number}.txt").write_text("\n".join(lines) + "\n", "utf-8")
    return str(folder / "squares")
