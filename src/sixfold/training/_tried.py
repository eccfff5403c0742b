"""What a search knows of its trials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sixfold.networks import Network, Proposal

__all__ = ["Contender", "Folds", "Tried"]

_INWARD = ("key", "drawn", "overhead", "judged", "whole", "idle")
"""What of a trial is no matter of the report."""

State = Literal["started", "finished", "failed", "looked"]


@dataclass(frozen=True)
class Tried:
    """One trial: what was tried, what it cost, what it reached. Plain JSON.

    Attributes:
        name: The network, and which of its trials: ``cnn 2``.
        why: ``first``, ``longer`` or ``varied``.
        drawn: Of a variation, the values that were drawn, and from which spaces.
        slice: Seconds that it was given; ``None``: as long as it takes.
        seconds: Wall-clock seconds that it took.
        loss: Validation loss, calibrated; of classes log loss, of numbers the squared error in standard deviations.
        figure: The metric on validation rows, by its name.
        judged: How many rows it answered that it did not learn from.
        columns: The given columns that it looked at; empty: all of them.
        folds: In how many folds it took its rows.
        whole: Seconds that its whole recipe would take in one fold, as far as it came.
        idle: Seconds that went by without training: its start and its export.
    """

    name: str
    network: str
    key: str
    why: Literal["first", "longer", "varied"]
    options: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    drawn: Mapping[str, Any] = field(default_factory=dict)
    slice: float | None = None
    seconds: float = 0.0
    state: State = "started"
    loss: float | None = None
    figure: Mapping[str, Any] | None = None
    parameters: int | None = None
    was_cut: bool = False
    reason: str | None = None
    overhead: float = 0.0
    judged: int = 0
    columns: tuple[str, ...] = ()
    folds: int = 1
    whole: float | None = None
    idle: float = 0.0

    def to_report(self) -> dict[str, Any]:
        """What the report shows of it."""
        record = asdict(self)
        record["validation"] = record.pop("loss")
        return {name: value for name, value in record.items() if name not in _INWARD}


@dataclass(frozen=True, slots=True)
class Folds:
    """In how many folds trials take training and validation rows together (see :class:`Trial`); 1: they do not.

    Args:
        light: Of networks that are trained in steps, on numbers and categories.
        heavy: Of those on pictures, texts and series.
        fitted: Of models that are fitted, which are quick.
    """

    light: int = 1
    heavy: int = 1
    fitted: int = 1


@dataclass(frozen=True, slots=True)
class Contender:
    """A network that a search will try, as its maker would set it.

    Args:
        kind: The network.
        options: What `train` says to it.
        proposal: How it is set beyond that.
        columns: The given columns that it looks at; empty: all.
        folds: In how many folds it takes its rows where the time allows.
        is_heavy: Whether it is trained in steps on pictures, texts or series.
    """

    kind: type[Network]
    options: Mapping[str, Any]
    proposal: Proposal
    columns: tuple[str, ...]
    folds: int
    is_heavy: bool
