"""The pages of the reference, made from the code: settings, kinds, commands, environment, errors.

English descriptions stand beside the code that they describe; other languages say theirs under ``[reference.code]`` of
their locale file. A test holds that the pages in ``docs/`` are what this makes.
"""

from __future__ import annotations

from sixfold.language import language, languages, use_language
from sixfold.reference._commands import commands, environment
from sixfold.reference._errors import errors
from sixfold.reference._kinds import kinds
from sixfold.reference._settings import settings
from sixfold.reference._text import joined, say

__all__ = ["SUFFIXES", "documents"]

SUFFIXES = {"en": "", "zh": ".zh-CN"}
"""What stands between a page's name and ``.md``, by language; a language that is not here goes by its code."""


def documents() -> dict[str, str]:
    """The text of every page, by file name: ``reference.md`` and ``errors.md`` in every language."""
    pages: dict[str, str] = {}
    for code in languages():
        use_language(code)
        try:
            suffix = SUFFIXES.get(language(), f".{code}")
            pages[f"reference{suffix}.md"] = _page("reference", [*settings(), *kinds(), *commands(), *environment()])
            pages[f"errors{suffix}.md"] = _page("errors", errors())
        finally:
            use_language(None)
    return pages


def _page(name: str, parts: list[str]) -> str:
    return joined([f"# {say(f'{name}_title')}", say(f"{name}_intro"), *parts])
