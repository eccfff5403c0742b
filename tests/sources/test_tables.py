"""Tables of every format, encoding and fault."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sixfold.errors import ProductError, SourceError
from sixfold.progress import Note
from sixfold.sources import look, source_of

PEOPLE = pl.DataFrame(
    {
        "城市": ["北京", "上海", "广州", "深圳"],
        "age": [39, 50, None, 28],
        "height": [1.72, 1.8, 1.65, None],
        "city code": ["010", "021", "020", "0755"],
    }
)


def read(place: str, base: Path, **options: Any) -> pl.DataFrame:
    return pl.concat(source_of(place, options, base).frames())


def told(place: str, base: Path) -> list[Note]:
    events: list[Any] = []
    list(source_of(place, {}, base, events.append).frames())
    return [event for event in events if isinstance(event, Note)]


def workbook(path: Path) -> None:
    import pandas as pd

    pd.DataFrame(PEOPLE.to_dicts()).to_excel(path, index=False)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.csv", PEOPLE.write_csv),
        ("a.tsv", lambda path: PEOPLE.write_csv(path, separator="\t")),
        ("a.txt", lambda path: PEOPLE.write_csv(path, separator="|")),
        ("a.parquet", PEOPLE.write_parquet),
        ("a.jsonl", PEOPLE.write_ndjson),
        ("a.json", PEOPLE.write_json),
        ("a.xlsx", workbook),
    ],
)
def test_the_same_rows_come_out_of_every_format(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    write(tmp_path / name)
    frame = read(name, tmp_path)
    assert frame.with_columns(pl.col("age").cast(pl.Int64)).equals(PEOPLE)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_chinese_text_is_read_in_any_common_encoding(tmp_path: Path, encoding: str, newline: str) -> None:
    text = PEOPLE.write_csv().replace("\n", newline)
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    assert read("a.csv", tmp_path).equals(PEOPLE)


def test_western_text_in_one_byte_is_read(tmp_path: Path) -> None:
    rows = ["name,city", "José,Málaga", "Zoë,Köln", "François,Besançon"]
    (tmp_path / "a.csv").write_bytes("\n".join(rows).encode("latin-1"))
    assert read("a.csv", tmp_path)["city"].to_list() == ["Málaga", "Köln", "Besançon"]


def test_what_was_detected_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("姓名;分数\n王小明;9,5\n李华;10,0\n".encode("gb18030"))
    notes = told("a.csv", tmp_path)
    assert [note.key for note in notes] == ["collect.detected", "collect.decimal_comma"]
    assert notes[0].values["encoding"] == "gb18030"
    assert notes[0].values["delimiter"] == ";"
    assert read("a.csv", tmp_path)["分数"].to_list() == [9.5, 10.0]


def test_a_table_without_header_gets_numbered_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("5.1,3.5,setosa\n4.9,3.0,setosa\n6.3,3.3,virginica\n")
    assert read("a.csv", tmp_path).columns == ["column_1", "column_2", "column_3"]
    assert told("a.csv", tmp_path)[0].key == "collect.detected_no_header"
    assert read("a.csv", tmp_path, header=True).columns == ["5.1", "3.5", "setosa"]


def test_what_the_file_says_overrules_what_is_detected(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a;b,c\n1;2,3\n4;5,6\n")
    assert read("a.csv", tmp_path, delimiter=";").columns == ["a", "b,c"]
    with pytest.raises(SourceError) as caught:
        read("a.csv", tmp_path, encoding="klingon")
    assert caught.value.code == "source.unknown_encoding"


def test_blanks_question_marks_and_words_for_missing_become_null(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("total,job,score\n 29.85 ,clerk,1\n ,?,NA\n1889.5,?,3\n")
    frame = read("a.csv", tmp_path)
    assert frame["total"].to_list() == [29.85, None, 1889.5]
    assert frame["job"].to_list() == ["clerk", None, None]
    assert frame["score"].to_list() == [1, None, 3]
    marks = {note.values["mark"]: note.values["count"] for note in told("a.csv", tmp_path)[1:]}
    assert marks == {"?": 2, "NA, null, -": 1}


def test_digits_that_are_a_code_stay_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("zip,account,n\n02134,12345678901234567890,0\n10001,22345678901234567890,10\n")
    frame = read("a.csv", tmp_path)
    assert frame.dtypes == [pl.String, pl.String, pl.Int64]
    assert frame["zip"].to_list() == ["02134", "10001"]


def test_quoted_cells_may_hold_delimiters_quotes_and_line_breaks(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a,b\n1,"x, y"\n2,"she said ""no""\nand left"\n\n3,\n')
    assert read("a.csv", tmp_path)["b"].to_list() == ["x, y", 'she said "no"\nand left', None]


def test_a_stray_quote_in_tab_separated_text_is_a_letter(tmp_path: Path) -> None:
    rows = ["label\ttext", *(f"ham\tmessage {number}" for number in range(9)), 'spam\t"Free" for you', 'ham\t"open']
    (tmp_path / "a.tsv").write_text("\n".join(rows))
    assert read("a.tsv", tmp_path)["text"].to_list()[-2:] == ['"Free" for you', '"open']


def test_files_named_after_splits_make_an_official_split(tmp_path: Path) -> None:
    for name in ("data_test", "data_train", "data_valid"):
        (tmp_path / f"{name}.csv").write_text(f"name,n\n{name},1\n")
    frame = read("data_*.csv", tmp_path)
    assert frame["__split__"].to_list() == ["train", "validation", "test"]
    (tmp_path / "data_more.csv").write_text("name,n\nmore,1\n")
    with pytest.raises(SourceError) as caught:
        read("data_*.csv", tmp_path)
    assert caught.value.code == "source.unclear_split"


def test_numbers_in_one_file_and_text_in_another_are_text_in_both(tmp_path: Path) -> None:
    (tmp_path / "x_train.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "x_test.csv").write_text("a,b\n1,2.5\nmany,4\n")
    frame = read("x_*.csv", tmp_path)
    assert frame.schema == {"a": pl.String, "b": pl.Float64, "__split__": pl.String}
    assert frame["a"].to_list() == ["1", "3", "1", "many"]


def test_a_folder_of_tables_is_read_as_one(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "train.csv").write_text("a,b\n1,x\n")
    (tmp_path / "d" / "test.csv").write_text("a,b\n2,y\n")
    (tmp_path / "d" / "README.txt").write_text("about this data")
    assert read("d", tmp_path).rows() == [(1, "x", "train"), (2, "y", "test")]


def test_json_lines_keep_dates_out_and_mixtures_as_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1, "b": true, "c": [1, 2]}\n{"a": 2.5, "b": null, "d": {"x": 1}}\n')
    frame = read("a.jsonl", tmp_path)
    assert frame.schema == {"a": pl.Float64, "b": pl.Boolean, "c": pl.List(pl.Float64), "d": pl.String}


def test_a_workbook_is_read_by_sheet(tmp_path: Path) -> None:
    import pandas as pd

    with pd.ExcelWriter(tmp_path / "a.xlsx") as book:
        pd.DataFrame({"when": [date(2024, 1, 2)], "n": ["1"]}).to_excel(book, sheet_name="one", index=False)
        pd.DataFrame({"m": [7]}).to_excel(book, sheet_name="two", index=False)
    assert read("a.xlsx", tmp_path).columns == ["when", "n"]
    assert read("a.xlsx", tmp_path, sheet="two")["m"].to_list() == [7]
    assert "collect.first_sheet" in [note.key for note in told("a.xlsx", tmp_path)]
    with pytest.raises(SourceError) as caught:
        read("a.xlsx", tmp_path, sheet="three")
    assert caught.value.code == "source.no_sheet"


GOOD = b"a,b,c\n" + b"1,2,3\n" * 50

FAULTS: dict[str, tuple[str, bytes, str, int | None]] = {
    "empty": ("a.csv", b"", "empty_file", None),
    "blank": ("a.csv", b"\n \n", "empty_file", None),
    "only a header": ("a.csv", b"a,b\n", "no_rows", None),
    "random bytes": ("a.csv", bytes(range(256)) * 20, "binary_file", None),
    "a cell too many": ("a.csv", GOOD + b"1,2,3,4\n", "ragged_row", 52),
    "a cell too few": ("a.csv", GOOD + b"1,2\n" + GOOD[6:], "ragged_row", 52),
    "an open quote": ("a.csv", GOOD + b'1,"2,3\n1,2,3\n', "bad_quotes", 53),
    "a NUL": ("a.csv", GOOD + b"1,\x00,3\n" + GOOD[6:], "nul_byte", 52),
    "names twice": ("a.csv", b"a,b,a\n1,2,3\n", "duplicate_columns", None),
    "no name": ("a.csv", b"a,,c\n1,2,3\n", "empty_column_name", None),
    "a reserved name": ("a.csv", b"a,__split__\n1,2\n", "reserved_column", None),
    "too many columns": ("a.csv", b",".join(b"c%d" % n for n in range(100_000)) + b"\n", "too_many_columns", None),
    "no parquet": ("a.parquet", b"PAR1 but nothing else", "unreadable_table", None),
    "no workbook": ("a.xlsx", b"PK\x03\x04 but nothing else", "unreadable_table", None),
    "broken JSON line": ("a.jsonl", b'{"a": 1}\n{"a": \n', "bad_json", 2),
    "JSON of numbers": ("a.json", b"[1, 2]", "not_an_object", None),
    "prose": ("a.txt", b"Once upon a time\nthere was, as they say,\na king.\n" * 9, "no_delimiter", None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_line(tmp_path: Path, fault: str) -> None:
    name, content, slug, line = FAULTS[fault]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError) as caught:
        read(name, tmp_path)
    error = caught.value
    assert error.slug == slug
    assert line is None or error.values["line"] == str(line)
    assert error.says("en")
    assert error.mend("zh")


def test_the_wrong_encoding_is_told_with_the_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b\n" + b"1,2\n" * 9 + "1,北京\n".encode("gb18030"))
    with pytest.raises(SourceError) as caught:
        read("a.csv", tmp_path, encoding="utf-8")
    assert (caught.value.code, caught.value.values["line"]) == ("source.wrong_encoding", "11")


def test_parts_with_other_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b\n1,2\n")
    (tmp_path / "test.csv").write_text("a\n1\n")
    with pytest.raises(SourceError) as caught:
        read("*.csv", tmp_path)
    assert caught.value.code == "source.columns_differ"


def test_an_option_that_the_kind_does_not_know_is_an_error_with_its_key(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ProductError) as caught:
        source_of("a.csv", {"delimeter": ";"}, tmp_path)
    assert caught.value.code == "product.unknown_key"
    assert caught.value.place is not None
    assert caught.value.place.key == "collect.delimeter"
    assert caught.value.values["guess"] == "delimiter"
    with pytest.raises(ProductError) as caught:
        source_of("a.csv", {"delimiter": "ab"}, tmp_path)
    assert caught.value.code == "product.bad_value"


cell = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufeff"), min_size=1, max_size=9)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(cell, cell), min_size=2, max_size=8))
def test_any_text_survives_a_table_but_for_blanks_around_it(
    rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("law")
    frame = pl.DataFrame(rows, schema={"one": pl.String, "two": pl.String}, orient="row")
    frame.write_csv(folder / "a.csv", quote_style="always")
    found = read("a.csv", folder, encoding="utf-8", header=True, delimiter=",").cast(pl.String)
    for name in frame.columns:
        for before, after in zip(frame[name], found[name], strict=True):
            text = frame.select(pl.lit(before).str.strip_chars()).item()
            assert after == (text or None) or _is_number_or_missing(text)


def _is_number_or_missing(text: str) -> bool:
    return text == "?" or text.lower() in ("na", "n/a", "#n/a", "nan", "null", "none", "-") or _is_number(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_real_tables_have_their_published_counts(shared_data: Path) -> None:
    adult = read("adult_*.csv", shared_data)
    assert dict(adult["__split__"].value_counts().rows()) == {"train": 32_561, "test": 16_281}
    assert adult["workclass"].null_count() > 0
    assert adult["age"].dtype == pl.Int64
    telco = read("telco_churn_*.csv", shared_data)
    assert telco.height == 7_043
    assert telco["TotalCharges"].dtype == pl.Float64
    assert read("sms_spam.tsv", shared_data).height == 5_574
    assert read("chnsenticorp.zip", shared_data).height == 12_000
    assert read("heart_disease_cleveland.csv", shared_data).columns[1] == "sex"
    with pytest.raises(SourceError) as caught:
        read("twins.csv", shared_data)
    assert caught.value.code == "source.empty_column_name"


def test_a_first_look_tells_columns_and_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("age,city\n1,Rome\n,Rome\n3,Bern\n4,\n")
    seen = look("a.csv", tmp_path)
    assert (seen.kind, seen.roles, seen.rows, seen.has_split) == ("table", None, 4, False)
    age, city = seen.columns
    assert (age.dtype, age.values, age.distinct, age.missing) == ("Int64", (1, None, 3, 4), 3, 0.25)
    assert (city.dtype, city.distinct) == ("String", 2)
