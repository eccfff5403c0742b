"""`sixfold quote`: what a product will take and how good it will be, before it is trained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._layout import bytes_text, duration, listing, table, wrapped
from sixfold.cli._place import place_from_here
from sixfold.cli._progress import shown, stage_title
from sixfold.language import language, sentence

if TYPE_CHECKING:
    from sixfold.quoting import Quality, Quote

__all__ = ["command"]

_COLOURS = {"go": "green", "conditions": "yellow", "not_yet": "red"}
_WATT_HOURS = 0.1
"""Kilowatt hours below which energy is told in watt hours."""

_LEAST = 0.01
"""Cents and hundredths of a watt hour below which nothing is told apart."""

_RENTED = 5
"""How many times faster a rented accelerator must be to be worth a line."""


@spoken("quote")
@click.argument("product", default="product.yaml")
@click.option("--data", metavar="DATA")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE")
@as_json
def command(product: str, data: str | None, output: Path | None, as_json: bool) -> None:
    """Quote a product.

    ``--json`` prints one object per line: progress events as ``sixfold run --json`` does, then
    ``{"event": "quote", "product", "verdict": "go" | "conditions" | "not_yet", "reasons": [{"key", "speaks_for", "en",
    "zh"}], "totals": {"seconds", "peak_bytes", "disk_bytes", "kwh", "cost"}, "stages": [{"stage", "is_made", "seconds",
    "cpu_seconds", "peak_bytes", "disk_bytes", "kwh", "cost"}], "quality": {"figure", "expected": {"value", "low",
    "high", "chance"}, "yardstick", "twice", "bigger", "curves", …} | null, "rented", "machine", "rows", …}``.
    """
    from sixfold.cli._named import product_of
    from sixfold.pipeline import Sixfold

    declared = product_of(product)
    if data is not None:
        declared = declared.with_data(place_from_here(data))
    house = Sixfold()
    with shown(as_json=as_json) as listener:
        house.listener = listener
        quote = house.quote(declared)
    record = json.dumps({"event": "quote", **quote.to_json()}, ensure_ascii=False)
    if output is not None:
        output.write_text(record + "\n", encoding="utf-8")
    click.echo(record if as_json else text_of(quote))


def text_of(quote: Quote) -> str:
    """A quote as it is read in a terminal."""
    parts = [
        _bold(sentence("cli.quote.says.head", None, product=quote.product, seconds=duration(quote.seconds))),
        _stages(quote),
        listing(list(_facts(quote)), indent=2),
        _verdict(quote),
    ]
    return "\n" + "\n\n".join(parts)


def _stages(quote: Quote) -> str:
    columns = ("stage", "time", "memory", "disk", "energy", "cost")
    rows = [tuple(_bold(sentence(f"cli.quote.columns.{name}")) for name in columns)]
    rows += [
        (
            stage_title(stage.stage),
            sentence("cli.quote.says.made") if stage.is_made else duration(stage.seconds),
            bytes_text(stage.peak_bytes),
            bytes_text(stage.disk_bytes),
            _energy(stage.kwh),
            "–" if stage.is_made else _money(stage.cost, quote.machine.currency),
        )
        for stage in quote.stages
    ]
    left = [stage for stage in quote.stages if not stage.is_made]
    rows.append(
        (
            _bold(sentence("cli.quote.says.total")),
            _bold(duration(quote.total_seconds)),
            _bold(bytes_text(quote.peak_bytes)),
            _bold(bytes_text(sum(stage.disk_bytes for stage in left))),
            _bold(_energy(sum(stage.kwh for stage in left))),
            _bold(_money(quote.total_cost, quote.machine.currency)),
        )
    )
    return table(rows, indent=2, wraps=False)


def _facts(quote: Quote) -> Iterator[tuple[str, str]]:
    machine, rows = quote.machine, quote.rows
    said = {"train": f"{rows['train']:,}", "test": f"{rows['test']:,}", "looked": f"{rows['looked_at']:,}"}
    yield _title("rows"), sentence("cli.quote.says.rows", None, **said)
    yield _title("networks"), ", ".join(quote.plan)
    hour = _money(machine.hour, machine.currency)
    origin = "given" if machine.price_from is None else "typical"
    price = sentence(f"cli.quote.says.{origin}", None, price=hour, date=machine.price_from or "")
    energy = sentence(f"cli.quote.says.{'measured' if machine.is_energy_measured else 'reckoned'}")
    yield (
        _title("machine"),
        sentence(
            "cli.quote.says.machine", None, cores=machine.cores, memory=bytes_text(machine.memory_bytes), price=price
        ),
    )
    yield _title("energy"), energy
    if quote.quality is not None:
        yield from _quality(quote.quality)
    faster = [one for one in quote.rented if one.fits and one.ratio > _RENTED]
    if faster:
        one = min(faster, key=lambda rented: rented.cost)
        values = {"name": one.name, "time": duration(one.seconds), "cost": _money(one.cost, machine.currency)}
        yield _title("rented"), sentence("cli.quote.says.rented", None, ratio=f"{one.ratio:.1f}", **values)


def _quality(quality: Quality) -> Iterator[tuple[str, str]]:
    from sixfold.evaluation import baseline_title, change, change_interval, formula, interval, shown

    how, expected = formula(quality.figure), quality.expected
    ends = interval(expected.low, expected.high, how.style)
    values = {"name": how.title, "ends": ends, "chance": f"{expected.chance:.0%}", "rows": f"{quality.judged:,}"}
    yield _title("quality"), sentence("cli.quote.says.quality", None, **values)
    if quality.yardstick is not None:
        name, value = quality.yardstick
        told = {"name": baseline_title(name), "value": shown(value, how.style)}
        yield "", sentence("cli.quote.says.yardstick", None, **told)
    for bought in filter(None, (quality.twice, quality.bigger)):
        kind, _, network = bought.what.partition(" ")
        what = sentence(f"quote.bought.{kind}", None, network=network)
        by = change(bought.value, how.style, expected.value)
        by_ends = change_interval(bought.low, bought.high, how.style, expected.value)
        yield (
            _title("bought") if kind == "rows" else "",
            sentence("cli.quote.says.bought", None, what=what, by=by, ends=by_ends),
        )


def _verdict(quote: Quote) -> str:
    says = click.style(sentence(f"cli.quote.verdicts.{quote.verdict}"), fg=_COLOURS[quote.verdict], bold=True)
    is_chinese = language() == "zh"
    reasons = [f"    {wrapped(f'· {one.zh if is_chinese else one.en}', indent=6)}" for one in quote.reasons]
    return "\n".join([f"  {_title('verdict')}  {says}", *reasons])


def _energy(kwh: float) -> str:
    if kwh * 1000 < _LEAST:
        return f"<{_LEAST} Wh"
    return f"{kwh * 1000:.2f} Wh" if kwh < _WATT_HOURS else f"{kwh:.2f} kWh"


def _money(amount: float, currency: str) -> str:
    sign = {"yuan": "¥", "dollars": "$", "euros": "€"}[currency]
    return f"<{sign}{_LEAST}" if 0 < amount < _LEAST else f"{sign}{amount:,.2f}"


def _title(name: str) -> str:
    return _bold(sentence(f"cli.quote.titles.{name}"))


def _bold(text: str) -> str:
    return click.style(text, bold=True)
