"""How a kind is found: one file, one public subclass, no list to edit.

A *family* is an abstract class that names its folder: ``class Field(Kind): folder = "sixfold.fields"``. A kind is a
file in that folder of the same name as the kind, with one public subclass of the family. Packages outside add theirs by
an entry point in the group of the folder's name. A broken kind is an error that names itself, never a kind that is
silently missing.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

from sixfold.errors import ProductError, RunError
from sixfold.language import Text

__all__ = ["Kind", "Options", "find", "names"]


class Options(BaseModel):
    """What a kind may be told in product.yaml: frozen, and closed to words that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Kind:
    """One member of a family.

    Attributes:
        folder: The package that holds the family's kinds; set by the family's base.
        title: What the kind is, for people.
        version: Raised when the same input gives another output, so that cached artefacts are made anew.
    """

    folder: ClassVar[str]
    title: ClassVar[Text]
    version: ClassVar[int] = 1
    Options: ClassVar[type[Options]] = Options

    @classmethod
    def kind(cls) -> str:
        """The kind's name: that of its file."""
        return cls.__module__.rpartition(".")[2]


K = TypeVar("K", bound=Kind)


def names(family: type[Kind]) -> tuple[str, ...]:
    """The names of all kinds of a family, from its folder and from entry points, sorted."""
    return tuple(sorted({*_files(family.folder), *_points(family.folder)}))


def find(family: type[K], name: str) -> type[K]:
    """The kind of ``family`` called ``name``.

    Raises:
        ProductError: No kind has that name.
        RunError: The kind's file or entry point cannot be imported, or holds no or several public subclasses.
    """
    if name in _files(family.folder):
        return _only_subclass(family, f"{family.folder}.{name}")
    point = _points(family.folder).get(name)
    if point is None:
        known = names(family)
        close = difflib.get_close_matches(name, known, n=1)
        raise ProductError(
            "unknown_kind",
            family=family.__name__.lower(),
            name=name,
            known=", ".join(known),
            guess=close[0] if close else known[0] if known else "-",
        )
    return _only_subclass(family, point.module)


@cache
def _files(folder: str) -> tuple[str, ...]:
    package = importlib.import_module(folder)
    return tuple(
        module.name
        for module in pkgutil.iter_modules(package.__path__)
        if not module.name.startswith("_") and not module.ispkg
    )


@cache
def _points(folder: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=folder)}


def _only_subclass(family: type[K], module_name: str) -> type[K]:
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise RunError("broken_kind", module=module_name, reason=error) from error
    found: list[type[Any]] = [
        member
        for name, member in vars(module).items()
        if inspect.isclass(member)
        and issubclass(member, family)
        and member.__module__ == module_name
        and not name.startswith("_")
        and not inspect.isabstract(member)
    ]
    if len(found) != 1:
        raise RunError("broken_kind", module=module_name, reason=f"{len(found)} public kinds, expected 1")
    return found[0]
