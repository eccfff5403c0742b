"""`sixfold rm`: forget a product."""

from __future__ import annotations

import json
import sys

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._layout import bytes_text, wrapped
from sixfold.cli._named import last_run
from sixfold.errors import InputError
from sixfold.language import sentence

__all__ = ["command"]


@spoken("rm")
@click.argument("product")
@click.option("--yes", is_flag=True)
@as_json
def command(product: str, yes: bool, as_json: bool) -> None:
    """Remove a product, after asking. ``--json`` (needs ``--yes``): ``{"product", "removed": true}``."""
    from sixfold.pipeline import Sixfold

    house = Sixfold()
    run = last_run(house, product)
    name = run.product.name
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise InputError("needs_terminal")
        size = sum(artefact.size for artefact in run.artefacts.values())
        stages = ", ".join(sentence(f"cli.stages.{stage}") for stage in run.artefacts)
        click.echo(wrapped(sentence("cli.rm.says.goes", None, product=name, stages=stages, size=bytes_text(size))))
        click.confirm(sentence("cli.rm.says.sure"), abort=True)
    house.remove(name)
    if as_json:
        click.echo(json.dumps({"product": name, "removed": True}, ensure_ascii=False))
    else:
        click.echo(sentence("cli.rm.says.gone", None, product=name))
