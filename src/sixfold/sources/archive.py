"""An archive: what a folder would be, in one file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import ClassVar

from sixfold.files import room_for, scratch
from sixfold.hashing import digest_of_value
from sixfold.language import Text
from sixfold.sources._archives import Archived, archive_kind, opened
from sixfold.sources._container import Container
from sixfold.sources._files import checked_digest, divided, stamp

__all__ = ["Archive"]

_MOST_OF_TAR_AT_ONCE = 1 << 29


class Archive(Container):
    """zip, tar, tar.gz, tar.bz2 or tar.xz of what a folder may hold; or one table compressed alone.

    Read member by member; documents never touch the disk, a table goes to a private folder in memory.
    ``archive.zip#inside`` is a folder, a file or a pattern (``#GunPoint_*``) inside.
    """

    title: ClassVar[Text] = Text("an archive", "压缩包")
    rank: ClassVar[int] = 30

    @classmethod
    def claims(cls, place: str, base: Path) -> bool:
        path = divided(place, base)[0]
        return path.is_file() and archive_kind(path) is not None

    @property
    def path(self) -> Path:
        """Where the archive lies."""
        return divided(self.place, self.base)[0]

    @property
    def at_once(self) -> int:  # type: ignore[override]
        """A tar is gone through from its beginning each time, so more is taken out of it at once."""
        return super().at_once if archive_kind(self.path) == "zip" else _MOST_OF_TAR_AT_ONCE

    def fingerprint(self) -> str:
        return digest_of_value(stamp(self.path))

    def members(self) -> dict[str, int]:
        return self._archive.sizes

    def contents(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        return self._archive.read(names)

    def as_files(self, names: Sequence[str]) -> AbstractContextManager[list[Path]]:
        return self._extracted(names)

    def whole(self) -> tuple[str, int]:
        return checked_digest(self.path, self.sha256, self.listener), self.path.stat().st_size

    @cached_property
    def _archive(self) -> Archived:
        return opened(self.path)

    @contextmanager
    def _extracted(self, names: Sequence[str]) -> Iterator[list[Path]]:
        with scratch() as folder:
            room_for(sum(self.sizes[name] for name in names), folder)
            paths = []
            for number, name in enumerate(names):
                path = folder / f"{number}{PurePosixPath(name).suffix.lower()}"
                self._archive.extract(name, path)
                paths.append(path)
            yield paths
