"""What the report shows of the data report: findings with the rows to look at, drift, groups, what to collect next."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sixfold.evaluation._appraisal import Report, Thumbnails
from sixfold.evaluation._formula import Style
from sixfold.evaluation._html import cell, image_of, plain, say, short, t, table, text_of
from sixfold.evaluation._pictures import Span, Twin, forest, twins
from sixfold.evaluation._words import both, count, shown
from sixfold.language import Text

__all__ = ["findings", "looked_at", "what_next", "who_and_how"]

_MOST_LOOKED_AT = 60
_MOST_DRIFTS, _MOST_BINS = 4, 12
_MOST_GROUPED, _MOST_IN_GROUP = 6, 12
_LONGEST = 220


def looked_at(data: Mapping[str, Any]) -> list[int]:
    """The rows that the findings of a data report ask people to look at."""
    rows = dict.fromkeys(
        row for finding in data.get("findings", []) for one in finding.get("shows") or () for row in one["rows"]
    )
    return list(rows)[:_MOST_LOOKED_AT]


def findings(report: Report, thumbnails: Thumbnails) -> str:
    """What the checks found, the gravest first, each with what to do and the rows to look at."""
    data = report["data"]
    found = data.get("findings", [])
    if not found:
        return f"<p>{t('report.data.no_findings')}</p>"
    items = []
    for finding in sorted(found, key=lambda one: one.get("severity") != "warning"):
        severity = finding["severity"] if finding.get("severity") in ("info", "warning", "error") else "info"
        text = text_of(finding.get("text", finding.get("says", finding.get("check", ""))))
        mend = finding.get("mend")
        is_told = mend and (severity != "info" or finding.get("shows"))
        advice = f'<p class="mend">{say(text_of(mend))}</p>' if is_told else ""
        rows = _rows(finding.get("shows") or [], data.get("shown") or {}, thumbnails)
        items.append(f'<li class="{severity}"><p>{t(f"report.data.{severity}")} · {say(text)}</p>{advice}{rows}</li>')
    return f'<ul class="findings">{"".join(items)}</ul>'


def _rows(shows: Sequence[Mapping[str, Any]], known: Mapping[str, Any], thumbnails: Thumbnails) -> str:
    """Rows to look at: pictures side by side, or else their values in a table."""
    shows = [one for one in shows if all(str(row) in known for row in one["rows"])]
    if not shows:
        return ""
    if not any(thumbnails.get(row) for one in shows for row in one["rows"]):
        names = list(known[str(shows[0]["rows"][0])]["values"])
        names = [
            name for name in names if any(known[str(row)]["values"].get(name) for one in shows for row in one["rows"])
        ]
        heads = [(t("report.mistakes.row"), True), ("", False), *((say(short(name)), False) for name in names[:6])]
        lines = [
            f'<tr><td class="n quiet">{count(row + 1)}</td><td>{say(text_of(one["says"])) if first else ""}</td>'
            + "".join(_value(known[str(row)]["values"].get(name)) for name in names[:6])
            + "</tr>"
            for one in shows
            for first, row in ((place == 0, row) for place, row in enumerate(one["rows"]))
        ]
        return table(heads, lines)
    items = []
    for one in shows:
        images = [image_of(picture, "") for row in one["rows"] for picture in list(thumbnails.get(row, ()))[:1]]
        within = f'<div class="several">{"".join(images)}</div>' if len(images) > 1 else "".join(images)
        where = " · ".join(short(str(known[str(row)]["path"] or f"# {row + 1}"), 36) for row in one["rows"])
        said = "" if len(one["rows"]) > 1 else f"{say(text_of(one['says']))}<br>"
        items.append(f'<li>{within}<p>{said}<span class="quiet small">{html.escape(where)}</span></p></li>')
    return f'<ul class="examples">{"".join(items)}</ul>'


def _value(value: Any) -> str:
    if isinstance(value, str):
        return f'<td class="prose">{html.escape(short(value, _LONGEST))}</td>'
    return f"<td>{html.escape(plain(value))}</td>"


def who_and_how(report: Report) -> Iterator[str]:
    """Which columns lie otherwise in the test than in training; and groups with their rows and rates."""
    data = report["data"]
    drifted = [one for one in data.get("drift") or [] if one["split"] == "test"] or list(data.get("drift") or [])
    if drifted:
        panels = [
            Twin(
                Text(
                    f"{short(one['column'], 22)}{_of(one['of']).en}", f"{short(one['column'], 22)}{_of(one['of']).zh}"
                ),
                [short(label, 16) for label in one["bins"][:_MOST_BINS]],
                one["train"][:_MOST_BINS],
                one["other"][:_MOST_BINS],
            )
            for one in drifted[:_MOST_DRIFTS]
        ]
        other = t(f"report.data.{drifted[0]['split']}")
        legend = f'<span class="key second"></span>{t("report.data.train")} &ensp; <span class="key"></span>{other}'
        yield f"<h3>{t('report.data.drift')}</h3>"
        pictures = (twins(f"drift-{place}", panel, both("report.data.drift")) for place, panel in enumerate(panels))
        yield f'<figure class="beside">{"".join(pictures)}</figure>'
        yield f'<p class="quiet small">{legend}<br>{t("report.data.drift_about")}</p>'
    if groups := data.get("groups"):
        yield f"<h3>{t('report.data.groups')}</h3>{_groups(groups, report)}"


def _groups(groups: Mapping[str, Any], report: Report) -> str:
    target = str(report["product"]["target"])
    lines: list[str] = []
    pictures: list[str] = []
    shares = [one for told in groups.values() if told["of"] for one in told["groups"] if one["rate"] is not None]
    most = 100 * max((one["high"] for one in shares), default=0)
    for name, told in list(groups.items())[:_MOST_GROUPED]:
        entries = told["groups"][:_MOST_IN_GROUP]
        total = sum(one["rows"]["train"] for one in told["groups"]) or 1
        for place, one in enumerate(entries):
            share = one["rows"]["train"] / total
            bar = f'<span class="meter" style="width:100%;margin:0"><i style="width:{share * 100:.1f}%"></i></span>'
            rate = (
                cell(shown(one["rate"], "share" if told["of"] else "amount"), Text("", ""))
                if one["rate"] is not None
                else "<td></td>"
            )
            lines.append(
                f"<tr><th>{say(short(name)) if place == 0 else ''}</th><td>{say(short(one['group'], 28))}</td>"
                f'<td class="wide">{bar}</td>'
                + "".join(
                    f'<td class="n">{count(one["rows"][split])}</td>' for split in ("train", "validation", "test")
                )
                + f"{rate}</tr>"
            )
        spans = [
            Span(Text(label, label), 100 * one["rate"], 100 * one["low"], 100 * one["high"], True)
            for one in entries
            if one["rate"] is not None and (label := short(one["group"], 18))
        ]
        if told["of"] and len(spans) > 1:
            overall = sum(sum(one["rows"].values()) * one["rate"] for one in told["groups"])
            overall /= sum(sum(one["rows"].values()) for one in told["groups"]) or 1
            title = Text(
                f"{short(name, 24)}: % {short(told['of'], 16)}", f"{short(name, 24)}：{short(told['of'], 16)} %"
            )
            ends = (0.0, min(100.0, 1.05 * most))
            pictures.append(
                forest(
                    f"group-{len(pictures)}",
                    title,
                    spans,
                    beside=100 * overall,
                    ends=ends,
                    label=both("report.data.groups"),
                )
            )
    of = next((told["of"] for told in groups.values() if told["of"]), None)
    last = Text(f"{target}: {of}", f"{target}：{of}") if of else Text(target, target)
    heads = [("", False), (t("report.data.group"), False), ("", False)]
    heads += [(t(f"report.data.{split}"), True) for split in ("train", "validation", "test")]
    drawn = f'<figure class="beside">{"".join(pictures)}</figure>' if pictures else ""
    about = f'<p class="quiet small">{t("report.data.groups_about")}</p>'
    return drawn + table([*heads, (say(last), True)], lines) + about


def what_next(report: Report) -> str:
    """Where more rows would help, as a table; nothing where it could not be measured."""
    told = report["data"].get("next")
    if not told:
        return ""
    style: Style = "share" if told["measure"] == "share" else "number"
    about = t(
        "report.data.next_about",
        rows=count(told["rows"]),
        half=shown(told["half"], style),
        now=shown(told["error"], style),
    )
    if not told["regions"]:
        return f"<h3>{t('report.data.next')}</h3><p>{about}</p><p>{t('report.data.next_none')}</p>"
    most = max(one["gain"] for one in told["regions"]) or 1.0
    lines = []
    for one in told["regions"]:
        width = max(0.0, 100 * one["gain"] / most)
        bar = f'<span class="meter" style="width:100%;margin:0"><i style="width:{width:.1f}%"></i></span>'
        what = Text(f"{one['column']}{_of(one['of']).en}", f"{one['column']}{_of(one['of']).zh}")
        lines.append(
            f"<tr><th>{say(what)}</th><td>{say(short(one['region'], 40))}</td>"
            f'<td class="n">{count(one["rows"])}</td><td class="n">{say(shown(one["half"], style))}</td>'
            f'<td class="n">{say(shown(one["error"], style))}</td><td class="wide">{bar}</td></tr>'
        )
    heads = [
        (t("report.data.column"), False),
        (t("report.data.region"), False),
        (t("report.data.rows_now"), True),
        (t("report.data.error_half"), True),
        (t("report.data.error_now"), True),
        (t("report.data.helps"), False),
    ]
    return f"<h3>{t('report.data.next')}</h3><p>{about}</p>{table(heads, lines)}"


def _of(of: str) -> Text:
    """What of a column is meant, where it is not its value."""
    known = {"length": (" (length)", "（长度）"), "brightness": (" (brightness)", "（亮度）"), "class": ("", "")}
    return Text(*known.get(of, ("", "")))
