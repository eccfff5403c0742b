"""The ledger: nothing in it can be changed, removed, moved or cut unseen."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sixfold.errors import LedgerError
from sixfold.hashing import canonical_json
from sixfold.security import Home, Keyring, Ledger, tree_hash


def filled(ledger: Ledger, entries: int = 12) -> Ledger:
    for number in range(entries):
        ledger.append("stage.done", "digits", number=number)
    return ledger


def test_what_was_recorded_is_told_in_order(ledger: Ledger) -> None:
    filled(ledger)
    assert [entry.values["number"] for entry in ledger.entries()] == list(range(12))
    assert ledger.verify() == 12


def test_every_flipped_byte_is_found(home: Home, ledger: Ledger) -> None:
    filled(ledger)
    draw = random.Random(0)
    for path in (ledger.path, ledger.checkpoint_path):
        whole = path.read_bytes()
        for position in range(len(whole)):
            path.write_bytes(flipped(whole, position, draw.randrange(8)))
            with pytest.raises(LedgerError):
                Ledger(home, Keyring(home)).verify()
        path.write_bytes(whole)
    assert ledger.verify() == 12


@pytest.mark.parametrize("how", ["removed", "swapped", "doubled", "cut", "added"])
def test_lines_removed_swapped_doubled_cut_or_added_are_found(ledger: Ledger, how: str) -> None:
    filled(ledger)
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    changed = {
        "removed": lines[:4] + lines[5:],
        "swapped": [*lines[:4], lines[5], lines[4], *lines[6:]],
        "doubled": [*lines[:5], lines[4], *lines[5:]],
        "cut": lines[:-3],
        "added": [*lines, lines[-1]],
    }[how]
    ledger.path.write_bytes(b"".join(changed))
    with pytest.raises(LedgerError):
        ledger.verify()


def test_a_whole_older_state_is_found_against_a_checkpoint_kept_elsewhere(ledger: Ledger) -> None:
    filled(ledger, 5)
    old = ledger.path.read_bytes(), ledger.checkpoint_path.read_bytes()
    filled(ledger, 4)
    kept_elsewhere = ledger.checkpoint()
    ledger.path.write_bytes(old[0])
    ledger.checkpoint_path.write_bytes(old[1])
    assert ledger.verify() == 5
    with pytest.raises(LedgerError) as caught:
        ledger.verify(against=kept_elsewhere)
    assert caught.value.code == "ledger.end_cut"


def test_nothing_is_appended_to_a_changed_ledger(home: Home, ledger: Ledger) -> None:
    filled(ledger)
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole.replace(b'"number":3', b'"number":4') + b"")
    (home.path / "ledger" / "frontier.json").unlink()
    with pytest.raises(LedgerError):
        ledger.append("stage.done", "digits")


def test_a_crash_between_line_and_checkpoint_is_taken_in_by_the_next_append(ledger: Ledger) -> None:
    filled(ledger, 3)
    frontier = ledger.path.parent / "frontier.json"
    before = ledger.checkpoint_path.read_bytes(), frontier.read_bytes()
    ledger.append("stage.done", "digits", number=3)
    ledger.checkpoint_path.write_bytes(before[0])
    frontier.write_bytes(before[1])
    ledger.append("stage.done", "digits", number=4)
    assert ledger.verify() == 5


def test_a_half_written_line_is_written_over(ledger: Ledger) -> None:
    filled(ledger, 3)
    with ledger.path.open("ab") as stream:
        stream.write(b'{"act":"hal')
    ledger.append("stage.done", "digits", number=3)
    assert ledger.verify() == 4


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=40))
def test_the_tree_hash_is_that_of_rfc_6962(lines: list[bytes]) -> None:
    import hashlib

    def plain(leaves: list[bytes]) -> bytes:
        if len(leaves) == 1:
            return hashlib.sha256(b"\x00" + leaves[0]).digest()
        split = 1 << ((len(leaves) - 1).bit_length() - 1)
        return hashlib.sha256(b"\x01" + plain(leaves[:split]) + plain(leaves[split:])).digest()

    assert tree_hash(lines) == plain(lines)


def test_lines_are_canonical_json(ledger: Ledger) -> None:
    import json

    filled(ledger, 2)
    for line in ledger.path.read_bytes().splitlines():
        assert canonical_json(json.loads(line)) == line


def flipped(whole: bytes, position: int, bit: int) -> bytes:
    return whole[:position] + bytes([whole[position] ^ (1 << bit)]) + whole[position + 1 :]
