"""The family of patterns that answers have: all that judging them and showing how good they are needs to know.

A task names its pattern (``classes``, ``numbers``). The stage, the gates and the page serve every pattern; what differs
between them stands in one file each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar

import numpy as np

from sixfold.evaluation._formula import Answered, Asked, Formula
from sixfold.evaluation._worth import Worth
from sixfold.families import Kind, find, names
from sixfold.fields import Array, Field
from sixfold.language import Text
from sixfold.tasks import Decision, Task

__all__ = [
    "Appraisal",
    "Encoded",
    "Judged",
    "Report",
    "Rows",
    "Section",
    "SideBySide",
    "Thumbnails",
    "Yardstick",
    "appraisal_of",
    "appraisals",
    "baseline_title",
    "described",
]

Report: TypeAlias = Mapping[str, Any]
"""The content of report.json."""

Thumbnails: TypeAlias = Mapping[int, Sequence[tuple[bytes, str, bool]]]
"""Of a collected row: its pictures as (bytes, MIME type, whether it is tiny and should be shown by its pixels)."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Rows as `prepare` encoded them: the array of each given column by name, and the truth of each row (n, …)."""

    arrays: Mapping[str, Array]
    y: Array


@dataclass(frozen=True)
class Yardstick:
    """What a model must beat, fitted on training rows.

    Args:
        name: One of the pattern's :attr:`Appraisal.baselines`.
        about: What it learned from and how: plain JSON.
        outputs: For the arrays of n given rows, what it says (n, …), as :meth:`SideBySide.guessed` understands it.
    """

    name: str
    about: dict[str, Any]
    outputs: Callable[[Mapping[str, Array]], Array] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one split: their collected numbers (n,), the graph's outputs (n, units) and their truth (n, …)."""

    numbers: Array
    outputs: Array
    truth: Array

    def kept(self, keep: Array) -> Rows:
        """The rows where ``keep`` is true."""
        return Rows(self.numbers[keep], self.outputs[keep], self.truth[keep])


A = TypeVar("A", bound=Answered)


@dataclass(frozen=True, slots=True)
class Judged(Generic[A]):
    """All that was measured of one model: what :meth:`Appraisal.parts` tells of.

    Args:
        decision: What turns outputs into answers.
        decided_on: How many rows the decision was fitted on.
        training: The truth of every training row.
        validation: The validation rows.
        test: The rows that are judged.
        answered: The same, as they are answered.
        seed: Of whatever is drawn.
        samples: Answers out of nothing (:attr:`Appraisal.samples`), as the task's ``respond`` gives them.
        deciding: The outputs and the truth that the decision was fitted on; ``None`` where there were none.
    """

    decision: Decision
    decided_on: int
    training: Array
    validation: Rows
    test: Rows
    answered: A
    seed: int
    samples: Array | None = None
    deciding: tuple[Array, Array] | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A chapter of the report's page: its anchor, its word in the contents, its title, and what it says (HTML)."""

    name: str
    label: Text
    title: Text
    body: str


class Appraisal(Kind, ABC, Generic[A]):
    """How answers of one pattern are decided, judged, compared and shown.

    Args:
        task: The task, with its fitted target.
    """

    folder: ClassVar[str] = "sixfold.evaluation"
    formulas: ClassVar[tuple[Formula, ...]]
    """Every figure that a task of this pattern may name."""
    baselines: ClassVar[Mapping[str, Text]]
    """The yardsticks by name, and what people call them."""
    samples: ClassVar[int] = 0
    """How many answers are made to be looked at, where nothing is given and the truth is scored instead."""

    asked_for: ClassVar[Mapping[str, Asked]] = {}
    """What gates can ask for beside the task's figures, by the name that product.yaml says."""

    judges_rows: ClassVar[bool] = True
    """Whether the headline figure of one row says how well that row was answered; not where only many together can."""

    most_decided_on: ClassVar[int | None] = None
    """The most validation rows that are answered to decide by, where answers are dear; ``None``: all."""

    def __init__(self, task: Task) -> None:
        self.task = task

    # What is judged

    @abstractmethod
    def truth(self, encoded: Array) -> Array:
        """What rows are judged by (n, …), from the target as `prepare` encoded it."""

    @abstractmethod
    def is_known(self, truth: Array) -> Array:
        """Which rows can be judged (n,): not those of which no training row could have told the truth."""

    def asked(self, arrays: Mapping[str, Array], truth: Array) -> tuple[Array, Array]:  # noqa: ARG002
        """Which rows of a piece are answered (m,), and what each is judged by (m, …); every row, unless a pattern says
        otherwise: where several truths go with one question, it is asked once and has them all.

        Args:
            arrays: The given columns of n rows, and what goes with them beside (what errors are measured in).
            truth: What :meth:`truth` says of them (n, …).
        """
        return np.arange(len(truth)), truth

    @abstractmethod
    def decide(self, outputs: Array, truth: Array) -> Decision:
        """The decision, fitted on validation rows; neutral if there are none."""

    @abstractmethod
    def told(self, decision: Decision) -> Text:
        """The decision in a few words, for the log."""

    @abstractmethod
    def answered(self, outputs: Array, truth: Array, decision: Decision) -> A:
        """The rows as the product answers them: the graph's outputs (n, units) after ``decision``."""

    def leaning(self, outputs: Array, decision: Decision) -> Array | None:  # noqa: ARG002
        """What an explanation can speak of (n, k): the chance of each class, or the one number in its own units;
        ``None`` where an answer is more than that."""
        return None

    def losses(self, answered: A) -> Array | None:  # noqa: ARG002
        """How wrong each answer is (n,), as it was learned from: low where the truth was all but known; ``None`` where
        that is not told row by row."""
        return None

    @abstractmethod
    def yardsticks(
        self, given: Mapping[str, Field], sample: Encoded, training: Array, *, seed: int = 0
    ) -> list[Yardstick]:
        """The baselines, fitted.

        Args:
            given: The fitted fields of the given columns.
            sample: Training rows to learn from (at most 5,000, drawn by the caller).
            training: The truth of every training row.
            seed: Of whatever is drawn.
        """

    @abstractmethod
    def rivals(self, answered: A, guesses: Mapping[str, Array], truth: Array) -> dict[str, A]:
        """The rows as each yardstick answers them, by its name; ``answered``: as the product does, where a yardstick
        must be measured with the same means."""

    # What is told of it

    @abstractmethod
    def parts(self, judged: Judged[A]) -> dict[str, Any]:
        """What report.json says of this pattern alone: plain JSON, as :meth:`schema` describes it."""

    def worth(self, judged: Judged[A]) -> Worth | None:  # noqa: ARG002
        """What answers are worth by `evaluate: {value: …}`; ``None`` where nothing can be said of this pattern's."""
        return None

    @abstractmethod
    def worst(self, answered: A, most: int) -> Array:
        """Positions of the rows to look at first, the worst first."""

    @abstractmethod
    def typical(self, answered: A, most: int) -> Array:
        """Positions of rows that were answered well, the most ordinary first; of any rows if none was."""

    @abstractmethod
    def example(self, answered: A, place: int, row: Mapping[str, Any]) -> dict[str, Any]:
        """What was said of the row at a position and what is right, as :meth:`schema` describes it.

        Args:
            answered: The rows.
            place: Which of them.
            row: The same row as it was collected.
        """

    @abstractmethod
    def kept(self, answered: A) -> dict[str, Array]:
        """What is kept of every row, for whoever wants to look further: arrays (n, …) by name."""

    @classmethod
    def told_to_gates(cls, report: Report) -> dict[str, float | None]:  # noqa: ARG003
        """The values of :attr:`asked_for`."""
        return {}

    @classmethod
    @abstractmethod
    def schema(cls) -> tuple[dict[str, Any], dict[str, Any]]:
        """The JSON Schemas of what :meth:`parts` and of what :meth:`example` say, each by property."""

    # How it is shown: from the report's content alone

    @classmethod
    @abstractmethod
    def verdict(cls, report: Report) -> list[Text]:
        """How good it is, in two or three sentences."""

    @classmethod
    @abstractmethod
    def notes(cls, report: Report) -> list[Text]:
        """What is to be known of the yardsticks, below the table of figures."""

    @classmethod
    @abstractmethod
    def details(cls, report: Report) -> str:
        """What stands below the table of figures, part by part (HTML)."""

    @classmethod
    @abstractmethod
    def sections(cls, report: Report, thumbnails: Thumbnails) -> list[Section]:
        """The chapters between the figures and the data."""

    @classmethod
    def groups(cls, report: Report) -> list[tuple[str, Mapping[str, int]]]:  # noqa: ARG003
        """Groups of rows that the data chapter tells apart: their names and their rows by split."""
        return []

    @classmethod
    @abstractmethod
    def words(cls) -> list[tuple[Text, Text]]:
        """What the words of this pattern mean."""


class SideBySide(Appraisal[A]):
    """A pattern whose yardsticks answer rows by themselves, as the product does."""

    @abstractmethod
    def guessed(self, outputs: Array, truth: Array) -> A:
        """The rows as a yardstick answers them."""

    def rivals(self, answered: A, guesses: Mapping[str, Array], truth: Array) -> dict[str, A]:  # noqa: ARG002
        return {name: self.guessed(outputs, truth) for name, outputs in guesses.items()}


def appraisals() -> tuple[type[Appraisal[Any]], ...]:
    """Every pattern there is."""
    family: type[Appraisal[Any]] = Appraisal  # type: ignore[type-abstract]  # a family is looked up, never built
    return tuple(find(family, name) for name in names(family))


def appraisal_of(pattern: str) -> type[Appraisal[Any]]:
    """The pattern called ``pattern``."""
    family: type[Appraisal[Any]] = Appraisal  # type: ignore[type-abstract]  # as above
    return find(family, pattern)


def baseline_title(name: str) -> Text:
    """What people call a yardstick.

    Raises:
        KeyError: No pattern has a yardstick of that name.
    """
    return {name: title for kind in appraisals() for name, title in kind.baselines.items()}[name]


def described(**properties: Any) -> dict[str, Any]:
    """The JSON Schema of an object that has exactly these properties."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
