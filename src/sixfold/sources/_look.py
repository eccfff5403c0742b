"""A first look at data that no product speaks of yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixfold.progress import Listener, silent
from sixfold.sources._attached import names_pictures
from sixfold.sources._container import Container
from sixfold.sources._pick import source_of
from sixfold.sources._source import Source

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Look", "LookColumn", "look"]

_ROWS = 10_000
_VALUES = 200


@dataclass(frozen=True, slots=True)
class LookColumn:
    """One column, or one role.

    Args:
        name: As the source calls it.
        dtype: Its Polars type, by name: Int64, Float64, String, Binary …
        values: Its first values, at most 200, series as lists; none for pictures. For the classes of class folders:
            each class once.
        distinct: How many different values the first 10,000 rows have (of classes: all of them).
        missing: The share of those rows that have none.
    """

    name: str
    dtype: str
    values: tuple[Any, ...]
    distinct: int
    missing: float


@dataclass(frozen=True, slots=True)
class Look:
    """What a place holds, as far as the first rows tell. ``rows`` is ``None`` where counting would mean reading all."""

    place: str
    kind: str
    roles: tuple[str, ...] | None
    columns: tuple[LookColumn, ...]
    rows: int | None
    splits: tuple[str, ...]

    @property
    def is_paired(self) -> bool:
        """Whether each row is a picture with its companion, a mask or boxes."""
        return self.roles is not None and self.roles[-1] in ("mask", "boxes")

    @property
    def has_split(self) -> bool:
        """Whether there is an official split."""
        return bool(self.splits)


def look(place: str, base: Path | None = None, listener: Listener = silent) -> Look:
    """Look at ``place``: its kind, its columns and the first rows.

    Raises:
        SourceError: It does not exist or cannot be read.
    """
    source = source_of(place, {}, base, listener)
    if isinstance(source, Container) and source.layout.in_classes:
        return _of_class_folders(source)
    if isinstance(source, Container) and source.layout.roles is not None:
        return _of_pairs(source)
    frames: list[pl.DataFrame] = []
    complete = True
    for frame in source.frames():
        if sum(seen.height for seen in frames) >= _ROWS:
            complete = False
            break
        frames.append(frame)
    import polars as pl

    seen = pl.concat(frames, how="vertical_relaxed")
    splits = tuple(seen["__split__"].unique(maintain_order=True)) if "__split__" in seen.columns else ()
    head = seen.head(_ROWS)
    return Look(
        place=place,
        kind=source.kind(),
        roles=source.roles,
        columns=tuple(_seen(head[name], source, splits) for name in head.columns if not name.startswith("__")),
        rows=seen.height if complete else source.count() or None,
        splits=splits,
    )


def _of_class_folders(source: Container) -> Look:
    members = source.layout.members
    classes = tuple(dict.fromkeys(member.label for member in members))
    splits = tuple(dict.fromkeys(member.split for member in members if member.split is not None))
    content, label = source.roles or ("image", "class")
    if content == "image":
        first = LookColumn(content, "Binary", (), len(members), 0.0)
    else:
        first = _column(next(source.frames())[content])
    columns = (first, LookColumn(label, "String", classes, len(classes), 0.0))
    return Look(source.place, source.kind(), source.roles, columns, len(members), splits)


def _of_pairs(source: Container) -> Look:
    members, roles = source.layout.members, source.layout.roles or ()
    splits = tuple(dict.fromkeys(member.split for member in members if member.split is not None))
    columns = tuple(LookColumn(role, "Binary", (), len(members), 0.0) for role in roles)
    return Look(source.place, source.kind(), roles, columns, len(members), splits)


def _seen(series: pl.Series, source: Source, splits: tuple[str, ...]) -> LookColumn:
    """A column; of paths of pictures that lie beside the table, what those pictures are."""
    import polars as pl

    if series.dtype == pl.String:
        attachments = source.attachments(splits[0] if splits else None)
        if names_pictures(series.head(_VALUES).to_list(), attachments):
            missing = series.null_count() / max(series.len(), 1)
            return LookColumn(series.name, "Binary", (), series.drop_nulls().n_unique(), missing)
    return _column(series)


def _column(series: pl.Series) -> LookColumn:
    import polars as pl

    is_plain = series.dtype not in (pl.Binary, pl.List, pl.Struct, pl.Array)
    return LookColumn(
        name=series.name,
        dtype=str(series.dtype.base_type()),
        values=tuple(series.head(_VALUES).to_list()) if series.dtype != pl.Binary else (),
        distinct=series.drop_nulls().n_unique() if is_plain or series.dtype == pl.Binary else series.len(),
        missing=series.null_count() / max(series.len(), 1),
    )
