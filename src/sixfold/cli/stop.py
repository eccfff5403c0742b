"""`sixfold stop`: stop the service of a product."""

from __future__ import annotations

import json

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._named import name_of
from sixfold.language import sentence

__all__ = ["command"]


@spoken("stop")
@click.argument("product")
@as_json
def command(product: str, as_json: bool) -> None:
    """Stop a service. ``--json``: ``{"product", "stopped": bool}``; that none ran is no failure."""
    from sixfold.cli._services import targets
    from sixfold.security import Home, Keyring, Ledger

    name, home = name_of(product), Home.default()
    stopped = True in [target.stop(name) for target in targets(home)]
    if stopped:
        Ledger(home, Keyring(home)).append("service.stopped", name)
    if as_json:
        click.echo(json.dumps({"product": name, "stopped": stopped}, ensure_ascii=False))
    else:
        click.echo(sentence(f"cli.stop.says.{'stopped' if stopped else 'none'}", None, product=name))
