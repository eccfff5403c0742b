"""Training throughput: the network that everybody starts with, declared in product.yaml, against bare ``model.fit``.

Same rows, same network, same loss, optimizer, batch and epochs; each run in a process of its own; A B A B. Ours counts
everything from reading and decrypting the prepared shards to the last step, with validation and checkpoints; theirs is
the call of ``model.fit`` on float32 arrays that lie in memory already. Prints a table; writes nothing.

    python benchmarks/throughput.py ../shared/data/sign_digits.zip --alternations 10
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

PLAIN = textwrap.dedent(
    """
    import json, sys, time
    import numpy as np
    from keras import Sequential
    from keras.layers import Conv2D, Dense, Flatten, MaxPooling2D
    rows = np.load(sys.argv[1])
    x, y = rows["x"].astype("float32") / 255, rows["y"]
    model = Sequential([
        Conv2D(32, (3, 3), activation="relu", input_shape=(64, 64, 3)),
        MaxPooling2D((2, 2)),
        Flatten(),
        Dense(128, activation="relu"),
        Dense(10, activation="softmax"),
    ])
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    begun = time.monotonic()
    model.fit(x, y, batch_size=32, epochs=int(sys.argv[2]), verbose=0)
    seconds = time.monotonic() - begun
    test = rows["test_x"].astype("float32") / 255
    right = float((model.predict(test, verbose=0).argmax(1) == rows["test_y"].argmax(1)).mean())
    print(json.dumps({"rows": len(x), "seconds": seconds, "accuracy": right}))
    """
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--alternations", type=int, default=10)
    arguments.add_argument("--epochs", type=int, default=10)
    said = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SIXFOLD_HOME"] = str(Path(folder) / "home")
        os.environ.update({"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"})
        ours, plain = [], []
        arrays = _arrays(said.data.resolve(), Path(folder), said.epochs)
        print("| alternation | model.fit rows/s (accuracy) | sixfold rows/s (accuracy) | ratio |")
        print("|---|---|---|---|")
        for number in range(said.alternations):
            a, b = _plain(arrays, said.epochs), _ours(said.data.resolve(), Path(folder), said.epochs, number)
            plain.append(a["rows"] * said.epochs / a["seconds"])
            ours.append(b["rows"] * said.epochs / b["seconds"])
            print(
                f"| {number + 1} | {plain[-1]:.0f} ({a['accuracy']:.3f}) | {ours[-1]:.0f} ({b['accuracy']:.3f}) "
                f"| {ours[-1] / plain[-1]:.3f} |",
                flush=True,
            )
        ratios = [mine / theirs for mine, theirs in zip(ours, plain, strict=True)]
        print(
            f"| median | {statistics.median(plain):.0f} | {statistics.median(ours):.0f} "
            f"| {statistics.median(ratios):.3f} |"
        )


def _product(data: Path, epochs: int, seed: int) -> object:
    from sixfold import Product

    return Product(
        name="throughput",
        data=str(data),
        given={"photo": {"kind": "image", "size": 64}},
        predict={"sign": "category"},
        train={"network": "cnn", "filters": [32], "dense": [128], "epochs": epochs, "seed": seed},
    )


def _arrays(data: Path, folder: Path, epochs: int) -> Path:
    import numpy as np

    from sixfold import Sixfold
    from sixfold.store import Prepared, Workspace

    house = Sixfold()
    run = house.run(_product(data, epochs, 0), until="prepare")  # type: ignore[arg-type]
    work = Workspace(house.store, "benchmark", "")
    prepared = Prepared.open(run.artefacts["prepare"], work)
    parts = {split: prepared.whole(split, work) for split in ("train", "test")}
    hot = {split: np.eye(10, dtype=np.float32)[part["sign"] - 1] for split, part in parts.items()}
    path = folder / "arrays.npz"
    np.savez(path, x=parts["train"]["photo"], y=hot["train"], test_x=parts["test"]["photo"], test_y=hot["test"])
    return path


def _plain(arrays: Path, epochs: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, str(arrays), str(epochs)], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _ours(data: Path, folder: Path, epochs: int, seed: int) -> dict[str, float]:
    from sixfold import Sixfold

    begun = time.monotonic()
    run = Sixfold().run(_product(data, epochs, seed), until="evaluate", write_report=False)  # type: ignore[arg-type]
    about = run.artefacts["train"].about
    assert about["seconds"] < time.monotonic() - begun
    return {"rows": about["rows"], "seconds": about["seconds"], "accuracy": run.figures["accuracy"]["value"]}


if __name__ == "__main__":
    main()
