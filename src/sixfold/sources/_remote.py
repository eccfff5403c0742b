"""What lies elsewhere: fetched into a private folder, then read by the kind that claims it there."""

from __future__ import annotations

import ipaddress
import re
import shutil
import socket
import tempfile
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pydantic import Field as Setting

from sixfold.errors import SourceError
from sixfold.sources._files import checked_digest
from sixfold.sources._source import Provenance, Source
from sixfold.sources._tables import TableOptions

if TYPE_CHECKING:
    import polars as pl

    from sixfold.sources._attached import Attachments

__all__ = [
    "LARGEST",
    "Remote",
    "RemoteOptions",
    "checked_address",
    "folder_of",
    "inner_path",
    "is_meant",
    "safe_name",
]

LARGEST = 20 << 30
"""More than 20 GiB is not fetched: it lies in memory until it is read."""


class RemoteOptions(TableOptions):
    """How to reach it, and how a table there is written."""

    allow_private: bool = Setting(False, description="Whether the address may be one of your own network.")


class Remote(Source, ABC):
    """Files elsewhere. Once fetched they are a file, or a folder of several, and read as such."""

    Options = RemoteOptions

    @abstractmethod
    def fetched(self, folder: Path) -> Path:
        """Fetch into the private ``folder``; returns the file there, or the folder of the files.

        Raises:
            SourceError: It cannot be fetched.
        """

    @property
    def shown(self) -> str:
        """The place as it may be shown and recorded."""
        return self.place.partition("#")[0]

    @property
    def roles(self) -> tuple[str, ...] | None:
        return self.inner.roles

    def frames(self) -> Iterator[pl.DataFrame]:
        yield from self.inner.frames()

    def provenance(self) -> Provenance:
        inner = self.inner.provenance()
        detected = {"kind": inner.kind, **inner.detected}
        digest = self._digest if self._digest is not None else inner.digest
        return Provenance(self.shown, self.kind(), digest, inner.bytes, detected=detected)

    def attachments(self, split: str | None = None) -> Attachments | None:
        return self.inner.attachments(split)

    def space(self) -> int:
        return self.inner.space()

    def count(self) -> int:
        return self.inner.count()

    @cached_property
    def inner(self) -> Source:
        """What reads the files that were fetched."""
        from sixfold.sources._pick import source_of

        assert isinstance(self.options, TableOptions)
        said = self.options.model_dump(exclude_unset=True, include=set(TableOptions.model_fields))
        inside = self.place.partition("#")[2]
        place = f"{self._path}#{unquote(inside)}" if inside else str(self._path)
        return source_of(place, said, self._path.parent, self.listener)

    @cached_property
    def _path(self) -> Path:
        memory = Path("/dev/shm")  # noqa: S108 — a private (0700) folder is made inside
        folder = Path(tempfile.mkdtemp(prefix="sixfold-", dir=memory if memory.is_dir() else None))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        path = self.fetched(folder)
        self._digest = None
        if path.is_file():
            self._digest = checked_digest(path, self.sha256, self.listener)
        elif self.sha256 is not None:
            raise SourceError("sha256_of_folder", path=self.shown)
        return path


def checked_address(host: str, port: int, allow_private: bool) -> str:
    """An address of ``host`` to connect to, once all of them were seen to be public.

    Raises:
        SourceError: One of them is of this machine or a private network, and that was not allowed.
        OSError: The name cannot be resolved.
    """
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in found:
        plain: Any = ipaddress.ip_address(address.partition("%")[0])
        plain = getattr(plain, "ipv4_mapped", None) or plain
        if not allow_private and (not plain.is_global or plain.is_multicast):
            raise SourceError("private_address", host=host, address=address)
    return found[0]


def safe_name(told: str) -> str:
    """The last part of a path or address as a name that no file system minds."""
    return re.sub(r"[^\w.\- ()]", "_", PurePosixPath(told).name).lstrip(".")[-100:] or "data"


def folder_of(path: str) -> str:
    """The folder in which to look for what a path, or a pattern with ``*``, means."""
    return path.partition("*")[0].rpartition("/")[0] if "*" in path else path.strip("/")


def is_meant(path: str, name: str) -> bool:
    """Whether a file is one that a path means: it fits the pattern, or lies in the folder (or is the file)."""
    if "*" in path:
        return re.fullmatch(".*".join(map(re.escape, path.split("*"))), name) is not None
    folder = path.strip("/")
    return not folder or name == folder or name.startswith(f"{folder}/")


def inner_path(folder: Path, name: str) -> Path:
    """Where in ``folder`` a file of a relative name goes.

    Raises:
        SourceError: The name leads out of it.
    """
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
        raise SourceError("zip_slip", path="/", member=name[:120])
    return folder.joinpath(*parts)
