"""A delivered pack on a clean machine: size of the environment, time to the first answer, and every answer compared.

Takes the last run of a product, installs the runtime that its pack carries into a fresh environment, serves the pack
there with nothing but the customer's key, and sends every held-out row over HTTP. The other side of the comparison is
Keras: the network rebuilt from its description, with the trained weights, on the prepared arrays.

    python benchmarks/pack.py sign-digits
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from sixfold import Sixfold
from sixfold.evaluation import collected_rows, json_row
from sixfold.families import find
from sixfold.fields import Form, input_names
from sixfold.networks import Network
from sixfold.store import Prepared, Workspace
from sixfold.tasks import Decision, Output

FORBIDDEN = ("tensorflow", "keras", "scipy", "polars", "sklearn", "matplotlib")
BATCH = 100


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("product")
    arguments.add_argument("--starts", type=int, default=5)
    said = arguments.parse_args()
    house = Sixfold()
    run = house.last(said.product)
    if run is None or run.pack is None:
        sys.exit("run the product to its end first")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python, size = environment(run.pack, folder)
        loaded = subprocess.run(
            [python, "-c", f"import importlib.util as u; print([n for n in {FORBIDDEN} if u.find_spec(n)])"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        print(f"environment: {size:.0f} MB; of {', '.join(FORBIDDEN)} it has: {loaded}")
        customer = {
            "PATH": os.environ["PATH"],
            "SIXFOLD_HOME": str(folder / "customer"),
            "SIXFOLD_KEY": str(house.keyring.identity),
        }
        rows, expected = held_out(house, run)
        seconds, largest = [], 0.0
        for start in range(said.starts):
            port = free_port()
            begun = time.monotonic()
            service = subprocess.Popen(
                [
                    python.with_name("sixfold"),
                    "serve",
                    run.pack,
                    "--port",
                    str(port),
                    "--key",
                    run.receipts["deliver"]["key_file"],
                ],
                env=customer,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                    first_answer(client, rows[0], service)
                    seconds.append(time.monotonic() - begun)
                    if start == 0:
                        largest = compared(client, rows, expected)
            finally:
                service.terminate()
                service.wait()
        print(f"start to first answer: {', '.join(f'{value:.2f}' for value in seconds)} s")
        print(f"{len(rows)} held-out rows over HTTP against Keras: largest difference of a probability {largest:.2g}")


def environment(pack: Path, folder: Path) -> tuple[Path, float]:
    with zipfile.ZipFile(pack) as archive:
        for member in archive.namelist():
            if member.startswith("runtime/"):
                archive.extract(member, folder)
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    (wheel,) = (folder / "runtime").glob("*.whl")
    needed = ["-r", str(folder / "runtime" / "requirements.txt")]
    subprocess.run([python, "-m", "pip", "install", "-q", *needed, str(wheel)], check=True, stderr=subprocess.DEVNULL)
    size = sum(path.stat().st_size for path in (folder / "env").rglob("*") if path.is_file() and not path.is_symlink())
    return python, size / 1e6


def held_out(house: Sixfold, run: Any) -> tuple[list[dict[str, Any]], np.ndarray]:
    import keras

    work = Workspace(house.store, "benchmark", "")
    prepared = Prepared.open(run.artefacts["prepare"], work)
    arrays = prepared.whole("test", work)
    description = work.read_json(run.artefacts["train"], "network.json")
    kind = find(Network, description["kind"])  # type: ignore[type-abstract]
    given = {form.pop("input"): Form(**form) for form in description["given"]}
    model = kind(kind.Options(**description["options"])).build(given, Output(**description["output"]))
    from safetensors.numpy import load

    weights = load(work.read(run.artefacts["train"], "weights.safetensors"))
    model.set_weights([weights[name] for name in sorted(weights)])
    inputs = {name: arrays[column] for column, name in input_names(prepared.given).items()}
    outputs = np.asarray(keras.ops.convert_to_numpy(model.predict(inputs, verbose=0)))
    decision = Decision(**work.read_json(run.artefacts["evaluate"], "decision.json"))
    chances = decision.calibrated(outputs)
    if chances.shape[1] == 1:
        chances = np.concatenate([1 - chances, chances], axis=1)
    wanted = arrays["__row__"].tolist()
    raw = collected_rows(run.artefacts["collect"], wanted, work)
    return [json_row(prepared.given, raw[row]) for row in wanted], chances


def first_answer(client: httpx.Client, row: dict[str, Any], service: subprocess.Popen[bytes]) -> None:
    while service.poll() is None:
        try:
            if client.post("/predict", json=row).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    sys.exit("the service ended before it answered")


def compared(client: httpx.Client, rows: list[dict[str, Any]], expected: np.ndarray) -> float:
    largest = 0.0
    for start in range(0, len(rows), BATCH):
        answers = client.post("/predict", content=json.dumps(rows[start : start + BATCH])).raise_for_status().json()
        actual = np.array([list(answer["probabilities"].values()) for answer in answers["answers"]])
        largest = max(largest, float(np.abs(actual - expected[start : start + BATCH]).max()))
    return largest


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


if __name__ == "__main__":
    main()
