"""A text from a text, the whole way: learned, judged, served, shown, delivered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras")

import httpx

import sixfold
from sixfold.cli import main
from sixfold.security import Home

pytestmark = pytest.mark.slow

WORDS = dict(
    zip(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
        "〇一二三四五六七八九",
        strict=True,
    )
)
DECLARED = """
name: numerals
goal: Write a row of English numerals in Chinese.
data: rows.jsonl
given: {english: text}
generate: {chinese: text}
train: {network: seq2seq, layers: 1, width: 64, dropout: 0.0, epochs: 30, learning_rate: 0.003, precision: float32}
"""


def rows(count: int) -> list[dict[str, str]]:
    draw = np.random.default_rng(0)
    names = list(WORDS)
    found = []
    for _ in range(count):
        said = [names[place] for place in draw.integers(0, 10, draw.integers(1, 5))]
        found.append({"english": " ".join(said), "chinese": "".join(WORDS[name] for name in said) + "。"})
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("numerals")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIXFOLD_HOME", str(folder / "home"))
        patch.setenv("SIXFOLD_LANG", "en")
        (folder / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows(900)), encoding="utf-8")
        (folder / "product.yaml").write_text(DECLARED, encoding="utf-8")
        made = sixfold.run(folder / "product.yaml")
        yield made
        assert main(["stop", "numerals"]) == 0


def test_what_can_be_learned_is_learned_and_beats_the_yardsticks(run: Any) -> None:
    assert run.figures["bleu"]["value"] > 80
    assert run.figures["length_failures"]["value"] < 0.05
    page = run.report.html.decode()
    assert "sacreBLEU" in page
    assert "What it writes" in page
    assert "它写得怎么样" in page


def test_the_service_writes_what_was_measured_and_takes_settings(run: Any) -> None:
    sample = run.bundle.sample
    answer = httpx.post(f"{run.service}/predict", json=sample["row"]).json()["answers"][0]
    assert answer == sample["answer"] == run.predict([sample["row"]])[0]
    asked = {"rows": [{"english": "three one four"}] * 2, "settings": {"beams": 1, "most": 2}}
    answers = httpx.post(f"{run.service}/predict", json=asked).json()["answers"]
    assert [len(answer["chinese"]) for answer in answers] == [2, 2]
    about = httpx.get(f"{run.service}/about").json()
    assert set(about["settings"]["properties"]) == {"beams", "most", "length_power"}
    assert about["painter"] == "answer-texts.js"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"english": "   "}, "request.missing_column"),
        ({"english": "seven " * 10_000}, "request.bad_value"),
        ({"rows": [{"english": "seven"}], "settings": {"beams": 0}}, "request.bad_setting"),
        ({"rows": [{"english": "seven"}], "settings": {"beam": 2}}, "request.bad_setting"),
        ({"rows": [{"english": "seven"}], "settings": [1]}, "request.not_json"),
    ],
)
def test_what_cannot_be_answered_says_why(run: Any, body: dict[str, Any], code: str) -> None:
    response = httpx.post(f"{run.service}/predict", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == code


def test_the_pack_is_whole(run: Any, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(run.pack).parent
    monkeypatch.setenv("SIXFOLD_HOME", str(folder.parent / "home"))
    assert main(["verify", str(run.pack), "--json"]) == 0
