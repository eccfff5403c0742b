"""Which networks a search tries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from sixfold.families import find, names
from sixfold.fields import Form
from sixfold.networks import Network
from sixfold.tasks import Output

__all__ = ["candidates", "family"]

_SUITS_ENOUGH = 0.5
"""Networks that suit at least so well as a share of the best are tried."""


def candidates(
    given: Mapping[str, Form], output: Output, said: Mapping[str, Any]
) -> list[tuple[type[Network], dict[str, Any]]]:
    """The networks that suit the given columns and can make the output, the best first, each with the options it knows.

    Args:
        given: The forms of the given columns, by input name.
        output: What a network must end in.
        said: Options that `train` says beside ``network: auto`` (``preset: …``).
    """
    fit: list[tuple[int, type[Network], dict[str, Any]]] = []
    for name in names(family()):
        kind = find(family(), name)
        options = {key: value for key, value in said.items() if key in kind.Options.model_fields}
        suits = kind.suits(given) if output.form in kind.makes else 0
        if suits == 0 or not set(kind.needs) <= set(options):
            continue
        try:
            kind.Options(**options)
        except ValidationError:
            continue
        fit.append((suits, kind, options))
    best = max((suits for suits, _, _ in fit), default=0)
    fit = [entry for entry in fit if entry[0] >= _SUITS_ENOUGH * best]
    return [(kind, options) for _, kind, options in sorted(fit, key=lambda entry: (-entry[0], entry[1].kind()))]


def family() -> type[Network]:
    """The family of networks."""
    return Network
