"""Asking a finished model again: test rows as they were collected, changed, encoded anew and answered."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sixfold.evaluation._appraisal import described
from sixfold.evaluation._chapter import Finished
from sixfold.evaluation._html import image_of
from sixfold.fields import Array, Field, base_of
from sixfold.store import ROW, SplitName

__all__ = [
    "PICTURE",
    "affordable",
    "as_json",
    "asked_again",
    "base_name",
    "drawn",
    "encoded",
    "shown_picture",
    "tested",
]

_TRIED = 16
"""Rows that are answered to see how long that takes."""

_TRIES = 3
"""How often: the first time is slower, and any may be on a busy machine."""

_MOST_BYTES = 192 << 20
"""Encoded rows that are held at once."""

PICTURE = described(mime={"type": "string"}, data={"type": "string"}, tiny={"type": "boolean"})
"""The JSON Schema of a small picture: its bytes in base64, and whether it is shown by its pixels."""


def drawn(model: Finished, most: int) -> Array:
    """Positions of at most so many of the rows that were judged, drawn by the run's seed."""
    order = np.random.default_rng(model.work.seed).permutation(len(model.judged.test.truth))
    return np.sort(order[:most])


def affordable(model: Finished, seconds: float, times: int, most: int) -> Array:
    """Positions of as many judged rows as can be collected, encoded and answered ``times`` times in so many seconds: a
    power of two, so that a busy machine asks as many as a quiet one, but for the last halving."""
    few = drawn(model, _TRIED)
    raw = model.collected(model.judged.test.numbers[few])
    rows_tried = [raw[int(row)] for row in model.judged.test.numbers[few]]
    times_taken = []
    for _ in range(_TRIES):
        begun = time.monotonic()
        asked_again(model, few, encoded(model.prepared.given, rows_tried))
        times_taken.append(time.monotonic() - begun)
    each = min(times_taken) / max(1, len(few))
    row = sum(int(np.prod(field.form.shape or (1,))) * 4 for field in model.prepared.given.values())
    rows = min(most, seconds / max(1, times) / max(each, 1e-6), _MOST_BYTES / max(1, row))
    return drawn(model, max(_TRIED, 1 << max(0, int(np.log2(max(1.0, rows))))))


def encoded(given: Mapping[str, Field], rows: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    """Collected rows as a service encodes them.

    Raises:
        ValueError: A value cannot be of its column's kind.
    """
    return {name: field.encode([row.get(name) for row in rows]) for name, field in given.items()}


def asked_again(model: Finished, places: Array, arrays: Mapping[str, Array]) -> Array:
    """What the model says (n, …) of the judged rows at ``places`` (n,), were their columns these.

    Raises:
        RunError: The graph cannot be run on them.
    """
    return model.graph.outputs({ROW: model.judged.test.numbers[places], **arrays}, len(places))


def tested(model: Finished, split: SplitName, most: int) -> tuple[dict[str, Array], Array]:
    """At most so many rows of a split as they are asked: the encoded columns by name, and what each is judged by."""
    arrays = model.rows(split, most)
    truth = model.truth(arrays)
    beside = {name: array for name, array in arrays.items() if name not in (ROW, model.prepared.target.name)}
    places, asked = model.appraisal.asked(beside, truth)
    return {name: arrays[name][places] for name in (ROW, *model.prepared.given)}, asked


def base_name(model: Finished) -> str | None:
    """The given column that answers lie upon, if they lie upon one."""
    base = base_of(model.prepared.target, model.prepared.given)
    return None if base is None else base.name


def as_json(picture: tuple[bytes, str, bool]) -> dict[str, Any]:
    """A thumbnail as plain JSON, as :data:`PICTURE` describes it."""
    data, mime, tiny = picture
    return {"mime": mime, "data": base64.b64encode(data).decode(), "tiny": tiny}


def shown_picture(picture: Mapping[str, Any], about: Any) -> str:
    """A picture of a report (HTML), with what it is for readers who cannot see it."""
    return image_of((base64.b64decode(picture["data"]), picture["mime"], picture["tiny"]), about)
