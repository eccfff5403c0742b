"""A few made-up pairs: numbers and things in English and in Chinese."""

from __future__ import annotations

from pathlib import Path

import numpy as np

NUMBERS = {"one": "一", "two": "两", "three": "三", "four": "四", "five": "五"}
THINGS = {"book": "本书", "cat": "只猫", "car": "辆车", "tree": "棵树", "house": "座房子"}
WHO = {"I have": "我有", "she has": "她有", "he sees": "他看见", "we want": "我们想要"}


def make(folder: Path) -> str:
    """A file of two columns without names; returns where it is."""
    draw = np.random.default_rng(0)
    pairs = {
        f"{who} {number} {thing}": f"{WHO[who]}{NUMBERS[number]}{THINGS[thing]}"
        for who in WHO
        for number in NUMBERS
        for thing in THINGS
    }
    lines = [f"{english}.\t{chinese}。" for english, chinese in pairs.items()]
    draw.shuffle(lines)
    (folder / "pairs.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    return str(folder / "pairs.tsv")
