"""A few made-up patients: age and blood pressure decide."""

from __future__ import annotations

from pathlib import Path

import numpy as np

COLUMNS = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,num"
LIMIT = 126


def make(folder: Path) -> str:
    """A table; returns where it is."""
    draw = np.random.default_rng(0)
    lines = [COLUMNS]
    for _ in range(160):
        age, pressure = draw.integers(30, 78), draw.integers(95, 190)
        ill = int(age + pressure / 2 + draw.normal(0, 6) > LIMIT)
        some = [draw.integers(0, 2), draw.integers(1, 5), pressure, draw.integers(150, 400), draw.integers(0, 2)]
        rest = [draw.integers(0, 3), draw.integers(90, 200), draw.integers(0, 2), round(draw.uniform(0, 4), 1)]
        lines.append(",".join(map(str, [age, *some, *rest, draw.integers(1, 4), draw.integers(0, 4), 3, ill])))
    (folder / "patients.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return str(folder / "patients.csv")
