"""A few made-up reviews in Chinese, of words that please and words that do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

PLEASED, CROSS = ("很好", "满意", "干净", "推荐", "舒服"), ("很差", "失望", "太脏", "不值", "吵闹")
ABOUT = ("房间", "服务", "位置", "早餐", "前台", "价格")


def make(folder: Path) -> str:
    """A table; returns where it is."""
    draw = np.random.default_rng(0)
    lines = ["label\ttext_a"]
    for _ in range(240):
        label = int(draw.integers(0, 2))
        parts = [draw.choice(ABOUT) + draw.choice(PLEASED if label else CROSS) for _ in range(draw.integers(2, 6))]
        lines.append(f"{label}\t{'，'.join(parts)}。")
    (folder / "reviews.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    return str(folder / "reviews.tsv")
