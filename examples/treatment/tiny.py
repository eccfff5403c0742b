"""A few made-up people: training raises what the poor earn, and costs the others time; the poor got it more often."""

from __future__ import annotations

from pathlib import Path

import numpy as np

COLUMNS = "age,education,black,hispanic,married,nodegree,re74,re75,t,y"


def make(folder: Path) -> str:
    """A table; returns where it is."""
    draw, lines = np.random.default_rng(0), [COLUMNS]
    for _ in range(500):
        black, hispanic, married, nodegree = (int(draw.random() < share) for share in (0.3, 0.1, 0.5, 0.4))
        before = draw.uniform(0, 20_000, 2).round()
        poor = before.mean() < 10_000
        trained = int(draw.random() < (0.6 if poor else 0.3))
        after = max(0.0, before.mean() + trained * (4_000 if poor else -4_000) + draw.normal(0, 2_000))
        person = (draw.integers(18, 60), draw.integers(6, 17), black, hispanic, married, nodegree)
        lines.append(",".join(map(str, (*person, *before, trained, round(after)))))
    path = folder / "training.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return str(path)
