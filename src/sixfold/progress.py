"""What happens while the user waits, as values; the faces decide how to show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

from sixfold.language import sentence

__all__ = ["Epoch", "Event", "Finding", "Listener", "Note", "Stage", "Step", "silent", "to_json"]

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage changed state. ``seconds`` is what it took, once it ended."""

    stage: str
    state: Literal["started", "cached", "done", "refused", "failed"]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence of the log: ``key`` in the locale files, and the values in its braces."""

    stage: str
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return sentence(self.key, None, **self.values)


@dataclass(frozen=True, slots=True)
class Step:
    """So much of a stage is done: ``done`` of ``total`` (0 when unknown) ``unit`` ("rows", "bytes", "steps" …)."""

    stage: str
    done: int
    total: int
    unit: str
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Epoch:
    """Training: where it stands in one epoch. ``finished`` carries validation figures (``val_…``) among ``figures``.

    ``seconds`` counts from the beginning of the epoch; ``seconds_left`` is until training ends.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    figures: Mapping[str, float]
    seconds: float
    finished: bool
    seconds_left: float | None = None
    stage: str = "train"


@dataclass(frozen=True, slots=True)
class Finding:
    """A check found something: ``check`` names it, ``text`` says it, ``mend`` says what to do."""

    stage: str
    check: str
    severity: Severity
    text: str
    mend: str


Event: TypeAlias = Stage | Note | Step | Epoch | Finding
Listener: TypeAlias = Callable[[Event], None]


def silent(event: Event) -> None:
    """The listener that shows nothing."""


def to_json(event: Event) -> dict[str, Any]:
    """An event for another program: its class as ``event``, then its values."""
    record: dict[str, Any] = {"event": type(event).__name__.lower(), **asdict(event)}
    if isinstance(event, Note):
        record["values"] = {name: _plain(value) for name, value in record["values"].items()}
        record["text"] = str(event)
    return record


def _plain(value: Any) -> Any:
    """A value of a sentence as JSON knows it; a path, say, as its text."""
    return value if value is None or isinstance(value, (str, int, float, bool, dict, list)) else str(value)
