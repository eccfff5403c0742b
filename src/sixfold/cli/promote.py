"""`sixfold promote`: another version of a product answers from now on."""

from __future__ import annotations

import json

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._named import name_of
from sixfold.errors import ServiceError
from sixfold.language import sentence

__all__ = ["command"]


@spoken("promote")
@click.argument("product")
@click.argument("version", default="challenger")
@click.option("--share", type=click.FloatRange(0, 1))
@click.option("--shadow/--no-shadow", default=None)
@as_json
def command(product: str, version: str, share: float | None, shadow: bool | None, as_json: bool) -> None:
    """Promote a version, or only change the share of requests that the challenger answers.

    ``--json``: ``{"product", "champion", "former", "challenger", "share", "shadow"}``.
    """
    from sixfold.cli._services import standing_of
    from sixfold.security import Home, Keyring, Ledger

    name, home = name_of(product), Home.default()
    target, standing = standing_of(name)
    wanted = standing.challenger if version == "challenger" else version
    if wanted is None:
        raise ServiceError("no_challenger", product=name)
    if share is None and shadow is None:
        changed, act = standing.promoted(wanted), "promoted"
    else:
        kept = standing.share if share is None else share
        changed = standing.challenged(wanted, kept, shadow=standing.shadow if shadow is None else shadow)
        act = "tried"
    target.stand(name, changed)
    Ledger(home, Keyring(home)).append(f"service.{act}", name, **changed.model_dump(exclude_none=True))
    if as_json:
        click.echo(json.dumps({"product": name, **changed.model_dump()}, ensure_ascii=False))
    else:
        share_said = f"{changed.share:.0%}"
        click.echo(sentence(f"cli.promote.says.{act}", None, product=name, version=wanted, share=share_said))
