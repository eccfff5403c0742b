"""A few made-up poems: four lines of five characters, out of a handful of words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

FIRST, SECOND = ("明月", "春風", "青山", "白雲", "流水", "孤舟"), ("照江樓", "入夜來", "滿長安", "送客歸", "無人知")


def make(folder: Path) -> str:
    """A JSON list of poems; returns where it is."""
    draw = np.random.default_rng(0)
    poems = []
    for _ in range(120):
        lines = [f"{draw.choice(FIRST)}{draw.choice(SECOND)}" for _ in range(4)]
        poems.append({"paragraphs": [f"{lines[0]}，{lines[1]}。", f"{lines[2]}，{lines[3]}。"]})
    (folder / "poems.json").write_text(json.dumps(poems, ensure_ascii=False), "utf-8")
    return str(folder / "poems.json")
