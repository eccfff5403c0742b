"""Rows as they were collected: for the worst examples, and for the sample that a service must answer."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sixfold.fields import Array, Field, is_missing
from sixfold.store import Artefact, Workspace

__all__ = ["collected_columns", "collected_rows", "json_row", "thumbnails"]

_THUMBNAIL_SIDE = 176
_TINY_SIDE = 64
"""A picture up to this side is shown by its pixels: smoothed, it would be a blur."""

_LARGE_PNG = 24 << 10


def collected_rows(collected: Artefact, wanted: Iterable[int], work: Workspace) -> dict[int, dict[str, Any]]:
    """Some of the collected rows, by their index; shards are read one at a time, and only as far as needed."""
    import polars as pl

    waiting, found, first = sorted(set(wanted)), {}, 0
    for name in sorted(member for member in collected.members if member.startswith("rows-")):
        if not waiting:
            break
        frame = pl.read_parquet(io.BytesIO(work.read(collected, name)))
        here = [row for row in waiting if row < first + frame.height]
        for row in here:
            found[row] = frame.row(row - first, named=True)
        waiting, first = waiting[len(here) :], first + frame.height
    return found


def collected_columns(
    collected: Artefact, columns: Iterable[str], wanted: Array, work: Workspace
) -> dict[str, list[Any]]:
    """Some columns of collected rows, in the order of ``wanted`` (their indices); no other column is read.

    Columns that were not collected are left out.
    """
    import polars as pl

    columns, frames, first = list(columns), [], 0
    for name in sorted(member for member in collected.members if member.startswith("rows-")):
        data = io.BytesIO(work.read(collected, name))
        known = pl.read_parquet_schema(data)
        frame = pl.read_parquet(data, columns=[column for column in columns if column in known], row_index_name="\0row")
        numbers = frame["\0row"].to_numpy() + first
        frames.append(frame.drop("\0row").with_columns(pl.Series("\0row", numbers)).filter(np.isin(numbers, wanted)))
        first += frame.height
    together = pl.concat(frames)
    order = np.searchsorted(together["\0row"].to_numpy(), wanted)
    return {column: together[column][order].to_list() for column in together.columns if column != "\0row"}


def json_row(given: Mapping[str, Field], row: Mapping[str, Any]) -> dict[str, Any]:
    """The given columns of a collected row as they would be sent over JSON."""
    return {
        name: None if is_missing(value := row.get(name)) else _plain(field.json_value(value))
        for name, field in given.items()
    }


def thumbnails(given: Mapping[str, Field], row: Mapping[str, Any]) -> list[tuple[bytes, str, bool]]:
    """The pictures of a collected row, small: bytes, MIME type, and whether it is shown by its pixels."""
    found = []
    for name, field in given.items():
        if field.widget != "image":
            continue
        try:
            picture = field.parse(row.get(name))
        except ValueError:
            continue  # an unreadable picture was reported by prepare; here there is nothing to show
        if picture is not None:
            found.append(_thumbnail(picture))
    return found


def _thumbnail(picture: Any) -> tuple[bytes, str, bool]:
    tiny = max(picture.size) <= _TINY_SIDE
    small = picture.convert("L" if picture.mode in ("1", "L", "I", "I;16", "F") else "RGB")
    if not tiny:
        small.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    stream = io.BytesIO()
    small.save(stream, "PNG", optimize=True)
    if stream.tell() <= _LARGE_PNG:
        return stream.getvalue(), "image/png", tiny
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=82)
    return stream.getvalue(), "image/jpeg", tiny


def _plain(value: Any) -> Any:
    """A value that JSON has: dates and the like as their text."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (str, int, float, bool, list, dict)) or value is None else str(value)
