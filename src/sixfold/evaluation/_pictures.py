"""Pictures of the report: SVG by Matplotlib, their text kept as text, in both languages, in the colours of the page.

Every word is drawn as a plain token (``@3@``) and replaced afterwards: so a name from the data is escaped like any
other string, needs no font of this machine, and never becomes mathematics because it has a dollar sign. Colours are
drawn as tokens too and become the page's CSS variables, so that a picture follows light, dark and print.
"""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sixfold.language import Text

__all__ = [
    "Axis",
    "Block",
    "Course",
    "Dots",
    "Fan",
    "Ladder",
    "Rung",
    "Series",
    "Span",
    "Swarm",
    "Twin",
    "Walk",
    "blocks",
    "courses",
    "curves",
    "dots",
    "fans",
    "forest",
    "ladders",
    "spans",
    "swarms",
    "trade",
    "twins",
    "walks",
]

_COLOURS = {
    "#010101": "var(--ink)",
    "#020202": "var(--quiet)",
    "#030303": "var(--line)",
    "#040404": "var(--accent)",
    "#050505": "var(--second)",
    "#060606": "var(--paper)",
}
_INK, _QUIET, _LINE, _ACCENT, _SECOND, _PAPER = _COLOURS
_LOOKS = (
    (_ACCENT, "-"),
    (_SECOND, "-"),
    (_QUIET, "-"),
    (_ACCENT, (0, (4, 2))),
    (_SECOND, (0, (4, 2))),
    (_QUIET, (0, (4, 2))),
)
"""Colour and dash of the lines of a picture, in their order."""

_NAME_HEIGHT = 0.085
"""Of a panel's height, what a name beside it takes."""

_SIZE = 10.0
_NO_EXPONENT, _EXPONENT = 1e4, 1e12
"""Whole ticks between these are written in full, their thousands set apart."""

_WIDTH = 9.8
"""Inches; on the page the whole width of the text."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line of :func:`curves`: what it is, its values over the epochs, and whether it was seen while training."""

    title: Text
    values: Sequence[float]
    is_training: bool


@dataclass(frozen=True, slots=True)
class Span:
    """One value with its interval, for :func:`spans`."""

    title: Text | str
    value: float
    low: float
    high: float
    is_ours: bool


@dataclass
class _Words:
    """The words of one picture, by token."""

    said: list[Text] = field(default_factory=list)

    def __call__(self, text: Text | str) -> str:
        self.said.append(text if isinstance(text, Text) else Text(text, text))
        return f"@{len(self.said) - 1}@"


def spans(name: str, rows: Sequence[Span], *, percent: bool, label: Text) -> str:
    """Values with their intervals on one scale, the product's own first.

    Args:
        name: A word for identifiers inside the picture, unique on the page.
        rows: From above to below.
        percent: Whether values are shares.
        label: What the picture shows, for readers who cannot see it.
    """
    words, scale = _Words(), 100 if percent else 1
    with _style(name):
        height = 0.5 * len(rows) + 0.42
        figure = _figure(_WIDTH, height)
        axes = figure.add_axes((0.01, 0.36 / height, 0.98, 1 - 0.38 / height))
        for place, row in enumerate(reversed(rows)):
            colour = _ACCENT if row.is_ours else _QUIET
            axes.plot([row.low * scale, row.high * scale], [place, place], color=colour, lw=2.2, solid_capstyle="round")
            axes.plot([row.value * scale], [place], "o", color=colour, ms=8 if row.is_ours else 6.5)
        ends = [end * scale for row in rows for end in (row.low, row.high)]
        spread = max(max(ends) - min(ends), 1e-6)
        low, high = min(ends) - 0.05 * spread, max(ends) + 0.05 * spread
        if percent:
            low, high = max(-1.0, low) if min(ends) >= 0 else low, min(101.0, high)
        axes.set_xlim(low, high)
        axes.set_ylim(-0.5, len(rows) - 0.28)
        for place, row in enumerate(reversed(rows)):
            middle = (row.low + row.high) / 2 * scale
            side = "left" if middle < (low + high) / 2 else "right"
            anchor = min(row.low * scale, row.value * scale) if side == "left" else max(row.high, row.value) * scale
            axes.text(anchor, place + 0.24, words(row.title), ha=side, va="bottom", fontsize=_SIZE,
                      color=_INK if row.is_ours else _QUIET)  # fmt: skip
        _calm(axes, words, x_percent=percent)
        axes.yaxis.set_visible(False)
        axes.grid(visible=True, axis="x", color=_LINE, lw=0.8)
        return _svg(figure, words, label)


def forest(
    name: str, title: Text, rows: Sequence[Span], *, beside: float, ends: tuple[float, float], label: Text
) -> str:
    """Values of groups with their intervals, a line each, their names on the left; half as broad as the page.

    Args:
        name: A word for identifiers inside the picture, unique on the page.
        title: What the groups are of.
        rows: From above to below.
        beside: A value that all are held against: a dashed line.
        ends: Of the scale, so that several pictures can be read against each other.
        label: What the picture shows, for readers who cannot see it.
    """
    words, height = _Words(), 0.3 * len(rows) + 0.7
    with _style(name):
        figure = _figure(4.2, height)
        axes = figure.add_axes((0.34, 0.34 / height, 0.64, 0.3 * len(rows) / height))
        axes.axvline(0, color=_LINE, lw=1.6, zorder=1)
        axes.axvline(beside, color=_QUIET, lw=1, ls=(0, (4, 4)), zorder=2)
        for place, row in enumerate(reversed(rows)):
            colour = _ACCENT if row.is_ours else _QUIET
            low, high = max(row.low, ends[0]), min(row.high, ends[1])
            axes.plot([low, high], [place, place], color=colour, lw=2, solid_capstyle="round", zorder=3)
            axes.plot([min(max(row.value, ends[0]), ends[1])], [place], "o", color=colour, ms=6, zorder=4)
            axes.text(-0.04, place, words(row.title), ha="right", va="center", fontsize=_SIZE - 1, color=_INK,
                      transform=axes.get_yaxis_transform())  # fmt: skip
        axes.set_xlim(*ends)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        _calm(axes, words)
        axes.yaxis.set_visible(False)
        axes.grid(visible=True, axis="x", color=_LINE, lw=0.8)
        figure.text(0.012, 0.985, words(title), ha="left", va="top", fontsize=_SIZE + 1, color=_INK)
        return _svg(figure, words, label)


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a :class:`Ladder`: what it is called, and a value with its interval."""

    title: Text | str
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Ladder:
    """One panel of :func:`ladders`: its title, what its steps are counted in, and the steps."""

    title: Text
    unit: Text
    rungs: Sequence[Rung]


def ladders(name: str, panels: Sequence[Ladder], guide: float, *, percent: bool, label: Text) -> list[str]:
    """Values with their intervals over steps, a small picture for each panel, all on one scale.

    Args:
        name: A word for identifiers inside the pictures, unique on the page.
        panels: What is drawn.
        guide: The value that all are held against: a dashed line.
        percent: Whether values are shares.
        label: What the pictures show, for readers who cannot see them.
    """
    scale = 100 if percent else 1
    ends = [scale * end for panel in panels for rung in panel.rungs for end in (rung.low, rung.high)] + [scale * guide]
    margin = 0.08 * (max(ends) - min(ends) or 1.0)
    drawn = []
    for number, panel in enumerate(panels):
        words = _Words()
        with _style(f"{name}-{number}"):
            figure = _figure(2.5, 2.3)
            axes = figure.add_axes((0.21, 0.25, 0.76, 0.58))
            axes.axhline(scale * guide, color=_QUIET, lw=1, ls=(0, (4, 4)), zorder=1)
            for step, rung in enumerate(panel.rungs):
                axes.vlines(step, scale * rung.low, scale * rung.high, color=_ACCENT, lw=2.2, zorder=2)
                axes.plot([step], [scale * rung.value], "o", color=_ACCENT, ms=6, zorder=3)
            axes.plot(range(len(panel.rungs)), [scale * rung.value for rung in panel.rungs], color=_ACCENT, lw=1,
                      alpha=0.5)  # fmt: skip
            axes.set_xlim(-0.4, max(1, len(panel.rungs) - 1) + 0.4)
            axes.set_ylim(min(ends) - margin, max(ends) + margin)
            _calm(axes, words, y_percent=percent)
            axes.set_xticks(range(len(panel.rungs)), [words(rung.title) for rung in panel.rungs])
            axes.grid(visible=True, axis="y", color=_LINE, lw=0.8)
            figure.text(0.21, 0.99, words(panel.title), ha="left", va="top", fontsize=_SIZE + 0.5, color=_INK)
            figure.text(0.21, 0.01, words(panel.unit), ha="left", va="bottom", fontsize=_SIZE - 1, color=_QUIET)
            drawn.append(_svg(figure, words, Text(f"{label.en}: {panel.title.en}", f"{label.zh}：{panel.title.zh}")))
    return drawn


@dataclass(frozen=True, slots=True)
class Swarm:
    """One line of :func:`swarms`: what it is of, a value for each row, and where each row stands (0–1 from the least to
    the greatest); ``None`` where rows have no order."""

    title: str
    values: Sequence[float]
    standing: Sequence[float | None]


def swarms(name: str, lines: Sequence[Swarm], *, percent: bool, ends: tuple[Text, Text], label: Text) -> str:
    """Every row as a dot on the line of each column, dots beside each other where there are many.

    Args:
        name: A word for identifiers inside the picture, unique on the page.
        lines: From above to below.
        percent: Whether values are shares.
        ends: What it means to be far to the left, and far to the right.
        label: What the picture shows, for readers who cannot see it.
    """
    words, scale = _Words(), 100 if percent else 1
    height = 0.42 * len(lines) + 0.75
    with _style(name):
        figure = _figure(_WIDTH, height)
        axes = figure.add_axes((0.24, 0.5 / height, 0.75, 1 - 0.75 / height))
        most = max((abs(value) for line in lines for value in line.values), default=1.0) * scale or 1.0
        axes.axvline(0, color=_QUIET, lw=1, zorder=1)
        for place, line in enumerate(reversed(lines)):
            at = [value * scale for value in line.values]
            heights = [place + offset for offset in _beside(at, most)]
            for colour, is_wanted in ((_QUIET, None), (_ACCENT, False), (_SECOND, True)):
                chosen = [
                    number
                    for number, standing in enumerate(line.standing)
                    if (None if standing is None else standing > 0.5) is is_wanted  # noqa: PLR2004 — the upper half
                ]
                axes.scatter([at[number] for number in chosen], [heights[number] for number in chosen], s=13,
                             color=colour, alpha=0.8, linewidth=0, zorder=3)  # fmt: skip
            axes.text(-0.015, place, words(line.title), ha="right", va="center", fontsize=_SIZE, color=_INK,
                      transform=axes.get_yaxis_transform())  # fmt: skip
        axes.set_xlim(-1.08 * most, 1.08 * most)
        axes.set_ylim(-0.55, len(lines) - 0.45)
        _calm(axes, words, x_percent=percent)
        axes.yaxis.set_visible(False)
        axes.grid(visible=True, axis="x", color=_LINE, lw=0.8)
        figure.text(0.24, 0.995, words(ends[0]), ha="left", va="top", fontsize=_SIZE - 1, color=_QUIET)
        figure.text(0.99, 0.995, words(ends[1]), ha="right", va="top", fontsize=_SIZE - 1, color=_QUIET)
        return _svg(figure, words, label)


def _beside(values: Sequence[float], most: float, bins: int = 90, gap: float = 0.085) -> list[float]:
    """How far above or below the line each dot stands, so that dots of about the same value stand beside each other."""
    taken: dict[int, int] = {}
    found = []
    for value in values:
        place = round(value / most * bins)
        count = taken[place] = taken.get(place, -1) + 1
        found.append(max(-0.42, min(0.42, (1 if count % 2 else -1) * ((count + 1) // 2) * gap)))
    return found


def trade(
    name: str, line: tuple[Sequence[float], Sequence[float]], points: Sequence[Dots], x: Axis, y: Axis, label: Text
) -> str:
    """What one share costs of another: a line in the unit square, the diagonal of chance, and points upon the line.

    Args:
        name: A word for identifiers inside the picture, unique on the page.
        line: The horizontal and the vertical share along it, 0–1.
        points: Points to be seen, in percent, with what stands beside them.
        x: The horizontal axis.
        y: The vertical axis.
        label: What the picture shows, for readers who cannot see it.
    """
    words = _Words()
    with _style(name):
        figure = _figure(4.2, 4.0)
        axes = figure.add_axes((0.13, 0.13, 0.84, 0.78))
        axes.plot([0, 100], [0, 100], color=_QUIET, lw=1, ls=(0, (4, 4)), zorder=1)
        axes.plot([100 * value for value in line[0]], [100 * value for value in line[1]], color=_ACCENT, lw=2, zorder=2)
        for cloud in points:
            axes.vlines(cloud.x, *(cloud.bars or (cloud.y, cloud.y)), color=_SECOND, lw=2.2, zorder=3)
            axes.scatter(cloud.x, cloud.y, s=cloud.sizes, color=_SECOND, edgecolor=_PAPER, linewidth=1, zorder=4)
            for place, told in enumerate(cloud.names):
                axes.annotate(words(told), (cloud.x[place], cloud.y[place]), (9, -12), textcoords="offset points",
                              fontsize=_SIZE - 1, color=_INK)  # fmt: skip
        axes.set_xlim(-2, 102)
        axes.set_ylim(-2, 102)
        figure.text(0.012, 0.99, words(y.title), ha="left", va="top", fontsize=_SIZE, color=_INK)
        figure.text(0.98, 0.01, words(x.title), ha="right", va="bottom", fontsize=_SIZE, color=_INK)
        _calm(axes, words, x_percent=True, y_percent=True)
        axes.grid(visible=True, color=_LINE, lw=0.8)
        return _svg(figure, words, label)


@dataclass(frozen=True, slots=True)
class Block:
    """One box of :func:`blocks`: what it is, what it gives, and how many numbers it learns."""

    title: Text
    beside: Text
    share: float


def blocks(name: str, rows: Sequence[Block], label: Text) -> str:
    """Boxes from above to below, an arrow between each; a bar in each tells its share of all that is learned.

    Args:
        name: A word for identifiers inside the picture, unique on the page.
        rows: The boxes.
        label: What the picture shows, for readers who cannot see it.
    """
    from matplotlib.patches import FancyBboxPatch

    words, step = _Words(), 0.62
    height, width = step * len(rows) + 0.05, 5.2
    with _style(name):
        figure = _figure(width, height)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, width)
        axes.set_ylim(0, height)
        axes.axis("off")
        for place, row in enumerate(rows):
            bottom = height - step * (place + 1) + 0.14
            box = FancyBboxPatch((0.08, bottom), width - 0.16, step - 0.2, "round,pad=0,rounding_size=0.06",
                                 facecolor="none", edgecolor=_LINE, lw=1.2)  # fmt: skip
            axes.add_patch(box)
            if row.share > 0:
                axes.plot([0.2, 0.2 + (width - 0.4) * row.share], [bottom + 0.045] * 2, color=_ACCENT, lw=2.2,
                          solid_capstyle="butt")  # fmt: skip
            middle = bottom + (step - 0.2) / 2 + 0.02
            axes.text(0.2, middle, words(row.title), ha="left", va="center", fontsize=_SIZE, color=_INK)
            axes.text(width - 0.2, middle, words(row.beside), ha="right", va="center", fontsize=_SIZE - 1, color=_QUIET)
            if place < len(rows) - 1:
                axes.annotate("", (width / 2, bottom - 0.19), (width / 2, bottom - 0.01),
                              arrowprops={"arrowstyle": "->", "color": _QUIET, "lw": 1})  # fmt: skip
        return _svg(figure, words, label)


def curves(name: str, panels: Sequence[tuple[Text, bool, Sequence[Series]]], label: Text) -> str:
    """Learning curves side by side.

    Args:
        name: A word for identifiers inside the picture, unique on the page.
        panels: Title, whether values are shares, and the lines of each.
        label: What the picture shows, for readers who cannot see it.
    """
    words = _Words()
    with _style(name):
        figure = _figure(_WIDTH, 2.9)
        width = 1 / len(panels)
        for number, (title, percent, lines) in enumerate(panels):
            axes = figure.add_axes((number * width + 0.055, 0.13, width - 0.07, 0.7))
            for line in lines:
                epochs = range(1, len(line.values) + 1)
                values = [value * (100 if percent else 1) for value in line.values]
                colour = _SECOND if line.is_training else _ACCENT
                axes.plot(epochs, values, color=colour, lw=1.8, ls="--" if line.is_training else "-",
                          marker="o" if len(values) == 1 else None, ms=5)  # fmt: skip
            if max((len(line.values) for line in lines), default=0) == 1:
                axes.set_xlim(0, 2)  # one epoch is no fraction of one
            figure.text(
                number * width + 0.012, 0.985, words(title), ha="left", va="top", fontsize=_SIZE + 1, color=_INK
            )
            _calm(axes, words, y_percent=percent, whole_x=True)
            axes.grid(visible=True, axis="y", color=_LINE, lw=0.8)
        return _svg(figure, words, label)


@dataclass(frozen=True, slots=True)
class Course:
    """One line of :func:`courses`: what it is of, its steps, and its values at them."""

    of: Text | str
    steps: Sequence[float]
    values: Sequence[float]


def courses(name: str, panels: Sequence[tuple[Text | str, Sequence[Course]]], label: Text) -> str:
    """The course of series, side by side; what the lines are of stands behind those of the last panel.

    Args:
        name: A word for identifiers inside the picture, unique on the page.
        panels: The title of each, and its lines.
        label: What the picture shows, for readers who cannot see it.
    """
    words = _Words()
    with _style(name):
        figure = _figure(_WIDTH, 2.9)
        width = 0.9 / len(panels)
        for number, (title, lines) in enumerate(panels):
            axes = figure.add_axes((number * width + 0.055, 0.13, width - 0.075, 0.7))
            for place, line in enumerate(lines):
                colour, dash = _LOOKS[place % len(_LOOKS)]
                axes.plot(line.steps, line.values, color=colour, lw=1.8, ls=dash)
            if number == len(panels) - 1:
                low, high = axes.get_ylim()
                heights = _apart([line.values[-1] for line in lines], _NAME_HEIGHT * (high - low))
                for place, (line, height) in enumerate(zip(lines, heights, strict=True)):
                    axes.text(1.02, (height - low) / (high - low), words(line.of), va="center", fontsize=_SIZE - 1,
                              color=_LOOKS[place % len(_LOOKS)][0], transform=axes.transAxes)  # fmt: skip
            figure.text(
                number * width + 0.012, 0.985, words(title), ha="left", va="top", fontsize=_SIZE + 1, color=_INK
            )
            _calm(axes, words)
            axes.grid(visible=True, axis="y", color=_LINE, lw=0.8)
        return _svg(figure, words, label)


@dataclass(frozen=True, slots=True)
class Twin:
    """What :func:`twins` shows: its title, what the bins are called, and the shares of both in each."""

    title: Text
    bins: Sequence[str]
    first: Sequence[float]
    second: Sequence[float]


def twins(name: str, panel: Twin, label: Text) -> str:
    """How two sets of rows are spread over the same bins, side by side in each bin; half as broad as the page.

    Args:
        name: A word for identifiers inside the picture, unique on the page.
        panel: The bins and both shares.
        label: What the picture shows, for readers who cannot see it.
    """
    words, height = _Words(), 0.3 * len(panel.bins) + 0.7
    with _style(name):
        figure = _figure(4.2, height)
        axes = figure.add_axes((0.34, 0.34 / height, 0.64, 0.3 * len(panel.bins) / height))
        places = range(len(panel.bins) - 1, -1, -1)
        axes.barh([place + 0.2 for place in places], [100 * share for share in panel.first], 0.34, color=_SECOND)
        axes.barh([place - 0.2 for place in places], [100 * share for share in panel.second], 0.34, color=_ACCENT)
        for place, told in zip(places, panel.bins, strict=True):
            axes.text(-0.04, place, words(told), ha="right", va="center", fontsize=_SIZE - 1, color=_INK,
                      transform=axes.get_yaxis_transform())  # fmt: skip
        axes.set_ylim(-0.6, len(panel.bins) - 0.4)
        _calm(axes, words, x_percent=True)
        axes.yaxis.set_visible(False)
        axes.grid(visible=True, axis="x", color=_LINE, lw=0.8)
        figure.text(0.012, 0.985, words(panel.title), ha="left", va="top", fontsize=_SIZE + 1, color=_INK)
        return _svg(figure, words, label)


@dataclass(frozen=True, slots=True)
class Fan:
    """One forecast: the past, what is said of each step to come, between what ends, and what came."""

    past: Sequence[float | None]
    said: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    right: Sequence[float | None]


def fans(name: str, panels: Sequence[tuple[str, Fan]], label: Text) -> str:
    """Forecasts side by side: the past, the fan, and what came.

    Args:
        name: A word for identifiers inside the picture, unique on the page.
        panels: The title of each, and what it shows.
        label: What the picture shows, for readers who cannot see it.
    """
    words = _Words()
    with _style(name):
        figure = _figure(_WIDTH, 2.6)
        width = 1 / max(3, len(panels))
        for number, (title, fan) in enumerate(panels):
            axes = figure.add_axes((number * width + 0.045, 0.13, width - 0.06, 0.7))
            before = [math.nan if value is None else value for value in fan.past]
            came = [math.nan if value is None else value for value in fan.right]
            ahead = range(1, len(fan.said) + 1)
            axes.fill_between(ahead, fan.low, fan.high, color=_ACCENT, alpha=0.22, lw=0)
            axes.plot(range(1 - len(before), 1), before, color=_QUIET, lw=1.4)
            axes.plot(ahead, fan.said, color=_ACCENT, lw=2)
            axes.plot(ahead, came, "o", color=_SECOND, ms=3.2)
            figure.text(number * width + 0.012, 0.985, words(title), ha="left", va="top", fontsize=_SIZE, color=_INK)
            _calm(axes, words, whole_x=True)
            axes.grid(visible=True, axis="y", color=_LINE, lw=0.8)
        return _svg(figure, words, label)


@dataclass(frozen=True, slots=True)
class Walk:
    """One agent: places (x, y) of its past, of what is told, of what may come and how likely, of what came; others'."""

    past: Sequence[tuple[float, float]]
    said: Sequence[tuple[float, float]]
    futures: Sequence[Sequence[tuple[float, float]]]
    chances: Sequence[float]
    right: Sequence[tuple[float, float]]
    others: Sequence[Sequence[tuple[float, float]]]


def walks(name: str, panels: Sequence[tuple[str, Walk]], label: Text) -> str:
    """Paths side by side, seen from above, as wide as high.

    Args:
        name: A word for identifiers inside the picture, unique on the page.
        panels: The title of each, and what it shows.
        label: What the picture shows, for readers who cannot see it.
    """
    words = _Words()
    with _style(name):
        figure = _figure(_WIDTH, 3.4)
        width = 1 / max(3, len(panels))
        for number, (title, walk) in enumerate(panels):
            axes = figure.add_axes((number * width + 0.04, 0.1, width - 0.055, 0.78))
            here = list(walk.past[-1:])
            most = max(walk.chances, default=1.0)
            for path, chance in zip(walk.futures, walk.chances, strict=True):
                strength = 0.08 + 0.4 * chance / max(most, 1e-9)
                axes.plot(*zip(*here, *path, strict=True), color=_ACCENT, lw=1, alpha=strength)
            own = [*walk.past, *walk.said, *walk.right, *(place for path in walk.futures for place in path)]
            (left, right), (low, high) = ((min(side), max(side)) for side in zip(*own, strict=True))
            reach = max(right - left, high - low, 1e-9) * 0.58
            middle = (left + right) / 2, (low + high) / 2
            for path in walk.others:
                axes.plot(*zip(*path, strict=True), color=_QUIET, lw=0.9, alpha=0.6)
                axes.plot(*path[-1], "o", color=_QUIET, ms=2.5, alpha=0.6)
            axes.plot(*zip(*walk.past, strict=True), color=_QUIET, lw=2)
            axes.plot(*zip(*here, *walk.said, strict=True), color=_ACCENT, lw=2.2)
            if walk.right:
                axes.plot(*zip(*walk.right, strict=True), "o", color=_SECOND, ms=3)
            axes.set_xlim(middle[0] - reach, middle[0] + reach)
            axes.set_ylim(middle[1] - reach, middle[1] + reach)
            axes.set_aspect("equal", adjustable="box")
            figure.text(number * width + 0.012, 0.985, words(title), ha="left", va="top", fontsize=_SIZE, color=_INK)
            _calm(axes, words)
            axes.grid(visible=True, color=_LINE, lw=0.6)
        return _svg(figure, words, label)


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Heights moved up where they would lie closer than ``gap`` above one another."""
    found, last = list(heights), -float("inf")
    for place in sorted(range(len(heights)), key=lambda place: heights[place]):
        last = found[place] = max(heights[place], last + gap)
    return found


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of :func:`dots`: its title, whether values are in percent or on a logarithmic scale, and its ends."""

    title: Text
    percent: bool = False
    log: bool = False
    ends: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Dots:
    """Points of :func:`dots`: where they are, how large (square points), how opaque, and in which of two colours.

    Args:
        x: Where they are from left to right.
        y: Where they are from below to above.
        sizes: Of each; one for all where it is a number.
        opacity: 0–1.
        is_second: Whether they are of the second kind.
        names: What stands beside each, if anything.
        bars: Lower and upper end of each, if they stand for more than a point.
    """

    x: Sequence[float]
    y: Sequence[float]
    sizes: Sequence[float] | float = 14
    opacity: float = 1
    is_second: bool = False
    names: Sequence[Text | str] = ()
    bars: tuple[Sequence[float], Sequence[float]] | None = None


def dots(
    name: str,
    clouds: Sequence[Dots],
    x: Axis,
    y: Axis,
    label: Text,
    *,
    guide: Literal["diagonal"] | float | None = None,
    broad: bool = False,
) -> str:
    """Points, one variable against another.

    Args:
        name: A word for identifiers inside the picture, unique on the page.
        clouds: The points, the later ones on top.
        x: The horizontal axis.
        y: The vertical axis.
        label: What the picture shows, for readers who cannot see it.
        guide: A dashed line to hold the points against: where both are equal, or at a height.
        broad: Whether it takes the whole width of the page instead of half of it.
    """
    words = _Words()
    with _style(name):
        figure = _figure(_WIDTH, 3.4) if broad else _figure(4.2, 4.0)
        axes = figure.add_axes((0.06, 0.15, 0.92, 0.74) if broad else (0.13, 0.13, 0.84, 0.78))
        if x.log:
            axes.set_xscale("log")
        if y.log:
            axes.set_yscale("log")
        for cloud in clouds:
            colour = _SECOND if cloud.is_second else _ACCENT
            if cloud.bars is not None:
                axes.vlines(cloud.x, *cloud.bars, color=colour, lw=2.2, zorder=3)
            edge = {"edgecolor": _PAPER, "linewidth": 1} if cloud.opacity == 1 else {"linewidth": 0}
            axes.scatter(cloud.x, cloud.y, s=cloud.sizes, color=colour, alpha=cloud.opacity, zorder=3, **edge)
            for place, told in enumerate(cloud.names):
                axes.annotate(words(told), (cloud.x[place], cloud.y[place]), (7, 4), textcoords="offset points",
                              fontsize=_SIZE - 1, color=_INK if cloud.is_second else _QUIET)  # fmt: skip
        _limit(axes, clouds, x, y, square=guide == "diagonal")
        _guide(axes, guide)
        figure.text(0.012, 0.99, words(y.title), ha="left", va="top", fontsize=_SIZE, color=_INK)
        figure.text(0.98, 0.01, words(x.title), ha="right", va="bottom", fontsize=_SIZE, color=_INK)
        _calm(axes, words, x_percent=x.percent, y_percent=y.percent, x_log=x.log, y_log=y.log)
        axes.grid(visible=True, color=_LINE, lw=0.8)
        return _svg(figure, words, label)


def _limit(axes: Any, clouds: Sequence[Dots], x: Axis, y: Axis, *, square: bool) -> None:
    """The ends of both axes: as told, or around the points; of equal axes the same for both."""
    if x.ends is not None:
        axes.set_xlim(*x.ends)
    if y.ends is not None:
        axes.set_ylim(*y.ends)
    if square and x.ends is None and y.ends is None:
        ends = [end for low_high in (axes.get_xlim(), axes.get_ylim()) for end in low_high]
        axes.set_xlim(min(ends), max(ends))
        axes.set_ylim(min(ends), max(ends))
    elif any(cloud.names for cloud in clouds) and x.ends is None:
        low, high = axes.get_xlim()
        axes.set_xlim(low, high * 1.25 if x.log else high + 0.12 * (high - low))  # names stand to the right


def _guide(axes: Any, guide: Literal["diagonal"] | float | None) -> None:
    if guide is None:
        return
    ends = axes.get_xlim()
    heights = ends if guide == "diagonal" else (guide, guide)
    axes.plot(ends, heights, color=_QUIET, lw=1, ls=(0, (4, 4)), zorder=2)
    axes.set_xlim(*ends)


def _style(name: str) -> Any:
    import matplotlib as mpl

    return mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.size": _SIZE, "text.parse_math": False})


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def _calm(
    axes: Any,
    words: _Words,
    *,
    x_percent: bool = False,
    y_percent: bool = False,
    whole_x: bool = False,
    x_log: bool = False,
    y_log: bool = False,
) -> None:
    """Axes without a box, with few and quiet ticks."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_LINE)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=_SIZE - 1, labelcolor=_QUIET, pad=5)
    steps = [1, 2, 2.5, 5, 10]
    for axis, is_log, most in ((axes.xaxis, x_log, 6), (axes.yaxis, y_log, 5)):
        whole = whole_x and axis is axes.xaxis
        axis.set_major_locator(LogLocator(numticks=most) if is_log else MaxNLocator(most, integer=whole, steps=steps))
        axis.set_minor_formatter(NullFormatter())

    def ticks(percent: bool) -> Any:
        return FuncFormatter(lambda value, _: words(f"{_plain(value)}%" if percent else _plain(value)))

    axes.xaxis.set_major_formatter(ticks(x_percent))
    axes.yaxis.set_major_formatter(ticks(y_percent))
    axes.set_facecolor("none")


def _plain(value: float) -> str:
    is_long = _NO_EXPONENT <= abs(value) < _EXPONENT and value == round(value)
    return (f"{value:,.0f}" if is_long else f"{value:g}").replace("-", "−")


def _svg(figure: Any, words: _Words, label: Text) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    stream = io.StringIO()
    figure.patch.set_alpha(0)
    FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None, "Creator": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font-family: [^;\"]+;?", "", svg)
    for token, colour in _COLOURS.items():
        svg = svg.replace(token, colour)
    svg = re.sub(r"@(\d+)@", lambda match: _spoken(words.said[int(match[1])]), svg)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    width, height = (f"{value * 72:g}" for value in figure.get_size_inches())
    breadth = " broad" if figure.get_figwidth() == _WIDTH else ""
    head = (
        f'<svg class="picture{breadth}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{html.escape(label("en"))}" style="max-width:{float(width) * 1.4:g}px" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    return head + re.sub(r"\n\s*", "\n", svg[svg.index(">") + 1 :])


def _spoken(text: Text) -> str:
    english, chinese = html.escape(text("en")), html.escape(text("zh"))
    if english == chinese:
        return english
    return f'<tspan lang="en">{english}</tspan><tspan lang="zh">{chinese}</tspan>'
