"""How good a model is: figures with intervals, baselines, gates, and the report."""

from sixfold.evaluation._appraisal import (
    Appraisal,
    Encoded,
    Judged,
    Report,
    Rows,
    Section,
    Thumbnails,
    Yardstick,
    appraisal_of,
    appraisals,
    baseline_title,
    described,
)
from sixfold.evaluation._chapter import Chapter, Finished, every_chapter
from sixfold.evaluation._class_figures import ClassFigures, Scored, class_figures, confusion
from sixfold.evaluation._decide import asked, chances, conformal, decide, decided
from sixfold.evaluation._document import document
from sixfold.evaluation._economics import HOURS_A_MONTH, Economics, economics
from sixfold.evaluation._examples import collected_rows, json_row, thumbnails
from sixfold.evaluation._figures import (
    RESAMPLES,
    Difference,
    Measured,
    compared,
    difference,
    formula,
    formulas,
    measured,
    without,
)
from sixfold.evaluation._formula import Answered, Asked, Formula, Style, figure
from sixfold.evaluation._gates import (
    Verdict,
    askable,
    asked_for,
    better_baseline,
    check_gates,
    gate_names,
    gate_title,
    judge,
)
from sixfold.evaluation._graph import Graph
from sixfold.evaluation._html import cell, facts, say, table
from sixfold.evaluation._linear import MOST_TRAINING_ROWS
from sixfold.evaluation._page import page
from sixfold.evaluation._pictures import Span, spans
from sixfold.evaluation._report import figures, leaks, schema
from sixfold.evaluation._words import amount, both, count, interval, listed, money, shown
from sixfold.evaluation._worth import Account, ClassWorth, Valued, Worth, number_account, number_accounts

__all__ = [
    "HOURS_A_MONTH",
    "MOST_TRAINING_ROWS",
    "RESAMPLES",
    "Account",
    "Answered",
    "Appraisal",
    "Asked",
    "Chapter",
    "ClassFigures",
    "ClassWorth",
    "Difference",
    "Economics",
    "Encoded",
    "Finished",
    "Formula",
    "Graph",
    "Judged",
    "Measured",
    "Report",
    "Rows",
    "Scored",
    "Section",
    "Span",
    "Style",
    "Thumbnails",
    "Valued",
    "Verdict",
    "Worth",
    "Yardstick",
    "amount",
    "appraisal_of",
    "appraisals",
    "askable",
    "asked",
    "asked_for",
    "baseline_title",
    "better_baseline",
    "both",
    "cell",
    "chances",
    "check_gates",
    "class_figures",
    "collected_rows",
    "compared",
    "conformal",
    "confusion",
    "count",
    "decide",
    "decided",
    "described",
    "difference",
    "document",
    "economics",
    "every_chapter",
    "facts",
    "figure",
    "figures",
    "formula",
    "formulas",
    "gate_names",
    "gate_title",
    "interval",
    "json_row",
    "judge",
    "leaks",
    "listed",
    "measured",
    "money",
    "number_account",
    "number_accounts",
    "page",
    "say",
    "schema",
    "shown",
    "spans",
    "table",
    "thumbnails",
    "without",
]
