"""Which source reads a place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sixfold.errors import SourceError
from sixfold.families import Options, find, names
from sixfold.product import declaration_error
from sixfold.progress import Listener, silent
from sixfold.sources._files import located, not_found
from sixfold.sources._source import Source

__all__ = ["source_of"]


def source_of(
    data: Any,
    options: Mapping[str, Any] | None = None,
    base: Path | None = None,
    listener: Listener = silent,
    sha256: str | None = None,
) -> Source:
    """The source that reads ``data``.

    Args:
        data: What a product says: a place, ``{train: place, test: place}``, or rows in memory.
        options: What `collect` says beyond its own settings; the kind that reads the place checks them.
        base: From where a relative path is meant; left out, the current folder.
        listener: Whom progress and findings are told.
        sha256: What the file must hash to.

    Raises:
        SourceError: The place does not exist, or no kind reads it.
        ProductError: The kind does not know an option, or its value is wrong.
    """
    base, options = base if base is not None else Path.cwd(), options or {}
    if isinstance(data, Mapping):
        kind = find(_family(), "split")
        if sha256 is not None:
            raise SourceError("sha256_of_folder", path=", ".join(map(str, data.values())))
        parts = {split: source_of(str(place), options, base, listener) for split, place in data.items()}
        shown = ", ".join(f"{split}: {place}" for split, place in data.items())
        return kind(shown, None, base, listener, parts=parts)  # type: ignore[call-arg]
    if not isinstance(data, (str, Path)):
        kind = find(_family(), "memory")
        return kind("rows in memory", _checked(kind, options), base, listener, rows=data)  # type: ignore[call-arg]
    place = str(data)
    claiming = sorted(
        (kind for kind in (find(_family(), name) for name in names(_family())) if kind.claims(place, base)),
        key=lambda kind: (kind.rank, kind.kind()),
    )
    if not claiming:
        if located(place, base).exists():
            raise SourceError("no_source", path=located(place, base))
        raise not_found(place, base)
    source = claiming[0](place, _checked(claiming[0], options), base, listener)
    source.sha256 = sha256
    return source


def _checked(kind: type[Source], options: Mapping[str, Any]) -> Options:
    try:
        return kind.Options(**options)
    except ValidationError as error:
        raise declaration_error(error, kind.Options, prefix="collect") from error


def _family() -> type[Source]:
    return Source
