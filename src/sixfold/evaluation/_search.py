"""What the search for a network tried: what each trial cost, what it reached, and why the chosen ones were chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sixfold.evaluation._appraisal import Report
from sixfold.evaluation._figures import formula
from sixfold.evaluation._html import number, say, short, t, table
from sixfold.evaluation._pictures import Axis, Dots, dots
from sixfold.evaluation._words import both, change, change_interval, duration, shown
from sixfold.language import Text

__all__ = ["bought", "tried"]

_MOST_TRIALS = 40
_LONGEST_OPTIONS = 90
_MOST_NAMED = 6


def tried(about: Mapping[str, Any]) -> str:
    """The trials of a search as a table, a picture of what they reached against what they cost, and the choice (HTML).

    Args:
        about: What `train` says of its artefact: ``search``, a list of trials; ``ensemble``, which of them answer and
            with which weight; ``why``, the choice in a word (``key``), the best trial, by which share the mixture
            lowers its loss, and the seconds in all. Nothing is drawn where there was no search.
    """
    trials: Sequence[Mapping[str, Any]] = about.get("search") or []
    if not trials:
        return ""
    weights = {str(part["trial"]): float(part["weight"]) for part in about.get("ensemble") or []}
    ranked = sorted(trials, key=lambda trial: (trial.get("validation") is None, trial.get("validation") or 0.0))
    listed = ranked[:_MOST_TRIALS]
    listed += [trial for trial in ranked[_MOST_TRIALS:] if str(trial["name"]) in weights]
    parts = [f"<h3>{t('report.search.title')}</h3>", _choice(about), _table(listed, weights)]
    if len(listed) < len(trials):
        parts.append(f'<p class="quiet small">{t("report.search.more", count=str(len(trials) - len(listed)))}</p>')
    return "".join((*parts, _picture(trials, weights)))


def bought(report: Report) -> str:
    """What beginning with a preset was worth, against the best model without one (HTML)."""
    rival, headline = report["rival"], report["figures"][0]
    if rival is None:
        return ""
    theirs, style, beside = rival["figures"][headline["name"]], headline["style"], headline["value"]
    gap = theirs["difference"]
    told = t(
        "report.search.bought",
        figure=Text(headline["title"]["en"], headline["title"]["zh"]),
        ours=shown(headline["value"], style),
        trial=str(rival["trial"]),
        theirs=shown(theirs["value"], style),
        gap=change(gap["value"], style, beside),
        interval=change_interval(gap["low"], gap["high"], style, beside),
    )
    return f"<h3>{t('report.search.bought_title')}</h3><p>{told}</p>"


def _choice(about: Mapping[str, Any]) -> str:
    why = about.get("why")
    if not why:
        return ""
    told = {
        "best": str(why.get("best", "–")),
        "gain": shown(float(why.get("gain") or 0), "share"),
        "seconds": duration(float(why.get("seconds") or 0)),
    }
    key = f"report.search.why.{why['key']}"
    try:
        return f"<p>{t(key, **told)}</p>"
    except KeyError:  # a reason of a newer `train`: its figures stand in the table all the same
        return ""


def _table(trials: Sequence[Mapping[str, Any]], weights: Mapping[str, float]) -> str:
    figure = next((trial["figure"]["name"] for trial in trials if trial.get("figure")), None)
    heads = [
        (t("report.search.trial"), False),
        (t("report.search.settings"), False),
        (t("report.training.parameters"), True),
        (t("report.training.seconds"), True),
        (t("report.search.loss"), True),
        *([] if figure is None else [(_figure_title(figure), True)]),
        (t("report.search.weight"), True),
    ]
    return table(heads, (_line(trial, weights, has_figure=figure is not None) for trial in trials))


def _line(trial: Mapping[str, Any], weights: Mapping[str, float], *, has_figure: bool) -> str:
    name, state = str(trial["name"]), trial.get("state", "finished")
    loss, figure = trial.get("validation"), trial.get("figure")
    weight = weights.get(name)
    mark = "" if state == "finished" else f'<span class="quiet">{t(f"report.search.{state}")}</span>'
    reached = "–" if figure is None or figure.get("value") is None else say(_shown(figure))
    cells = [
        f"<td>{say(short(name))}{mark}</td>",
        f'<td class="wide quiet">{say(short(_settings(trial), _LONGEST_OPTIONS))}</td>',
        f'<td class="n">{number(trial.get("parameters"))}</td>',
        f'<td class="n">{say(duration(float(trial.get("seconds") or 0)))}</td>',
        f'<td class="n">{"–" if loss is None else f"{loss:.4f}"}</td>',
        *([f'<td class="n">{reached}</td>'] if has_figure else []),
        f'<td class="n">{"" if weight is None else say(shown(weight, "share"))}</td>',
    ]
    return f"<tr{'' if weight is None else ' class=ours'}>{''.join(cells)}</tr>"


def _settings(trial: Mapping[str, Any]) -> str:
    """Network, options and the recipe of a trial in one line."""
    told = {**(trial.get("options") or {}), **(trial.get("recipe") or {})}
    said = (f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}" for name, value in told.items())
    return " · ".join((str(trial.get("network", "")), *said))


def _figure_title(name: str) -> str:
    try:
        how = formula(name)
    except KeyError:
        return say(name)
    return t("report.search.encoded", figure=how.title) if how.style == "amount" else say(how.title)


def _shown(figure: Mapping[str, Any]) -> Text | str:
    try:
        return shown(figure["value"], formula(figure["name"]).style)
    except KeyError:
        return f"{figure['value']:.4g}"


def _picture(trials: Sequence[Mapping[str, Any]], weights: Mapping[str, float]) -> str:
    """The validation loss that each trial reached, against its seconds; those that answer in the other colour."""
    reached = [trial for trial in trials if trial.get("validation") is not None]
    if len(reached) < 2:  # noqa: PLR2004 — one dot compares nothing
        return ""
    chosen = [trial for trial in reached if str(trial["name"]) in weights]
    others = [trial for trial in reached if str(trial["name"]) not in weights]
    named = chosen[:_MOST_NAMED]
    rest = [*chosen[_MOST_NAMED:]]
    seconds = [float(trial.get("seconds") or 0) for trial in reached]
    is_wide = min(seconds) > 0 and max(seconds) / min(seconds) > 20  # noqa: PLR2004 — else both ends are seen as well
    clouds = [
        Dots(
            [float(one.get("seconds") or 0) for one in group],
            [float(one["validation"]) for one in group],
            46,
            is_second=is_chosen,
            names=names,
        )
        for group, is_chosen, names in (
            (others, False, ()),
            (rest, True, ()),
            (named, True, [short(str(one["name"]), 24) for one in named]),
        )
        if group
    ]
    drawn = dots(
        "search",
        clouds,
        Axis(both("report.search.axis_seconds"), log=is_wide),
        Axis(both("report.search.loss")),
        both("report.search.picture_label"),
        broad=True,
    )
    return f"<figure>{drawn}<figcaption>{t('report.search.picture')}</figcaption></figure>"
