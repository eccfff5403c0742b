"""Public signing keys: reading them, naming them by fingerprint, and which ones this machine trusts."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sixfold.errors import KeyringError
from sixfold.security._keyring import Keyring

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

__all__ = ["fingerprint", "public_key_from_pem", "read_public_key", "trusted_keys"]

_CURVE = "secp256r1"
_GROUP = 4


def public_key_from_pem(pem: bytes, *, origin: object) -> EllipticCurvePublicKey:
    """The EC P-256 public key that ``pem`` holds; ``origin`` tells the user where it came from.

    Raises:
        KeyringError: It holds none.
    """
    from cryptography.hazmat.primitives.asymmetric import ec

    key = _loaded(pem, origin)
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != _CURVE:
        raise KeyringError("not_a_public_key", origin=origin)
    return key


def fingerprint(pem: bytes) -> str:
    """What names a public key: SHA-256 of its DER SubjectPublicKeyInfo (RFC 5280, 4.1), in groups to read aloud.

    Raises:
        KeyringError: ``pem`` holds no public key.
    """
    from cryptography.hazmat.primitives import serialization as forms

    key = _loaded(pem, "PEM")
    digits = hashlib.sha256(key.public_bytes(forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    return " ".join(digits[start : start + _GROUP] for start in range(0, len(digits), _GROUP))


def read_public_key(path: Path) -> bytes:
    """The PEM text of the public key file that a supplier gave.

    Raises:
        KeyringError: The file cannot be read, or holds no EC P-256 public key.
    """
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise KeyringError("key_unreadable", path=path, reason=error.strerror or error) from error
    public_key_from_pem(pem, origin=path)
    return pem


def trusted_keys(keyring: Keyring) -> list[bytes]:
    """The public keys whose packs this machine opens: its own, if it has one, and every ``trusted/*.pem`` of its home.

    Raises:
        KeyringError: One of the files holds no EC P-256 public key.
    """
    home = keyring.home.path
    # Asking the keyring makes a key; who only verifies needs none.
    has_own = "SIXFOLD_SIGNING_KEY" in os.environ or (home / "keys" / "signing.pem").exists()
    own = [keyring.public_signing_pem()] if has_own else []
    return [*own, *map(read_public_key, sorted((home / "trusted").glob("*.pem")))]


def _loaded(pem: bytes, origin: object) -> PublicKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyringError("not_a_public_key", origin=origin) from error
