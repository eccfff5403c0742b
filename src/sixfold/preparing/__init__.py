"""From collected rows to arrays: reading them, splitting them, checking them, encoding them, reporting on them."""

from sixfold.preparing import _encoded_checks  # noqa: F401 — enters its checks
from sixfold.preparing._checks import CHECKS, check, findings, held_levels
from sixfold.preparing._codes import MISSING
from sixfold.preparing._collected import Collected
from sixfold.preparing._column import Column, identity, reason_of
from sixfold.preparing._encoding import Encoded, encode
from sixfold.preparing._evidence import Evidence, Found
from sixfold.preparing._report import data_report
from sixfold.preparing._split import Official, Spans, Splits, split, strata

__all__ = [
    "CHECKS",
    "MISSING",
    "Collected",
    "Column",
    "Encoded",
    "Evidence",
    "Found",
    "Official",
    "Spans",
    "Splits",
    "check",
    "data_report",
    "encode",
    "findings",
    "held_levels",
    "identity",
    "reason_of",
    "split",
    "strata",
]
