"""The watch of a product, seen from outside its service."""

from __future__ import annotations

from typing import Any

from sixfold.monitoring import Storage, open_storage, state
from sixfold.pipeline import Run, Sixfold
from sixfold.serving import watched_of

__all__ = ["product_state", "storage_of"]


def storage_of(house: Sixfold, run: Run) -> Storage:
    """Where the requests of a product are kept.

    Raises:
        ServiceError: The database cannot be reached.
    """
    return open_storage(run.product.name, house.home, run.product.deploy.watch.to)


def product_state(house: Sixfold, run: Run) -> dict[str, Any]:
    """How a product is, as plain JSON (:func:`sixfold.monitoring.state`)."""
    storage = storage_of(house, run)
    try:
        return state(watched_of(run.bundle), storage)
    finally:
        storage.close()
