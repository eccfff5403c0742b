"""`sixfold watch`: how a product is in use."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._layout import listing, local_time
from sixfold.cli._named import last_run
from sixfold.cli._summary import near
from sixfold.language import Text, sentence

__all__ = ["command"]

_MOST_COLUMNS = 12


@spoken("watch")
@click.argument("product")
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE")
@as_json
def command(product: str, html: Path | None, as_json: bool) -> None:
    """Tell how a product is in use. ``--json``: the state, as `/watch.json` gives it.

    The exit code is 1 while something that is expected does not hold.
    """
    from sixfold.operating import product_state
    from sixfold.pipeline import Sixfold

    house = Sixfold()
    found = product_state(house, last_run(house, product))
    if html is not None:
        from sixfold.files import write_whole
        from sixfold.monitoring import page

        write_whole(html, page(found).encode(), private=False)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        click.echo(_text(found))
        if html is not None:
            click.echo(sentence("cli.watch.says.written", None, path=near(html)))
    if found["alarms"]:
        click.get_current_context().exit(1)


def _text(found: dict[str, Any]) -> str:
    from sixfold.monitoring import TESTS, amount, percent, verdict

    say = "cli.watch.says"
    traffic, quality, drift = found["traffic"], found["quality"], found["drift"]
    rows = [
        (
            sentence(f"{say}.traffic"),
            sentence(
                f"{say}.requests", None, requests=f"{traffic['requests']:,}", rows=f"{traffic['rows']:,}",
                p99="–" if traffic["p99"] is None else f"{traffic['p99']:.1f}", dropped=traffic["dropped"],
            ),
        )
    ]  # fmt: skip
    if (guess := quality["estimated"]) is not None:
        told = f"{percent(guess['value'])}  ({percent(guess['low'])} – {percent(guess['high'])})"
        rows.append((sentence(f"{say}.estimated"), told))
    real = quality["realised"]
    show = percent if real["figure"] == "accuracy" else amount
    told = show(real["value"])
    if real["value"] is not None:
        told += f"  ({show(real['low'])} – {show(real['high'])})"
    coverage = sentence(f"{say}.coverage", None, rows=f"{real['rows']:,}", share=percent(real["coverage"]))
    rows.append((sentence(f"{say}.{real['figure']}"), f"{told}  {coverage}"))
    if drift["share"] is not None:
        told = sentence(f"{say}.share", None, share=percent(drift["share"], 0), rows=found["window"]["rows"])
        rows.append((sentence(f"{say}.drift"), told))
    else:
        rows.append((sentence(f"{say}.drift"), sentence(f"{say}.too_few")))
    ordered = sorted(drift["columns"], key=lambda one: (not one["alarming"], not one["drifted"]))
    for one in ordered[:_MOST_COLUMNS]:
        if one["drifted"]:
            state = click.style(str(verdict(one)[1]), fg="red" if one["alarming"] else "yellow")
            rows.append(("", f"{Text(**one['title'])}: {state}  {TESTS[one['test']]} {one['score']:.3g}"))
    if (mode := found["standing"].get("mode", "model")) != "model":
        rows.append((sentence(f"{say}.standing"), click.style(sentence(f"{say}.{mode}"), fg="red")))
    alarms = found["alarms"].values()
    for number, one in enumerate(alarms):
        since = local_time(datetime.fromtimestamp(one["since"], UTC).isoformat())
        rows.append((
            sentence(f"{say}.alarms") if number == 0 else "",
            f"{click.style(str(Text(**one['says'])), fg='red')}  {since}",
        ))  # fmt: skip
    if not alarms:
        rows.append((sentence(f"{say}.alarms"), click.style(sentence(f"{say}.none"), fg="green")))
    return f"{click.style(found['product'], bold=True)}  {found['model']}\n{listing(rows, indent=2)}"
