"""What encryption and record-keeping cost a run: their share of its wall time.

Runs a product in a fresh home, counting in this process every second spent on encrypting, decrypting and naming blobs
and on appending to the ledger, and adding what the training child reports of itself. Prints a table.

    python benchmarks/sealing.py product.yaml
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from typing import Any


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("product")
    said = arguments.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["SIXFOLD_HOME"] = home
        from sixfold import Sixfold, load
        from sixfold.security import Ledger

        recording = 0.0
        plain = Ledger.append

        def timed(self: Ledger, *values: Any, **named: Any) -> Any:
            nonlocal recording
            begun = time.perf_counter()
            try:
                return plain(self, *values, **named)
            finally:
                recording += time.perf_counter() - begun

        Ledger.append = timed  # type: ignore[method-assign]
        house = Sixfold()
        begun = time.perf_counter()
        run = house.run(load(said.product), write_report=False)
        whole = time.perf_counter() - begun
        child = run.artefacts["train"].about["sealing_seconds"]
        print("| what | seconds | share of the run |")
        print("|---|---|---|")
        rows = {"the whole run": whole, "encryption, this process": house.store.sealing_seconds}
        rows |= {"encryption, training": child, "ledger": recording}
        for name, seconds in rows.items():
            print(f"| {name} | {seconds:.2f} | {seconds / whole:.1%} |")
        cost = house.store.sealing_seconds + child + recording
        print(f"| encryption and ledger | {cost:.2f} | {cost / whole:.1%} |")
        house.remove(run.product.name)


if __name__ == "__main__":
    main()
