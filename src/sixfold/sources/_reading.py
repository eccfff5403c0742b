"""Text as numbers and as moments, read as the fields would: once here for what is made of columns at `collect`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sixfold.fields.number import Number

if TYPE_CHECKING:
    import polars as pl

__all__ = ["as_moments", "as_numbers"]

_MOMENTS = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y年%m月%d日 %H:%M:%S",
)
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%Y%m%d")
"""Only layouts that can be read in one way: 03/04/2025 is March in one country and April in another."""


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


def as_moments(values: pl.Series) -> tuple[pl.Series, int]:
    """A column as moments (Datetime without a zone; with one, UTC), null where there is none; and how many are none."""
    import polars as pl

    if values.dtype.is_temporal():
        return _in_utc(values).cast(pl.Datetime("us")), 0
    known = len(values) - values.null_count()
    moments = pl.Series(values.name, [None] * len(values), pl.Datetime("us"))
    if values.dtype != pl.String:
        return moments, known
    text = values.str.strip_chars()
    known -= int((text == "").sum())
    for layout in (*_MOMENTS, *_DAYS):
        if layout in _DAYS:
            read = text.str.to_date(layout, strict=False).cast(pl.Datetime("us"))
        else:
            read = text.str.to_datetime(layout, strict=False, ambiguous="earliest", time_unit="us")
            read = _in_utc(read)
        moments = moments.fill_null(read)
        if len(moments) - moments.null_count() >= known:
            break
    return moments, known - (len(moments) - moments.null_count())


def _in_utc(moments: pl.Series) -> pl.Series:
    import polars as pl

    if isinstance(moments.dtype, pl.Datetime) and moments.dtype.time_zone is not None:
        return moments.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return moments
