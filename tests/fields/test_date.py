"""Dates: read in one way only, alike from text and objects, back to the second."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sixfold.fields.date import Date, moment
from sixfold.language import Text

on = dt.datetime.fromisoformat
times = st.datetimes(on("1900-01-01"), on("2199-12-31")).map(lambda time: time.replace(microsecond=0))


@settings(deadline=None)
@given(st.lists(st.dates() | st.none(), min_size=1))
def test_a_day_comes_back_as_it_was(values: list[dt.date | None]) -> None:
    field = Date("d").fit(values)
    assert field.decode(field.encode(values)) == [None if day is None else day.isoformat() for day in values]


@settings(deadline=None)
@given(st.lists(times | st.none(), min_size=1))
def test_a_time_comes_back_to_the_second(values: list[dt.datetime | None]) -> None:
    field = Date("d").fit([*values, on("2000-01-01 12:00")])
    backs = field.decode(field.encode(values))
    for value, back in zip(values, backs, strict=True):
        assert back == (None if value is None else value.isoformat())


@settings(deadline=None)
@given(st.lists(times | st.none(), max_size=20), st.lists(times, min_size=1))
def test_dates_are_the_same_from_text_objects_and_arrays(
    values: list[dt.datetime | None], seen: list[dt.datetime]
) -> None:
    field = Date("d").fit(seen)
    expected = field.encode(values)
    for same in (
        [None if value is None else value.isoformat(" ") for value in values],
        [None if value is None else f"{value:%Y年%m月%d日 %H:%M:%S}" for value in values],
        pl.Series(values, dtype=pl.Datetime).to_list(),
        pl.Series(values, dtype=pl.Datetime).to_numpy(),
        [field.json_value(value) for value in values],
    ):
        np.testing.assert_array_equal(field.encode(same), expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-05", "2024-03-05 00:00"),
        (" 2024/3/5 ", "2024-03-05 00:00"),
        ("2024.3.5", "2024-03-05 00:00"),
        ("2024年3月5日", "2024-03-05 00:00"),
        ("２０２４年３月５号", "2024-03-05 00:00"),
        ("2024-03", "2024-03-01 00:00"),
        ("2024年3月", "2024-03-01 00:00"),
        ("20240305", "2024-03-05 00:00"),
        ("2024-W10-2", "2024-03-05 00:00"),
        ("2024-03-05T14:30", "2024-03-05 14:30"),
        ("2024-03-05 14:30:15.250", "2024-03-05 14:30:15.25"),
        ("2024/3/5 9:05", "2024-03-05 09:05"),
        ("2024年3月5日 14时30分", "2024-03-05 14:30"),
        ("2024年3月5日14点", "2024-03-05 14:00"),
        ("2024-03-05T14:30:00Z", "2024-03-05 14:30+00:00"),
        ("2024-03-05 14:30 +08:00", "2024-03-05 14:30+08:00"),
        ("2024-03-05 14:30+0800", "2024-03-05 14:30+08:00"),
        (dt.date(2024, 3, 5), "2024-03-05 00:00"),
        (np.datetime64("2024-03-05T14:30"), "2024-03-05 14:30"),
        (b"2024-03-05", "2024-03-05 00:00"),
    ],
)
def test_what_can_be_read_in_one_way_is_read(text: Any, expected: str) -> None:
    assert Date("d").parse(text) == on(expected)


@pytest.mark.parametrize(
    "value",
    [
        "03/04/2025", "5.3.2024", "Mar 5 2024", "24-03-05", "2024", "2024-3-5 noon", "2024-03-05x14:30", "2024-13-01",
        "2024-02-30", "2024-03-05 24:30", "yesterday", 20240305, 1.7e9, True, ["2024-03-05"], dt.time(1),
        dt.timedelta(1),
    ],
)  # fmt: skip
def test_what_can_be_read_in_two_ways_or_none_is_refused_with_a_reason(value: Any) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 — the reason is looked at below
        Date("d").parse(value)
    reason = caught.value.args[0]
    assert isinstance(reason, Text)
    assert reason.en != reason.zh


@pytest.mark.parametrize("value", [None, "", "无", "NA", "0000-00-00", np.datetime64("NaT"), float("nan")])
def test_what_says_nothing_is_missing(value: Any) -> None:
    assert Date("d").parse(value) is None


@pytest.mark.parametrize(
    ("numbers", "value"),
    [
        ("seconds", 1_709_649_000), ("seconds", "1709649000"), ("milliseconds", 1_709_649_000_000.0),
        ("seconds", "2024-03-05 14:30"),
    ],
)  # fmt: skip
def test_numbers_are_dates_only_where_it_is_said_of_which_kind(numbers: Any, value: Any) -> None:
    field = Date("d", Date.Options(numbers=numbers))
    assert field.parse(value) == on("2024-03-05 14:30")
    assert "number" in field.schema()["type"]
    with pytest.raises(ValueError, match="exist"):
        field.parse(1e30)


def test_eight_digits_are_a_day_where_that_is_said() -> None:
    field = Date("d", Date.Options(numbers="yyyymmdd"))
    assert field.parse(20240305) == field.parse("20240305") == field.parse(20240305.0) == on("2024-03-05")
    for wrong in (2024, 20240230, 20240305.5):
        with pytest.raises(ValueError, match="not"):
            field.parse(wrong)


def test_the_parts_of_a_date_say_what_a_calendar_says() -> None:
    field = Date("d").fit(["2024-01-01", "2024-07-01", None])
    year, summer, saturday, missing = field.encode(["2024-01-01", "2024-07-01", "2024-03-09", None])
    assert year[2:4] == pytest.approx([0, 1])
    assert summer[3] == pytest.approx(-1, abs=0.01)
    assert (year[8], saturday[8]) == (0, 1)
    assert year[6:8] == pytest.approx([0, 1])  # a Monday
    assert missing.tolist() == [0] * 9 + [1]


def test_hours_are_told_only_where_training_values_have_them() -> None:
    assert Date("d").fit(["2024-01-01"]).form.shape == (9,)
    assert Date("d").fit(["2024-01-01 00:00", "2024-01-01 06:00"]).form.shape == (11,)
    assert Date("d").fit(["2024-01-01"]).schema()["format"] == "date"


def test_a_weekday_is_told_by_the_clock_on_the_wall_and_the_time_since_by_the_moment() -> None:
    field = Date("d").fit(["2024-03-09 06:00", "2024-03-10 18:00"])
    here, there = field.encode(["2024-03-09 07:00+08:00", "2024-03-08 23:00Z"])
    assert here[0] == there[0]
    assert (here[-1], there[-1]) == (1, 0)


def test_dates_far_from_training_and_training_without_dates_stay_finite() -> None:
    assert np.isfinite(Date("d").fit(["2024-01-01"]).encode(["0001-01-01", "9999-12-31"])).all()
    assert np.isfinite(Date("d").fit([None, None]).encode(["2024-01-01", None])).all()


def test_the_moment_of_a_text_needs_no_field() -> None:
    assert moment("2024-03-05") == on("2024-03-05")
