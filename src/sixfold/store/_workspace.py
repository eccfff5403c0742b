"""All that a stage is handed besides its input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sixfold.hashing import canonical_json
from sixfold.progress import Event, Listener, Note, Step, silent
from sixfold.store._store import Artefact, Member, Store

__all__ = ["Workspace"]


@dataclass
class Workspace:
    """Read, write, checkpoint, progress and seed; the stage learns nothing of encryption, names or the ledger.

    Args:
        store: Where artefacts live.
        stage: The stage at work.
        key: What the stage makes is known by this.
        seed: For everything drawn at random.
        listener: Whom progress is told.
        folder: Where files for the user are written (the report, the pack): an effect writes nowhere else.
        overrides: Gates that a person overrode for this run, with their reasons; they belong on the model card.
    """

    store: Store
    stage: str
    key: str
    seed: int = 0
    listener: Listener = silent
    folder: Path = field(default_factory=Path.cwd)
    overrides: Mapping[str, str] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)

    def write(self, name: str, data: bytes) -> None:
        """Add a member to the artefact in the making."""
        self.members[name] = self.store.put(data)

    def write_json(self, name: str, value: Any) -> None:
        """Add a member of plain JSON."""
        self.write(name, canonical_json(value))

    def read(self, artefact: Artefact, name: str) -> bytes:
        """A member of an artefact."""
        return self.store.get(artefact.members[name])

    def read_json(self, artefact: Artefact, name: str) -> Any:
        """A member of plain JSON."""
        return json.loads(self.read(artefact, name))

    def save_checkpoint(self, about: dict[str, Any], data: bytes) -> None:
        """Keep where this stage stands; a crash leaves the former checkpoint or this one, whole."""
        self.store.save_slot(self.key, about, data)

    def checkpoint(self) -> tuple[dict[str, Any], bytes] | None:
        """Where this stage stood when it was interrupted, if it was."""
        return self.store.slot(self.key)

    def drop_checkpoint(self) -> None:
        """Forget where this stage stood: it is done."""
        self.store.drop_slot(self.key)

    def tell(self, event: Event) -> None:
        """Let the user know."""
        self.listener(event)

    def note(self, key: str, **values: Any) -> None:
        """A sentence for the log: its key in the locale files, and its values."""
        self.listener(Note(self.stage, key, values))

    def step(self, done: int, total: int, unit: str, seconds_left: float | None = None) -> None:
        """So much is done."""
        self.listener(Step(self.stage, done, total, unit, seconds_left))
