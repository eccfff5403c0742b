"""Commands whose words stand in the locale files, and the group that finds them by file name.

A command is one file of this folder, of the command's name, that holds one ``command``. Its words stand under
``[cli.<name>]``: ``about`` (one line), ``example``, optionally ``text``, and under ``options`` one sentence per
argument and option. So ``sixfold --help`` needs no command's file, and every command can be read in every language.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import click

from sixfold.cli._layout import table, wrapped
from sixfold.errors import InputError
from sixfold.language import sentence

__all__ = ["App", "Command", "Group", "as_json", "command_names", "spoken"]

_SETTINGS = {"help_option_names": ["-h", "--help"]}
_ORDER = (
    *("ideas", "new", "show", "quote", "run", "report", "compare", "predict", "rent", "brief"),
    *("serve", "list", "status", "watch", "versions", "promote", "rollback", "stop"),
    *("refresh", "incident", "trace"),
    *("rm", "gc"),
    *("verify", "access", "keys", "ledger"),
)
"""In which order `sixfold --help` names the commands; one that is not here comes last."""


class Command(click.Command):
    """A command with its words in the locale files."""

    def __init__(self, *arguments: Any, **values: Any) -> None:
        values["context_settings"] = {**_SETTINGS, **(values.get("context_settings") or {})}
        super().__init__(*arguments, **values)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Usage, what it does, an example, arguments and options, in the reader's language."""
        words = words_of(ctx)
        pieces = " ".join([ctx.command_path, *self.collect_usage_pieces(ctx)])
        parts = [f"{sentence('cli.help.usage')}{pieces}", wrapped(sentence(f"{words}.about"))]
        if text := _maybe(f"{words}.text"):
            parts.append(wrapped(text))
        if example := _maybe(f"{words}.example"):
            lines = "\n".join(f"  {line}" for line in example.strip().splitlines())
            parts.append(f"{sentence('cli.help.example')}\n{lines}")
        parts += [part for part in self.parts(ctx, words) if part]
        formatter.write("\n\n".join(parts) + "\n")

    def parts(self, ctx: click.Context, words: str) -> Iterator[str]:
        """The sections after the example."""
        arguments = [
            (param.make_metavar(ctx), self.says(words, param))
            for param in self.get_params(ctx)
            if isinstance(param, click.Argument)
        ]
        options = [
            (_spelled(ctx, param), self.says(words, param))
            for param in self.get_params(ctx)
            if isinstance(param, click.Option) and not param.hidden
        ]
        for title, rows in (("arguments", arguments), ("options", options)):
            if rows:
                yield f"{sentence(f'cli.help.{title}')}\n{table(rows, indent=2)}"

    @staticmethod
    def says(words: str, param: click.Parameter) -> str:
        """The sentence of an argument or option: the command's own, else the one that all commands share."""
        name = "help" if "--help" in param.opts else param.name  # newer click calls it otherwise
        return _maybe(f"{words}.options.{name}") or sentence(f"cli.shared.{name}")


class Group(Command, click.Group):
    """A command with commands under it."""

    command_class = Command

    def parts(self, ctx: click.Context, words: str) -> Iterator[str]:
        """The commands, then the options."""
        rows = [(name, sentence(f"{words}.{name}.about")) for name in self.list_commands(ctx)]
        yield f"{sentence('cli.help.commands')}\n{table(rows, indent=2)}"
        yield from super().parts(ctx, words)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order in which they are written."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names.

        Raises:
            InputError: None has that name.
        """
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            known = self.list_commands(ctx)
            close = difflib.get_close_matches(name, known, n=1)
            raise InputError(
                "unknown_command", name=name, guess=close[0] if close else "--help", known=", ".join(known)
            )
        return super().resolve_command(ctx, args)


class App(Group):
    """The root: commands are found by file name and loaded when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order in which people come to need them."""
        return sorted(command_names(), key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command in the file of that name."""
        if cmd_name not in command_names():
            return None
        found: click.Command = importlib.import_module(f"sixfold.cli.{cmd_name}").command
        return found


spoken = partial(click.command, cls=Command)
"""Decorator: a function becomes a command with its words in the locale files."""

as_json = click.option("--json", "as_json", is_flag=True)
"""Decorator: ``--json``, for commands that a program would read."""


@cache
def command_names() -> tuple[str, ...]:
    """The names of all commands: of the files in this folder."""
    folder = str(Path(__file__).parent)
    return tuple(module.name for module in pkgutil.iter_modules([folder]) if not module.name.startswith("_"))


def words_of(ctx: click.Context) -> str:
    """Where the words of the command at hand stand in the locale files."""
    names: list[str] = []
    at: click.Context | None = ctx
    while at is not None and at.parent is not None:
        names.insert(0, str(at.command.name))
        at = at.parent
    return ".".join(["cli", *names])


def _maybe(key: str) -> str | None:
    try:
        return sentence(key)
    except KeyError:
        return None


def _spelled(ctx: click.Context, option: click.Option) -> str:
    names = ", ".join(sorted(option.opts, key=len))
    return names if option.is_flag else f"{names} {option.make_metavar(ctx)}"
