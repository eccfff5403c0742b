"""What must not leave in the words of a row: e-mail addresses, and numbers long enough to be somebody's.

Careful rather than clever: a long number that is nobody's is replaced too.
"""

from __future__ import annotations

import re

__all__ = ["redacted"]

_EMAIL = re.compile(r"[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_NUMBER = re.compile(r"(?<![\w.])\+?\d(?:[ -]?\(?\d\)?){6,18}[Xx]?(?![\w])")
"""Telephone, identity and card numbers have seven digits or more."""


def redacted(text: str) -> str:
    """A text with a mark where such a thing stood."""
    return _NUMBER.sub("[NUMBER]", _EMAIL.sub("[EMAIL]", text))
