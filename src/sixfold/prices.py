"""Typical prices of machines, by a shipped, dated table: what is counted with where product.yaml says no price."""

from __future__ import annotations

import os
import tomllib
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["cores_here", "prices", "typical_hour"]

_ISO = {"CNY": "yuan", "USD": "dollars", "EUR": "euros"}


@cache
def prices() -> dict[str, Any]:
    """The table."""
    return tomllib.loads((resources.files("sixfold") / "prices.toml").read_text(encoding="utf-8"))


def cores_here() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def typical_hour(currency: str, cores: int) -> float | None:
    """What an hour of a machine of so many cores typically costs.

    Args:
        currency: yuan, dollars or euros; or by its ISO 4217 code.
        cores: How many.

    Returns:
        The price; ``None`` in a currency that the table does not know.
    """
    price = prices()["core"].get(_ISO.get(currency, currency))
    return None if price is None else cores * float(price)
