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
from sixfold.cli._guess import guessed
from sixfold.product import parse
from sixfold.security import Home
from sixfold.sources import Look, LookColumn


def column(name: str, dtype: str, values: list[object], distinct: int | None = None, missing: float = 0) -> LookColumn:
    known = len({repr(value) for value in values if value is not None})
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
        "since": "date",
        **dict.fromkeys(["customerID", "row", "fixed", "empty", "remark"]),
    }


SENTENCES = [f"The room number {n} was clean and quiet" for n in range(200)]


@pytest.mark.parametrize(
    ("seen", "kind", "options"),
    [
        (column("review", "String", SENTENCES), "text", {}),
        (column("评论", "String", [f"第{n}间房很干净，服务也很周到" for n in range(200)]), "text", {}),
        (column("city", "String", [f"The city of the river {n % 9}" for n in range(200)]), "category", {}),
        (column("person", "String", [f"Ann Lee{n}" for n in range(200)], distinct=190), None, {}),
        (column("since", "String", [f"2024/{1 + n % 12}/{1 + n % 28}" for n in range(200)]), "date", {}),
        (column("day", "Int64", [20240101 + n % 28 for n in range(200)]), "date", {"numbers": "yyyymmdd"}),
        (column("created_at", "Int64", [1_700_000_000 + 50 * n for n in range(200)]), "date", {"numbers": "seconds"}),
        (column("时间", "Float64", [1.7e12 + 50 * n for n in range(200)]), "date", {"numbers": "milliseconds"}),
        (column("salary", "Int64", [20240101 + 977 * n for n in range(200)]), "number", {}),
        (column("pulse", "List", [[1.0, 2.0, n] for n in range(200)], distinct=200), "series", {}),
        (column("pulse", "String", [f"[1, 2, {n}]" for n in range(200)]), "series", {}),
        (column("axes", "Struct", [{"x": [1.0, n], "y": [2.0, 3.0]} for n in range(200)], distinct=200), "series", {}),
        (column("tags", "List", [["a", "b"]] * 200, distinct=200), None, {}),
        (column("share", "String", [f"{n / 7:.1f}%" for n in range(200)]), "number", {}),
        (column("zipcode", "Int64", [85255, 36372, 1234] * 66 + list(range(60))), "category", {}),
        (column("shop", "String", [f"shop {n % 150}" for n in range(200)], distinct=90), "category", {}),
        (column("clock", "Time", ["10:00"] * 200), None, {}),
    ],
)
def test_texts_dates_and_series_are_told_from_names_numbers_and_codes(
    seen: LookColumn, kind: str | None, options: dict[str, str]
) -> None:
    for language in ("en", "zh"):
        sixfold.use_language(language)
        try:
            guess = guessed(seen, table_of(seen, CLASS))
        finally:
            sixfold.use_language(None)
        assert (guess.kind, guess.options) == (kind, options)
        assert "{" not in guess.why.replace("{kind", "")


def test_what_is_done_about_skewed_and_rare_values_is_said() -> None:
    prices = column("price", "Float64", [1.5**n for n in range(60)] * 3)
    shops = column("shop", "String", [f"shop {n}" for n in range(200)] * 5, distinct=120)
    draft = rendered(drafted(table_of(prices, shops, rows=1000), "price", name="p", data="d"), "product.yaml")
    assert "strongly skewed" in draft
    assert "count as unknown" in draft


def test_a_column_of_many_different_numbers_can_be_the_target_but_not_one_that_numbers_rows() -> None:
    word = column("colour", "String", ["r", "g"] * 100)
    price = column("amount", "Float64", [n / 7 for n in range(200)])
    grades = column("grade", "Int64", [1, 2, 3, 4] * 50)
    numbered = column("id", "Int64", list(range(200)))
    seen = table_of(word, price, numbered)
    assert targets(seen) == (["amount", "colour"], False)
    assert drafted(seen, "amount", name="p", data="d").target.kind == "number"
    assert parse(rendered(drafted(seen, "amount", name="p", data="d"), "p.yaml")).target.kind == "number"
    assert drafted(table_of(grades, word), "grade", name="p", data="d").target.kind == "category"
    ages = column("age", "Int64", [20 + n % 70 for n in range(200)])
    assert drafted(table_of(ages, word), "age", name="p", data="d").target.kind == "number"
    sold = column("价格", "Float64", [n / 3 for n in range(200)])
    assert targets(table_of(sold, word)) == (["价格", "colour"], True)


def test_what_somebody_insists_on_is_read_as_a_text_where_its_values_differ() -> None:
    names = column("person", "String", [f"Ann Lee{n}" for n in range(200)])
    draft = drafted(table_of(names, CLASS), "class", name="p", data="d", given=["person"])
    assert [guess.kind for guess in draft.given] == ["text"]


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
        ("ucr_series.zip#ArrowHead", "ArrowHead"),
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


@pytest.mark.parametrize("kind", ["mask", "boxes"])
def test_pictures_with_companions_become_a_product_that_can_be_loaded(
    kind: str, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    where = {"mask": ("images/{}.png", "masks/{}.png"), "boxes": ("{}.png", "{}.txt")}[kind]
    for number in range(4):
        for name in where:
            path = tmp_path / "data" / name.format(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"0 0.5 0.5 0.1 0.1")
    assert main(["new", "data"]) == 0
    assert "4 pictures, each with what is right of it" in capsys.readouterr().out
    product = sixfold.load(tmp_path / "product.yaml")
    assert {name: spec.kind for name, spec in product.given.items()} == {"image": "image"}
    assert (product.target_name, product.target.kind) == (kind, kind)
    assert f"each picture has {'a mask' if kind == 'mask' else 'boxes'}" in (tmp_path / "product.yaml").read_text()
