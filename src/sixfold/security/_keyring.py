"""The keys of this machine: one to decrypt, one to sign packs, one to sign the record.

Each is made on first use, in a file that only its owner can read, or comes from the environment (for servers):

=====================  ======================  ==========================================
what                   file in ``keys/``       environment
=====================  ======================  ==========================================
age identity (X25519)  ``identity.txt``        ``SIXFOLD_KEY`` or ``SIXFOLD_KEY_FILE``
signing, EC P-256      ``signing.pem``         ``SIXFOLD_SIGNING_KEY`` (PEM text)
record, Ed25519        ``ledger.pem``          ``SIXFOLD_LEDGER_KEY`` (PEM text)
=====================  ======================  ==========================================

What is *not* promised: whoever owns the running machine can read these keys.
"""

from __future__ import annotations

import os
import stat
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyrage

from sixfold.errors import KeyringError
from sixfold.files import locked, write_whole
from sixfold.security._home import Home

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["Keyring"]

_OTHERS_CAN_READ = stat.S_IRWXG | stat.S_IRWXO


class Keyring:
    """The keys kept in a home; nothing is read or made before it is asked for."""

    def __init__(self, home: Home) -> None:
        self.home = home

    @cached_property
    def identity(self) -> pyrage.x25519.Identity:
        """The age identity that opens what was encrypted for this machine.

        Raises:
            KeyringError: The key is not an age identity, or its file can be read by others.
        """
        text, origin = os.environ.get("SIXFOLD_KEY"), "SIXFOLD_KEY"
        if text is None and (named := os.environ.get("SIXFOLD_KEY_FILE")):
            text, origin = _read_private(Path(named)), named
        if text is None:
            path = self.home.folder("keys") / "identity.txt"
            text, origin = self._made(path, lambda: str(pyrage.x25519.Identity.generate()) + "\n"), str(path)
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        try:
            return pyrage.x25519.Identity.from_str(lines[0].strip())
        except (pyrage.IdentityError, IndexError) as error:
            raise KeyringError("not_an_identity", origin=origin) from error

    @property
    def recipient(self) -> str:
        """The public half of :attr:`identity` (``age1…``): who encrypts for it, encrypts for this machine."""
        return str(self.identity.to_public())

    @cached_property
    def signing(self) -> EllipticCurvePrivateKey:
        """The EC P-256 key that signs packs."""
        from cryptography.hazmat.primitives.asymmetric import ec

        key = self._private_key("SIXFOLD_SIGNING_KEY", "signing.pem", lambda: ec.generate_private_key(ec.SECP256R1()))
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise KeyringError("not_a_private_key", origin="SIXFOLD_SIGNING_KEY", wanted="EC P-256")
        return key

    @cached_property
    def ledger(self) -> Ed25519PrivateKey:
        """The Ed25519 key that signs the ledger and the store's records."""
        from cryptography.hazmat.primitives.asymmetric import ed25519

        key = self._private_key("SIXFOLD_LEDGER_KEY", "ledger.pem", ed25519.Ed25519PrivateKey.generate)
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise KeyringError("not_a_private_key", origin="SIXFOLD_LEDGER_KEY", wanted="Ed25519")
        return key

    def public_signing_pem(self) -> bytes:
        """The public half of :attr:`signing`, as PEM: what a customer needs to verify a pack."""
        return _public_pem(self.signing.public_key())

    def public_ledger_pem(self) -> bytes:
        """The public half of :attr:`ledger`, as PEM: what an auditor needs to verify the ledger."""
        return _public_pem(self.ledger.public_key())

    def _made(self, path: Path, make: object) -> str:
        assert callable(make)
        if not path.exists():
            with locked(path.with_suffix(".lock")):
                if not path.exists():
                    write_whole(path, make().encode())
        return _read_private(path)

    def _private_key(self, variable: str, name: str, generate: object) -> object:
        from cryptography.hazmat.primitives import serialization as forms

        def fresh() -> str:
            assert callable(generate)
            key = generate()
            pem: bytes = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
            return pem.decode()

        text, origin = os.environ.get(variable), variable
        if text is None:
            path = self.home.folder("keys") / name
            text, origin = self._made(path, fresh), str(path)
        try:
            return forms.load_pem_private_key(text.encode(), password=None)
        except (ValueError, TypeError) as error:
            raise KeyringError("not_a_private_key", origin=origin, wanted="PEM") from error


def _read_private(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if os.name == "posix" and mode & _OTHERS_CAN_READ:
            raise KeyringError("key_open_to_others", path=path)
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyringError("key_unreadable", path=path, reason=error) from error


def _public_pem(key: object) -> bytes:
    from cryptography.hazmat.primitives import serialization as forms

    pem: bytes = key.public_bytes(  # type: ignore[attr-defined]  # every public key of `cryptography` has it
        forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo
    )
    return pem
