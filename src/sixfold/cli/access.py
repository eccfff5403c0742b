"""`sixfold access`: API keys of services: who may call, how fast, how much, and what they used."""

from __future__ import annotations

import csv
import dataclasses
import json
import sys
from typing import TYPE_CHECKING

import click

from sixfold.cli._command import Group, as_json
from sixfold.cli._layout import listing
from sixfold.language import sentence

if TYPE_CHECKING:
    from sixfold.security import Scope

__all__ = ["command"]


@click.group("access", cls=Group)
def command() -> None:
    """API keys."""


@command.command("new")
@click.argument("name")
@click.option("--product", "products", multiple=True)
@click.option("--may", "scopes", multiple=True, type=click.Choice(["predict", "watch", "manage"]), default=("predict",))
@click.option("--rate", type=click.IntRange(1))
@click.option("--quota", type=click.IntRange(1))
@as_json
def new(
    name: str, products: tuple[str, ...], scopes: tuple[Scope, ...], rate: int | None, quota: int | None, as_json: bool
) -> None:
    """Issue a key; it is shown this once only. ``--json``: ``{"id", "name", "key"}``."""
    from sixfold.security import ApiKeys, Home, Keyring, Ledger

    home = Home.default()
    made, key = ApiKeys(home).issue(name, scopes=scopes, products=products, rate=rate, quota=quota)
    Ledger(home, Keyring(home)).append("access.issued", None, id=made.id, name=name)
    if as_json:
        click.echo(json.dumps({"id": made.id, "name": name, "key": key}, ensure_ascii=False))
        return
    click.echo(key)
    click.echo(sentence("cli.access.new.says.once"), err=True)


@command.command("list")
@as_json
def show(as_json: bool) -> None:
    """Show the keys, without what they are. ``--json``: a list of ``{"id", "name", "scopes", …}``."""
    from sixfold.security import ApiKeys, Home

    keys = ApiKeys(Home.default()).all()
    if as_json:
        click.echo(json.dumps([key.model_dump(exclude={"digest"}) for key in keys], ensure_ascii=False))
    elif not keys:
        click.echo(sentence("cli.access.list.says.none"))
    else:
        click.echo(listing([(key.id, _line(key)) for key in keys]))


@command.command("revoke")
@click.argument("key")
def revoke(key: str) -> None:
    """Have a key open nothing any more."""
    from sixfold.security import ApiKeys, Home, Keyring, Ledger

    home = Home.default()
    for gone in ApiKeys(home).revoke(key):
        Ledger(home, Keyring(home)).append("access.revoked", None, id=gone.id, name=gone.name)
        click.echo(sentence("cli.access.revoke.says.gone", None, id=gone.id, name=gone.name))


@command.command("usage")
@click.option("--month", metavar="YYYY-MM")
def usage(month: str | None) -> None:
    """Write what keys used as CSV: day, product, key, name, requests, rows, refused."""
    from sixfold.security import Home
    from sixfold.serving import Used, used

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([field.name for field in dataclasses.fields(Used)])
    for line in used(Home.default().path / "usage", month):
        # A name that begins like a formula would be one, in the spreadsheet that opens this.
        name = f"'{line.name}" if line.name[:1] in "=+-@\t\r" else line.name
        writer.writerow(dataclasses.astuple(dataclasses.replace(line, name=name)))


def _line(key: object) -> str:
    from sixfold.security import ApiKey

    assert isinstance(key, ApiKey)
    parts = [key.name, "+".join(key.scopes), ", ".join(key.products) or sentence("cli.access.list.says.every")]
    if key.rate is not None:
        parts.append(sentence("cli.access.list.says.rate", None, rate=key.rate))
    if key.quota is not None:
        parts.append(sentence("cli.access.list.says.quota", None, quota=key.quota))
    if key.revoked is not None:
        parts.append(sentence("cli.access.list.says.revoked", None, when=key.revoked))
    return " · ".join(parts)
