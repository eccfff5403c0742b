"""`sixfold ledger`: the record of what was done."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sixfold.cli._command import Group, as_json
from sixfold.cli._layout import listing, local_time
from sixfold.errors import InputError
from sixfold.language import sentence

if TYPE_CHECKING:
    from sixfold.security import Ledger

__all__ = ["command"]


@click.group("ledger", cls=Group)
def command() -> None:
    """The commands of the ledger."""


@command.command("show")
@click.option("--product", metavar="NAME")
@as_json
def show(product: str | None, as_json: bool) -> None:
    """Print entries, oldest first. ``--json``: one object per line with ``number, time, actor, act, product, values,
    before`` (the digest of the line before).
    """
    entries = [entry for entry in _ledger().entries() if product is None or entry.product == product]
    if as_json:
        for entry in entries:
            click.echo(json.dumps(asdict(entry), ensure_ascii=False))
        return
    rows = [
        (
            str(entry.number),
            local_time(entry.time),
            entry.actor,
            entry.act,
            " ".join([entry.product or "", *(f"{name}={_short(value)}" for name, value in entry.values.items())]),
        )
        for entry in entries
    ]
    click.echo(listing(rows) if rows else sentence("cli.ledger.says.empty"))


@command.command("verify")
@click.option("--against", type=click.Path(path_type=Path), metavar="FILE")
@as_json
def verify(against: Path | None, as_json: bool) -> None:
    """Verify the ledger. ``--json``: ``{"entries": n, "verified": true, "against": path | null}``."""
    note = None
    if against is not None:
        try:
            note = against.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError("checkpoint_unreadable", path=against, reason=error) from error
    count = _ledger().verify(against=note)
    if as_json:
        record = {"entries": count, "verified": True, "against": None if against is None else str(against)}
        click.echo(json.dumps(record, ensure_ascii=False))
    else:
        click.echo(sentence("cli.ledger.says.whole", None, entries=f"{count:,}"))


@command.command("checkpoint")
def checkpoint() -> None:
    """Print the newest signed checkpoint (C2SP tlog-checkpoint), to keep elsewhere."""
    note = _ledger().checkpoint()
    if note:
        click.echo(note, nl=False)
    else:
        click.echo(sentence("cli.ledger.says.empty"), err=True)


def _ledger() -> Ledger:
    from sixfold.security import Home, Keyring, Ledger

    home = Home.default()
    return Ledger(home, Keyring(home))


def _short(value: object, most: int = 40) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else text[: most - 1] + "…"
