"""`sixfold run`: take a product through the six stages."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._layout import listing
from sixfold.cli._place import place_from_here
from sixfold.cli._progress import STAGES, shown, stage_title
from sixfold.cli._summary import near, record_of, summary
from sixfold.errors import GateRefused, InputError
from sixfold.language import sentence

if TYPE_CHECKING:
    from sixfold.pipeline import PlanStep
    from sixfold.product import Product

__all__ = ["command"]


@spoken("run")
@click.argument("product", default="product.yaml")
@click.option("--data", metavar="DATA")
@click.option("--plan", is_flag=True)
@click.option("--until", type=click.Choice(STAGES), default="deliver", metavar="STAGE")
@click.option("--override", "overrides", multiple=True, metavar="GATE")
@click.option("--reason", "reasons", multiple=True, metavar="TEXT")
@click.option("--no-report", is_flag=True)
@click.option("--no-open", is_flag=True)
@as_json
def command(
    *,
    product: str,
    data: str | None,
    plan: bool,
    until: str,
    overrides: tuple[str, ...],
    reasons: tuple[str, ...],
    no_report: bool,
    no_open: bool,
    as_json: bool,
) -> None:
    """Run a product.

    ``--json`` prints one object per line: progress events (``event``: stage, note, step, epoch, finding), then
    ``{"event": "run", "product", "seconds": {stage: s}, "cached": [stage], "figures": {name: {value, low, high, rows}},
    "report", "service", "pack"}``. With ``--plan`` one object:
    ``{"product", "stages": [{"stage", "state": "cached" | "runs", "reason"}]}``.
    """
    from sixfold.cli._named import product_of
    from sixfold.pipeline import Sixfold

    if len(overrides) != len(reasons) or not all(reason.strip() for reason in reasons):
        raise InputError("override_reason", gates=len(overrides), reasons=len(reasons))
    declared = product_of(product)
    if data is not None:
        declared = declared.with_data(place_from_here(data))
    if plan:
        _show_plan(declared, Sixfold().plan(declared), as_json=as_json)
        return
    house = Sixfold()
    try:
        with shown(as_json=as_json) as listener:
            house.listener = listener
            run = house.run(
                declared,
                until=until,
                overrides=dict(zip(overrides, reasons, strict=True)),
                write_report=not no_report,
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(sentence("cli.run.says.kept")) from None
    except GateRefused:
        made = house.last(declared.name)
        if not as_json and made is not None and made.report_path is not None:
            click.echo(sentence("cli.run.says.refused", None, report=near(made.report_path)), err=True)
            if not no_open:
                _open(made.report_path)
        raise
    if as_json:
        click.echo(json.dumps(record_of(run), ensure_ascii=False))
        return
    click.echo(summary(run))
    if run.report_path is not None and not no_open:
        _open(run.report_path)


def _show_plan(product: Product, steps: list[PlanStep], *, as_json: bool) -> None:
    if as_json:
        stages = [{"stage": step.stage, "state": step.state, "reason": step.reason} for step in steps]
        click.echo(json.dumps({"product": product.name, "stages": stages}, ensure_ascii=False))
        return
    rows = [(stage_title(step.stage), sentence(f"cli.plan.{step.state}"), _reason(step)) for step in steps]
    click.echo(listing(rows))


def _reason(step: PlanStep) -> str:
    word, _, before = step.reason.partition(" ")
    return sentence(f"cli.plan.{word}", None, stage=stage_title(before)) if before else sentence(f"cli.plan.{word}")


def _open(report: Path) -> None:
    """Show the report in the browser, where a person sits before a desktop."""
    has_desktop = sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if has_desktop and sys.stdout.isatty():
        click.launch(report.as_uri())
