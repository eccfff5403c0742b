"""`sixfold rent`: our model against a rented one on the same held-out rows, in money."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._layout import table, wrapped
from sixfold.cli._named import name_of
from sixfold.errors import InputError
from sixfold.language import sentence
from sixfold.progress import Event, Step

if TYPE_CHECKING:
    from sixfold.renting import Rented

__all__ = ["command"]

_KEYS = ("SIXFOLD_RENT_KEY", "OPENAI_API_KEY")
_WAYS = ("product", "rented", "combined", "people", "no_model", "always_yes")


@spoken("rent")
@click.argument("product", default="product.yaml")
@click.option("--url", required=True, metavar="URL")
@click.option("--model", required=True, metavar="MODEL")
@click.option("--rows", type=click.IntRange(30, 100_000), default=200, metavar="N")
@click.option("--examples", type=click.IntRange(0, 100), default=8, metavar="N")
@click.option("--price-in", type=click.FloatRange(min=0), metavar="AMOUNT")
@click.option("--price-out", type=click.FloatRange(min=0), metavar="AMOUNT")
@click.option("--most-money", type=click.FloatRange(min=0), metavar="AMOUNT")
@click.option("--most-requests", type=click.IntRange(1, 1_000_000), default=500, metavar="N")
@click.option("--timeout", type=click.FloatRange(1, 600), default=60, metavar="SECONDS")
@as_json
def command(
    *,
    product: str,
    url: str,
    model: str,
    rows: int,
    examples: int,
    price_in: float | None,
    price_out: float | None,
    most_money: float | None,
    most_requests: int,
    timeout: float,
    as_json: bool,
) -> None:
    """Compare.

    ``--json``: ``{"product", "url", "model", "currency", "rows", "wanted", "unanswered", "per_1000": {way: {value, low,
    high}}, "against", "running", "tokens", "requests", "spent", "seconds", "verdict": train | rent | combine | stop,
    "is_sure"}``.
    """
    from sixfold.pipeline import Sixfold
    from sixfold.renting import Endpoint, Terms, rent

    key = next((value for name in _KEYS if (value := os.environ.get(name))), "")
    endpoint = Endpoint(url, model, key, timeout)
    if not endpoint.is_here and (price_in is None or price_out is None):
        raise InputError("rent_no_price")
    terms = Terms(rows, examples, most_requests, most_money, price_in or 0.0, price_out or 0.0)
    found = rent(Sixfold(listener=_tell), name_of(product), endpoint, terms)
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    click.echo(json.dumps(found.to_json(), ensure_ascii=False) if as_json else _told(found))


def _tell(event: Event) -> None:
    if isinstance(event, Step) and sys.stderr.isatty():
        click.echo(f"\r{sentence('cli.rent.says.asked', None, done=event.done, total=event.total)}", nl=False, err=True)


def _told(found: Rented) -> str:
    from sixfold.evaluation import money

    def amount(value: float) -> str:
        return money(value, found.currency)()

    def ends(gap: dict[str, float]) -> str:
        return sentence("cli.rent.says.ends", None, low=amount(gap["low"]), high=amount(gap["high"]))

    heads = [sentence(f"cli.rent.says.{name}") for name in ("way", "value", "interval", "more")]
    lines = [heads]
    for name in _WAYS:
        if (value := found.per_1000.get(name)) is None:
            continue
        gap = found.against.get(name)
        more = "" if gap is None else f"{amount(gap['value'])}  ({ends(gap)})"
        lines.append([sentence(f"cli.rent.says.{name}"), amount(value["value"]), ends(value), more])
    verdict = sentence(f"cli.rent.says.verdict_{found.verdict}", None, model=found.model, product=found.product)
    sure = sentence("cli.rent.says.sure" if found.is_sure else "cli.rent.says.unsure")
    facts = sentence(
        "cli.rent.says.facts",
        None,
        rows=found.rows,
        unanswered=found.unanswered,
        requests=found.requests,
        spent=amount(found.spent),
        seconds=f"{found.seconds:.2f}",
        ours=amount(found.running["product"]),
        theirs=amount(found.running["rented"]),
    )
    parts = [click.style(wrapped(f"{verdict} {sure}"), bold=True), table(lines, indent=2, wraps=False), wrapped(facts)]
    if found.rows < found.wanted:
        parts.append(wrapped(sentence("cli.rent.says.ended", None, rows=found.rows, wanted=found.wanted)))
    return "\n\n".join(parts)
