"""The report as one page: both languages, no network, printable. Made from the content of report.json and thumbnails.

Every string goes through :func:`say` or :func:`html.escape`; the page's policy (CSP) lets no other script run than its
own, by digest, so that a name from the data can do nothing even if that were forgotten.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from string import Template
from typing import Any

from sixfold.evaluation._baseline import BASELINES
from sixfold.evaluation._figures import Style
from sixfold.evaluation._gates import gate_title
from sixfold.evaluation._pictures import Series, Span, curves, reliability, spans
from sixfold.evaluation._words import both, change, change_interval, count, duration, interval, joined, shown
from sixfold.language import Text

__all__ = ["Thumbnails", "page"]

Report = Mapping[str, Any]
Thumbnails = Mapping[int, Sequence[tuple[bytes, str, bool]]]
"""Of a collected row: its pictures as (bytes, MIME type, whether it is tiny and should be shown by its pixels)."""

_CODE = re.compile("`([^`]+)`")
_MOST_IN_MATRIX = 30
_MOST_IN_TABLE = 60
_MOST_COLUMNS = 14
_LONGEST_WORD = 60
_NO_EXPONENTS = 1000
_TOLD_ELSEWHERE = ("digest", "place", "name", "kind", "columns", "rows")
_NAMES_UPRIGHT = 5
_TOP_VALUES = 5
_SECTIONS = ("training", "figures", "mistakes", "trust", "data", "gates", "made", "words")


def page(report: Report, thumbnails: Thumbnails) -> bytes:
    """The report as HTML, UTF-8.

    Args:
        report: The content of report.json.
        thumbnails: Pictures of the worst examples, by collected row.

    Returns:
        One self-contained file: styles, script and pictures are inside it.
    """
    folder = resources.files("sixfold.evaluation") / "report"
    template, style, script = (
        (folder / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    body = [_top(report), *(_section(name, report, thumbnails) for name in _SECTIONS)]
    contents = "".join(f'<a href="#{name}">{_t(f"report.contents.{name}")}</a>' for name in _SECTIONS)
    return (
        Template(template)
        .substitute(
            title=html.escape(f"{report['product']['name']} · Sixfold"),
            style=style,
            script=script,
            script_digest=f"sha256-{digest}",
            contents=contents,
            body="\n".join(body),
            footer=_t("report.footer", version=report["made"]["sixfold"]),
        )
        .encode()
    )


def say(text: Text | str) -> str:
    """Escaped HTML of a text, in both languages if they differ; what stands in backticks is code."""
    if isinstance(text, str):
        return html.escape(text)
    english, chinese = (_CODE.sub(r"<code>\1</code>", html.escape(text(code))) for code in ("en", "zh"))
    return english if english == chinese else f'<span lang="en">{english}</span><span lang="zh">{chinese}</span>'


def _t(key: str, **values: Any) -> str:
    return say(both(key, **values))


def _text(record: Any) -> Text | str:
    """A text of report.json: {en, zh}, or a plain string."""
    if isinstance(record, Mapping) and {"en", "zh"} <= set(record):
        return Text(str(record["en"]), str(record["zh"]))
    return str(record)


def _section(name: str, report: Report, thumbnails: Thumbnails) -> str:
    match name:
        case "training":
            inside = _training(report)
        case "figures":
            inside = _figures(report)
        case "mistakes":
            inside = _mistakes(report, thumbnails)
        case "trust":
            inside = _trust(report)
        case "data":
            inside = _data(report)
        case "gates":
            inside = _gates(report)
        case "made":
            inside = _made(report)
        case _:
            inside = _words(report)
    return f'<section id="{name}">\n<h2>{_t(f"report.{name}.title")}</h2>\n{inside}\n</section>'


def _top(report: Report) -> str:
    headline, product = report["figures"][0], report["product"]
    goal = f'<p class="lede">{say(product["goal"])}</p>' if product["goal"] else ""
    badges = "".join(
        f'<li class="badge {gate["state"]}">{_state(gate)} · {_gate_name(gate)}</li>' for gate in report["gates"]
    )
    chosen = [report["figures"][0], report["figures"][1], report["figures"][-1]] if len(report["figures"]) > 2 else []  # noqa: PLR2004
    tiles = "".join(_tile(figure) for figure in chosen)
    rows = [
        Span(Text(product["name"], product["name"]), headline["value"], headline["low"], headline["high"], True),
        *(
            Span(BASELINES[name], them["value"], them["low"], them["high"], False)
            for name, them in reversed(headline["against"].items())
            if them["low"] is not None
        ),
    ]
    picture = ""
    if headline["low"] is not None:
        drawn = spans("against", rows, percent=headline["style"] == "share", label=both("report.top.picture_label"))
        caption = _t("report.top.picture", figure=_text(headline["title"]), rows=count(headline["rows"]))
        picture = f"<figure>{drawn}<figcaption>{caption}</figcaption></figure>"
    return (
        f'<h1>{say(product["name"])}</h1>\n{goal}\n<p class="verdict">{_verdict(report)}</p>\n'
        f'<ul class="gates">{badges}</ul>\n<div class="tiles">{tiles}</div>\n{picture}'
    )


def _verdict(report: Report) -> str:
    headline = report["figures"][0]
    style: Style = headline["style"]
    values = {
        "figure": _text(headline["title"]),
        "value": shown(headline["value"], style),
        "rows": count(headline["rows"]),
        "interval": interval(headline["low"], headline["high"], style),
    }
    parts = [both("report.top.accuracy" if headline["name"] == "accuracy" else "report.top.any", **values)]
    against = headline["against"]
    if "linear" in against:
        told = {name: shown(against[name]["value"], style) for name in ("majority", "linear")}
        parts.append(both("report.top.against_both", **told))
    elif "majority" in against:
        parts.append(both("report.top.against_majority", majority=shown(against["majority"]["value"], style)))
    if headline["name"] == "accuracy" and headline["value"] == 1:
        parts.append(both("report.top.no_mistake", most=f"{min(1.0, 3 / headline['rows']) * 100:.1g}"))
    return say(joined(parts))


def _tile(figure: Report) -> str:
    style: Style = figure["style"]
    track = ""
    if figure["low"] is not None and figure["high"] <= 1 and figure["higher_is_better"]:
        low, high = figure["low"] * 100, figure["high"] * 100
        track = f'<div class="track"><i style="left:{low:.2f}%;width:{max(high - low, 0.5):.2f}%"></i></div>'
    ends = interval(figure["low"], figure["high"], style)
    return (
        f'<div class="tile"><span>{say(_text(figure["title"]))}</span><b>{say(shown(figure["value"], style))}</b>'
        f'{track}<span class="between">{_t("report.top.interval", interval=ends)}</span></div>'
    )


def _training(report: Report) -> str:
    about, history = report["training"], report["training"]["history"]
    facts = [
        (_t("report.training.network"), say(str(about["network"]))),
        (_t("report.training.parameters"), _number(about.get("parameters"))),
        (_t("report.training.rows"), _rows_line(report["rows"])),
        (_t("report.training.epochs"), _epochs(about)),
        (_t("report.training.seconds"), say(duration(about["seconds"])) if "seconds" in about else "–"),
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
        title = both(f"report.training.curve_{key}") if key in ("loss", "accuracy") else Text(key, key)
        panels.append((title, key == "accuracy", [line for line in lines if line.values]))
    picture = ""
    if panels:
        drawn = curves("curves", panels, both("report.training.picture_label"))
        legend = (
            f'<span class="key"></span>{_t("report.training.line_validation")} &ensp; '
            f'<span class="key dashed"></span>{_t("report.training.line_training")}'
        )
        picture = f"<figure>{drawn}<figcaption>{legend}<br>{_t('report.training.curves')}</figcaption></figure>"
    return _facts(facts) + picture


def _figures(report: Report) -> str:
    names = list(report["figures"][0]["against"])
    head = "".join(f'<th class="n">{say(BASELINES[name])}</th>' for name in names)
    lines = []
    for figure in report["figures"]:
        style: Style = figure["style"]
        cells = [
            f"<th>{say(_text(figure['title']))}</th>",
            _cell(shown(figure["value"], style), interval(figure["low"], figure["high"], style)),
        ]
        for name in names:
            them = figure["against"][name]
            cells.append(_cell(shown(them["value"], style), interval(them["low"], them["high"], style)))
        best = _better_baseline(figure)
        gap = figure["against"][best]["difference"] if best else {"value": None, "low": None, "high": None}
        cells.append(_cell(change(gap["value"], style), change_interval(gap["low"], gap["high"], style)))
        cells.append(f'<td class="n">{count(figure["rows"])}</td>')
        lines.append(f"<tr>{''.join(cells)}</tr>")
    table = (
        f'<div class="scroll"><table><thead><tr><th>{_t("report.figures.figure")}</th>'
        f'<th class="n">{_t("report.figures.model")}</th>{head}<th class="n">{_t("report.figures.gain")}</th>'
        f'<th class="n">{_t("report.figures.rows")}</th></tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )
    resamples = min(figure["resamples"] for figure in report["figures"])
    notes = [both("report.figures.how", most=count(report["resamples"]))]
    if resamples < report["resamples"]:
        notes.append(both("report.figures.fewer", fewest=count(resamples)))
    linear = report["baselines"].get("linear")
    if linear is not None:
        notes.append(both("report.figures.linear", rows=count(linear["training_rows"]), inputs=count(linear["inputs"])))
        if not linear["converged"]:
            notes.append(both("report.figures.not_converged", iterations=count(linear["iterations"])))
    if report["rows"]["left_out"]:
        notes.append(both("report.figures.left_out", rows=count(report["rows"]["left_out"])))
    return (
        f'<p class="quiet">{_t("report.figures.says")}</p>{table}<p class="quiet small">{say(joined(notes))}</p>'
        f"<h3>{_t('report.figures.by_class')}</h3>{_by_class(report)}"
    )


def _by_class(report: Report) -> str:
    by_class = sorted(report["by_class"], key=lambda entry: -entry["support"])
    listed = report["by_class"] if len(by_class) <= _MOST_IN_TABLE else by_class[:_MOST_IN_TABLE]
    lines = "".join(
        f"<tr><th>{say(_short(entry['name']))}</th>"
        + "".join(f'<td class="n">{_meter(entry[key])}</td>' for key in ("precision", "recall", "f1"))
        + f'<td class="n">{count(entry["support"])}</td></tr>'
        for entry in listed
    )
    heads = "".join(
        f'<th class="n">{_t(f"report.figures.{key}")}</th>' for key in ("precision", "recall", "f1", "test_rows")
    )
    rest = len(by_class) - len(listed)
    note = f'<p class="quiet small">{_t("report.figures.more_classes", count=count(rest))}</p>' if rest else ""
    return (
        f'<div class="scroll"><table><thead><tr><th>{_t("report.figures.class")}</th>{heads}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>{note}"
    )


def _mistakes(report: Report, thumbnails: Thumbnails) -> str:
    wrong, rows = report["wrong_rows"], report["rows"]["test"]
    parts = [f"<p>{_t('report.mistakes.says', wrong=count(wrong), rows=count(rows))}</p>"]
    if report["confusion"] is not None and len(report["classes"]) <= _MOST_IN_MATRIX:
        parts.append(f"<h3>{_t('report.mistakes.matrix')}</h3>{_matrix(report)}")
    repeated = [pair for pair in report["confused"] if pair["rows"] > 1]
    if repeated and len(report["classes"]) > 2:  # noqa: PLR2004 — of two classes the matrix says it all
        pairs = "".join(
            f"<tr><td>{say(_short(pair['right']))}</td><td>{say(_short(pair['said']))}</td>"
            f'<td class="n">{count(pair["rows"])}</td><td class="n">{say(shown(pair["share"], "share"))}</td></tr>'
            for pair in repeated
        )
        heads = "".join(
            f"<th{' class=n' if key in ('often', 'share') else ''}>{_t(f'report.mistakes.{key}')}</th>"
            for key in ("truth", "answer", "often", "share")
        )
        parts.append(
            f"<h3>{_t('report.mistakes.confused')}</h3>"
            f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{pairs}</tbody></table></div>'
        )
    if report["worst"]:
        parts.append(f"<h3>{_t('report.mistakes.worst')}</h3><p class='quiet'>{_t('report.mistakes.worst_says')}</p>")
        parts.append(_as_pictures(report, thumbnails) if thumbnails else _as_rows(report))
    return "\n".join(parts)


def _matrix(report: Report) -> str:
    classes, cells = report["classes"], report["confusion"]
    many = len(classes) > 12  # noqa: PLR2004 — beyond, cells must be smaller to fit a page
    tilted = max(len(name) for name in classes) > _NAMES_UPRIGHT
    side = "1.62rem" if many else "2.6rem"
    heads = "".join(f'<th scope="col"><span>{say(_short(name))}</span></th>' for name in classes)
    lines = []
    for right, (name, line) in enumerate(zip(classes, cells, strict=True)):
        total = max(1, sum(line))
        filled = []
        for said, rows in enumerate(line):
            share = rows / total
            if not rows:
                filled.append("<td></td>")
                continue
            tone = "cell" if right == said else "miss"
            alpha = 0.12 + 0.78 * (share if right == said else share**0.5)
            ink = "var(--paper)" if alpha > 0.55 else "var(--ink)"  # noqa: PLR2004 — dark enough for light text
            hover = html.escape(f"{name} → {classes[said]}: {rows} ({share * 100:.1f} %)", quote=True)
            filled.append(
                f'<td style="background:rgb(var(--{tone})/{alpha:.2f});color:{ink}" title="{hover}">{count(rows)}</td>'
            )
        lines.append(f'<tr><th scope="row">{say(_short(name))}</th>{"".join(filled)}</tr>')
    return (
        f'<div class="scroll"><table class="matrix{" tilted" if tilted else ""}" '
        f'style="--cell-side:{side};--cell-size:{".7rem" if many else ".85rem"}"><thead><tr>'
        f'<th class="corner">{_t("report.mistakes.corner")}</th>{heads}</tr></thead><tbody>{"".join(lines)}</tbody>'
        f'</table></div><p class="quiet small">{_t("report.mistakes.matrix_says")}</p>'
    )


def _as_pictures(report: Report, thumbnails: Thumbnails) -> str:
    items = []
    for example in report["worst"]:
        images = "".join(_image(picture, example["right"]) for picture in thumbnails.get(example["row"], ()))
        said, right = say(_short(example["said"])), say(_short(example["right"]))
        where = html.escape(_short(str(example["path"] or f"# {example['row']}"), 42))
        items.append(
            f'<li>{images}<p><span class="wrong">{_t("report.mistakes.said")} <b>{said}</b> '
            f"{say(shown(example['confidence'], 'share'))}</span><br>"
            f'<span class="right">{_t("report.mistakes.is")} <b>{right}</b></span><br>'
            f'<span class="quiet small">{where}</span></p></li>'
        )
    return f'<ul class="examples">{"".join(items)}</ul>'


def _image(picture: tuple[bytes, str, bool], about: str) -> str:
    data, mime, tiny = picture
    kind = ' class="tiny"' if tiny else ""
    source = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    return f'<img src="{source}" alt="{html.escape(about)}"{kind}>'


def _as_rows(report: Report) -> str:
    columns = list(report["worst"][0]["values"])
    shown_columns = columns[:_MOST_COLUMNS]
    heads = "".join(f"<th>{say(_short(column))}</th>" for column in shown_columns)
    lines = "".join(
        f'<tr><td class="n quiet">{count(example["row"])}</td>'
        f'<td class="wrong">{say(_short(example["said"]))} '
        f'<span class="quiet">{say(shown(example["confidence"], "share"))}</span></td>'
        f'<td class="right">{say(_short(example["right"]))}</td>'
        + "".join(f"<td>{html.escape(_plain(example['values'].get(column)))}</td>" for column in shown_columns)
        + "</tr>"
        for example in report["worst"]
    )
    rest = len(columns) - len(shown_columns)
    note = f'<p class="quiet small">{_t("report.mistakes.more_columns", count=count(rest))}</p>' if rest else ""
    return (
        f'<div class="scroll"><table><thead><tr><th class="n">{_t("report.mistakes.row")}</th>'
        f"<th>{_t('report.mistakes.said')}</th><th>{_t('report.mistakes.is')}</th>{heads}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div>{note}"
    )


def _trust(report: Report) -> str:
    about = report["calibration"]
    drawn = reliability(
        "reliability",
        about["bins"],
        both("report.trust.said"),
        both("report.trust.happened"),
        both("report.trust.picture_label"),
    )
    facts = [
        (_t("report.trust.ece"), say(shown(about["ece"], "share"))),
        (_t("report.trust.ece_before"), say(shown(about["ece_before"], "share"))),
        (_t("report.trust.temperature"), f"{about['temperature']:.2f}"),
    ]
    if about["threshold"] is not None:
        facts.append((_t("report.trust.threshold", yes=report["classes"][-1]), f"{about['threshold']:.3f}"))
    tone = "sharper" if about["temperature"] < 1 else "softer"
    told = _t(f"report.trust.{tone}", rows=count(report["rows"]["validation"])) if report["rows"]["validation"] else ""
    return (
        f'<div class="two"><figure>{drawn}<figcaption>{_t("report.trust.picture")}</figcaption></figure>'
        f"<div><p>{_t('report.trust.says')}</p>{_facts(facts)}<p class='quiet small'>{told}</p></div></div>"
    )


def _data(report: Report) -> str:
    data, provenance = report["data"], report["provenance"]
    left_out = {reason: rows for reason, rows in (data.get("left_out") or {}).items() if rows}
    parts = [
        _facts(
            [
                (_t("report.data.source"), html.escape(str(provenance.get("name", "–")))),
                (_t("report.data.origin"), say(str(provenance["origin"])) if provenance.get("origin") else "–"),
                (
                    _t("report.data.licence"),
                    say(str(provenance["licence"])) if provenance.get("licence") else _t("report.data.no_licence"),
                ),
                (_t("report.data.rows"), _number(report["collected_rows"])),
                *([(_t("report.data.left_out"), _reasons(left_out))] if left_out else []),
                (_t("report.data.digest"), f"<code>{html.escape(str(provenance.get('digest', '–')))}</code>"),
                *(
                    [(_t("report.data.detected"), html.escape(_detected(provenance["detected"])))]
                    if provenance.get("detected")
                    else []
                ),
            ]
        ),
        f"<h3>{_t('report.data.findings')}</h3>{_findings(data.get('findings', []))}",
        f"<h3>{_t('report.data.splits')}</h3>{_splits(report)}",
    ]
    if data.get("columns"):
        parts.append(f"<h3>{_t('report.data.columns')}</h3>{_columns(_in_order(report))}")
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
            name = _t(f"report.data.reasons.{reason.replace(' ', '_')}")
        except KeyError:
            name = html.escape(reason)
        said.append(f"{name} {count(rows)}")
    return " · ".join(said)


def _findings(findings: Sequence[Mapping[str, Any]]) -> str:
    if not findings:
        return f"<p>{_t('report.data.no_findings')}</p>"
    items = []
    for finding in findings:
        severity = str(finding.get("severity", "info"))
        severity = severity if severity in ("info", "warning", "error") else "info"
        text = say(_text(finding.get("text", finding.get("says", finding.get("check", "")))))
        mend = finding.get("mend")
        advice = f'<p class="mend">{say(_text(mend))}</p>' if mend and severity != "info" else ""
        items.append(f'<li class="{severity}"><p>{_t(f"report.data.{severity}")} · {text}</p>{advice}</li>')
    return f'<ul class="findings">{"".join(items)}</ul>'


def _splits(report: Report) -> str:
    names = [name for name in ("train", "validation", "test") if report["rows"].get(name)]
    heads = "".join(f'<th class="n">{_t(f"report.data.{name}")}</th>' for name in names)
    most = max((sum(entry["rows"].values()) for entry in report["by_class"]), default=1) or 1
    by_class = sorted(report["by_class"], key=lambda entry: -sum(entry["rows"].values()))
    listed = report["by_class"] if len(by_class) <= _MOST_IN_MATRIX else by_class[:_MOST_IN_MATRIX]
    lines = [
        f'<tr class="ours"><td>{_t("report.data.all")}</td><td></td>'
        + "".join(f'<td class="n">{count(report["rows"][name])}</td>' for name in names)
        + "</tr>"
    ]
    for entry in listed:
        total = sum(entry["rows"].values())
        bar = f'<span class="meter" style="width:100%;margin:0"><i style="width:{100 * total / most:.1f}%"></i></span>'
        lines.append(
            f'<tr><th>{say(_short(entry["name"]))}</th><td class="wide">{bar}</td>'
            + "".join(f'<td class="n">{count(entry["rows"][name])}</td>' for name in names)
            + "</tr>"
        )
    rest = len(by_class) - len(listed)
    note = f'<p class="quiet small">{_t("report.figures.more_classes", count=count(rest))}</p>' if rest else ""
    return (
        f'<div class="scroll"><table><thead><tr><th>{_t("report.figures.class")}</th><th></th>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>{note}"
    )


def _in_order(report: Report) -> dict[str, Any]:
    """The columns of the data report in the order of product.yaml, the target last."""
    columns = report["data"]["columns"]
    first = [name for name in (*report["product"]["given"], report["product"]["target"]) if name in columns]
    return {name: columns[name] for name in (*first, *(name for name in columns if name not in first))}


def _columns(columns: Mapping[str, Any]) -> str:
    names = list(columns)[:_MOST_IN_TABLE]
    heads = "".join(
        f"<th>{_t(f'report.data.{key}')}</th>" for key in ("column", "kind", "missing", "distinct", "looks")
    )
    lines = "".join(
        f"<tr><th>{say(_short(name))}</th><td>{_role(columns[name])}</td>"
        f'<td class="n">{_missing(columns[name].get("missing"))}</td>'
        f'<td class="n">{_number(columns[name].get("distinct"))}</td><td class="wide">{_looks(columns[name])}</td></tr>'
        for name in names
    )
    rest = len(columns) - len(names)
    note = f'<p class="quiet small">{_t("report.mistakes.more_columns", count=count(rest))}</p>' if rest else ""
    return f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>{note}'


def _role(about: Mapping[str, Any]) -> str:
    kind = html.escape(str(about.get("kind", "")))
    return f"{kind} · {_t('report.data.target')}" if about.get("role") == "target" else kind


def _missing(missing: Any) -> str:
    shares = list(missing.values()) if isinstance(missing, Mapping) else [missing]
    most = max((share for share in shares if isinstance(share, (int, float))), default=None)
    return "–" if not most else say(shown(most, "share"))


def _looks(about: Mapping[str, Any]) -> str:
    """A column in one line: bars and range of numbers, the commonest values, the sizes of pictures."""
    if about.get("histogram"):
        ends = about.get("quantiles") or {}
        low, middle, high = (_plain(ends.get(key)) for key in ("0.0", "0.5", "1.0"))
        said = _t("report.data.range", low=low, middle=middle, high=high)
        return f'{_bars(about["histogram"].get("train") or [])}<span class="quiet">{said}</span>'
    if about.get("top"):
        total = max(1, sum(entry["count"] for entry in about["top"]) + int(about.get("others") or 0))
        said = " · ".join(
            f"{html.escape(_short(str(entry['value']), 24))} {100 * entry['count'] / total:.0f}%"
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
        f"<p>{say(_text(gate['says']))}</p>"
        + (f'<p class="mend">{say(_text(gate["mend"]))}</p>' if gate["state"] in ("failed", "warning") else "")
        + "</li>"
        for gate in report["gates"]
    )
    return f'<p class="quiet">{_t("report.gates.about")}</p><ul class="verdicts">{items}</ul>'


def _gate_name(gate: Mapping[str, Any]) -> str:
    return say(gate_title(gate["name"]))


def _state(gate: Mapping[str, Any]) -> str:
    return _t(f"report.gates.{gate['state']}")


def _made(report: Report) -> str:
    made = report["made"]
    stages = "".join(
        f"<tr><th>{_t(f'report.made.{name}')}</th>"
        f'<td class="n">{say(duration(stage["seconds"])) if stage["seconds"] is not None else "–"}</td>'
        f'<td class="wide"><code>{html.escape(stage["artefact"][:16])}</code></td></tr>'
        for name, stage in made["stages"].items()
    )
    versions = ", ".join(f"{name} {version}" for name, version in made["versions"].items())
    facts = [
        (_t("report.made.seeds"), html.escape(", ".join(f"{name} {seed}" for name, seed in made["seeds"].items()))),
        (_t("report.made.versions"), html.escape(versions) or "–"),
    ]
    return (
        f'<div class="scroll"><table><thead><tr><th>{_t("report.made.stage")}</th>'
        f'<th class="n">{_t("report.made.took")}</th><th>{_t("report.made.artefact")}</th></tr></thead>'
        f"<tbody>{stages}</tbody></table></div>{_facts(facts)}"
        f"<details><summary>{_t('report.made.settings')}</summary><pre>{html.escape(made['settings'])}</pre></details>"
    )


def _words(report: Report) -> str:
    said = [
        *((say(_text(figure["title"])), say(_text(figure["meaning"]))) for figure in report["figures"]),
        *(
            (_t(f"report.words.{name}"), _t(f"report.words.{name}_says"))
            for name in ("interval", "baseline", "splits", "calibration")
        ),
    ]
    return _facts(said)


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return f'<dl class="facts">{"".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)}</dl>'


def _cell(value: Text, below: Text) -> str:
    return f'<td class="n">{say(value)}<span class="quiet">{say(below)}</span></td>'


def _meter(share: float) -> str:
    bar = f'<span class="meter"><i style="width:{share * 100:.1f}%"></i></span>'
    return f'{bar}<span class="share">{say(shown(share, "share"))}</span>'


def _better_baseline(figure: Mapping[str, Any]) -> str | None:
    known = {name: them["value"] for name, them in figure["against"].items() if them["value"] is not None}
    if not known:
        return None
    return str(max(known, key=lambda name: known[name] * (1 if figure["higher_is_better"] else -1)))


def _curve_names(history: Sequence[Mapping[str, Any]]) -> list[str]:
    numbers = {
        key
        for epoch in history
        for key, value in epoch.items()
        if isinstance(value, (int, float)) and not key.startswith("val_")
    }
    return [key for key in ("loss", "accuracy") if key in numbers]


def _epochs(about: Mapping[str, Any]) -> str:
    if about.get("epochs") is None:
        return "–"
    if about.get("best_epoch") is None:
        return _number(about["epochs"])
    return _t("report.training.epochs_best", epochs=count(about["epochs"]), best=count(about["best_epoch"]))


def _rows_line(rows: Mapping[str, int]) -> str:
    return _t("report.training.rows_say", **{name: count(rows[name]) for name in ("train", "validation", "test")})


def _number(value: Any) -> str:
    return count(value) if isinstance(value, int) else "–" if value is None else html.escape(str(value))


def _detected(detected: Any) -> str:
    """What was detected, as one line: ``table.csv: encoding utf-8, delimiter ,``."""
    if not isinstance(detected, Mapping):
        return _plain(detected)
    told = {name: value for name, value in detected.items() if value and name not in _TOLD_ELSEWHERE}
    said = [f"{name}: {_detected(value)}" for name, value in told.items() if isinstance(value, Mapping)]
    plain = [f"{name} {_quoted(value)}" for name, value in told.items() if not isinstance(value, Mapping)]
    return "; ".join([*([", ".join(plain)] if plain else []), *said])


def _quoted(value: Any) -> str:
    """Signs in quotes, so that a comma that was detected does not look like one of the sentence."""
    return f"“{value}”" if isinstance(value, str) and not value.isalnum() else _plain(value)


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < _NO_EXPONENTS else f"{value:,.0f}"
    if isinstance(value, (list, Mapping)):
        return _short(json.dumps(value, ensure_ascii=False))
    return _short(str(value))


def _short(text: str, longest: int = _LONGEST_WORD) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
