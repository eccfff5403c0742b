"""The declaration: product.yaml, or the same built in code."""

from sixfold.product._bound import Bound
from sixfold.product._computing import ARITHMETIC, COMPARED, computed
from sixfold.product._expression import Call, Column, Constant, Expression, Node
from sixfold.product._load import load, parse, read_mapping
from sixfold.product._product import ColumnSpec, Product, Verb, declaration_error
from sixfold.product._sections import Collect, Deliver, Deploy, Evaluate, Prepare, Rows, Split, Tell, Train, Watch
from sixfold.product._value import Person, Value

__all__ = [
    "ARITHMETIC",
    "COMPARED",
    "Bound",
    "Call",
    "Collect",
    "Column",
    "ColumnSpec",
    "Constant",
    "Deliver",
    "Deploy",
    "Evaluate",
    "Expression",
    "Node",
    "Person",
    "Prepare",
    "Product",
    "Rows",
    "Split",
    "Tell",
    "Train",
    "Value",
    "Verb",
    "Watch",
    "computed",
    "declaration_error",
    "load",
    "parse",
    "read_mapping",
]
