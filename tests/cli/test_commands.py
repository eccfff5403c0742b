"""The command line as its users meet it: help, language, exit codes, JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from sixfold.cli import main
from sixfold.cli._command import command_names
from sixfold.language import languages
from sixfold.pipeline import Run, Sixfold
from sixfold.product import Product
from sixfold.security import Home, Ledger

IRIS = "name: iris\ndata: sklearn:iris\ngiven: {petal: number}\npredict: {kind: {kind: yes_no, yes: no}}\n"
HEAVY = ("keras", "tensorflow", "polars", "sklearn", "scipy", "onnxruntime", "pydantic", "numpy", "rich", "yaml")


def commands() -> list[tuple[str, ...]]:
    """Every command and every command under a command."""
    from importlib import import_module

    found: list[tuple[str, ...]] = []
    for name in command_names():
        known = import_module(f"sixfold.cli.{name}").command
        found.append((name,))
        if isinstance(known, click.Group):
            found += [(name, below) for below in known.commands]
    return found


def test_help_imports_nothing_heavy_and_comes_at_once() -> None:
    code = f"import sys; from sixfold.cli import main; main(['--help']); assert not set({HEAVY!r}) & set(sys.modules)"
    took = []
    for _ in range(3):  # the least of three: what else the machine does is not ours
        begun = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        took.append(time.perf_counter() - begun)
        assert done.returncode == 0, done.stderr
    sys.stdout.write(f"sixfold --help took {min(took):.3f} s\n")
    assert min(took) < 1.0


@pytest.mark.parametrize("language", languages())
def test_help_names_every_command(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", language, "--help"]) == 0
    said = capsys.readouterr().out
    for name in command_names():
        assert f"\n  {name} " in said


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(
    path: tuple[str, ...], language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--lang", language, *path, "--help"]) == 0
    said = capsys.readouterr().out
    assert f"\n  sixfold {' '.join(path)}" in said
    has_chinese = any("\u4e00" <= letter <= "\u9fff" for letter in said)
    assert has_chinese == (language == "zh")


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "sixfold new" in capsys.readouterr().out


def test_the_language_of_one_command_does_not_last(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "zh", "list"]) == 0
    assert "还没有运行过产品" in capsys.readouterr().out
    assert main(["list"]) == 0
    assert "No product was run here yet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["rnu"], "input.unknown_command"),
        (["ledger", "verfy"], "input.unknown_command"),
        (["run", "--plam"], "input.unknown_option"),
        (["run", "--until", "tomorrow"], "input.bad_option"),
        (["serve", "x", "--port", "99999"], "input.bad_option"),
        (["--lang", "tlh", "list"], "input.bad_option"),
        (["predict"], "input.missing_argument"),
        (["report", "a", "b"], "input.usage"),
        (["run", "nowhere.yaml"], "product.no_file"),
        (["show"], "product.no_file"),
        (["run", "--override", "no leakage"], "input.override_reason"),
        (["run", "--override", "no leakage", "--reason", " "], "input.override_reason"),
        (["report", "nobody"], "input.unknown_product"),
        (["predict", "nobody", "{}"], "input.unknown_product"),
        (["rm", "nobody"], "input.unknown_product"),
        (["status", "nobody"], "input.unknown_product"),
        (["verify", "nowhere.sixfold"], "pack.no_pack"),
        (["serve", "nowhere.sixfold"], "pack.no_pack"),
        (["keys", "trust", "nowhere.pem"], "keys.key_unreadable"),
        (["ledger", "verify", "--against", "nowhere"], "input.checkpoint_unreadable"),
        (["new", "nowhere.csv"], "source.not_found"),
    ],
    ids=" ".join,
)
def test_wrong_input_has_a_code_a_mend_and_exit_code_2(
    arguments: list[str],
    code: str,
    *,
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert f"[{code}]" in said.err
    assert "hint: " in said.err
    assert "Traceback" not in said.err


def test_an_error_is_one_json_object_where_json_is_asked_for(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "nowhere.yaml", "--json"]) == 2
    said = capsys.readouterr()
    record = json.loads(said.out)
    assert (record["event"], record["code"], record["exit_code"]) == ("error", "product.no_file", 2)
    assert record["says"]
    assert record["mend"]
    assert said.err == ""


def test_an_unforeseen_error_is_one_sentence_unless_the_traceback_is_asked_for(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(ledger: Ledger) -> str:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(Ledger, "checkpoint", broken)
    assert main(["ledger", "checkpoint"]) == 1
    said = capsys.readouterr().err
    assert "[run.unexpected]" in said
    assert "ZeroDivisionError: of all things" in said
    assert "Traceback" not in said
    monkeypatch.setenv("SIXFOLD_DEBUG", "1")
    assert main(["ledger", "checkpoint"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_answered_with_what_is_kept(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(house: Sixfold, product: Product, **values: object) -> Run:
        raise KeyboardInterrupt

    monkeypatch.setattr(Sixfold, "run", interrupted)
    (tmp_path / "product.yaml").write_text(IRIS)
    assert main(["run", str(tmp_path)]) == 130
    assert "are kept" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_met_with_silence(home: Home) -> None:
    code = "import sys; from sixfold.cli import main; sys.exit(main(['show', '--schema']))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 141
    assert said == b""


def test_a_gate_that_says_no_ends_with_3_and_names_the_way_past(capsys: pytest.CaptureFixture[str]) -> None:
    from sixfold.cli._failure import show_failure
    from sixfold.pipeline import refusal

    leaks, wrong = (
        {"name": name, "says": {"en": en, "zh": zh}, "mend": {"en": "Look.", "zh": "请看。"}}
        for name, en, zh in (("no leakage", "Rows leak.", "有泄漏。"), ("accuracy", "Too low.", "太低。"))
    )
    refused = refusal([leaks, wrong])
    assert show_failure(refused, as_json=False) == 3
    said = capsys.readouterr().err
    assert "Rows leak. Too low." in said
    assert said.count("Look.") == 1
    assert '--override "no leakage" --reason "…" --override "accuracy" --reason "…"' in said
    assert refused.says("zh") == "有泄漏。太低。"


def test_keys_are_shown_exported_and_trusted(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "--json"]) == 0
    mine = json.loads(capsys.readouterr().out)
    assert mine["recipient"].startswith("age1")
    assert mine["trusted"] == []
    pem = tmp_path / "key.pem"
    assert main(["keys", "export", "-o", str(pem)]) == 0
    assert pem.read_bytes().startswith(b"-----BEGIN PUBLIC KEY-----")
    assert main(["keys", "trust", str(pem)]) == 0
    capsys.readouterr()
    assert main(["keys", "--json"]) == 0
    trusted = json.loads(capsys.readouterr().out)["trusted"]
    assert [key["fingerprint"] for key in trusted] == [mine["signing"]["fingerprint"]]
    (tmp_path / "no.pem").write_text("no key")
    assert main(["keys", "trust", str(tmp_path / "no.pem")]) == 2


def test_the_ledger_is_shown_and_verified_against_a_checkpoint(
    home: Home, ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger.append("run.started", "iris")
    assert main(["ledger", "checkpoint"]) == 0
    (tmp_path / "kept").write_text(capsys.readouterr().out)
    ledger.append("run.finished", "iris")
    assert main(["ledger", "show", "--json"]) == 0
    assert [json.loads(line)["act"] for line in capsys.readouterr().out.splitlines()] == ["run.started", "run.finished"]
    assert main(["ledger", "verify", "--against", str(tmp_path / "kept"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "entries": 2,
        "verified": True,
        "against": str(tmp_path / "kept"),
    }
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b"started", b"skipped"))
    assert main(["ledger", "verify"]) == 1
    assert "[ledger." in capsys.readouterr().err


def test_show_fills_in_every_default_and_its_output_is_a_product(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import sixfold

    file = tmp_path / "product.yaml"
    file.write_text(IRIS)
    assert main(["show", str(file)]) == 0
    again = tmp_path / "again.yaml"
    again.write_text(capsys.readouterr().out)
    assert sixfold.load(again).to_mapping(full=True) == sixfold.load(file).to_mapping(full=True)
    assert main(["show", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["prepare"]["split"]["test"] == 0.2
    assert main(["show", "--schema"]) == 0
    assert "properties" in json.loads(capsys.readouterr().out)


def test_stopping_removing_and_collecting_nothing_is_no_failure(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stop", "nobody", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"product": "nobody", "stopped": False}
    assert main(["gc", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"files": 0, "bytes": 0, "dry_run": True}
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"products": []}


def test_the_module_ends_as_the_command_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sixfold", "run", "/no/such/product.yaml"], capture_output=True, check=False
    )
    assert done.returncode == 2
