"""Digests: of bytes, of files, and of values through one canonical JSON form."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

__all__ = ["canonical_json", "digest", "digest_of_file", "digest_of_value"]

_CHUNK = 1 << 20


def canonical_json(value: Any) -> bytes:
    """One byte form for equal values: sorted keys, no spaces, UTF-8, no NaN (after RFC 8785, for ASCII-keyed data)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest(data: bytes) -> str:
    """SHA-256 of ``data``, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest_of_value(value: Any) -> str:
    """SHA-256 of the canonical JSON form of ``value``."""
    return digest(canonical_json(value))


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    total = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()
