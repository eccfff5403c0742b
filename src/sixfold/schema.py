"""The JSON Schema of product.yaml, for editors and forms: with every kind there is, and the options of each."""

from __future__ import annotations

from typing import Any

from sixfold.families import Kind, find, names
from sixfold.fields import Field
from sixfold.networks import Network
from sixfold.product import Product
from sixfold.sources import Source
from sixfold.targets import Target

__all__ = ["product_schema"]


def product_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what :func:`sixfold.load` reads.

    A column is the name of a kind, or an object of its ``kind`` and that kind's options. The sections `collect`,
    `train` and `deploy` also take the options of every source, network and target, and nothing else.
    """
    schema = Product.model_json_schema()
    shared = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "product.yaml"}
    definitions: dict[str, Any] = schema["$defs"]
    fields = _kinds(Field)
    own = {name: value for name, value in definitions["ColumnSpec"]["properties"].items() if name != "kind"}
    definitions["ColumnSpec"] = {
        "description": definitions["ColumnSpec"].get("description", ""),
        "anyOf": [
            {"enum": list(fields)},
            *(_column(name, kind, own, definitions) for name, kind in fields.items()),
        ],
    }
    for section, key, family in (
        ("Collect", None, Source),
        ("Train", "network", Network),
        ("Deploy", "target", Target),
    ):
        kinds = _kinds(family)
        described = definitions[section]
        if key is not None:
            described["properties"][key] = {
                **{name: value for name, value in described["properties"][key].items() if name != "type"},
                "enum": [*(["auto"] if section == "Train" else []), *(name for name in kinds if name != "keras")],
            }
        for kind in kinds.values():
            for name, option in _options(kind, definitions).items():
                described["properties"].setdefault(name, option)
        described["additionalProperties"] = False
    return {**shared, **schema}


def _kinds(family: type[Kind]) -> dict[str, type[Kind]]:
    return {name: find(family, name) for name in names(family)}


def _column(name: str, kind: type[Kind], own: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "title": kind.title("en"),
        "properties": {"kind": {"const": name}, **own, **_options(kind, definitions)},
        "required": ["kind"],
        "additionalProperties": False,
    }


def _options(kind: type[Kind], definitions: dict[str, Any]) -> dict[str, Any]:
    """The options of a kind; what they refer to goes among the definitions."""
    schema = kind.Options.model_json_schema(ref_template="#/$defs/{model}")
    definitions.update(schema.get("$defs", {}))
    return dict(schema.get("properties", {}))
