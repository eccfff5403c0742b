"""The store: what it keeps, it keeps whole, secret and unchanged."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from sixfold.errors import KeyringError, SixfoldError, StoreError
from sixfold.security import Home, Keyring
from sixfold.store import Store

SECRET = b"the patient is called Zhang San" * 50


def test_what_was_put_is_got(store: Store) -> None:
    assert store.get(store.put(SECRET)) == SECRET


def test_the_same_bytes_are_kept_once(store: Store) -> None:
    assert store.put(SECRET) == store.put(SECRET)
    assert len(list((store.home.path / "store" / "blobs").glob("*/*"))) == 1


def test_nothing_lies_in_clear_on_the_disk(store: Store) -> None:
    made = store.keep("collect", "k", {"note": "Zhang San"}, {"rows": store.put(SECRET)})
    store.save_slot("k", {}, SECRET + b"checkpoint")
    assert made.size == len(SECRET)
    for path in store.home.path.rglob("*"):
        if path.is_file():
            assert b"Zhang San" not in path.read_bytes()
            assert path.stat().st_mode & 0o077 == 0


def test_an_artefact_is_found_again_by_its_key(home: Home, store: Store) -> None:
    made = store.keep("collect", "k", {"rows": 3}, {"rows": store.put(SECRET)})
    assert Store(home, Keyring(home)).made("collect", "k") == made
    assert store.made("collect", "another") is None
    assert store.made("prepare", "k") is None


def test_an_artefact_without_one_of_its_blobs_is_made_anew(store: Store) -> None:
    made = store.keep("collect", "k", {}, {"rows": store.put(SECRET)})
    blob = made.members["rows"].blob
    (store.home.path / "store" / "blobs" / blob[:2] / blob).unlink()
    assert store.made("collect", "k") is None


def test_a_checkpoint_is_replaced_and_its_old_bytes_are_freed(store: Store) -> None:
    store.save_slot("k", {"epoch": 1}, b"one" * 100)
    store.save_slot("k", {"epoch": 2}, b"two" * 100)
    assert store.slot("k") == ({"epoch": 2}, b"two" * 100)
    store.drop_slot("k")
    assert store.slot("k") is None
    assert not list((store.home.path / "store" / "blobs").glob("*/*"))


def test_garbage_is_what_no_artefact_names(store: Store) -> None:
    store.keep("collect", "k", {}, {"rows": store.put(SECRET)})
    store.put(b"forgotten")
    assert store.collect_garbage(dry=True)[0] == 1
    assert store.collect_garbage()[0] == 1
    assert store.collect_garbage() == (0, 0)
    assert store.made("collect", "k") is not None


def test_another_key_opens_nothing(home: Home, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    member = store.put(SECRET)
    import pyrage

    monkeypatch.setenv("SIXFOLD_KEY", str(pyrage.x25519.Identity.generate()))
    with pytest.raises(KeyringError) as caught:
        Store(home, Keyring(home)).get(member)
    assert caught.value.code == "keys.cannot_decrypt"


def test_every_flipped_byte_of_the_store_is_found_and_the_file_named(home: Home, store: Store) -> None:
    store.keep("collect", "k", {"rows": 3}, {"rows": store.put(SECRET), "more": store.put(b"x" * 300)})
    store.save_slot("slot", {"epoch": 1}, b"weights" * 30)
    files = [path for folder in ("blobs", "steps", "slots") for path in (home.path / "store" / folder).rglob("*")]
    draw = random.Random(0)
    for path in (path for path in files if path.is_file()):
        whole = path.read_bytes()
        for position in draw.sample(range(len(whole)), min(60, len(whole))):
            path.write_bytes(flipped(whole, position, draw.randrange(8)))
            assert path in list(Store(home, Keyring(home)).verify()), f"byte {position} of {path.name}"
        path.write_bytes(whole)
    assert list(Store(home, Keyring(home)).verify()) == []


def test_blobs_swapped_for_one_another_are_found(store: Store) -> None:
    one, two = store.put(b"one" * 10), store.put(b"two" * 10)
    first, second = (store.home.path / "store" / "blobs" / m.blob[:2] / m.blob for m in (one, two))
    first.write_bytes(second.read_bytes())
    with pytest.raises(StoreError) as caught:
        store.get(one)
    assert caught.value.code == "store.blob_changed"


def test_a_record_moved_to_another_key_is_found(store: Store) -> None:
    store.keep("collect", "old", {}, {"rows": store.put(b"old rows")})
    folder = store.home.path / "store" / "steps" / "collect"
    (folder / "new").write_bytes((folder / "old").read_bytes())
    with pytest.raises(StoreError) as caught:
        store.made("collect", "new")
    assert caught.value.code == "store.record_changed"


def test_a_key_that_others_can_read_is_refused(home: Home, keyring: Keyring) -> None:
    assert keyring.recipient.startswith("age1")
    (home.path / "keys" / "identity.txt").chmod(0o644)
    with pytest.raises(KeyringError) as caught:
        _ = Keyring(home).identity
    assert caught.value.code == "keys.key_open_to_others"


def test_a_home_that_may_not_be_written_is_an_error_not_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SIXFOLD_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(SixfoldError) as caught:
        Keyring(Home.default()).recipient  # noqa: B018
    assert caught.value.code in {"store.not_a_folder", "store.no_permission"}


def test_records_are_plain_and_signed(store: Store) -> None:
    store.keep("collect", "k", {"secret": "Zhang San"}, {})
    record = json.loads((store.home.path / "store" / "steps" / "collect" / "k").read_bytes())
    assert set(record) == {"body", "signature"}
    assert "Zhang San" not in json.dumps(record)


def test_not_one_bit_of_a_record_can_be_flipped_unseen(home: Home, store: Store) -> None:
    store.save_slot("slot", {"epoch": 1}, b"weights")
    path = home.path / "store" / "slots" / "slot"
    whole = path.read_bytes()
    for position in range(len(whole) - 20, len(whole)):  # the end of the signature
        for bit in range(8):
            path.write_bytes(flipped(whole, position, bit))
            with pytest.raises(StoreError):
                store.slot("slot")


def flipped(whole: bytes, position: int, bit: int) -> bytes:
    return whole[:position] + bytes([whole[position] ^ (1 << bit)]) + whole[position + 1 :]


def test_what_a_crash_left_half_written_is_nothing_and_is_freed(store: Store) -> None:
    member = store.put(b"whole")
    store.keep("prepare", "key", {}, {"rows": member})
    store.save_slot("slot", {}, b"checkpoint")
    root = store.home.path / "store"
    left = [root / "blobs" / member.blob[:2] / ".part-a", root / "slots" / ".part-b", root / "steps/prepare/.part-c"]
    for path in left:
        path.write_bytes(b"half")
    assert list(store.verify()) == []
    assert list(store.steps()) == [("prepare", "key")]
    assert store.collect_garbage() == (3, 12)
    assert not any(path.exists() for path in left)
    assert store.slot("slot") == ({}, b"checkpoint")
