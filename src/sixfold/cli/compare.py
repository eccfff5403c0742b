"""`sixfold compare`: two products, or two runs of one, on the same test rows."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._layout import table, wrapped
from sixfold.cli._named import run_of
from sixfold.cli._summary import near
from sixfold.files import write_whole
from sixfold.language import sentence

__all__ = ["command"]


@spoken("compare")
@click.argument("first")
@click.argument("second")
@click.option("--html", "html", type=click.Path(path_type=Path), metavar="FILE")
@as_json
def command(first: str, second: str, html: Path | None, as_json: bool) -> None:
    """Compare two runs.

    ``--json``: ``{"first": {"name", "network", "alone"}, "second": {…}, "matched_by": "number" | "content", "rows",
    "figures": [{"name", "title", "style", "higher_is_better", "first": {value, low, high, rows, resamples}, "second":
    {…}, "difference": {value, low, high}}]}``; above 0 the second is better, whichever way is up.
    """
    from sixfold.evaluation import change, change_interval, formula, interval, shown
    from sixfold.pipeline import Sixfold

    house = Sixfold()
    told = house.compare(run_of(house, first), run_of(house, second), names=(first, second))
    if html is not None:
        write_whole(html, told.html(), private=False)
    if as_json:
        click.echo(json.dumps(told.to_json(), ensure_ascii=False))
        return
    rows = [[sentence("cli.compare.says.figure"), first, second, sentence("cli.compare.says.gain")]]
    for figure in told.figures:
        how = formula(figure["name"])
        cells = [
            f"{shown(one['value'], how.style)} ({interval(one['low'], one['high'], how.style)})"
            for one in (figure["first"], figure["second"])
        ]
        gap, beside = figure["difference"], figure["second"]["value"]
        by, ends = change(gap["value"], how.style, beside), change_interval(gap["low"], gap["high"], how.style, beside)
        rows.append([str(how.title), *cells, f"{by} ({ends})"])
    click.echo(wrapped(str(told.verdict)))
    click.echo("\n" + table(rows, wraps=False))
    click.echo("\n" + wrapped(str(told.notes)))
    if html is not None:
        click.echo(sentence("cli.report.says.written", None, path=near(html)))
