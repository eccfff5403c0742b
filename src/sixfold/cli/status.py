"""`sixfold status`: how services and products are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._layout import bytes_text, duration, listing, local_time, table
from sixfold.cli._named import last_run
from sixfold.cli._progress import STAGES
from sixfold.cli._summary import figure_text, near, ranked
from sixfold.language import sentence

if TYPE_CHECKING:
    from sixfold.pipeline import Run, Sixfold
    from sixfold.targets import Service

__all__ = ["command"]


@spoken("status")
@click.argument("product", required=False)
@as_json
def command(product: str | None, as_json: bool) -> None:
    """Tell how one product, or every product, is.

    ``--json``: ``{"products": [{"name", "service": {"url", "model", "started", "healthy"} | null, "figures",
    "seconds", "used", "stages", "quote": {…} | null, "report", "pack"}]}``. The exit code is 1 if a service runs but is
    not healthy.
    """
    from sixfold.cli._services import is_healthy, running
    from sixfold.pipeline import Sixfold

    house = Sixfold()
    runs = (
        [last_run(house, product)]
        if product is not None
        else [run for name in sorted(house.products()) if (run := house.last(name)) is not None]
    )
    services = running(house.home)
    health = {run.product.name: is_healthy(services[run.product.name]) for run in runs if run.product.name in services}
    if as_json:
        records = [
            {**_record(run, services.get(run.product.name), health.get(run.product.name)), "quote": _quote(house, run)}
            for run in runs
        ]
        click.echo(json.dumps({"products": records}, ensure_ascii=False))
    elif runs:
        texts = [
            "\n".join(filter(None, (_text(run, services.get(name), health.get(name)), _beside_quote(house, run))))
            for run in runs
            for name in (run.product.name,)
        ]
        click.echo("\n\n".join(texts))
    else:
        click.echo(sentence("cli.list.says.nothing"))
    if not all(health.values()):
        click.get_current_context().exit(1)


def _record(run: Run, service: Service | None, healthy: bool | None) -> dict[str, Any]:
    return {
        "name": run.product.name,
        "service": None
        if service is None
        else {"url": service.url, "model": service.model, "started": service.started, "healthy": healthy},
        "figures": ranked(run),
        "seconds": dict(run.seconds),
        "used": {stage: dict(used) for stage, used in run.used.items()},
        "stages": [*run.artefacts, *run.receipts],
        "report": None if run.report_path is None else str(run.report_path),
        "pack": None if run.pack is None else str(run.pack),
    }


def _text(run: Run, service: Service | None, healthy: bool | None) -> str:
    rows = []
    if service is None:
        rows.append((sentence("cli.summary.service"), sentence("cli.list.says.no_service")))
    else:
        state = click.style(
            sentence(f"cli.status.says.{'healthy' if healthy else 'ill'}"), fg="green" if healthy else "red"
        )
        since = sentence("cli.status.says.since", None, time=local_time(service.started), model=service.model)
        rows += [(sentence("cli.summary.service"), f"{service.url}  {state}"), ("", since)]
    rows += [
        (sentence("cli.summary.good") if number == 0 else "", figure_text(name, figure))
        for number, (name, figure) in enumerate(ranked(run).items())
    ]
    took = ", ".join(
        f"{sentence(f'cli.stages.{stage}')} {duration(spent)}"
        for stage in STAGES
        if (spent := run.seconds.get(stage)) is not None
    )
    rows.append((sentence("cli.status.says.last"), took))
    for title, path in (("report", run.report_path), ("delivered", run.pack)):
        if path is not None:
            rows.append((sentence(f"cli.summary.{title}"), near(path)))
    return f"{click.style(run.product.name, bold=True)}\n{listing(rows, indent=2)}"


def _quote(house: Sixfold, run: Run) -> dict[str, Any] | None:
    quote = house.quoted(run.product)
    return None if quote is None else quote.to_json()


def _beside_quote(house: Sixfold, run: Run) -> str:
    """What was quoted beside what each stage took when it last ran; nothing where there is no quote."""
    quote = house.quoted(run.product)
    if quote is None or not run.used:
        return ""
    rows = [tuple(sentence(f"cli.status.quote.{name}") for name in ("stage", "time", "took", "memory", "held"))]
    for stage in quote.stages:
        if stage.stage in run.used:
            used = run.used[stage.stage]
            took, held = duration(float(used["seconds"])), bytes_text(int(used["peak_bytes"]))
            title = sentence(f"cli.stages.{stage.stage}")
            rows.append((title, duration(stage.seconds), took, bytes_text(stage.peak_bytes), held))
    head = click.style(sentence("cli.status.quote.title"), bold=True)
    return f"  {head}\n{table(rows, indent=4, wraps=False)}"
