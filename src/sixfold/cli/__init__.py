"""The command line. One file per command, found by its name; nothing heavy is imported before it is used."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from sixfold.cli._app import main

if TYPE_CHECKING:
    from sixfold.progress import Listener

__all__ = ["main", "show_progress"]


def show_progress() -> AbstractContextManager[Listener]:
    """Progress for a person, for the length of a ``with`` block: live in a terminal, plain lines elsewhere."""
    from sixfold.cli._progress import shown

    return shown()
