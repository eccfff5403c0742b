"""A few made-up scenes: a road below, sky above, and a car somewhere between."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def make(folder: Path) -> str:
    """Pictures and masks in folders beside each other, as in CamVid; returns where they are."""
    draw = np.random.default_rng(0)
    for split, rows in {"train": 40, "val": 8, "test": 16}.items():
        for part in ("images", "masks"):
            (folder / "streets" / split / part).mkdir(parents=True)
        for number in range(rows):
            mask = np.zeros((36, 48), np.uint8)
            mask[18:] = 3
            left = draw.integers(0, 36)
            mask[14:24, left : left + 12] = 8
            shades = np.array([200, 0, 0, 90, 0, 0, 0, 0, 30, 0, 0], np.uint8)[mask]
            photo = np.stack([shades] * 3, axis=-1) + draw.integers(0, 40, (36, 48, 3), np.uint8)
            Image.fromarray(photo).save(folder / "streets" / split / "images" / f"{number}.png")
            Image.fromarray(mask).save(folder / "streets" / split / "masks" / f"{number}.png")
    return str(folder / "streets")
