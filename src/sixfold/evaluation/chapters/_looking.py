"""What in a text and in a picture speaks for an answer: by taking it away, or by looking into the graph."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from sixfold.evaluation.chapters._changes import plain_picture
from sixfold.fields import Array

__all__ = ["heated", "hidden", "pieces", "removed", "worded", "worth_of_patches", "worth_of_pieces"]

_PIECE = re.compile(
    r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u3040-\u30ff\u0e00-\u0e7f]"  # scripts without blanks
    r"|(?:(?![\u2e80-\u9fff\uf900-\ufaff\u3040-\u30ff\u0e00-\u0e7f])\w)+(?:['’](?:(?![\u2e80-\u9fff])\w)+)*"
    r"|\s+|.",
    re.DOTALL,
)
_WITHOUT_BLANKS = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\u3040-\u30ff\u0e00-\u0e7f]")

_PATCHES = 8
"""A picture is hidden in so many patches a side."""

_SHOWN_SIDE = 176
_HEAT = np.array([(30, 60, 160), (40, 170, 190), (250, 220, 70), (215, 40, 30)], np.float64)
"""From nothing to most, for people who do not tell red from green too."""


def pieces(text: str) -> list[str]:
    """A text in pieces that make it up again: words, single characters of scripts without blanks, blanks, marks."""
    return _PIECE.findall(text)


def worded(parts: Sequence[str], most: int) -> list[int]:
    """Positions of the pieces that say something, the first so many."""
    return [place for place, part in enumerate(parts) if any(letter.isalnum() for letter in part)][:most]


def removed(parts: Sequence[str], places: set[int]) -> str:
    """The text without some pieces."""
    return "".join(part for place, part in enumerate(parts) if place not in places)


def worth_of_pieces(parts: Sequence[str], places: Sequence[int], said: Callable[[list[str]], Array]) -> Array:
    """By how much the answer's score falls without each piece (pieces,); 0 for those not asked about.

    Each is left out by itself; of a script without blanks, whose words have several characters, together with the one
    after it too, and a character has the mean of what it was left out in.

    Args:
        parts: The pieces.
        places: Which are asked about.
        said: For texts, the score of the answer (n,).
    """
    groups: list[tuple[int, ...]] = [(place,) for place in places]
    for place, after in pairwise(places):
        if after == place + 1 and all(_WITHOUT_BLANKS.match(parts[one]) for one in (place, after)):
            groups.append((place, after))
    scores = said(["".join(parts), *(removed(parts, set(group)) for group in groups)])
    totals, counts = np.zeros(len(parts)), np.zeros(len(parts))
    for group, score in zip(groups, scores[1:], strict=True):
        for place in group:
            totals[place] += (scores[0] - score) / len(group)
            counts[place] += 1
    return np.asarray(totals / np.maximum(counts, 1))


def worth_of_patches(picture: Array, said: Callable[[Array], Array]) -> Array:
    """By how much the answer's score falls as each patch of a picture is hidden (8, 8), less is 0; the most is 1.

    Zeiler & Fergus (2014): patches have the picture's mean colour instead.

    Args:
        picture: One encoded picture (height, width, channels).
        said: For pictures (n, height, width, channels), the score of the answer (n,).
    """
    height, width, _ = picture.shape
    rows, columns = min(_PATCHES, height), min(_PATCHES, width)
    down, across = np.arange(height) * rows // height, np.arange(width) * columns // width
    mean = picture.reshape(-1, picture.shape[2]).mean(axis=0).astype(picture.dtype)
    copies = [picture]
    for row in range(rows):
        for column in range(columns):
            copy = picture.copy()
            copy[np.ix_(down == row, across == column)] = mean
            copies.append(copy)
    scores = said(np.stack(copies))
    worth = np.maximum(scores[0] - scores[1:], 0).reshape(rows, columns)
    most = worth.max()
    return np.asarray(worth / most if most > 0 else worth)


def hidden(picture: Array, attention: Array, share: float, draw: np.random.Generator) -> tuple[Array, Array]:
    """The picture with the share of it hidden that is attended to most, and with as many patches hidden at random."""
    height, width, channels = picture.shape
    rows, columns = attention.shape
    down, across = np.arange(height) * rows // height, np.arange(width) * columns // width
    mean = picture.reshape(-1, channels).mean(axis=0).astype(picture.dtype)
    count = max(1, round(share * attention.size))
    ranked = np.argsort(-attention.reshape(-1), kind="stable")[:count]
    found = []
    for places in (ranked, draw.permutation(attention.size)[:count]):
        is_hidden = np.isin(np.arange(attention.size), places).reshape(rows, columns)[np.ix_(down, across)]
        found.append(np.where(is_hidden[..., None], mean, picture))
    return found[0], found[1]


def heated(picture: Any, attention: Array) -> tuple[tuple[bytes, str, bool], tuple[bytes, str, bool]]:
    """A picture small, and under the colours of an attention (height, width) in 0–1; both as (bytes, MIME, tiny)."""
    from PIL import Image as Pillow

    base = plain_picture(picture).convert("RGB")
    scale = _SHOWN_SIDE / max(base.size)
    size = (max(1, round(base.width * scale)), max(1, round(base.height * scale)))
    base = base.resize(size, Pillow.Resampling.NEAREST if scale > 1 else Pillow.Resampling.BILINEAR)
    heat = Pillow.fromarray(np.asarray(attention, np.float32)).resize(size, Pillow.Resampling.BICUBIC)
    strength = np.clip(np.asarray(heat, np.float64), 0, 1)[..., None]
    stops = np.linspace(0, 1, len(_HEAT))
    colour = np.stack([np.interp(strength[..., 0], stops, channel) for channel in _HEAT.T], axis=-1)
    grey = np.asarray(base.convert("L").convert("RGB"), np.float64)
    mixed = grey * (1 - 0.15 - 0.5 * strength) + colour * (0.15 + 0.5 * strength)
    return _jpeg(base), _jpeg(Pillow.fromarray(np.clip(mixed, 0, 255).astype(np.uint8)))


def _jpeg(picture: Any) -> tuple[bytes, str, bool]:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=80, optimize=True)
    return stream.getvalue(), "image/jpeg", False
