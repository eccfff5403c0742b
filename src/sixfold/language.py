"""What a user reads, in the user's language.

Sentences of the house live in ``locale/<code>.toml``; a kind (field, network, source …) carries its own as
:class:`Text`. The reader's language is ``SIXFOLD_LANG``, else the locale of the environment, else English.
"""

from __future__ import annotations

import os
import tomllib
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["Text", "language", "languages", "sentence", "use_language"]

DEFAULT = "en"

_chosen: ContextVar[str | None] = ContextVar("sixfold_language", default=None)


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in English and Chinese, as a kind carries it beside its code."""

    en: str
    zh: str

    def __call__(self, code: str | None = None, /, **values: object) -> str:
        """The sentence in ``code`` (default: the reader's language) with ``values`` in its braces."""
        text = self.zh if (code or language()) == "zh" else self.en
        return text.format(**values) if values else text

    def __str__(self) -> str:
        return self()


@cache
def languages() -> tuple[str, ...]:
    """The codes of every language that has a file in ``locale/``."""
    folder = resources.files("sixfold") / "locale"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def use_language(code: str | None) -> None:
    """Choose the reader's language for this thread of work; ``None`` returns to the environment's."""
    _chosen.set(code)


def language() -> str:
    """The reader's language: chosen, else ``SIXFOLD_LANG``, else the environment's locale, else English."""
    chosen = _chosen.get()
    if chosen is not None:
        return chosen
    for variable in ("SIXFOLD_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        wanted = os.environ.get(variable, "").replace("-", "_").split("_")[0].split(".")[0].lower()
        if wanted in languages():
            return wanted
    return DEFAULT


def sentence(key: str, code: str | None = None, /, **values: object) -> str:
    """The sentence at dotted ``key`` of the locale file, with ``values`` in its braces.

    Raises:
        KeyError: No language has that key; a test holds that this cannot happen for keys used in the code.
    """
    for candidate in (code or language(), DEFAULT):
        entry = _lookup(_sentences(candidate), key) if candidate in languages() else None
        if isinstance(entry, str):
            return entry.format(**values) if values else entry.format_map(_Unfilled())
    raise KeyError(key)


class _Unfilled(dict[str, str]):
    """Asked for without values, a sentence keeps its braces; doubled ones become single, as they do with values."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


@cache
def _sentences(code: str) -> dict[str, Any]:
    return tomllib.loads((resources.files("sixfold") / "locale" / f"{code}.toml").read_text(encoding="utf-8"))


def _lookup(tree: dict[str, Any], key: str) -> object:
    entry: object = tree
    for part in key.split("."):
        entry = entry.get(part) if isinstance(entry, dict) else None
    return entry
