"""What a column is, as far as its first values tell, and why that was guessed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sixfold.fields import Field, is_missing
from sixfold.fields.category import label
from sixfold.fields.date import Date
from sixfold.fields.number import Number
from sixfold.fields.series import Series
from sixfold.fields.yes_no import YesNo
from sixfold.language import sentence

if TYPE_CHECKING:
    from sixfold.sources import Look, LookColumn

__all__ = ["MOST_CLASSES", "Guess", "guessed", "guessed_target", "insisted", "is_target", "joined", "two_values"]

MOST_CLASSES = 200
"""Different values of a target; beyond, it is hardly a matter of classes."""

_CODES = 10
"""So few different whole numbers are taken for codes, where each comes often enough."""

_MOST_NUMBERED_CLASSES = 20
"""Different numbers of a target from which they are amounts, not the numbers of classes."""

_MANY = 100
"""Different values from which rare ones count as unknown."""

_OFTEN = 20
"""Rows per value from which it counts as coming often."""

_LOOKED_AT = 10_000
"""Rows that :func:`sixfold.sources.look` counts different values over, at most."""

_LONGEST_NAME = 200
_SHOWN, _LONGEST_SHOWN = 6, 24

_FEWEST_WORDS, _FEWEST_CHINESE = 3, 6
"""Words, or Chinese characters, of an average value from which it is a text and no name."""

_IDENTITY = re.compile(r"(^|[_\W])(id|uuid|guid|key|index|nr|no|number)$|[a-z]I[Dd]$|编号|序号|工号|学号")
_CODED = re.compile(r"\bzip|zip_?code|postal|postcode|(^|_)code$|(^|_)id$|[a-z]I[Dd]$|邮编|编码|代码", re.IGNORECASE)
"""Names of numbers that name something, of which the next larger one is not more of anything."""
_TIME = re.compile(r"date|time|(^|_)(at|on|ts)$|日期|时间|时刻", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_NESTED = ("List", "Struct", "Array")
_EPOCHS = {"seconds": (1e8, 4.2e9), "milliseconds": (1e11, 4.2e12)}
"""From 1973 to 2103: what a number that stands for a time lies between."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What a column is taken for; ``kind`` is ``None`` for one that is left out. ``why`` says the reason to people."""

    column: str
    kind: str | None
    why: str
    options: dict[str, Any] = field(default_factory=dict)


def guessed(column: LookColumn, look: Look) -> Guess:
    """What a given column is."""
    guess = _by_values(column, look)
    if guess.kind is None or not column.missing:
        return guess
    missing = _why("missing", share=f"{column.missing * 100:.1f} %")
    return Guess(guess.column, guess.kind, joined([guess.why, missing]), guess.options)


def insisted(column: LookColumn, look: Look) -> Guess:
    """A column that the user named: what would be left out is taken all the same, if a kind can read it."""
    guess = guessed(column, look)
    if guess.kind is not None or column.dtype in _NESTED or not column.distinct:
        return guess
    is_number = column.dtype.startswith(("Int", "UInt", "Float"))
    kind = "number" if is_number else "text" if _mostly_differ(column, look) else "category"
    return Guess(column.name, kind, _why("target_said"))


def is_target(column: LookColumn, look: Look) -> bool:
    """Whether a column can be the one to predict: classes that come again and again, or many different numbers."""
    if _lies_upon(column, look):
        return True
    if not _has_plain_values(column):
        return False
    if look.roles is not None:
        return column.name == look.roles[-1] and column.distinct >= 2  # noqa: PLR2004 — two classes at least
    if _is_amount(column, look):
        return True
    if column.dtype.startswith("Float") and not _are_whole(column):
        return False
    repeats = column.distinct <= max(2, _known_rows(column, look) // 2)
    return 2 <= column.distinct <= MOST_CLASSES and repeats  # noqa: PLR2004 — two classes at least


def guessed_target(column: LookColumn, look: Look, yes: str | None, why: str | None) -> Guess:
    """What the column to predict is.

    Args:
        column: The column.
        look: The data.
        yes: Of two values the one that means yes; left out, a guess.
        why: Why this column is the target.
    """
    shown = {"values": _shown(column), "distinct": f"{column.distinct:,}"}
    reasons = [why] if why else []
    if _lies_upon(column, look):
        return Guess(column.name, column.name, _why(column.name))
    values = _values(column)
    if column.distinct == 2 and len(values) == 2:  # noqa: PLR2004 — two values
        reasons.append(_why("two", **shown))
        if yes is None and _two_words(column):
            return Guess(column.name, "yes_no", joined(reasons))
        if yes is None:
            yes = _rarer_first(column)[0]
            reasons.append(_why("rarer"))
        return Guess(column.name, "yes_no", joined(reasons), {"yes": yes})
    if _is_amount(column, look):
        reasons += [_why("amounts", **shown), *_skewed(column)]
        return Guess(column.name, "number", joined(reasons))
    reasons.append(_why("classes", **shown))
    return Guess(column.name, "category", joined(reasons))


def _lies_upon(column: LookColumn, look: Look) -> bool:
    """Whether a column is the companion that each picture of the data has."""
    return look.is_paired and look.roles is not None and column.name == look.roles[-1]


def two_values(column: LookColumn) -> list[str] | None:
    """The two values of a target of which somebody must say which one means yes, the rarer first; else ``None``."""
    is_unclear = column.distinct == 2 and len(_values(column)) == 2 and not _two_words(column)  # noqa: PLR2004
    return _rarer_first(column) if is_unclear else None


def joined(reasons: Sequence[str]) -> str:
    """Several reasons as one."""
    return sentence("cli.new.comment.and").join(reasons)


def _by_values(column: LookColumn, look: Look) -> Guess:
    def guess(kind: str | None, *reasons: str, **options: Any) -> Guess:
        return Guess(column.name, kind, joined(reasons), options)

    distinct = f"{column.distinct:,}"
    if column.dtype == "Binary":
        return guess("image", _why("picture"))
    if len(column.name) > _LONGEST_NAME:
        return guess(None, _why("long_name"))
    if column.distinct == 0 or column.dtype == "Null":
        return guess(None, _why("empty"))
    if steps := _steps(column):
        return guess("series", _why("series", steps=steps[0], channels=steps[1]))
    if column.distinct == 1:
        return guess(None, _why("constant"))
    if column.dtype == "Boolean" or (column.distinct == 2 and _two_words(column)):  # noqa: PLR2004 — two values
        return guess("yes_no", _why("two", values=_shown(column)))
    if options := _date(column):
        return guess("date", _why("dates", example=_example(column)), **options[0])
    if column.dtype.startswith(("Int", "UInt", "Float", "Decimal")):
        rows = _known_rows(column, look)
        if _are_whole(column) and _number_rows(column, rows):
            return guess(None, _why("identity"))
        is_code = column.distinct <= _CODES and rows >= column.distinct * _OFTEN and _are_whole(column)
        if is_code:
            return guess("category", _why("codes", distinct=distinct))
        if _are_whole(column) and _CODED.search(column.name.strip()) and not _mostly_differ(column, look):
            return guess("category", _why("coded", distinct=distinct), *_rare(column))
        return guess("number", _why("numbers", distinct=distinct), *_skewed(column))
    if column.dtype not in ("String", "Categorical", "Enum"):
        return guess(None, _why("other", dtype=column.dtype))
    return _of_text(column, look, guess)


def _of_text(column: LookColumn, look: Look, guess: Callable[..., Guess]) -> Guess:
    """A column of strings that are neither dates nor series."""
    rows, differs = _known_rows(column, look), _mostly_differ(column, look)
    is_document = look.roles is not None and column.name == look.roles[0]
    if column.distinct > _CODES and _all(column, Number(column.name)):
        return guess("number", _why("numbers_as_text", example=_example(column)))
    if length := _length(column, at_least=0 if is_document else 1 if differs else None):
        return guess("text", _why(*length[:1], count=length[1]))
    if column.distinct == rows and rows > _OFTEN:
        return guess(None, _why("identity"))
    distinct = f"{column.distinct:,}"
    if differs and rows > _OFTEN:
        return guess(None, _why("many", distinct=distinct))
    return guess("category", _why("words", distinct=distinct, values=_shown(column)), *_rare(column))


def _length(column: LookColumn, at_least: float | None) -> tuple[str, int] | None:
    """Which sentence says how long texts are, and how long; ``None`` where values are names more than texts.

    Args:
        column: The column.
        at_least: Which part of what makes a text its values must have; ``None``: they are none, however long.
    """
    texts = [str(value) for value in column.values if not is_missing(value)]
    if not texts or at_least is None:
        return None
    words = float(np.mean([len(_WORD.findall(text)) for text in texts]))
    chinese = float(np.mean([len(_CHINESE.findall(text)) for text in texts]))
    if chinese >= max(1.0, words) and chinese >= _FEWEST_CHINESE * at_least:
        return "texts_in_chinese", round(chinese)
    return ("texts", max(1, round(words))) if words >= _FEWEST_WORDS * at_least else None


def _steps(column: LookColumn) -> tuple[int, int] | None:
    """(steps, channels) of a usual series, where all values are series."""
    known = [value for value in column.values if not is_missing(value)]
    as_text = column.dtype == "String" and all(str(value).lstrip()[:1] in ("[", "{") for value in known)
    if not known or not (as_text or column.dtype in _NESTED) or not _all(column, Series(column.name)):
        return None
    extents = np.array([extent for value in known if (extent := Series(column.name).extent(value))])
    steps, channels = np.median(extents, axis=0) if len(extents) else (0, 0)
    return (int(steps), int(channels)) if steps > 1 or channels > 1 else None


def _date(column: LookColumn) -> list[dict[str, Any]]:
    """The options with which all values are dates, as a list of one; empty where they are none."""
    if column.dtype in ("Date", "Datetime"):
        return [{}]
    if column.dtype == "String":
        return [{}] if _all(column, Date(column.name)) else []
    if not column.dtype.startswith(("Int", "Float")) or not _are_whole(column) or not _values(column):
        return []
    numbers = [float(value) for value in column.values if not is_missing(value)]
    said: list[str] = [
        unit
        for unit, (low, high) in _EPOCHS.items()
        if _TIME.search(column.name) and low < min(numbers) <= max(numbers) < high
    ]
    if all(19_000_101 <= number <= 21_001_231 for number in numbers) and len(numbers) > _CODES:  # noqa: PLR2004
        said.append("yyyymmdd")
    fields = [(unit, Date(column.name, Date.Options.model_validate({"numbers": unit}))) for unit in said]
    return [{"numbers": unit} for unit, one in fields if _all(column, one)][:1]


def _all(column: LookColumn, one: Field) -> bool:
    """Whether every known value can be of that kind, and there are some."""
    parsed = []
    for value in column.values:
        try:
            parsed.append(one.parse(value))
        except ValueError:
            return False
    return any(value is not None for value in parsed)


def _is_amount(column: LookColumn, look: Look) -> bool:
    """Whether a target's values are amounts to be told as numbers, not classes."""
    if not column.dtype.startswith(("Int", "UInt", "Float", "Decimal")):
        return False
    if look.roles is not None:
        return not _are_whole(column)
    is_one_of_few = column.distinct <= (_MOST_NUMBERED_CLASSES if _are_whole(column) else _CODES)
    return not is_one_of_few and not _number_rows(column, _known_rows(column, look)) and not _date(column)


def _rare(column: LookColumn) -> list[str]:
    """That rare values count as unknown, where they do."""
    return [_why("rare")] if column.distinct > _MANY else []


def _skewed(column: LookColumn) -> list[str]:
    """That it is learned by its logarithm, where it looks so."""
    try:
        return [] if Number(column.name).fit(list(column.values)).state["log_unit"] is None else [_why("skewed")]
    except ValueError:
        return []


def _has_plain_values(column: LookColumn) -> bool:
    others = ("Binary", "Date", "Datetime", "Time", "Duration", *_NESTED)
    return column.dtype not in others and len(column.name) <= _LONGEST_NAME


def _mostly_differ(column: LookColumn, look: Look) -> bool:
    return column.distinct > _known_rows(column, look) // 2


def _known_rows(column: LookColumn, look: Look) -> int:
    """How many rows ``distinct`` was counted over: at most 10,000 are looked at."""
    looked_at = min(look.rows, _LOOKED_AT) if look.rows is not None else _LOOKED_AT
    return round(looked_at * (1 - column.missing))


def _values(column: LookColumn) -> list[str]:
    return list(dict.fromkeys(label(value) for value in column.values if value is not None))


def _rarer_first(column: LookColumn) -> list[str]:
    every = [label(value) for value in column.values if value is not None]
    return sorted(sorted(set(every)), key=every.count)


def _shown(column: LookColumn) -> str:
    values = [_short(value) for value in _values(column)]
    return ", ".join(values[:_SHOWN]) + (", …" if column.distinct > _SHOWN else "")


def _example(column: LookColumn) -> str:
    return _short(next((str(value) for value in column.values if not is_missing(value)), "–"))


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST_SHOWN else value[: _LONGEST_SHOWN - 1] + "…"


def _two_words(column: LookColumn) -> bool:
    """Whether the two values are a word for yes and a word for no."""
    values = _values(column)
    if len(values) != 2:  # noqa: PLR2004 — two values
        return False
    try:
        YesNo(column.name).learn(values)
    except ValueError:
        return False
    return True


def _are_whole(column: LookColumn) -> bool:
    return all(float(value).is_integer() for value in column.values if value is not None and value == value)  # noqa: PLR0124


def _number_rows(column: LookColumn, rows: int) -> bool:
    """Whether whole numbers only number the rows: all different, and named so or counting up one by one."""
    if not _are_whole(column) or column.distinct < rows or rows <= _OFTEN:
        return False
    numbers = [value for value in column.values if value is not None]
    counts_up = all(after - before == 1 for before, after in pairwise(numbers))
    return counts_up or bool(_IDENTITY.search(column.name.strip()))


def _why(key: str, **values: object) -> str:
    return sentence(f"cli.new.why.{key}", None, **values)
