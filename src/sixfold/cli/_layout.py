"""Text in columns, with Chinese characters counted as the two cells that they take."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime

import click

from sixfold.language import sentence

__all__ = ["bytes_text", "duration", "listing", "local_time", "share", "table", "width", "wrapped"]

_WIDEST = 100
_NARROWEST = 40
_MINUTE, _HOUR = 60, 3600
_NEVER_FIRST = set("\uff0c\u3002\uff1b\uff1a\u3001\uff1f\uff01\u300d\uff09\u300b\u2026%,.;:?!)]")
"""Signs that may not begin a line: those that close or part, in Chinese and in English."""


def width(text: str) -> int:
    """How many cells of a terminal ``text`` takes; colours take none."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in click.unstyle(text)
    )


def wrapped(text: str, *, indent: int = 0, room: int | None = None) -> str:
    """``text`` in lines that fit the terminal, each after the first with ``indent`` blanks before it.

    Latin words stay whole; between Chinese characters a line may break.

    Args:
        text: One paragraph.
        indent: Cells before the second and later lines; the first is meant to stand there already.
        room: Cells in all; left out, the terminal's, at most 100.
    """
    most = max(_NARROWEST, room if room is not None else min(_WIDEST, shutil.get_terminal_size().columns)) - indent
    lines: list[str] = [""]
    for piece in _pieces(text):
        if width((lines[-1] + piece).rstrip()) > most and lines[-1].strip() and piece[0] not in _NEVER_FIRST:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return ("\n" + " " * indent).join(lines).rstrip()


def table(rows: Sequence[Sequence[str]], *, gap: int = 2, indent: int = 0, wraps: bool = True) -> str:
    """Rows in columns; the last column is wrapped to the terminal, if it ``wraps``."""
    if not rows:
        return ""
    widths = [max(width(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    before = indent + sum(widths) + gap * len(widths)
    lines = []
    for row in rows:
        cells = [cell + " " * (wide - width(cell) + gap) for cell, wide in zip(row, widths, strict=False)]
        lines.append((" " * indent + "".join(cells) + (wrapped(row[-1], indent=before) if wraps else row[-1])).rstrip())
    return "\n".join(lines)


def listing(rows: Sequence[Sequence[str]], *, indent: int = 0) -> str:
    """A table of facts: wrapped for a person at a terminal, a line per row for ``grep`` and its like."""
    return table(rows, indent=indent, wraps=sys.stdout.isatty())


def local_time(moment: str) -> str:
    """An ISO 8601 time as the clock on the wall shows it: 2026-03-01 14:05:09."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """Seconds as people say them: 0.4 s, 12 s, 3 min 05 s, 2 h 10 min; in the reader's language."""
    whole = round(seconds)
    if seconds < 10:  # noqa: PLR2004 — below ten a tenth still tells something
        return sentence("cli.time.seconds", None, seconds=f"{seconds:.1f}")
    if whole < _MINUTE:
        return sentence("cli.time.seconds", None, seconds=whole)
    if whole < _HOUR:
        return sentence("cli.time.minutes", None, minutes=whole // _MINUTE, seconds=f"{whole % _MINUTE:02d}")
    return sentence("cli.time.hours", None, hours=whole // _HOUR, minutes=f"{whole % _HOUR // _MINUTE:02d}")


def bytes_text(size: int) -> str:
    """A number of bytes as people read it."""
    amount, unit = float(size), "B"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":  # noqa: PLR2004 — bytes of a KiB
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def share(value: float) -> str:
    """A share as per cent with one digit after the point: 0.986 → 98.6 %."""
    return f"{value * 100:.1f} %"


def _pieces(text: str) -> list[str]:
    """Where a line may break: after blanks, and before and after every wide character."""
    pieces: list[str] = []
    for letter in text.replace("\n", " "):
        before = pieces[-1][-1] if pieces else ""
        is_latin = unicodedata.east_asian_width(letter) not in "WF" and width(before) == 1 and before != " "
        if is_latin or (letter == " " and before not in ("", " ")):
            pieces[-1] += letter
        else:
            pieces.append(letter)
    return pieces
