"""Text as numbers and as moments, read as the fields would: once here for what is made of columns at `collect`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sixfold.fields.date import Date
from sixfold.fields.number import Number

if TYPE_CHECKING:
    import polars as pl

__all__ = ["as_moments", "as_numbers"]

_PLAIN = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f")
"""The commonest layouts, read at once; whatever else is a date the field reads one by one."""


def as_numbers(values: pl.Series) -> tuple[pl.Series, int]:
    """A column as Float64, with null where there is no number; and how many values are no number at all.

    What tables write where a number is not known (?, NA, -, 无 …) is missing and not counted.
    """
    import polars as pl

    if values.dtype == pl.Boolean or values.dtype.is_numeric():
        numbers = values.cast(pl.Float64)
        return numbers.set(~numbers.is_finite(), None), 0
    if values.dtype != pl.String:
        return pl.Series(values.name, [None] * len(values), pl.Float64), len(values) - values.null_count()
    # "nan" and "inf" are numbers to Polars; the field decides about them like about all that Polars cannot read.
    plain = values.cast(pl.Float64, strict=False)
    plain = plain.set(~plain.is_finite(), None)
    unread = values.filter(plain.is_null() & values.is_not_null())
    if unread.is_empty():
        return plain, 0
    field, answers, wrong = Number(values.name), dict[str, float](), 0
    for text, count in unread.value_counts().rows():
        try:
            number = field.parse(text)
            if number is not None:
                answers[text] = number
        except ValueError:
            wrong += count
    if not answers:
        return plain, wrong
    others = values.replace_strict(list(answers), list(answers.values()), default=None, return_dtype=pl.Float64)
    return plain.fill_null(others), wrong


def as_moments(values: pl.Series, *, by_the_wall: bool = False) -> tuple[pl.Series, int]:
    """A column as moments (Datetime without a zone), null where there is none; and how many values are none.

    Args:
        values: The column.
        by_the_wall: What becomes of moments that say their zone: the clock on the wall there, as the field reads days
            and weeks; else UTC, as order is told.
    """
    import polars as pl

    if values.dtype.is_temporal():
        if isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone is not None:
            values = values if by_the_wall else values.dt.convert_time_zone("UTC")
            values = values.dt.replace_time_zone(None)
        return values.cast(pl.Datetime("us")), 0
    if values.dtype != pl.String:
        return pl.Series(values.name, [None] * len(values), pl.Datetime("us")), len(values) - values.null_count()
    plain = values.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    for layout in _PLAIN:
        if plain.null_count() > values.null_count():
            plain = plain.fill_null(values.str.to_datetime(layout, strict=False, time_unit="us"))
    unread = values.filter(plain.is_null() & values.is_not_null())
    if unread.is_empty():
        return plain, 0
    field, answers, wrong = Date(values.name), dict[str, datetime](), 0
    for text, count in unread.value_counts().rows():
        try:
            moment = field.parse(text)
        except ValueError:
            wrong += count
            continue
        if moment is not None:
            zoned = moment if moment.tzinfo is None or by_the_wall else moment.astimezone(UTC)
            answers[text] = zoned.replace(tzinfo=None)
    if not answers:
        return plain, wrong
    others = values.replace_strict(list(answers), list(answers.values()), default=None, return_dtype=pl.Datetime("us"))
    return plain.fill_null(others), wrong
