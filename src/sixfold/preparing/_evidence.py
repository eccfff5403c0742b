"""What checks look at, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from sixfold.fields import Array, Field
from sixfold.fields.category import Category
from sixfold.language import Text
from sixfold.preparing._column import Column
from sixfold.preparing._groups import Group
from sixfold.preparing._look import Looks
from sixfold.preparing._quick import Quick, quick
from sixfold.preparing._split import Splits
from sixfold.progress import Severity

__all__ = ["PAIRS", "SHOWN", "Evidence", "Found", "Shown", "sample"]

SHOWN = 5
"""Rows, classes or values that a sentence names."""

_ROWS_KEPT = 20

PAIRS: tuple[tuple[Any, Any], ...] = (("train", "test"), ("train", "validation"), ("validation", "test"))
"""Earlier and later split."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Rows that people should look at side by side, and what is to be said of them."""

    rows: tuple[int, ...]
    says: Text


@dataclass(frozen=True, slots=True)
class Found:
    """What a check found: said in both languages, with what to do; ``rows`` are a sample of the ``count`` concerned,
    and ``shows`` those that are worth looking at."""

    check: str
    severity: Severity
    says: Text
    mend: Text
    column: str | None = None
    count: int = 0
    rows: tuple[int, ...] = ()
    shows: tuple[Shown, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it stands in report.json."""
        return {
            "check": self.check,
            "severity": self.severity,
            "column": self.column,
            "count": self.count,
            "rows": list(self.rows),
            "says": {"en": self.says.en, "zh": self.says.zh},
            "mend": {"en": self.mend.en, "zh": self.mend.zh},
            "shows": [{"rows": list(one.rows), "says": {"en": one.says.en, "zh": one.says.zh}} for one in self.shows],
        }


@dataclass(frozen=True)
class Evidence:
    """What checks look at.

    Args:
        given: The given columns by name.
        target: The target column.
        splits: Which rows train, validate and test.
        shown: How a row is shown to people: its file, or its number from 1.
        same: (rows,) equal where all given values are; ``None`` where sameness is coincidence. Pictures are the same by
            their files, and once they are encoded by their pixels.
        untargeted: Rows left out because their target is missing.
        unpictured: Rows left out because the picture, all that is given, is missing.
        unseen: Validation and test rows left out because no training row has their class.
        unreadable: Of each heavy column the rows whose value cannot be decoded, and why. Known once encoded.
        repeated: Validation and test rows left out because they repeat a row of an earlier split. Known once encoded.
        fitted: The fitted fields by column. Known once encoded.
        lengths: Of each column of tokens or steps how many each row has, (rows,) int32. Known once encoded.
        looks: What was kept of heavy given columns. Known once encoded.
        sample: Arrays of the columns of steps for some training rows, and which these are. Known once encoded.
        stored: The values of a heavy column at ascending rows, one shard in memory at a time.
        groups: The columns that tell groups of people apart, by name.
        redacted: How many pieces of personal data were replaced before anything was stored, by column and kind.
        personal_data: What product.yaml says is to be done about it.
        paths: The file of each row, where rows have one.
        thresholds: From which value on checks speak up, by name.
        outcome: What a choice is to raise or lower; ``None`` of other products.
        without_outcome: Rows left out because they lack it.
    """

    given: Mapping[str, Column]
    target: Column
    splits: Splits
    shown: Callable[[int], str]
    same: Array | None
    untargeted: Array
    unpictured: Array
    unseen: Array
    unreadable: Mapping[str, Mapping[int, Text]] = field(default_factory=dict)
    repeated: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    fitted: Mapping[str, Field] = field(default_factory=dict)
    lengths: Mapping[str, Array] = field(default_factory=dict)
    looks: Looks = field(default_factory=lambda: Looks({}, np.zeros(0, np.int64)))
    sample: Mapping[str, Array] = field(default_factory=dict)
    stored: Callable[[str, Array], Sequence[Any]] = lambda name, rows: ()  # noqa: ARG005
    groups: Mapping[str, Group] = field(default_factory=dict)
    redacted: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    personal_data: str | None = None
    paths: Sequence[str | None] | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    outcome: Column | None = None
    without_outcome: Array | None = None

    @cached_property
    def rows(self) -> Array:
        """Every row that is in a split, ascending."""
        return np.sort(np.concatenate(list(self.splits.rows.values())))

    @property
    def train(self) -> Array:
        """The training rows."""
        return self.splits.rows["train"]

    @cached_property
    def others(self) -> Array:
        """The validation and test rows, ascending."""
        return np.sort(np.concatenate([self.splits.rows["validation"], self.splits.rows["test"]]))

    @cached_property
    def quick(self) -> Quick | None:
        """What a quick model says of rows that it did not learn from; fitted when first asked for."""
        return quick(self)

    @property
    def is_classification(self) -> bool:
        """Whether the target is one of several values."""
        return isinstance(self.target.kind, Category)

    def limit(self, name: str) -> float:
        """From which value on a check speaks up."""
        return self.thresholds[name]

    def named(self, rows: Array, code: str) -> str:
        """The first few of some rows, as people find them, in the language ``code``."""
        named = ("、" if code == "zh" else ", ").join(self.shown(int(row)) for row in rows[:SHOWN])
        return named + (" …" if len(rows) > SHOWN else "")

    def class_rows(self, rows: Array) -> dict[str, int]:
        """How many of some rows each class has."""
        counts = np.bincount(self.target.codes[rows], minlength=len(self.target.labels) + 1)[1:]
        return dict(zip(self.target.labels, counts.tolist(), strict=True))


def sample(rows: Array) -> tuple[int, ...]:
    """The first rows of those concerned, as a finding keeps them."""
    return tuple(rows[:_ROWS_KEPT].tolist())
