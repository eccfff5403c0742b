"""The declaration: product.yaml, or the same built in code."""

from sixfold.product._load import load, parse
from sixfold.product._product import ColumnSpec, Product, Verb, declaration_error
from sixfold.product._sections import Collect, Deliver, Deploy, Evaluate, Prepare, Split, Train

__all__ = [
    "Collect",
    "ColumnSpec",
    "Deliver",
    "Deploy",
    "Evaluate",
    "Prepare",
    "Product",
    "Split",
    "Train",
    "Verb",
    "declaration_error",
    "load",
    "parse",
]
