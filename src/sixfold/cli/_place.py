"""A place that is named on the command line."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["place_from_here"]


def place_from_here(data: str) -> str:
    """A path on the command line is meant from where the user stands, not from where product.yaml stands."""
    return data if re.match(r"[A-Za-z][\w+.-]+:", data) else str(Path(data).expanduser().absolute())
