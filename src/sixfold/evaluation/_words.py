"""Numbers as people read them, in both languages."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from sixfold.evaluation._formula import Style
from sixfold.language import Text, sentence

__all__ = [
    "amount",
    "both",
    "change",
    "change_interval",
    "count",
    "duration",
    "interval",
    "joined",
    "listed",
    "money",
    "shown",
]

_MINUTE, _HOUR = 60, 3600
_DIGITS = 3
_SIGNS = {"CNY": ("¥", "元"), "USD": ("$", "美元"), "EUR": ("€", "欧元"), "GBP": ("£", "英镑"), "JPY": ("JP¥", "日元")}
"""Of currencies: what stands before an amount in English, and behind it in Chinese; others go by their code."""

_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-4, 1e12


def both(key: str, **values: Any) -> Text:
    """The sentence at ``key`` of the locale files in both languages; values that are a :class:`Text` speak each."""
    said = {code: {name: _in(value, code) for name, value in values.items()} for code in ("en", "zh")}
    return Text(*(sentence(key, code, **values) for code, values in said.items()))


def shown(value: float | None, style: Style) -> Text:
    """A figure: 98.6 % where it is a share, 0.042 where it is a number, 1,250 or 12.3 where it is an amount.

    A dash where it is not defined.
    """
    if value is None:
        return Text("–", "–")
    return _with_unit([_digits(value, style, abs(value))], "–", style)


def interval(low: float | None, high: float | None, style: Style) -> Text:
    """The two ends of an interval, with the unit said once."""
    if low is None or high is None:
        return Text("–", "–")
    ends = [_digits(end, style, max(abs(low), abs(high))) for end in (low, high)]
    return _with_unit(ends, " – " if low < 0 else "–", style)


def change(value: float | None, style: Style, beside: float | None = None) -> Text:
    """A difference of two figures, with its sign; of shares in percentage points.

    Args:
        value: The difference.
        style: Of the figures.
        beside: The figure itself, so that a difference of amounts has no more decimals than that.
    """
    return Text("–", "–") if value is None else _changes([value], style, beside)


def change_interval(low: float | None, high: float | None, style: Style, beside: float | None = None) -> Text:
    """The two ends of the interval of a difference, with the unit said once; see :func:`change`."""
    return Text("–", "–") if low is None or high is None else _changes([low, high], style, beside)


def amount(value: float, largest: float | None = None) -> str:
    """A number in units of its own: three digits that say something, and whole ones in full.

    Args:
        value: The number.
        largest: The largest (in size) of those that it stands beside, so that all have as many decimals.
    """
    size = abs(value if largest is None else largest)
    if size and not _SMALLEST_PLAIN <= size < _LARGEST_PLAIN:
        return f"{value:.3g}"
    decimals = max(0, _DIGITS - 1 - math.floor(math.log10(size))) if size else 0
    return f"{value:,.{decimals}f}"


def money(value: float | None, currency: str, largest: float | None = None) -> Text:
    """An amount of money: ¥1,250 or 1,250 元.

    Args:
        value: The amount; a dash where it is not known.
        currency: ISO 4217.
        largest: As of :func:`amount`.
    """
    if value is None:
        return Text("–", "–")
    sign, name = _SIGNS.get(currency, (f"{currency}\u00a0", currency))
    minus, said = "−" if value < 0 else "", amount(abs(value), largest)
    return Text(f"{minus}{sign}{said}", f"{minus}{said}\u00a0{name}")


def joined(texts: Iterable[Text]) -> Text:
    """Sentences one after another: with a space between them in English, with none in Chinese."""
    said = list(texts)
    return Text(" ".join(text("en") for text in said), "".join(text("zh") for text in said))


def listed(texts: Iterable[Text | str]) -> Text:
    """Names, one after another."""
    said = list(texts)
    return Text(*(mark.join(str(_in(text, code)) for text in said) for code, mark in (("en", ", "), ("zh", "、"))))


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


def _digits(value: float, style: Style, largest: float) -> str:
    match style:
        case "share":
            return f"{value * 100:.1f}"
        case "number":
            return f"{value:.3f}"
        case "amount":
            return amount(value, largest)


def _with_unit(numbers: list[str], mark: str, style: Style) -> Text:
    said = mark.join(number.replace("-", "−") for number in numbers)
    return Text(f"{said}\u00a0%", f"{said}%") if style == "share" else Text(said, said)


def _changes(values: list[float], style: Style, beside: float | None) -> Text:
    largest = max(abs(value) for value in (*values, beside or 0.0))
    said = [f"{'−' if value < 0 else '+'}{_digits(abs(value), style, largest)}" for value in values]
    english, chinese = " to ".join(said), " 至 ".join(said)
    return Text(f"{english} points", f"{chinese} 个百分点") if style == "share" else Text(english, chinese)
