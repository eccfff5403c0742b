"""A few made-up pictures of two kinds of clothing: wide ones and long ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def make(folder: Path) -> str:
    """Class folders; returns where they are."""
    draw = np.random.default_rng(0)
    for kind, (height, width) in {"shirt": (8, 14), "trousers": (14, 6)}.items():
        (folder / "clothes" / kind).mkdir(parents=True)
        for number in range(60):
            picture = np.zeros((16, 16), np.uint8)
            top, left = draw.integers(0, 17 - height), draw.integers(0, 17 - width)
            picture[top : top + height, left : left + width] = draw.integers(150, 256, (height, width))
            Image.fromarray(picture).save(folder / "clothes" / kind / f"{number}.png")
    return str(folder / "clothes")
