"""What a product in use is held against: features of training rows, and answers to test rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sixfold.evaluation import Judged, collected_rows
from sixfold.monitoring import MOST_HEAVY_ROWS, MOST_ROWS, Reference
from sixfold.store import ROW, Artefact, Prepared, Workspace
from sixfold.tasks import Task

__all__ = ["reference"]

_TOLD = ("choice", "number")
"""Targets of which an answer is one name or number."""


def reference(
    collected: Artefact,
    prepared: Prepared,
    task: Task,
    judged: Judged[Any],
    report: Mapping[str, Any],
    work: Workspace,
) -> dict[str, Any]:
    """The reference of a judged model, as plain JSON.

    Args:
        collected: The artefact of `collect`, whose rows are as they would be sent.
        prepared: Which of them were for training.
        task: What was learned.
        judged: How test rows were answered.
        report: Its figures.
        work: Where to read.
    """
    random = np.random.default_rng(work.seed)
    numbers = np.concatenate([np.zeros(0, np.int64), *(arrays[ROW] for arrays in prepared.arrays("train", work))])
    most = MOST_HEAVY_ROWS if any(field.widget == "image" for field in prepared.given.values()) else MOST_ROWS
    wanted = random.permutation(numbers)[:most].tolist() if prepared.given else []
    rows = list(collected_rows(collected, wanted, work).values())
    answers: list[dict[str, Any]] = []
    if prepared.target.widget in _TOLD:
        places = np.sort(random.permutation(len(judged.test.outputs))[:MOST_ROWS])
        answers = task.answers(judged.test.outputs[places], judged.decision)
    right = None
    if task.pattern == "classes":
        right = next((figure["value"] for figure in report["figures"] if figure["name"] == "accuracy"), None)
    return Reference.made(prepared.given, prepared.target, rows, answers, right).model_dump(mode="json")
