"""How much memory rows take on their way: a large CSV through collect and prepare, each in a process of its own.

Writes a table of 12 columns and five million rows (about 600 MB) into a temporary folder, runs one stage after the
other and asks the system for the peak resident memory of each. Prints a table.

    python benchmarks/streaming.py --rows 5000000 --until prepare
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

STAGES = ("collect", "prepare")
PIECE = 250_000
PRODUCT = """
name: streaming
data: rows.csv
given: {amount: number, balance: number, ratio: number, load: number, visits: number, age: number, city: category,
  plan: category, channel: category, device: category, member: yes_no}
predict: {left: yes_no}
collect: {columns: {load: log1p(amount) / (1 + visits)}}
"""


def written(path: Path, rows: int) -> None:
    dice = np.random.default_rng(0)
    with path.open("wb") as stream:
        for start in range(0, rows, PIECE):
            count = min(PIECE, rows - start)
            ratio = dice.random(count)
            frame = pl.DataFrame(
                {
                    "id": np.arange(start, start + count),
                    "amount": dice.exponential(1000, count),
                    "balance": dice.normal(0, 1e4, count),
                    "ratio": ratio,
                    "visits": dice.poisson(8, count),
                    "age": dice.integers(18, 95, count),
                    "city": np.char.add("the city of number ", dice.integers(0, 800, count).astype(str)),
                    "plan": dice.choice(["basic", "extended", "premium"], count),
                    "channel": dice.choice(["shop", "telephone", "web"], count),
                    "device": np.char.add("device ", dice.integers(0, 40, count).astype(str)),
                    "member": dice.choice(["yes", "no", "?"], count),
                    "left": np.where(ratio + dice.normal(0, 0.3, count) > 0.7, "yes", "no"),
                }
            )
            frame.write_csv(stream, include_header=start == 0)


def run(product: Path, stage: str) -> tuple[float, float]:
    """Seconds, and peak resident memory in GB, of a run up to a stage; the stages before it are kept from before."""
    command = [sys.executable, "-m", "sixfold", "run", str(product), "--until", stage]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"sixfold run --until {stage} failed")
    return time.perf_counter() - begun, usage.ru_maxrss * 1024 / 1e9


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=5_000_000)
    arguments.add_argument("--until", choices=STAGES, default="prepare")
    said = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SIXFOLD_HOME"] = str(Path(folder, "home"))
        product = Path(folder, "product.yaml")
        product.write_text(PRODUCT, encoding="utf-8")
        written(product.with_name("rows.csv"), said.rows)
        size = product.with_name("rows.csv").stat().st_size / 1e6
        print(f"{said.rows:,} rows, {size:,.0f} MB of CSV\n")
        print("| stage | seconds | peak memory, GB |")
        print("|---|---|---|")
        for stage in STAGES[: STAGES.index(said.until) + 1]:
            seconds, memory = run(product, stage)
            print(f"| {stage} | {seconds:.0f} | {memory:.2f} |")


if __name__ == "__main__":
    main()
