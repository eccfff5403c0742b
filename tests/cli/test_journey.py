"""One product from its data to its removal, by commands alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sixfold.cli import main
from sixfold.security import Home


@pytest.mark.slow
def test_a_product_lives_by_commands_alone(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def told(*arguments: str, code: int = 0) -> list[Any]:
        assert main([*arguments, "--json"]) == code
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    told("new", "sklearn:iris", "--name", "iris")
    with Path("product.yaml").open("a", encoding="utf-8") as stream:
        stream.write("train: {network: mlp, epochs: 2}\nevaluate: {gates: {beats baseline: false}}\n")
    (planned,) = told("run", "--plan")
    assert {step["state"] for step in planned["stages"]} == {"runs"}

    *events, run = told("run", "--until", "evaluate")
    assert {event["stage"] for event in events} == {"collect", "prepare", "train", "evaluate"}
    assert [event["epoch"] for event in events if event["event"] == "epoch" and event["finished"]] == [1, 2]
    assert run["event"] == "run"
    assert run["figures"]["accuracy"]["rows"] == 30
    assert run["service"] is run["pack"] is None
    (planned,) = told("run", "iris", "--plan")
    assert [step["state"] for step in planned["stages"]] == [*["cached"] * 4, *["runs"] * 2]

    assert main(["run", "--until", "evaluate"]) == 0
    said = capsys.readouterr().out
    assert "[3/6] train – kept" in said
    assert "iris is done" in said
    assert "95 % interval" in said

    assert told("list")[0]["products"][0]["name"] == "iris"
    assert next(iter(told("status", "iris")[0]["products"][0]["figures"])) == "accuracy"
    (known,) = told("show")
    row = dict.fromkeys(known["given"], 1.5)
    (answered,) = told("predict", "iris", json.dumps(row))
    (target,) = known["predict"]
    assert target in answered["answers"][0]
    Path("rows.csv").write_text(f"{','.join(row)},remark\n1,2,3,4,x\n5,4,2,1,y\n")
    assert main(["predict", "iris", "rows.csv"]) == 0
    answers = capsys.readouterr()
    assert len(answers.out.splitlines()) == 2
    assert "remark" in answers.err
    Path("others.csv").write_text(f"{'; '.join(row)}\n1;2;3;4\n5;4;2;1\n")
    assert main(["predict", "iris", "others.csv"]) == 0
    assert capsys.readouterr().out == answers.out
    assert main(["predict", "iris", '{"no such column": 1}']) == 2
    (written,) = told("report", "iris", "-o", "there.html")
    assert b"<html" in Path(written["report"]).read_bytes()

    assert told("rm", "iris", code=2)[0]["code"] == "input.needs_terminal"
    assert told("rm", "iris", "--yes") == [{"product": "iris", "removed": True}]
    assert told("list") == [{"products": []}]
    assert told("gc")[0]["files"] > 0
    assert told("ledger", "verify")[0]["verified"]
