"""The family of places that rows come from."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from sixfold.families import Kind, Options
from sixfold.progress import Listener, silent

if TYPE_CHECKING:
    import polars as pl

    from sixfold.sources._attached import Attachments

__all__ = ["Provenance", "Source"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where rows came from, as the model card and the ledger tell it. ``detected`` is what was not said but found."""

    place: str
    kind: str
    digest: str
    bytes: int
    licence: str | None = None
    origin: str | None = None
    detected: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The place without what is only the maker's business: folders of their machine, a URL's credentials."""
        last = re.split(r"[?#]", self.place)[0].rstrip("/\\")
        return re.split(r"[/\\]", last)[-1] or self.place


class Source(Kind, ABC):
    """One place that rows come from: a folder, an archive, a table, a URL …

    A frame that :meth:`frames` yields has one column per column of the source, or, where the source has none (class
    folders), one per *role*: :attr:`roles` names them in the order in which the product's given columns and then its
    target bind to them. Pictures are the bytes of their files. Two columns are reserved: ``__split__`` ("train",
    "validation", "test"; only where the source has an official split) and ``__path__`` (a name for people, such as the
    file in the archive).

    Args:
        place: What ``data`` says: a path, a URL, a name.
        options: What the section `collect` says for this kind.
        base: From where a relative path is meant.
        listener: Whom progress and findings (the delimiter that was detected …) are told.
    """

    folder: ClassVar[str] = "sixfold.sources"
    rank: ClassVar[int] = 50
    """Of several sources that claim a place, the one of the lowest rank reads it."""

    def __init__(
        self, place: str, options: Options | None = None, base: Path | None = None, listener: Listener = silent
    ) -> None:
        self.place = place
        self.options = options if options is not None else self.Options()
        self.base = base if base is not None else Path.cwd()
        self.listener = listener
        self.tells_files = False
        """Whether rows of tables are to say in ``__file__`` which file they are of."""
        self.sha256: str | None = None
        """What the file must hash to; set by :func:`source_of` where `collect` says it."""

    @classmethod
    @abstractmethod
    def claims(cls, place: str, base: Path) -> bool:
        """Whether this kind reads ``place``; cheap, by its look or a few of its first bytes."""

    @property
    def roles(self) -> tuple[str, ...] | None:
        """The names of the roles, given first and target last; ``None`` where the source has columns of its own.

        Some formats tell only once rows are read: ask it with the first frame in hand.
        """
        return None

    @property
    def is_volatile(self) -> bool:
        """Whether only reading the rows tells if they changed: then they are read anew in every run."""
        return False

    @abstractmethod
    def fingerprint(self) -> str:
        """Changes when the source does; cheap: sizes and times, an ETag, a version.

        Raises:
            SourceError: The place does not exist or cannot be reached.
        """

    @abstractmethod
    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows, in an order that does not change, a piece at a time (thousands of rows, or 64 MiB of pictures).

        Raises:
            SourceError: The place cannot be read; the error names the file, row or member, and the mend.
        """

    @abstractmethod
    def provenance(self) -> Provenance:
        """Where the rows came from; asked after :meth:`frames` was read to its end."""

    def attachments(self, split: str | None = None) -> Attachments | None:  # noqa: ARG002
        """The files that rows (of a split) may name by path; ``None`` where there are none beside them."""
        return None

    def space(self) -> int:
        """How many bytes on disk its rows will take, roughly; 0 where it cannot be known."""
        return 0

    def count(self) -> int:
        """How many rows there are, where that is known without reading them all; 0 where it is not."""
        return 0
