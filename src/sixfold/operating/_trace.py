"""Trace: what became of one request, for whoever has to answer a complaint."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sixfold.errors import InputError
from sixfold.operating._watched import storage_of
from sixfold.pipeline import Run, Sixfold
from sixfold.serving import Engine, same_answer

__all__ = ["Trace", "trace"]

_APPEARANCES = ("deploy.done", "refresh.finished", "refresh.undone", "incident.declared", "incident.over")


@dataclass(frozen=True, slots=True)
class Trace:
    """What is known of one request.

    Args:
        request: Its id.
        product: Which product was asked.
        time: When (UTC).
        model: The version that answered.
        caller: Who asked: a key's name, or a digest of an address.
        status: The HTTP status of the answer.
        milliseconds: How long it took.
        rows: Of each row what was measured of it and what was answered.
        truth: What was right, by place of the row, as far as it came back.
        sent: What was sent and answered, where that was kept.
        replayed: Whether the same version, asked again, says the same; ``None`` where what was sent was not kept, or
            that version is not here any more.
        answers: What it says now, where it was asked again.
        ledger: What the ledger says of this version: when it was deployed, and what became of it.
    """

    request: str
    product: str
    time: str
    model: str
    caller: str
    status: int
    milliseconds: float
    rows: list[dict[str, Any]]
    truth: dict[int, Any]
    sent: dict[str, Any] | None
    replayed: bool | None
    answers: list[dict[str, Any]] | None = None
    ledger: list[dict[str, Any]] = field(default_factory=list)


def trace(house: Sixfold, request: str, product: str | None = None) -> Trace:
    """What is known of a request, and, where what was sent was kept, what the same version says to it again.

    Args:
        house: Whose products are searched.
        request: The id that the answer carried.
        product: The product; left out, all of them.

    Raises:
        InputError: No product knows it: it was never answered, or is older than what is kept.
    """
    for name in [product] if product is not None else house.products():
        run = house.last(name)
        if run is None or "evaluate" not in run.artefacts:
            continue
        storage = storage_of(house, run)
        try:
            if found := storage.requests(id=request):
                one = found[-1]
                piece = storage.piece(one.piece) if one.piece is not None else None
                rows = [] if piece is None else [row for row in piece.rows if row["request"] == request]
                truth = {place: told for (key, place), told in storage.feedback().items() if key == request}
                sent = storage.payload(request)
                break
        finally:
            storage.close()
    else:
        raise InputError("unknown_request", request=request)
    replayed, answers = _again(house, run, one.model, sent)
    entries = [
        {"time": entry.time, "act": entry.act, "values": entry.values}
        for entry in house.ledger.entries()
        if entry.product == run.product.name and entry.act in _APPEARANCES and one.model in str(entry.values)
    ]
    return Trace(
        request=request,
        product=run.product.name,
        time=datetime.fromtimestamp(one.time, UTC).isoformat(timespec="milliseconds"),
        model=one.model,
        caller=one.caller,
        status=one.status,
        milliseconds=round(one.milliseconds, 2),
        rows=rows,
        truth=truth,
        sent=sent,
        replayed=replayed,
        answers=answers,
        ledger=entries,
    )


def _again(
    house: Sixfold, run: Run, model: str, sent: dict[str, Any] | None
) -> tuple[bool | None, list[dict[str, Any]] | None]:
    if sent is None:
        return None, None
    for known in (run, house.former(run.product.name)):
        if known is not None and "evaluate" in known.artefacts and (bundle := known.bundle).version == model:
            answers = Engine(bundle).answers(sent["rows"])
            return same_answer(sent["answers"], answers), answers
    return None, None
