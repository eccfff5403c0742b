"""Where agents will go, the whole way: scenes read, learned, judged, served, shown, delivered."""

from __future__ import annotations

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

DECLARED = """
name: walkers
goal: Where each person in the square will be in the next two seconds.
data: squares
collect: {rows: {id: who, time: frame, scene: file}}
given: {history: {kind: series, length: 6}, nearby: {kind: neighbours, most: 4}}
predict: {path: {kind: series, from: [x, y], steps: 4}}
train: {network: social, width: 32, epochs: 25}
"""


def square(path: Path, seed: int) -> None:
    """People who walk in arcs: what turns, goes on turning."""
    draw = np.random.default_rng(seed)
    lines = ["frame,who,x,y"]
    for who in range(40):
        heading, turn, pace = draw.uniform(0, 6.28), draw.normal() * 0.15, draw.uniform(0.3, 0.7)
        place, first = draw.uniform(-8, 8, 2), int(draw.integers(0, 30))
        for at in range(20):
            heading += turn
            place = place + pace * np.array([np.cos(heading), np.sin(heading)])
            lines.append(f"{(first + at) * 10},{who},{place[0]:.3f},{place[1]:.3f}")
    path.write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("walkers")
    for number, split in enumerate(("train", "train", "val", "test")):
        (folder / "squares" / split).mkdir(parents=True, exist_ok=True)
        square(folder / "squares" / split / f"square{number}.csv", number)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIXFOLD_HOME", str(folder / "home"))
        patch.setenv("SIXFOLD_LANG", "en")
        (folder / "product.yaml").write_text(DECLARED, encoding="utf-8")
        made = sixfold.run(folder / "product.yaml")
        yield made
        assert main(["stop", "walkers"]) == 0


def test_it_beats_going_on_straight_and_one_of_twenty_comes_near(run: Any) -> None:
    headline = run.figures["average_displacement"]
    assert headline["rows"] == 40 * (20 - 6 - 4 + 1)
    assert headline["value"] < 0.7 * run.artefacts["evaluate"].about["baselines"]["constant_velocity"]
    assert run.figures["best_average_displacement"]["value"] < 0.5
    page = run.report.html.decode()
    for words in ("Going on at the same velocity", "保持原速直行", "Where it sees them go"):
        assert words in page


def test_the_service_foretells_what_was_measured(run: Any) -> None:
    sample = run.bundle.sample
    answer = httpx.post(f"{run.service}/predict", json=sample["row"]).json()["answers"][0]
    assert answer == sample["answer"] == run.predict([sample["row"]])[0]
    assert len(answer["futures"]) == 20
    alone = httpx.post(f"{run.service}/predict", json={"history": sample["row"]["history"]})
    assert alone.status_code == 200, "nobody need be nearby"
    assert httpx.get(f"{run.service}/about").json()["painter"] == "answer-tracks.js"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ({"history": [[0, 0], [1, 1]]}, "history"),
        ({"history": [[float(at)] for at in range(6)]}, "history"),
        ({"history": [[float(at), 0.0] for at in range(6)], "nearby": "somebody"}, "nearby"),
        ({"history": [[float(at), 0.0] for at in range(6)], "nearby": [[[1.0]]]}, "nearby"),
    ],
)
def test_what_cannot_be_foretold_says_why(run: Any, row: dict[str, Any], column: str) -> None:
    response = httpx.post(f"{run.service}/predict", json=row)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "request.bad_value"
    assert response.json()["error"]["column"] == column


def test_the_pack_is_whole(run: Any, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(run.pack).parent
    monkeypatch.setenv("SIXFOLD_HOME", str(folder.parent / "home"))
    assert main(["verify", str(run.pack), "--json"]) == 0
