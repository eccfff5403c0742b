"""What is said at the end of a run: what was made, how good it is, where it is, how to use it, what to try next."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sixfold.cli._layout import duration, table, wrapped
from sixfold.language import sentence

if TYPE_CHECKING:
    from sixfold.pipeline import Run

__all__ = ["calls", "figure_text", "headline", "near", "ranked", "record_of", "summary"]

_LONGEST_CALL = 400
"""A longer row on the command line helps nobody; it is cut to its first columns."""


def summary(run: Run) -> str:
    """The closing words of a run."""
    name = run.product.name
    parts = [_bold(sentence("cli.summary.done", None, product=name, time=duration(sum(run.seconds.values()))))]
    if rows := list(_facts(run)):
        parts.append(table([(_bold(title), text) for title, text in rows], indent=2))
    if run.service is not None:
        parts.append(_section("call", *calls(run, run.service)))
    if run.pack is not None:
        pack = shlex.quote(near(run.pack))
        key = f" --key {shlex.quote(near(Path(file)))}" if (file := run.receipts["deliver"].get("key_file")) else ""
        parts.append(_section("pack", f"sixfold verify {pack}{key}", f"sixfold serve {pack}{key}"))
    parts.append(_section("next", *(wrapped(f"· {line}", indent=6) for line in _suggestions(run))))
    return "\n" + "\n\n".join(parts)


def record_of(run: Run) -> dict[str, Any]:
    """The same for a program; see ``sixfold run --json``."""
    return {
        "event": "run",
        "product": run.product.name,
        "seconds": {stage: round(seconds, 3) for stage, seconds in run.seconds.items()},
        "cached": list(run.cached),
        "figures": ranked(run),
        "report": None if run.report_path is None else str(run.report_path),
        "service": run.service,
        "pack": None if run.pack is None else str(run.pack),
    }


def ranked(run: Run) -> dict[str, Any]:
    """Every figure by name, the one by which the model is judged first; none before `evaluate`."""
    if "evaluate" not in run.artefacts:
        return {}
    from sixfold.tasks import task_of

    order = [figure.name for figure in task_of(run.product).figures]
    return {name: run.figures[name] for name in order if name in run.figures}


def headline(run: Run) -> tuple[str, dict[str, Any]] | None:
    """The name and the values of the figure by which the model is judged; ``None`` before `evaluate`."""
    if "evaluate" not in run.artefacts:
        return None
    figure = dict(run.artefacts["evaluate"].about["headline"])
    return str(figure.pop("name")), figure


def figure_text(name: str, figure: Mapping[str, Any]) -> str:
    """A figure with its interval and the number of rows it was measured on: never one without the others."""
    from sixfold.evaluation import count, formula, interval, shown

    how = formula(name)
    ends = interval(figure["low"], figure["high"], how.style)
    said = {"name": how.title, "value": shown(figure["value"], how.style), "ends": ends, "rows": count(figure["rows"])}
    return sentence("cli.summary.figure", None, **said)


def near(path: Path) -> str:
    """A path as it is shortest from here."""
    try:
        relative = os.path.relpath(path)
    except ValueError:
        return str(path)
    return str(path) if relative.startswith("..") else relative


def calls(run: Run, url: str) -> Iterator[str]:
    """A call of the service with the product's own sample row, to paste into a terminal."""
    row: dict[str, Any] = dict(run.bundle.sample["row"])
    given = run.bundle.given.items()
    if pictures := [name for name, field in given if field.widget == "image" and row.get(name) is not None]:
        forms = [f"-F {shlex.quote(f'{name}=@{name}.jpg')}" for name in pictures]
        forms += [
            f"--form-string {shlex.quote(f'{name}={_form_text(value)}')}"
            for name, value in row.items()
            if name not in pictures and value is not None
        ]
        yield f"curl {' '.join(forms)} {url}/predict"
        return
    text = json.dumps(row, ensure_ascii=False)
    while len(text) > _LONGEST_CALL and len(row) > 1:
        row.popitem()
        text = json.dumps(row, ensure_ascii=False)
    yield f"curl {url}/predict -H 'content-type: application/json' \\\n      -d {shlex.quote(text)}"


def _form_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    trained = run.artefacts.get("train")
    if trained is not None:
        about = trained.about
        yield (
            sentence("cli.summary.model"),
            sentence(
                "cli.summary.network" if "epochs" in about else "cli.summary.fitted",
                None,
                network=about.get("network", "–"),
                parameters=f"{about.get('parameters', 0):,}",
                epochs=about.get("epochs"),
            ),
        )
    if (known := headline(run)) is not None:
        yield sentence("cli.summary.good"), figure_text(*known)
        if baseline := _baseline(run, known[0]):
            yield "", baseline
    if run.report_path is not None:
        yield sentence("cli.summary.report"), near(run.report_path)
    if run.service is not None:
        stop = f"sixfold stop {shlex.quote(run.product.name)}"
        yield sentence("cli.summary.service"), sentence("cli.summary.runs", None, url=run.service, stop=stop)
    if run.pack is not None:
        yield sentence("cli.summary.delivered"), near(run.pack)


def _baseline(run: Run, name: str) -> str | None:
    """The better baseline and what it reaches."""
    from sixfold.evaluation import baseline_title, formula, shown
    from sixfold.tasks import task_of

    known: dict[str, float] = {
        baseline: value for baseline, value in run.artefacts["evaluate"].about["baselines"].items() if value is not None
    }
    if not known:
        return None
    upwards = next(figure.higher_is_better for figure in task_of(run.product).figures if figure.name == name)
    best = max(known, key=lambda baseline: known[baseline] if upwards else -known[baseline])
    value = shown(known[best], formula(name).style)
    return sentence("cli.summary.baseline", None, name=baseline_title(best), value=value)


def _suggestions(run: Run) -> Iterator[str]:
    name = shlex.quote(run.product.name)
    if run.service is not None:
        yield sentence("cli.summary.try_page", None, url=run.service)
    if run.pack is not None and not run.product.deliver.to:
        yield sentence("cli.summary.try_recipient")
    if "evaluate" in run.artefacts:
        yield sentence("cli.summary.try_predict", None, name=name)
        yield sentence("cli.summary.try_settings")
    else:
        yield sentence("cli.summary.try_on")


def _section(title: str, *lines: str) -> str:
    return "\n".join([f"  {_bold(sentence(f'cli.summary.{title}'))}", *(f"    {line}" for line in lines)])


def _bold(text: str) -> str:
    return click.style(text, bold=True)
