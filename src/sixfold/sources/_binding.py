"""Which columns of a source become which of a product, and how several become one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from sixfold.errors import SourceError
from sixfold.product import ColumnSpec, Product
from sixfold.sources._columns import RESERVED, ROW, no_column
from sixfold.sources._reading import as_numbers
from sixfold.sources._splits import natural

if TYPE_CHECKING:
    import polars as pl

__all__ = ["HISTORY", "NEIGHBOURS", "Binding", "Way", "bindings", "cuts_windows"]

NEIGHBOURS = "neighbours"
"""The kind of column that is the paths of those nearby."""

HISTORY = "history"
"""What the target's own past is called among the given columns, where the source has no column of that name."""

Way: TypeAlias = Literal["as it is", "list", "steps", "channels", "file"]

_SERIES = "series"
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Binding:
    """Where the values of one column of the product come from.

    One column stays ``as it is``; the numbers of several are a ``list``; or they are the ``steps`` of a series, one
    after the other; or, in a long table, the ``channels`` of one step, of which the other lines have more.

    Args:
        name: The column of the product.
        key: The dotted key of product.yaml that says so.
        columns: The columns of the source.
        way: What they make.
        pattern: Where they make the name of a ``file``: how, ``{}`` standing for each column.
        channels: How many columns make one step, where ``way`` is steps; they stand beside each other.
    """

    name: str
    key: str
    columns: tuple[str, ...]
    way: Way = "as it is"
    channels: int = 1
    pattern: str = ""

    def value(self, frame: pl.DataFrame) -> tuple[pl.Series, int]:
        """The column of the product for a piece of rows; and how many values are not the numbers that they should be.

        A list of numbers, or for several channels a list of lists; missing numbers at the end of the steps are left
        out, so that rows may be of unequal length. Missing where all numbers are.
        """
        import polars as pl

        if self.way == "as it is":
            return frame[self.columns[0]].alias(self.name), 0
        if self.way == "file":
            parts = [_as_label(frame[column]) for column in self.columns]
            return pl.select(pl.format(self.pattern, *parts).alias(self.name)).to_series(), 0
        read = [as_numbers(frame[column]) for column in self.columns]
        numbers = pl.DataFrame([series.alias(str(number)) for number, (series, _) in enumerate(read)])
        wrong = sum(count for _, count in read)
        known = [pl.col(column).is_not_null() for column in numbers.columns]
        if self.way == "channels" and len(read) == 1:
            return read[0][0].alias(self.name), wrong
        flat = numbers.select(pl.concat_list(numbers.columns).alias(self.name)).to_series()
        if self.way == "channels":
            return flat, wrong
        if self.way == "list":
            whole = pl.when(pl.any_horizontal(known)).then(flat)
            return numbers.select(whole.alias(self.name)).to_series(), wrong
        ends = [pl.when(is_known).then(index // self.channels + 1).otherwise(0) for index, is_known in enumerate(known)]
        lengths = numbers.select(pl.max_horizontal(ends).alias("length")).to_series()
        if self.channels > 1:
            shape = (frame.height, len(read) // self.channels, self.channels)
            steps = flat.explode().reshape(shape).cast(pl.List(pl.List(pl.Float64)))
        else:
            steps = flat
        cut = pl.DataFrame([steps.alias(self.name), lengths])
        whole = pl.when(pl.col("length") > 0).then(pl.col(self.name).list.head(pl.col("length")))
        return cut.select(whole.alias(self.name)).to_series(), wrong


def bindings(product: Product, roles: Sequence[str] | None, columns: Sequence[str]) -> list[Binding]:
    """A binding for every column that the product needs: given, target, group and time of the split, groups of people.

    Args:
        product: The declaration.
        roles: What the source calls its roles; ``None`` where it has columns of its own.
        columns: Of a piece of its rows, derived ones included.

    Raises:
        SourceError: A column is not there; the error names the key, the line and the nearest name.
    """
    specs = product.columns
    names = _by_role(product, roles) if roles is not None else {}
    found = []
    has_windows = cuts_windows(product) and HISTORY not in columns
    for name, key in _places(product).items():
        spec = specs.get(name)
        if has_windows and (name == HISTORY or (spec is not None and spec.kind == NEIGHBOURS)):
            continue
        if spec is not None and spec.from_ is not None:
            found.append(_said(product, name, key, spec, columns))
            continue
        column = names.get(name, name)
        if column not in columns or column in RESERVED:
            raise no_column(name, columns, product.place(key))
        is_series = spec is not None and spec.kind == _SERIES and (product.collect.rows.id is not None or has_windows)
        found.append(Binding(name, key, (column,), "channels" if is_series else "as it is"))
    if has_windows:  # the target's own past: its values stand where the target's do
        target = next(one for one in found if one.name == product.target_name)
        found.append(replace(target, name=HISTORY, key=f"given.{HISTORY}"))
        found += [
            replace(target, name=name, key=f"given.{name}")
            for name, spec in product.given.items()
            if spec.kind == NEIGHBOURS
        ]
    return found


def cuts_windows(product: Product) -> bool:
    """Whether a forecast is to be learned from windows of long series: ``steps`` of a series are predicted, and its own
    past, ``history``, is given without saying where else it stands. Where the source has a column ``history``, rows are
    windows already."""
    past, target = product.given.get(HISTORY), product.target
    is_past = past is not None and past.kind == _SERIES and past.from_ is None
    return is_past and target.kind == _SERIES and target.options.get("steps") is not None


def _said(product: Product, name: str, key: str, spec: ColumnSpec, columns: Sequence[str]) -> Binding:
    """The binding of a column that says ``from``."""
    if isinstance(spec.from_, str) and spec.from_ not in columns and _PLACEHOLDER.search(spec.from_):
        return _file(product, name, key, spec.from_, columns)
    said = (spec.from_,) if isinstance(spec.from_, str) else spec.from_ or ()
    is_long = product.collect.rows.id is not None
    known = [column for column in columns if column not in (*RESERVED, ROW)]
    parts: list[list[str]] = []
    for part in said:
        matching = [part] if part in known else _matching(part, known)
        if not matching:
            raise no_column(part, columns, product.place(f"{key}.from"))
        parts.append(matching)
    flat = tuple(column for part in parts for column in part)
    if spec.kind != _SERIES:
        is_one = isinstance(spec.from_, str) and flat == said
        return Binding(name, key, flat, "as it is" if is_one else "list")
    if is_long:
        return Binding(name, key, flat, "channels")
    if isinstance(spec.from_, str) and flat == said:
        return Binding(name, key, flat)
    if len(parts) > 1 and any(len(part) > 1 for part in parts):
        if len({len(part) for part in parts}) > 1:
            told = ", ".join(f"{part}: {len(found)}" for part, found in zip(said, parts, strict=True))
            raise SourceError("uneven_channels", place=product.place(f"{key}.from"), column=name, parts=told)
        steps = tuple(column for step in zip(*parts, strict=True) for column in step)
        return Binding(name, key, steps, "steps", len(parts))
    return Binding(name, key, flat, "steps")


def _file(product: Product, name: str, key: str, pattern: str, columns: Sequence[str]) -> Binding:
    """The binding of a column whose files follow from other columns: ``{id}_front.jpg``."""
    named = []
    for column in _PLACEHOLDER.findall(pattern):
        if column == "row" and column not in columns:
            named.append(ROW)
        elif column in columns and column not in RESERVED:
            named.append(column)
        else:
            raise no_column(column, columns, product.place(f"{key}.from"))
    return Binding(name, key, tuple(named), "file", pattern=_PLACEHOLDER.sub("{}", pattern))


def _as_label(values: pl.Series) -> pl.Series:
    """Values as people write them in the name of a file: 3.0 as 3."""
    import polars as pl

    if values.dtype.is_float():
        whole = values.cast(pl.Int64, strict=False)
        if (whole.cast(pl.Float64) == values).all():
            values = whole
    return values.cast(pl.String)


def _matching(pattern: str, columns: Sequence[str]) -> list[str]:
    """The columns that a pattern with ``*`` names: by number where the star stands for one, else as they stand."""
    if "*" not in pattern:
        return []
    wanted = re.compile("(.*)".join(map(re.escape, pattern.split("*"))))
    found = {column: match for column in columns if (match := wanted.fullmatch(column))}
    if all(part.isdecimal() for match in found.values() for part in match.groups()):
        return sorted(found, key=natural)
    return list(found)


def _by_role(product: Product, roles: Sequence[str]) -> dict[str, str]:
    """Given columns and then the target take the roles in order; a picture is first wherever it stands, were it the
    target.

    Columns that say ``from`` and derived ones take no role.
    """

    def is_free(name: str, spec: ColumnSpec) -> bool:
        return spec.from_ is None and name not in product.collect.columns

    given = [name for name, spec in product.given.items() if is_free(name, spec)]
    pictures = [name for name in given if product.given[name].kind == "image"]
    is_painted = product.target.kind == "image" and not pictures
    if roles[0] == "image" and is_painted and is_free(product.target_name, product.target):
        return {product.target_name: roles[0], **dict(zip(given, roles[1:], strict=False))}
    if roles[0] == "image" and pictures:
        given.remove(pictures[0])
        given.insert(0, pictures[0])
    names = dict(zip(given, roles[:-1], strict=False))
    if is_free(product.target_name, product.target):
        names[product.target_name] = roles[-1]
    return names


def _places(product: Product) -> dict[str, str]:
    """The columns that the product needs, each with the key that says so."""
    wanted = {name: product.key_of(name) for name in product.columns}
    for setting in ("group", "time"):
        column = getattr(product.prepare.split, setting)
        if column is not None:
            wanted.setdefault(column, f"prepare.split.{setting}")
    for column in product.evaluate.groups:
        wanted.setdefault(column, "evaluate.groups")
    for column in product.prepare.groups or ():
        wanted.setdefault(column, "prepare.groups")
    return wanted
