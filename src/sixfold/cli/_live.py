"""Progress in a terminal: the six stages as a path, the present one's bar and figures, and the log above them."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live as Screen
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sixfold.cli._layout import duration
from sixfold.cli._progress import STAGES, amount, finding_lines, ordered, stage_title
from sixfold.language import sentence
from sixfold.progress import Epoch, Event, Finding, Note, Stage, Step

__all__ = ["Live"]

_LOOKS = {
    "waiting": ("○", "dim"),
    "done": ("✓", "green"),
    "cached": ("✓", "green dim"),
    "failed": ("✗", "bold red"),
    "refused": ("✗", "bold yellow"),
}
_TURNING = "◐◓◑◒"
_TURNS = 4
"""Quarter turns a second of the present stage's sign."""

_HEIGHTS = "▁▂▃▄▅▆▇█"
_CURVE = 40
"""Epochs that the little curve shows: the last so many."""

_SEVERITIES = {"info": "dim", "warning": "yellow", "error": "red"}


class Live:
    """The live display, for the length of a ``with`` block; afterwards only the log stays in the terminal.

    Args:
        console: Where to draw; left out, the terminal.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console if console is not None else Console(highlight=False)
        self._states = dict.fromkeys(STAGES, "waiting")
        self._present: str | None = None
        self._begun = time.monotonic()
        self._step: Step | None = None
        self._epoch: Epoch | None = None
        self._last: Epoch | None = None
        self._curve: list[float] = []
        self._screen = Screen(
            get_renderable=self._drawn, console=self._console, refresh_per_second=_TURNS * 2, transient=True
        )

    def __enter__(self) -> Self:
        self._screen.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._screen.stop()

    def __call__(self, event: Event) -> None:
        match event:
            case Stage():
                self._turn_to(event)
            case Note():
                self._log(Text(f"  {event}", "dim"))
            case Finding():
                for line in finding_lines(event):
                    self._log(Text(f"  {line}", _SEVERITIES[event.severity]))
            case Step():
                self._step = event
            case Epoch():
                self._epoch = event
                if event.finished:
                    self._last = event
                    self._curve = [*self._curve, *list(ordered(event.figures).values())[-1:]][-_CURVE:]

    def _turn_to(self, event: Stage) -> None:
        if event.state == "started":
            self._present, self._begun = event.stage, time.monotonic()
            self._step = self._epoch = self._last = None
            self._curve = []
            return
        self._states[event.stage] = event.state
        sign, style = _LOOKS[event.state]
        said = sentence(f"cli.progress.{event.state}", None, time=duration(event.seconds))
        self._log(Text.assemble((f"{sign} ", style), (stage_title(event.stage), "bold"), ("  " + said, "dim")))
        if self._last is not None:
            self._log(Padding(Text.assemble(("  ", ""), *_figures(self._last)), 0))
        self._present, self._last = None, None

    def _log(self, line: RenderableType) -> None:
        self._console.print(line)

    def _drawn(self) -> RenderableType:
        parts: list[RenderableType] = [Text(""), self._path()]
        if self._present is not None:
            parts.append(self._at_work())
        return Group(*parts)

    def _path(self) -> Text:
        path = Text(" ")
        for number, stage in enumerate(STAGES):
            if number:
                path.append(" ── ", "dim")
            if stage == self._present:
                path.append(_TURNING[int(time.monotonic() * _TURNS) % len(_TURNING)] + " ", "bold cyan")
                path.append(stage_title(stage), "bold cyan")
            else:
                sign, style = _LOOKS[self._states[stage]]
                path.append(f"{sign} {stage_title(stage)}", style)
        return path

    def _at_work(self) -> RenderableType:
        elapsed = duration(time.monotonic() - self._begun)
        if self._epoch is not None:
            return self._training(self._epoch, elapsed)
        line = Table.grid(padding=(0, 1))
        done = self._step
        if done is None:
            line.add_row(Text(f" {elapsed}", "dim"))
        elif done.total:
            line.add_row("", ProgressBar(done.total, done.done, width=30), Text(amount(done)), Text(elapsed, "dim"))
        else:
            line.add_row("", Text(amount(done)), Text(elapsed, "dim"))
        return line

    def _training(self, at: Epoch, elapsed: str) -> RenderableType:
        steps = max(1, at.epochs * at.steps)
        done = min(steps, (at.epoch - 1) * at.steps + at.step)
        line = Table.grid(padding=(0, 1))
        left = "" if not at.seconds_left else sentence("cli.progress.left", None, time=duration(at.seconds_left))
        where = sentence("cli.progress.epoch", None, epoch=at.epoch, epochs=at.epochs, step=at.step, steps=at.steps)
        line.add_row("", ProgressBar(steps, done, width=30), Text(where), Text(left or elapsed, "dim"))
        rows: list[RenderableType] = [line]
        if not at.finished:
            rows.append(Padding(Text.assemble(*_figures(at)), (0, 0, 0, 1)))
        if self._last is not None:
            before = sentence("cli.progress.last_epoch", None, epoch=self._last.epoch)
            curve = ("  " + _curve(self._curve), "cyan")
            rows.append(Padding(Text.assemble((before + "  ", "dim"), *_figures(self._last), curve), (0, 0, 0, 1)))
        return Group(*rows)


def _figures(event: Epoch) -> list[tuple[str, str]]:
    parts: list[tuple[str, str]] = []
    for name, value in ordered(event.figures).items():
        parts += [(f"{name} ", "dim"), (f"{value:.4f}  ", "bold")]
    return parts


def _curve(values: list[float]) -> str:
    low, high = min(values), max(values)
    top = len(_HEIGHTS) - 1
    return "".join(_HEIGHTS[round((value - low) / (high - low) * top) if high > low else 0] for value in values)
