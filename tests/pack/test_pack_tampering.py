"""verify(tamper(pack)) fails, whatever the tampering; the error names the file, and the member where it can."""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packing import refused

from sixfold.errors import PackError
from sixfold.hashing import canonical_json
from sixfold.pack import Pack, verify_pack
from sixfold.pack._signature import signature_of
from sixfold.pack._zip import zipped
from sixfold.security import Keyring, encrypted

Members = dict[str, bytes]


def test_a_thousand_random_flips_are_all_found(pack: Pack, key: bytes, tampered_path: Path) -> None:
    data = bytearray(pack.verified.path.read_bytes())
    chance = random.Random(0)
    for _ in range(1000):
        place, bit = chance.randrange(len(data)), 1 << chance.randrange(8)
        data[place] ^= bit
        tampered_path.write_bytes(data)
        refused(verify_pack, tampered_path, key)
        data[place] ^= bit


def test_a_flip_in_a_member_names_the_member(pack: Pack, key: bytes, tampered_path: Path) -> None:
    with zipfile.ZipFile(pack.verified.path) as archive:
        places = {entry.filename: entry.header_offset + 30 + len(entry.filename) for entry in archive.infolist()}
    for name, place in places.items():
        data = bytearray(pack.verified.path.read_bytes())
        data[place] ^= 1
        tampered_path.write_bytes(data)
        assert refused(verify_pack, tampered_path, key).values["member"] == name


def test_every_byte_between_the_members_counts(pack: Pack, key: bytes, tampered_path: Path) -> None:
    data = bytearray(pack.verified.path.read_bytes())
    with zipfile.ZipFile(pack.verified.path) as archive:
        first, last = archive.infolist()[0], archive.start_dir
        places = [*range(first.header_offset, 30 + len(first.filename)), *range(last, len(data))]
    for place in places:
        data[place] ^= 0x10
        tampered_path.write_bytes(data)
        refused(verify_pack, tampered_path, key)
        data[place] ^= 0x10


def test_cut_at_every_member_boundary_it_is_called_cut(pack: Pack, key: bytes, tampered_path: Path) -> None:
    data = pack.verified.path.read_bytes()
    with zipfile.ZipFile(pack.verified.path) as archive:
        places = [entry.header_offset for entry in archive.infolist()] + [archive.start_dir]
    for place in [*places, len(data) - 1, len(data) - 22, 3, places[3] + 10, places[3] + 40]:
        tampered_path.write_bytes(data[:place])
        assert refused(verify_pack, tampered_path, key).code == "pack.truncated", place


def add(members: Members) -> Members:
    return {**members, "page/extra.html": b"hello"}


def add_hidden(members: Members) -> Members:
    return {**members, ".git/config": b"hello"}


def remove(members: Members) -> Members:
    return {name: data for name, data in members.items() if name != "README.md"}


def remove_signature(members: Members) -> Members:
    return {name: data for name, data in members.items() if name != "model.sig"}


def rename(members: Members) -> Members:
    return {name.replace("README.md", "READ.md"): data for name, data in members.items()}


def reorder(members: Members) -> Members:
    first, second, *others = members.items()
    return dict([first, second, *others[::-1]])


def reorder_the_first(members: Members) -> Members:
    first, second, *others = members.items()
    return dict([second, first, *others])


def swap_sealed(members: Members) -> Members:
    one, other = "sealed/graph.onnx.age", "sealed/bundle.json.age"
    return {**members, one: members[other], other: members[one]}


def change(members: Members) -> Members:
    return {**members, "README.md": members["README.md"] + b" "}


def change_manifest(members: Members) -> Members:
    return {**members, "manifest.json": members["manifest.json"].replace(b"tumours", b"tumoura")}


def newer(members: Members) -> Members:
    return {**members, "manifest.json": members["manifest.json"].replace(b'"format": 1', b'"format": 9')}


def empty_signature(members: Members) -> Members:
    return {**members, "model.sig": b"{}"}


def nest(members: Members) -> Members:
    return {**members, "page/inner.sixfold": zipped(members)}


@pytest.mark.parametrize(
    ("tamper", "slug", "member"),
    [
        (add, "member_added", "page/extra.html"),
        (add_hidden, "unsafe_member", ".git/config"),
        (remove, "member_removed", "README.md"),
        (remove_signature, "member_removed", "model.sig"),
        (rename, "member_added", "READ.md"),
        (reorder, "member_moved", None),
        (reorder_the_first, "member_moved", "model.sig"),
        (swap_sealed, "member_changed", "sealed/bundle.json.age"),
        (change, "member_changed", "README.md"),
        (change_manifest, "member_changed", "manifest.json"),
        (newer, "format_newer", None),
        (empty_signature, "signature_invalid", "model.sig"),
        (nest, "member_added", "page/inner.sixfold"),
    ],
)
def test_whoever_writes_the_zip_anew_is_found(
    *, pack: Pack, key: bytes, tampered_path: Path, tamper: Callable[[Members], Members], slug: str, member: str | None
) -> None:
    tampered_path.write_bytes(zipped(tamper(dict(pack.members))))
    error = refused(verify_pack, tampered_path, key)
    assert error.code == f"pack.{slug}"
    assert member is None or error.values["member"] == member


@pytest.mark.parametrize(
    "name", ["../x", "/x", "a\\b", "a//b", "a/", "C:x", ".github/x", "a/.gitignore", "a\nb", "x" * 201]
)
def test_a_name_that_leads_elsewhere_is_refused(pack: Pack, key: bytes, tampered_path: Path, name: str) -> None:
    tampered_path.write_bytes(zipped({**pack.members, name: b""}))
    assert refused(verify_pack, tampered_path, key).code == "pack.unsafe_member"


def test_a_member_that_stands_there_twice_is_refused(pack: Pack, key: bytes, tampered_path: Path) -> None:
    same = zipped({**pack.members, "READMX.md": b"other"}).replace(b"READMX.md", b"README.md")
    tampered_path.write_bytes(same)
    error = refused(verify_pack, tampered_path, key)
    assert (error.code, error.values["member"]) == ("pack.member_added", "README.md")


@pytest.mark.parametrize("how", ["before", "after", "between", "comment"])
def test_bytes_outside_of_members_are_found(pack: Pack, key: bytes, tampered_path: Path, how: str) -> None:
    data = pack.verified.path.read_bytes()
    with zipfile.ZipFile(pack.verified.path) as archive:
        directory = archive.start_dir
    tampered_path.write_bytes(
        {
            "before": b"#!/bin/sh\n" + data,
            "after": data + data,
            "between": data[:directory] + b"hidden" + data[directory:],
            "comment": data[:-2] + b"\x05\x00hello",
        }[how]
    )
    assert refused(verify_pack, tampered_path, key).slug in ("not_a_pack", "container_changed")


def test_a_pack_saved_by_a_zip_tool_is_no_longer_the_pack(pack: Pack, key: bytes, tampered_path: Path) -> None:
    with zipfile.ZipFile(tampered_path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in pack.members.items():
            archive.writestr(name, data)
    refused(verify_pack, tampered_path, key)


def test_a_stranger_who_signs_a_changed_pack_is_unknown(
    pack: Pack, key: bytes, stranger: Keyring, tampered_path: Path
) -> None:
    others = {name: data for name, data in change(dict(pack.members)).items() if name != "model.sig"}
    signature = signature_of(others, "tumours", stranger.signing)
    manifest, *rest = others.items()
    tampered_path.write_bytes(zipped(dict([manifest, ("model.sig", signature), *rest])))
    assert refused(verify_pack, tampered_path, key).code == "pack.unknown_signer"
    claimed = json.loads(signature)
    claimed["verificationMaterial"]["publicKey"]["hint"] = json.loads(pack.members["model.sig"])[
        "verificationMaterial"
    ]["publicKey"]["hint"]
    tampered_path.write_bytes(zipped(dict([manifest, ("model.sig", canonical_json(claimed)), *rest])))
    assert refused(verify_pack, tampered_path, key).code == "pack.signature_invalid"


def test_a_signed_manifest_that_says_otherwise_is_not_believed(
    pack: Pack, key: bytes, supplier: Keyring, customer: Keyring, tampered_path: Path
) -> None:
    """Even the supplier's own signature does not make a manifest true."""
    for changed in (
        {"README.md": b"other"},
        {"sealed/graph.onnx.age": encrypted(b"other", [customer.recipient])},
        {"manifest.json": pack.members["manifest.json"].replace(b'"signed_by": "', b'"signed_by": "0')},
    ):
        members = {**pack.members, **changed}
        others = {name: data for name, data in members.items() if name != "model.sig"}
        members["model.sig"] = signature_of(others, "tumours", supplier.signing)
        tampered_path.write_bytes(zipped(members))
        error = refused(verify_pack, tampered_path, key)
        assert (error.code, error.values["member"]) == ("pack.member_changed", "manifest.json")


@pytest.mark.parametrize(
    "junk", [b"", b"[]", b"\xff", b"null", b'{"mediaType":1}', b"[" * 100_000, b'{"verificationMaterial":[]}']
)
def test_a_signature_of_any_other_form_is_refused(pack: Pack, key: bytes, tampered_path: Path, junk: bytes) -> None:
    tampered_path.write_bytes(zipped({**pack.members, "model.sig": junk}))
    assert refused(verify_pack, tampered_path, key).values["member"] == "model.sig"


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_verifying_what_was_tampered_with_fails(
    pack: Pack, key: bytes, tampered_path: Path, data: st.DataObject
) -> None:
    """The law: no edit of the file, of any length anywhere, leaves it a pack."""
    original = pack.verified.path.read_bytes()
    start = data.draw(st.integers(0, len(original)))
    stop = data.draw(st.integers(start, min(len(original), start + 64)))
    edited = original[:start] + data.draw(st.binary(max_size=64)) + original[stop:]
    tampered_path.write_bytes(edited)
    if edited == original:
        assert verify_pack(tampered_path, key)
    else:
        with pytest.raises(PackError):
            verify_pack(tampered_path, key)
