"""Triton's own Python client against a real server.

The client wants older libraries than Sixfold is made with, so it is asked from a Python of its own, which
``SIXFOLD_TRITON_PYTHON`` names: ``python -m venv clients && clients/bin/pip install "tritonclient[http]"``.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from graphs import written
from served import running_graphs


def test_tritons_client_finds_all_that_its_examples_ask_for(tmp_path: Path) -> None:
    python = os.environ.get("SIXFOLD_TRITON_PYTHON")
    if not python:
        pytest.skip("SIXFOLD_TRITON_PYTHON names no Python that has tritonclient[http]")
    with running_graphs(written(tmp_path), may_change=True) as url:
        calls = [python, str(Path(__file__).with_name("triton_calls.py")), url.removeprefix("http://")]
        done = subprocess.run(calls, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "well"), done.stderr
