"""Answers: a bundle in ONNX Runtime, behind HTTP."""

from sixfold.serving._bundle import Bundle
from sixfold.serving._engine import Engine
from sixfold.serving._follow import Plan, failure_of, plan_at
from sixfold.serving._limits import Limits
from sixfold.serving._models import Standing
from sixfold.serving._serve import Tls, address, listening, same_answer, serve, serve_graphs, wrong_answer
from sixfold.serving._usage import Used, used
from sixfold.serving._watching import Watching, watched_of
from sixfold.serving._witness import Exchange, Witness

__all__ = [
    "Bundle",
    "Engine",
    "Exchange",
    "Limits",
    "Plan",
    "Standing",
    "Tls",
    "Used",
    "Watching",
    "Witness",
    "address",
    "failure_of",
    "listening",
    "plan_at",
    "same_answer",
    "serve",
    "serve_graphs",
    "used",
    "watched_of",
    "wrong_answer",
]
