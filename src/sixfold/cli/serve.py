"""`sixfold serve`: a pack, a product or plain ONNX graphs in the foreground, until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from sixfold.cli._command import spoken
from sixfold.cli._named import bundle_of
from sixfold.errors import InputError
from sixfold.language import sentence

__all__ = ["command"]

_GRAPH = ".onnx"


@spoken("serve")
@click.argument("products", nargs=-1, required=True, metavar="PRODUCT...")
@click.option("--port", type=click.IntRange(1, 65535))
@click.option("--host", default="127.0.0.1")
@click.option("--key", type=click.Path(path_type=Path), metavar="PEM")
@click.option("--workers", type=click.IntRange(1, 64), default=1)
@click.option("--keys", is_flag=True)
@click.option("--tls", type=(click.Path(path_type=Path), click.Path(path_type=Path)), metavar="CERT KEY")
@click.option("--control", is_flag=True)
def command(
    products: tuple[str, ...],
    port: int | None,
    host: str,
    key: Path | None,
    workers: int,
    keys: bool,
    tls: tuple[Path, Path] | None,
    control: bool,
) -> None:
    """Verify, decrypt in memory, load, and answer. Says its address on stdout once it does."""
    from sixfold.security import Home
    from sixfold.serving import Tls, serve, serve_graphs

    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "on_ready": _say,
        "workers": workers,
        "may_change": control,
        "keys": Home.default() if keys else None,
        "tls": None if tls is None else Tls(*tls),
    }

    graphs = [Path(name) for name in products if name.endswith(_GRAPH)]
    if graphs and len(graphs) == len(products):
        serve_graphs(graphs, **options)
        return
    if len(products) > 1:
        raise InputError("one_product", names=", ".join(products))
    serve(bundle_of(products[0], key), **options)


def _say(url: str) -> None:
    click.echo(sentence("cli.serve.says.ready", None, url=url))
