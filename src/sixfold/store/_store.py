"""The store: encrypted blobs named by a keyed digest of their content, and signed records that bind them to artefacts.

    store/name.key          the HMAC key of names, encrypted: a name gives nothing away, and survives key rotation
    store/blobs/ab/abcd…    age-encrypted bytes, named HMAC-SHA256(name key, plaintext)
    store/steps/<stage>/<key>      which artefact a stage made from which inputs; signed, written last
    store/slots/<key>       the newest checkpoint of something unfinished; signed, replaced whole

A blob is checked against its name whenever it is read, a record against its signature; so a swapped, changed or cut
file is found before it is used. An artefact exists once its record does: no crash leaves half of one.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sixfold.errors import KeyringError, StoreError
from sixfold.files import PART, locked, private_folder, room_for, write_whole
from sixfold.hashing import canonical_json
from sixfold.security import Home, Keyring, decrypted, encrypted

__all__ = ["Artefact", "Member", "Store"]


@dataclass(frozen=True, slots=True)
class Member:
    """One named part of an artefact: its blob and its size in clear, in bytes."""

    blob: str
    size: int


@dataclass(frozen=True, slots=True)
class Artefact:
    """What a stage made: immutable.

    ``digest`` names it by content, ``about`` is what it says of itself (plain JSON), ``seconds`` is what making it
    took: the same content made again has the same digest, however long that was; ``used`` is what else making it took
    of the machine (:class:`sixfold.metering.Used`), where that was measured.
    """

    stage: str
    key: str
    digest: str
    about: dict[str, Any]
    members: dict[str, Member] = field(default_factory=dict)
    seconds: float = 0.0
    used: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all members, in clear."""
        return sum(member.size for member in self.members.values())


class Store:
    """The store of a home."""

    def __init__(self, home: Home, keyring: Keyring) -> None:
        self.home, self._keyring = home, keyring
        self.sealing_seconds = 0.0
        """Wall time spent on encrypting, decrypting and naming since this object was made."""

    def put(self, data: bytes) -> Member:
        """Keep ``data``; the same bytes are kept once.

        Raises:
            StoreError: The disk is full or may not be written.
        """
        with self._timed():
            name = self._name(data)
        path = self._blob_path(name)
        if not path.exists():
            private_folder(path.parent)
            with self._timed():
                sealed = encrypted(data, [self._keyring.recipient])
            room_for(len(sealed), path.parent)
            write_whole(path, sealed)
        return Member(name, len(data))

    def get(self, member: Member) -> bytes:
        """The bytes of a member.

        Raises:
            StoreError: They are gone, or not what was put.
            KeyringError: They were encrypted for another key.
        """
        path = self._blob_path(member.blob)
        with self._timed():
            data = self._unsealed(path)
            if not hmac.compare_digest(self._name(data), member.blob):
                raise StoreError("blob_changed", path=path)
        return data

    def keep(
        self,
        stage: str,
        key: str,
        about: dict[str, Any],
        members: dict[str, Member],
        seconds: float = 0.0,
        used: dict[str, Any] | None = None,
    ) -> Artefact:
        """Record that ``stage`` made an artefact of these members, in so many seconds, from what ``key`` names."""
        body = {
            "stage": stage,
            "about": about,
            "members": {name: [member.blob, member.size] for name, member in sorted(members.items())},
        }
        sealed = self.put(canonical_json(body))
        record: dict[str, Any] = {
            "stage": stage,
            "key": key,
            "artefact": [sealed.blob, sealed.size],
            "seconds": round(seconds, 3),
            **({"used": used} if used else {}),
        }
        self._sign_record(self._step_path(stage, key), record)
        return Artefact(stage, key, sealed.blob, about, dict(members), record["seconds"], used or {})

    def made(self, stage: str, key: str) -> Artefact | None:
        """The artefact that ``stage`` made for ``key``; ``None`` if it has not, or a member of it is gone.

        Raises:
            StoreError: Its record was changed.
        """
        record = self._record(self._step_path(stage, key))
        if record is None:
            return None
        if (record["stage"], record["key"]) != (stage, key):
            raise StoreError("record_changed", path=self._step_path(stage, key))
        sealed = Member(*record["artefact"])
        if not self._blob_path(sealed.blob).exists():
            return None
        body = json.loads(self.get(sealed))
        members = {name: Member(*values) for name, values in body["members"].items()}
        if not all(self._blob_path(member.blob).exists() for member in members.values()):
            return None
        used = dict(record.get("used") or {})
        return Artefact(stage, key, sealed.blob, body["about"], members, record["seconds"], used)

    def save_slot(self, key: str, about: dict[str, Any], data: bytes) -> None:
        """Replace the checkpoint called ``key``; a crash leaves the old one or the new one."""
        before = self._slot_members(key)
        member = self.put(data)
        self._sign_record(self._slot_path(key), {"key": key, "about": about, "data": [member.blob, member.size]})
        for old in before:
            if old.blob != member.blob:
                self._blob_path(old.blob).unlink(missing_ok=True)

    def slot(self, key: str) -> tuple[dict[str, Any], bytes] | None:
        """The checkpoint called ``key``: what it says of itself, and its bytes; ``None`` if there is none."""
        record = self._record(self._slot_path(key))
        if record is None:
            return None
        if record["key"] != key:
            raise StoreError("record_changed", path=self._slot_path(key))
        member = Member(*record["data"])
        return (record["about"], self.get(member)) if self._blob_path(member.blob).exists() else None

    def drop_slot(self, key: str) -> None:
        """Forget the checkpoint called ``key``."""
        members = self._slot_members(key)
        self._slot_path(key).unlink(missing_ok=True)
        for member in members:
            self._blob_path(member.blob).unlink(missing_ok=True)

    def drop(self, stage: str, key: str) -> None:
        """Forget the artefact that ``stage`` made for ``key``; :meth:`collect_garbage` frees its blobs."""
        self._step_path(stage, key).unlink(missing_ok=True)

    def steps(self) -> Iterator[tuple[str, str]]:
        """Stage and key of every artefact kept."""
        for path in self._whole("steps", "*/*"):
            yield path.parent.name, path.name

    def collect_garbage(self, unused: Collection[tuple[str, str]] = (), *, dry: bool = False) -> tuple[int, int]:
        """Forget the artefacts ``unused`` (stage, key), then delete the blobs that nothing names any more.

        Nothing may be in the making meanwhile: its blobs have no record yet.

        Args:
            unused: Artefacts that may go.
            dry: Only count.

        Returns:
            How many blobs, and their bytes on disk.
        """
        named = {member.blob for path in self._whole("slots", "*") for member in self._slot_members(path.name)}
        for stage, key in list(self.steps()):
            if (stage, key) in unused:
                if not dry:
                    self.drop(stage, key)
                continue
            record = self._record(self._step_path(stage, key))
            artefact = self.made(stage, key)
            named.add(str(record["artefact"][0]) if record else "")
            if artefact is not None:
                named.update(member.blob for member in artefact.members.values())
        count = size = 0
        unfinished = [path for name in ("slots", "steps") for path in self._folder(name).rglob(f"{PART}*")]
        for path in [*self._folder("blobs").glob("*/*"), *unfinished]:
            if path.name not in named:
                count, size = count + 1, size + path.stat().st_size
                if not dry:
                    path.unlink(missing_ok=True)
        return count, size

    def verify(self) -> Iterator[Path]:
        """Read everything; yield each file that was changed, cut or swapped."""
        for stage, key in self.steps():
            try:
                self.made(stage, key)
            except (StoreError, KeyringError, ValueError):
                yield self._step_path(stage, key)
        for path in self._whole("slots", "*"):
            try:
                self.slot(path.name)
            except (StoreError, KeyringError, ValueError):
                yield path
        for path in self._whole("blobs", "*/*"):
            try:
                self.get(Member(path.name, 0))
            except (StoreError, KeyringError):
                yield path

    @cached_property
    def _name_key(self) -> bytes:
        path = self._folder(".") / "name.key"
        if not path.exists():
            with locked(self._folder(".") / "name.lock"):
                if not path.exists():
                    write_whole(path, encrypted(secrets.token_bytes(32), [self._keyring.recipient]))
        return self._unsealed(path)

    def _name(self, data: bytes) -> str:
        return hmac.new(self._name_key, data, hashlib.sha256).hexdigest()

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.sealing_seconds += time.perf_counter() - begun

    def _whole(self, folder: str, pattern: str) -> list[Path]:
        """The files of a folder, but for those that a crash left half written."""
        return sorted(path for path in self._folder(folder).glob(pattern) if not path.name.startswith(PART))

    def _folder(self, name: str) -> Path:
        return private_folder(self.home.folder("store") / name)

    def _blob_path(self, name: str) -> Path:
        return self.home.path / "store" / "blobs" / name[:2] / name

    def _step_path(self, stage: str, key: str) -> Path:
        return self._folder("steps") / stage / key

    def _slot_path(self, key: str) -> Path:
        return self._folder("slots") / key

    def _slot_members(self, key: str) -> list[Member]:
        record = self._record(self._slot_path(key))
        return [] if record is None else [Member(*record["data"])]

    def _unsealed(self, path: Path) -> bytes:
        try:
            sealed = path.read_bytes()
        except OSError as error:
            raise StoreError("blob_missing", path=path) from error
        return decrypted(sealed, self._keyring.identity, what=str(path))

    def _sign_record(self, path: Path, body: dict[str, Any]) -> None:
        signature = base64.b64encode(self._keyring.ledger.sign(canonical_json(body))).decode()
        private_folder(path.parent)
        write_whole(path, canonical_json({"body": body, "signature": signature}))

    def _record(self, path: Path) -> dict[str, Any] | None:
        from cryptography.exceptions import InvalidSignature

        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError("disk", path=path, reason=error.strerror or error) from error
        try:
            record = json.loads(content)
            body: dict[str, Any] = record["body"]
            signature = base64.b64decode(record["signature"], validate=True)
            self._keyring.ledger.public_key().verify(signature, canonical_json(body))
            # The last letter of base64 has bits that decoding passes over.
            written = {**record, "signature": base64.b64encode(signature).decode()}
            if canonical_json(written) != content:
                raise ValueError("not canonical")
        except (ValueError, KeyError, TypeError, InvalidSignature) as error:
            raise StoreError("record_changed", path=path) from error
        return body
