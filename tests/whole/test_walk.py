"""The whole walk, as a user takes it: a file, a command, six stages, a service, a pack; and the same from Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("keras")

import httpx

import sixfold
from sixfold.cli import main
from sixfold.security import Home, Keyring, Ledger
from sixfold.store import Store

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
DIGITS = "name: digits\ndata: sklearn:digits\ngiven: {scan: image}\npredict: {digit: category}\ntrain: {epochs: 12}\n"
FIND = "import importlib.util as u; print([n for n in ('tensorflow','keras','scipy','polars') if u.find_spec(n)])"
OWN = """
from keras import Sequential
from keras.layers import Dense, Flatten, Input

def build(input_shape, classes):
    hidden, last = Dense(32, activation="relu"), Dense(classes, activation="softmax")
    model = Sequential([Input(input_shape), Flatten(), hidden, last])
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model
"""


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]


def assert_same(actual: dict[str, Any], expected: dict[str, Any], target: str) -> None:
    assert actual[target] == expected[target]
    assert actual["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-4)


def test_a_file_becomes_a_delivered_product_and_is_looked_after(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "product.yaml").write_text(DIGITS, encoding="utf-8")
    try:
        assert main(["run", "--json"]) == 0
        events = told(capsys)
        assert [event["stage"] for event in events if event["event"] == "stage" and event["state"] == "done"] == [
            "collect", "prepare", "train", "evaluate", "deploy", "deliver",
        ]  # fmt: skip
        done = events[-1]
        assert done["event"] == "run"

        run = sixfold.Sixfold().last("digits")
        assert run is not None
        assert run.figures["accuracy"]["value"] > 0.8
        assert run.service is not None
        assert run.pack is not None

        from sklearn.datasets import load_digits

        scans = [(scan * 255 / 16).astype("uint8") for scan in load_digits().images[:5]]
        sample = run.bundle.sample["row"]
        answer = httpx.post(f"{run.service}/predict", json=sample).json()["answers"][0]
        assert_same(answer, run.predict(sample)[0], "digit")
        assert len(run.predict([{"scan": scan} for scan in scans])) == 5

        pack_before = run.pack.read_bytes()
        assert main(["run", "--json"]) == 0
        again = told(capsys)
        cached = [event["stage"] for event in again if event["event"] == "stage" and event["state"] == "cached"]
        assert cached == ["collect", "prepare", "train", "evaluate"]
        assert run.pack.read_bytes() == pack_before

        assert main(["run", "--plan", "--json"]) == 0
        capsys.readouterr()
        assert main(["verify", str(run.pack), "--json"]) == 0
        assert main(["ledger", "verify", "--json"]) == 0
        acts = [entry.act for entry in Ledger(home, Keyring(home)).entries()]
        assert {"run.started", "collect.done", "gate.passed", "deploy.done", "deliver.done"} <= set(acts)
        assert list(Store(home, Keyring(home)).verify()) == []
        capsys.readouterr()
        assert main(["status", "digits", "--json"]) == 0
        assert main(["list", "--json"]) == 0
    finally:
        assert main(["stop", "digits"]) == 0
    capsys.readouterr()
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{run.service}/health/live", timeout=2)
    assert main(["rm", "digits", "--yes", "--json"]) == 0
    assert main(["gc", "--json"]) == 0
    assert sixfold.Sixfold().products() == []
    assert not list((home.path / "store" / "blobs").glob("*/*"))


def test_a_product_in_code_learns_from_a_data_frame_and_answers_one(
    home: Home, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(tmp_path)
    import pandas as pd
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer(as_frame=True).frame
    table["target"] = table["target"].map({0: "malignant", 1: "benign"})
    columns = ["mean radius", "mean texture", "worst area", "worst concavity"]
    product = sixfold.Product(
        name="tumours",
        data=table,
        given=dict.fromkeys(columns, "number"),
        predict={"target": {"kind": "yes_no", "yes": "malignant"}},
        train={"epochs": 15},
    )
    run = sixfold.run(product, until="evaluate")
    assert run.figures["accuracy"]["value"] > 0.85
    answers = run.predict(pd.DataFrame(table[columns].head(3)))
    assert {answer["target"] for answer in answers} <= {"malignant", "benign"}
    assert run.report._repr_html_().startswith("<iframe")
    assert run.report_path is None
    assert not list(tmp_path.iterdir())


def test_a_keras_model_of_ones_own_goes_the_whole_way(home: Home, tmp_path: Path) -> None:
    (tmp_path / "my_model.py").write_text(OWN, encoding="utf-8")

    text = DIGITS.replace("train: {epochs: 12}", "train: {keras: 'my_model:build', epochs: 5}")
    (tmp_path / "product.yaml").write_text(text, encoding="utf-8")
    run = sixfold.run(tmp_path / "product.yaml", until="evaluate")
    assert run.figures["accuracy"]["value"] > 0.6
    assert run.artefacts["train"].about["network"] == "keras"
    (tmp_path / "my_model.py").write_text(OWN.replace("32", "16"), encoding="utf-8")
    states = {step.stage: step.state for step in sixfold.plan(tmp_path / "product.yaml")}
    assert states["prepare"] == "cached"
    assert states["train"] == "runs"


def test_a_pack_is_served_where_only_the_base_is_installed(home: Home, tmp_path: Path) -> None:
    """A real environment with the base install alone: no TensorFlow, no Keras, no SciPy, no Polars."""
    (tmp_path / "product.yaml").write_text(DIGITS, encoding="utf-8")
    run = sixfold.run(tmp_path / "product.yaml", until="evaluate")
    house = sixfold.Sixfold()
    from sixfold.stages import Deliver
    from sixfold.store import Workspace

    work = Workspace(house.store, "deliver", "", folder=tmp_path)
    receipt = Deliver().run(run.product, run.artefacts, work)
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", ROOT]
    subprocess.run(install, check=True, capture_output=True, cwd=tmp_path)
    have = subprocess.run(
        [python, "-c", FIND],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert have.stdout.strip() == "[]"
    customer = {
        "PATH": os.environ["PATH"],
        "SIXFOLD_HOME": str(tmp_path / "customer"),
        "SIXFOLD_KEY": str(house.keyring.identity),
    }
    command = [python.with_name("sixfold"), "serve", receipt["pack"], "--key", receipt["key_file"]]
    service = subprocess.Popen(command, env=customer, stdout=subprocess.PIPE, text=True)
    try:
        assert service.stdout is not None
        address = next(word for line in service.stdout for word in line.split() if word.startswith("http://"))
        sample = run.bundle.sample
        answers: Any = None
        for _ in range(100):
            try:
                answers = httpx.post(f"{address}/predict", json=sample["row"], timeout=10).json()
                break
            except httpx.TransportError:
                time.sleep(0.1)
        assert_same(answers["answers"][0], sample["answer"], "digit")
    finally:
        service.terminate()
        service.wait()


def test_help_imports_nothing_heavy_and_is_quick() -> None:
    watch = (
        "import sys; from sixfold.cli import main; main(['--help']); print([n for n in {heavy} if n in sys.modules])"
    )
    heavy = ["keras", "tensorflow", "polars", "sklearn", "onnxruntime", "matplotlib", "numpy", "pydantic"]
    done = subprocess.run([sys.executable, "-c", watch.format(heavy=heavy)], check=True, capture_output=True, text=True)
    assert done.stdout.strip().endswith("[]")
