"""What may be wrong with rows: each check is a small function behind ``@check``; product.yaml sets its level.

The checks themselves stand in ``checks/``, by subject; from which value on one speaks up is a named limit beside it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sixfold.errors import DataError, ProductError
from sixfold.language import Text
from sixfold.preparing._evidence import Evidence, Found
from sixfold.product import Product

__all__ = ["CHECKS", "THRESHOLDS", "Threshold", "check", "findings", "held_levels", "held_thresholds", "threshold"]

Level: TypeAlias = Literal["off", "warn", "fail"]
When: TypeAlias = Literal["split", "encoded"]
Rule: TypeAlias = Callable[[Evidence], Iterable[Found]]

CHECKS: dict[str, tuple[When, Rule]] = {}
"""Every check by name, with when it can be made."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which value on a check speaks up, and what the value is; product.yaml may say another."""

    value: float
    about: Text


THRESHOLDS: dict[str, Threshold] = {}
"""Every limit of a check by name."""


def check(name: str, when: When = "split") -> Callable[[Rule], Rule]:
    """Make a function a check called ``name``, made after the split or once rows are encoded."""

    def enter(rule: Rule) -> Rule:
        CHECKS[name] = (when, rule)
        return rule

    return enter


def threshold(name: str, value: float, about: Text) -> str:
    """Enter a limit that product.yaml may set; returns its name, which :meth:`Evidence.limit` takes."""
    THRESHOLDS[name] = Threshold(value, about)
    return name


def held_levels(product: Product) -> dict[str, Level]:
    """The level of every check: as product.yaml says, else ``warn``.

    Raises:
        ProductError: product.yaml names a check that does not exist.
    """
    told = product.prepare.checks
    _hold_known(product, told, CHECKS, "checks", "unknown_check")
    return {name: told.get(name, "warn") for name in CHECKS}


def held_thresholds(product: Product) -> dict[str, float]:
    """The value of every threshold: as product.yaml says, else its own.

    Raises:
        ProductError: product.yaml names a threshold that does not exist.
    """
    told = product.prepare.thresholds
    _hold_known(product, told, THRESHOLDS, "thresholds", "unknown_threshold")
    return {name: told.get(name, one.value) for name, one in THRESHOLDS.items()}


def _hold_known(product: Product, told: Iterable[str], known: Mapping[str, object], setting: str, slug: str) -> None:
    for name in told:
        if name not in known:
            close = difflib.get_close_matches(name.replace("_", " "), known, n=1, cutoff=0.0)
            place = product.place(f"prepare.{setting}.{name}")
            raise ProductError(slug, place=place, name=name, guess=close[0], known=", ".join(sorted(known)))


def findings(
    evidence: Evidence, levels: Mapping[str, Level], when: When, tell: Callable[[int, int], None] | None = None
) -> list[Found]:
    """What the checks that are on found; ``tell`` how many of how many are done.

    Raises:
        DataError: A check found something that product.yaml set to ``fail``.
    """
    found: list[Found] = []
    due = [name for name, (moment, _) in CHECKS.items() if moment == when and levels[name] != "off"]
    for done, name in enumerate(due, start=1):
        _, rule = CHECKS[name]
        for one in rule(evidence):
            if levels[name] == "fail":
                raise DataError("check_failed", check=name, reason=one.says(), todo=one.mend())
            found.append(one)
        if tell is not None:
            tell(done, len(due))
    return found
