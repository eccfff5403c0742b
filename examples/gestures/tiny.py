"""A few made-up gestures: slow and quick ones, of two sensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def make(folder: Path) -> str:
    """A .ts file for training and one for testing, as the UCR archive has them; returns where they are."""
    draw = np.random.default_rng(0)
    (folder / "Gestures").mkdir()
    head = "@problemName Gestures\n@timeStamps false\n@univariate false\n@dimensions 2\n@equalLength true\n"
    for split, rows in {"TRAIN": 60, "TEST": 30}.items():
        lines = [head + "@seriesLength 30\n@classLabel true slow quick\n@data"]
        for number in range(rows):
            speed = 0.2 if number % 2 else 0.8
            waves = [np.sin(speed * np.arange(30) + shift) + draw.normal(0, 0.1, 30) for shift in draw.uniform(0, 6, 2)]
            channels = ":".join(",".join(f"{value:.3f}" for value in wave) for wave in waves)
            lines.append(f"{channels}:{'slow' if number % 2 else 'quick'}")
        (folder / "Gestures" / f"Gestures_{split}.ts").write_text("\n".join(lines) + "\n", "utf-8")
    return str(folder / "Gestures")
