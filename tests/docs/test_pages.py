"""What the pages show exists: commands, files, links, pictures, code."""

from __future__ import annotations

import ast
import contextlib
import re
import shlex
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click
import numpy as np
import pyrage
import pytest

import sixfold
from sixfold.cli._app import _app as root
from sixfold.pipeline import check
from sixfold.product import parse

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = [
    *(REPOSITORY / name for name in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
PAIRS = [
    (page, page.with_name(page.name.replace(".md", ".zh-CN.md")))
    for page in PAGES
    if page.with_name(page.name.replace(".md", ".zh-CN.md")).exists()
]
STUB = "name: stub\ndata: rows.csv\ngiven: {a: image}\npredict: {b: category}\n"


def blocks(page: Path, *languages: str) -> Iterator[str]:
    for language, text in re.findall(
        r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    ):
        if language in languages:
            yield text


def in_prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def shown_commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in blocks(page, "bash", "sh", "console"):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith("sixfold"):
                    yield page.name, line


def filled(text: str) -> str:
    """A shown declaration with a customer's key where it says ``age1…``."""
    return text.replace("age1…", str(pyrage.x25519.Identity.generate().to_public()))


def ids(value: Any) -> str:
    return value.name if isinstance(value, Path) else str(value)


@pytest.mark.parametrize(("page", "line"), list(dict.fromkeys(shown_commands())))
def test_a_shown_command_exists_with_its_options(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    end = next((index for index, word in enumerate(words) if word in (">", "|", "&&")), len(words))
    words, command, name = words[:end], root, "sixfold"
    context = click.Context(root, info_name="sixfold")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, f"{page}: {line}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    if command is root:
        assert words[0] in {name for param in root.params for name in param.opts}
    else:
        with contextlib.closing(command.make_context(name, words, parent=context.parent)):
            pass


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_a_shown_product_is_a_product(page: Path) -> None:
    for block in blocks(page, "yaml"):
        check(parse(filled(block if re.search(r"^data:", block, re.MULTILINE) else STUB + block)))


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_a_setting_shown_in_a_sentence_is_a_setting(page: Path) -> None:
    for code in re.findall(r"`((?:collect|prepare|train|evaluate|deploy|deliver): \{[^`]*\})`", in_prose(page)):
        if not re.search(r": …|\{\w+\}|keras:|allow_private", code):
            check(parse(STUB + filled(code)))


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_shown_python_compiles_and_names_what_sixfold_has(page: Path) -> None:
    for block in blocks(page, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sixfold":
                assert node.attr in sixfold.__all__, node.attr


@pytest.mark.parametrize("page", ["concepts.md", "concepts.zh-CN.md"])
def test_the_kind_in_the_concepts_is_a_kind(page: str) -> None:
    (block,) = blocks(REPOSITORY / "docs" / page, "python")
    module = types.ModuleType("colour_of_the_concepts")
    sys.modules[module.__name__] = module
    try:
        exec(compile(block, page, "exec"), module.__dict__)
        colour = module.Colour("paint").fit(["#ff0000"])
        array = colour.encode(["#FF8000", None, "#0a0b0c"])
        assert array.shape == (3, *colour.form.shape)
        assert array.dtype == np.dtype(colour.form.dtype)
        assert colour.decode(array) == ["#ff8000", None, "#0a0b0c"]
        with pytest.raises(ValueError, match="rrggbb"):
            colour.encode(["red"])
    finally:
        del sys.modules[module.__name__]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = in_prose(page)
    for target in re.findall(r"\]\(([^)\s]+)\)|(?:href|src)=\"([^\"]+)\"", text):
        link = next(filter(None, target))
        if re.match(r"\w+:", link):
            continue
        path, _, anchor = link.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {link}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", in_prose(file), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, f"{page.name}: {link}"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_every_picture_says_what_it_shows(page: Path) -> None:
    text = in_prose(page)
    assert "![](" not in text
    assert all('alt="' in tag for tag in re.findall(r"<img [^>]*>", text))


@pytest.mark.parametrize("picture", sorted((REPOSITORY / "docs" / "images").iterdir()), ids=ids)
def test_a_picture_is_whole_small_and_shown(picture: Path) -> None:
    assert picture.stat().st_size < 300_000
    assert any(picture.name in page.read_text(encoding="utf-8") for page in PAGES), "no page shows it"
    if picture.suffix == ".svg":
        drawing = ET.parse(picture).getroot()
        assert drawing.find("{http://www.w3.org/2000/svg}title") is not None
    else:
        from PIL import Image

        with Image.open(picture) as opened:
            opened.verify()


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=ids)
def test_both_languages_say_the_same_amount(english: Path, chinese: Path) -> None:
    def outline(page: Path) -> dict[str, Any]:
        text = page.read_text(encoding="utf-8")
        prose = in_prose(page)
        return {
            "headings": [len(marks) for marks in re.findall(r"^(#+) ", prose, re.MULTILINE)],
            "blocks": re.findall(r"^```(\w+)$", text, re.MULTILINE),
            "rows of tables": len(re.findall(r"^\|", prose, re.MULTILINE)),
            "points of lists": len(re.findall(r"^(?:-|\d\.) ", prose, re.MULTILINE)),
            "pictures": len(re.findall(r"!\[|<img ", prose)),
        }

    assert outline(chinese) == outline(english)


def test_readme_guide_concepts_reference_and_errors_exist_in_both_languages() -> None:
    names = {"README.md", "guide.md", "concepts.md", "serving.md", "reference.md", "errors.md"}
    assert {page.name for page, _ in PAIRS} == names
