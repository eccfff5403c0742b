"""ZIP files of one exact form: the same members always give the same bytes, and any other byte is found.

Members are stored, not compressed; times, rights and systems are fixed; there are no comments, extra fields or folders
(APPNOTE.TXT 6.3.10, 4.3). So a file can be held against the bytes that its members must give, which leaves nothing that
could be hidden between them. Any ZIP tool opens what is written here; what such a tool writes is not read here.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

from sixfold.errors import PackError

__all__ = ["MOST_BYTES", "is_safe", "unzipped", "zipped"]

MOST_BYTES = 2_000_000_000
"""Below 2³¹, so that every tool reads the file without ZIP64, and it fits in memory, where it is opened."""

_MOST_MEMBERS = 1000
_LONGEST_NAME = 200

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_LOCAL_MARK, _CENTRAL_MARK, _END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"

_VERSION = 20
_UNIX = 3 << 8
_MIDNIGHT, _FIRST_DAY = 0, (1 << 5) | 1
"""1 January 1980, where the ZIP calendar begins."""
_RIGHTS = 0o100644 << 16

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


def is_safe(name: str) -> bool:
    """Whether a member may be called so: plain ASCII words between slashes, none hidden, none that leads elsewhere."""
    return len(name) <= _LONGEST_NAME and all(map(_PART.fullmatch, name.split("/")))


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A ZIP file of ``members``, in their order; their names are safe, and together they are within the limit."""
    pieces = [piece for name, data in members.items() for piece in (_header(name, data), data)]
    return b"".join([*pieces, _directory(members)])


def unzipped(data: bytes, path: Path) -> dict[str, bytes]:
    """The members of a ZIP file that :func:`zipped` wrote, in their order.

    Raises:
        PackError: It is not exactly what :func:`zipped` writes; the error names what differs, and where.
    """
    if not _LOCAL_MARK.startswith(data[:4]):
        raise PackError("not_a_pack", path=path)
    members: dict[str, bytes] = {}
    place = 0
    while data[place : place + 4] == _LOCAL_MARK:
        name, start, end = _bounds(data, place, path)
        content = data[start:end]
        if _header(name, content) != data[place:start]:
            raise PackError("member_changed", path=path, member=name)
        if name in members:
            raise PackError("member_added", path=path, member=name)
        members[name] = content
        place = end
        if len(members) > _MOST_MEMBERS:
            raise PackError("too_many_members", path=path, limit=_MOST_MEMBERS)
    rest, expected = data[place:], _directory(members)
    if rest != expected:
        if expected.startswith(rest) or _LOCAL_MARK.startswith(rest):
            raise PackError("truncated", path=path, member=next(reversed(members), "–"))
        raise PackError("container_changed", path=path, offset=place + _first_difference(rest, expected))
    return members


def _bounds(data: bytes, place: int, path: Path) -> tuple[str, int, int]:
    """The name of the member whose header is at ``place``, and where its content starts and ends."""
    if place + _LOCAL.size > len(data):
        raise PackError("truncated", path=path, member=f"@{place}")
    *_, size, _, length, _ = _LOCAL.unpack_from(data, place)
    start = place + _LOCAL.size + length
    name = data[place + _LOCAL.size : start].decode("ascii", errors="backslashreplace")
    if start <= len(data) and not is_safe(name):
        raise PackError("unsafe_member", path=path, member=name[:_LONGEST_NAME])
    if start + size > len(data):
        raise PackError("truncated", path=path, member=name[:_LONGEST_NAME])
    return name, start, start + size


def _header(name: str, data: bytes) -> bytes:
    size, raw = len(data), name.encode("ascii")
    fixed = (_LOCAL_MARK, _VERSION, 0, 0, _MIDNIGHT, _FIRST_DAY, zlib.crc32(data), size, size)
    return _LOCAL.pack(*fixed, len(raw), 0) + raw


def _directory(members: Mapping[str, bytes]) -> bytes:
    entries, place = [], 0
    for name, data in members.items():
        size, raw = len(data), name.encode("ascii")
        fixed = (_CENTRAL_MARK, _UNIX | _VERSION, _VERSION, 0, 0, _MIDNIGHT, _FIRST_DAY, zlib.crc32(data), size, size)
        entries += [_CENTRAL.pack(*fixed, len(raw), 0, 0, 0, 0, _RIGHTS, place), raw]
        place += _LOCAL.size + len(raw) + size
    directory, count = b"".join(entries), len(members)
    return directory + _END.pack(_END_MARK, 0, 0, count, count, len(directory), place, 0)


def _first_difference(left: bytes, right: bytes) -> int:
    """Where two different byte strings part."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((index for index, (one, other) in pairs if one != other), min(len(left), len(right)))
