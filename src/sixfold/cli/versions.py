"""`sixfold versions`: which versions of a product stand in its service, and who answers."""

from __future__ import annotations

import json

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._layout import listing
from sixfold.cli._named import name_of
from sixfold.language import sentence

__all__ = ["command"]


@spoken("versions")
@click.argument("product")
@as_json
def command(product: str, as_json: bool) -> None:
    """Show them. ``--json``: ``{"product", "champion", "former", "challenger", "share", "shadow"}``."""
    from sixfold.cli._services import standing_of

    name = name_of(product)
    _, standing = standing_of(name)
    if as_json:
        click.echo(json.dumps({"product": name, **standing.model_dump()}, ensure_ascii=False))
        return
    rows = [(sentence("cli.versions.says.champion"), standing.champion)]
    if standing.challenger is not None:
        shadow = sentence("cli.versions.says.shadow") if standing.shadow else ""
        share = sentence("cli.versions.says.share", None, share=f"{standing.share:.0%}")
        rows.append((sentence("cli.versions.says.challenger"), f"{standing.challenger}  {share}{shadow}"))
    if standing.former is not None:
        rows.append((sentence("cli.versions.says.former"), standing.former))
    click.echo(listing(rows))
