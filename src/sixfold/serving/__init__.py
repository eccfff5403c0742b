"""Answers: a bundle in ONNX Runtime, behind HTTP."""

from sixfold.serving._bundle import Bundle
from sixfold.serving._engine import Engine
from sixfold.serving._serve import address, listening, same_answer, serve, wrong_answer

__all__ = ["Bundle", "Engine", "address", "listening", "same_answer", "serve", "wrong_answer"]
