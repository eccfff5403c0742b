"""Two evaluated products on the test rows that they have in common."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sixfold import evaluation
from sixfold.errors import InputError
from sixfold.evaluation import Appraisal, Comparison, Rows
from sixfold.fields import Array, Field, is_missing
from sixfold.language import Text
from sixfold.product import Product
from sixfold.stages.evaluate import tested
from sixfold.store import Artefact, Prepared, Workspace
from sixfold.tasks import Decision

__all__ = ["Compared", "comparison"]


@dataclass(frozen=True)
class Compared:
    """One side: what it is called, its declaration, and the artefacts of `collect` to `evaluate`."""

    name: str
    product: Product
    artefacts: Mapping[str, Artefact]


@dataclass(frozen=True)
class _Side:
    compared: Compared
    prepared: Prepared
    appraisal: Appraisal[Any]
    decision: Decision
    rows: Rows

    def answered(self, places: Array) -> Any:
        return self.appraisal.answered(self.rows.outputs[places], self.rows.truth[places], self.decision)


def comparison(first: Compared, second: Compared, work: Workspace) -> Comparison:
    """Both models on the rows that both were tested on.

    Raises:
        InputError: They answer different questions, or share no test rows.
    """
    one, other = _side(first, work), _side(second, work)
    _hold_same_question(one, other)
    matched_by, ours, theirs = _matched(one, other, work)
    if not len(ours):
        raise InputError("no_shared_rows", first=first.name, second=second.name)
    figures = evaluation.compare(one.appraisal.task.judged_by, one.answered(ours), other.answered(theirs))
    return Comparison(
        names=(first.name, second.name),
        networks=(str(first.artefacts["train"].about["network"]), str(second.artefacts["train"].about["network"])),
        matched_by=matched_by,
        rows=len(ours),
        alone=(len(one.rows.numbers) - len(ours), len(other.rows.numbers) - len(theirs)),
        figures=figures,
    )


def _side(one: Compared, work: Workspace) -> _Side:
    prepared, appraisal, rows = tested(one.product, one.artefacts, work)
    decision = Decision(**work.read_json(one.artefacts["evaluate"], "decision.json"))
    return _Side(one, prepared, appraisal, decision, rows)


def _hold_same_question(one: _Side, other: _Side) -> None:
    reason = None
    ours, theirs = one.prepared.target, other.prepared.target
    if type(one.appraisal.task) is not type(other.appraisal.task):
        titles = [type(side.appraisal.task).title for side in (one, other)]
        reason = Text(f"{titles[0].en} and {titles[1].en}", f"{titles[0].zh}与{titles[1].zh}")
    elif ours.name != theirs.name:
        reason = Text(
            f"one tells {ours.name}, the other {theirs.name}", f"一个回答 {ours.name}，另一个回答 {theirs.name}"
        )
    elif ours.state.get("classes") != theirs.state.get("classes"):
        reason = Text(f"their classes of {ours.name} differ", f"{ours.name} 的类别不同")
    elif not one.appraisal.judges_rows or one.appraisal.samples:
        reason = Text("such answers are judged by what was drawn for them", "这类答案要靠各自抽取的样本来评判")
    if reason is not None:
        raise InputError("not_comparable", first=one.compared.name, second=other.compared.name, reason=reason)


def _matched(one: _Side, other: _Side, work: Workspace) -> tuple[Literal["number", "content"], Array, Array]:
    """How rows were told to be the same, and the positions of those that are, on both sides in one order."""
    if _data(one) == _data(other):
        _, ours, theirs = np.intersect1d(one.rows.numbers, other.rows.numbers, return_indices=True)
        return "number", ours, theirs
    given = [name for name in one.prepared.given if name in other.prepared.given]
    found = []
    for side in (one, other):
        fields = {name: side.prepared.given[name] for name in given}
        fields[side.prepared.target.name] = side.prepared.target
        found.append(_contents(side, fields, work) if given or not side.prepared.given else [])
    places = {content: place for place, content in enumerate(found[1])}
    pairs = [(place, places[content]) for place, content in enumerate(found[0]) if content in places]
    ours, theirs = np.array(pairs, np.int64).reshape(-1, 2).T
    return "content", ours, theirs


def _data(side: _Side) -> tuple[Any, ...]:
    """What the numbers of rows refer to: the same source, read in the same way, has the same rows under them."""
    about, product = side.compared.artefacts["collect"].about, side.compared.product
    way = product.collect.model_dump(mode="json", include={"rows", "columns"}), product.collect.options
    return about["provenance"]["digest"], about["rows"], way


def _contents(side: _Side, fields: Mapping[str, Field], work: Workspace) -> list[tuple[bytes, int]]:
    """What each test row holds, as a digest; of rows that hold the same, which of them it is."""
    raw = evaluation.collected_columns(side.compared.artefacts["collect"], list(fields), side.rows.numbers, work)
    seen: Counter[bytes] = Counter()
    found = []
    for place in range(len(side.rows.numbers)):
        told = hashlib.sha256()
        for name, field in fields.items():
            said = _likeness(field, raw[name][place])
            told.update(len(said).to_bytes(8, "big") + said)
        content = told.digest()
        found.append((content, seen[content]))
        seen[content] += 1
    return found


def _likeness(field: Field, value: Any) -> bytes:
    try:
        return (None if is_missing(value) else field.likeness(value)) or b""
    except ValueError:
        return repr(value).encode("utf-8", "surrogatepass")
