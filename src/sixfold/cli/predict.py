"""`sixfold predict`: answers for rows, from a product or a pack, without a service."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._layout import share
from sixfold.cli._named import bundle_of
from sixfold.errors import InputError
from sixfold.language import sentence

if TYPE_CHECKING:
    from sixfold.serving import Bundle

__all__ = ["command"]

_TABLES = {".csv": ",;\t|", ".tsv": "\t"}
"""Which delimiters a table of that name may have, the likeliest first."""

_JSON_LINES = (".jsonl", ".ndjson")
_MOST_NAMED = 5


@spoken("predict")
@click.argument("product")
@click.argument("rows", nargs=-1, required=True)
@as_json
def command(product: str, rows: tuple[str, ...], as_json: bool) -> None:
    """Answer rows.

    ``--json``: ``{"product", "model", "answers": [{target: value, "confidence", "probabilities", "one_of":
    [classes]}]}``; of a number, ``"interval": {"low", "high"}`` in their place; where some cases are left to people,
    ``"ask"``: whether this one is.
    """
    bundle = bundle_of(product)
    wanted = [row for place in rows for row in _rows(place, bundle)]
    from sixfold.serving import Engine

    answers = Engine(bundle).answers(wanted)
    if as_json:
        record = {"product": bundle.product.name, "model": bundle.version, "answers": answers}
        click.echo(json.dumps(record, ensure_ascii=False))
        return
    target = bundle.target.name
    for answer in answers:
        said, sure = _told(answer[target]), _sure(answer)
        if answer.get("ask") is True:
            leans = sentence("cli.predict.says.leans", None, answer=said, sure=sure)
            said, sure = sentence("cli.predict.says.ask"), f"  · {leans}"
        click.echo(f"{target}: {click.style(said, bold=True)}{sure}")


def _told(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _sure(answer: Mapping[str, Any]) -> str:
    """How sure an answer is, in brackets; nothing where it does not say."""
    if "confidence" in answer:
        named = answer.get("one_of", ())
        others = "" if len(named) < 2 else f"; {_listed(named)}"  # noqa: PLR2004 — one is the answer itself
        return f"  ({share(answer['confidence'])}{others})"
    match answer.get("interval"):
        case {"low": low, "high": high}:
            return f"  ({_told(low)} – {_told(high)})"
    return ""


def _listed(named: Sequence[str]) -> str:
    shown = [*named[:_MOST_NAMED], *(["…"] if len(named) > _MOST_NAMED else [])]
    return sentence("cli.predict.says.one_of", None, names=" / ".join(shown))


def _rows(place: str, bundle: Bundle) -> Iterator[dict[str, Any]]:
    """The rows that one argument names: inline JSON, a table, JSON (Lines), or the picture of a product with one."""
    pictures = [name for name, field in bundle.given.items() if field.widget == "image"]
    if place.lstrip()[:1] in ("{", "["):
        for row in _objects(place, sentence("cli.predict.says.here")):
            yield _with_pictures(row, pictures, Path.cwd())
        return
    path = Path(place)
    suffix = path.suffix.lower()
    if suffix in _TABLES:
        rows = _known(_read(_text(path), _TABLES[suffix], bundle, path), bundle, path)
        yield from (_with_pictures(row, pictures, path.parent) for row in rows)
    elif suffix == ".json" or suffix in _JSON_LINES:
        text = _text(path)
        if suffix in _JSON_LINES:
            text = f"[{','.join(line for line in text.splitlines() if line.strip())}]"
        rows = _known(_objects(text, str(path)), bundle, path)
        yield from (_with_pictures(row, pictures, path.parent) for row in rows)
    elif len(pictures) == 1:
        yield {pictures[0]: _bytes(path)}
    else:
        raise InputError("rows_unclear", rows=place)


def _read(text: str, delimiters: str, bundle: Bundle, path: Path) -> list[dict[str, Any]]:
    """The lines of a table, cut at that of the delimiters which finds the most columns of the model in its header."""

    def table(delimiter: str) -> csv.DictReader[str]:
        return csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="", strict=True)

    def names(lines: csv.DictReader[str]) -> list[str]:
        return [name.strip() for name in lines.fieldnames or ()]

    used = {*bundle.given, *bundle.product.brought}
    best = max(delimiters, key=lambda delimiter: len(used.intersection(names(table(delimiter)))))
    lines = table(best)
    try:
        lines.fieldnames = names(lines)
        return list(lines)
    except csv.Error as error:
        raise InputError("rows_unreadable", path=path, reason=f"line {lines.line_num}: {error}") from error


def _objects(text: str, origin: str) -> list[dict[str, Any]]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise InputError("rows_unreadable", path=origin, reason=error) from error
    rows = value if isinstance(value, list) else [value]
    if not all(isinstance(row, dict) for row in rows):
        raise InputError("rows_unreadable", path=origin, reason='{"column": value, …}')
    return rows


def _known(rows: Sequence[Mapping[str, Any]], bundle: Bundle, path: Path) -> list[dict[str, Any]]:
    """Rows of a file without the columns that the model does not use; which those are is said once."""
    columns = dict.fromkeys(name for row in rows for name in row)
    used = {*bundle.given, *bundle.product.brought}
    unused = [name for name in columns if name not in used]
    if rows and len(unused) == len(columns):
        raise InputError(
            "rows_of_others", path=path, received=", ".join(map(str, columns)), expected=", ".join(bundle.given)
        )
    if unused:
        names = ", ".join(name or "…" for name in unused)
        click.echo(sentence("cli.predict.says.unused", None, path=path, columns=names), err=True)
    return [{name: value for name, value in row.items() if name in used} for row in rows]


def _with_pictures(row: dict[str, Any], pictures: Sequence[str], folder: Path) -> dict[str, Any]:
    """A row in which the paths of picture files have become their bytes."""
    found = {
        name: _bytes(folder / row[name])
        for name in pictures
        if isinstance(row.get(name), str) and Path(row[name]).suffix and not row[name].startswith("data:")
    }
    return {**row, **found}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError("rows_unreadable", path=path, reason=error.strerror or error) from error


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("rows_unreadable", path=path, reason="UTF-8") from error
