"""Our verifier and the standard's own tool say the same, both ways."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as forms

from sixfold.errors import PackError
from sixfold.hashing import digest
from sixfold.pack import Pack
from sixfold.pack._signature import signed_digests
from sixfold.security import Keyring


def standard_tool(*args: object) -> subprocess.CompletedProcess[str]:
    """The command line of OpenSSF model_signing."""
    command = [sys.executable, "-m", "model_signing", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "HOME": "/nowhere"})


@pytest.fixture
def unpacked(pack: Pack, tmp_path: Path) -> Path:
    with zipfile.ZipFile(pack.verified.path) as archive:
        archive.extractall(tmp_path / "pack")
    return tmp_path / "pack"


def verified_by_the_standard_tool(folder: Path, key: bytes) -> bool:
    (folder.parent / "supplier-key.pem").write_bytes(key)
    done = standard_tool(
        "verify", "key", folder, "--signature", folder / "model.sig", "--public_key", folder.parent / "supplier-key.pem"
    )
    return done.returncode == 0


def test_the_standard_tool_accepts_an_unpacked_pack(unpacked: Path, key: bytes) -> None:
    assert verified_by_the_standard_tool(unpacked, key)


def test_the_standard_tool_refuses_a_changed_pack(unpacked: Path, key: bytes) -> None:
    readme = unpacked / "README.md"
    readme.write_bytes(readme.read_bytes() + b" ")
    assert not verified_by_the_standard_tool(unpacked, key)


def test_the_standard_tool_refuses_an_added_file(unpacked: Path, key: bytes) -> None:
    (unpacked / "page" / "extra.html").write_text("hello")
    assert not verified_by_the_standard_tool(unpacked, key)


def test_the_standard_tool_refuses_another_key(unpacked: Path, stranger: Keyring) -> None:
    assert not verified_by_the_standard_tool(unpacked, stranger.public_signing_pem())


def test_what_the_standard_tool_signs_verifies_here(tmp_path: Path, supplier: Keyring, stranger: Keyring) -> None:
    model = tmp_path / "model"
    (model / "sub").mkdir(parents=True)
    files = {"b.txt": b"b", "B.txt": b"B", "sub/a.bin": bytes(range(256)), "sub.txt": b""}
    for name, data in files.items():
        (model / name).write_bytes(data)
    key = supplier.signing.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)
    signature = tmp_path / "signed.sig"
    done = standard_tool("sign", "key", model, "--private_key", tmp_path / "key.pem", "--signature", signature)
    assert done.returncode == 0, done.stderr
    keys = [stranger.public_signing_pem(), supplier.public_signing_pem()]
    found, signer = signed_digests(signature.read_bytes(), keys, tmp_path)
    assert found == {name: digest(data) for name, data in files.items()}
    assert signer == supplier.public_signing_pem()
    with pytest.raises(PackError, match="unknown_signer"):
        signed_digests(signature.read_bytes(), keys[:1], tmp_path)
