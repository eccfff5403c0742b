"""One running text, in a file: a play, a novel, the pages of a manual."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from sixfold.errors import SourceError
from sixfold.families import Options as KindOptions
from sixfold.hashing import digest, digest_of_value
from sixfold.language import Text
from sixfold.sources._detect import encoding_of
from sixfold.sources._files import located, unreadable
from sixfold.sources._source import Provenance, Source

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Prose"]

_PREFIX = "prose:"
_LARGEST = 1 << 30
_ROWS_AT_ONCE = 2_000
_FEWEST = 10


class Prose(Source):
    """``prose:play.txt``: a text that runs on is cut into pieces of whole lines, one row each, in their order.

    The last tenth of them is the test, as is usual for language models: a text drawn from at random would be tested on
    what stands between the lines it has learned.
    """

    title: ClassVar[Text] = Text("a running text", "一篇连续的文本")
    rank: ClassVar[int] = 5

    class Options(KindOptions):
        """``piece``: characters of a piece, at least; it ends with the line.

        ``held_out``: the share of pieces, at the end, that are for the test; 0: none, and `prepare` splits.

        ``encoding``: of the file; left out, as detected.
        """

        piece: int = Setting(2000, ge=100, le=1_000_000)
        held_out: float = Setting(0.1, ge=0, lt=1)
        encoding: str | None = None

    @classmethod
    def claims(cls, place: str, base: Path) -> bool:  # noqa: ARG003
        return place.startswith(_PREFIX)

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return located(self.place.removeprefix(_PREFIX).strip(), self.base)

    @property
    def roles(self) -> tuple[str, ...]:
        return ("text",)

    def fingerprint(self) -> str:
        try:
            status = self.path.stat()
        except OSError as error:
            raise unreadable(error, self.path) from error
        return digest_of_value([status.st_size, status.st_mtime_ns])

    def frames(self) -> Iterator[pl.DataFrame]:
        import polars as pl

        pieces = self._pieces
        held_out = round(self._said.held_out * len(pieces))
        for start in range(0, len(pieces), _ROWS_AT_ONCE):
            rows = range(start, min(start + _ROWS_AT_ONCE, len(pieces)))
            frame = pl.DataFrame(
                {
                    "text": [pieces[row] for row in rows],
                    "__path__": [f"{self.path.name}, {row + 1}" for row in rows],
                }
            )
            if held_out:
                splits = ["test" if row >= len(pieces) - held_out else "train" for row in rows]
                frame = frame.with_columns(pl.Series("__split__", splits))
            yield frame

    def provenance(self) -> Provenance:
        data = self._data
        return Provenance(self.place.removeprefix(_PREFIX), self.kind(), digest(data), len(data))

    def space(self) -> int:
        return self.path.stat().st_size

    @cached_property
    def _data(self) -> bytes:
        try:
            if self.path.stat().st_size > _LARGEST:
                size = f"{self.path.stat().st_size >> 20} MiB"
                raise SourceError("too_large_at_once", path=self.path.name, size=size, limit="1 GiB")
            data = self.path.read_bytes()
        except OSError as error:
            raise unreadable(error, self.path) from error
        if self.sha256 is not None and digest(data) != self.sha256.lower():
            raise SourceError(
                "sha256_differs", path=self.path.name, expected=self.sha256.lower(), received=digest(data)
            )
        return data

    @cached_property
    def _pieces(self) -> list[str]:
        encoding = encoding_of(self.path, self.path.name, self._said.encoding)
        try:
            text = self._data.decode(encoding)
        except UnicodeDecodeError as error:
            raise SourceError("wrong_encoding", path=self.path.name, encoding=encoding, line="–") from error
        pieces, piece = [""], self._said.piece
        for line in text.splitlines(keepends=True):
            if len(pieces[-1]) >= piece:
                pieces.append("")
            # A text without lines is cut where it must be.
            pieces[-1] += line
            while len(pieces[-1]) >= 2 * piece:
                pieces[-1:] = [pieces[-1][:piece], pieces[-1][piece:]]
        pieces = [piece for piece in pieces if piece.strip()]
        if len(pieces) < _FEWEST:
            raise SourceError("too_short", path=self.path.name, pieces=len(pieces), fewest=_FEWEST)
        return pieces

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Prose.Options)
        return self.options
