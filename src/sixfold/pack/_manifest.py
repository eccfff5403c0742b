"""What a pack says of itself in ``manifest.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from sixfold.errors import PackError
from sixfold.hashing import digest, digest_of_value

__all__ = [
    "FORMAT",
    "MANIFEST",
    "SIGNATURE",
    "Entry",
    "Manifest",
    "Override",
    "content_digest",
    "recipient_fingerprint",
]

FORMAT = 1
MANIFEST, SIGNATURE = "manifest.json", "model.sig"
"""The first two members; the manifest lists all others, and the signature covers every one but itself."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(_Record):
    """One member: SHA-256 and size in bytes of what stands in the pack; ``sealed`` if that is encrypted."""

    name: str
    sha256: str
    size: int
    sealed: bool


class Override(_Record):
    """A gate that said no, and why a person let the product pass."""

    gate: str
    reason: str


class Manifest(_Record):
    """The manifest of format 1.

    Args:
        format: The format of the pack.
        product: The product's name.
        version: The model's version: twelve digits of its content.
        created: When the pack was written (ISO 8601, UTC).
        sixfold: The version of Sixfold that wrote it, and whose runtime it carries.
        signed_by: Fingerprint of the public key that verifies it.
        recipients: Fingerprints of those who can open its sealed members.
        provenance: From rows to model: the digest of the data, and of what each stage made of it, by name.
        content: One digest of all sealed members as they were in clear: equal models have equal ones, however they were
            encrypted.
        overrides: Gates that said no and were passed all the same.
        members: Every member but the manifest and the signature, in their order.
    """

    format: int
    product: str
    version: str
    created: str
    sixfold: str
    signed_by: str
    recipients: tuple[str, ...]
    provenance: dict[str, str]
    content: str
    overrides: tuple[Override, ...] = ()
    members: tuple[Entry, ...]

    @property
    def order(self) -> list[str]:
        """The names of all members of the pack, in the only order they may have."""
        return [MANIFEST, SIGNATURE, *(entry.name for entry in self.members)]

    def to_bytes(self) -> bytes:
        """The member ``manifest.json``, laid out for people."""
        record = self.model_dump(mode="json")
        return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes, path: Path) -> Self:
        """The manifest that :meth:`to_bytes` wrote.

        Raises:
            PackError: It was written by a newer Sixfold, or is no manifest.
        """
        record = parsed(data, MANIFEST, path)
        form = record.get("format")
        if isinstance(form, int) and form > FORMAT:
            raise PackError("format_newer", path=path, format=form, known=FORMAT)
        try:
            return cls(**record)
        except (ValidationError, TypeError) as error:
            raise PackError("member_changed", path=path, member=MANIFEST) from error


def parsed(data: bytes, member: str, path: Path) -> dict[str, Any]:
    """A member that is one JSON object.

    Raises:
        PackError: It is none.
    """
    try:
        record = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PackError("member_changed", path=path, member=member) from error
    if not isinstance(record, dict):
        raise PackError("member_changed", path=path, member=member)
    return record


def content_digest(opened: Mapping[str, bytes]) -> str:
    """What names the sealed members as they are in clear, by their name in the bundle."""
    return digest_of_value({name: digest(data) for name, data in opened.items()})


def recipient_fingerprint(recipient: str) -> str:
    """What names a recipient in a manifest: sixteen digits of its SHA-256, so that a pack does not list its readers."""
    return digest(recipient.strip().encode())[:16]
