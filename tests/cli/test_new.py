"""`sixfold new`: what it writes runs as it is, whatever the columns are called."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import sixfold
from sixfold.cli import main
from sixfold.cli._draft import drafted, product_name, rendered, targets
from sixfold.product import parse
from sixfold.security import Home
from sixfold.sources import Look, LookColumn


def column(name: str, dtype: str, values: list[object], distinct: int | None = None, missing: float = 0) -> LookColumn:
    known = len({value for value in values if value is not None})
    return LookColumn(name, dtype, tuple(values), known if distinct is None else distinct, missing)


def table_of(*columns: LookColumn, rows: int = 200) -> Look:
    return Look("rows.csv", "table", None, columns, rows, ())


def kinds(look: Look, target: str) -> dict[str, str | None]:
    draft = drafted(look, target, name="p", data="rows.csv")
    return {guess.column: guess.kind for guess in (*draft.given, *draft.left_out)}


CLASS = column("class", "String", ["a", "b", "c"] * 60)

AWKWARD = [
    *(
        "yes",
        "no",
        "null",
        "true",
        "~",
        "123",
        "1.5",
        "1e3",
        "a b",
        "a: b",
        "a #b",
        "- a",
        "'",
        '"',
        "{a}",
        "[b]",
        "&x",
        "*y",
    ),
    *(
        "!z",
        "|",
        ">",
        "%",
        "@",
        "`",
        ",",
        "?",
        ":",
        "收入",
        "年 龄",
        "价格：元",
        "\t",
        " lead",
        "trail ",
        "\\",
        "kind",
        "=",
    ),
    *("0x1f", "2020-01-01", "<<", "😀", "a\nb", "a\u2028b", "\x85", "\x7f", "y", "N", "On", ".5", "./x", "..."),
]


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_column_names_come_back_as_they_were(name: str) -> None:
    seen = table_of(column(name, "Float64", [0.5, 1.5, 2.25]), CLASS)
    product = parse(rendered(drafted(seen, "class", name="p", data="rows.csv"), "product.yaml"))
    assert list(product.given) == [name]
    other = table_of(column(name, "String", ["x", "y"] * 50), column("n", "Float64", [0.5, 1.5]))
    product = parse(rendered(drafted(other, name, name="p", data="rows.csv"), "product.yaml"))
    assert product.target_name == name


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(name=names, value=names, goal=names, language=st.sampled_from(["en", "zh"]))
def test_any_text_comes_back_as_it_was(name: str, value: str, goal: str, language: str) -> None:
    sixfold.use_language(language)
    try:
        if name == "class" or not value.strip() or value.strip() == "other":
            return
        target = column("class", "String", [value, "other", "other"] * 20)
        seen = table_of(column(name, "Float64", [0.5]), target, rows=60)
        seen = table_of(column(name, "Float64", [0.5, 1.5]), target, rows=60)
        draft = drafted(seen, "class", name="p", data="rows.csv", goal=goal, yes=value.strip())
        product = parse(rendered(draft, "product.yaml"))
    finally:
        sixfold.use_language(None)
    assert list(product.given) == [name]
    assert product.goal == goal
    if product.target.kind == "yes_no" and product.target.options:
        assert product.target.options["yes"] == value.strip()


def test_kinds_are_guessed_by_the_values() -> None:
    seen = table_of(
        column("customerID", "String", [f"c{n}" for n in range(200)]),
        column("row", "Int64", list(range(1, 201))),
        column("age", "Int64", list(range(20, 80)) * 3, missing=0.05),
        column("gender", "String", ["f", "m"] * 100),
        column("smokes", "String", ["yes", "no"] * 100),
        column("senior", "Int64", [0, 1] * 100),
        column("stars", "Int64", [1, 2, 3] * 60),
        column("balance", "Float64", [0.5 * n for n in range(150)]),
        column("fixed", "String", ["same"] * 200),
        column("empty", "Null", []),
        column("remark", "String", [f"text {n}" for n in range(190)], distinct=180),
        column("since", "Date", ["2020-01-01", "2020-01-02"]),
        CLASS,
    )
    assert kinds(seen, "class") == {
        "age": "number",
        "gender": "category",
        "smokes": "yes_no",
        "senior": "yes_no",
        "stars": "category",
        "balance": "number",
        **dict.fromkeys(["customerID", "row", "fixed", "empty", "remark", "since"]),
    }


def test_the_target_is_told_by_its_name_else_it_is_the_last_that_can_be_one() -> None:
    word = column("colour", "String", ["r", "g"] * 50)
    amount = column("amount", "Float64", [0.5, 1.25] * 50)
    assert targets(table_of(column("Churn", "String", ["yes", "no"] * 50), word, amount)) == (["Churn", "colour"], True)
    assert targets(table_of(column("shape", "String", ["o", "x"] * 50), word, amount)) == (["colour", "shape"], False)
    assert targets(table_of(amount)) == ([], False)


def test_of_two_values_the_rarer_one_means_yes_unless_the_words_say_it() -> None:
    amount = column("amount", "Float64", [0.5, 1.25] * 50)
    income = column("income", "String", ["<=50K", "<=50K", ">50K"] * 30)
    draft = drafted(table_of(income, amount), "income", name="p", data="d")
    assert (draft.target.kind, draft.target.options) == ("yes_no", {"yes": ">50K"})
    churn = column("churn", "String", ["No", "No", "Yes"] * 30)
    draft = drafted(table_of(churn, amount), "churn", name="p", data="d")
    assert (draft.target.kind, draft.target.options) == ("yes_no", {})


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("adult_train.csv", "adult_train"),
        ("data/sign digits.tar.gz", "sign-digits"),
        ("adult_*.csv", "adult"),
        ("sklearn:digits", "digits"),
        ("https://host.example/a/iris.csv?raw=1", "iris"),
        ("客户.xlsx", "客户"),
        ("folder/", "folder"),
        ("***", "product"),
    ],
)
def test_the_name_comes_from_the_data(place: str, name: str) -> None:
    assert product_name(place) == name


def test_a_table_becomes_a_product_that_loads(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with Path("客户 list.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "年龄", "plan: kind", "yes", "leaves"])
        writer.writerows(
            [f"c{n}", 20 + n % 50, ["basic", "plus", "pro"][n % 3], n / 7, ["stays", "goes"][n % 5 == 0]]
            for n in range(100)
        )
    assert main(["new", "客户 list.csv", "-o", "made/product.yaml", "--yes"]) == 0
    assert "made/product.yaml" in capsys.readouterr().out
    product = sixfold.load("made")
    assert product.name == "客户-list"
    assert product.data == "../客户 list.csv"
    assert {name: spec.kind for name, spec in product.given.items()} == {
        "年龄": "number",
        "plan: kind": "category",
        "yes": "number",
    }
    assert product.target.options == {"yes": "goes"}
    text = Path("made/product.yaml").read_text(encoding="utf-8")
    assert "#   id: every value is different" in text


def test_it_does_not_overwrite_unless_told_to(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("product.yaml").write_text("mine")
    assert main(["new", "sklearn:iris"]) == 2
    assert "[input.file_exists]" in capsys.readouterr().err
    assert Path("product.yaml").read_text() == "mine"
    assert main(["new", "sklearn:iris", "--force", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["written"] == str(tmp_path / "product.yaml")
    assert record["product"]["data"] == "sklearn:iris"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--target", "petl width"], "input.no_such_column"),
        (["--given", "nothing"], "input.no_such_column"),
        (["--name", "a name"], "product.bad_value"),
    ],
)
def test_what_it_is_told_must_be_there(
    arguments: list[str], code: str, home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "sklearn:iris", "-o", str(tmp_path / "p.yaml"), *arguments]) == 2
    assert f"[{code}]" in capsys.readouterr().err
    assert not (tmp_path / "p.yaml").exists()


def test_class_folders_become_a_product_in_chinese(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("猫", "狗"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / "photos" / name / f"{number}.png")
    assert main(["--lang", "zh", "new", "photos"]) == 0
    product = sixfold.load("product.yaml")
    assert ({name: spec.kind for name, spec in product.given.items()}, product.target_name) == (
        {"image": "image"},
        "class",
    )
    assert "由 `sixfold new` 生成" in Path("product.yaml").read_text(encoding="utf-8")
    assert "2 个类别" in capsys.readouterr().out
