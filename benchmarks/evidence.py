"""What the report claims, measured: one part for each thing that it says of data and models.

    python benchmarks/evidence.py ../shared/data --only data

Each part is one function that prints a table and writes nothing; ``PARTS`` names them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path


def data(folder: Path) -> None:
    """Plant faults into clean real data, and count how many are found, and how many alarms are false."""
    from evidence_data import print_faults_found  # it lies beside this file

    print_faults_found(folder)


def value(folder: Path) -> None:
    """The threshold that earns most against 0.5, paired on the test rows."""
    from evidence_value import print_value_of_thresholds

    print_value_of_thresholds(folder)


def coverage(folder: Path) -> None:
    """Coverage of 90 % conformal sets, over 20 resplits of rows that were never learned from."""
    from evidence_coverage import print_coverage

    print_coverage(folder)


PARTS: dict[str, Callable[[Path], None]] = {"data": data, "value": value, "coverage": coverage}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    said = arguments.parse_args()
    for name in said.only:
        print(f"\n## {name}: {PARTS[name].__doc__}\n", flush=True)
        PARTS[name](said.data)


if __name__ == "__main__":
    main()
