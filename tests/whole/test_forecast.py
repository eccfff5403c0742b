"""A forecast, the whole way: windows cut, learned, judged, served, shown, delivered."""

from __future__ import annotations

import math
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
name: sales
goal: How much two shops will sell in each of the next six months.
data: sales.csv
given: {history: series, month: date, shop: category}
predict: {sales: {kind: series, steps: 6}}
collect: {rows: {id: shop, time: month}}
prepare: {split: {origins: 8}}
train: {network: forecaster, epochs: 40}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("sales")
    draw = np.random.default_rng(0)
    lines = ["shop,month,sales"]
    for shop, level in (("east", 100.0), ("west", 3000.0)):
        for at in range(96):
            season = 1 + 0.3 * math.sin(2 * math.pi * at / 12)
            sold = level * 1.01**at * season * (1 + 0.02 * draw.normal())
            lines.append(f"{shop},{2015 + at // 12}-{at % 12 + 1:02d},{sold:.2f}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIXFOLD_HOME", str(folder / "home"))
        patch.setenv("SIXFOLD_LANG", "en")
        (folder / "sales.csv").write_text("\n".join(lines), encoding="utf-8")
        (folder / "product.yaml").write_text(DECLARED, encoding="utf-8")
        made = sixfold.run(folder / "product.yaml")
        yield made
        assert main(["stop", "sales"]) == 0


def test_it_beats_repeating_the_season_and_its_intervals_hold_most_of_what_came(run: Any) -> None:
    assert run.figures["mase"]["value"] < 0.6
    assert run.figures["mase"]["rows"] == 16, "eight moments of two shops"
    page = run.report.html.decode()
    for words in ("The same as a season ago", "照搬上一季", "A season has 12 steps"):
        assert words in page


def test_the_service_foretells_what_was_measured(run: Any) -> None:
    sample = run.bundle.sample
    answer = httpx.post(f"{run.service}/predict", json=sample["row"]).json()["answers"][0]
    assert answer == sample["answer"] == run.predict([sample["row"]])[0]
    assert len(answer["sales"]) == len(answer["interval"]["low"]) == 6
    assert all(low <= said <= high for low, said, high in zip(
        answer["interval"]["low"], answer["sales"], answer["interval"]["high"], strict=True
    ))  # fmt: skip
    assert httpx.get(f"{run.service}/about").json()["painter"] == "answer-forecasts.js"


@pytest.mark.parametrize(
    ("history", "code"),
    [
        ([1.0, 2.0, 3.0], "request.bad_value"),
        ("soon", "request.bad_value"),
        ([[1.0, 2.0]] * 24, "request.bad_value"),
        (None, "request.bad_value"),
    ],
)
def test_what_cannot_be_foretold_says_why(run: Any, history: Any, code: str) -> None:
    response = httpx.post(f"{run.service}/predict", json={"history": history, "month": "2024-01", "shop": "east"})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == code
    assert response.json()["error"]["column"] == "history"


def test_the_pack_is_whole(run: Any, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(run.pack).parent
    monkeypatch.setenv("SIXFOLD_HOME", str(folder.parent / "home"))
    assert main(["verify", str(run.pack), "--json"]) == 0
