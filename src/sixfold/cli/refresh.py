"""`sixfold refresh`: a challenger from new rows, promoted or not."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._named import name_of, product_of
from sixfold.language import sentence

__all__ = ["command"]


@spoken("refresh")
@click.argument("product")
@click.option("--undo", is_flag=True)
@as_json
def command(product: str, undo: bool, as_json: bool) -> None:
    """Collect, train, compare, and promote or keep. ``--json``: ``{"outcome": "promoted" | "kept" | "nothing_new",
    "reason", "champion", "challenger", "figure", "rows", "ours", "theirs", "low", "high", "fed", "gates"}``; of
    ``--undo``: ``{"back": version}``.
    """
    from sixfold.operating import refresh
    from sixfold.operating import undo as undone
    from sixfold.pipeline import Sixfold

    house = Sixfold()
    if undo:
        back = undone(house, name_of(product))
        click.echo(json.dumps({"back": back}) if as_json else sentence("cli.refresh.says.undone", None, model=back))
        return
    found = refresh(house, product_of(product))
    if as_json:
        click.echo(json.dumps(asdict(found), ensure_ascii=False))
        return
    values = {
        "champion": found.champion,
        "challenger": found.challenger or "–",
        "gates": ", ".join(found.gates),
        "rows": f"{found.rows:,}",
        "figure": found.figure or "–",
        **{
            name: "–" if (value := getattr(found, name)) is None else f"{value:.4g}"
            for name in ("ours", "theirs", "low", "high")
        },
    }
    click.echo(sentence(f"cli.refresh.says.{found.reason}", None, **values))
    if found.fed:
        click.echo(sentence("cli.refresh.says.fed", None, rows=f"{found.fed:,}"))
