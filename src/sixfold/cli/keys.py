"""`sixfold keys`: whose packs this machine opens, signs and trusts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sixfold.cli._command import Group, as_json
from sixfold.cli._layout import listing
from sixfold.cli._summary import near
from sixfold.files import write_whole
from sixfold.language import sentence

if TYPE_CHECKING:
    from sixfold.security import Home

__all__ = ["command"]


@click.group("keys", cls=Group, invoke_without_command=True)
@as_json
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show keys. ``--json``: ``{"recipient", "signing": {"fingerprint", "from"}, "identity": {"from"},
    "trusted": [{"fingerprint", "file"}]}``; see :func:`sixfold.security.fingerprint`.
    """
    if ctx.invoked_subcommand is not None:
        return
    from sixfold.security import Home, Keyring, fingerprint, read_public_key

    home = Home.default()
    ring = Keyring(home)
    identity_from = _origin(home, "identity.txt", "SIXFOLD_KEY", "SIXFOLD_KEY_FILE")
    signing_from = _origin(home, "signing.pem", "SIXFOLD_SIGNING_KEY")
    mine = fingerprint(ring.public_signing_pem())
    trusted = [
        (fingerprint(read_public_key(path)), str(path)) for path in sorted((home.path / "trusted").glob("*.pem"))
    ]
    if as_json:
        record = {
            "recipient": ring.recipient,
            "identity": {"from": identity_from},
            "signing": {"fingerprint": mine, "from": signing_from},
            "trusted": [{"fingerprint": name, "file": path} for name, path in trusted],
        }
        click.echo(json.dumps(record, ensure_ascii=False))
        return
    rows = [
        (sentence("cli.keys.says.recipient"), ring.recipient),
        ("", sentence("cli.keys.says.from", None, origin=identity_from)),
        (sentence("cli.keys.says.signing"), mine),
        ("", sentence("cli.keys.says.from", None, origin=signing_from)),
    ]
    rows += [(sentence("cli.keys.says.trusted") if not number else "", key[0]) for number, key in enumerate(trusted)]
    click.echo(listing(rows))
    click.echo(sentence("cli.keys.says.backup"))


@command.command("export")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE")
def export(output: Path | None) -> None:
    """Write the public signing key (PEM) to a file, or to stdout."""
    from sixfold.security import Home, Keyring, fingerprint

    pem = Keyring(Home.default()).public_signing_pem()
    if output is None:
        click.echo(pem.decode(), nl=False)
        return
    write_whole(output, pem, private=False)
    click.echo(sentence("cli.keys.says.exported", None, path=near(output), fingerprint=fingerprint(pem)))


@command.command("trust")
@click.argument("file", type=click.Path(path_type=Path))
def trust(file: Path) -> None:
    """Trust packs that the owner of a public key (PEM) signed."""
    from sixfold.security import Home, Keyring, Ledger, fingerprint, read_public_key

    pem = read_public_key(file)
    name = fingerprint(pem)
    home = Home.default()
    write_whole(home.folder("trusted") / f"{name.replace(' ', '')}.pem", pem)
    Ledger(home, Keyring(home)).append("key.trusted", None, fingerprint=name)
    click.echo(sentence("cli.keys.says.now_trusted", None, fingerprint=name))


def _origin(home: Home, name: str, *variables: str) -> str:
    """Where a key comes from: the environment if it names one, else the home."""
    for variable in variables:
        if os.environ.get(variable):
            return variable
    return str(home.path / "keys" / name)
