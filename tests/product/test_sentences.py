"""Every sentence a user sees exists in every language, with the same values."""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sixfold
from sixfold.language import Text, languages, sentence, use_language

SOURCE = Path(sixfold.__file__).parent
FAMILIES = {
    "ProductError": "product",
    "SourceError": "source",
    "DataError": "data",
    "RequestError": "request",
    "KeyringError": "keys",
    "PackError": "pack",
    "RunError": "run",
    "StoreError": "store",
    "LedgerError": "ledger",
    "TrainingError": "training",
    "ServiceError": "service",
    "GateRefused": "gate",
    "InputError": "input",
}


def leaves(tree: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{above}{name}.")
        else:
            yield above + name, value


def locale(code: str) -> dict[str, str]:
    return dict(leaves(tomllib.loads((SOURCE / "locale" / f"{code}.toml").read_text(encoding="utf-8"))))


def braces(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("code", languages())
def test_every_language_has_every_sentence_with_the_same_values(code: str) -> None:
    english, other = locale("en"), locale(code)
    # What the reference says in English stands in the code itself: tests/docs holds that the others have it.
    assert {key for key in other if not key.startswith("reference.code.")} == english.keys()
    different = {
        key for key in english if braces(english[key]) != braces(other[key]) and not key.startswith("errors.gate.")
    }
    assert not different


def test_every_error_raised_has_its_sentences() -> None:
    english = locale("en")
    raised = re.compile(rf"\b({'|'.join(FAMILIES)})\(\s*\"(\w+)\"")
    missing = {
        f"{FAMILIES[kind]}.{slug}"
        for file in SOURCE.rglob("*.py")
        for kind, slug in raised.findall(file.read_text(encoding="utf-8"))
        if f"errors.{FAMILIES[kind]}.{slug}.says" not in english
    }
    assert not missing


def test_every_note_told_has_its_sentence() -> None:
    english = locale("en")
    told = re.compile(r"(?:\.note\(|sentence\(|Note\(\s*\"\w+\",)\s*\"([\w.]+)\"")
    missing = {
        key
        for file in SOURCE.rglob("*.py")
        for key in told.findall(file.read_text(encoding="utf-8"))
        if key not in english
    }
    assert not missing


def test_the_reader_chooses_the_language() -> None:
    text = Text("yes", "是")
    try:
        use_language("zh")
        assert str(text) == "是"
        assert "建议" in sentence("errors.parts.mend")
    finally:
        use_language(None)
