"""`sixfold brief`: one page about a finished product, for whoever decides."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._named import name_of
from sixfold.cli._summary import near
from sixfold.errors import InputError
from sixfold.files import write_whole
from sixfold.language import sentence

__all__ = ["command"]


@spoken("brief")
@click.argument("product", default="product.yaml")
@click.option("--ideas", "ideas_file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--idea", metavar="NAME")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--open", "open_it", is_flag=True)
@as_json
def command(
    *, product: str, ideas_file: Path | None, idea: str | None, output: Path | None, open_it: bool, as_json: bool
) -> None:
    """Write the brief. ``--json``: ``{"product", "brief": path}``."""
    from sixfold.brief import brief
    from sixfold.pipeline import Sixfold

    name = name_of(product)
    chosen = None
    if ideas_file is not None:
        from sixfold.ideas import load_ideas

        known = {one.name: one for one in load_ideas(ideas_file).ideas}
        wanted = idea if idea is not None else name if name in known or len(known) > 1 else next(iter(known))
        if wanted not in known:
            raise InputError("unknown_idea", name=wanted, known=", ".join(known))
        chosen = known[wanted]
    elif idea is not None:
        raise InputError("idea_without_file")
    path = output if output is not None else Path(f"{name}-brief.html")
    write_whole(path, brief(Sixfold(), name, chosen), private=False)
    if as_json:
        click.echo(json.dumps({"product": name, "brief": str(path.absolute())}, ensure_ascii=False))
    else:
        click.echo(sentence("cli.report.says.written", None, path=near(path)))
    if open_it:
        click.launch(path.absolute().as_uri())
