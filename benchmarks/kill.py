"""``kill -9`` at random moments of a run: does the next run end with the figures of an uninterrupted one?

One product is run once undisturbed; then, in a fresh home each time, it is started, killed at a random moment (with its
training child or without), and run again to its end. A figure is the whole of `report.json`'s figures. Training lost is
the time between the last checkpoint (or the beginning of training) and the kill. Prints a table.

    python benchmarks/kill.py ../shared/data/sign_digits.zip --kills 20
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PRODUCT = """\
name: killed
data: {data}
given: {{photo: {{kind: image, size: 64}}}}
predict: {{sign: category}}
train: {{network: cnn, filters: [32], dense: [128], epochs: {epochs}}}
"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--kills", type=int, default=20)
    arguments.add_argument("--epochs", type=int, default=10)
    arguments.add_argument("--seed", type=int, default=0)
    said = arguments.parse_args()
    draw = random.Random(said.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "product.yaml").write_text(
            PRODUCT.format(data=json.dumps(str(said.data.resolve())), epochs=said.epochs), encoding="utf-8"
        )
        begun = time.monotonic()
        expected = run_whole(folder, folder / "undisturbed")
        length = time.monotonic() - begun
        print(f"undisturbed: {length:.1f} s, accuracy {expected['accuracy']['value']:.4f}\n")
        print("| kill | after s | what | training lost s | same figures | store and ledger |")
        print("|---|---|---|---|---|---|")
        same = 0
        longest = 0.0
        for number in range(said.kills):
            home = folder / f"home-{number}"
            after = draw.uniform(0.5, length)
            how = draw.choice(("command", "command and child"))
            lost = kill_after(folder, home, after, both=how != "command")
            longest = max(longest, lost)
            actual = run_whole(folder, home)
            same += actual == expected
            sound = all(verified(home))
            print(
                f"| {number + 1} | {after:.1f} | {how} | {lost:.1f} | {'yes' if actual == expected else 'NO'} "
                f"| {'verified' if sound else 'CHANGED'} |",
                flush=True,
            )
            shutil.rmtree(home)
        print(f"\n{same} of {said.kills} ended with the same figures; most training lost: {longest:.1f} s")


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "sixfold", "run", str(folder / "product.yaml"), "--until", "evaluate", "--no-report"]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "SIXFOLD_HOME": str(home)}


def run_whole(folder: Path, home: Path) -> dict[str, Any]:
    subprocess.run([*command(folder), "--json"], check=True, env=environment(home), stdout=subprocess.DEVNULL)
    os.environ["SIXFOLD_HOME"] = str(home)
    from sixfold import Sixfold

    run = Sixfold().last("killed")
    assert run is not None
    return run.figures


def kill_after(folder: Path, home: Path, seconds: float, *, both: bool) -> float:
    """Start, kill; returns how many seconds of training were lost."""
    process = subprocess.Popen(
        command(folder), env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    training_since = None
    begun = time.monotonic()
    while time.monotonic() - begun < seconds and process.poll() is None:
        child = child_of(process.pid)
        if child is not None and training_since is None:
            training_since = time.time()
        time.sleep(0.1)
    child = child_of(process.pid)
    process.send_signal(signal.SIGKILL)
    if both and child is not None:
        os.kill(child, signal.SIGKILL)
    process.wait()
    now = time.time()
    time.sleep(0.5)
    if training_since is None:
        return 0.0
    kept = [path.stat().st_mtime for path in (home / "store" / "slots").glob("*")]
    return now - max([training_since, *kept])


def child_of(parent: int) -> int | None:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                line = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if int(fields[1]) == parent and b"sixfold.training" in line:
                return int(folder.name)
    return None


def verified(home: Path) -> list[bool]:
    os.environ["SIXFOLD_HOME"] = str(home)
    from sixfold import Sixfold

    house = Sixfold()
    return [house.ledger.verify() > 0, not list(house.store.verify())]


if __name__ == "__main__":
    main()
