"""`sixfold gc`: delete what no product needs."""

from __future__ import annotations

import json

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._layout import bytes_text
from sixfold.language import sentence

__all__ = ["command"]


@spoken("gc")
@click.option("--dry-run", is_flag=True)
@as_json
def command(dry_run: bool, as_json: bool) -> None:
    """Free the disk. ``--json``: ``{"files": n, "bytes": n, "dry_run": bool}``."""
    from sixfold.pipeline import Sixfold

    files, size = Sixfold().collect_garbage(dry=dry_run)
    if as_json:
        click.echo(json.dumps({"files": files, "bytes": size, "dry_run": dry_run}))
    else:
        word = "would" if dry_run else "freed"
        click.echo(sentence(f"cli.gc.says.{word}", None, files=f"{files:,}", size=bytes_text(size)))
