"""From a first look at data to a commented product.yaml: what each column is, and why that was guessed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import yaml

from sixfold.cli._layout import width
from sixfold.errors import InputError
from sixfold.fields.category import label
from sixfold.fields.yes_no import YesNo
from sixfold.language import sentence

if TYPE_CHECKING:
    from sixfold.sources import Look, LookColumn

__all__ = ["MOST_CLASSES", "Draft", "Guess", "drafted", "product_name", "rendered", "targets", "two_values"]

MOST_CLASSES = 200
"""Different values of a target; beyond, it is hardly a matter of classes."""

_MOST_CATEGORIES = 1000
"""Different texts of a given column; beyond, most of them come too seldom to learn from."""

_CODES = 10
"""So few different whole numbers are taken for codes, where each comes often enough."""

_OFTEN = 20
"""Rows per value from which it counts as coming often."""

_LOOKED_AT = 10_000
"""Rows that :func:`sixfold.sources.look` counts different values over, at most."""

_LONGEST_NAME = 200
_SHOWN = 6
_COMMENT_AT = 44

_TARGETS = (
    *("target", "label", "class", "y", "outcome", "result", "income", "churn", "survived", "diagnosis", "species"),
    *("目标", "标签", "类别", "分类", "结果"),
)
"""Names that say that a column is the target, the clearest first."""

_IDENTITY = re.compile(r"(^|[_\W])(id|uuid|guid|key|index|nr|no|number)$|[a-z]I[Dd]$|编号|序号|工号|学号")
_PLAIN = re.compile(
    r"(?:\.{0,2}/)*[A-Za-z_\u4e00-\u9fff]"
    r"(?:[A-Za-z0-9_\u4e00-\u9fff.+/-]|:(?=[A-Za-z0-9/])| (?=[A-Za-z0-9_\u4e00-\u9fff]))*"
)
"""What YAML reads as this very text without quotes."""
_ENDINGS = re.compile(r"(\.(tar|zip|tgz|gz|xz|bz2|csv|tsv|txt|jsonl?|ndjson|parquet|xlsx?|npz))+$", re.IGNORECASE)
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_DATES = ("Date", "Datetime", "Time", "Duration")


@dataclass(frozen=True, slots=True)
class Guess:
    """What a column is taken for; ``kind`` is ``None`` for one that is left out. ``why`` says the reason to people."""

    column: str
    kind: str | None
    why: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Draft:
    """A product in the making."""

    name: str
    data: str
    goal: str
    given: Sequence[Guess]
    target: Guess
    left_out: Sequence[Guess]
    official_split: bool


def targets(look: Look) -> tuple[list[str], bool]:
    """The columns that can be the target, the likeliest first; and whether the first says so by its name or role."""
    fit = [column.name for column in look.columns if _is_target(column, look)]
    if look.roles is not None:
        return ([look.roles[-1]] if look.roles[-1] in fit else []), True
    named = [name for wanted in _TARGETS for name in fit if name.strip().lower() == wanted]
    rest = [name for name in reversed(fit) if name not in named]
    return named + rest, bool(named)


def drafted(
    look: Look,
    target: str,
    *,
    name: str,
    data: str,
    goal: str = "",
    given: Sequence[str] = (),
    yes: str | None = None,
    why: str | None = None,
) -> Draft:
    """The product that predicts ``target``.

    Args:
        look: The data.
        target: The column to predict.
        name: What the product is called.
        data: Where the data is, as product.yaml is to say it.
        goal: What it is for.
        given: The columns to learn from; left out, every one that tells something.
        yes: Of a target with two values, the one that means yes; left out, a guess.
        why: Why this column is the target.

    Raises:
        InputError: There is no such column, it cannot be the target, or nothing is left to learn from.
    """
    columns = {column.name: column for column in look.columns}
    for wanted in (target, *given):
        if wanted not in columns:
            close = difflib.get_close_matches(wanted, columns, n=1, cutoff=0.0)
            raise InputError("no_such_column", name=wanted, known=", ".join(columns), guess=close[0] if close else "–")
    if not _is_target(columns[target], look):
        raise InputError("no_target", reason=sentence("cli.new.why.target_unfit", None, name=target, most=MOST_CLASSES))
    guesses = [_given(column, look) for column in look.columns if column.name != target]
    if given:
        chosen = [_insisted(columns[wanted], look) for wanted in given if wanted != target]
        left_out: list[Guess] = []
    else:
        chosen = [guess for guess in guesses if guess.kind is not None]
        left_out = [guess for guess in guesses if guess.kind is None]
    if not chosen or any(guess.kind is None for guess in chosen):
        raise InputError("nothing_given", target=target)
    return Draft(name, data, goal, chosen, _target(columns[target], yes, why), left_out, look.has_split)


def rendered(draft: Draft, path: str) -> str:
    """A draft as the text of product.yaml, with comments in the reader's language.

    Args:
        draft: What to write.
        path: Where it will stand, for the commands in its comments.
    """
    lines = [
        f"# {_comment('head', path=_plain(path))}",
        f"# {_comment('head_settings', path=_plain(path))}",
        "",
        f"name: {_scalar(draft.name)}",
        f"goal: {_scalar(draft.goal)}" if draft.goal else f'# goal: ""  # {_comment("goal")}',
        f"data: {_scalar(draft.data)}",
    ]
    if draft.official_split:
        lines.append(f"# {_comment('official')}")
    lines += ["", *_columns("given", draft.given, _comment("given"))]
    lines += ["", *_columns("predict", [draft.target], _comment("target"))]
    if draft.left_out:
        lines += ["", f"# {_comment('left_out')}"]
        lines += [f"#   {_plain(guess.column)}: {guess.why}" for guess in draft.left_out]
    lines += ["", f"# {_comment('more')}", "#", *_settings(draft)]
    return "\n".join(lines) + "\n"


def product_name(place: str) -> str:
    """A name for the product, from that of its data: ``…/Adult data_*.csv`` gives ``Adult-data``."""
    last = re.split(r"[/\\:]", place.rstrip("/\\"))[-1].partition("?")[0]
    stem = _ENDINGS.sub("", last)
    name = re.sub(r"[^\w-]+", "-", stem).strip("-_")[:63]
    return name or "product"


def two_values(column: LookColumn) -> list[str] | None:
    """The two values of a target of which somebody must say which one means yes, the rarer first; else ``None``."""
    is_unclear = column.distinct == 2 and len(_values(column)) == 2 and not _two_words(column)  # noqa: PLR2004
    return _rarer_first(column) if is_unclear else None


def _is_target(column: LookColumn, look: Look) -> bool:
    if column.dtype in ("Binary", "List", "Struct", "Array", *_DATES) or len(column.name) > _LONGEST_NAME:
        return False
    if look.roles is not None:
        return column.name == look.roles[-1] and column.distinct >= 2  # noqa: PLR2004 — two classes at least
    if column.dtype.startswith("Float") and not _are_whole(column):
        return False
    repeats = column.distinct <= max(2, _known_rows(column, look) // 2)
    return 2 <= column.distinct <= MOST_CLASSES and repeats  # noqa: PLR2004 — two classes at least


def _given(column: LookColumn, look: Look) -> Guess:
    guess = _by_values(column, look)
    if guess.kind is None or not column.missing:
        return guess
    missing = sentence("cli.new.why.missing", None, share=f"{column.missing * 100:.1f} %")
    return Guess(guess.column, guess.kind, _and([guess.why, missing]), guess.options)


def _insisted(column: LookColumn, look: Look) -> Guess:
    """A column that the user named: what would be left out is taken all the same, if a kind can read it."""
    guess = _given(column, look)
    if guess.kind is not None or column.dtype in ("List", "Struct", "Array") or not column.distinct:
        return guess
    kind = "number" if column.dtype.startswith(("Int", "UInt", "Float")) else "category"
    return Guess(column.name, kind, sentence("cli.new.why.target_said"))


def _by_values(column: LookColumn, look: Look) -> Guess:
    name, distinct, rows = column.name, column.distinct, _known_rows(column, look)

    def guess(kind: str | None, why: str, **values: object) -> Guess:
        return Guess(name, kind, sentence(f"cli.new.why.{why}", None, distinct=f"{distinct:,}", **values))

    if column.dtype == "Binary":
        return guess("image", "picture")
    if len(name) > _LONGEST_NAME:
        return guess(None, "long_name")
    if distinct == 0 or column.dtype == "Null":
        return guess(None, "empty")
    if distinct == 1:
        return guess(None, "constant")
    if column.dtype in _DATES:
        return guess(None, "dates")
    shown = _shown(column)
    if column.dtype == "Boolean" or (distinct == 2 and _two_words(column)):  # noqa: PLR2004 — two values
        return guess("yes_no", "two", values=shown)
    if column.dtype.startswith(("Int", "UInt", "Float", "Decimal")):
        if _are_whole(column) and _numbers_rows(column, rows):
            return guess(None, "identity")
        is_code = distinct <= _CODES and rows >= distinct * _OFTEN and _are_whole(column)
        return guess("category", "codes") if is_code else guess("number", "numbers")
    if column.dtype not in ("String", "Categorical", "Enum"):
        return guess(None, "other", dtype=column.dtype)
    if distinct == rows and rows > _OFTEN:
        return guess(None, "identity")
    if distinct > _MOST_CATEGORIES or (distinct > rows // 2 and rows > _OFTEN):
        return guess(None, "many")
    return guess("category", "words", values=shown)


def _target(column: LookColumn, yes: str | None, why: str | None) -> Guess:
    shown = {"values": _shown(column), "distinct": f"{column.distinct:,}"}
    reasons = [why] if why else []
    values = _values(column)
    if column.distinct == 2 and len(values) == 2:  # noqa: PLR2004 — two values
        reasons.append(sentence("cli.new.why.two", None, **shown))
        if yes is None and _two_words(column):
            return Guess(column.name, "yes_no", _and(reasons))
        if yes is None:
            yes = _rarer_first(column)[0]
            reasons.append(sentence("cli.new.why.rarer"))
        return Guess(column.name, "yes_no", _and(reasons), {"yes": yes})
    reasons.append(sentence("cli.new.why.classes", None, **shown))
    return Guess(column.name, "category", _and(reasons))


def _settings(draft: Draft) -> Iterator[str]:
    """Settings that many come to change, commented out."""
    if not draft.official_split:
        yield from (
            "# prepare:",
            "#   split:",
            f"#     test: 0.2{_gap('#     test: 0.2')}# {_comment('test')}",
            f"#     group: customer{_gap('#     group: customer')}# {_comment('group')}",
        )
    for section, settings in (
        ("train", (("network", "auto"), ("epochs", "20"), ("minutes", "5"))),
        ("collect", (("licence", "CC BY 4.0"),)),
        ("deploy", (("port", "8800"),)),
        ("deliver", (("to", "[age1…]"),)),
    ):
        yield f"# {section}:"
        for key, value in settings:
            line = f"#   {key}: {value}"
            yield f"{line}{_gap(line)}# {_comment(key, **said) if (said := _said(key)) else _comment(key)}"


def _said(key: str) -> dict[str, str]:
    """What the comment on a setting is filled with: of `network`, every one there is."""
    if key != "network":
        return {}
    from sixfold.families import names
    from sixfold.networks import Network

    return {"names": ", ".join(name for name in names(Network) if name != "keras")}


def _columns(verb: str, guesses: Sequence[Guess], comment: str) -> Iterator[str]:
    yield f"{verb}:{_gap(f'{verb}:')}# {comment}"
    for guess in guesses:
        said = str(guess.kind)
        if guess.options:
            options = "".join(f", {name}: {_scalar(str(value))}" for name, value in guess.options.items())
            said = f"{{kind: {guess.kind}{options}}}"
        line = f"  {_scalar(guess.column)}: {said}"
        yield f"{line}{_gap(line)}# {_plain(guess.why)}"


def _gap(line: str) -> str:
    return " " * max(2, _COMMENT_AT - width(line))


def _comment(key: str, **values: object) -> str:
    return sentence(f"cli.new.comment.{key}", None, **values) if values else sentence(f"cli.new.comment.{key}")


def _and(reasons: Sequence[str]) -> str:
    return _comment("and").join(reasons)


def _scalar(text: str) -> str:
    """A word of YAML that reads back as exactly this text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=1 << 30)
    return quoted.rstrip("\n")


def _plain(text: str) -> str:
    """A text for a comment: on one line, nothing that YAML would not read."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


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
    values = [value if len(value) <= 24 else value[:23] + "…" for value in _values(column)]  # noqa: PLR2004
    return ", ".join(values[:_SHOWN]) + (", …" if column.distinct > _SHOWN else "")


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


def _numbers_rows(column: LookColumn, rows: int) -> bool:
    """Whether whole numbers only number the rows: all different, and named so or counting up one by one."""
    if column.distinct < rows or rows <= _OFTEN:
        return False
    numbers = [value for value in column.values if value is not None]
    counts_up = all(after - before == 1 for before, after in pairwise(numbers))
    return counts_up or bool(_IDENTITY.search(column.name.strip()))
