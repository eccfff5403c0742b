"""The brief: one page about a finished product, from what was measured and what nobody has said yet."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sixfold.cli import main
from sixfold.pipeline import Sixfold
from sixfold.product import Product
from sixfold.security import Home

LONG = "A very long sentence that somebody wrote without thinking of the page on which it will stand. " * 6
IDEA = {
    "name": "other",
    "customer": LONG,
    "today": LONG,
    "trend": LONG,
    "regulation": LONG,
    "rivals": [{"name": LONG[:300], "kept_away_by": LONG}] * 4,
    "volume": 1,
    "value": 1,
    "errors": 0,
    "error_cost": 1,
    "making": 1,
    "chances": {"data": 1, "customer": 1},
}


def rows() -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    x = random.normal(size=400).round(3)
    right = (x > 0) ^ (random.random(400) < 0.1)
    return [{"x": float(one), "y": "yes" if is_yes else "no"} for one, is_yes in zip(x, right, strict=True)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which two products were run: one says what answers are worth, one does not."""
    path = tmp_path_factory.mktemp("trained") / "home"
    told = {"given": {"x": "number"}, "predict": {"y": "yes_no"}, "data": rows(), "train": {"network": "trees"}}
    value = {"missed": 10, "false_alarm": 4, "person": {"costs": 1, "right": 0.95}, "volume": 5000, "price": 0.2}
    house = Sixfold(Home(path))
    house.run(Product(name="paid", goal="Tell y.", evaluate={"value": value}, **told), until="evaluate")
    house.run(Product(name="silent", **told), until="evaluate")
    return path


@pytest.fixture
def written(home: Home, trained: Path, tmp_path: Path) -> Any:
    shutil.copytree(trained, home.path, dirs_exist_ok=True)

    def write(*arguments: str) -> Path:
        path = tmp_path / "brief.html"
        assert main(["brief", *arguments, "-o", str(path)]) == 0
        return path

    return write


def test_it_says_what_was_measured_in_both_languages(written: Any) -> None:
    page = written("paid").read_text("utf-8")
    for text in ("Opportunity", "机会", "Evidence", "证据", "Value per 1,000", "每千例价值", "Open questions"):
        assert text in page
    assert "Would a rented model do as well?" in page


def test_what_nobody_has_said_is_asked(written: Any) -> None:
    page = written("silent").read_text("utf-8")
    assert "What is a right answer worth" in page
    assert "nobody has said what answers are worth" in page


def ideas_file(folder: Path) -> Path:
    path = folder / "ideas.yaml"
    path.write_text(json.dumps({"ideas": [IDEA]}), "utf-8")  # JSON is YAML
    return path


def test_an_idea_adds_customer_and_rivals(written: Any, tmp_path: Path) -> None:
    page = written("paid", "--ideas", str(ideas_file(tmp_path))).read_text("utf-8")
    assert "A very long sentence" in page
    assert "kept away by" in page
    assert "Who would pay" not in page


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_prints_to_one_page_of_a4_however_much_was_said(written: Any, tmp_path: Path, language: str) -> None:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed: nothing is printed")
    page, printed = written("paid", "--ideas", str(ideas_file(tmp_path))), tmp_path / "brief.pdf"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", f"--print-to-pdf={printed}"]
    subprocess.run(
        [program, *options, f"--user-data-dir={tmp_path / 'profile'}", f"{page.as_uri()}#{language}"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert len(re.findall(rb"/Type\s*/Page[^s]", printed.read_bytes())) == 1


def test_predict_says_to_ask_a_person_where_the_product_would(
    home: Home, trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained, home.path, dirs_exist_ok=True)
    run = Sixfold(home).last("paid")
    asked = [row for row in rows() if run.predict([{"x": row["x"]}])[0]["ask"]]
    assert asked
    row = json.dumps({"x": asked[0]["x"]})
    assert main(["predict", "paid", row]) == 0
    assert "ask a person  · leans to" in capsys.readouterr().out
    assert main(["--lang", "zh", "predict", "paid", row]) == 0
    assert "请转人工" in capsys.readouterr().out


def test_a_product_that_was_not_run_and_an_idea_that_is_none_are_told(
    home: Home, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained, home.path, dirs_exist_ok=True)
    assert main(["brief", "nothing"]) == 2
    assert main(["brief", "paid", "--ideas", str(ideas_file(tmp_path)), "--idea", "third"]) == 2
    assert "other" in capsys.readouterr().err
    assert main(["brief", "paid", "--idea", "third"]) == 2
    assert "--ideas FILE" in capsys.readouterr().err


def test_a_program_is_told_where_it_was_written(
    written: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written("paid", "--json")
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"product": "paid", "brief": str(path)}
