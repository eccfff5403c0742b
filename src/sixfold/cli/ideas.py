"""`sixfold ideas`: product ideas ranked before there is any data."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._layout import share, table, wrapped
from sixfold.cli._summary import near
from sixfold.files import write_whole
from sixfold.language import sentence

__all__ = ["command"]


@spoken("ideas")
@click.argument("file", default="ideas.yaml")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--open", "open_it", is_flag=True)
@as_json
def command(file: str, output: Path | None, open_it: bool, as_json: bool) -> None:
    """Rank ideas.

    ``--json``: ``{"currency", "months", "ideas": [{"name", "expected", "low", "high", "chance", "loss", "month",
    "marks", "test": {"figure", "costs", "is_given", "worth", "explains"}}], "page"}``, the best first.
    """
    from sixfold.evaluation import money
    from sixfold.ideas import TESTS, ideas_page, load_ideas, ranked

    ideas = load_ideas(file)
    found = ranked(ideas)
    path = output if output is not None else Path(f"{Path(file).stem}.html")
    write_whole(path, ideas_page(ideas, found), private=False)
    if as_json:
        record = {
            "currency": ideas.currency,
            "months": ideas.months,
            "ideas": [one.to_json() for one in found],
            "page": str(path.absolute()),
        }
        click.echo(json.dumps(record, ensure_ascii=False))
    else:
        heads = [sentence(f"cli.ideas.says.{name}") for name in ("idea", "expected", "range", "chance", "loss")]
        lines = [heads]
        for one in found:
            ends = [money(end, ideas.currency)() for end in (one.low, one.high)]
            value = money(one.expected, ideas.currency)()
            lines.append([one.name, value, f"{ends[0]} … {ends[1]}", share(one.chance), share(one.loss)])
        click.echo(table(lines))
        for one in found:
            if one.test is not None:
                cost = money(one.test.costs, ideas.currency)()
                told = {"name": one.name, "test": TESTS[one.test.figure](), "cost": cost}
                click.echo("\n" + wrapped(sentence("cli.ideas.says.next", None, **told)))
        click.echo("\n" + sentence("cli.report.says.written", None, path=near(path)))
    if open_it:
        click.launch(path.absolute().as_uri())
