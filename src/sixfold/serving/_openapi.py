"""The service's OpenAPI document, from the fields' and the task's own schemas."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from sixfold.serving._bundle import Bundle

__all__ = ["openapi"]

_ANYTHING = {"type": ["number", "string", "boolean", "array", "null"]}
"""What a column may hold of which no model was learned, only others computed."""


def openapi(bundle: Bundle, version: str, *, most_rows: int) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the service of ``bundle``, with a real row as its example.

    Args:
        bundle: The model.
        version: The model's version.
        most_rows: The most rows of a request.
    """
    product = bundle.product
    row, answer = bundle.sample_body, bundle.sample["answer"]
    required = [bundle.needed] if bundle.needed else []
    settings = {"properties": {}, **bundle.task.Settings.model_json_schema()}
    pictures = [field.name for field in bundle.given.values() if field.widget == "image"]
    properties = {field.name: {**_taken(field.schema()), "title": field.title.en} for field in bundle.given.values()}
    for name in product.brought:
        follows = ", ".join(column for column, how in product.computed.items() if name in how.columns)
        properties[name] = {**_ANYTHING, "title": name, "description": f"Instead of {follows}, which follows from it."}
    answered = {
        "answers": [answer],
        "model": version,
        "product": product.name,
        "request": "6f1d0c2b9a4e8d37",
        "milliseconds": 2.4,
    }
    failures = {
        "400": "A row or its form is wrong.",
        "408": "The request took too long to arrive.",
        "413": "The body or the number of rows is too large.",
        "401": "The service needs an API key.",
        "403": "The API key may not do this.",
        "415": "The content type is not understood.",
        "429": "The API key has used up what it may; come again when Retry-After says.",
        "503": "Too many requests at once; come again after a second.",
    }
    some = {"minProperties": 1} if properties else {}
    form = {
        name: {"type": "string", "format": "binary"}
        if name in pictures
        else {**bundle.given[name].schema(), "title": schema["title"]}
        if name in bundle.given
        else schema
        for name, schema in properties.items()
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": product.name, "description": product.goal, "version": version},
        "servers": [{"url": "."}],
        "paths": {
            "/predict": {
                "post": {
                    "operationId": "predict",
                    "summary": f"{bundle.target.name} for one row or many",
                    "description": f"Answers stand in the order of the rows; at most {most_rows} rows in a request. "
                    "A column that is left out counts as missing"
                    + (f"; {bundle.needed} must be there." if bundle.needed else "."),
                    "requestBody": {
                        "required": True,
                        "content": {
                            "application/json": {
                                "schema": {
                                    "oneOf": [
                                        {"$ref": "#/components/schemas/Row"},
                                        {"$ref": "#/components/schemas/Rows"},
                                        {
                                            "type": "object",
                                            "properties": {
                                                "rows": {"$ref": "#/components/schemas/Rows"},
                                                **({"settings": settings} if settings["properties"] else {}),
                                            },
                                            "required": ["rows"],
                                            "additionalProperties": False,
                                        },
                                    ]
                                },
                                "example": row,
                            },
                            "multipart/form-data": {
                                "schema": {"type": "object", "properties": form, "required": required, **some}
                            },
                            **_csv(bundle),
                            **_alone(bundle),
                        },
                    },
                    "responses": {
                        "200": {
                            "description": "The answers.",
                            "content": {
                                "application/json": {
                                    "schema": {"$ref": "#/components/schemas/Answers"},
                                    "example": answered,
                                }
                            },
                        },
                        **{
                            status: {
                                "description": text,
                                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                            }
                            for status, text in failures.items()
                        },
                    },
                }
            },
            **_protocol(bundle),
            "/health/live": _get("live", "Whether the process is there."),
            "/health/ready": _get("ready", "Whether the model answers."),
            "/about": _get("about", "What is served."),
            "/example": _get("example", "One real row, and the answer that was measured for it."),
        },
        "components": {
            "schemas": {
                "Row": {
                    "type": "object",
                    "properties": properties,
                    "required": required,
                    **some,
                    "additionalProperties": False,
                },
                "Rows": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/Row"},
                    "minItems": 1,
                    "maxItems": most_rows,
                },
                "Answer": dict(bundle.task.answer_schema()),
                "Answers": {
                    "type": "object",
                    "properties": {
                        "answers": {"type": "array", "items": {"$ref": "#/components/schemas/Answer"}},
                        "model": {"type": "string", "description": "Which model answered."},
                        "product": {"type": "string"},
                        "request": {"type": "string", "description": "The request's id, as in X-Request-Id."},
                        "milliseconds": {"type": "number", "description": "What the service took."},
                    },
                    "required": ["answers", "model", "product", "request", "milliseconds"],
                },
                "Error": {
                    "type": "object",
                    "properties": {
                        "error": {
                            "type": "object",
                            "properties": {
                                "code": {"type": "string", "description": "Never changes."},
                                "says": {"type": "string", "description": "The cause, in the caller's language."},
                                "mend": {"type": "string", "description": "What to do about it."},
                                "row": {"type": "integer", "minimum": 1, "description": "Which row, counted from 1."},
                                "column": {"type": "string"},
                                "request": {"type": "string"},
                            },
                            "required": ["code", "says", "mend", "request"],
                        }
                    },
                    "required": ["error"],
                },
            }
        },
    }


def _taken(schema: dict[str, Any]) -> dict[str, Any]:
    """A column's schema, with the words for yes and no that a number or a text is also taken from."""
    said = schema.get("type")
    kinds = [said] if isinstance(said, str) else list(said or ())
    return {**schema, "type": [*kinds, "boolean"]} if "number" in kinds and "boolean" not in kinds else schema


_CELLS = {
    "number": "(-?[0-9]{1,6}([.][0-9]{1,6})?)?",
    "choice": "[A-Za-z0-9]{0,20}",
    "text": "[A-Za-z0-9 ]{1,200}",
}
"""What a cell of a CSV may surely hold, by how its column is entered; others may as well, as people write them."""


def _csv(bundle: Bundle) -> dict[str, Any]:
    """How rows may be sent as CSV; exactly, where their columns are such as stand in a table."""
    about = "A line with the names of columns, in any order; then a line for each row. What is not known stays empty."
    schema: dict[str, Any] = {"type": "string", "description": about}
    fields = list(bundle.given.values())
    if not fields or not all(field.widget in _CELLS for field in fields) or len(fields) > _MOST_CELLS:
        return {"text/csv": {"schema": schema}}
    header = ",".join(_quoted(field.name) for field in fields)
    line = ",".join(_CELLS[field.widget] for field in fields)
    pattern = f"^{_literal(header)}(\\r?\\n{line}){{1,20}}$"
    return {"text/csv": {"schema": {**schema, "pattern": pattern}}}


_MOST_CELLS = 40


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if any(mark in name for mark in ',"\r\n') else name


def _literal(text: str) -> str:
    """A text as a pattern of JSON Schema (ECMA 262) that matches nothing else."""
    return "".join(f"\\{mark}" if mark in "\\^$.*+?()[]{}|/-" else mark for mark in text)


def _protocol(bundle: Bundle) -> dict[str, Any]:
    """What the Open Inference Protocol tells of this one model.

    How tensors are sent is described by the protocol itself: that as many elements come as a shape holds cannot be said
    in JSON Schema, and a loose schema would promise what is refused.
    """
    path = f"/v2/models/{quote(bundle.product.name)}"
    return {
        path: _get("model", "What the model takes and gives by the Open Inference Protocol: POST tensors to …/infer."),
        f"{path}/ready": _get("model_ready", "Whether the model answers."),
        f"{path}/stats": _get("model_stats", "What the model did."),
        "/v2": _get("server", "What server this is."),
        "/v2/health/live": _get("server_live", "Whether the process is there."),
        "/v2/health/ready": _get("server_ready", "Whether the model answers."),
    }


def _alone(bundle: Bundle) -> dict[str, Any]:
    """How the one given column may be sent as the whole body: a picture as its file, a text as it is."""
    if len(bundle.given) != 1:
        return {}
    (only,) = bundle.given.values()
    match only.widget:
        case "image":
            return {"image/*": {"schema": {"type": "string", "format": "binary"}}}
        case "text":
            return {"text/plain": {"schema": {"type": "string"}}}
    return {}


def _get(name: str, summary: str) -> dict[str, Any]:
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "responses": {"200": {"description": summary, "content": {"application/json": {"schema": {}}}}},
        }
    }
