"""Every setting of product.yaml, from the models that check it."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from sixfold.product import ColumnSpec, Product
from sixfold.reference._text import code, escaped, lead, own, plain, say, table

__all__ = ["default", "settings", "type_name"]

_HEAD = ("setting", "type", "default", "meaning")
_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_EXAMPLES = {
    "collect": "collect: {licence: CC BY 4.0, origin: Our own photos}",
    "prepare": "prepare:\n  split: {group: customer}\n  checks: {duplicate rows: fail, imbalance: off}",
    "train": "train: {network: cnn, filters: [32], dense: [128], epochs: 10}",
    "evaluate": "evaluate:\n  gates: {no leakage: false}\n  value: {right: 2, wrong: 30, "
    "person: {costs: 8, right: 0.95}, volume: 20000}",
    "deploy": "deploy: {target: local, port: 8800}",
    "deliver": "deliver:\n  to: [age1…]\n  terms: For use within your own company.",
}


def settings() -> Iterator[str]:
    """The chapter on product.yaml: the top of the file, then each section."""
    yield f"## {say('settings')}"
    yield say("settings_intro")
    yield table(_HEAD, _rows(Product, ()))
    for name, field in Product.model_fields.items():
        if _is_section(field):
            yield from _section(name, field)


def _section(name: str, field: FieldInfo) -> Iterator[str]:
    model = field.annotation
    assert isinstance(model, type)
    yield f"### {name}"
    yield escaped(own(f"settings.{name}.about", lead(model)))
    yield table(_HEAD, _rows(model, (name,)))
    yield f"```yaml\n{_EXAMPLES[name]}\n```"


def _rows(model: type[BaseModel], path: Sequence[str]) -> Iterator[list[str]]:
    for name, field in model.model_fields.items():
        where = (*path, name)
        if not path and _is_section(field):
            meaning = escaped(own(f"settings.{name}.about", lead(field.annotation)))
            yield [f"[`{name}`](#{name})", say("types.section"), "–", meaning]
            continue
        key, told = f"settings.{'.'.join(where)}", plain(field.description or "")
        if _is_section(field):
            assert isinstance(field.annotation, type)
            yield [code(".".join(where[1:])), say("types.section"), "–", escaped(own(f"{key}.about", told))]
            yield from _rows(field.annotation, where)
            continue
        # Within a section a setting goes by its path below the section's own heading.
        shown = ".".join(where[1:]) if path else name
        yield [code(shown), type_name(field.annotation, field.metadata), default(field), escaped(own(key, told))]


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def type_name(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """What may stand as a value, in the reader's words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_name(inner[0], [*metadata, *_constraints(inner[1:])])
    if origin is Literal:
        return " · ".join(code(value) for value in inner)
    if origin in (Union, types.UnionType):
        return say("or").join(type_name(part, metadata) for part in inner if part is not types.NoneType)
    if origin is list:
        return say("types.list", of=type_name(inner[0]))
    if origin is tuple:
        return "[" + ", ".join(type_name(part) for part in inner) + "]"
    if origin is dict:
        return say("types.mapping", of=type_name(inner[1]))
    if annotation is ColumnSpec:
        return say("types.column")
    words = {str: "text", int: "whole", float: "number", bool: "boolean"}
    return say(f"types.{words.get(annotation, 'any')}") + _bounds(metadata)


def _constraints(metadata: Sequence[Any]) -> list[Any]:
    return [each for part in metadata for each in (part.metadata if isinstance(part, FieldInfo) else [part])]


def _bounds(metadata: Sequence[Any]) -> str:
    told = {name: getattr(each, name) for each in metadata for name in _SIGNS if getattr(each, name, None) is not None}
    if {"ge", "le"} <= set(told):
        return f" {told['ge']}–{told['le']}"
    return " " + ", ".join(f"{_SIGNS[name]} {bound}" for name, bound in told.items()) if told else ""


def default(field: FieldInfo) -> str:
    """The default as product.yaml would say it; a dash where leaving it out means nothing, or what ``meaning`` says."""
    if field.default is PydanticUndefined and field.default_factory is None:
        return say("required")
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value in ("", {}, []) or isinstance(value, BaseModel):
        return "–"
    return code(yaml.safe_dump(value, allow_unicode=True).strip().removesuffix("\n..."))
