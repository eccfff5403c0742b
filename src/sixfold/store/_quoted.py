"""Quotes as they are kept: what was said beforehand, found again by whoever sets it beside what came."""

from __future__ import annotations

from typing import Any

from sixfold.hashing import digest_of_value
from sixfold.product import Product
from sixfold.store._store import Store

__all__ = ["keep_quote", "kept_quote"]

_QUOTED = ("data", "given", "predict", "generate", "choose", "to_raise", "to_lower", "collect", "prepare", "train")
"""What of a declaration a quote is of: how a model is judged and where it runs are no part of it."""


def keep_quote(store: Store, product: Product, quote: dict[str, Any]) -> None:
    """Keep the quote of a product (plain JSON) in place of an earlier one."""
    store.keep("quote", product.name, {"declaration": _declaration(product), "quote": quote}, {})


def kept_quote(store: Store, product: Product) -> dict[str, Any] | None:
    """The quote of a product as it is declared now; ``None`` where there is none, or it was of another declaration."""
    kept = store.made("quote", product.name)
    if kept is None or kept.about["declaration"] != _declaration(product):
        return None
    quote: dict[str, Any] = kept.about["quote"]
    return quote


def _declaration(product: Product) -> str:
    said = product.to_mapping()
    return digest_of_value({name: said[name] for name in _QUOTED if name in said})
