"""A few made-up questions: who, where and how many."""

from __future__ import annotations

from pathlib import Path

import numpy as np

BEGINNINGS = ("Who wrote", "Where is", "How many people saw")
THINGS = ("the book", "the bridge", "the film", "the song", "the house", "the river", "the play")


def make(folder: Path) -> dict[str, str]:
    """A file of labelled lines for training and one for testing; returns where they are."""
    draw, files = np.random.default_rng(0), {}
    for split, rows in {"train": 240, "test": 60}.items():
        labels = draw.integers(0, len(BEGINNINGS), rows)
        years = draw.integers(1800, 2020, rows)
        asked = [f"{BEGINNINGS[label]} {draw.choice(THINGS)} of" for label in labels]
        lines = [f"{label} {text} {year} ?" for label, text, year in zip(labels, asked, years, strict=True)]
        files[split] = str(folder / f"{split}.txt")
        Path(files[split]).write_text("\n".join(lines) + "\n", "utf-8")
    return files
