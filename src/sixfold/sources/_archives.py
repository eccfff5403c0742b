"""Archives read member by member, never unpacked: zip, tar (also gz, bz2, xz), and one file compressed alone.

Nothing in an archive is believed. Refused, each with its own error that names the member: links and devices, absolute
paths and ``..``, encryption, more members than anybody needs, sizes that no disk holds, and what grows too much on
opening (after D. Fifield, "A better zip bomb", WOOT 2019: members that overlap are found by the sum of their compressed
sizes).
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from sixfold.errors import SourceError
from sixfold.sources._files import unreadable

__all__ = ["Archived", "archive_kind", "opened"]

MOST_MEMBERS = 1_000_000
"""The directory of a million members takes about a gigabyte of memory."""

LARGEST_MEMBER = 8 << 30
LARGEST_WHOLE = 200 << 30
MOST_GROWTH = 200
"""Pictures do not grow when opened, text grows 3 to 30 times; beyond 200 times it is no data."""

GROWTH_COUNTS_FROM = 1 << 24
LARGEST_READ = 1 << 28
"""More than 256 MiB in one piece is no picture, and no header of an archive."""

_ZIP_ENCRYPTED = 0x1
_ZIP_UTF8 = 0x800
_COMPRESSED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError)


class Archived(ABC):
    """An archive that was looked through: ``sizes`` holds its files by name; folders are left out."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        self.sizes: dict[str, int] = {}

    @abstractmethod
    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """The bytes of members, one after the other.

        Raises:
            SourceError: A member is damaged, or grows beyond what it said.
        """

    @abstractmethod
    def extract(self, name: str, to: Path) -> None:
        """One member as a file.

        Raises:
            SourceError: As :meth:`read`.
        """

    def _check(self, name: str, size: int, total: int) -> None:
        """Refuse a member by its name and size; ``total`` is the size of all members up to it."""
        parts = re.split(r"[\\/]", name)
        if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
            raise SourceError("absolute_member", path=self.name, member=_shown(name))
        if ".." in parts:
            raise SourceError("zip_slip", path=self.name, member=_shown(name))
        if size > LARGEST_MEMBER or total > LARGEST_WHOLE:
            raise SourceError(
                "member_too_large", path=self.name, member=_shown(name), size=f"{size / (1 << 30):.1f} GiB"
            )
        if len(self.sizes) >= MOST_MEMBERS:
            raise SourceError("too_many_members", path=self.name, limit=MOST_MEMBERS)

    def _damaged(self, member: str, error: Exception) -> SourceError:
        return SourceError("damaged_member", path=self.name, member=_shown(member), reason=error)


class _Zip(Archived):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except (*_DAMAGED, ValueError) as error:
            raise SourceError("damaged_archive", path=self.name, reason=error) from error
        self._infos: dict[str, zipfile.ZipInfo] = {}
        infos = self._zip.infolist()
        if len(infos) > MOST_MEMBERS:
            raise SourceError("too_many_members", path=self.name, limit=MOST_MEMBERS)
        total = packed = 0
        for info, name in zip(infos, _zip_names(infos), strict=True):
            total += info.file_size
            packed += info.compress_size
            self._check(name, info.file_size, total)
            mode = info.external_attr >> 16
            if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise SourceError("link_member", path=self.name, member=_shown(name))
            if info.is_dir():
                continue
            if info.flag_bits & _ZIP_ENCRYPTED:
                raise SourceError("encrypted_member", path=self.name, member=_shown(name))
            if info.file_size > GROWTH_COUNTS_FROM and info.file_size > MOST_GROWTH * max(info.compress_size, 1):
                raise SourceError("zip_bomb", path=self.name, member=_shown(name))
            plain = name.replace("\\", "/")
            self.sizes[plain] = info.file_size
            self._infos[plain] = info
        size = path.stat().st_size
        if packed > size or (total > GROWTH_COUNTS_FROM and total > MOST_GROWTH * size):
            raise SourceError("zip_bomb", path=self.name, member="*")

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            if self.sizes[name] > LARGEST_READ:
                size = f"{self.sizes[name] / (1 << 20):.0f} MiB"
                raise SourceError("member_too_large", path=self.name, member=_shown(name), size=size)
            try:
                yield name, self._zip.read(self._infos[name])
            except (*_DAMAGED, RuntimeError) as error:
                raise self._damaged(name, error) from error

    def extract(self, name: str, to: Path) -> None:
        try:
            with self._zip.open(self._infos[name]) as member, to.open("wb") as stream:
                _copied(member, stream)
        except (*_DAMAGED, RuntimeError) as error:
            raise self._damaged(name, error) from error


class _Tar(Archived):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        total = 0
        for member, name in self._members():
            total += member.size
            self._check(name, member.size, total)
            if not (member.isreg() or member.isdir()):
                raise SourceError("link_member", path=self.name, member=_shown(name))
            if member.isreg():
                self.sizes[name] = member.size

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        # In the order of the archive: to go back in a compressed one means to open it anew.
        wanted = set(names)
        for member, name, stream in self._streams():
            if name in wanted:
                if member.size > LARGEST_READ:
                    size = f"{member.size / (1 << 20):.0f} MiB"
                    raise SourceError("member_too_large", path=self.name, member=_shown(name), size=size)
                wanted.discard(name)  # of two members of one name the first counts
                data = stream.read()
                if len(data) != member.size:
                    raise self._damaged(name, EOFError("cut off"))
                yield name, data

    def extract(self, name: str, to: Path) -> None:
        for _, found, stream in self._streams():
            if found == name:
                with to.open("wb") as file:
                    _copied(stream, file)
                return

    def _streams(self) -> Iterator[tuple[tarfile.TarInfo, str, IO[bytes]]]:
        last = "-"
        try:
            with _metered(self.path) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
                for member in tar:
                    tar.members = []  # type: ignore[attr-defined]  # tarfile keeps them all, for going back
                    if member.isreg() and (inside := tar.extractfile(member)) is not None:
                        last = _tar_name(member)
                        yield member, last, inside
        except _DAMAGED as error:
            raise self._damaged(last, error) from error

    def _members(self) -> Iterable[tuple[tarfile.TarInfo, str]]:
        try:
            with _metered(self.path) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
                for member in tar:
                    tar.members = []  # type: ignore[attr-defined]  # as above
                    yield member, _tar_name(member)
        except _DAMAGED as error:
            raise SourceError("damaged_archive", path=self.name, reason=error) from error


class _Single(Archived):
    """One file compressed by gzip, bzip2 or xz, such as ``train.csv.gz``."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._member = path.stem
        self.sizes = {self._member: path.stat().st_size}

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            stream = io.BytesIO()
            self._copy(stream)
            yield name, stream.getvalue()

    def extract(self, name: str, to: Path) -> None:  # noqa: ARG002
        with to.open("wb") as stream:
            self._copy(stream)

    def _copy(self, stream: IO[bytes]) -> None:
        try:
            with _metered(self.path) as source:
                _copied(source, stream)
        except _DAMAGED as error:
            raise self._damaged(self._member, error) from error


class _Metered(io.RawIOBase):
    """What a compressed file gives, as long as it does not grow too much."""

    def __init__(self, path: Path) -> None:
        self._name, self._size, self._given = path.name, path.stat().st_size, 0
        self._stream = _decompressed(path)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._stream.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        here = self.tell()
        there = offset if whence == io.SEEK_SET else here + offset
        if there < here or whence == io.SEEK_END:
            return int(self._stream.seek(offset, whence))
        while here < there:  # forward by reading, so that what is passed over is metered too
            passed = self.read(min(1 << 20, there - here))
            if not passed:
                break
            here += len(passed)
        return here

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0 or size > LARGEST_READ:
            raise SourceError("zip_bomb", path=self._name, member="*")
        data: bytes = self._stream.read(size)
        self._given += len(data)
        if self._given > GROWTH_COUNTS_FROM and self._given > MOST_GROWTH * self._size:
            raise SourceError("zip_bomb", path=self._name, member="*")
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def archive_kind(path: Path) -> str | None:
    """``zip``, ``tar`` or ``single`` by the first bytes of the file; ``None`` if it is no archive."""
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError:
        return None
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return "zip"
    if _is_tar(head):
        return "tar"
    if any(head.startswith(magic) for magic in _COMPRESSED):
        try:
            with _decompressed(path) as stream:
                return "tar" if _is_tar(stream.read(512)) else "single"
        except _DAMAGED:
            return "tar" if ".tar" in path.name or path.suffix in (".tgz", ".tbz2", ".txz") else "single"
    if path.suffix.lower() in (".zip", ".tar"):
        return path.suffix.lower()[1:]
    return None


def opened(path: Path) -> Archived:
    """The archive at ``path``, looked through.

    Raises:
        SourceError: It is damaged, or holds what must not be opened.
    """
    kinds: dict[str | None, type[Archived]] = {"zip": _Zip, "tar": _Tar, "single": _Single}
    try:
        return kinds[archive_kind(path)](path)
    except PermissionError as error:
        raise unreadable(error, path) from error


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def _decompressed(path: Path) -> Any:
    with path.open("rb") as stream:
        head = stream.read(6)
    for magic, unpack in _COMPRESSED.items():
        if head.startswith(magic):
            return unpack(path, "rb")
    return path.open("rb")


def _metered(path: Path) -> Any:
    return _Metered(path)


def _copied(source: Any, to: IO[bytes]) -> None:
    while chunk := source.read(1 << 20):
        to.write(chunk)


def _zip_names(infos: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The members' names: where the format says CP437, Chinese Windows writes GBK and others write UTF-8."""
    unsaid = {
        index: info.filename.encode("cp437", errors="replace")
        for index, info in enumerate(infos)
        if not (info.flag_bits & _ZIP_UTF8 or info.filename.isascii())
    }
    names = [info.filename for info in infos]
    for encoding in ("utf-8", "gb18030"):  # one for all: a single short name may be valid in both
        try:
            found = {index: raw.decode(encoding) for index, raw in unsaid.items()}
        except UnicodeDecodeError:
            continue
        for index, name in found.items():
            names[index] = name
        break
    return names


def _tar_name(member: tarfile.TarInfo) -> str:
    return member.name.removeprefix("./")


def _shown(name: str) -> str:
    text = name if len(name) <= 120 else name[:117] + "…"  # noqa: PLR2004
    return "".join(letter if letter.isprintable() else "�" for letter in text)
