"""The pack: what the customer gets, one signed file; and how it is opened, never before it was verified."""

from sixfold.pack._card import Card, Column, DataSet, Figure, Gate
from sixfold.pack._manifest import Entry, Manifest, Override
from sixfold.pack._open import Pack, Verified, open_pack, verify_pack
from sixfold.pack._wheel import runtime_requirements, runtime_wheel
from sixfold.pack._write import write_pack

__all__ = [
    "Card",
    "Column",
    "DataSet",
    "Entry",
    "Figure",
    "Gate",
    "Manifest",
    "Override",
    "Pack",
    "Verified",
    "open_pack",
    "runtime_requirements",
    "runtime_wheel",
    "verify_pack",
    "write_pack",
]
