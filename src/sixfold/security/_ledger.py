"""The ledger: an append-only record of what was done, that shows every change made to it.

One entry is one line of canonical JSON. Each names the digest of the line before it, and after each append a checkpoint
is signed: the C2SP signed-note form (c2sp.org/tlog-checkpoint) over the RFC 6962 Merkle tree hash of all lines. So a
changed, removed or reordered entry breaks the chain and the tree, and a cut end breaks against any checkpoint that was
kept elsewhere. What is *not* promised: who owns the key can write another history; a checkpoint kept elsewhere shows
it.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sixfold.errors import LedgerError
from sixfold.files import locked, write_whole
from sixfold.hashing import canonical_json, digest
from sixfold.security._home import Home
from sixfold.security._keyring import Keyring

__all__ = ["Checkpoint", "Entry", "Ledger", "tree_hash"]

_ORIGIN = "sixfold.ledger/v1"
_ED25519 = b"\x01"
_NOTHING_BEFORE = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: its number from 0, when (UTC), who, what, and the values that belong to it."""

    number: int
    time: str
    actor: str
    act: str
    product: str | None
    values: dict[str, Any]
    before: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed statement of size and tree hash."""

    origin: str
    size: int
    root: bytes
    note: str


class Ledger:
    """The ledger of a home.

    Every append holds a lock, is synchronised to the disk, and signs the new checkpoint; a crash between the two leaves
    one line beyond the checkpoint, which the next append takes in.
    """

    def __init__(self, home: Home, keyring: Keyring) -> None:
        self._home, self._keyring = home, keyring

    @property
    def path(self) -> Path:
        """The file of entries."""
        return self._home.folder("ledger") / "entries.jsonl"

    @property
    def checkpoint_path(self) -> Path:
        """The file of the newest checkpoint."""
        return self._home.folder("ledger") / "checkpoint"

    def append(self, act: str, product: str | None = None, **values: Any) -> Entry:
        """Record that ``act`` was done.

        Raises:
            LedgerError: What is there already was changed.
            StoreError: The disk is full or may not be written.
        """
        with locked(self._home.folder("ledger") / "lock"):
            tree = self._tree()
            entry = Entry(
                number=tree.size,
                time=datetime.now(UTC).isoformat(timespec="milliseconds"),
                actor=_actor(),
                act=act,
                product=product,
                values=values,
                before=tree.last,
            )
            line = canonical_json({name: getattr(entry, name) for name in Entry.__slots__})
            self._write(line)
            tree.add(line)
            write_whole(self.checkpoint_path, self._note(tree).encode())
            write_whole(self._home.folder("ledger") / "frontier.json", canonical_json(tree.to_json()))
        return entry

    def entries(self) -> Iterator[Entry]:
        """All entries, oldest first, without verifying them."""
        for line in self._lines():
            yield _entry(line)

    def checkpoint(self) -> str:
        """The newest checkpoint, to keep elsewhere; empty while nothing was recorded."""
        try:
            return self.checkpoint_path.read_text(encoding="utf-8") if self.checkpoint_path.exists() else ""
        except UnicodeDecodeError as error:
            raise LedgerError("checkpoint_changed", path=self.checkpoint_path) from error

    def verify(self, *, against: str | None = None) -> int:
        """Hold that nothing was changed, removed, reordered or cut; returns how many entries were verified.

        Args:
            against: A checkpoint that was kept elsewhere: then a cut or rewritten end is found as well.

        Raises:
            LedgerError: Something was; the error names the entry or file.
        """
        with locked(self._home.folder("ledger") / "lock"):
            lines = list(self._lines())
            newest = self.checkpoint()
        before = _NOTHING_BEFORE
        for number, line in enumerate(lines):
            entry = _entry(line, number)
            if entry.number != number or entry.before != before or canonical_json(_raw(line)) != line:
                raise LedgerError("entry_changed", path=self.path, number=number)
            before = digest(line)
        for note in filter(None, (newest, against)):
            self._hold(lines, note)
        if not newest and lines:
            raise LedgerError("checkpoint_missing", path=self.checkpoint_path)
        if newest and self._opened(newest).size != len(lines):
            raise LedgerError("entry_unsigned", path=self.path, number=self._opened(newest).size)
        return len(lines)

    def _hold(self, lines: list[bytes], note: str) -> None:
        checkpoint = self._opened(note)
        if checkpoint.size > len(lines):
            raise LedgerError("end_cut", path=self.path, size=len(lines), signed=checkpoint.size)
        if tree_hash(lines[: checkpoint.size]) != checkpoint.root:
            raise LedgerError("tree_differs", path=self.path, size=checkpoint.size)

    def _tree(self) -> _Frontier:
        """The tree so far: from the frontier file if it agrees with the signed checkpoint and the file's end."""
        frontier_path = self._home.folder("ledger") / "frontier.json"
        note = self.checkpoint()
        if note and frontier_path.exists():
            checkpoint = self._opened(note)
            try:
                tree = _Frontier.from_json(json.loads(frontier_path.read_bytes()))
            except (ValueError, KeyError, TypeError):
                tree = _Frontier()
            if (tree.size, tree.root()) == (checkpoint.size, checkpoint.root) and tree.bytes == self._length():
                return tree
        lines = list(self._lines())
        if note:
            self._hold(lines, note)
        tree = _Frontier()
        for line in lines:
            tree.add(line)
        return tree

    def _length(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _write(self, line: bytes) -> None:
        try:
            with open(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as stream:
                whole = self._whole_length(stream.seek(0, os.SEEK_END), stream)
                stream.seek(whole)
                stream.truncate()
                stream.write(line + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise LedgerError("unwritable", path=self.path, reason=error.strerror or error) from error

    @staticmethod
    def _whole_length(length: int, stream: Any) -> int:
        """Where the last whole line ends: a line left half written by a crash was never signed; it is written over."""
        if length == 0:
            return 0
        stream.seek(length - 1)
        if stream.read(1) == b"\n":
            return length
        stream.seek(0)
        return int(stream.read().rfind(b"\n") + 1)

    def _lines(self) -> Iterator[bytes]:
        if not self.path.exists():
            return
        content = self.path.read_bytes()
        *lines, rest = content.split(b"\n")
        yield from lines
        if rest and self.checkpoint() and self._opened(self.checkpoint()).size > len(lines):
            yield rest

    def _note(self, tree: _Frontier) -> str:
        body = f"{_ORIGIN}\n{tree.size}\n{base64.b64encode(tree.root()).decode()}\n"
        signature = self._keyring.ledger.sign(body.encode())
        stamp = base64.b64encode(self._key_id() + signature).decode()
        return f"{body}\n— {_ORIGIN} {stamp}\n"

    def _opened(self, note: str) -> Checkpoint:
        from cryptography.exceptions import InvalidSignature

        try:
            body, _, signatures = note.partition("\n\n")
            body += "\n"
            origin, size, root, *_ = body.split("\n")
            stamp = base64.b64decode(signatures.splitlines()[0].split(" ")[2], validate=True)
            if signatures != f"— {_ORIGIN} {base64.b64encode(stamp).decode()}\n" or stamp[:4] != self._key_id():
                raise ValueError("another key or form")
            self._keyring.ledger.public_key().verify(stamp[4:], body.encode())
            return Checkpoint(origin, int(size), base64.b64decode(root, validate=True), note)
        except (ValueError, IndexError, InvalidSignature) as error:
            raise LedgerError("checkpoint_changed", path=self.checkpoint_path) from error

    def _key_id(self) -> bytes:
        """The first four bytes that c2sp.org/signed-note gives a key of this name."""
        from cryptography.hazmat.primitives import serialization as forms

        public = self._keyring.ledger.public_key().public_bytes(forms.Encoding.Raw, forms.PublicFormat.Raw)
        return hashlib.sha256(_ORIGIN.encode() + b"\n" + _ED25519 + public).digest()[:4]


def tree_hash(lines: list[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962 section 2.1."""
    tree = _Frontier()
    for line in lines:
        tree.add(line)
    return tree.root()


class _Frontier:
    """The right edge of the tree: enough to add a leaf and to tell the root in O(log n)."""

    def __init__(self) -> None:
        self.size = 0
        self.bytes = 0
        self.last = _NOTHING_BEFORE
        self.peaks: list[bytes] = []

    def add(self, line: bytes) -> None:
        node = hashlib.sha256(b"\x00" + line).digest()
        complete = self.size
        while complete & 1:
            node = hashlib.sha256(b"\x01" + self.peaks.pop() + node).digest()
            complete >>= 1
        self.peaks.append(node)
        self.size += 1
        self.bytes += len(line) + 1
        self.last = digest(line)

    def root(self) -> bytes:
        if not self.peaks:
            return hashlib.sha256().digest()
        node = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            node = hashlib.sha256(b"\x01" + peak + node).digest()
        return node

    def to_json(self) -> dict[str, Any]:
        return {
            "size": self.size,
            "bytes": self.bytes,
            "last": self.last,
            "peaks": [peak.hex() for peak in self.peaks],
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> _Frontier:
        tree = cls()
        tree.size, tree.bytes, tree.last = int(record["size"]), int(record["bytes"]), str(record["last"])
        tree.peaks = [bytes.fromhex(peak) for peak in record["peaks"]]
        return tree


def _raw(line: bytes) -> Any:
    return json.loads(line)


def _entry(line: bytes, number: int | None = None) -> Entry:
    try:
        return Entry(**_raw(line))
    except (ValueError, TypeError) as error:
        raise LedgerError("entry_changed", path="entries.jsonl", number="?" if number is None else number) from error


def _actor() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"
