"""The root of the command line: global options, language, and how every command ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from sixfold.cli._command import App
from sixfold.cli._failure import INTERRUPTED, PIPE_CLOSED, show_failure
from sixfold.language import languages, sentence, use_language

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: What stands after ``sixfold``; left out, those of this process.

    Returns:
        The exit code: 0 done, 1 failed, 2 the input is wrong, 3 a gate said no, 130 stopped by Ctrl-C.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    with _own_language():
        try:
            code = _app.main(given, prog_name="sixfold", standalone_mode=False)
            sys.stdout.flush()
        except (KeyboardInterrupt, click.Abort) as stop:  # click turns the first into the second, and keeps it as cause
            more = str(stop.__cause__ or "")
            click.echo(f"{sentence('cli.failure.stopped')} {more}".rstrip(), err=True)
            return INTERRUPTED
        except (BrokenPipeError, SystemExit):  # the latter is how click ends when the reader went away
            # The reader went away (`sixfold … | head`): not worth a word, nor may Python's own last flush say one.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return PIPE_CLOSED
        except Exception as error:  # the last door: whatever comes here is told to a person
            return show_failure(error, as_json=as_json)
    return code if isinstance(code, int) else 0


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


def _choose_language(_ctx: click.Context, _param: click.Parameter, code: str | None) -> None:
    if code is not None:
        use_language(code)
        os.environ["SIXFOLD_LANG"] = code


def _show_version(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
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
