"""What the page says of classes."""

from __future__ import annotations

import html

from sixfold.evaluation._appraisal import Report, Section, Thumbnails
from sixfold.evaluation._formula import Style
from sixfold.evaluation._html import examples, facts, meter, say, short, t, table, text_of
from sixfold.evaluation._pictures import Axis, Dots, dots
from sixfold.evaluation._words import both, count, interval, shown
from sixfold.language import Text

__all__ = ["by_class", "mistakes", "notes", "trust", "verdict", "words"]

_MOST_IN_MATRIX = 30
_MOST_IN_TABLE = 60
_NAMES_UPRIGHT = 5


def verdict(report: Report) -> list[Text]:
    """How good it is, against what guessing would reach."""
    headline = report["figures"][0]
    style: Style = headline["style"]
    values = {
        "figure": text_of(headline["title"]),
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
    return parts


def notes(report: Report) -> list[Text]:
    """What the linear model learned from."""
    told, linear = [], report["baselines"].get("linear")
    if linear is not None:
        told.append(both("report.figures.linear", rows=count(linear["training_rows"]), inputs=count(linear["inputs"])))
        if not linear["converged"]:
            told.append(both("report.figures.not_converged", iterations=count(linear["iterations"])))
    if report["rows"]["left_out"]:
        told.append(both("report.figures.left_out", rows=count(report["rows"]["left_out"])))
    return told


def by_class(report: Report) -> str:
    """Precision, recall and F1 of each class."""
    ranked = sorted(report["by_class"], key=lambda entry: -entry["support"])
    listed = report["by_class"] if len(ranked) <= _MOST_IN_TABLE else ranked[:_MOST_IN_TABLE]
    lines = (
        f"<tr><th>{say(short(entry['name']))}</th>"
        + "".join(f'<td class="n">{meter(entry[key])}</td>' for key in ("precision", "recall", "f1"))
        + f'<td class="n">{count(entry["support"])}</td></tr>'
        for entry in listed
    )
    heads = [(t(f"report.figures.{key}"), True) for key in ("precision", "recall", "f1", "test_rows")]
    rest = len(ranked) - len(listed)
    note = f'<p class="quiet small">{t("report.figures.more_classes", count=count(rest))}</p>' if rest else ""
    return f"<h3>{t('report.figures.by_class')}</h3>{table([(t('report.figures.class'), False), *heads], lines)}{note}"


def mistakes(report: Report, thumbnails: Thumbnails) -> Section:
    """The confusion matrix, the most frequent confusions, and the most confidently wrong rows."""
    wrong, rows = report["wrong_rows"], report["rows"]["test"]
    parts = [f"<p>{t('report.mistakes.says', wrong=count(wrong), rows=count(rows))}</p>"]
    if report["confusion"] is not None and len(report["classes"]) <= _MOST_IN_MATRIX:
        parts.append(f"<h3>{t('report.mistakes.matrix')}</h3>{_matrix(report)}")
    repeated = [pair for pair in report["confused"] if pair["rows"] > 1]
    if repeated and len(report["classes"]) > 2:  # noqa: PLR2004 — of two classes the matrix says it all
        pairs = (
            f"<tr><td>{say(short(pair['right']))}</td><td>{say(short(pair['said']))}</td>"
            f'<td class="n">{count(pair["rows"])}</td><td class="n">{say(shown(pair["share"], "share"))}</td></tr>'
            for pair in repeated
        )
        heads = [
            (t(f"report.mistakes.{key}"), key in ("often", "share")) for key in ("truth", "answer", "often", "share")
        ]
        parts.append(f"<h3>{t('report.mistakes.confused')}</h3>{table(heads, pairs)}")
    if report["worst"]:
        parts.append(f"<h3>{t('report.mistakes.worst')}</h3><p class='quiet'>{t('report.mistakes.worst_says')}</p>")
        parts.append(examples(report, thumbnails, _said, _right))
    return Section("mistakes", both("report.contents.mistakes"), both("report.mistakes.title"), "\n".join(parts))


def _said(example: Report) -> str:
    sure = say(shown(example["confidence"], "share"))
    return f'<b>{say(short(example["said"]))}</b> <span class="quiet">{sure}</span>'


def _right(example: Report) -> str:
    return f"<b>{say(short(example['right']))}</b>"


def _matrix(report: Report) -> str:
    classes, cells = report["classes"], report["confusion"]
    many = len(classes) > 12  # noqa: PLR2004 — beyond, cells must be smaller to fit a page
    tilted = max(len(name) for name in classes) > _NAMES_UPRIGHT
    side = "1.62rem" if many else "2.6rem"
    heads = "".join(f'<th scope="col"><span>{say(short(name))}</span></th>' for name in classes)
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
        lines.append(f'<tr><th scope="row">{say(short(name))}</th>{"".join(filled)}</tr>')
    return (
        f'<div class="scroll"><table class="matrix{" tilted" if tilted else ""}" '
        f'style="--cell-side:{side};--cell-size:{".7rem" if many else ".85rem"}"><thead><tr>'
        f'<th class="corner">{t("report.mistakes.corner")}</th>{heads}</tr></thead><tbody>{"".join(lines)}</tbody>'
        f'</table></div><p class="quiet small">{t("report.mistakes.matrix_says")}</p>'
    )


def trust(report: Report) -> Section:
    """How sure it was, against how often it was right."""
    about = report["calibration"]
    most = max((entry["rows"] for entry in about["bins"]), default=1)
    bins = Dots(
        [100 * entry["confidence"] for entry in about["bins"]],
        [100 * entry["right"] for entry in about["bins"]],
        [16 + 150 * entry["rows"] / most for entry in about["bins"]],
    )
    drawn = dots(
        "reliability",
        [bins],
        Axis(both("report.trust.said"), percent=True, ends=(0, 103)),
        Axis(both("report.trust.happened"), percent=True, ends=(0, 103)),
        both("report.trust.picture_label"),
        guide="diagonal",
    )
    known = [
        (t("report.trust.ece"), say(shown(about["ece"], "share"))),
        (t("report.trust.ece_before"), say(shown(about["ece_before"], "share"))),
        (t("report.trust.temperature"), f"{about['temperature']:.2f}"),
    ]
    if about["threshold"] is not None:
        known.append((t("report.trust.threshold", yes=report["classes"][-1]), f"{about['threshold']:.3f}"))
    tone = "sharper" if about["temperature"] < 1 else "softer"
    told = t(f"report.trust.{tone}", rows=count(about["decided_on"])) if about["decided_on"] else ""
    body = (
        f'<div class="two"><figure>{drawn}<figcaption>{t("report.trust.picture")}</figcaption></figure>'
        f"<div><p>{t('report.trust.says')}</p>{facts(known)}<p class='quiet small'>{told}</p></div></div>"
    )
    return Section("trust", both("report.contents.trust"), both("report.trust.title"), body)


def words() -> list[tuple[Text, Text]]:
    """What calibration means."""
    return [(both(f"report.words.{name}"), both(f"report.words.{name}_says")) for name in ("baseline", "calibration")]
