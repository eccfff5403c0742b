"""The contract of the six stages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from sixfold.product import Product
from sixfold.store import Artefact, Workspace

__all__ = ["Stage"]


class Stage(ABC):
    """One of six: it takes the product and the artefacts of the stages before it, and writes members to its workspace.

    Attributes:
        name: collect, prepare, train, evaluate, deploy or deliver.
        is_effect: Whether it changes something outside the store; then it is idempotent and never cached.
        version: Raised when the same input gives another output.
    """

    name: ClassVar[str]
    is_effect: ClassVar[bool] = False
    version: ClassVar[int] = 1

    @abstractmethod
    def depends_on(self, product: Product) -> dict[str, Any]:
        """What of the product this stage's artefact depends on, beyond its inputs: plain JSON, part of its key."""

    @abstractmethod
    def run(self, product: Product, inputs: Mapping[str, Artefact], work: Workspace) -> dict[str, Any]:
        """Do the work; returns what the artefact says of itself (``about``), or the receipt of an effect: plain JSON.

        Args:
            product: The declaration.
            inputs: The artefacts of the stages before, by stage name.
            work: Where to read, write, checkpoint and tell progress.
        """
