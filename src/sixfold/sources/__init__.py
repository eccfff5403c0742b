"""Places that rows come from, one file each."""

from sixfold.sources._look import Look, LookColumn, look
from sixfold.sources._pick import source_of
from sixfold.sources._source import Provenance, Source

__all__ = ["Look", "LookColumn", "Provenance", "Source", "look", "source_of"]
