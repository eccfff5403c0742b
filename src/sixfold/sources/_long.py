"""Long tables: several lines that make one row, such as the samples of one recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from sixfold.errors import Place, SourceError
from sixfold.product import Rows
from sixfold.sources._binding import Binding
from sixfold.sources._reading import as_moments, as_numbers

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ID", "SCENE", "TIME", "joined"]

ID, TIME, SCENE = "\0id", "\0time", "\0scene"
"""What the columns of `collect: rows` are called among lines."""

_LINE = "\0line"
_ROWS_AT_ONCE = 4096
_SHOWN = 3


def joined(
    pieces: Sequence[pl.DataFrame], bound: Sequence[Binding], told: Rows, place: Callable[[str], Place]
) -> Iterator[pl.DataFrame]:
    """One row per id, in the order in which the ids first stand there; an id counts anew in every official split.

    A series is the list of its numbers over the lines of an id, or for several channels a list of lists. Any other
    column has the one value that its lines agree on, missing ones aside.

    Args:
        pieces: All lines: the columns of the product, ``ID``, ``TIME`` where it is told, ``__split__`` where there is.
        bound: What the columns of the product are.
        told: What `collect: rows` says.
        place: Where a dotted key stands in product.yaml.

    Raises:
        SourceError: A line has no id or no time, two lines of an id have the same, or their values disagree.
    """
    import polars as pl

    lines = pl.concat(pieces, how="vertical_relaxed").with_row_index(_LINE)
    keys = [name for name in ("__split__", ID) if name in lines.columns]
    if lines[ID].null_count():
        key = "collect.rows.id"
        raise SourceError("lines_without_id", place=place(key), column=told.id, count=lines[ID].null_count())
    if told.time is not None:
        lines = _in_time(lines, keys, told.time, place("collect.rows.time"))
    series = {binding.name for binding in bound if binding.way == "channels"}
    single = [binding for binding in bound if binding.name not in series]
    rows = (
        lines.group_by(keys, maintain_order=True)
        .agg(
            pl.col(_LINE).min(),
            *(pl.col(name) for name in sorted(series)),
            *(pl.col(binding.name).drop_nulls().first() for binding in single),
            *(_disagree(binding.name) for binding in single),
        )
        .sort(_LINE)
    )
    for binding in single:
        wrong = rows.filter(pl.col(_disagreement(binding.name)))
        if wrong.height:
            key = wrong.row(0, named=True)[ID]
            values = lines.filter(pl.col(ID) == key)[binding.name].drop_nulls().unique(maintain_order=True)
            shown = ", ".join(map(str, values.to_list()[:_SHOWN]))
            raise SourceError(
                "several_values", place=place(binding.key), column=binding.name, id=key, values=shown, name=told.id
            )
    chosen = [*(binding.name for binding in bound), *(name for name in keys if name != ID)]
    for piece in rows.with_columns(pl.col(ID).cast(pl.String).alias("__path__")).iter_slices(_ROWS_AT_ONCE):
        yield piece.select(*chosen, "__path__")


def _in_time(lines: pl.DataFrame, keys: list[str], column: str, place: Place) -> pl.DataFrame:
    import polars as pl

    if lines[TIME].null_count():
        which = lines.filter(pl.col(TIME).is_null())[ID][0]
        raise SourceError("line_without_time", place=place, column=column, id=which)
    times, wrong = as_numbers(lines[TIME])
    if wrong or lines[TIME].dtype.is_temporal():
        times, wrong = as_moments(lines[TIME])
    if times.null_count():
        which = lines.filter(times.is_null())
        raise SourceError("bad_line_time", place=place, column=column, id=which[ID][0], value=which[TIME][0])
    lines = lines.with_columns(times.alias(TIME))
    twice = lines.filter(pl.struct([*keys, TIME]).is_duplicated())
    if twice.height:
        raise SourceError("same_time", place=place, column=column, id=twice[ID][0], time=twice[TIME][0])
    return lines.sort(TIME, maintain_order=True)


def _disagreement(name: str) -> str:
    return f"\0differs {name}"


def _disagree(name: str) -> pl.Expr:
    import polars as pl

    known = pl.col(name).drop_nulls()
    return (known != known.first()).any().alias(_disagreement(name))
