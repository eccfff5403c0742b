"""A folder: class folders of pictures or texts, JSON documents, or the files of one table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from sixfold.errors import SourceError
from sixfold.hashing import digest_of_file, digest_of_value
from sixfold.language import Text
from sixfold.sources._container import Container
from sixfold.sources._files import divided, unreadable
from sixfold.sources._source import Provenance

__all__ = ["Folder"]

_MOST_FILES = 5_000_000


class Folder(Container):
    """``<class>/<picture or text>``, below ``train/``, ``validation/``, ``test/`` where the split is official.

    Or a table, or JSON documents of one row (or a list of rows) each. ``folder#inside`` is a
    folder, a file or a pattern (``#GunPoint_*``) inside.

    Links to folders are not followed, so that a circle cannot be entered.
    """

    title: ClassVar[Text] = Text("a folder", "文件夹")
    rank: ClassVar[int] = 40

    @classmethod
    def claims(cls, place: str, base: Path) -> bool:
        return divided(place, base)[0].is_dir()

    @property
    def path(self) -> Path:
        """Where the folder lies."""
        return divided(self.place, self.base)[0]

    def fingerprint(self) -> str:
        stamps = []
        for name in sorted(self.members()):
            status = (self.path / name).stat()
            stamps.append([name, status.st_size, status.st_mtime_ns])
        return digest_of_value(stamps)

    def members(self) -> dict[str, int]:
        found: dict[str, int] = {}

        def refuse(error: OSError) -> None:
            raise unreadable(error, Path(error.filename or self.path)) from error

        root = self.path
        for folder, folders, names in os.walk(root, onerror=refuse):
            folders.sort()
            for name in names:
                path = Path(folder, name)
                try:
                    found[path.relative_to(root).as_posix()] = path.stat().st_size
                except FileNotFoundError:  # a link to nowhere is no file
                    continue
                except OSError as error:
                    raise unreadable(error, path) from error
            if len(found) > _MOST_FILES:
                raise SourceError("too_many_members", path=self.place, limit=_MOST_FILES)
        return found

    def contents(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            path = self.path / name
            try:
                yield name, path.read_bytes()
            except OSError as error:
                raise unreadable(error, path) from error

    def as_files(self, names: Sequence[str]) -> AbstractContextManager[list[Path]]:
        return nullcontext([self.path / name for name in names])

    def whole(self) -> tuple[str, int]:
        if self.sha256 is not None:
            raise SourceError("sha256_of_folder", path=self.place)
        if self.layout.content != "table":  # the digest is made while they are read
            return "", self.space()
        digests = {member.name: digest_of_file(self.path / member.name) for member in self.layout.members}
        return digest_of_value(digests), self.space()

    def provenance(self) -> Provenance:
        told = super().provenance()
        if not self.attached_bytes:
            return told
        digest = digest_of_value([told.digest, self.attached.hexdigest()])
        return replace(told, digest=digest, bytes=told.bytes + self.attached_bytes)
