"""The signature of a pack: the OpenSSF Model Signing form, so that the customer can verify with the standard tool.

A Sigstore bundle (v0.3, JSON) holds a DSSE envelope, that holds an in-toto Statement v1, whose predicate
``model_signing/signature/v1.0`` lists the SHA-256 of every file. It is signed by the library ``model_signing``, and
verified here, with ``cryptography`` alone: importing the library takes longer than all else that a service does
before its first answer. A test holds the two against each other, both ways. What is *not* promised: who signed,
beyond the key; when, beyond what the signed manifest says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from sixfold.errors import PackError
from sixfold.files import scratch
from sixfold.hashing import canonical_json
from sixfold.pack._manifest import SIGNATURE
from sixfold.security import public_key_from_pem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = ["signature_of", "signed_digests"]

_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"


def signature_of(members: Mapping[str, bytes], name: str, key: EllipticCurvePrivateKey) -> bytes:
    """The signature of ``members`` by ``key``, made by the standard's own library.

    Args:
        members: Every file that is signed, by its path.
        name: What the model is called in the statement.
        key: EC P-256.
    """
    from cryptography.hazmat.primitives import serialization as forms
    from model_signing import hashing, signing

    pem = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    with scratch() as folder:
        for path, data in members.items():
            file = folder / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        with open(os.open(folder / "key.pem", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(pem)
        signer = signing.Config().use_elliptic_key_signer(private_key=folder / "key.pem")
        exact = hashing.Config().set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=False)
        signer.set_hashing_config(exact).sign(folder / name, folder / SIGNATURE)
        return canonical_json(json.loads((folder / SIGNATURE).read_bytes()))


def signed_digests(signature: bytes, trusted: Sequence[bytes], path: Path) -> tuple[dict[str, str], bytes]:
    """What a signature by one of ``trusted`` says of the files it covers.

    Args:
        signature: The Sigstore bundle.
        trusted: Public keys, PEM.
        path: The pack, for the errors.

    Returns:
        The SHA-256 of each file in hexadecimal, by its path; and which of the keys signed.

    Raises:
        PackError: Another key signed, or the signature is not valid or not of this form.
        KeyringError: One of ``trusted`` is no EC P-256 public key.
    """
    keys = {_hint(pem): pem for pem in trusted}
    try:
        bundle = json.loads(signature)
        hint, payload, raw = _opened(bundle)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PackError("signature_invalid", path=path, member=SIGNATURE) from error
    if hint not in keys:
        raise PackError("unknown_signer", path=path, key=_short(hint))
    if not _is_signed(payload, raw, keys[hint]):
        raise PackError("signature_invalid", path=path, member=SIGNATURE)
    try:
        return _listed(json.loads(payload)), keys[hint]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PackError("signature_invalid", path=path, member=SIGNATURE) from error


def _opened(bundle: Any) -> tuple[str, bytes, bytes]:
    """The hint at the key, the signed payload and the raw signature of a bundle that has nothing else.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: It is of another form.
    """
    hint: str = bundle["verificationMaterial"]["publicKey"]["hint"]
    envelope = bundle["dsseEnvelope"]
    payload, raw = _decoded(envelope["payload"]), _decoded(envelope["signatures"][0]["sig"])
    known = {
        "mediaType": _BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": envelope["payload"],
            "payloadType": _PAYLOAD,
            "signatures": [{"sig": envelope["signatures"][0]["sig"], "keyid": ""}],
        },
    }
    if not isinstance(hint, str) or bundle != known:
        raise ValueError("not a bundle of one key, one statement and one signature")
    return hint, payload, raw


def _decoded(text: str) -> bytes:
    """Base64 in its one canonical form: other spellings of the same bytes are changes too."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise binascii.Error("not canonical")
    return data


def _is_signed(payload: bytes, raw: bytes, pem: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    # Pre-Authentication Encoding, DSSE v1 protocol, "Signature definition".
    encoded = b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD), _PAYLOAD.encode(), len(payload), payload)
    try:
        public_key_from_pem(pem, origin="PEM").verify(raw, encoded, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _listed(statement: Any) -> dict[str, str]:
    """The digests that a statement lists, once it is known to be authentic.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: It is of another form.
    """
    if (statement["_type"], statement["predicateType"]) != (_STATEMENT, _PREDICATE):
        raise ValueError("not a model signature v1.0")
    predicate = statement["predicate"]
    if (predicate["serialization"]["method"], predicate["serialization"]["hash_type"]) != ("files", "sha256"):
        raise ValueError("not file by file, by SHA-256")
    digests: dict[str, str] = {}
    for resource in sorted(predicate["resources"], key=lambda entry: PurePosixPath(entry["name"])):
        if resource["algorithm"] != "sha256" or resource["name"] in digests:
            raise ValueError("a file listed twice, or by another digest")
        digests[resource["name"]] = resource["digest"]
    (subject,) = statement["subject"]
    whole = hashlib.sha256(b"".join(map(bytes.fromhex, digests.values()))).hexdigest()
    if subject["digest"] != {"sha256": whole}:
        raise ValueError("the digest of the whole is not that of its parts")
    return digests


def _hint(pem: bytes) -> str:
    """What a bundle calls its key: SHA-256 of the PEM text, as the library writes it."""
    from cryptography.hazmat.primitives import serialization as forms

    key = public_key_from_pem(pem, origin="PEM")
    return hashlib.sha256(key.public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _short(hint: str) -> str:
    return hint[:16]
