"""`sixfold verify`: is a pack whole, and made by whom it says?"""

from __future__ import annotations

import json
from pathlib import Path

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._layout import bytes_text, listing, local_time
from sixfold.cli._named import trusted_by
from sixfold.language import sentence

__all__ = ["command"]


@spoken("verify")
@click.argument("pack", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), metavar="PEM")
@as_json
def command(pack: Path, key: Path | None, as_json: bool) -> None:
    """Verify a pack; exit code 2 if it must not be trusted.

    ``--json``: ``{"pack", "verified": true, "product", "version", "created", "signed_by", "sha256", "bytes", "members",
    "overrides": [{"gate", "reason"}]}``.
    """
    from sixfold.pack import verify_pack
    from sixfold.security import Home, Keyring

    verified = verify_pack(pack, trusted_by(Keyring(Home.default()), key))
    manifest = verified.manifest
    if as_json:
        record = {
            "pack": str(pack),
            "verified": True,
            "product": manifest.product,
            "version": manifest.version,
            "created": manifest.created,
            "signed_by": verified.key,
            "sha256": verified.sha256,
            "bytes": verified.bytes,
            "members": len(manifest.order),
            "overrides": [override.model_dump() for override in manifest.overrides],
        }
        click.echo(json.dumps(record, ensure_ascii=False))
        return
    click.echo(click.style(sentence("cli.verify.says.whole"), fg="green", bold=True))
    rows = [
        (sentence("cli.verify.says.product"), f"{manifest.product} {manifest.version}"),
        (sentence("cli.verify.says.created"), local_time(manifest.created)),
        (sentence("cli.verify.says.key"), verified.key),
        ("SHA-256", verified.sha256),
        (sentence("cli.verify.says.members"), f"{len(manifest.order)} ({bytes_text(verified.bytes)})"),
    ]
    rows += [(sentence("cli.verify.says.override"), f"{each.gate}: {each.reason}") for each in manifest.overrides]
    click.echo(listing(rows, indent=2))
