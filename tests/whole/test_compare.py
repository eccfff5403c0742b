"""Two products, or two runs of one, held against each other on the test rows that both have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from sixfold.cli import main
from sixfold.errors import InputError
from sixfold.pipeline import Sixfold
from sixfold.product import Product
from sixfold.security import Home


def rows(count: int = 400, seed: int = 0) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(2, count))
    noise = random.normal(size=count)
    kinds = np.where(a + b + 0.5 * noise > 0, "up", "down")
    return pl.DataFrame({"a": a, "b": b, "noise": noise, "kind": kinds}).to_dicts()


def marked(told: list[dict[str, Any]], tested: int = 80) -> list[dict[str, Any]]:
    """Rows with a split of their own: what is given may differ, what is tested does not."""
    return [{**row, "__split__": "test" if place < tested else "train"} for place, row in enumerate(told)]


def product(name: str, given: tuple[str, ...], data: Any = None, **sections: Any) -> Product:
    train = {"network": "mlp", "epochs": 3, "hidden": [8]}
    return Product(
        name=name,
        data=marked(rows()) if data is None else data,
        given=dict.fromkeys(given, "number"),
        predict={"kind": "category"},
        train={**train, **sections.pop("train", {})},
        evaluate={"gates": {"beats baseline": False}},
        **sections,
    )


pytestmark = pytest.mark.slow


@pytest.fixture
def house(home: Home) -> Sixfold:
    return Sixfold(home)


def test_two_products_and_two_runs_are_compared_on_the_same_rows(
    house: Sixfold, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    house.run(product("half", ("a",)), until="evaluate")
    house.run(product("whole", ("a", "b")), until="evaluate")
    told = house.compare(house.named("half"), house.named("whole"))
    assert (told.matched_by, told.rows, told.alone) == ("number", 80, (0, 0))
    accuracy = told.figures[0]
    assert accuracy["first"]["value"] == house.named("half").figures["accuracy"]["value"]
    assert accuracy["second"]["value"] == house.named("whole").figures["accuracy"]["value"]
    gap = accuracy["difference"]
    assert gap["value"] == pytest.approx(accuracy["second"]["value"] - accuracy["first"]["value"])
    assert gap["low"] <= gap["value"] <= gap["high"]
    loss = next(figure for figure in told.figures if figure["name"] == "log_loss")
    assert loss["difference"]["value"] == pytest.approx(loss["first"]["value"] - loss["second"]["value"])

    page = tmp_path / "both.html"
    assert main(["compare", "half", "whole", "--html", str(page)]) == 0
    assert "On the same 80 test rows" in capsys.readouterr().out
    assert "在同样的 80 个测试行上" in page.read_text(encoding="utf-8")

    house.run(product("whole", ("a", "b"), train={"epochs": 12}), until="evaluate")
    assert main(["compare", "whole~1", "whole", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["first"]["name"] == "whole~1"
    assert record["rows"] == 80
    assert record["figures"][0]["first"]["value"] == accuracy["second"]["value"], "the run before the last"
    with pytest.raises(InputError, match="no_such_run"):
        house.named("whole~2")
    with pytest.raises(InputError, match="unknown_product"):
        house.named("hole")


def test_rows_of_other_data_are_matched_by_what_they_hold(house: Sixfold) -> None:
    known, more = rows(300, 1), rows(300, 2)
    shuffled = [known[place] for place in np.random.default_rng(0).permutation(100)]
    house.run(product("one", ("a", "b"), marked(known, 100)), until="evaluate")
    house.run(product("other", ("a", "b", "noise"), marked([*shuffled, *more], 200)), until="evaluate")
    told = house.compare(house.named("one"), house.named("other"))
    assert (told.matched_by, told.rows, told.alone) == ("content", 100, (0, 100))
    assert told.figures[0]["first"]["value"] == house.named("one").figures["accuracy"]["value"]


def test_what_cannot_be_compared_says_why(house: Sixfold) -> None:
    house.run(product("one", ("a",)), until="evaluate")
    house.run(product("strangers", ("a",), marked(rows(400, 9))), until="evaluate")
    with pytest.raises(InputError, match="no_shared_rows"):
        house.compare(house.named("one"), house.named("strangers"))
    others = marked([{**row, "kind": "left" if row["kind"] == "up" else "right"} for row in rows()])
    house.run(product("others", ("a",), others), until="evaluate")
    with pytest.raises(InputError, match="not_comparable") as caught:
        house.compare(house.named("one"), house.named("others"))
    assert "classes of kind differ" in caught.value.says("en")
    house.run(product("begun", ("a",)), until="prepare")
    with pytest.raises(InputError, match="not_evaluated"):
        house.compare(house.named("one"), house.named("begun"))
