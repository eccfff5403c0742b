"""Where Sixfold keeps what it must remember on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sixfold.files import private_folder

__all__ = ["Home"]


@dataclass(frozen=True, slots=True)
class Home:
    """``SIXFOLD_HOME``, else ``~/.sixfold``: keys, store, ledger and the notes on running services."""

    path: Path

    @classmethod
    def default(cls) -> Home:
        """The home that the environment names."""
        return cls(Path(os.environ.get("SIXFOLD_HOME") or Path.home() / ".sixfold").absolute())

    def folder(self, name: str) -> Path:
        """A private folder of the home, made if it was missing."""
        private_folder(self.path)
        return private_folder(self.path / name)
