"""A product in use, run by its owner: refreshed, traced, and brought to safety on the day it goes wrong."""

from sixfold.operating._incident import Incident, end_incident, incident
from sixfold.operating._refresh import Refreshed, refresh, undo
from sixfold.operating._trace import Trace, trace
from sixfold.operating._watched import product_state, storage_of

__all__ = [
    "Incident",
    "Refreshed",
    "Trace",
    "end_incident",
    "incident",
    "product_state",
    "refresh",
    "storage_of",
    "trace",
    "undo",
]
