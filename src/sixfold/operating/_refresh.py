"""Refresh: a challenger from new rows and feedback, held against the champion on rows that neither learned from.

The challenger is promoted if its gates pass *and* it is better on the same rows beyond chance: the paired 95 % interval
of the difference lies above nothing. So on pure noise it is promoted at most one time in forty. The champion is kept as
it was, and :func:`undo` brings it back. Every step stands in the ledger. Run it by any cron: what found nothing new
trains nothing.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sixfold.errors import InputError
from sixfold.evaluation import Appraisal, appraisal_of, collected_rows, compared, difference, json_row
from sixfold.fields import Array, Field
from sixfold.hashing import digest_of_value
from sixfold.operating._watched import storage_of
from sixfold.pipeline import Run, Sixfold
from sixfold.product import Product
from sixfold.serving import Bundle, Engine
from sixfold.stages import FED
from sixfold.store import ROW, Prepared, SplitName, Workspace

__all__ = ["Refreshed", "refresh", "undo"]

_FEWEST_ROWS = 50
"""Rows that neither learned from, below which no difference between two models could be told."""

_MOST_ROWS = 20_000
Outcome = Literal["promoted", "kept", "nothing_new"]
Reason = Literal["better", "not_better", "gates", "too_few_rows", "same_rows"]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What came of it.

    Args:
        outcome: ``promoted``, ``kept`` (the champion), or ``nothing_new``.
        reason: Why.
        champion: The version that answered before.
        challenger: The version that was trained; ``None`` where there was nothing new.
        figure: What both were compared by.
        rows: Rows that neither learned from.
        ours: The challenger's value.
        theirs: The champion's value.
        low: The lower end of the paired 95 % interval of how much better the challenger is.
        high: The upper end.
        fed: Rows that came back as feedback and were learned from.
        gates: The gates that said no.
    """

    outcome: Outcome
    reason: Reason
    champion: str
    challenger: str | None = None
    figure: str | None = None
    rows: int = 0
    ours: float | None = None
    theirs: float | None = None
    low: float | None = None
    high: float | None = None
    fed: int = 0
    gates: tuple[str, ...] = ()


def refresh(house: Sixfold, product: Product, *, write_report: bool | None = None) -> Refreshed:
    """Collect anew, train a challenger, compare, and promote it or keep the champion.

    Args:
        house: Whose product it is.
        product: The declaration.
        write_report: As :meth:`sixfold.pipeline.Sixfold.run` takes it.

    Raises:
        InputError: The product has no model yet that could be refreshed.
        RunError: Something failed; the champion goes on answering.
    """
    champion = house.last(product.name)
    if champion is None or "evaluate" not in champion.artefacts:
        raise InputError("not_evaluated", name=product.name)
    house.settle(product.name)  # where an earlier one was cut off
    house.ledger.append("refresh.started", product.name, champion=champion.bundle.version)
    fed = _feed(house, champion)
    house.remember_former(product.name, candidate=True)
    try:
        challenger = house.run(
            product.changed(collect=product.collect.model_copy(update={"refresh": True})),
            until="evaluate",
            write_report=write_report,
        )
        found = _judged(house, champion, challenger, fed)
        if found.outcome == "promoted":
            house.deploy(challenger)
            house.remember_former(product.name)
    finally:
        house.settle(product.name)
    told = {name: getattr(found, name) for name in Refreshed.__slots__ if name != "gates"}
    house.ledger.append("refresh.finished", product.name, **told, gates=list(found.gates))
    return found


def undo(house: Sixfold, name: str) -> str:
    """Bring the former champion back; returns its version.

    Raises:
        InputError: There is none.
        ServiceError: It does not answer rightly; what answered before still does.
    """
    former = house.former(name)
    if former is None:
        raise InputError("no_former", name=name)
    now = house.last(name)
    house.restore(name)
    house.ledger.append(
        "refresh.undone",
        name,
        back=former.bundle.version,
        instead_of=None if now is None or "evaluate" not in now.artefacts else now.bundle.version,
    )
    return former.bundle.version


def _judged(house: Sixfold, champion: Run, challenger: Run, fed: int) -> Refreshed:
    old, new = champion.bundle, challenger.bundle
    about: dict[str, Any] = {"champion": old.version, "challenger": new.version, "fed": fed}
    if champion.artefacts["train"].digest == challenger.artefacts["train"].digest:
        return Refreshed("nothing_new", "same_rows", old.version, fed=fed)
    refused = tuple(gate["name"] for gate in challenger.artefacts["evaluate"].about["gates"] if not gate["passed"])
    if refused:
        return Refreshed("kept", "gates", **about, gates=refused)
    rows = _unseen(house, champion, challenger)
    if len(rows) < _FEWEST_ROWS:
        return Refreshed("kept", "too_few_rows", **about, rows=len(rows))
    task = new.task
    headline = task.judged_by[0]
    appraisal: Appraisal[Any] = appraisal_of(task.pattern)(task)
    told = [_answered(bundle, rows) for bundle in (new, old)]
    known = np.logical_and(*(appraisal.is_known(truth) for _, truth in told))
    if int(known.sum()) < _FEWEST_ROWS:
        return Refreshed("kept", "too_few_rows", **about, rows=int(known.sum()))
    models = {
        who: appraisal_of(bundle.task.pattern)(bundle.task).answered(outputs[known], truth[known], bundle.decision)
        for who, bundle, (outputs, truth) in zip(("ours", "theirs"), (new, old), told, strict=True)
    }
    figures = compared([headline.name], models)
    ours, theirs = figures["ours"][headline.name], figures["theirs"][headline.name]
    gained = difference(ours, theirs, higher_is_better=headline.higher_is_better)
    is_better = gained.low is not None and gained.low > 0
    return Refreshed(
        "promoted" if is_better else "kept",
        "better" if is_better else "not_better",
        **about,
        figure=headline.name,
        rows=int(known.sum()),
        ours=ours.value,
        theirs=theirs.value,
        low=gained.low,
        high=gained.high,
    )


def _unseen(house: Sixfold, champion: Run, challenger: Run) -> list[dict[str, Any]]:
    """The challenger's test rows that the champion did not learn from either, as they were collected."""
    seen = {
        _likeness(champion.bundle.given, row)
        for split in ("train", "validation")
        for row in _collected(house, champion, split)
    }
    given = champion.bundle.given
    return [row for row in _collected(house, challenger, "test")[:_MOST_ROWS] if _likeness(given, row) not in seen]


def _collected(house: Sixfold, run: Run, split: SplitName) -> list[dict[str, Any]]:
    work = Workspace(house.store, "refresh", "")
    prepared = Prepared.open(run.artefacts["prepare"], work)
    numbers = [int(row) for arrays in prepared.arrays(split, work) for row in arrays[ROW]]
    return list(collected_rows(run.artefacts["collect"], numbers, work).values())


def _likeness(given: Mapping[str, Field], row: Mapping[str, Any]) -> str:
    return digest_of_value(json_row(given, row))


def _answered(bundle: Bundle, rows: list[dict[str, Any]]) -> tuple[Array, Array]:
    """Outputs of a model for raw rows, and their truth as that model's columns encode it."""
    arrays = {name: field.encode([row.get(name) for row in rows]) for name, field in bundle.given.items()}
    target, outcome = bundle.target, bundle.outcome
    values = [row.get(target.name) for row in rows]
    encoded = {target.name: target.encode(values)}
    if outcome is not None:
        encoded[outcome.name] = outcome.encode([row.get(outcome.name) for row in rows])
    task = bundle.task
    truth = appraisal_of(task.pattern)(task).truth(task.taken({**arrays, **encoded}))
    return Engine(bundle).outputs(arrays), truth


def _feed(house: Sixfold, champion: Run) -> int:
    """Keep rows whose truth came back, for the next collection; returns how many there are.

    Only where what was sent was kept: a summary is nothing to learn from.
    """
    import polars as pl

    bundle, storage = champion.bundle, storage_of(house, champion)
    try:
        truth = storage.feedback()
        rows = []
        for request, payload in storage.payloads():
            for place, row in enumerate(payload["rows"]):
                if (request, place) in truth:
                    rows.append({**_raw(bundle.given, row), bundle.target.name: truth[request, place]})
    finally:
        storage.close()
    if not rows:
        return 0
    columns = {name: [row.get(name) for row in rows] for name in (*bundle.given, bundle.target.name)}
    frame = pl.DataFrame({name: pl.Series(name, values, strict=False) for name, values in columns.items()})
    stream = io.BytesIO()
    frame.write_parquet(stream)
    house.store.keep(FED, bundle.product.name, {"rows": len(rows)}, {"rows": house.store.put(stream.getvalue())})
    house.ledger.append("refresh.fed", bundle.product.name, rows=len(rows))
    return len(rows)


def _raw(given: Mapping[str, Field], row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as it was sent, in the form in which rows are collected: pictures as their bytes."""
    return {
        name: base64.b64decode(value.partition(",")[2] if value.startswith("data:") else value)
        if isinstance(value, str) and name in given and given[name].widget == "image"
        else value
        for name, value in row.items()
    }
