"""The report as one page: both languages, no network, printable. Made from the content of report.json and thumbnails.

Every string goes through :func:`say` or :func:`html.escape`; the page's policy (CSP) lets no other script run than its
own, by digest, so that a name from the data can do nothing even if that were forgotten.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from typing import Any

from sixfold.evaluation._appraisal import Report, Section, Thumbnails, appraisal_of, baseline_title
from sixfold.evaluation._chapter import every_chapter
from sixfold.evaluation._data_page import findings, what_next, who_and_how
from sixfold.evaluation._document import document
from sixfold.evaluation._figures import formula
from sixfold.evaluation._formula import Style
from sixfold.evaluation._gates import better_baseline, gate_title
from sixfold.evaluation._html import cell, facts, number, plain, say, short, t, table, text_of
from sixfold.evaluation._pictures import Course, Series, Span, courses, curves, spans
from sixfold.evaluation._search import bought, tried
from sixfold.evaluation._words import both, change, change_interval, count, duration, interval, joined, listed, shown
from sixfold.language import Text

__all__ = ["page"]

_MOST_GROUPS = 30
_MOST_IN_TABLE = 60
_TOLD_ELSEWHERE = ("digest", "place", "name", "kind", "columns", "rows")
_TOP_VALUES = 5
_MOST_CURVES = 3
_MOST_SERIES, _MOST_PANELS = 6, 3
_LONGEST_CLASS = 14


def page(report: Report, thumbnails: Thumbnails) -> bytes:
    """The report as HTML, UTF-8.

    Args:
        report: The content of report.json.
        thumbnails: Pictures of the worst examples, by collected row.

    Returns:
        One self-contained file: styles, script and pictures are inside it.
    """
    # In one block each: what one names, no other sees.
    own = [kind.script() for kind in every_chapter() if kind.kind() in report["chapters"]]
    sections = _sections(report, thumbnails)
    return document(
        f"{report['product']['name']} · Sixfold",
        "\n".join([_top(report), *(_drawn(section) for section in sections)]),
        contents="".join(f'<a href="#{section.name}">{say(section.label)}</a>' for section in sections),
        footer=t("report.footer", version=report["made"]["sixfold"]),
        script="".join(f"{{\n{text}}}\n" for text in own if text),
    )


def _sections(report: Report, thumbnails: Thumbnails) -> list[Section]:
    pattern = appraisal_of(report["pattern"])

    def common(name: str, body: str) -> Section:
        return Section(name, both(f"report.contents.{name}"), both(f"report.{name}.title"), body)

    return [
        common("training", _training(report)),
        common("figures", _figures(report)),
        *pattern.sections(report, thumbnails),
        *_chapters(report),
        common("data", _data(report, thumbnails)),
        common("gates", _gates(report)),
        common("made", _made(report)),
        common("words", _words(report)),
    ]


def _chapters(report: Report) -> list[Section]:
    found = report["chapters"]
    return [
        Section(kind.kind(), kind.label, kind.title, kind.body(found[kind.kind()], report))
        for kind in every_chapter()
        if kind.kind() in found
    ]


def _drawn(section: Section) -> str:
    return f'<section id="{section.name}">\n<h2>{say(section.title)}</h2>\n{section.body}\n</section>'


def _top(report: Report) -> str:
    headline, product = report["figures"][0], report["product"]
    goal = f'<p class="lede">{say(product["goal"])}</p>' if product["goal"] else ""
    warning = f'<p class="notice">{t("report.top.medical")}</p>' if product["medical"] else ""
    badges = "".join(
        f'<li class="badge {gate["state"]}">{_state(gate)} · {_gate_name(gate)}</li>' for gate in report["gates"]
    )
    chosen = [report["figures"][0], report["figures"][1], report["figures"][-1]] if len(report["figures"]) > 2 else []  # noqa: PLR2004
    tiles = "".join(_tile(figure) for figure in chosen)
    rows = [
        Span(Text(product["name"], product["name"]), headline["value"], headline["low"], headline["high"], True),
        *(
            Span(baseline_title(name), them["value"], them["low"], them["high"], False)
            for name, them in reversed(headline["against"].items())
            if them["low"] is not None
        ),
    ]
    picture = ""
    if headline["low"] is not None:
        drawn = spans("against", rows, percent=headline["style"] == "share", label=both("report.top.picture_label"))
        caption = t("report.top.picture", figure=text_of(headline["title"]), rows=count(headline["rows"]))
        picture = f"<figure>{drawn}<figcaption>{caption}</figcaption></figure>"
    found = report["chapters"]
    told = [text for kind in every_chapter() if kind.kind() in found for text in kind.verdict(found[kind.kind()])]
    verdict = joined([*appraisal_of(report["pattern"]).verdict(report), *told])
    return (
        f'<h1>{say(product["name"])}</h1>\n{goal}\n<p class="verdict">{say(verdict)}</p>\n{warning}'
        f'<ul class="gates">{badges}</ul>\n<div class="tiles">{tiles}</div>\n{picture}'
    )


def _tile(figure: Report) -> str:
    style: Style = figure["style"]
    track = ""
    if figure["low"] is not None and 0 <= figure["low"] <= figure["high"] <= 1 and figure["higher_is_better"]:
        low, high = figure["low"] * 100, figure["high"] * 100
        track = f'<div class="track"><i style="left:{low:.2f}%;width:{max(high - low, 0.5):.2f}%"></i></div>'
    ends = interval(figure["low"], figure["high"], style)
    return (
        f'<div class="tile"><span>{say(text_of(figure["title"]))}</span><b>{say(shown(figure["value"], style))}</b>'
        f'{track}<span class="between">{t("report.top.interval", interval=ends)}</span></div>'
    )


def _training(report: Report) -> str:
    about, history = report["training"], report["training"]["history"]
    known = [
        (t("report.training.network"), say(str(about["network"]))),
        (t("report.training.parameters"), number(about.get("parameters"))),
        (t("report.training.rows"), _rows_line(report["rows"])),
        *([(t("report.training.epochs"), _epochs(about))] if about.get("epochs") is not None else []),
        (t("report.training.seconds"), say(duration(about["seconds"])) if "seconds" in about else "–"),
    ]
    panels = []
    for key in _curve_names(history):
        lines = [
            Series(both("report.training.line_training"), [epoch[key] for epoch in history if key in epoch], True),
            Series(
                both("report.training.line_validation"),
                [epoch[f"val_{key}"] for epoch in history if f"val_{key}" in epoch],
                False,
            ),
        ]
        panels.append((_curve_title(key), key == "accuracy", [line for line in lines if line.values]))
    picture = ""
    if panels:
        drawn = curves("curves", panels, both("report.training.picture_label"))
        legend = (
            f'<span class="key"></span>{t("report.training.line_validation")} &ensp; '
            f'<span class="key dashed"></span>{t("report.training.line_training")}'
        )
        picture = f"<figure>{drawn}<figcaption>{legend}<br>{t('report.training.curves')}</figcaption></figure>"
    return facts(known) + tried(about) + bought(report) + picture


def _figures(report: Report) -> str:
    names = list(report["figures"][0]["against"])
    heads = [
        (t("report.figures.figure"), False),
        (t("report.figures.model"), True),
        *((say(baseline_title(name)), True) for name in names),
        (t("report.figures.gain"), True),
        (t("report.figures.rows"), True),
    ]
    lines = []
    for figure in report["figures"]:
        style: Style = figure["style"]
        cells = [
            f"<th>{say(text_of(figure['title']))}</th>",
            cell(shown(figure["value"], style), interval(figure["low"], figure["high"], style)),
        ]
        for name in names:
            them = figure["against"][name]
            cells.append(cell(shown(them["value"], style), interval(them["low"], them["high"], style)))
        best = better_baseline(figure)
        gap = figure["against"][best]["difference"] if best else {"value": None, "low": None, "high": None}
        beside = figure["value"]
        ends = change_interval(gap["low"], gap["high"], style, beside)
        cells.append(cell(change(gap["value"], style, beside), ends))
        cells.append(f'<td class="n">{count(figure["rows"])}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    notes = [both("report.figures.how", most=count(report["resamples"]))]
    fewer = [figure for figure in report["figures"] if figure["resamples"] < report["resamples"]]
    if fewer:
        fewest = count(min(figure["resamples"] for figure in fewer))
        notes.append(
            both("report.figures.fewer", figures=listed(text_of(one["title"]) for one in fewer), fewest=fewest)
        )
    pattern = appraisal_of(report["pattern"])
    notes += pattern.notes(report)
    return (
        f'<p class="quiet">{t("report.figures.says")}</p>{table(heads, lines)}'
        f'<p class="quiet small">{say(joined(notes))}</p>{pattern.details(report)}'
    )


def _data(report: Report, thumbnails: Thumbnails) -> str:
    data, provenance = report["data"], report["provenance"]
    left_out = {reason: rows for reason, rows in (data.get("left_out") or {}).items() if rows}
    parts = [
        facts(
            [
                (t("report.data.source"), html.escape(str(provenance.get("name", "–")))),
                (t("report.data.origin"), say(str(provenance["origin"])) if provenance.get("origin") else "–"),
                (
                    t("report.data.licence"),
                    say(str(provenance["licence"])) if provenance.get("licence") else t("report.data.no_licence"),
                ),
                (t("report.data.rows"), number(report["collected_rows"])),
                *([(t("report.data.left_out"), _reasons(left_out))] if left_out else []),
                (t("report.data.digest"), f"<code>{html.escape(str(provenance.get('digest', '–')))}</code>"),
                *(
                    [(t("report.data.detected"), html.escape(_detected(provenance["detected"])))]
                    if provenance.get("detected")
                    else []
                ),
            ]
        ),
        f"<h3>{t('report.data.findings')}</h3>{findings(report, thumbnails)}",
        what_next(report),
        f"<h3>{t('report.data.splits')}</h3>{_splits(report)}",
    ]
    if data.get("columns"):
        parts.append(f"<h3>{t('report.data.columns')}</h3>{_columns(_in_order(report))}")
        series = [(name, about["curves"]) for name, about in _in_order(report).items() if about.get("curves")]
        parts += [_courses(place, name, curves) for place, (name, curves) in enumerate(series[:_MOST_SERIES])]
    parts += who_and_how(report)
    pictures = report.get("data_pictures", {})
    for name, svg in pictures.items():
        # As an image, not as markup: whatever is inside cannot run or restyle the page.
        source = f"data:image/svg+xml;base64,{base64.b64encode(str(svg).encode()).decode()}"
        parts.append(f'<figure><img class="picture plate" alt="{html.escape(str(name))}" src="{source}"></figure>')
    return "\n".join(parts)


def _reasons(left_out: Mapping[str, int]) -> str:
    said = []
    for reason, rows in left_out.items():
        try:
            name = t(f"report.data.reasons.{reason.replace(' ', '_')}")
        except KeyError:
            name = html.escape(reason)
        said.append(f"{name} {count(rows)}")
    return " · ".join(said)


def _splits(report: Report) -> str:
    names = [name for name in ("train", "validation", "test") if report["rows"].get(name)]
    groups = appraisal_of(report["pattern"]).groups(report)
    most = max((sum(rows.values()) for _, rows in groups), default=1) or 1
    ranked = sorted(groups, key=lambda group: -sum(group[1].values()))
    listed = groups if len(groups) <= _MOST_GROUPS else ranked[:_MOST_GROUPS]
    lines = [
        f'<tr class="ours"><td>{t("report.data.all")}</td><td></td>'
        + "".join(f'<td class="n">{count(report["rows"][name])}</td>' for name in names)
        + "</tr>"
    ]
    for group, rows in listed:
        share = 100 * sum(rows.values()) / most
        bar = f'<span class="meter" style="width:100%;margin:0"><i style="width:{share:.1f}%"></i></span>'
        lines.append(
            f'<tr><th>{say(short(group))}</th><td class="wide">{bar}</td>'
            + "".join(f'<td class="n">{count(rows[name])}</td>' for name in names)
            + "</tr>"
        )
    rest = len(groups) - len(listed)
    note = f'<p class="quiet small">{t("report.figures.more_classes", count=count(rest))}</p>' if rest else ""
    first = t("report.figures.class") if groups else ""
    return table([(first, False), ("", False), *((t(f"report.data.{name}"), True) for name in names)], lines) + note


def _in_order(report: Report) -> dict[str, Any]:
    """The columns of the data report in the order of product.yaml, the target last."""
    columns = report["data"]["columns"]
    first = [name for name in (*report["product"]["given"], report["product"]["target"]) if name in columns]
    return {name: columns[name] for name in (*first, *(name for name in columns if name not in first))}


def _columns(columns: Mapping[str, Any]) -> str:
    names = list(columns)[:_MOST_IN_TABLE]
    heads = "".join(f"<th>{t(f'report.data.{key}')}</th>" for key in ("column", "kind", "missing", "distinct", "looks"))
    lines = "".join(
        f"<tr><th>{say(short(name))}</th><td>{_role(columns[name])}</td>"
        f'<td class="n">{_missing(columns[name].get("missing"))}</td>'
        f'<td class="n">{number(columns[name].get("distinct"))}</td><td class="wide">{_looks(columns[name])}</td></tr>'
        for name in names
    )
    rest = len(columns) - len(names)
    note = f'<p class="quiet small">{t("report.mistakes.more_columns", count=count(rest))}</p>' if rest else ""
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>{note}'


def _courses(place: int, name: str, groups: Sequence[Mapping[str, Any]]) -> str:
    """The mean course of a series, for each class where there are classes."""
    channels = list(groups[0]["channels"])[:_MOST_PANELS]
    panels = [
        (
            name if len(channels) == 1 else f"{name} · {channel}",
            [
                Course(short(str(group["class"] or ""), _LONGEST_CLASS), group["steps"], group["channels"][channel])
                for group in groups
                if len(group["channels"].get(channel) or ()) == len(group["steps"]) > 0
            ],
        )
        for channel in channels
    ]
    drawn = courses(f"courses-{place}", panels, both("report.data.courses_label"))
    told = t("report.data.courses_by_class" if groups[0]["class"] else "report.data.courses", column=name)
    return f"<figure>{drawn}<figcaption>{told}</figcaption></figure>"


def _role(about: Mapping[str, Any]) -> str:
    kind = html.escape(str(about.get("kind", "")))
    return f"{kind} · {t('report.data.target')}" if about.get("role") == "target" else kind


def _missing(missing: Any) -> str:
    shares = list(missing.values()) if isinstance(missing, Mapping) else [missing]
    most = max((share for share in shares if isinstance(share, (int, float))), default=None)
    return "–" if not most else say(shown(most, "share"))


def _looks(about: Mapping[str, Any]) -> str:
    """A column in one line: bars and range of numbers, dates and lengths, commonest values, sizes of pictures."""
    if lengths := about.get("lengths"):
        unit = t(f"report.data.{lengths['of']}", channels=number(about.get("channels")))
        return (
            f'{_looks({**lengths, "lengths": None})} <span class="quiet">{unit}</span>'
            if "histogram" in lengths
            else ""
        )
    if dates := about.get("dates"):
        said = t("report.data.dates", first=dates["first"][:10], last=dates["last"][:10])
        return f'{_bars(dates["train"])}<span class="quiet">{said}</span>'
    if about.get("histogram"):
        ends = about.get("quantiles") or {}
        low, middle, high = (plain(ends.get(key)) for key in ("0.0", "0.5", "1.0"))
        said = t("report.data.range", low=low, middle=middle, high=high)
        return f'{_bars(about["histogram"].get("train") or [])}<span class="quiet">{said}</span>'
    if about.get("top"):
        total = max(1, sum(entry["count"] for entry in about["top"]) + int(about.get("others") or 0))
        said = " · ".join(
            f"{html.escape(short(str(entry['value']), 24))} {100 * entry['count'] / total:.0f}%"
            for entry in about["top"][:_TOP_VALUES]
        )
        return f'<span class="quiet">{said}{" …" if len(about["top"]) > _TOP_VALUES else ""}</span>'
    if about.get("sizes"):
        said = " · ".join(
            f"{entry['width']}×{entry['height']} ({count(entry['count'])})" for entry in about["sizes"][:4]
        )
        return f'<span class="quiet">{said}{" …" if len(about["sizes"]) > 4 else ""}</span>'  # noqa: PLR2004 — as above
    return ""


def _bars(heights: Sequence[int]) -> str:
    most, wide = max([1, *heights]), 100 / max(1, len(heights))
    bars = "".join(
        f'<rect x="{number * wide:.2f}" y="{24 - 24 * height / most:.2f}" width="{wide * 0.86:.2f}" '
        f'height="{24 * height / most:.2f}"/>'
        for number, height in enumerate(heights)
    )
    return f'<svg class="bars" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">{bars}</svg>'


def _gates(report: Report) -> str:
    items = "".join(
        f'<li class="{gate["state"]}"><p><b>{_state(gate)} · {_gate_name(gate)}</b></p>'
        f"<p>{say(text_of(gate['says']))}</p>"
        + (f'<p class="mend">{say(text_of(gate["mend"]))}</p>' if gate["state"] in ("failed", "warning") else "")
        + "</li>"
        for gate in report["gates"]
    )
    return f'<p class="quiet">{t("report.gates.about")}</p><ul class="verdicts">{items}</ul>'


def _gate_name(gate: Mapping[str, Any]) -> str:
    return say(gate_title(gate["name"]))


def _state(gate: Mapping[str, Any]) -> str:
    return t(f"report.gates.{gate['state']}")


def _made(report: Report) -> str:
    made = report["made"]
    stages = "".join(
        f"<tr><th>{t(f'report.made.{name}')}</th>"
        f'<td class="n">{say(duration(stage["seconds"])) if stage["seconds"] is not None else "–"}</td>'
        f'<td class="wide"><code>{html.escape(stage["artefact"][:16])}</code></td></tr>'
        for name, stage in made["stages"].items()
    )
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    known = [
        (t("report.made.seeds"), html.escape(", ".join(f"{name} {seed}" for name, seed in made["seeds"].items()))),
        (t("report.made.versions"), html.escape(versions) or "–"),
    ]
    return (
        f'<div class="scroll"><table><thead><tr><th>{t("report.made.stage")}</th>'
        f'<th class="n">{t("report.made.took")}</th><th>{t("report.made.artefact")}</th></tr></thead>'
        f"<tbody>{stages}</tbody></table></div>{facts(known)}"
        f"<details><summary>{t('report.made.settings')}</summary><pre>{html.escape(made['settings'])}</pre></details>"
    )


def _words(report: Report) -> str:
    said = [
        *((text_of(figure["title"]), text_of(figure["meaning"])) for figure in report["figures"]),
        *((both(f"report.words.{name}"), both(f"report.words.{name}_says")) for name in ("interval", "splits")),
        *appraisal_of(report["pattern"]).words(),
        *(word for kind in every_chapter() if kind.kind() in report["chapters"] for word in kind.words()),
    ]
    return facts([(say(word), say(meaning)) for word, meaning in said])


def _curve_names(history: Sequence[Mapping[str, Any]]) -> list[str]:
    numbers = {
        key
        for epoch in history
        for key, value in epoch.items()
        if isinstance(value, (int, float)) and not key.startswith("val_")
    }
    judged = sorted(key for key in numbers if any(f"val_{key}" in epoch for epoch in history))
    return sorted({"loss", "accuracy", *judged} & numbers, key=lambda key: (key != "loss", key))[:_MOST_CURVES]


def _curve_title(key: str) -> Text:
    """What people call a column of the history."""
    if key in ("loss", "accuracy"):
        return both(f"report.training.curve_{key}")
    try:
        return both("report.training.curve_encoded", figure=formula(key).title)
    except KeyError:
        return Text(key, key)


def _epochs(about: Mapping[str, Any]) -> str:
    if about.get("best_epoch") is None:
        return number(about["epochs"])
    return t("report.training.epochs_best", epochs=count(about["epochs"]), best=count(about["best_epoch"]))


def _rows_line(rows: Mapping[str, int]) -> str:
    return t("report.training.rows_say", **{name: count(rows[name]) for name in ("train", "validation", "test")})


def _detected(detected: Any) -> str:
    """What was detected, as one line: ``table.csv: encoding utf-8, delimiter ,``."""
    if not isinstance(detected, Mapping):
        return plain(detected)
    told = {name: value for name, value in detected.items() if value and name not in _TOLD_ELSEWHERE}
    said = [f"{name}: {_detected(value)}" for name, value in told.items() if isinstance(value, Mapping)]
    others = [f"{name} {_quoted(value)}" for name, value in told.items() if not isinstance(value, Mapping)]
    return "; ".join([*([", ".join(others)] if others else []), *said])


def _quoted(value: Any) -> str:
    """Signs in quotes, so that a comma that was detected does not look like one of the sentence."""
    return f"“{value}”" if isinstance(value, str) and not value.isalnum() else plain(value)
