"""Rows as requests send them: JSON, CSV, forms, or the one column as the whole body."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from sixfold.errors import RequestError
from sixfold.fields import Field
from sixfold.language import Text
from sixfold.serving._completions import json_of
from sixfold.serving._limits import Limits

__all__ = ["Asked", "form_asked", "read_asked"]

_FIELDS = 100
"""So many fields of a form may go with each row."""

_NO_SETTINGS = Text("`settings` is not an object of names and values", "`settings` 不是由名称和值组成的对象")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks: rows, and beside them what it says of how to answer."""

    rows: list[dict[str, Any]]
    settings: Mapping[str, Any] = field(default_factory=dict)


def read_asked(media: str, body: bytes, given: Mapping[str, Field], limits: Limits) -> Asked:
    """What a body asks.

    Args:
        media: Its media type, in small letters, without parameters.
        body: The body.
        given: The given columns.
        limits: What is taken at most.

    Raises:
        RequestError: The body is not of its type, or of a type that is not understood.
    """
    only = next(iter(given.values())) if len(given) == 1 else None
    widget = None if only is None else only.widget
    if media == "text/csv":
        return Asked(_csv_rows(body))
    if only is not None and widget == "image" and media.startswith(("image/", "application/octet-stream")):
        return Asked([{only.name: body}])
    if only is not None and widget == "text" and media == "text/plain":
        return Asked([{only.name: _utf8(body)}])
    if media == "application/x-www-form-urlencoded" and body.lstrip()[:1] not in (b"{", b"["):
        return Asked(_form_rows(_pairs(body, limits)))
    # JSON under the type that `curl -d` writes unasked is understood as well.
    if media in ("", "application/json", "text/json", "application/x-www-form-urlencoded") or media.endswith("+json"):
        return _json_asked(body)
    raise RequestError("wrong_type", received=media)


async def form_asked(headers: Headers, body: bytes, limits: Limits) -> Asked:
    """The rows of a form with files (multipart/form-data).

    Raises:
        RequestError: It is not such a form, or its fields do not come equally often.
    """
    return Asked(_form_rows(await _multipart(headers, body, limits)))


class _FormParser(MultiPartParser):
    """Starlette's parser, with uploads held in memory: what a caller sends is never written to a disk."""

    spool_max_size: ClassVar[int] = 1 << 62  # type: ignore[misc]  # the body is in memory, and bounded, already


async def _multipart(headers: Headers, body: bytes, limits: Limits) -> list[tuple[str, Any]]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    most = limits.rows * _FIELDS
    parser = _FormParser(headers, stream(), max_files=most, max_fields=most, max_part_size=limits.unpacked)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise RequestError("bad_form", reason=getattr(error, "message", "no boundary")) from error
    try:
        return [
            (name, await value.read() if isinstance(value, UploadFile) else value) for name, value in form.multi_items()
        ]
    finally:
        await form.close()


def _pairs(body: bytes, limits: Limits) -> list[tuple[str, str]]:
    try:
        most = limits.rows * _FIELDS
        return parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=most)
    except ValueError as error:
        raise RequestError("bad_form", reason=error) from error


def _form_rows(pairs: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
    """One row; or, where fields come several times, as many rows: each field then comes as often."""
    columns: dict[str, list[Any]] = {}
    for name, value in pairs:
        columns.setdefault(name, []).append(value)
    count = max(map(len, columns.values()), default=0)
    for name, values in columns.items():
        if len(values) != count:
            raise RequestError("uneven_form", column=name, count=len(values), most=count)
    return [{name: values[index] for name, values in columns.items()} for index in range(count)]


def _json_asked(body: bytes) -> Asked:
    value = json_of(body)
    settings: dict[str, Any] = {}
    if isinstance(value, dict) and {"rows"} <= set(value) <= {"rows", "settings"} and isinstance(value["rows"], list):
        settings = value.get("settings") or {}
        value = value["rows"]
    if not isinstance(settings, dict):
        raise RequestError("not_json", reason=_NO_SETTINGS)
    rows = value if isinstance(value, list) else [value]
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise RequestError("not_a_row", row=number)
    return Asked(rows, settings)


def _utf8(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RequestError("not_utf8") from None


def _csv_rows(body: bytes) -> list[dict[str, Any]]:
    text = _utf8(body)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise RequestError("bad_csv", reason=error) from error
    lines = [line for line in lines if line]
    if not lines:
        raise RequestError("no_rows")
    header, rows = lines[0], lines[1:]
    if len(set(header)) < len(header):
        raise RequestError("bad_csv", reason=Text("a column name stands twice in the first line", "首行有重复的列名"))
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            reason = Text(
                "row {row} has {count} values, the first line {names}",
                "第 {row} 行有 {count} 个值，而首行有 {names} 个列名",
            )
            raise RequestError("bad_csv", reason=reason(row=number, count=len(row), names=len(header)))
    return [dict(zip(header, row, strict=True)) for row in rows]
