"""`sixfold list`: the products that were run here."""

from __future__ import annotations

import json

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._layout import listing
from sixfold.cli._summary import figure_text, headline
from sixfold.language import sentence

__all__ = ["command"]


@spoken("list")
@as_json
def command(as_json: bool) -> None:
    """List products. ``--json``: ``{"products": [{"name", "file", "figure": {name, value, low, high, rows} | null,
    "service": url | null, "pack": path | null}]}``.
    """
    from sixfold.cli._services import running
    from sixfold.pipeline import Sixfold

    house = Sixfold()
    services = running(house.home)
    records = []
    rows = []
    for name in sorted(house.products()):
        run = house.last(name)
        if run is None:
            continue
        known = headline(run)
        url = services[name].url if name in services else None
        records.append(
            {
                "name": name,
                "file": None if run.product.file is None else str(run.product.file),
                "figure": None if known is None else {"name": known[0], **known[1]},
                "service": url,
                "pack": None if run.pack is None else str(run.pack),
            }
        )
        figure = sentence("cli.list.says.unfinished") if known is None else figure_text(*known)
        rows.append((click.style(name, bold=True), url or sentence("cli.list.says.no_service"), figure))
    if as_json:
        click.echo(json.dumps({"products": records}, ensure_ascii=False))
    else:
        click.echo(listing(rows) if rows else sentence("cli.list.says.nothing"))
