"""Artefacts, content-addressed and encrypted; and the workspace through which stages reach them."""

from sixfold.store._prepared import ROW, SCALE, WITHOUT, Prepared, Shard, SplitName
from sixfold.store._quoted import keep_quote, kept_quote
from sixfold.store._store import Artefact, Member, Store
from sixfold.store._workspace import Workspace

__all__ = [
    "ROW",
    "SCALE",
    "WITHOUT",
    "Artefact",
    "Member",
    "Prepared",
    "Shard",
    "SplitName",
    "Store",
    "Workspace",
    "keep_quote",
    "kept_quote",
]
