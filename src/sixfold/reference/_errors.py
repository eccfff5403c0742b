"""Every error: its code, what it says, what to do, and the exit code of its family."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any

from sixfold import errors as tree
from sixfold.errors import SixfoldError
from sixfold.language import sentence
from sixfold.reference._text import escaped, say

__all__ = ["error_codes", "errors"]


@cache
def error_codes() -> tuple[str, ...]:
    """Every code (``family.slug``) that has sentences, family by family."""
    text = (resources.files("sixfold") / "locale" / "en.toml").read_text(encoding="utf-8")
    told: dict[str, Any] = tomllib.loads(text)["errors"]
    return tuple(f"{family}.{slug}" for family in _families() for slug in sorted(told.get(family, {})))


def errors() -> list[str]:
    """The page's parts: one chapter for each family."""
    parts = []
    for name, family in _families().items():
        codes = [code for code in error_codes() if code.startswith(f"{name}.")]
        if codes:
            says = say(f"error_families.{name}")
            parts += [f"## {name}", say("errors_family", says=says, code=family.exit_code)]
        for code in codes:
            says, mend = _shown(f"errors.{code}.says"), _shown(f"errors.{code}.mend")
            parts += [f"### `{code}`", f"{says}\\\n→ {mend}"]
    return parts


@cache
def _families() -> dict[str, type[SixfoldError]]:
    """The families in the order of the tree at the top of ``errors.py``."""
    found = [kind for kind in vars(tree).values() if isinstance(kind, type) and issubclass(kind, SixfoldError)]
    return {kind.family: kind for kind in found if kind is not SixfoldError}


def _shown(key: str) -> str:
    """A sentence with the names of its values in braces; a gate brings sentences of its own."""
    text = re.sub(r"\{(says|mend)_\w+\}", lambda own: say(f"gate_{own[1]}"), sentence(key))
    return escaped(" ".join(text.split()))
