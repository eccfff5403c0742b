"""From collected rows to arrays: reading them, splitting them, checking them, encoding them, reporting on them."""

from sixfold.preparing._checks import CHECKS, Evidence, Found, check, findings, held_levels
from sixfold.preparing._collected import Collected
from sixfold.preparing._column import Column, identity, read_column, reason_of
from sixfold.preparing._encoding import Encoded, encode
from sixfold.preparing._report import data_report
from sixfold.preparing._split import Official, Splits, split

__all__ = [
    "CHECKS",
    "Collected",
    "Column",
    "Encoded",
    "Evidence",
    "Found",
    "Official",
    "Splits",
    "check",
    "data_report",
    "encode",
    "findings",
    "held_levels",
    "identity",
    "read_column",
    "reason_of",
    "split",
]
