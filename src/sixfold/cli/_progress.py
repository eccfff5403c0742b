"""Progress in three forms: live in a terminal, plain lines elsewhere (and in notebooks), JSON lines for a program.

Training in plain lines has the form that Keras users know (its ``ProgbarLogger`` with ``verbose=2``), with the figures
in the order loss, metrics, val_loss, val_metrics.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import click

from sixfold.cli._layout import duration
from sixfold.language import sentence
from sixfold.progress import Epoch, Event, Finding, Listener, Note, Stage, Step, to_json

__all__ = ["STAGES", "Plain", "amount", "finding_lines", "keras_line", "ordered", "shown", "stage_title"]

STAGES = ("collect", "prepare", "train", "evaluate", "deploy", "deliver")

_PAUSE = 10.0
"""Seconds between two plain lines that say how much of a stage is done."""

_SMALL = 1e-3
"""Keras writes figures up to this as 1.2345e-04."""


@contextmanager
def shown(*, as_json: bool = False) -> Iterator[Listener]:
    """A listener that shows progress where the user sees it.

    Args:
        as_json: One JSON object per event on stdout, as :func:`sixfold.progress.to_json` writes it.
    """
    if as_json:
        yield lambda event: click.echo(json.dumps(to_json(event), ensure_ascii=False))
    elif sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and "ipykernel" not in sys.modules:
        from sixfold.cli._live import Live

        with Live() as live:
            yield live
    else:
        yield Plain()


class Plain:
    """Progress in lines that never change once written: for logs, pipes and notebooks.

    Args:
        write: What is done with a line.
        clock: Seconds; only differences count.
    """

    def __init__(self, write: Callable[[str], None] = click.echo, clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._epoch: int | None = None
        self._spoke = clock()

    def __call__(self, event: Event) -> None:
        match event:
            case Stage(stage, "started"):
                self._spoke = self._clock()
                self._write(_numbered(stage))
            case Stage(stage, "cached"):
                self._write(f"{_numbered(stage)} – {sentence('cli.progress.cached')}")
            case Stage(_, state, seconds):
                self._write(f"  {sentence(f'cli.progress.{state}', None, time=duration(seconds))}")
            case Note():
                self._write(f"  {event}")
            case Finding():
                for line in finding_lines(event):
                    self._write(f"  {line}")
            case Step():
                if self._clock() - self._spoke >= _PAUSE:
                    self._spoke = self._clock()
                    self._write(f"  {amount(event)}")
            case Epoch():
                if event.epoch != self._epoch:
                    self._write(f"Epoch {event.epoch}/{event.epochs}")
                self._epoch = None if event.finished else event.epoch
                if event.finished:
                    self._write(keras_line(event))


def keras_line(event: Epoch) -> str:
    """A finished epoch as Keras writes it: ``52/52 - 3s - 52ms/step - loss: 2.1034 - accuracy: 0.2521 - …``."""
    figures = "".join(f" - {name}: {_keras_figure(value)}" for name, value in ordered(event.figures).items())
    pace = _keras_pace(event.seconds / max(1, event.step))
    digits = len(str(event.steps))
    return f"{event.step:>{digits}}/{event.steps} - {event.seconds:.0f}s - {pace}/step{figures}"


def ordered(figures: Mapping[str, float]) -> dict[str, float]:
    """Figures in the order loss, metrics, val_loss, val_metrics."""
    return dict(sorted(figures.items(), key=lambda item: (item[0].startswith("val_"), not item[0].endswith("loss"))))


def stage_title(stage: str) -> str:
    """The name of a stage for people."""
    return sentence(f"cli.stages.{stage}")


def amount(event: Step) -> str:
    """How much of a stage is done, and how long it will still take where that is known."""
    try:
        unit = sentence(f"cli.units.{event.unit}")
    except KeyError:
        unit = event.unit
    text = f"{event.done:,}/{event.total:,} {unit}" if event.total else f"{event.done:,} {unit}"
    if event.seconds_left is None:
        return text
    return f"{text} · {sentence('cli.progress.left', None, time=duration(event.seconds_left))}"


def finding_lines(event: Finding) -> list[str]:
    """What a check found, and the mend on a line of its own."""
    lines = [f"{sentence(f'cli.progress.{event.severity}')}{event.text} [{event.check}]"]
    return [*lines, sentence("errors.parts.mend", None, mend=event.mend)] if event.mend else lines


def _numbered(stage: str) -> str:
    return f"[{STAGES.index(stage) + 1}/{len(STAGES)}] {stage_title(stage)}"


def _keras_figure(value: float) -> str:
    return f"{value:.4f}" if abs(value) > _SMALL else f"{value:.4e}"


def _keras_pace(seconds: float) -> str:
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"  # noqa: PLR2004 — milliseconds
