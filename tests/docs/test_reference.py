"""The reference says what the code does: it is made from the code, whole, and current."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import BaseModel

import sixfold
from sixfold.cli._app import _app as root
from sixfold.evaluation import gate_names
from sixfold.families import find, names
from sixfold.language import languages
from sixfold.preparing import CHECKS
from sixfold.product import Product
from sixfold.reference import SUFFIXES, documents
from sixfold.reference._kinds import FAMILIES

SOURCE = Path(sixfold.__file__).parent
DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = documents()
OTHERS = [code for code in languages() if code != "en"]


def locale(code: str) -> dict[str, Any]:
    return tomllib.loads((SOURCE / "locale" / f"{code}.toml").read_text(encoding="utf-8"))


def keys(tree: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from keys(value, f"{above}{name}.")
        else:
            yield above + name


def settings(model: type[BaseModel] = Product, above: str = "") -> Iterator[tuple[str, bool]]:
    """Every setting by its dotted name, and whether it is a section."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        is_section = isinstance(inner, type) and issubclass(inner, BaseModel)
        yield above + name, is_section
        if is_section:
            yield from settings(inner, f"{above}{name}.")


def commands(group: click.Command = root, path: str = "sixfold") -> Iterator[tuple[str, click.Command]]:
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield f"{path} {name}", command
            yield from commands(command, f"{path} {name}")


def kinds() -> Iterator[tuple[str, str, type[Any]]]:
    for folder, family in FAMILIES.items():
        for name in names(family):
            yield folder, name, find(family, name)


def described() -> set[str]:
    """What the code says in English, so that every other language can say it under ``[reference.code]``."""
    wanted = {f"settings.{name}.about" if is_section else f"settings.{name}" for name, is_section in settings()}
    for folder, name, kind in kinds():
        wanted.add(f"{folder}.{name}.about")
        if (folder, name) != ("networks", "keras"):  # its options are not written: `train: {keras: …}` is
            wanted |= {f"{folder}.{name}.{option}" for option in kind.Options.model_fields}
    wanted |= {f"checks.{name.replace(' ', '_')}" for name in CHECKS}
    return wanted | {f"gates.{name.replace(' ', '_')}" for name in gate_names()}


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name], f"docs/{name} is not current: run `make docs`"


@pytest.mark.parametrize("code", OTHERS)
def test_every_other_language_describes_every_setting_and_nothing_that_is_gone(code: str) -> None:
    """A new kind, check or gate needs no line here: its page falls back to what its own file says."""
    said = set(keys(locale(code)["reference"]["code"]))
    assert said >= {key for key in described() if key.startswith("settings.")}
    assert said <= described()


@pytest.mark.parametrize("code", languages())
def test_every_setting_kind_option_check_and_gate_is_in_the_reference(code: str) -> None:
    page = PAGES[f"reference{SUFFIXES[code]}.md"]
    for name, _ in settings():
        section, _, below = name.partition(".")
        shown = f"`{below}`" if below else f"`{section}`"
        assert shown in page, name
    for folder, name, kind in kinds():
        assert f"\n### {name}: {kind.title(code)}\n" in page, (folder, name)
        if (folder, name) != ("networks", "keras"):
            for option in kind.Options.model_fields:
                assert f"| `{option}` |" in page, (name, option)
    for name in (*CHECKS, *gate_names()):
        assert f"| `{name}` |" in page, name


@pytest.mark.parametrize("code", languages())
def test_every_command_and_option_is_in_the_reference(code: str) -> None:
    page = PAGES[f"reference{SUFFIXES[code]}.md"]
    for path, command in commands():
        _, found, after = page.partition(f"# {path}\n")
        assert found, path
        chapter = re.split(r"\n###? ", after)[0]
        for param in command.get_params(click.Context(command)):
            if isinstance(param, click.Option):
                assert all(name in chapter for name in param.opts), (path, param.opts)


@pytest.mark.parametrize("code", languages())
def test_every_error_is_on_the_page_of_errors(code: str) -> None:
    page = PAGES[f"errors{SUFFIXES[code]}.md"]
    told = locale("en")["errors"]
    codes = {f"{family}.{slug}" for family, slugs in told.items() if family != "parts" for slug in slugs}
    assert set(re.findall(r"^### `([\w.]+)`$", page, re.MULTILINE)) == codes


def test_every_environment_variable_is_in_the_reference() -> None:
    used = {
        name
        for file in SOURCE.rglob("*.py")
        for name in re.findall(r"\"(SIXFOLD_[A-Z_]+)\"", file.read_text(encoding="utf-8"))
    }
    assert used
    for name in used:
        assert f"| `{name}` |" in PAGES["reference.md"], name
