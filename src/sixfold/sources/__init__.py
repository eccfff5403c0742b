"""Places that rows come from, one file each."""

from sixfold.sources._pick import source_of
from sixfold.sources._source import Provenance, Source

__all__ = ["Provenance", "Source", "source_of"]
