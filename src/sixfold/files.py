"""Files that a reader sees as they were or as they are, whole; and folders that only their owner can enter."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sixfold.errors import StoreError

__all__ = ["PART", "locked", "private_folder", "room_for", "scratch", "write_whole"]

_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700


def private_folder(path: Path) -> Path:
    """``path``, made (with its parents) if it was missing, open to its owner alone.

    Raises:
        StoreError: The folder cannot be made or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
    except OSError as error:
        raise _disk_error(error, path) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise StoreError("no_permission", path=path)
    return path


PART = ".part-"
"""How the name of a file begins that is still being written; one that a crash left is nothing yet."""


def write_whole(path: Path, data: bytes, *, private: bool = True) -> None:
    """Write ``data`` to ``path`` so that no crash leaves half of it: temporary file, fsync, rename, fsync of the
    folder.

    Raises:
        StoreError: The disk is full, or the place may not be written.
    """
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=PART)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, _PRIVATE_FILE if private else 0o644)
        os.replace(temporary, path)
        temporary = None
        _sync_folder(path.parent)
    except OSError as error:
        raise _disk_error(error, path) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True, shared: bool = False) -> Iterator[None]:
    """Hold the lock file ``path`` for the length of a ``with`` block; the system frees it if this process dies.

    Args:
        path: The lock file; made if it was missing.
        wait: Whether to wait for who holds it.
        shared: Whether others may hold it, shared, at the same time.

    Raises:
        BlockingIOError: ``wait`` is false and another process holds it.
    """
    import fcntl

    private_folder(path.parent)
    with open(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE_FILE), "r+b") as stream:
        fcntl.flock(stream, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        yield


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A private folder for a library that insists on paths: in memory where the system has one, gone afterwards."""
    memory = Path("/dev/shm")  # noqa: S108 — a private (0700) folder is made inside
    parent = memory if memory.is_dir() and os.access(memory, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="sixfold-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def room_for(size: int, folder: Path) -> None:
    """Hold that ``size`` bytes fit on the disk of ``folder`` before they are needed.

    Raises:
        StoreError: They do not.
    """
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if size > free:
        raise StoreError("disk_full", path=folder, needed=_mebibytes(size), free=_mebibytes(free))


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"


def _disk_error(error: OSError, path: Path) -> StoreError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(path.parent).free
        return StoreError("disk_full", path=path, needed="?", free=_mebibytes(free))
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StoreError("no_permission", path=path)
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return StoreError("not_a_folder", path=path)
    return StoreError("disk", path=path, reason=error.strerror or str(error))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
