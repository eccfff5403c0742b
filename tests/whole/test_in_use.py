"""A product in use, from the command line and from its service: watched, traced, refreshed, and brought to safety."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from sixfold.cli import main
from sixfold.pipeline import Run, Sixfold
from sixfold.security import Home

pytestmark = pytest.mark.slow

PRODUCT = """
name: loans
data: rows.csv
given: {income: number, debt: number, town: category}
predict: {repaid: yes_no}
train: {network: trees}
evaluate: {gates: {no leakage: false}}
deploy:
  watch:
    keep: payloads
    rule: {repaid: "no", by: rule}
    expect: {drift: true, requests: ">= 0"}
"""


def rows(count: int, seed: int, *, turned: bool = False) -> list[dict[str, Any]]:
    """Loans; those of middling income repay, and once the world has turned, of middling debt."""
    random = np.random.default_rng(seed)
    income, debt = random.normal(40, 10, count), random.normal(20, 8, count)
    leaning = 6 - np.abs(debt - 20) if turned else 7 - np.abs(income - 40)
    repaid = random.uniform(size=count) < 1 / (1 + np.exp(-leaning))
    towns = random.choice(["A", "B", "C"], count)
    return [
        {"income": round(float(i), 2), "debt": round(float(d), 2), "town": str(t), "repaid": "yes" if r else "no"}
        for i, d, t, r in zip(income, debt, towns, repaid, strict=True)
    ]


def write(path: Path, told: list[dict[str, Any]]) -> None:
    lines = [",".join(map(str, row.values())) for row in told]
    path.write_text("\n".join(["income,debt,town,repaid", *lines]) + "\n", encoding="utf-8")


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def folder(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "product.yaml").write_text(PRODUCT, encoding="utf-8")
    write(tmp_path / "rows.csv", rows(600, 1))
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    main(["stop", "loans"])


@pytest.fixture
def loans(folder: Path) -> Run:
    """The product, deployed."""
    assert main(["run", "--until", "deploy"]) == 0
    run = Sixfold().last("loans")
    assert run is not None
    return run


def ask(run: Run, told: list[dict[str, Any]]) -> dict[str, Any]:
    asked = [{name: value for name, value in row.items() if name != "repaid"} for row in told]
    return httpx.post(f"{run.service}/predict", json=asked).json()


def serving(run: Run) -> str:
    return httpx.get(f"{run.service}/health/ready").json()["model"]


def once(condition: Callable[[], Any], seconds: float = 15) -> Any:
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends
        time.sleep(0.1)
    return found


def test_a_product_is_watched_and_a_complaint_is_answered_from_the_record(
    loans: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = rows(200, 2)
    told = ask(loans, new)
    feedback = [{"request": told["request"], "row": n, "truth": row["repaid"]} for n, row in enumerate(new[:80])]
    assert httpx.post(f"{loans.service}/feedback", json=feedback).json() == {"accepted": 80}
    once(lambda: said(capsys, "watch", "loans")["traffic"]["requests"])
    state = said(capsys, "watch", "loans")
    assert state["traffic"]["requests"] == 1, "the trial of the service is no traffic"
    right = sum(one["repaid"] == row["repaid"] for one, row in zip(told["answers"][:80], new[:80], strict=True))
    assert state["quality"]["realised"]["value"] == pytest.approx(right / 80)
    assert state["quality"]["realised"]["coverage"] == pytest.approx(0.4)
    assert state["quality"]["reference"]["accuracy"] == pytest.approx(loans.figures["accuracy"]["value"])
    assert state["drift"]["alarming"] == []
    assert main(["watch", "loans", "--html", "watch.html"]) == 0
    assert "<!doctype html>" in (folder / "watch.html").read_text(encoding="utf-8")

    found = said(capsys, "trace", told["request"])
    assert found["model"] == loans.bundle.version
    assert found["replayed"] is True
    assert found["truth"]["0"] == new[0]["repaid"]
    assert main(["trace", told["request"]]) == 0
    assert main(["trace", "nothing-of-the-kind"]) == 2


def test_a_challenger_is_promoted_only_if_it_is_better_and_one_command_undoes_it(
    loans: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house, first = Sixfold(), loans.bundle.version
    new = rows(100, 2)
    told = ask(loans, new)
    for place, row in enumerate(new[:80]):
        httpx.post(f"{loans.service}/feedback", json={"request": told["request"], "row": place, "truth": row["repaid"]})
    once(lambda: said(capsys, "watch", "loans")["traffic"]["requests"])

    # More of the same: nothing is better, nothing is promoted.
    write(folder / "rows.csv", rows(600, 1) + rows(300, 3))
    kept = said(capsys, "refresh", "loans")
    assert (kept["outcome"], kept["champion"], kept["fed"]) == ("kept", first, 80)
    assert kept["rows"] >= 50
    after = house.last("loans")
    assert after is not None
    assert after.bundle.version == first
    assert main(["refresh", "loans", "--undo"]) == 2, "nothing was promoted"

    # The world turns.
    write(folder / "rows.csv", rows(2000, 4, turned=True))
    promoted = said(capsys, "refresh", "loans")
    assert promoted["outcome"] == "promoted", promoted
    assert promoted["low"] > 0
    second = promoted["challenger"]
    assert serving(loans) == second
    assert said(capsys, "refresh", "loans", "--undo") == {"back": first}
    assert serving(loans) == first
    assert said(capsys, "refresh", "loans", "--undo") == {"back": second}

    # The day it goes wrong: back at once, with a report in both languages.
    ask(loans, new[:5])
    time.sleep(2)
    gone = said(capsys, "incident", "loans", "--reason", "Answers are wrong since noon", "-o", "report.md")
    assert (gone["way"], gone["bad"], gone["now"]) == ("former", second, first)
    assert gone["requests"] == 1
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert "Answers are wrong since noon" in report
    assert "致客户的通知" in report
    assert serving(loans) == first
    acts = [entry.act for entry in house.ledger.entries()]
    assert {"refresh.started", "refresh.fed", "refresh.finished", "refresh.undone", "incident.declared"} <= set(acts)
    house.collect_garbage()
    assert house.former("loans") is not None, "what can be gone back to is no garbage"


def test_a_declared_rule_or_a_person_answers_within_seconds(
    loans: Run, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = rows(1, 2)
    assert said(capsys, "incident", "loans", "-o", "rule.md")["way"] == "rule"
    once(lambda: ask(loans, row)["answers"][0] == {"repaid": "no", "by": "rule"})
    said(capsys, "incident", "loans", "--to", "person", "-o", "person.md")
    once(lambda: ask(loans, row).get("error", {}).get("code") == "request.asks_person")
    said(capsys, "incident", "loans", "--over")
    once(lambda: "confidence" in ask(loans, row).get("answers", [{}])[0])
