"""The pages of the reference, made from the code: settings, kinds, commands, environment, errors.

English descriptions stand beside the code that they describe; other languages say theirs under ``[reference.code]`` of
their locale file. A test holds that the pages in ``docs/`` are what this makes.
"""

from __future__ import annotations

import json
from typing import Any

from sixfold.evaluation import schema
from sixfold.language import language, languages, use_language
from sixfold.reference._commands import commands, environment
from sixfold.reference._errors import errors
from sixfold.reference._kinds import kinds
from sixfold.reference._settings import settings
from sixfold.reference._text import joined, say

__all__ = ["SUFFIXES", "documents"]

SUFFIXES = {"en": "", "zh": ".zh-CN"}
"""What stands between a page's name and ``.md``, by language; a language that is not here goes by its code."""

_LONG = 80
"""Letters of a part of the schema from which it is said once, and named where it is meant."""


def documents() -> dict[str, str]:
    """The text of every page, by file name: ``reference.md`` and ``errors.md`` in every language, and the JSON Schema
    of report.json."""
    pages: dict[str, str] = {}
    for code in languages():
        use_language(code)
        try:
            suffix = SUFFIXES.get(language(), f".{code}")
            pages[f"reference{suffix}.md"] = _page("reference", [*settings(), *kinds(), *commands(), *environment()])
            pages[f"errors{suffix}.md"] = _page("errors", errors())
        finally:
            use_language(None)
    pages["report.schema.json"] = json.dumps(_shared(schema()), ensure_ascii=False, sort_keys=True, indent=1) + "\n"
    return pages


def _page(name: str, parts: list[str]) -> str:
    return joined([f"# {say(f'{name}_title')}", say(f"{name}_intro"), *parts])


def _shared(whole: dict[str, Any]) -> dict[str, Any]:
    """The schema with what all patterns have in common said once."""
    kinds = [dict(kind["properties"]) for kind in whole["anyOf"]]
    common = {name: part for name, part in kinds[0].items() if all(kind.get(name) == part for kind in kinds)}
    common = {name: part for name, part in common.items() if len(str(part)) > _LONG}
    references = {name: {"$ref": f"#/$defs/{name}"} for name in common}
    anyof = [{**kind, "properties": {**kind["properties"], **references}} for kind in whole["anyOf"]]
    return {**whole, "$defs": common, "anyOf": anyof}
