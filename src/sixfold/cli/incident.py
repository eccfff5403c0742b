"""`sixfold incident`: the day it goes wrong."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._named import last_run
from sixfold.cli._summary import near
from sixfold.language import sentence

__all__ = ["command"]


@spoken("incident")
@click.argument("product")
@click.option("--to", "way", type=click.Choice(["former", "rule", "person"]))
@click.option("--reason", default="")
@click.option("--since", type=click.DateTime(), metavar="TIME")
@click.option("--over", is_flag=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE")
@as_json
def command(
    product: str, way: Any, reason: str, since: datetime | None, over: bool, output: Path | None, as_json: bool
) -> None:
    """Switch who answers, and write the report. ``--json``: ``{"way", "bad", "now", "since", "requests", "callers",
    "report": path}``; of ``--over``: ``{"over": true}``.
    """
    from sixfold.files import write_whole
    from sixfold.operating import end_incident, incident
    from sixfold.pipeline import Sixfold

    house = Sixfold()
    run = last_run(house, product)
    if over:
        end_incident(house, run)
        click.echo(json.dumps({"over": True}) if as_json else sentence("cli.incident.says.over"))
        return
    begun = None if since is None else since.astimezone().timestamp()
    found = incident(house, run, way=way, reason=reason, since=begun)
    path = output or Path(f"{run.product.name}-incident-{datetime.now(UTC):%Y%m%d-%H%M%S}.md")
    write_whole(path.absolute(), found.report.encode(), private=True)
    if as_json:
        click.echo(json.dumps({**asdict(found), "report": str(path.absolute())}, ensure_ascii=False))
        return
    click.echo(sentence(f"cli.incident.says.{found.way}", None, now=found.now or "–", bad=found.bad))
    affected = {"requests": f"{found.requests:,}", "callers": f"{found.callers:,}", "since": found.since}
    click.echo(sentence("cli.incident.says.affected", None, **affected))
    click.echo(sentence("cli.incident.says.written", None, path=near(path.absolute())))
