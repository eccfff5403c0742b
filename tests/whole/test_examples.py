"""Examples run: three of them whole, on made-up rows; all of them are declared rightly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sixfold
from sixfold.pipeline import check

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = sorted(file.parent.name for file in EXAMPLES.glob("*/product.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_a_product(name: str) -> None:
    check(sixfold.load(EXAMPLES / name / "product.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_says_whose_data_it_takes_and_brings_a_few_rows(name: str) -> None:
    text = (EXAMPLES / name / "product.yaml").read_text("utf-8")
    assert text.startswith("# ")
    assert "shared" not in text
    assert (EXAMPLES / name / "tiny.py").exists() or "data: sklearn:" in text


@pytest.mark.slow
def test_three_examples_come_to_a_delivered_pack_on_made_up_rows(tmp_path: Path) -> None:
    pytest.importorskip("keras")
    command = [sys.executable, str(EXAMPLES / "run.py"), "--tiny", "churn", "questions", "xray"]
    environment = {**os.environ, "SIXFOLD_HOME": str(tmp_path), "SIXFOLD_LANG": "en"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["churn", "questions", "xray"]
