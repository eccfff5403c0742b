"""The family of chapters: each asks one thing of a finished model that its figures do not tell.

Does it do as well on rows it never saw as on those it learned from? For every group of people? If a picture is blurred?
What is it worth? A chapter measures, says what it found as plain JSON, draws it, and names figures that gates can ask
for. The stage and the page serve every chapter; a new one is one file in ``evaluation/chapters``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sixfold.evaluation._appraisal import Appraisal, Encoded, Judged, Report
from sixfold.evaluation._examples import collected_columns, collected_rows
from sixfold.evaluation._figures import formula
from sixfold.evaluation._formula import Answered, Asked
from sixfold.evaluation._graph import Graph
from sixfold.families import Kind, find, names
from sixfold.fields import Array
from sixfold.language import Text
from sixfold.product import Product
from sixfold.store import ROW, Artefact, Prepared, SplitName, Workspace
from sixfold.tasks import Figure, Task

__all__ = ["Chapter", "Finished", "every_chapter"]


@dataclass(frozen=True)
class Finished:
    """A model that was trained and judged, and what can be asked of it.

    Args:
        product: What it is.
        inputs: The artefacts of `collect`, `prepare` and `train`.
        work: Where to read, tell progress and note.
        prepared: The fitted columns, and the encoded rows.
        task: What was learned.
        appraisal: How answers of its pattern are judged.
        graph: The model as it will be served.
        judged: How it answered validation and test rows.
        sample: Some of the training rows, encoded.
        report: What report.json says so far: figures, baselines, the pattern's own parts, leaks, training, data.
    """

    product: Product
    inputs: Mapping[str, Artefact]
    work: Workspace
    prepared: Prepared
    task: Task
    appraisal: Appraisal[Any]
    graph: Graph
    judged: Judged[Any]
    sample: Encoded
    report: Report

    @property
    def headline(self) -> Figure:
        """The figure that the model is chosen by."""
        return self.task.judged_by[0]

    def value(self, outputs: Array, truth: Array) -> float | None:
        """The headline figure of outputs (n, …) for rows of known truth (n, …); ``None`` where it is not defined."""
        answered = self.appraisal.answered(outputs, truth, self.judged.decision)
        found = formula(self.headline.name).of(answered, np.ones(answered.rows))
        return float(found) if np.isfinite(found) else None

    def rows(self, split: SplitName, most: int) -> dict[str, Array]:
        """The arrays of at most ``most`` rows of a split that can be judged, drawn by the run's seed: given columns,
        target and ``__row__``; shard by shard, so that only those are in memory."""
        prepared = self.prepared.real  # what was made up is nobody's to judge by
        total, first = prepared.rows(split), 0
        chosen = np.zeros(total, bool)
        chosen[np.random.default_rng(self.work.seed).permutation(total)[:most]] = True
        parts = []
        for arrays in prepared.arrays(split, self.work):
            here = len(arrays[ROW])
            known = self.appraisal.is_known(self.truth(arrays))
            keep = chosen[first : first + here] & known
            parts.append({name: array[keep] for name, array in arrays.items()})
            first += here
        if not parts:
            return self.prepared.no_rows()
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def truth(self, arrays: Mapping[str, Array]) -> Array:
        """What rows are judged by (n, …), of their arrays."""
        return self.appraisal.truth(self.task.taken(dict(arrays)))

    def columns(self, names: Iterable[str], numbers: Array) -> dict[str, list[Any]]:
        """Columns of rows as they were collected, in the order of ``numbers`` (``__row__``)."""
        return collected_columns(self.inputs["collect"], names, numbers, self.work)

    def by_row(self, answered: Answered) -> Array:
        """The headline figure of each row alone (n,); NaN where it is not defined of one."""
        of, once = formula(self.headline.name).of, np.ones(1)
        places = np.arange(answered.rows)
        return np.array([of(answered.kept(places == place), once) for place in places.tolist()], np.float64)

    def collected(self, numbers: Iterable[int]) -> dict[int, dict[str, Any]]:
        """Rows as they were collected, by their number (``__row__``)."""
        return collected_rows(self.inputs["collect"], [int(number) for number in numbers], self.work)


class Chapter(Kind, ABC):
    """One chapter of the report."""

    folder: ClassVar[str] = "sixfold.evaluation.chapters"
    label: ClassVar[Text]
    """Its word in the table of contents."""

    order: ClassVar[int]
    """Where it stands among the chapters: smaller is earlier."""

    asked_for: ClassVar[Mapping[str, Asked]] = {}
    """What gates can ask for, by the name that product.yaml says: ``worst slice``, ``overfitting``."""

    @classmethod
    @abstractmethod
    def suits(cls, model: Finished) -> bool:
        """Whether there is anything to ask: a cheap look at task, columns and settings."""

    @abstractmethod
    def measure(self, model: Finished) -> dict[str, Any] | None:
        """What was found, as plain JSON that :meth:`schema` describes; ``None`` where nothing can be said.

        It should take no longer than a few seconds for 10,000 rows, and say (``work.step``) what takes over two.
        """

    @classmethod
    @abstractmethod
    def schema(cls) -> dict[str, Any]:
        """The JSON Schema of what :meth:`measure` gives."""

    @classmethod
    @abstractmethod
    def body(cls, found: Mapping[str, Any], report: Report) -> str:
        """The chapter below its title (HTML)."""

    @classmethod
    def verdict(cls, found: Mapping[str, Any]) -> list[Text]:  # noqa: ARG003
        """What belongs into the first sentences of the page, if anything."""
        return []

    @classmethod
    def script(cls) -> str:
        """JavaScript that the chapter's part of the page needs; it runs once, under the page's policy by digest."""
        return ""

    @classmethod
    def figures(cls, found: Mapping[str, Any]) -> dict[str, float | None]:  # noqa: ARG003
        """The values of :attr:`asked_for`, as far as they were measured."""
        return {}

    @classmethod
    def words(cls) -> list[tuple[Text, Text]]:
        """What the words of this chapter mean."""
        return []


def every_chapter() -> tuple[type[Chapter], ...]:
    """Every chapter, in the order of the page."""
    family: type[Chapter] = Chapter  # type: ignore[type-abstract]  # a family is looked up, never built
    return tuple(sorted((find(family, name) for name in names(family)), key=lambda kind: (kind.order, kind.kind())))
