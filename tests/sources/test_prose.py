"""A running text: pieces of whole lines, in their order, the last tenth for the test."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from sixfold.errors import SourceError
from sixfold.sources import source_of


def frame(place: Path, **options: object) -> pl.DataFrame:
    return pl.concat(list(source_of(f"prose:{place}", options).frames()))


def test_nothing_is_lost_and_the_end_is_held_out(tmp_path: Path) -> None:
    text = "".join(f"Line {number}, as it stands.\n" + "\n" * (number % 7 == 0) for number in range(400))
    (tmp_path / "play.txt").write_text(text, encoding="utf-8")
    rows = frame(tmp_path / "play.txt", piece=200)
    assert "".join(rows["text"]) == text
    assert all(piece.endswith("\n") for piece in rows["text"])
    splits = rows["__split__"].to_list()
    assert splits == sorted(splits, reverse=True)
    assert splits.count("test") == round(0.1 * len(splits))
    assert "__split__" not in frame(tmp_path / "play.txt", piece=200, held_out=0).columns


def test_a_text_without_lines_is_cut_where_it_must_be(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("好" * 5000, encoding="utf-8")
    rows = frame(tmp_path / "one.txt", piece=100)
    assert "".join(rows["text"]) == "好" * 5000
    assert rows["text"].str.len_chars().max() < 200  # type: ignore[operator]


def test_a_text_that_is_too_short_or_not_there_says_so(tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("One line.\n", encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        frame(tmp_path / "short.txt")
    assert caught.value.code == "source.too_short"
    with pytest.raises(SourceError):
        source_of(f"prose:{tmp_path / 'nowhere.txt'}").fingerprint()


def test_a_table_that_is_none_is_told_of_it(tmp_path: Path) -> None:
    (tmp_path / "play.txt").write_text(
        "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n\n" * 9, "utf-8"
    )
    with pytest.raises(SourceError) as caught:
        list(source_of(str(tmp_path / "play.txt")).frames())
    assert "prose:" in caught.value.mend("en")
