"""The model card of a pack: README.md in Hugging Face form, in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from sixfold.language import Text, sentence
from sixfold.pack._manifest import Override

__all__ = ["Card", "Column", "DataSet", "Figure", "Gate"]

_LANGUAGES = ("en", "zh")
_LICENCE_NAME = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)+|mit")
"""How the hub writes the names of licences (``apache-2.0``); all else is free text."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, and what kind it is."""

    name: str
    kind: Text


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure on test rows, as people read it: with its interval, its baseline and the number of rows.

    Args:
        name: As programs know it (``accuracy``).
        title: As people call it.
        value: The bare number; ``None`` where it is not defined.
        shown: The number as people read it.
        interval: The 95 % interval as people read it.
        rows: On how many rows it was measured.
        baseline: What the better baseline reaches, and which one that is; a dash where there is none.
    """

    name: str
    title: Text
    value: float | None
    shown: Text
    interval: Text
    rows: int
    baseline: Text


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate: its title, its verdict in a word (passed, warning …), and its reason."""

    title: Text
    verdict: Text
    says: Text


@dataclass(frozen=True, slots=True)
class DataSet:
    """Where the rows came from. ``splits`` is how many rows were for training, validation and test; ``synthetic`` how
    many more a generator made for training."""

    name: str
    digest: str
    rows: int
    splits: Mapping[str, int]
    licence: str | None = None
    origin: str | None = None
    synthetic: int = 0


@dataclass(frozen=True, slots=True)
class Card:
    """What the card says of a model.

    Args:
        name: The product.
        version: The model's version.
        goal: What it is for, in the maker's words; empty if they said nothing.
        task: What kind of task it is.
        hub_task: The same as the hub writes it (``tabular-classification``).
        network: What was trained.
        given: The columns that it is given.
        target: The column that it tells.
        data: Where the rows came from.
        figures: How good it is; the first is the headline.
        gates: What had to hold.
        overrides: Gates that said no and were passed all the same.
        base_model: What it was trained on from, as the hub names it.
        terms: What the customer may do with it.
        is_medical: Whether it is for questions of health, and must say that it is no certified device.
    """

    name: str
    version: str
    goal: str
    task: Text
    hub_task: str
    network: str
    given: Sequence[Column]
    target: Column
    data: DataSet
    figures: Sequence[Figure]
    gates: Sequence[Gate] = ()
    overrides: Sequence[Override] = ()
    base_model: str | None = None
    terms: str | None = None
    is_medical: bool = False

    def to_markdown(self, *, key: str, wheel: str) -> str:
        """README.md: YAML front matter (Hugging Face model card metadata), then the text in both languages.

        Args:
            key: Fingerprint of the public key that verifies the pack.
            wheel: File name of the runtime's wheel.
        """
        head = yaml.safe_dump(self._front_matter(), sort_keys=False, allow_unicode=True, width=120)
        texts = ["\n".join(self._text(code, key, wheel)) for code in _LANGUAGES]
        return f"---\n{head}---\n\n# {self.name}\n\n" + "\n---\n\n".join(texts)

    def _front_matter(self) -> dict[str, Any]:
        terms = (self.terms or "").strip()
        named = bool(_LICENCE_NAME.fullmatch(terms.lower()))
        licence = {"license": terms.lower()} if named else {"license": "other", "license_name": terms or "not stated"}
        metrics = [
            {"type": figure.name, "name": figure.title("en"), "value": round(figure.value, 6)}
            for figure in self.figures
            if figure.value is not None
        ]
        result = {
            "task": {"type": self.hub_task, "name": self.task("en")},
            "dataset": {"name": self.data.name, "type": self.data.name, "split": "test"},
            "metrics": metrics,
        }
        return {
            **licence,
            "language": list(_LANGUAGES),
            "library_name": "sixfold",
            **({"base_model": self.base_model} if self.base_model else {}),
            "pipeline_tag": self.hub_task,
            "tags": ["sixfold", "onnx", self.hub_task],
            "datasets": [self.data.name],
            "model-index": [{"name": self.name, "results": [result]}],
        }

    def _text(self, code: str, key: str, wheel: str) -> Iterator[str]:
        def say(word: str, **values: object) -> str:
            return sentence(f"card.{word}", code, **values)

        file = f"{self.name}-{self.version}"
        yield f"## {say('use')}\n"
        if self.goal:
            yield f"{_line(self.goal)}\n"
        given = say("and").join(f"`{_line(column.name)}` ({column.kind(code)})" for column in self.given)
        target = f"`{_line(self.target.name)}` ({self.target.kind(code)})"
        yield say("use_text", given=given or "–", target=target, task=self.task(code)) + "\n"
        yield say("model_text", version=self.version, network=self.network) + "\n"
        yield f"## {say('open')}\n"
        yield say("open_text", key=key) + "\n"
        verify = f"python -m model_signing verify key {file} --signature {file}/model.sig --public_key supplier-key.pem"
        yield f"1. {say('verify')} `python -m zipfile -e {file}.sixfold {file}`, `{verify}`"
        yield f"2. {say('install')} `python -m pip install -r {file}/runtime/requirements.txt {file}/runtime/{wheel}`"
        yield f"3. {say('serve')} `sixfold serve {file}.sixfold --key supplier-key.pem`\n"
        yield say("without", folder=file) + "\n"
        yield f"## {say('data')}\n"
        yield from self._data(code)
        yield f"## {say('figures')}\n"
        rows = [[each.title(code), each.shown(code), each.interval(code), each.baseline(code)] for each in self.figures]
        yield from _table([say(word) for word in ("figure", "value", "interval", "baseline")], rows)
        yield say("figures_text", rows=f"{self.figures[0].rows:,}" if self.figures else "0") + "\n"
        if self.gates:
            yield from _table(
                [say(word) for word in ("gate", "verdict", "reason")],
                [[gate.title(code), gate.verdict(code), gate.says(code)] for gate in self.gates],
            )
        for override in self.overrides:
            yield say("overridden", gate=_line(override.gate), reason=_line(override.reason)) + "\n"
        yield f"## {say('limits')}\n"
        yield say("limits_text") + "\n"
        if self.is_medical:
            yield f"**{sentence('report.top.medical', code)}**\n"
        yield f"## {say('terms')}\n"
        yield (_line(self.terms) if self.terms else say("no_terms")) + "\n"

    def _data(self, code: str) -> Iterator[str]:
        def say(word: str, **values: object) -> str:
            return sentence(f"card.{word}", code, **values)

        unknown = say("not_stated")
        rows = [[say("source"), self.data.name], ["SHA-256", f"`{self.data.digest}`"]]
        rows += [[say("licence"), self.data.licence or unknown], [say("origin"), self.data.origin or unknown]]
        rows += [[say("rows"), f"{self.data.rows:,}"]]
        rows += [[say(f"rows_{split}"), f"{count:,}"] for split, count in self.data.splits.items()]
        if self.data.synthetic:
            rows.append([say("rows_synthetic"), f"{self.data.synthetic:,}"])
        yield from _table([say("what"), say("value")], rows)
        yield say("papers") + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for cells in (head, ["---"] * len(head), *rows):
        yield "| " + " | ".join(_line(cell).replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _line(text: str) -> str:
    """Words of a user, on one line and without marks that would begin a heading or a page of their own."""
    return " ".join(text.split()).replace("<", "&lt;")
