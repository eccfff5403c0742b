"""Progress in plain lines, in JSON lines and live."""

from __future__ import annotations

import io
import json

import pytest

from sixfold.cli import show_progress
from sixfold.cli._layout import table, width, wrapped
from sixfold.cli._live import Live
from sixfold.cli._progress import Plain, shown
from sixfold.language import use_language
from sixfold.progress import Epoch, Event, Finding, Note, Stage, Step

FIRST = {"loss": 2.1034, "accuracy": 0.2521}
LAST = {"accuracy": 0.7421, "loss": 0.8123, "val_accuracy": 0.4014, "val_loss": 1.8012}

EVENTS: list[Event] = [
    Stage("collect", "cached", 1.5),
    Stage("prepare", "started"),
    Finding("prepare", "duplicates", "warning", "3 rows stand there twice.", "Remove them."),
    Step("prepare", 500, 1000, "rows"),
    Step("prepare", 1000, 1000, "rows", 2.0),
    Stage("prepare", "done", 2.25),
    Stage("train", "started"),
    Note("train", "train.network", {"network": "cnn"}),
    Epoch(1, 2, 1, 52, FIRST, 0.1, finished=False, seconds_left=9.0),
    Epoch(1, 2, 30, 52, FIRST, 1.6, finished=False, seconds_left=7.0),
    Epoch(1, 2, 52, 52, LAST, 2.704, finished=True, seconds_left=3.0),
    Epoch(2, 2, 52, 52, {"loss": 0.0001, "accuracy": 1.0}, 65.0, finished=True, seconds_left=0.0),
    Stage("train", "done", 125.0),
    Stage("evaluate", "started"),
    Stage("evaluate", "failed", 0.5),
    Stage("deploy", "refused"),
]

GOLDEN = """\
[1/6] collect – kept: nothing it depends on has changed
[2/6] prepare
  warning: 3 rows stand there twice. [duplicates]
    hint: Remove them.
  1,000/1,000 rows · 2.0 s left
  done in 2.2 s
[3/6] train
  Network: cnn
Epoch 1/2
52/52 - 3s - 52ms/step - loss: 0.8123 - accuracy: 0.7421 - val_loss: 1.8012 - val_accuracy: 0.4014
Epoch 2/2
52/52 - 65s - 1s/step - loss: 1.0000e-04 - accuracy: 1.0000
  done in 2 min 05 s
[4/6] evaluate
  failed after 0.5 s
  not begun: a gate said no
"""


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIXFOLD_LANG", "en")


def test_plain_lines_are_as_ever() -> None:
    lines: list[str] = []
    # The first step comes within ten seconds and is not worth a line, the second one comes after them.
    clock = iter([0.0, 0.0, 5.0, 11.0, 11.0, 20.0, 20.0])
    listener = Plain(lines.append, lambda: next(clock))
    for event in EVENTS:
        listener(event)
    assert "\n".join(lines) + "\n" == GOLDEN


def test_an_output_that_is_no_terminal_gets_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress() as listener:
        for event in EVENTS[6:11]:
            listener(event)
    assert capsys.readouterr().out == "\n".join(GOLDEN.splitlines()[6:10]) + "\n"


def test_plain_lines_speak_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIXFOLD_LANG", "zh")
    use_language(None)
    lines: list[str] = []
    listener = Plain(lines.append)
    for event in EVENTS:
        listener(event)
    assert lines[0].startswith("[1/6] 采集")
    assert "52/52 - 3s - 52ms/step - loss: 0.8123" in "\n".join(lines)


def test_json_lines_carry_every_event(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(as_json=True) as listener:
        for event in EVENTS:
            listener(event)
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["event"] for record in records] == [type(event).__name__.lower() for event in EVENTS]
    assert records[7]["text"] == "Network: cnn"
    assert records[10]["figures"] == LAST


def test_the_live_display_shows_the_path_and_leaves_the_log_behind() -> None:
    from rich.console import Console

    stream = io.StringIO()
    with Live(Console(file=stream, force_terminal=True, width=100, color_system=None)) as live:
        for event in EVENTS:
            live(event)
            live._screen.refresh()
    drawn = stream.getvalue()
    assert "✓ collect ── " in drawn
    assert "epoch 1/2, step 30/52" in drawn
    assert "7.0 s left" in drawn
    assert "3 rows stand there twice." in drawn
    assert "✓ train  done in 2 min 05 s" in drawn


def test_columns_stand_straight_whatever_the_script() -> None:
    lines = table([("名称", "a", "x"), ("name", "甲", "y")]).splitlines()
    assert width(lines[0].partition("x")[0]) == width(lines[1].partition("y")[0])


def test_chinese_lines_break_between_characters_and_never_begin_with_a_comma() -> None:
    text = "这是一段很长的中文,用来检查换行。" * 8
    text = text.replace(",", "\uff0c")
    lines = wrapped(text, room=40).splitlines()
    assert "".join(lines) == text
    assert all(width(line) <= 42 for line in lines)
    assert not any(line[0] in "\uff0c\u3002" for line in lines)
