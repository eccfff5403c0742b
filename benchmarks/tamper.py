"""How much tampering is found: random byte flips and changes of membership, in a pack and in a ledger.

    python benchmarks/tamper.py PACK --key supplier-key.pem [--home ~/.sixfold] [--flips 1000]

Prints one row for each kind of change: how many were made, how many were found, and where one was missed. Works on
copies in a private folder; the pack and the ledger stay as they are. Exit code 1 if anything was missed.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from sixfold.errors import SixfoldError
from sixfold.files import scratch
from sixfold.pack import open_pack, verify_pack
from sixfold.pack._zip import zipped
from sixfold.security import Home, Keyring, Ledger, read_public_key

Change = tuple[str, bytes]
"""Where it was changed, and the file as it then is."""


@dataclass
class Tally:
    """One row of the table."""

    what: str
    made: int = 0
    found: int = 0
    unnamed: int = 0
    missed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def row(self) -> str:
        where = ", ".join(self.missed[:10]) or "–"
        speed = 1000 * self.seconds / max(1, self.made)
        return f"{self.what:<42} {self.made:>6} {self.found:>6} {self.unnamed:>8} {speed:>9.1f}  {where}"


def tallied(what: str, changes: Iterator[Change], file: Path, verify: Callable[[], object]) -> Tally:
    """Make each change to ``file`` and ask ``verify``, which must raise an error that names the file."""
    tally, original = Tally(what), file.read_bytes()
    begun = time.perf_counter()
    for where, data in changes:
        if data == original:
            continue
        file.write_bytes(data)
        tally.made += 1
        try:
            verify()
            tally.missed.append(where)
        except SixfoldError as error:
            tally.found += 1
            tally.unnamed += file.name not in error.says("en")
    file.write_bytes(original)
    tally.seconds = time.perf_counter() - begun
    return tally


def flips(data: bytes, count: int, chance: random.Random) -> Iterator[Change]:
    """``count`` copies, each with one bit of one byte the other way round."""
    for _ in range(count):
        place, bit = chance.randrange(len(data)), 1 << chance.randrange(8)
        yield f"@{place}", data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]


def memberships(members: dict[str, bytes]) -> Iterator[Change]:
    """The pack written anew by somebody who knows its form: members added, removed, renamed, swapped, reordered."""
    names = list(members)
    yield "added", zipped({**members, "page/extra.html": b"hello"})
    yield "nested", zipped({**members, "page/inner.sixfold": zipped(members)})
    for name in names:
        yield f"removed {name}", zipped({other: data for other, data in members.items() if other != name})
        yield f"renamed {name}", zipped({(f"{other}x" if other == name else other): d for other, d in members.items()})
        yield f"emptied {name}", zipped({**members, name: b""})
    for one, other in pairwise(names):
        yield f"swapped {one} and {other}", zipped({**members, one: members[other], other: members[one]})
        order = [{one: other, other: one}.get(name, name) for name in names]
        yield f"reordered {one} and {other}", zipped({name: members[name] for name in order})


def cuts(data: bytes, places: list[int]) -> Iterator[Change]:
    """The file cut off at each of ``places``."""
    for place in places:
        yield f"cut at {place}", data[:place]


def entry_changes(data: bytes) -> Iterator[Change]:
    """The ledger with a line removed, doubled, or swapped with the next."""
    lines = data.splitlines(keepends=True)
    for number, line in enumerate(lines):
        yield f"removed entry {number}", b"".join(lines[:number] + lines[number + 1 :])
        yield f"doubled entry {number}", b"".join([*lines[: number + 1], line, *lines[number + 1 :]])
        if number + 1 < len(lines):
            swapped = [*lines[:number], lines[number + 1], line, *lines[number + 2 :]]
            yield f"swapped entries {number} and {number + 1}", b"".join(swapped)
        yield f"cut before entry {number}", b"".join(lines[:number])


def pack_tallies(path: Path, key: bytes, count: int, chance: random.Random) -> Iterator[Tally]:
    data, members = path.read_bytes(), dict(open_pack(path, key).members)
    ends, place = [], 0
    for name, content in members.items():
        place += 30 + len(name) + len(content)
        ends += [place - len(content), place]

    def verify() -> object:
        return verify_pack(path, key)

    yield tallied("pack: random flips", flips(data, count, chance), path, verify)
    between = data[place:]
    outside = ((where, data[:place] + changed) for where, changed in flips(between, count // 4, chance))
    yield tallied("pack: random flips outside of members", outside, path, verify)
    yield tallied("pack: members changed by who knows the form", memberships(members), path, verify)
    yield tallied("pack: cut at and between members", cuts(data, [0, *ends, len(data) - 1]), path, verify)


def ledger_tallies(home: Path, count: int, chance: random.Random) -> Iterator[Tally]:
    ledger = Ledger(Home(home), Keyring(Home(home)))
    kept = ledger.checkpoint()

    def verify() -> object:
        return ledger.verify(against=kept)

    verify()
    entries, checkpoint = ledger.path.read_bytes(), ledger.checkpoint_path.read_bytes()
    yield tallied("ledger: random flips in the entries", flips(entries, count, chance), ledger.path, verify)
    yield tallied(
        "ledger: random flips in the checkpoint", flips(checkpoint, count, chance), ledger.checkpoint_path, verify
    )
    yield tallied("ledger: entries removed, doubled, swapped, cut", entry_changes(entries), ledger.path, verify)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pack", type=Path)
    parser.add_argument(
        "--key", type=Path, help="the supplier's public key; left out, supplier-key.pem beside the pack"
    )
    parser.add_argument("--home", type=Path, help="a home whose ledger is tampered with too (a copy of it)")
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    said = parser.parse_args()
    key = read_public_key(said.key or said.pack.parent / "supplier-key.pem")
    chance = random.Random(said.seed)
    print(f"{'change':<42} {'made':>6} {'found':>6} {'unnamed':>8} {'ms each':>9}  missed at")
    missed = 0
    with scratch() as folder:
        copy = Path(shutil.copy(said.pack, folder))
        for tally in pack_tallies(copy, key, said.flips, chance):
            print(tally.row(), flush=True)
            missed += len(tally.missed)
        if said.home is not None:
            home = folder / "home"
            for name in ("ledger", "keys"):
                shutil.copytree(said.home / name, home / name)
            for tally in ledger_tallies(home, said.flips, chance):
                print(tally.row(), flush=True)
                missed += len(tally.missed)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
