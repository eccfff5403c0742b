"""What a gate asks of a figure: ``">= 0.9"``, ``"<= 5 %"``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, cast

__all__ = ["Bound"]

_BOUND = re.compile(r"\s*(>=|<=|>|<|≥|≤)\s*([-+−]?\d+(?:\.\d+)?(?:e[-+]?\d+)?)\s*(%)?\s*", re.IGNORECASE)
_WHOLE_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure is to be: at least, at most, above or below a value."""

    sign: Literal[">=", "<=", ">", "<"]
    value: float

    @classmethod
    def read(cls, text: str) -> Bound:
        """The bound that ``">= 0.9"`` or ``"<= 5 %"`` says.

        Raises:
            ValueError: It says none.
        """
        found = _BOUND.fullmatch(text)
        if found is None:
            raise ValueError(text)
        sign = {"≥": ">=", "≤": "<="}.get(found[1], found[1])
        value = float(found[2].replace("−", "-"))
        return cls(cast("Any", sign), value / _WHOLE_PERCENT if found[3] else value)

    def margin(self, value: float) -> float:
        """By how much ``value`` is within the bound (above 0) or beyond it."""
        return value - self.value if self.sign[0] == ">" else self.value - value

    def holds(self, value: float) -> bool:
        """Whether ``value`` is as the bound says."""
        margin = self.margin(value)
        return margin >= 0 if self.sign.endswith("=") else margin > 0
