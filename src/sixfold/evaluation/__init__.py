"""How good a model is: figures with intervals, baselines, gates, and the report."""

from sixfold.evaluation._baseline import BASELINES, MOST_TRAINING_ROWS, Baseline, Encoded, baselines
from sixfold.evaluation._decide import chances, decide, decided
from sixfold.evaluation._examples import collected_rows, json_row, thumbnails, worst_rows
from sixfold.evaluation._figures import (
    RESAMPLES,
    ClassFigures,
    Difference,
    Formula,
    Measured,
    Scored,
    class_figures,
    confusion,
    difference,
    formula,
    formulas,
    measured,
    without,
)
from sixfold.evaluation._gates import Verdict, check_gates, gate_names, gate_title, judge
from sixfold.evaluation._graph import Graph
from sixfold.evaluation._page import Thumbnails, page
from sixfold.evaluation._report import by_class, calibration, confused, figures, leaks, schema
from sixfold.evaluation._words import both, count, interval, shown

__all__ = [
    "BASELINES",
    "MOST_TRAINING_ROWS",
    "RESAMPLES",
    "Baseline",
    "ClassFigures",
    "Difference",
    "Encoded",
    "Formula",
    "Graph",
    "Measured",
    "Scored",
    "Thumbnails",
    "Verdict",
    "baselines",
    "both",
    "by_class",
    "calibration",
    "chances",
    "check_gates",
    "class_figures",
    "collected_rows",
    "confused",
    "confusion",
    "count",
    "decide",
    "decided",
    "difference",
    "figures",
    "formula",
    "formulas",
    "gate_names",
    "gate_title",
    "interval",
    "json_row",
    "judge",
    "leaks",
    "measured",
    "page",
    "schema",
    "shown",
    "thumbnails",
    "without",
    "worst_rows",
]
