"""`sixfold report`: the report of a product or pack, as one HTML file in clear."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._named import bundle_of
from sixfold.cli._summary import near
from sixfold.errors import InputError
from sixfold.files import write_whole
from sixfold.language import sentence

__all__ = ["command"]


@spoken("report")
@click.argument("product", default="product.yaml")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--open", "open_it", is_flag=True)
@as_json
def command(product: str, output: Path | None, open_it: bool, as_json: bool) -> None:
    """Write the report. ``--json``: ``{"product", "report": path}``."""
    bundle = bundle_of(product)
    name = bundle.product.name
    if not bundle.report:
        raise InputError("no_report", name=name)
    path = output if output is not None else Path(f"{name}-report.html")
    write_whole(path, bundle.report, private=False)
    if as_json:
        click.echo(json.dumps({"product": name, "report": str(path.absolute())}, ensure_ascii=False))
    else:
        click.echo(sentence("cli.report.says.written", None, path=near(path)))
    if open_it:
        click.launch(path.absolute().as_uri())
