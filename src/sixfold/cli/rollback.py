"""`sixfold rollback`: the challenger leaves; or, where there is none, the former version answers again."""

from __future__ import annotations

import json

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._named import name_of
from sixfold.errors import ServiceError
from sixfold.language import sentence

__all__ = ["command"]


@spoken("rollback")
@click.argument("product")
@as_json
def command(product: str, as_json: bool) -> None:
    """Undo the last promotion or challenge. ``--json``: as `sixfold versions`."""
    from sixfold.cli._services import standing_of
    from sixfold.security import Home, Keyring, Ledger

    name, home = name_of(product), Home.default()
    target, standing = standing_of(name)
    changed = standing.rolled_back()
    if changed == standing:
        raise ServiceError("no_former", product=name)
    target.stand(name, changed)
    Ledger(home, Keyring(home)).append("service.rolled_back", name, **changed.model_dump(exclude_none=True))
    if as_json:
        click.echo(json.dumps({"product": name, **changed.model_dump()}, ensure_ascii=False))
    else:
        click.echo(sentence("cli.rollback.says.done", None, product=name, version=changed.champion))
