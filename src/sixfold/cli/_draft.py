"""From a first look at data to a commented product.yaml: what each column is, and why that was guessed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from sixfold.cli._guess import MOST_CLASSES, Guess, guessed, guessed_target, insisted, is_target
from sixfold.cli._layout import width
from sixfold.errors import InputError
from sixfold.language import sentence

if TYPE_CHECKING:
    from sixfold.sources import Look

__all__ = ["Draft", "drafted", "product_name", "rendered", "targets"]

_COMMENT_AT = 44

_TARGETS = (
    *("target", "label", "class", "y", "outcome", "result", "income", "churn", "survived", "diagnosis", "species"),
    *("price", "saleprice", "sale price", "sale_price", "sales", "demand"),
    *("目标", "标签", "类别", "分类", "结果", "价格", "房价", "售价", "销量", "需求量"),
)
"""Names that say that a column is the target, the clearest first."""

_PLAIN = re.compile(
    r"(?:\.{0,2}/)*[A-Za-z_\u4e00-\u9fff]"
    r"(?:[A-Za-z0-9_\u4e00-\u9fff.+/-]|:(?=[A-Za-z0-9/])| (?=[A-Za-z0-9_\u4e00-\u9fff]))*"
)
"""What YAML reads as this very text without quotes."""
_ENDINGS = re.compile(r"(\.(tar|zip|tgz|gz|xz|bz2|csv|tsv|txt|jsonl?|ndjson|parquet|xlsx?|npz))+$", re.IGNORECASE)
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


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
    fit = [column.name for column in look.columns if is_target(column, look)]
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
    if not is_target(columns[target], look):
        raise InputError("no_target", reason=sentence("cli.new.why.target_unfit", None, name=target, most=MOST_CLASSES))
    guesses = [guessed(column, look) for column in look.columns if column.name != target]
    if given:
        chosen = [insisted(columns[wanted], look) for wanted in given if wanted != target]
        left_out: list[Guess] = []
    else:
        chosen = [guess for guess in guesses if guess.kind is not None]
        left_out = [guess for guess in guesses if guess.kind is None]
    if not chosen or any(guess.kind is None for guess in chosen):
        raise InputError("nothing_given", target=target)
    return Draft(name, data, goal, chosen, guessed_target(columns[target], look, yes, why), left_out, look.has_split)


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
    last = re.split(r"[/\\:#]", place.rstrip("/\\"))[-1].partition("?")[0]
    stem = _ENDINGS.sub("", last)
    name = re.sub(r"[^\w-]+", "-", stem).strip("-_")[:63]
    return name or "product"


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


def _scalar(text: str) -> str:
    """A word of YAML that reads back as exactly this text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=1 << 30)
    return quoted.rstrip("\n")


def _plain(text: str) -> str:
    """A text for a comment: on one line, nothing that YAML would not read."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
