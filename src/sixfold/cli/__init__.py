"""The command line. One file per command, found by its name; nothing heavy is imported before it is used."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import click

from sixfold.cli._command import App
from sixfold.cli._failure import INTERRUPTED, PIPE_CLOSED, show_failure
from sixfold.language import languages, sentence, use_language

if TYPE_CHECKING:
    from sixfold.progress import Listener

__all__ = ["main", "show_progress"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code: 0 done, 1 failed, 2 the input is wrong, 3 a gate said no, 130 stopped.

    Args:
        arguments: What stands after ``sixfold``; left out, those of this process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    with _own_language():
        try:
            code = _app.main(given, prog_name="sixfold", standalone_mode=False)
            sys.stdout.flush()
        except (KeyboardInterrupt, click.Abort):
            click.echo(f"\n{sentence('cli.failure.stopped')}", err=True)
            return INTERRUPTED
        except BrokenPipeError:
            # The reader went away (`sixfold … | head`): not worth a word; Python's own last flush must not speak either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return PIPE_CLOSED
        except Exception as error:  # noqa: BLE001 — the last door: whatever comes here is told to a person
            return show_failure(error, as_json=as_json)
    return code if isinstance(code, int) else 0


def show_progress() -> AbstractContextManager[Listener]:
    """Progress for a person, for the length of a ``with`` block: live in a terminal, plain lines elsewhere."""
    from sixfold.cli._progress import shown

    return shown()


@contextmanager
def _own_language() -> Iterator[None]:
    """What ``--lang`` chooses holds for this command and for the processes that it starts, not beyond."""
    former = os.environ.get("SIXFOLD_LANG")
    try:
        yield
    finally:
        use_language(None)
        if former is None:
            os.environ.pop("SIXFOLD_LANG", None)
        else:
            os.environ["SIXFOLD_LANG"] = former


def _choose_language(ctx: click.Context, param: click.Parameter, code: str | None) -> None:
    if code is not None:
        use_language(code)
        os.environ["SIXFOLD_LANG"] = code


def _show_version(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        import sixfold

        click.echo(f"sixfold {sixfold.__version__}")
        ctx.exit()


@click.command(cls=App, name="sixfold", invoke_without_command=True)
@click.option("--lang", type=click.Choice(languages()), is_eager=True, expose_value=False, callback=_choose_language)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version)
@click.pass_context
def _app(ctx: click.Context) -> None:
    if os.environ.get("NO_COLOR"):  # no-color.org
        ctx.color = False
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
