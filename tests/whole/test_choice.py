"""A choice, from a table to a pack: arms, effects with intervals, a warning where nothing differs, and one-arm data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("lightgbm")

import sixfold
from sixfold.cli import main
from sixfold.pack import open_pack
from sixfold.security import Home, Keyring
from sixfold.serving import Engine, same_answer

pytestmark = pytest.mark.slow

PRODUCT = """
name: advice
data: patients.csv
given: {age: number, sex: category}
choose: {drug: category}
to_lower: {days: number}
train: {network: effects, learner: t}
"""


def patients(rows: int = 900) -> str:
    """The old are ill for less long with drug b, the young without; who is old gets it more often."""
    draw = np.random.default_rng(0)
    age, sex = draw.uniform(20, 80, rows), draw.choice(["f", "m"], rows)
    drug = draw.random(rows) < 0.25 + 0.5 * (age > 50)
    days = 10 + age / 20 + np.where(drug, np.where(age > 50, -4, 4), 0) + draw.normal(size=rows)
    lines = [f"{a:.1f},{s},{'b' if d else 'a'},{y:.2f}" for a, s, d, y in zip(age, sex, drug, days, strict=True)]
    lines[5] = "44.0,f,a,"
    return "age,sex,drug,days\n" + "\n".join(lines) + "\n"


def test_a_choice_becomes_a_delivered_product(
    home: Home, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "patients.csv").write_text(patients(), "utf-8")
    (tmp_path / "product.yaml").write_text(PRODUCT, "utf-8")
    try:
        assert main(["run", "--json"]) == 0
        run = sixfold.Sixfold().last("advice")
        assert run is not None
        old, young = run.predict([{"age": 70, "sex": "f"}, {"age": 30, "sex": "m"}])
        assert (old["drug"], young["drug"]) == ("b", "a")
        effect = old["effects"]["b"]
        assert -5.5 < effect["low"] < effect["value"] < effect["high"] < -2.5
        assert old["against"] == "a"
        assert effect["value"] == pytest.approx(old["expected"]["b"] - old["expected"]["a"], abs=1e-4)

        told = json.loads(run._work("report").read(run.artefacts["evaluate"], "report.json"))
        (arm,) = told["chapters"]["effects_by_group"]["arms"]
        assert [(one["column"], one["differs"]) for one in arm["columns"]] == [("age", True), ("sex", False)]

        sample = run.bundle.sample
        assert same_answer(run.predict([sample["row"]])[0], sample["answer"])
        assert run.pack is not None
        opened = open_pack(run.pack, keyring.public_signing_pem())
        assert same_answer(Engine(opened.bundle(keyring.identity)).answers([sample["row"]])[0], sample["answer"])
        with pytest.raises(sixfold.SixfoldError) as caught:
            run.predict([{"age": 70, "sex": "f", "days": 3}])
        assert caught.value.code == "request.target_column"
    finally:
        main(["stop", "advice"])


def every_outcome(text: str, value: str) -> str:
    head, *lines = text.splitlines()
    return "\n".join([head, *(f"{line.rsplit(',', 1)[0]},{value}" for line in lines)])


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda text: text.replace(",b,", ",a,"), "data.one_arm"),
        (lambda text: text.replace(",b,", ",a,", text.count(",b,") - 5), "data.arm_too_small"),
        (lambda text: every_outcome(text, "3"), "data.constant_outcome"),
        (lambda text: every_outcome(text, ""), "data.outcome_missing"),
        (lambda text: text.replace("days", "weeks"), "source.no_column"),
    ],
    ids=["one arm", "hardly two", "one outcome", "no outcome", "no column"],
)
def test_data_that_cannot_tell_effects_are_refused_with_a_reason(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], spoil, code: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "patients.csv").write_text(spoil(patients(200)), "utf-8")
    (tmp_path / "product.yaml").write_text(PRODUCT, "utf-8")
    assert main(["run", "--until", "prepare"]) == 2
    assert code in capsys.readouterr().err


def test_rows_without_an_outcome_are_left_out_and_told(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "patients.csv").write_text(patients(300), "utf-8")
    (tmp_path / "product.yaml").write_text(PRODUCT, "utf-8")
    assert main(["run", "--until", "prepare"]) == 0
    said = capsys.readouterr()
    assert "1 rows have no days" in said.out + said.err
