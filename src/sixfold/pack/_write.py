"""Writing a pack: sealed for its recipients, signed, and put in place whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sixfold.errors import PackError, SixfoldError
from sixfold.files import private_folder, room_for, write_whole
from sixfold.hashing import digest
from sixfold.monitoring import grafana_board, prometheus_rules
from sixfold.pack._card import Card
from sixfold.pack._manifest import (
    FORMAT,
    MANIFEST,
    SIGNATURE,
    Entry,
    Manifest,
    content_digest,
    recipient_fingerprint,
)
from sixfold.pack._open import CARD, Pack, open_pack, sealed_name
from sixfold.pack._signature import signature_of
from sixfold.pack._wheel import licence, page_files, runtime_requirements, runtime_version, runtime_wheel
from sixfold.pack._zip import MOST_BYTES, zipped
from sixfold.security import Keyring, encrypted, fingerprint
from sixfold.serving import Bundle

__all__ = ["write_pack"]


def write_pack(
    bundle: Bundle,
    card: Card,
    *,
    keyring: Keyring,
    recipients: Sequence[str],
    folder: Path,
    provenance: Mapping[str, str],
) -> Pack:
    """Write ``<name>-<version>.sixfold`` into ``folder``, and open it again as its customer would.

    A pack of that name that says the same, signed by the same key, stays as it is: what a customer was handed is still
    the file that is here.

    Args:
        bundle: The model, with its report.
        card: What README.md says; its overrides also go into the manifest.
        keyring: Whose signing key signs.
        recipients: Who can open it (``age1…``), at least one.
        folder: Where it is written; made if it was missing.
        provenance: From rows to model: digests by name.

    Returns:
        The pack as it was read back and verified.

    Raises:
        KeyringError: A recipient is none.
        StoreError: The disk is full or may not be written.
        PackError: It would be over the limit, or what was read back is not what was written; then it is not kept.
    """
    pem = keyring.public_signing_pem()
    path = folder / f"{card.name}-{bundle.version}.sixfold"
    clear = {**_clear_members(card, fingerprint(pem)), **_for_monitoring(bundle)}
    about: dict[str, Any] = {
        "format": FORMAT,
        "product": card.name,
        "version": bundle.version,
        "sixfold": runtime_version(),
        "signed_by": fingerprint(pem),
        "recipients": tuple(sorted({recipient_fingerprint(recipient) for recipient in recipients})),
        "provenance": dict(provenance),
        "overrides": tuple(card.overrides),
        "content": content_digest(bundle.members()),
    }
    former = _same(path, pem, about, clear)
    if former is not None:
        return former
    sealed = {sealed_name(name): encrypted(data, recipients) for name, data in bundle.members().items()}
    others = dict(sorted({**clear, **sealed}.items()))
    entries = tuple(
        Entry(name=name, sha256=digest(d), size=len(d), sealed=name in sealed) for name, d in others.items()
    )
    created = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = Manifest(**about, created=created, members=entries).to_bytes()
    signature = signature_of({MANIFEST: manifest, **others}, path.stem, keyring.signing)
    members = {MANIFEST: manifest, SIGNATURE: signature, **others}
    if sum(map(len, members.values())) > MOST_BYTES:
        raise PackError("too_large", path=path, limit=f"{MOST_BYTES / 1e9:.0f} GB")
    data = zipped(members)
    private_folder(folder)
    room_for(len(data), folder)
    write_whole(path, data, private=False)
    try:
        return open_pack(path, pem)
    except SixfoldError:
        path.unlink(missing_ok=True)
        raise


def _clear_members(card: Card, key: str) -> dict[str, bytes]:
    """What everybody may read: the card, the licence, the runtime and the demo page."""
    wheel, content = runtime_wheel()
    members = {
        CARD: card.to_markdown(key=key, wheel=wheel).encode(),
        f"runtime/{wheel}": content,
        "runtime/requirements.txt": runtime_requirements().encode(),
        **{f"page/{name}": data for name, data in page_files().items()},
    }
    terms = licence()
    return members if terms is None else {**members, "LICENSE": terms}


def _for_monitoring(bundle: Bundle) -> dict[str, bytes]:
    """Rules and a board for whoever reads the service's `/metrics`."""
    name, settings = bundle.product.name, bundle.product.deploy.watch
    return {
        "monitoring/prometheus-rules.yaml": prometheus_rules(name, settings),
        "monitoring/grafana-dashboard.json": grafana_board(name),
    }


def _same(path: Path, pem: bytes, about: Mapping[str, Any], clear: Mapping[str, bytes]) -> Pack | None:
    """The pack at ``path``, if it is whole and says ``about`` and ``clear``."""
    try:
        pack = open_pack(path, pem)
    except PackError:
        return None
    said = {name: getattr(pack.manifest, name) for name in about}
    sealed = {entry.name for entry in pack.manifest.members if entry.sealed}
    shown = {name: data for name, data in pack.members.items() if name not in {MANIFEST, SIGNATURE, *sealed}}
    return pack if said == about and shown == dict(clear) else None
