"""From collected rows to arrays: reading them, splitting them, checking them, encoding them, reporting on them."""

from sixfold.preparing import checks as checks  # enters every check
from sixfold.preparing._check import (
    CHECKS,
    THRESHOLDS,
    Threshold,
    check,
    findings,
    held_levels,
    held_thresholds,
    threshold,
)
from sixfold.preparing._codes import MISSING
from sixfold.preparing._collected import Collected
from sixfold.preparing._column import Column, identity, reason_of
from sixfold.preparing._encoding import Encoded, encode
from sixfold.preparing._evidence import Evidence, Found
from sixfold.preparing._groups import groups_of
from sixfold.preparing._report import data_report
from sixfold.preparing._split import Official, Spans, Splits, split, strata

__all__ = [
    "CHECKS",
    "MISSING",
    "THRESHOLDS",
    "Collected",
    "Column",
    "Encoded",
    "Evidence",
    "Found",
    "Official",
    "Spans",
    "Splits",
    "Threshold",
    "check",
    "data_report",
    "encode",
    "findings",
    "groups_of",
    "held_levels",
    "held_thresholds",
    "identity",
    "reason_of",
    "split",
    "strata",
    "threshold",
]
