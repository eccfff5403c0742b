"""A few made-up speeches, one running text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

WHO = ("KING", "QUEEN", "FOOL", "DUKE")
SAYS = ("my lord, the night is long", "come, let us go", "what news from Rome", "I know him well")


def make(folder: Path) -> str:
    """A text file; returns where it is."""
    draw = np.random.default_rng(0)
    speeches = [f"{draw.choice(WHO)}:\n{draw.choice(SAYS).capitalize()}, {draw.choice(SAYS)}.\n" for _ in range(400)]
    (folder / "play.txt").write_text("\n".join(speeches), "utf-8")
    return f"prose:{folder / 'play.txt'}"
