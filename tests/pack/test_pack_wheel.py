"""The runtime that a pack carries installs by itself, and is the very code that is installed here."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

import sixfold
from sixfold.pack import runtime_requirements, runtime_wheel


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment into which the wheel, and nothing else, was installed."""
    folder = tmp_path_factory.mktemp("clean")
    name, data = runtime_wheel()
    (folder / name).write_bytes(data)
    venv.create(folder / "env", symlinks=True)
    python = folder / "env" / "bin" / "python"
    install = ["--python", python, "install", "--no-deps", "--no-index", "--disable-pip-version-check", folder / name]
    apart = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # where another copy may lie
    subprocess.run([sys.executable, "-m", "pip", *map(str, install)], check=True, capture_output=True, env=apart)
    return python


def said(python: Path, code: str) -> str:
    """What a line of Python prints there."""
    return subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_it_installs_without_network_or_build_tool(clean: Path) -> None:
    assert said(clean, "import sixfold; print(sixfold.__version__)") == sixfold.__version__
    assert str(clean.parents[1]) in said(clean, "import sixfold; print(sixfold.__file__)")
    assert (clean.parent / "sixfold").exists()


def test_it_brings_sentences_types_and_the_page(clean: Path) -> None:
    assert "zh" in said(clean, "from sixfold.language import languages; print(languages())")
    with zipfile.ZipFile(io.BytesIO(runtime_wheel()[1])) as wheel:
        names = set(wheel.namelist())
    package = Path(sixfold.__file__).parent
    here = {f"sixfold/{path.relative_to(package).as_posix()}" for path in package.rglob("*") if path.is_file()}
    assert {name for name in here if "__pycache__" not in name} <= names
    assert "sixfold/py.typed" in names


def test_its_record_lists_every_file_rightly() -> None:
    with zipfile.ZipFile(io.BytesIO(runtime_wheel()[1])) as wheel:
        (record,) = (name for name in wheel.namelist() if name.endswith(".dist-info/RECORD"))
        rows = list(csv.reader(io.StringIO(wheel.read(record).decode())))
        assert sorted(row[0] for row in rows) == sorted(wheel.namelist())
        for name, written, size in rows:
            if name != record:
                data = wheel.read(name)
                found = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                assert (written, int(size)) == (f"sha256={found}", len(data))


def test_the_same_code_gives_the_same_bytes_however_it_was_installed(clean: Path) -> None:
    ours = runtime_wheel()[1]
    assert runtime_wheel()[1] == ours
    libraries = sysconfig.get_paths()["purelib"]
    code = (
        f"import sys; sys.path.append({libraries!r}); import hashlib, sixfold.pack as pack; "
        "print(hashlib.sha256(pack.runtime_wheel()[1]).hexdigest())"
    )
    assert said(clean, code) == hashlib.sha256(ours).hexdigest()


def test_requirements_pin_the_runtime_and_nothing_of_the_building_side() -> None:
    lines = runtime_requirements().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line) for line in lines)
    assert f"onnxruntime=={version('onnxruntime')}" in lines
    assert f"h11=={version('h11')}" in lines
    names = {line.partition("==")[0].lower() for line in lines}
    assert len(names) == len(lines)
    building = {"keras", "tensorflow", "tensorflow-cpu", "polars", "scipy", "scikit-learn", "onnx", "pytest"}
    assert not names & {*building, "sixfold"}
