"""`sixfold serve`: a pack or a product in the foreground, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path

import click

from sixfold.cli._command import spoken
from sixfold.cli._named import bundle_of
from sixfold.language import sentence

__all__ = ["command"]


@spoken("serve")
@click.argument("product")
@click.option("--port", type=click.IntRange(1, 65535))
@click.option("--host", default="127.0.0.1")
@click.option("--key", type=click.Path(path_type=Path), metavar="PEM")
def command(product: str, port: int | None, host: str, key: Path | None) -> None:
    """Verify, decrypt in memory, load, and answer. Says its address on stdout once it does."""
    from sixfold.serving import serve

    bundle = bundle_of(product, key)
    serve(bundle, host=host, port=port, on_ready=_say)


def _say(url: str) -> None:
    click.echo(sentence("cli.serve.says.ready", None, url=url))
