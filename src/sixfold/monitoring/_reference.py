"""What the model learned from, as far as drift has to be told against it: goes into the bundle, holds no row.

Of each column stands how often each feature's value came, column by column, so that no row can be put together again;
a category that fewer than five rows have is counted under "…other".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from sixfold.fields import Field
from sixfold.monitoring._features import (
    CONFIDENCE,
    OTHER,
    Feature,
    answer_features,
    features,
    measured,
    of_answer,
)

__all__ = ["MOST_HEAVY_ROWS", "MOST_ROWS", "Known", "Reference"]

MOST_ROWS = 3000
"""Training rows that a reference is made of."""

MOST_HEAVY_ROWS = 600
"""The same where a column has to be decoded (pictures)."""

_FEWEST = 5


class Known(BaseModel):
    """How often each value of one feature came, in order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: list[float | str]
    counts: list[int]

    @classmethod
    def of(cls, values: Iterable[float | str], nature: str) -> Self:
        counted = Counter(values)
        if nature == "category":
            rare = {value for value, count in counted.items() if count < _FEWEST}
            if rare:
                counted[OTHER] += sum(counted.pop(value) for value in rare if value != OTHER)
        keys = sorted(counted, key=lambda value: (isinstance(value, str), value))
        return cls(values=keys, counts=[counted[key] for key in keys])

    def rows(self) -> Sequence[float | str]:
        """The values, each as often as it came."""
        if self.values and isinstance(self.values[0], str):
            return [value for value, count in zip(self.values, self.counts, strict=True) for _ in range(count)]
        numbers: Sequence[float | str] = np.repeat(np.asarray(self.values, np.float64), self.counts).tolist()
        return numbers


class Reference(BaseModel):
    """What later rows and answers are held against.

    Args:
        rows: Training rows that the columns were counted over.
        known: Of each watched feature how often each value came: inputs over training rows, answers over test rows.
        right: The share of test rows that were answered rightly, where answers are right or wrong; with its rows.
        sure: The mean confidence over the same test rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    known: dict[str, Known]
    right: float | None = None
    sure: float | None = None
    judged: int = 0

    @classmethod
    def made(
        cls,
        given: Mapping[str, Field],
        target: Field,
        rows: Sequence[Mapping[str, Any]],
        answers: Sequence[Mapping[str, Any]],
        right: float | None = None,
    ) -> Self:
        """The reference of raw training rows, and of answers to test rows.

        Args:
            given: The fitted given columns.
            target: The fitted target.
            rows: Raw training rows.
            answers: Answers to test rows, as a service gives them.
            right: The share of test rows that were answered rightly, where answers are right or wrong.
        """
        found = [measured(given, row) for row in rows]
        said = [of_answer(target, answer) for answer in answers]
        watched: list[tuple[Feature, list[dict[str, float | str | None]]]] = [
            *((feature, found) for feature in features(given)),
            *((feature, said) for feature in answer_features(target)),
        ]
        known = {
            feature.name: Known.of(
                (value for row in table if (value := row.get(feature.name)) is not None), feature.nature
            )
            for feature, table in watched
        }
        sure = [value for row in said if isinstance(value := row[CONFIDENCE], float)]
        return cls(
            rows=len(found),
            known=known,
            right=right,
            sure=float(np.mean(sure)) if sure else None,
            judged=len(said),
        )
