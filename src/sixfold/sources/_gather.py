"""From the rows of a source to those of a product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sixfold.errors import ProductError, SourceError
from sixfold.product import Product
from sixfold.progress import Listener, Note, silent
from sixfold.sources._attached import Attached
from sixfold.sources._binding import HISTORY, Binding, bindings, cuts_windows
from sixfold.sources._columns import RESERVED, ROW, no_column
from sixfold.sources._derived import Derived
from sixfold.sources._long import ID, SCENE, TIME, joined
from sixfold.sources._source import Source
from sixfold.sources._windows import cut

if TYPE_CHECKING:
    import polars as pl

__all__ = ["gathered"]

_FILE = "__file__"
"""Of several files of one table, the column that tells which one a line is of."""


def gathered(
    product: Product, source: Source, listener: Listener = silent, windows: dict[str, Any] | None = None
) -> Iterator[pl.DataFrame]:
    """The rows of ``source`` as ``product`` wants them: its columns under its names, and the reserved ones.

    Args:
        product: The declaration.
        source: Where its rows come from.
        listener: Whom findings are told.
        windows: Told what was found of the windows that rows are, where a forecast is learned; else left empty.

    Raises:
        SourceError: A column is not there or cannot be used as the product says; the error names the key and the line.
    """
    derived = Derived(product.collect.expressions, product.place, listener)
    attached = Attached(product, source.attachments, listener)
    unread = _Unread()
    is_long = product.collect.rows.id is not None
    for part in (source, *getattr(source, "parts", {}).values()):
        part.tells_files = product.collect.rows.scene == "file"
    lines: list[pl.DataFrame] = []
    bound: list[Binding] = []
    first, has_windows = 0, False
    for piece in source.frames():
        frame = derived.add(piece.with_row_index(ROW, first + 1))
        first += piece.height
        bound = bindings(product, source.roles, frame.columns)
        chosen = _chosen(bound, frame, unread)
        has_windows = cuts_windows(product) and HISTORY not in frame.columns
        if product.collect.rows.scene is not None and not has_windows:
            raise ProductError("scene_without_paths", place=product.place("collect.rows.scene"))
        if is_long or has_windows:
            lines.append(_keyed(product, frame, chosen))
        else:
            yield from attached.filled(chosen, bound)
    if lines and has_windows:
        import polars as pl

        found: dict[str, Any] = {} if windows is None else windows
        for rows in cut(pl.concat(lines, how="vertical_relaxed"), bound, product, found):
            yield from attached.filled(rows, bound)
        told = {name: found[name] for name in ("series", "history", "steps", "season")}
        listener(Note("collect", "collect.windows", told))
    elif lines:
        for rows in joined(lines, bound, product.collect.rows, product.place):
            yield from attached.filled(rows, bound)
    derived.tell()
    unread.tell(product, bound, listener)
    attached.tell()


class _Unread:
    """How many values of columns that are assembled were no numbers."""

    def __init__(self) -> None:
        self.wrong: Counter[str] = Counter()
        self.rows = 0

    def tell(self, product: Product, bound: list[Binding], listener: Listener) -> None:
        """Tell of few; many mean that these are not the columns that were meant."""
        for binding in bound:
            count, cells = self.wrong[binding.name], self.rows * len(binding.columns)
            columns = ", ".join(binding.columns[:3]) + (" …" if len(binding.columns) > 3 else "")  # noqa: PLR2004
            if count * 2 > cells and binding.way != "file":
                place = product.place(f"{binding.key}.from")
                raise SourceError("not_numbers", place=place, column=binding.name, columns=columns, count=count)
            if count:
                values = {"column": columns, "derived": binding.name, "count": count}
                listener(Note("collect", "collect.not_read", values))


def _chosen(bound: list[Binding], frame: pl.DataFrame, unread: _Unread) -> pl.DataFrame:
    import polars as pl

    columns = []
    for binding in bound:
        values, wrong = binding.value(frame)
        columns.append(values)
        unread.wrong[binding.name] += wrong
    unread.rows += frame.height
    kept = [name for name in RESERVED if name in frame.columns and name != _FILE]
    return pl.DataFrame([*columns, *(frame[name] for name in kept)])


def _keyed(product: Product, frame: pl.DataFrame, chosen: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    told = product.collect.rows
    keys = []
    for setting, column, name in (("id", told.id, ID), ("time", told.time, TIME)):
        if column is not None:
            if column not in frame.columns:
                raise no_column(column, frame.columns, product.place(f"collect.rows.{setting}"))
            keys.append(frame[column].alias(name))
    if told.scene is not None:
        scene = told.scene
        if scene not in frame.columns and scene == "file":  # one file alone is one scene
            scenes = frame[_FILE] if _FILE in frame.columns else pl.Series(["-"] * frame.height, dtype=pl.String)
        elif scene not in frame.columns:
            raise no_column(scene, frame.columns, product.place("collect.rows.scene"))
        else:
            scenes = frame[scene]
        keys.append(scenes.alias(SCENE))
    return chosen.with_columns(keys).drop("__path__", strict=False)
