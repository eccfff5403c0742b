"""A product is named by its name, its file, or the folder of its file; a pack by its file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sixfold.errors import InputError

if TYPE_CHECKING:
    from sixfold.pipeline import Run, Sixfold
    from sixfold.product import Product
    from sixfold.security import Keyring
    from sixfold.serving import Bundle

__all__ = ["bundle_of", "is_pack", "last_run", "name_of", "product_of", "run_of", "trusted_by"]

_YAML = (".yaml", ".yml")
_PACK = ".sixfold"


def product_of(named: str) -> Product:
    """The product that a file, a folder or a name stands for.

    Raises:
        ProductError: There is no such file, or it declares no valid product.
    """
    from sixfold.pipeline import Sixfold, load

    if not _is_file_or_folder(named) and (known := Sixfold().last(named)) is not None and known.product.file:
        return load(known.product.file)
    return load(named)


def name_of(named: str) -> str:
    """The name of the product that a file, a folder or a name stands for.

    Raises:
        ProductError: It is a file, and it declares no valid product.
    """
    from sixfold.pipeline import load

    return load(named).name if _is_file_or_folder(named) else named


def last_run(house: Sixfold, named: str) -> Run:
    """What the last run of a product made.

    Raises:
        InputError: The product was not run here.
        ProductError: ``named`` is a file, and it declares no valid product.
    """
    name = name_of(named)
    run = house.last(name)
    if run is None:
        raise InputError("unknown_product", name=name, known=", ".join(house.products()) or "–")
    return run


def run_of(house: Sixfold, named: str) -> Run:
    """The run that a product's name, file or folder stands for: the last one; with ``~1`` behind it an earlier one.

    Raises:
        InputError: There is no such run here.
        ProductError: ``named`` is a file, and it declares no valid product.
    """
    product, mark, back = named.rpartition("~")
    return house.named(f"{name_of(product)}~{back}" if mark else name_of(named))


def is_pack(named: str) -> bool:
    """Whether ``named`` is meant as a pack: it ends as packs do, or is a file that is no product.yaml."""
    path = Path(named)
    return path.suffix == _PACK or (path.is_file() and path.suffix not in _YAML)


def trusted_by(keyring: Keyring, key: Path | None) -> list[bytes]:
    """The public keys whose packs are believed: the one named, else this machine's own and those it trusts.

    Raises:
        KeyringError: A file holds no public key.
    """
    from sixfold.security import read_public_key, trusted_keys

    return trusted_keys(keyring) if key is None else [read_public_key(key)]


def bundle_of(named: str, key: Path | None = None) -> Bundle:
    """The model of a product's last run, or of a pack: verified, then decrypted in memory.

    Raises:
        InputError: The product was not run here, or not as far as `evaluate`.
        PackError: The pack must not be trusted, or is for others.
    """
    if not is_pack(named):
        from sixfold.pipeline import Sixfold

        run = last_run(Sixfold(), named)
        if "evaluate" not in run.artefacts:
            raise InputError("not_evaluated", name=run.product.name)
        return run.bundle
    from sixfold.pack import open_pack
    from sixfold.security import Home, Keyring, Ledger

    home = Home.default()
    keyring = Keyring(home)
    pack = open_pack(named, trusted_by(keyring, key))
    bundle = pack.bundle(keyring.identity)
    Ledger(home, keyring).append("pack.opened", bundle.product.name, sha256=pack.verified.sha256)
    return bundle


def _is_file_or_folder(named: str) -> bool:
    path = Path(named)
    return path.suffix in _YAML or "/" in named or (path / "product.yaml").is_file()
