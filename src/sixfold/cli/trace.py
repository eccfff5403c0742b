"""`sixfold trace`: what became of one request."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._layout import listing, local_time
from sixfold.language import sentence

__all__ = ["command"]

_MOST_ROWS = 10


@spoken("trace")
@click.argument("request")
@click.option("--product", metavar="NAME")
@as_json
def command(request: str, product: str | None, as_json: bool) -> None:
    """Tell what is known of a request. ``--json``: ``{"request", "product", "time", "model", "caller", "status",
    "milliseconds", "rows", "truth", "sent", "replayed", "answers", "ledger"}``.
    """
    from sixfold.operating import trace
    from sixfold.pipeline import Sixfold

    found = trace(Sixfold(), request, product)
    if as_json:
        click.echo(json.dumps(asdict(found), ensure_ascii=False))
        return
    say = "cli.trace.says"
    rows = [
        (sentence(f"{say}.product"), f"{found.product}  {found.model}"),
        (sentence(f"{say}.time"), f"{local_time(found.time)}  {found.milliseconds} ms  HTTP {found.status}"),
        (sentence(f"{say}.caller"), found.caller),
    ]
    for row in found.rows[:_MOST_ROWS]:
        place = int(row["place"])
        told = f"{row['prediction']}" + ("" if row["confidence"] is None else f"  ({row['confidence']:.1%})")
        if place in found.truth:
            told += "  " + sentence(f"{say}.truth", None, truth=found.truth[place])
        rows.append((sentence(f"{say}.row", None, row=place + 1), told))
        seen = "  ".join(
            f"{name}={value}" for name, value in row.items()
            if value is not None and name not in ("request", "place", "time", "prediction", "confidence")
            and not (name.endswith("· missing") and value == "no")
        )  # fmt: skip
        rows.append(("", seen))
    if found.sent is None:
        rows.append((sentence(f"{say}.sent"), sentence(f"{say}.not_kept")))
    else:
        state = "same" if found.replayed else "elsewhere" if found.replayed is None else "differs"
        rows.append((sentence(f"{say}.sent"), sentence(f"{say}.{state}")))
    rows += [
        (sentence(f"{say}.ledger") if number == 0 else "", f"{local_time(entry['time'])}  {entry['act']}")
        for number, entry in enumerate(found.ledger)
    ]
    click.echo(listing(rows))
