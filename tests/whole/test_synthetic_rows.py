"""Rows of one product's generator in the training of another: marked, told, and never judged by."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras")

from PIL import Image

import sixfold
from sixfold.cli import main
from sixfold.security import Home

pytestmark = pytest.mark.slow

PAINTER = """
name: painter
data: digits/train
given: {label: category}
generate: {picture: image}
train: {network: gan, width: 8, latent: 16, epochs: 2}
evaluate: {gates: {beats baseline: false}}
"""

READER = """
name: reader
data: digits
given: {picture: image}
predict: {label: category}
collect: {synthetic: {product: painter, rows: 300, only: {label: 3}}}
train: {network: cnn, filters: [8], dense: [16], epochs: 3}
evaluate: {without_synthetic: true, gates: {beats baseline: false}}
"""


def folder(root: Path, rare: int = 3, kept: int = 10) -> None:
    """Scans of digits in class folders, one class of which has few training rows."""
    from sklearn.datasets import load_digits

    scans, labels = load_digits(return_X_y=True)
    seen = dict.fromkeys(range(10), 0)
    for number, (scan, label) in enumerate(zip(scans[:700], labels, strict=False)):
        split = "test" if number % 4 == 0 else "train"
        seen[int(label)] += split == "train"
        if split == "train" and label == rare and seen[int(label)] > kept:
            continue
        place = root / split / str(label)
        place.mkdir(parents=True, exist_ok=True)
        stream = io.BytesIO()
        Image.fromarray((scan.reshape(8, 8) * 15.9).astype(np.uint8)).save(stream, "PNG")
        (place / f"{number}.png").write_bytes(stream.getvalue())


def run(text: str, *until: str) -> int:
    Path("product.yaml").write_text(text, "utf-8")
    return main(["run", *until])


def told(name: str) -> tuple[sixfold.Run, dict[str, Any]]:
    made = sixfold.Sixfold().last(name)
    assert made is not None
    return made, json.loads(made._work("report").read(made.artefacts["evaluate"], "report.json"))


def test_a_generator_adds_rows_to_the_training_of_another_product_and_to_nothing_else(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "digits")
    assert run(READER, "--until", "prepare") == 2
    assert "product.no_generator" in capsys.readouterr().err
    assert run(PAINTER, "--until", "train") == 0
    assert run(READER, "--until", "prepare") == 2
    assert "product.generator_unfinished" in capsys.readouterr().err
    assert run(PAINTER, "--until", "evaluate") == 0

    assert run(READER, "--until", "evaluate") == 0
    made, report = told("reader")
    real = made.artefacts["collect"].about["rows"]
    assert report["data"]["rows"] == report["collected_rows"] == real
    found = report["chapters"]["synthetic"]
    assert found["rows"] == 300
    assert found["classes"] == {"3": 300}
    assert found["real"] + 300 == report["rows"]["train"]
    assert report["rows"]["train"] + report["rows"]["validation"] + report["rows"]["test"] == real + 300
    assert report["rows"]["test"] == report["data"]["splits"]["test"]["rows"]
    assert report["data"]["splits"]["train"]["classes"]["3"] < 12
    without = found["without"]
    assert without["rows"] == found["real"]
    assert [one["name"] for one in without["figures"]] == [one["name"] for one in report["figures"]]
    assert without["figures"][0]["rows"] == report["figures"][0]["rows"]
    assert without["classes"][0]["title"]["en"] == "Recall of 3"

    again = sixfold.Sixfold().plan(sixfold.load(tmp_path))
    assert {step.stage: step.state for step in again}["evaluate"] == "cached"
    assert run(PAINTER.replace("epochs: 2", "epochs: 1"), "--until", "evaluate") == 0
    Path("product.yaml").write_text(READER, "utf-8")
    again = sixfold.Sixfold().plan(sixfold.load(tmp_path))
    assert again[0].state == "runs", "another generator makes other rows"


def test_a_generator_that_does_not_fit_is_refused_with_the_mend(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "digits")
    quick = PAINTER.replace("epochs: 2", "epochs: 1")
    # The lines of the readers, and what is wrong with each: values that were never seen, columns that are not told …
    readers = {
        READER.replace("label: 3", "label: 12"): "product.generator_never_saw",
        READER.replace("{label: 3}", "{picture: 3}"): "product.generator_not_told",
        READER.replace("predict: {label", "predict: {digit"): "product.generator_differs",
        READER.replace("{network: cnn, filters: [8], dense: [16], epochs: 3}", "{}"): "product.without_needs_network",
        READER.replace("name: reader", "name: painter"): "product.no_generator",
    }
    assert run(quick, "--until", "evaluate") == 0
    for reader, code in readers.items():
        assert run(reader, "--until", "prepare") == 2
        assert code in capsys.readouterr().err

    assert run(quick.replace("data: digits/train", "data: digits"), "--until", "evaluate") == 0
    assert run(READER.replace("data: digits", "data: digits/train"), "--until", "prepare") == 2
    assert "data.generator_saw_test" in capsys.readouterr().err

    assert run(quick.replace("beats baseline: false", "recall: '>= 0.99'"), "--until", "evaluate") == 0
    assert run(READER, "--until", "prepare") == 2
    assert "product.generator_refused" in capsys.readouterr().err
