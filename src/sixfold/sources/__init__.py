"""Places that rows come from, one file each."""

from sixfold.sources._binding import cuts_windows
from sixfold.sources._columns import RESERVED
from sixfold.sources._gather import gathered
from sixfold.sources._look import Look, LookColumn, look
from sixfold.sources._pick import source_of
from sixfold.sources._screen import Screen
from sixfold.sources._source import Provenance, Source

__all__ = [
    "RESERVED",
    "Look",
    "LookColumn",
    "Provenance",
    "Screen",
    "Source",
    "cuts_windows",
    "gathered",
    "look",
    "source_of",
]
