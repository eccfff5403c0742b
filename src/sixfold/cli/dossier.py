"""`sixfold dossier`: the regulator's file of a finished product, as Markdown to go on writing in and as a page."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._named import name_of
from sixfold.cli._summary import near
from sixfold.files import private_folder, write_whole
from sixfold.language import sentence

__all__ = ["command"]


@spoken("dossier")
@click.argument("product", default="product.yaml")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER")
@click.option("--open", "open_it", is_flag=True)
@as_json
def command(*, product: str, output: Path | None, open_it: bool, as_json: bool) -> None:
    """Write the file. ``--json``: ``{"product", "markdown": path, "page": path, "left": points}``."""
    from sixfold.dossier import dossier
    from sixfold.pipeline import Sixfold

    name = name_of(product)
    made = dossier(Sixfold(), name)
    folder = output if output is not None else Path(f"{name}-dossier")
    private_folder(folder)
    markdown, page = folder / "dossier.md", folder / "dossier.html"
    write_whole(markdown, made.markdown.encode(), private=False)
    write_whole(page, made.html, private=False)
    if as_json:
        told = {"product": name, "markdown": str(markdown.absolute()), "page": str(page.absolute()), "left": made.left}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo(sentence("cli.report.says.written", None, path=near(page)))
        click.echo(sentence("cli.dossier.says.left", None, path=near(markdown), left=made.left))
    if open_it:
        click.launch(page.absolute().as_uri())
