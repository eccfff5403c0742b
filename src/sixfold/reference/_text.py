"""Markdown, and words in the reader's language."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

from sixfold.language import sentence

__all__ = ["code", "escaped", "joined", "lead", "own", "plain", "say", "table"]


def say(key: str, **values: object) -> str:
    """A sentence of the reference itself, from ``[reference]``."""
    return sentence(f"reference.{key}", None, **values)


def own(key: str, english: str) -> str:
    """What the reader's language says at ``[reference.code]`` in place of ``english``, which stands in the code."""
    try:
        return sentence(f"reference.code.{key}")
    except KeyError:
        return english


def lead(thing: object) -> str:
    """What a docstring says before its ``Args:``, as Markdown paragraphs of one line each."""
    text = re.split(r"\n\s*(?:Args|Returns|Raises|Attributes):\n", inspect.getdoc(thing) or "")[0]
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in plain(text).strip().split("\n\n"))


def plain(text: str) -> str:
    """A docstring's markup as Markdown."""
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`").replace("\\*", "*")


def code(text: object) -> str:
    """Text as code."""
    return f"`{text}`"


def escaped(text: str) -> str:
    """Text in which nothing outside of code is taken for HTML."""
    parts = text.split("`")
    parts[::2] = [part.replace("<", "&lt;").replace("__", "\\_\\_") for part in parts[::2]]
    return "`".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; ``head`` names keys of ``[reference]``."""
    lines = []
    for row in ([say(word) for word in head], ["---"] * len(head), *rows):
        cells = (cell.replace("|", "\\|").replace("\n", " ") for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def joined(parts: Iterable[str]) -> str:
    """Parts with a blank line between them."""
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"
