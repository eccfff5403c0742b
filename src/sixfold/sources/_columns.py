"""Columns by name, and how the absence of one is told."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from sixfold.errors import Place, SourceError

__all__ = ["RESERVED", "ROW", "no_column"]

RESERVED = ("__split__", "__synthetic__", "__path__", "__file__", "__start__", "__end__", "__clock__", "__scale__")
"""Columns of a piece of rows that are not the source's own."""

ROW = "\0row"
"""What the number of a row, from 1, is called among its columns: as no source can call one."""

_SHOWN = 30


def no_column(name: str, columns: Sequence[str], place: Place) -> SourceError:
    """The error for a column that the rows do not have, with the nearest name beside it."""
    known = [column for column in columns if column not in RESERVED and not column.startswith("\0")]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    shown = ", ".join(known[:_SHOWN]) + (" …" if len(known) > _SHOWN else "")
    guess = close[0] if close else known[0] if known else "-"
    return SourceError("no_column", place=place, column=name, guess=guess, columns=shown)
