"""Before training: what a product will take and how good it will be, measured on some of its real rows."""

from sixfold.quoting._make import quote_of
from sixfold.quoting._quote import (
    Bought,
    Curve,
    Expected,
    Machine,
    Point,
    Quality,
    Quote,
    Reason,
    Rented,
    StageQuote,
    Verdict,
)

__all__ = [
    "Bought",
    "Curve",
    "Expected",
    "Machine",
    "Point",
    "Quality",
    "Quote",
    "Reason",
    "Rented",
    "StageQuote",
    "Verdict",
    "quote_of",
]
