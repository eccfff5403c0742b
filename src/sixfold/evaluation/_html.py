"""Pieces of the report's page: every string goes through :func:`say` or :func:`html.escape`."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sixfold.evaluation._appraisal import Report, Thumbnails
from sixfold.evaluation._words import both, count, shown
from sixfold.language import Text

__all__ = [
    "cell",
    "examples",
    "facts",
    "image_of",
    "meter",
    "number",
    "plain",
    "say",
    "short",
    "swatch",
    "t",
    "table",
    "text_of",
]

_CODE = re.compile("`([^`]+)`")
_UNIT = re.compile(r"(?<=\d) %")
"""A number and its sign of percent, which no line may part."""

_MOST_COLUMNS = 14
_MOST_BESIDE_PICTURES = 6
_MOST_CHANNELS = 4
_MOST_POINTS = 120
_LONGEST_PROSE = 280
_LONGEST_WORD = 60
_NO_EXPONENTS = 1000


def say(text: Text | str) -> str:
    """Escaped HTML of a text, in both languages if they differ; what stands in backticks is code."""
    if isinstance(text, str):
        return html.escape(text)
    english, chinese = (_CODE.sub(r"<code>\1</code>", html.escape(text(code))) for code in ("en", "zh"))
    english = _UNIT.sub("\u00a0%", english)
    return english if english == chinese else f'<span lang="en">{english}</span><span lang="zh">{chinese}</span>'


def t(key: str, **values: Any) -> str:
    """The sentence at ``key`` of the locale files, in both languages."""
    return say(both(key, **values))


def text_of(record: Any) -> Text | str:
    """A text of report.json: {en, zh}, or a plain string."""
    if isinstance(record, Mapping) and {"en", "zh"} <= set(record):
        return Text(str(record["en"]), str(record["zh"]))
    return str(record)


def facts(told: Iterable[tuple[str, str]]) -> str:
    """Names and what is known of each (HTML both)."""
    return f'<dl class="facts">{"".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in told)}</dl>'


def cell(value: Text, below: Text) -> str:
    """A cell of a table: a value, and something small below it."""
    return f'<td class="n">{say(value)}<span class="quiet">{say(below)}</span></td>'


def meter(share: float) -> str:
    """A share as a bar and as a number."""
    bar = f'<span class="meter"><i style="width:{share * 100:.1f}%"></i></span>'
    return f'{bar}<span class="share">{say(shown(share, "share"))}</span>'


def swatch(color: str) -> str:
    """A small square of a colour."""
    return f'<i class="swatch" style="background:{html.escape(color)}"></i>'


def number(value: Any) -> str:
    """A whole number, or a dash where it is not known."""
    return count(value) if isinstance(value, int) else "–" if value is None else html.escape(str(value))


def plain(value: Any) -> str:
    """A value of the data in a few letters; not escaped."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < _NO_EXPONENTS else f"{value:,.0f}"
    if isinstance(value, (list, Mapping)):
        return short(json.dumps(value, ensure_ascii=False))
    return short(str(value))


def short(text: str, longest: int = _LONGEST_WORD) -> str:
    """A text cut to its first letters; not escaped."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def table(heads: Iterable[tuple[str, bool]], lines: Iterable[str]) -> str:
    """A table that scrolls sideways where it must.

    Args:
        heads: The columns' titles (HTML), and whether each holds numbers.
        lines: The rows, ``<tr>`` and all.
    """
    head = "".join(f'<th class="n">{title}</th>' if is_number else f"<th>{title}</th>" for title, is_number in heads)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def examples(
    report: Report,
    thumbnails: Thumbnails,
    said: Callable[[Mapping[str, Any]], str],
    right: Callable[[Mapping[str, Any]], str],
) -> str:
    """The worst examples of a report: as pictures if they have any, else as a table of their values.

    Args:
        report: The report.
        thumbnails: Their pictures, by collected row.
        said: What was said of an example (HTML).
        right: What is right (HTML).
    """
    return _as_pictures(report, thumbnails, said, right) if thumbnails else _as_rows(report, said, right)


def _as_pictures(
    report: Report,
    thumbnails: Thumbnails,
    said: Callable[[Mapping[str, Any]], str],
    right: Callable[[Mapping[str, Any]], str],
) -> str:
    items = []
    for example in report["worst"]:
        pictures = thumbnails.get(example["row"], ())
        images = "".join(image_of(picture, example["right"]) for picture in pictures)
        images = f'<div class="several">{images}</div>' if len(pictures) > 1 else images
        where = html.escape(short(str(example["path"] or f"# {example['row']}"), 42))
        values = " · ".join(
            f"{html.escape(short(name, 24))} {html.escape(plain(value))}"
            for name, value in list(example["values"].items())[:_MOST_BESIDE_PICTURES]
        )
        beside = f'<span class="quiet small">{values}</span><br>' if values else ""
        items.append(
            f'<li>{images}<p><span class="wrong">{t("report.mistakes.said")} {said(example)}</span><br>'
            f'<span class="right">{t("report.mistakes.is")} {right(example)}</span><br>'
            f'{beside}<span class="quiet small">{where}</span></p></li>'
        )
    return f'<ul class="examples">{"".join(items)}</ul>'


def image_of(picture: tuple[bytes, str, bool], about: Any) -> str:
    """A thumbnail, with what it is for readers who cannot see it."""
    data, mime, tiny = picture
    kind = ' class="tiny"' if tiny else ""
    source = f"data:{mime};base64,{base64.b64encode(data).decode()}"
    return f'<img src="{source}" alt="{html.escape(plain(about))}"{kind}>'


def _as_rows(
    report: Report, said: Callable[[Mapping[str, Any]], str], right: Callable[[Mapping[str, Any]], str]
) -> str:
    columns = list(report["worst"][0]["values"])
    shown_columns = columns[:_MOST_COLUMNS]
    heads = [
        (t("report.mistakes.row"), True),
        (t("report.mistakes.said"), False),
        (t("report.mistakes.is"), False),
        *((say(short(column)), False) for column in shown_columns),
    ]
    lines = (
        f'<tr><td class="n quiet">{count(example["row"])}</td><td class="wrong">{said(example)}</td>'
        f'<td class="right">{right(example)}</td>'
        + "".join(_value(example["values"].get(column)) for column in shown_columns)
        + "</tr>"
        for example in report["worst"]
    )
    rest = len(columns) - len(shown_columns)
    note = f'<p class="quiet small">{t("report.mistakes.more_columns", count=count(rest))}</p>' if rest else ""
    return table(heads, lines) + note


def _value(value: Any) -> str:
    """A cell with a value of the data: a long text as prose, a series as its line."""
    if isinstance(value, str) and len(value) > _LONGEST_WORD:
        return f'<td class="prose">{html.escape(short(value, _LONGEST_PROSE))}</td>'
    if (lines := _as_series(value)) is not None:
        return f'<td class="wide">{_spark(lines)}</td>'
    return f"<td>{html.escape(plain(value))}</td>"


def _as_series(value: Any) -> list[list[float]] | None:
    """The channels of a value that is a series: numbers, or channels of numbers."""
    if not isinstance(value, (list, Mapping)) or not value:
        return None
    channels = [value] if isinstance(value, list) and not isinstance(value[0], list) else list(_inner(value))
    if not all(isinstance(channel, list) and len(channel) > 1 for channel in channels):
        return None
    if not all(entry is None or isinstance(entry, (int, float)) for channel in channels for entry in channel):
        return None
    return [[float(entry) for entry in channel if entry is not None] for channel in channels]


def _inner(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, Mapping) else value


def _spark(channels: Sequence[Sequence[float]]) -> str:
    drawn = []
    for channel in channels[:_MOST_CHANNELS]:
        step = max(1, len(channel) // _MOST_POINTS)
        points = channel[::step]
        low, high = min(points, default=0), max(points, default=0)
        spread = (high - low) or 1
        places = " ".join(
            f"{100 * place / max(1, len(points) - 1):.1f},{22 - 20 * (value - low) / spread:.1f}"
            for place, value in enumerate(points)
        )
        drawn.append(f'<polyline points="{places}"/>')
    return (
        '<svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">'
        + "".join(drawn)
        + "</svg>"
    )
