"""How a command ends that did not do what it was asked: what is said, and the exit code."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

import click

from sixfold.cli._layout import wrapped
from sixfold.errors import InputError, RunError, SixfoldError
from sixfold.language import sentence

__all__ = ["INTERRUPTED", "PIPE_CLOSED", "as_sixfold_error", "show_failure"]

INTERRUPTED = 130
"""128 + SIGINT, as shells count."""

PIPE_CLOSED = 141
"""128 + SIGPIPE, as shells count."""

_LONGEST = 300


def as_sixfold_error(error: Exception) -> SixfoldError:
    """Any error as one that has a code, a sentence and a mend."""
    match error:
        case SixfoldError():
            return error
        case click.NoSuchOption():
            guess = ", ".join(error.possibilities or ()) or "--help"
            return InputError("unknown_option", option=error.option_name, guess=guess, command=_path(error))
        case click.MissingParameter():
            missing = error.param.make_metavar(error.ctx) if error.param is not None and error.ctx is not None else "?"
            return InputError("missing_argument", argument=missing, command=_path(error))
        case click.BadParameter():
            name = error.param.opts[0] if error.param is not None else "?"
            return InputError("bad_option", option=name, reason=error.message, command=_path(error))
        case click.UsageError():
            return InputError("usage", reason=error.message, command=_path(error))
        case click.ClickException():
            return InputError("usage", reason=error.message, command="sixfold")
        case _:
            return RunError("unexpected", type=type(error).__name__, reason=_short(error))


def show_failure(error: Exception, *, as_json: bool) -> int:
    """Say what went wrong, where, and what to do about it; returns the exit code.

    Args:
        error: What was raised.
        as_json: One JSON object on stdout: ``{"event": "error", "exit_code", "code", "says", "mend", "place",
            "expected", "received", "values"}``; else lines on stderr.
    """
    known = as_sixfold_error(error)
    if os.environ.get("SIXFOLD_DEBUG"):
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    if as_json:
        record: dict[str, Any] = {"event": "error", "exit_code": known.exit_code, **known.to_json()}
        click.echo(json.dumps(record, ensure_ascii=False))
        return known.exit_code
    first, *rest = known.lines()
    begin = click.style(sentence("cli.failure.error"), fg="red", bold=True)
    lines = [line for part in (f"{begin}{first} [{known.code}]", *rest) for line in part.split("\n")]
    text = "\n".join(_fitting(line) if sys.stderr.isatty() else line for line in lines)
    click.echo(text, err=True, color=False if os.environ.get("NO_COLOR") else None)
    return known.exit_code


def _fitting(line: str) -> str:
    before = line[: len(line) - len(line.lstrip())]
    return before + wrapped(line.lstrip(), indent=len(before) + 2)


def _path(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx is not None else "sixfold"


def _short(error: Exception) -> str:
    text = " ".join(str(error).split()) or "–"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
