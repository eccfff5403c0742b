"""Every kind of every family; every check and gate."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from sixfold import evaluation
from sixfold.families import Kind, find, names
from sixfold.fields import Field
from sixfold.networks import Network
from sixfold.preparing import CHECKS, THRESHOLDS
from sixfold.reference._settings import default, type_name
from sixfold.reference._text import code, escaped, lead, own, plain, say, table
from sixfold.sources import Source
from sixfold.targets import Target
from sixfold.tasks import Task

__all__ = ["FAMILIES", "kinds"]

FAMILIES: dict[str, type[Kind]] = {
    "fields": Field,
    "tasks": Task,
    "sources": Source,
    "networks": Network,
    "targets": Target,
}
"""The families of kinds, in the order in which a product meets them."""

_NOT_SAID = {("networks", "keras")}
"""Kinds whose options nobody writes: `train: {keras: …}` is a setting of its own."""


def kinds() -> Iterator[str]:
    """The chapters on kinds, then those on checks and gates."""
    for name, family in FAMILIES.items():
        yield f"## {say(f'families.{name}')}"
        yield say(f"families.{name}_intro")
        for kind in names(family):
            yield from _kind(name, find(family, kind))
    yield f"## {say('checks')}"
    yield say("checks_intro")
    yield table(("check", "meaning"), ((code(name), _rule("checks", name, rule)) for name, (_, rule) in CHECKS.items()))
    yield f"### {say('thresholds')}"
    yield say("thresholds_intro")
    yield table(
        ("threshold", "default", "meaning"),
        ((code(name), code(f"{one.value:g}"), escaped(one.about())) for name, one in sorted(THRESHOLDS.items())),
    )
    yield f"## {say('gates')}"
    yield say("gates_intro")
    yield table(
        ("gate", "meaning"),
        [
            *((code(name), _rule("gates", name, rule)) for name, rule in _gates().items()),
            *((code(name), escaped(say("asked", title=about.title))) for name, about in evaluation.asked_for().items()),
        ],
    )


def _kind(family: str, kind: type[Kind]) -> Iterator[str]:
    name = kind.kind()
    yield f"### {name}: {kind.title}"
    yield escaped(own(f"{family}.{name}.about", lead(kind)))
    if kind.Options.model_fields and (family, name) not in _NOT_SAID:
        told = _told(kind)
        rows = (
            [
                code(option),
                type_name(field.annotation, field.metadata),
                default(field),
                escaped(own(f"{family}.{name}.{option}", plain(field.description or told.get(option, "")))),
            ]
            for option, field in kind.Options.model_fields.items()
        )
        yield table(("option", "type", "default", "meaning"), rows)


def _told(kind: type[Kind]) -> dict[str, str]:
    """What the docstring of a kind's options says of each: ``name``: sentence."""
    text = " ".join((kind.Options.__doc__ or "").split())
    said = re.findall(r"``(\w+)``: (.*?)(?= ``\w+``: |$)", text)
    return {
        name: meaning if _is_value(kind, name, meaning) else meaning[:1].upper() + meaning[1:]
        for name, meaning in said
        if name in kind.Options.model_fields
    }


def _is_value(kind: type[Kind], option: str, meaning: str) -> bool:
    """Whether a meaning begins with a value or a sign, that is not to be written with a capital."""
    first = meaning.split(maxsplit=1)[0]
    return not first[0].isascii() or code(first) in type_name(kind.Options.model_fields[option].annotation)


def _gates() -> dict[str, Callable[..., Any]]:
    from sixfold.evaluation import _gates as gates

    return {name: getattr(gates, name.replace(" ", "_")) for name in evaluation.gate_names()}


def _rule(chapter: str, name: str, rule: Callable[..., Any]) -> str:
    return escaped(own(f"{chapter}.{name.replace(' ', '_')}", lead(rule).replace("\n\n", " ")))
