"""The regulator's file: every point of it, answered from what was measured or marked for a person."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lightgbm")

from sixfold.cli import main
from sixfold.dossier import dossier
from sixfold.pipeline import Sixfold
from sixfold.product import Product
from sixfold.security import Home


def rows() -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    x = random.normal(size=300).round(3)
    right = (x > 0) ^ (random.random(300) < 0.1)
    return [{"x": float(one), "y": "yes" if is_yes else "no"} for one, is_yes in zip(x, right, strict=True)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trained") / "home"
    product = Product(
        name="told",
        goal="# Tell y\n<script>alert(1)</script>",
        data=rows(),
        given={"x": "number"},
        predict={"y": "yes_no"},
        train={"network": "trees"},
        collect={"licence": "CC BY 4.0"},
    )
    Sixfold(Home(path)).run(product, until="evaluate")
    return path


@pytest.fixture
def house(home: Home, trained: Path) -> Sixfold:
    shutil.copytree(trained, home.path, dirs_exist_ok=True)
    return Sixfold(home)


def test_it_answers_what_was_measured_and_marks_what_a_person_must_say(house: Sixfold) -> None:
    made = dossier(house, "told")
    assert made.markdown.count("- [ ] **To fill in:**") == made.markdown.count("- [ ] **待填写:**") == made.left
    for said in ("Annex IV", "附件四", "算法备案", "Data sheet", "数据表", "CC BY 4.0", "Accuracy", "boosted trees"):
        assert said in made.markdown
    page = made.html.decode()
    assert page.count('class="fill"') == made.left
    assert "<script>alert" not in page
    assert "<script>alert" not in made.markdown
    assert "\n# Tell y" not in made.markdown


@pytest.mark.parametrize("point", ["1.", "2.", "3.", "(a)", "(h)", "4.", "5.", "6.", "7.", "8.", "9."])
def test_every_point_of_annex_iv_is_there(house: Sixfold, point: str) -> None:
    assert point in dossier(house, "told").markdown


def test_the_command_writes_both_forms_and_says_how_much_is_left(
    house: Sixfold, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dossier", "told", "-o", str(tmp_path / "papers"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["markdown"]).read_text("utf-8").startswith("---\nproduct: told\n")
    assert Path(told["page"]).stat().st_size > 10_000
    assert told["left"] > 10


def test_a_product_that_was_never_run_has_none(house: Sixfold, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dossier", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err
