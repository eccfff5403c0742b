"""Files as sources see them: where a place lies, whether it changed, what it hashes to, and how its absence is told."""

from __future__ import annotations

import difflib
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

from sixfold.errors import SourceError
from sixfold.progress import Listener, Step

__all__ = ["Ticker", "checked_digest", "divided", "located", "nearest", "not_found", "stamp", "unreadable"]

_CHUNK = 1 << 20


class Ticker:
    """Tells a listener how far something got, at most five times a second.

    Args:
        listener: Whom it tells.
        total: How much there is; 0 when unknown.
        unit: Of what.
    """

    def __init__(self, listener: Listener, total: int, unit: str) -> None:
        self._listener, self._total, self._unit = listener, total, unit
        self._done, self._last = 0, time.monotonic()

    def add(self, amount: int) -> None:
        """So much more is done."""
        self._done += amount
        now = time.monotonic()
        if now - self._last >= 0.2:  # noqa: PLR2004
            self._last = now
            self._listener(Step("collect", self._done, self._total, self._unit))


def located(place: str, base: Path) -> Path:
    """The path that ``place`` means, seen from ``base``."""
    return base / Path(place).expanduser()


def divided(place: str, base: Path) -> tuple[Path, str | None]:
    """Where a place lies, and what of it is meant: ``photos.zip#train`` is what lies in ``train`` inside."""
    whole = located(place, base)
    if "#" not in place or whole.exists():
        return whole, None
    path, _, inside = place.partition("#")
    return located(path, base), inside.strip("/") or None


def not_found(place: str, base: Path) -> SourceError:
    """The error for a place that does not exist, with the nearest name beside it."""
    path = located(place, base)
    try:
        beside = sorted(entry.name for entry in path.parent.iterdir())
    except OSError:
        beside = []
    return SourceError("not_found", path=path, guess=nearest(path.name, beside))


def nearest(name: str, known: Sequence[str]) -> str:
    """Of some names the one that is most like ``name``, else the first; a dash where there is none."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5) or list(known[:1])
    return close[0] if close else "-"


def unreadable(error: OSError, path: Path) -> SourceError:
    """The error for a file or folder that the system does not let us read."""
    if isinstance(error, FileNotFoundError):
        return not_found(str(path), path.parent)
    if isinstance(error, PermissionError):
        return SourceError("no_permission", path=path)
    return SourceError("unreadable", path=path, reason=error.strerror or error)


def stamp(path: Path) -> list[object]:
    """What changes when the file does: its name, size and time.

    Raises:
        SourceError: It does not exist or may not be seen.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(error, path) from error
    return [path.name, status.st_size, status.st_mtime_ns]


def checked_digest(path: Path, sha256: str | None, listener: Listener) -> str:
    """The SHA-256 of a file, held against what it must be.

    Raises:
        SourceError: It cannot be read, or is not the file that was meant.
    """
    total = hashlib.sha256()
    try:
        ticker = Ticker(listener, path.stat().st_size, "bytes")
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                total.update(chunk)
                ticker.add(len(chunk))
    except OSError as error:
        raise unreadable(error, path) from error
    found = total.hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise SourceError("sha256_differs", path=path.name, expected=sha256.lower(), received=found)
    return found
