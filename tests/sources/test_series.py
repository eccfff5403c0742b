"""Where a column's values come from: another column, several, or several lines of a long table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sixfold.errors import Place, ProductError, SourceError
from sixfold.product import Product, parse
from sixfold.progress import Note
from sixfold.sources import gathered, source_of

WIDE = pl.DataFrame(
    {
        "t_1": [1.0, 4.0, None],
        "t_10": [3.0, None, None],
        "t_2": ["2", "?", None],
        "u_1": [5, 6, 7],
        "u_2": [8, 9, None],
        "u_10": [0, None, None],
        "label": ["a", "b", "a"],
    }
)
LONG = pl.DataFrame(
    {
        "who": ["b", "a", "b", "a", "b"],
        "at": ["2025-01-02", "2025-03-01", "2025-01-01", "2025-02-01", "2025-01-03"],
        "x": [1, 2, 3, 4, None],
        "y": ["1.5", "2.5", "3.5", "4.5", "5.5"],
        "age": [30, None, 30, 40, None],
        "kind": ["K", "L", "K", "L", "K"],
    }
)


def product(data: Any, given: dict[str, Any], target: dict[str, Any] | None = None, **collect: Any) -> Product:
    return Product(name="p", data=data, given=given, predict=target or {"label": "category"}, collect=collect)


def read(declared: Product, events: list[Any] | None = None) -> pl.DataFrame:
    listener = ([] if events is None else events).append
    return pl.concat(gathered(declared, source_of(declared.data), listener))


def code(declared: Product) -> tuple[str, Place | None]:
    with pytest.raises(SourceError) as caught:
        read(declared)
    assert caught.value.mend()
    return caught.value.slug, caught.value.place


def test_a_column_may_be_called_otherwise_in_the_data() -> None:
    rows = pl.DataFrame({"Sale Price": [1.0, 2.0], "label": ["a", "b"]})
    frame = read(product(rows, {"price": {"kind": "number", "from": "Sale Price"}}))
    assert frame.to_dict(as_series=False) == {"price": [1.0, 2.0], "label": ["a", "b"]}


def test_from_is_written_back_and_no_option_of_the_kind() -> None:
    declared = parse("name: p\ndata: a.csv\ngiven: {x: {kind: number, from: [a, b]}}\npredict: {y: category}\n")
    assert declared.given["x"].options == {}
    assert declared.to_mapping()["given"] == {"x": {"kind": "number", "from": ["a", "b"]}}
    assert Product(**declared.to_mapping()).given == declared.given
    with pytest.raises(ProductError) as caught:
        parse("name: p\ndata: a.csv\ngiven:\n  x: {kind: number, from: []}\npredict: {y: category}\n", Path("f"))
    assert str(caught.value.place) == "f:4 (given.x.from)"


def test_columns_of_a_pattern_are_the_steps_in_the_order_of_their_numbers() -> None:
    frame = read(product(WIDE, {"signal": {"kind": "series", "from": "t_*"}}))
    assert frame["signal"].to_list() == [[1.0, 2.0, 3.0], [4.0], None]


def test_columns_of_a_list_are_the_steps_in_its_order() -> None:
    frame = read(product(WIDE, {"signal": {"kind": "series", "from": ["t_10", "u_1"]}}))
    assert frame["signal"].to_list() == [[3.0, 5.0], [None, 6.0], [None, 7.0]]


def test_several_patterns_are_the_channels_of_the_steps() -> None:
    frame = read(product(WIDE, {"track": {"kind": "series", "from": ["t_*", "u_*"]}}))
    assert frame["track"].to_list() == [
        [[1.0, 5.0], [2.0, 8.0], [3.0, 0.0]],
        [[4.0, 6.0], [None, 9.0]],
        [[None, 7.0]],
    ]


def test_patterns_of_words_keep_the_order_of_the_data() -> None:
    rows = pl.DataFrame({"m_jan": [1], "m_feb": [2], "m_mar": [3], "label": ["a"]})
    assert read(product(rows, {"year": {"kind": "series", "from": "m_*"}}))["year"].to_list() == [[1.0, 2.0, 3.0]]


def test_channels_of_unequal_length_are_refused() -> None:
    given = {"track": {"kind": "series", "from": ["t_*", "u_1*"]}}
    assert code(product(WIDE, given)) == ("uneven_channels", Place(key="given.track.from"))


def test_lists_and_lists_of_lists_in_the_data_pass_through(tmp_path: Path) -> None:
    rows = [
        {"track": [[1, 2], [3, None]], "flat": [1, None], "label": "a"},
        {"track": [], "flat": [], "label": "b"},
        {"track": None, "flat": None, "label": "a"},
    ]
    pl.DataFrame(rows, schema_overrides={"flat": pl.List(pl.Int8)}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame(rows).write_ndjson(tmp_path / "a.jsonl")
    given = {"track": {"kind": "series"}, "flat": {"kind": "series"}}
    for data in (rows, str(tmp_path / "a.parquet"), str(tmp_path / "a.jsonl")):
        frame = read(product(data, given))
        assert frame["track"].dtype == pl.List(pl.List(pl.Float64))
        assert frame["flat"].dtype == pl.List(pl.Float64)
        assert frame.to_dicts() == rows


def test_lines_of_one_id_are_one_row_in_the_order_of_time() -> None:
    given = {"x": {"kind": "series"}, "track": {"kind": "series", "from": ["x", "y"]}, "age": {"kind": "number"}}
    frame = read(product(LONG, given, {"kind": {"kind": "category"}}, rows={"id": "who", "time": "at"}))
    assert frame.to_dicts() == [
        {
            "x": [3.0, 1.0, None],
            "track": [[3.0, 3.5], [1.0, 1.5], [None, 5.5]],
            "age": 30,
            "kind": "K",
            "__path__": "b",
        },
        {"x": [4.0, 2.0], "track": [[4.0, 4.5], [2.0, 2.5]], "age": 40, "kind": "L", "__path__": "a"},
    ]


def test_without_time_lines_stay_in_their_order() -> None:
    frame = read(product(LONG, {"x": {"kind": "series"}}, {"kind": {"kind": "category"}}, rows={"id": "who"}))
    assert frame["x"].to_list() == [[1.0, 3.0, None], [2.0, 4.0]]


def test_an_id_counts_anew_in_every_split(tmp_path: Path) -> None:
    for split, first in (("train", 1), ("test", 5)):
        pl.DataFrame({"id": [1, 1], "x": [first, first + 1], "label": ["a", "a"]}).write_csv(tmp_path / f"{split}.csv")
    data = {split: str(tmp_path / f"{split}.csv") for split in ("train", "test")}
    frame = read(product(data, {"x": {"kind": "series"}}, rows={"id": "id"}))
    assert frame.select("x", "__split__").rows() == [([1.0, 2.0], "train"), ([5.0, 6.0], "test")]


@pytest.mark.parametrize(
    ("change", "slug", "key"),
    [
        ({"age": [30, 2, 31, 2, 30]}, "several_values", "given.age"),
        ({"who": ["b", None, "b", "a", "b"]}, "lines_without_id", "collect.rows.id"),
        ({"at": ["2025-01-02", None, "2025-01-01", "2025-02-01", "2025-01-03"]}, "line_without_time", "rows.time"),
        ({"at": ["1/2/2025", "2025-03-01", "2025-01-01", "2025-02-01", "2025-01-03"]}, "bad_line_time", "rows.time"),
        ({"at": [1, 2, 1, 3, 4]}, "same_time", "rows.time"),
        ({"at": None}, "no_column", "collect.rows.time"),
        ({"x": list("abcde")}, "not_numbers", "given.x.from"),
    ],
)
def test_lines_that_make_no_row_are_told(change: dict[str, Any], slug: str, key: str) -> None:
    rows = LONG.with_columns(pl.Series(name, values) for name, values in change.items() if values)
    rows = rows.drop(name for name, values in change.items() if values is None)
    given = {"x": {"kind": "series"}, "age": {"kind": "number"}}
    found, place = code(product(rows, given, {"kind": {"kind": "category"}}, rows={"id": "who", "time": "at"}))
    assert (found, str(place).endswith(key)) == (slug, True)


def test_the_error_names_the_id_and_its_values() -> None:
    rows = LONG.with_columns(age=pl.Series([30, 2, 31, 2, None]))
    declared = product(
        rows, {"x": {"kind": "series"}, "age": {"kind": "number"}}, {"kind": {"kind": "category"}}, rows={"id": "who"}
    )
    with pytest.raises(SourceError) as caught:
        read(declared)
    assert (caught.value.values["id"], caught.value.values["values"]) == ("b", "30, 31")


def test_a_few_values_that_are_no_numbers_are_told() -> None:
    events: list[Any] = []
    rows = WIDE.with_columns(t_2=pl.Series(["2", "two", None]))
    read(product(rows, {"signal": {"kind": "series", "from": "t_*"}}), events)
    [note] = [event for event in events if isinstance(event, Note)]
    assert (note.key, note.values["count"]) == ("collect.not_read", 1)


def test_the_key_of_collect_depends_on_where_values_come_from() -> None:
    from sixfold.stages.collect import Collect

    keys = [
        Collect().depends_on(product("sklearn:iris", {"x": {"kind": kind, **more}}, **collect))
        for kind, more, collect in (
            ("number", {}, {}),
            ("number", {"from": "y"}, {}),
            ("series", {}, {}),
            ("series", {}, {"rows": {"id": "who"}}),
            ("number", {}, {"columns": {"x": "y + 1"}}),
        )
    ]
    assert len({str(key) for key in keys}) == len(keys)
