"""Faults planted into clean real data: how many of each kind `prepare` finds, and how many alarms are false.

A part of ``evidence.py``, which says how it is run.
"""

from __future__ import annotations

from pathlib import Path


def print_faults_found(folder: Path) -> None:
    """A table: data set, kind of fault, planted, found, recall, false alarm rate, seconds of the stage."""
    print("| data | fault | planted | recall | false alarms | seconds |")
    print("|---|---|---|---|---|---|")
