"""Sixfold: from raw data to a delivered AI product, in six stages.

>>> import sixfold
>>> product = sixfold.load("product.yaml")      # doctest: +SKIP
>>> run = sixfold.run(product)                  # doctest: +SKIP
>>> run.figures["accuracy"], run.pack           # doctest: +SKIP

This module is a table of contents: what it names is imported when it is first used, and nothing inside imports it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sixfold.client import Client
    from sixfold.errors import GateRefused, InputError, RunError, SixfoldError
    from sixfold.evaluation import Comparison, Economics, economics
    from sixfold.language import use_language
    from sixfold.pipeline import PlanStep, Report, Run, Sixfold, load
    from sixfold.product import Product
    from sixfold.quoting import Quote

__all__ = [
    "Client",
    "Comparison",
    "Economics",
    "GateRefused",
    "InputError",
    "PlanStep",
    "Product",
    "Quote",
    "Report",
    "Run",
    "RunError",
    "Sixfold",
    "SixfoldError",
    "__version__",
    "compare",
    "economics",
    "load",
    "plan",
    "quote",
    "run",
    "use_language",
]

__version__ = "0.1.0"

# ONNX Runtime reports its use to its makers unless told not to before its first import: nothing leaves this machine.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_HOMES = {
    "Client": "client",
    "GateRefused": "errors",
    "InputError": "errors",
    "RunError": "errors",
    "SixfoldError": "errors",
    "use_language": "language",
    "Comparison": "evaluation",
    "Economics": "evaluation",
    "economics": "evaluation",
    "PlanStep": "pipeline",
    "Report": "pipeline",
    "Run": "pipeline",
    "Sixfold": "pipeline",
    "load": "pipeline",
    "Product": "product",
    "Quote": "quoting",
}


def run(product: Product | str | Path, *, until: str = "deliver", overrides: Mapping[str, str] | None = None) -> Run:
    """Take a product, or the product.yaml that declares it, through the six stages, with progress in the terminal.

    Args:
        product: A product, or the path of its file.
        until: The last stage: collect, prepare, train, evaluate, deploy or deliver.
        overrides: Gates to pass although they say no, each with the reason.

    Raises:
        InputError: What was given is wrong.
        RunError: Something failed; finished stages are kept.
        GateRefused: A gate said no; the model and its report are kept.
    """
    from sixfold.cli import show_progress
    from sixfold.pipeline import Sixfold, load
    from sixfold.product import Product

    declared = product if isinstance(product, Product) else load(product)
    with show_progress() as listener:
        return Sixfold(listener=listener).run(declared, until=until, overrides=overrides)


def plan(product: Product | str | Path) -> list[PlanStep]:
    """What :func:`run` would do, stage by stage, without doing it."""
    from sixfold.pipeline import Sixfold, load
    from sixfold.product import Product

    return Sixfold().plan(product if isinstance(product, Product) else load(product))


def quote(product: Product | str | Path) -> Quote:
    """What :func:`run` will take and how good the model will be, measured on some of the real rows, with progress.

    Raises:
        InputError: What was given is wrong.
        RunError: A stage failed on the sample.
    """
    from sixfold.cli import show_progress
    from sixfold.pipeline import Sixfold, load
    from sixfold.product import Product

    declared = product if isinstance(product, Product) else load(product)
    with show_progress() as listener:
        return Sixfold(listener=listener).quote(declared)


def compare(first: Run | str, second: Run | str) -> Comparison:
    """Two evaluated products, or two runs of one, on the test rows that both have.

    >>> print(sixfold.compare("churn~1", "churn").verdict)      # doctest: +SKIP

    Args:
        first: A run, or a product by its name: its last run, with ``~1`` behind it the newest one of another model.
        second: The one that is said to be better or worse.

    Raises:
        InputError: One was not run or evaluated here, they answer different questions, or share no test rows.
    """
    from sixfold.pipeline import Sixfold

    house = Sixfold()
    ours, theirs = (house.named(one) if isinstance(one, str) else one for one in (first, second))
    names = [one if isinstance(one, str) else one.product.name for one in (first, second)]
    return house.compare(ours, theirs, names=(names[0], names[1]))


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sixfold' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"sixfold.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
