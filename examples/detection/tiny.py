"""A few made-up smears: red and white cells, told by Pascal VOC's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

OBJECT = "<object><name>{}</name><bndbox>{}</bndbox></object>"


def make(folder: Path) -> str:
    """Pictures and boxes in folders beside each other; returns where they are."""
    draw = np.random.default_rng(0)
    for part in ("JPEGImages", "Annotations"):
        (folder / "smears" / part).mkdir(parents=True)
    for number in range(60):
        photo, told = draw.integers(0, 60, (64, 96, 3), np.uint8), ""
        for half in range(number % 3):
            kind = int(draw.integers(0, 2))
            left, top = 48 * half + int(draw.integers(2, 20)), int(draw.integers(2, 36))
            photo[top : top + 24, left : left + 24, 2 * kind] += 180
            ends = {"xmin": left, "ymin": top, "xmax": left + 24, "ymax": top + 24}
            told += OBJECT.format(("RBC", "WBC")[kind], "".join(f"<{key}>{at}</{key}>" for key, at in ends.items()))
        Image.fromarray(photo).save(folder / "smears" / "JPEGImages" / f"{number}.png")
        size = "<size><width>96</width><height>64</height></size>"
        file = folder / "smears" / "Annotations" / f"{number}.xml"
        file.write_text(f"<annotation>{size}{told}</annotation>", "utf-8")
    return str(folder / "smears")
