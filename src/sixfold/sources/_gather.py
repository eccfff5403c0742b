"""From the columns of a source to those of a product."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sixfold.product import Product
from sixfold.progress import Listener, silent
from sixfold.sources._columns import RESERVED, no_column
from sixfold.sources._derived import Derived
from sixfold.sources._source import Source

if TYPE_CHECKING:
    import polars as pl

__all__ = ["gathered"]


def gathered(product: Product, source: Source, listener: Listener = silent) -> Iterator[pl.DataFrame]:
    """The rows of ``source`` as ``product`` wants them: its columns under its names, and the reserved ones.

    Raises:
        SourceError: A column is not there or cannot be used as the product says; the error names the key and the line.
    """
    derived = Derived(product.collect.expressions, product.place, listener)
    for piece in source.frames():
        frame = derived.add(piece)
        yield frame.select(_bound(product, source, frame.columns))
    derived.tell()


def _bound(product: Product, source: Source, columns: list[str]) -> list[pl.Expr]:
    """Which columns of the source become which of the product."""
    import polars as pl

    wanted = _places(product)
    names = {name: name for name in wanted}
    if source.roles is not None:
        names = _by_role(product, source.roles)
    for name, key in wanted.items():
        column = names.get(name)
        if column is None or column not in columns:
            raise no_column(name, columns, product.place(key))
    reserved = [name for name in RESERVED if name in columns]
    return [*(pl.col(names[name]).alias(name) for name in wanted), *map(pl.col, reserved)]


def _by_role(product: Product, roles: tuple[str, ...]) -> dict[str, str]:
    """Given columns and then the target take the roles in order; a picture is first wherever it stands.

    Derived columns have a name of their own and take no role.
    """
    derived = product.collect.columns
    given = [name for name in product.given if name not in derived]
    pictures = [name for name in given if product.given[name].kind == "image"]
    if roles[0] == "image" and pictures:
        given.remove(pictures[0])
        given.insert(0, pictures[0])
    names = {**dict(zip(given, roles[:-1], strict=False)), product.target_name: roles[-1]}
    return {**names, **{name: name for name in (*derived, *roles) if name not in names or name in derived}}


def _places(product: Product) -> dict[str, str]:
    """The columns that the product needs, each with the key that says so."""
    wanted = {name: f"given.{name}" for name in product.given}
    wanted[product.target_name] = f"{product.verb}.{product.target_name}"
    for setting in ("group", "time"):
        column = getattr(product.prepare.split, setting)
        if column is not None:
            wanted.setdefault(column, f"prepare.split.{setting}")
    return wanted
