"""`sixfold new`: look at data, and write a product.yaml that runs as it is."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sixfold.cli._command import as_json, spoken
from sixfold.cli._summary import near
from sixfold.errors import InputError
from sixfold.language import sentence
from sixfold.progress import Event, Note, silent

if TYPE_CHECKING:
    from sixfold.sources import Look

__all__ = ["command"]

_FEW = 9
"""So many columns are offered to choose the target from; any other can be typed."""


@spoken("new")
@click.argument("data")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("product.yaml"), metavar="FILE")
@click.option("--name")
@click.option("--target", metavar="COLUMN")
@click.option("--given", multiple=True, metavar="COLUMN")
@click.option("--yes", is_flag=True)
@click.option("--force", is_flag=True)
@as_json
def command(
    *,
    data: str,
    output: Path,
    name: str | None,
    target: str | None,
    given: tuple[str, ...],
    yes: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write a product.yaml. ``--json`` (asks nothing): ``{"written": path, "product": the declaration}``."""
    from sixfold.cli._draft import drafted, product_name, rendered, targets
    from sixfold.cli._guess import MOST_CLASSES
    from sixfold.files import private_folder, write_whole
    from sixfold.pipeline import check
    from sixfold.product import parse
    from sixfold.sources import look

    path = output / "product.yaml" if output.is_dir() else output
    if path.exists() and not force:
        raise InputError("file_exists", path=path)
    asks = not (yes or as_json) and sys.stdin.isatty() and sys.stdout.isatty()
    if not as_json:
        click.echo(sentence("cli.new.says.looking", None, place=data))
    seen = look(data, Path.cwd(), silent if as_json else _say)
    if not as_json:
        click.echo(_found(seen))
    why = sentence("cli.new.why.target_said")
    if target is None:
        fit, is_sure = targets(seen)
        if not fit:
            raise InputError("no_target", reason=sentence("cli.new.why.target_none", None, most=MOST_CLASSES))
        target = fit[0] if is_sure or not asks else _asked_target(fit)
        word = _word_of_role(seen) if seen.roles is not None else "named" if is_sure else "last"
        why = sentence(f"cli.new.why.target_{word}") if target == fit[0] else why
    draft = drafted(
        seen,
        target,
        name=name or product_name(data),
        data=_place(data, path.parent),
        goal=_asked_goal() if asks else "",
        given=given,
        yes=_asked_yes(seen, target) if asks else None,
        why=why,
    )
    text = rendered(draft, near(path.absolute()))
    product = parse(text, path)
    check(product)
    if not path.parent.is_dir():
        private_folder(path.parent)
    write_whole(path, text.encode(), private=False)
    if as_json:
        click.echo(json.dumps({"written": str(path.absolute()), "product": product.to_mapping()}, ensure_ascii=False))
        return
    click.echo(sentence("cli.new.says.written", None, path=near(path.absolute())))
    run = "sixfold run" if path == Path("product.yaml") else f"sixfold run {shlex.quote(near(path.absolute()))}"
    click.echo(sentence("cli.new.says.next", None, command=click.style(run, bold=True)))


def _say(event: Event) -> None:
    if isinstance(event, Note):
        click.echo(f"  {event}")


def _found(seen: Look) -> str:
    if seen.is_paired:
        return "  " + sentence("cli.new.says.found_pairs", None, rows=f"{seen.rows or 0:,}")
    if seen.roles is not None:
        classes = seen.columns[-1]
        names = ", ".join(list(dict.fromkeys(map(str, classes.values)))[:_FEW])
        names += ", …" if classes.distinct > names.count(",") + 1 else ""
        rows = "?" if seen.rows is None else f"{seen.rows:,}"
        return "  " + sentence("cli.new.says.found_roles", None, rows=rows, classes=classes.distinct, names=names)
    if seen.rows is None:
        return "  " + sentence("cli.new.says.found_some", None, columns=len(seen.columns))
    return "  " + sentence("cli.new.says.found_table", None, rows=f"{seen.rows:,}", columns=len(seen.columns))


def _word_of_role(seen: Look) -> str:
    in_folders = seen.kind in ("folder", "archive") and seen.columns[0].dtype in ("Binary", "String")
    return "folders" if in_folders else "labels"


def _asked_target(fit: list[str]) -> str:
    click.echo(sentence("cli.new.says.asks_target"))
    for number, name in enumerate(fit[:_FEW], start=1):
        click.echo(f"  {number}  {name}")
    answer: str = click.prompt("", default="1", prompt_suffix="> ").strip()
    if answer in fit or not answer.isdecimal() or not 1 <= int(answer) <= min(_FEW, len(fit)):
        return answer
    return fit[int(answer) - 1]


def _asked_goal() -> str:
    answer: str = click.prompt(sentence("cli.new.says.asks_goal"), default="", show_default=False, prompt_suffix=" ")
    return answer.strip()


def _asked_yes(seen: Look, target: str) -> str | None:
    """Which of two values means yes, asked only if the values themselves do not say it."""
    from sixfold.cli._guess import two_values

    column = next((column for column in seen.columns if column.name == target), None)
    values = two_values(column) if column is not None else None
    if values is None:
        return None
    question = sentence("cli.new.says.asks_positive", None, column=target)
    answer: str = click.prompt(question, type=click.Choice(values), default=values[0], prompt_suffix=" ")
    return answer


def _place(data: str, folder: Path) -> str:
    """A path as product.yaml says it: from the folder that the file stands in."""
    if re.match(r"[A-Za-z][\w+.-]+:", data):
        return data
    place = Path(data).expanduser().absolute()
    near_by = os.path.relpath(place, folder.absolute())
    return str(place) if near_by.startswith(os.path.join("..", "..")) else near_by  # noqa: PTH118 — text, not a path
