"""Numbers as people read them, in both languages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sixfold.evaluation._figures import Style
from sixfold.language import Text, sentence

__all__ = ["both", "change", "change_interval", "count", "duration", "interval", "joined", "shown"]

_MINUTE, _HOUR = 60, 3600


def both(key: str, **values: Any) -> Text:
    """The sentence at ``key`` of the locale files in both languages; values that are a :class:`Text` speak each."""
    said = {code: {name: _in(value, code) for name, value in values.items()} for code in ("en", "zh")}
    return Text(*(sentence(key, code, **values) for code, values in said.items()))


def shown(value: float | None, style: Style) -> Text:
    """A figure: 98.6 % where it is a share, 0.042 where it is a number, a dash where it is not defined."""
    if value is None:
        return Text("–", "–")
    if style == "share":
        return Text(f"{value * 100:.1f}\u00a0%", f"{value * 100:.1f}%")
    return Text(f"{value:.3f}", f"{value:.3f}")


def interval(low: float | None, high: float | None, style: Style) -> Text:
    """The two ends of an interval, with the unit said once."""
    if low is None or high is None:
        return Text("–", "–")
    if style == "share":
        ends = f"{low * 100:.1f}–{high * 100:.1f}"
        return Text(f"{ends}\u00a0%", f"{ends}%")
    return Text(f"{low:.3f}–{high:.3f}", f"{low:.3f}–{high:.3f}")


def change(value: float | None, style: Style) -> Text:
    """A difference of two figures, with its sign; of shares in percentage points."""
    if value is None:
        return Text("–", "–")
    if style == "share":
        number = f"{value * 100:+.1f}".replace("-", "−")
        return Text(f"{number} points", f"{number} 个百分点")
    number = f"{value:+.3f}".replace("-", "−")
    return Text(number, number)


def change_interval(low: float | None, high: float | None, style: Style) -> Text:
    """The two ends of the interval of a difference, with the unit said once."""
    if low is None or high is None:
        return Text("–", "–")
    if style == "share":
        ends = [f"{end * 100:+.1f}".replace("-", "−") for end in (low, high)]
        return Text(f"{ends[0]} to {ends[1]} points", f"{ends[0]} 至 {ends[1]} 个百分点")
    ends = [f"{end:+.3f}".replace("-", "−") for end in (low, high)]
    return Text(f"{ends[0]} to {ends[1]}", f"{ends[0]} 至 {ends[1]}")


def joined(texts: Iterable[Text]) -> Text:
    """Sentences one after another: with a space between them in English, with none in Chinese."""
    said = list(texts)
    return Text(" ".join(text("en") for text in said), "".join(text("zh") for text in said))


def count(value: int) -> str:
    """A whole number, its thousands set apart: 16,281."""
    return f"{value:,}"


def duration(seconds: float) -> Text:
    """A length of time: 0.4 s, 42 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 10:  # noqa: PLR2004 — below ten seconds a decimal says something
        return Text(f"{seconds:.1f} s", f"{seconds:.1f} 秒")
    whole = round(seconds)
    if whole < _MINUTE:
        return Text(f"{whole} s", f"{whole} 秒")
    if whole < _HOUR:
        minutes, rest = divmod(whole, _MINUTE)
        return Text(f"{minutes} min {rest} s", f"{minutes} 分 {rest} 秒")
    hours, rest = divmod(whole, _HOUR)
    return Text(f"{hours} h {rest // _MINUTE} min", f"{hours} 小时 {rest // _MINUTE} 分")


def _in(value: Any, code: str) -> Any:
    return value(code) if isinstance(value, Text) else value
