"""Encryption of bytes with age (age-encryption.org/v1), through pyrage; the standard ``age`` tool opens it, too."""

from __future__ import annotations

from collections.abc import Sequence

import pyrage

from sixfold.errors import KeyringError

__all__ = ["decrypted", "encrypted", "recipient_from"]


def encrypted(data: bytes, recipients: Sequence[str]) -> bytes:
    """``data``, so that the identity of any of ``recipients`` (``age1…``) opens it.

    Raises:
        KeyringError: A recipient is none.
    """
    return bytes(pyrage.encrypt(data, [recipient_from(recipient) for recipient in recipients]))


def decrypted(data: bytes, identity: pyrage.x25519.Identity, *, what: str) -> bytes:
    """What :func:`encrypted` was given; age authenticates every 64 KiB, so changed bytes are never returned.

    Raises:
        KeyringError: It was encrypted for others, or changed; ``what`` names it.
    """
    try:
        return bytes(pyrage.decrypt(data, [identity]))
    except pyrage.DecryptError as error:
        raise KeyringError("cannot_decrypt", what=what, recipient=identity.to_public()) from error


def recipient_from(text: str) -> pyrage.x25519.Recipient:
    """The recipient that ``age1…`` names.

    Raises:
        KeyringError: It names none.
    """
    try:
        return pyrage.x25519.Recipient.from_str(text.strip())
    except pyrage.RecipientError as error:
        raise KeyringError("not_a_recipient", received=text) from error
