"""Every command with its help, the exit codes, and the environment variables."""

from __future__ import annotations

from collections.abc import Iterator

import click

from sixfold.cli._app import _app as root
from sixfold.cli._command import Command, Group, words_of
from sixfold.language import sentence
from sixfold.reference._text import code, escaped, say, table

__all__ = ["ENVIRONMENT", "EXIT_CODES", "commands", "environment"]

EXIT_CODES = (0, 1, 2, 3, 130)

ENVIRONMENT = (
    "SIXFOLD_HOME",
    "SIXFOLD_LANG",
    "SIXFOLD_KEY",
    "SIXFOLD_KEY_FILE",
    "SIXFOLD_SIGNING_KEY",
    "SIXFOLD_LEDGER_KEY",
    "SIXFOLD_STUDY",
    "SIXFOLD_WATCH_PASSWORD",
    "SIXFOLD_SMTP",
    "SIXFOLD_SMTP_PASSWORD",
    "SIXFOLD_RENT_KEY",
    "OPENAI_API_KEY",
    "SIXFOLD_DEBUG",
    "NO_COLOR",
    "KERAS_BACKEND",
)
"""The environment variables that change what Sixfold does."""


def commands() -> Iterator[str]:
    """The chapter on the command line."""
    context = click.Context(root, info_name="sixfold")
    yield f"## {say('commands')}"
    yield say("commands_intro")
    yield _options(root, context)
    yield table(("exit_code", "meaning"), ([str(number), say(f"exit_codes.{number}")] for number in EXIT_CODES))
    yield from _below(root, context, "###")


def environment() -> Iterator[str]:
    """The chapter on environment variables."""
    yield f"## {say('environment_title')}"
    yield table(("variable", "meaning"), ([code(name), escaped(say(f"environment.{name}"))] for name in ENVIRONMENT))


def _below(group: click.Command, context: click.Context, level: str) -> Iterator[str]:
    assert isinstance(group, Group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, info_name=name, parent=context)
        words = words_of(inner)
        yield f"{level} {inner.command_path}"
        yield escaped(" ".join(filter(None, [sentence(f"{words}.about"), _maybe(f"{words}.text")])))
        usage = " ".join([inner.command_path, *command.collect_usage_pieces(inner)])
        example = _maybe(f"{words}.example")
        yield f"```text\n{usage}\n```"
        yield _options(command, inner)
        if example:
            yield f"```bash\n{example.strip()}\n```"
        if isinstance(command, Group):
            yield from _below(command, inner, level + "#")


def _options(command: click.Command, context: click.Context) -> str:
    words = words_of(context)
    shown = [param for param in command.get_params(context) if not getattr(param, "hidden", False)]
    rows = [[_spelled(context, param), escaped(Command.says(words, param))] for param in shown]
    return table(("option", "meaning"), rows)


def _spelled(context: click.Context, param: click.Parameter) -> str:
    if isinstance(param, click.Argument):
        return code(param.make_metavar(context))
    names = ", ".join(sorted(param.opts, key=len))
    is_flag = isinstance(param, click.Option) and param.is_flag
    return code(names if is_flag else f"{names} {param.make_metavar(context)}")


def _maybe(key: str) -> str:
    try:
        return sentence(key)
    except KeyError:
        return ""
