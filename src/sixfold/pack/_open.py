"""Opening a pack: verified first, then decrypted in memory, then read. Whatever differs is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sixfold.errors import PackError
from sixfold.hashing import canonical_json, digest
from sixfold.pack._manifest import (
    MANIFEST,
    SIGNATURE,
    Manifest,
    content_digest,
    parsed,
    recipient_fingerprint,
)
from sixfold.pack._signature import signed_digests
from sixfold.pack._zip import MOST_BYTES, unzipped
from sixfold.security import decrypted, fingerprint
from sixfold.serving import Bundle

if TYPE_CHECKING:
    import pyrage

__all__ = ["CARD", "SEALED", "Pack", "Verified", "open_pack", "sealed_name", "verify_pack"]

CARD = "README.md"
SEALED = "sealed/"
_SUFFIX = ".age"


@dataclass(frozen=True, slots=True)
class Verified:
    """A pack that is exactly what its supplier signed.

    Args:
        path: The file.
        sha256: Of the whole file.
        bytes: Its size.
        manifest: What it says of itself.
        key: Fingerprint of the public key that verified it.
    """

    path: Path
    sha256: str
    bytes: int
    manifest: Manifest
    key: str


@dataclass(frozen=True, slots=True)
class Pack:
    """A verified pack in memory: the very bytes that were verified, never read again from the disk."""

    verified: Verified
    members: Mapping[str, bytes] = field(repr=False)

    @property
    def manifest(self) -> Manifest:
        """What the pack says of itself."""
        return self.verified.manifest

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return self.members[CARD].decode()

    def bundle(self, identity: pyrage.x25519.Identity) -> Bundle:
        """Everything that answers need, decrypted in memory.

        Args:
            identity: The age identity of a recipient (``keyring.identity``).

        Raises:
            PackError: The pack is for others, or holds a model that this Sixfold cannot read.
            ProductError: The model needs a kind that is not installed.
        """
        names = [entry.name for entry in self.manifest.members if entry.sealed]
        opened = {name.removeprefix(SEALED).removesuffix(_SUFFIX): self._opened(name, identity) for name in names}
        try:
            bundle = Bundle.from_members(opened)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise PackError("unreadable_model", path=self.verified.path, reason=reason) from error
        said = (self.manifest.version, self.manifest.content)
        if (bundle.version, content_digest(opened)) != said:
            raise PackError("member_changed", path=self.verified.path, member=MANIFEST)
        return bundle

    def report(self, identity: pyrage.x25519.Identity) -> bytes:
        """The report as HTML; empty where the pack has none.

        Raises:
            PackError: The pack is for others.
        """
        name = sealed_name("report.html")
        return self._opened(name, identity) if name in self.members else b""

    def _opened(self, name: str, identity: pyrage.x25519.Identity) -> bytes:
        recipient = str(identity.to_public())
        if recipient_fingerprint(recipient) not in self.manifest.recipients:
            raise PackError("wrong_recipient", path=self.verified.path, recipient=recipient)
        return decrypted(self.members[name], identity, what=f"{self.verified.path} ({name})")


def sealed_name(name: str) -> str:
    """What a member of a bundle is called in a pack, where it is encrypted."""
    return f"{SEALED}{name}{_SUFFIX}"


def verify_pack(path: str | Path, trusted: bytes | Sequence[bytes]) -> Verified:
    """Hold that a pack is exactly what the owner of a trusted key signed; needs no private key.

    Args:
        path: The pack.
        trusted: The public key of the supplier (PEM), or several.

    Raises:
        PackError: It is not; the error names what differs.
    """
    return open_pack(path, trusted).verified


def open_pack(path: str | Path, trusted: bytes | Sequence[bytes]) -> Pack:
    """Read a pack into memory and verify it; nothing is decrypted yet.

    Args:
        path: The pack.
        trusted: The public key of the supplier (PEM), or several; see :func:`sixfold.security.trusted_keys`.

    Raises:
        PackError: It is not exactly what the owner of a trusted key signed; the error names what differs.
    """
    file = Path(path)
    data = _read(file)
    members = unzipped(data, file)
    for name in (MANIFEST, SIGNATURE):
        if name not in members:
            raise PackError("member_removed", path=file, member=name)
    manifest = Manifest.from_bytes(members[MANIFEST], file)
    signature = members[SIGNATURE]
    if canonical_json(parsed(signature, SIGNATURE, file)) != signature:
        raise PackError("member_changed", path=file, member=SIGNATURE)
    signed, pem = signed_digests(signature, [trusted] if isinstance(trusted, bytes) else trusted, file)
    _hold_membership(members, signed, file)
    _hold_manifest(manifest, members, fingerprint(pem), file)
    return Pack(Verified(file, digest(data), len(data), manifest, fingerprint(pem)), members)


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise PackError("too_large", path=path, limit=f"{MOST_BYTES / 1e9:.0f} GB")
        return path.read_bytes()
    except OSError as error:
        raise PackError("no_pack", path=path, reason=error.strerror or error) from error


def _hold_membership(members: Mapping[str, bytes], signed: Mapping[str, str], path: Path) -> None:
    there = {name: digest(data) for name, data in members.items() if name != SIGNATURE}
    for name in sorted(there.keys() & signed.keys()):
        if there[name] != signed[name]:
            raise PackError("member_changed", path=path, member=name)
    for name in sorted(there.keys() - signed.keys()):
        raise PackError("member_added", path=path, member=name)
    for name in sorted(signed.keys() - there.keys()):
        raise PackError("member_removed", path=path, member=name)


def _hold_manifest(manifest: Manifest, members: Mapping[str, bytes], key: str, path: Path) -> None:
    """Hold that the signed manifest says what is there: then it can be believed wherever it is read."""
    moved = next((name for name, said in zip(members, manifest.order, strict=False) if name != said), None)
    if moved is not None or len(members) != len(manifest.order):
        raise PackError("member_moved", path=path, member=moved or "–")
    for entry in manifest.members:
        data = members[entry.name]
        if (entry.sha256, entry.size) != (digest(data), len(data)):
            raise PackError("member_changed", path=path, member=MANIFEST)
    if manifest.signed_by != key:
        raise PackError("member_changed", path=path, member=MANIFEST)
