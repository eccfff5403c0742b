"""Colours that tell classes apart."""

from __future__ import annotations

import colorsys

__all__ = ["distinct"]

_GOLDEN, _FIRST = 0.618_034, 0.58
_BRIGHTNESSES, _STRENGTH = (0.5, 0.36, 0.66), 0.62


def distinct(count: int) -> list[str]:
    """``count`` colours as #rrggbb: hues by the golden ratio, in three brightnesses."""
    found = []
    for place in range(count):
        brightness = _BRIGHTNESSES[place % len(_BRIGHTNESSES)]
        parts = colorsys.hls_to_rgb((_FIRST + place * _GOLDEN) % 1, brightness, _STRENGTH)
        found.append("#" + "".join(f"{round(part * 255):02x}" for part in parts))
    return found
