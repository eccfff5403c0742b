"""Windows of long series: the past and what came next, series by series, without a gap."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest

from sixfold.errors import SourceError
from sixfold.product import Product
from sixfold.sources import gathered, source_of

MONTHS = [f"{1990 + month // 12}-{month % 12 + 1:02d}" for month in range(60)]
SALES = [100 + 2 * month + 30 * np.sin(month * np.pi / 6) for month in range(60)]


def product(data: Any, given: dict[str, Any] | None = None, *, steps: int = 3, **sections: Any) -> Product:
    target = {"sales": {"kind": "series", "steps": steps}}
    return Product(name="p", data=data, given=given or {"history": "series"}, predict=target, **sections)


def rows(declared: Product) -> tuple[pl.DataFrame, dict[str, Any]]:
    about: dict[str, Any] = {}
    source = source_of(declared.data, declared.collect.options)
    return pl.concat(list(gathered(declared, source, windows=about))), about


def test_every_moment_with_a_whole_past_and_a_future_is_a_row() -> None:
    data = pl.DataFrame({"sales": SALES})
    found, about = rows(product(data, {"history": {"kind": "series", "length": 10}}))
    assert found.height == 60 - 10 - 3 + 1
    for place in (0, 17, found.height - 1):
        assert found["history"][place].to_list() == SALES[place : place + 10]
        assert found["sales"][place].to_list() == SALES[place + 10 : place + 13]
    assert (about["history"], about["steps"], about["series"]) == (10, 3, 1)
    assert found["__start__"].to_list() == list(range(10, 58))
    assert (found["__end__"] - found["__start__"]).unique().to_list() == [2]


def test_a_date_is_that_of_the_first_step_to_come_and_orders_the_lines() -> None:
    data = pl.DataFrame({"month": MONTHS, "sales": SALES, "weather": [f"w{at}" for at in range(60)]}).sample(
        fraction=1, shuffle=True, seed=1
    )
    given = {"history": {"kind": "series", "length": 12}, "month": "date", "weather": "category"}
    found, about = rows(product(data, given))
    assert about["season"] == 12, "months have the season of a year where the oldest half shows it"
    assert found["month"][0] == MONTHS[12]
    assert found["weather"][0] == "w11", "of the last line before: what is known when the forecast is made"
    assert found["history"][0].to_list() == SALES[:12]


def test_the_season_is_found_or_said_and_the_past_holds_two_of_them() -> None:
    values = [float(10 * (at % 7 == 0) + at % 7) for at in range(200)]
    found, about = rows(product(pl.DataFrame({"sales": values})))
    assert about["season"] == 7
    assert about["history"] == 14
    assert len(found["history"][0]) == 14
    said = product(pl.DataFrame({"sales": values}), {"history": {"kind": "series", "season": 5}})
    assert rows(said)[1]["season"] == 5
    draw = np.random.default_rng(0)
    assert rows(product(pl.DataFrame({"sales": draw.normal(size=300)})))[1]["season"] == 1


def test_errors_are_measured_by_the_seasonal_naive_forecast_before_each_moment() -> None:
    declared = product(pl.DataFrame({"sales": SALES}), {"history": {"kind": "series", "length": 14, "season": 12}})
    found, _ = rows(declared)
    values = np.array(SALES)
    for place in (0, 20):
        before = values[: place + 14]
        assert found["__scale__"][place].to_list() == [pytest.approx(np.abs(before[12:] - before[:-12]).mean())]


def test_series_of_a_long_table_are_cut_one_by_one_on_one_clock() -> None:
    first = dt.date(2024, 1, 1)
    lines = [
        {"shop": shop, "day": first + dt.timedelta(days=at + late), "sales": float(size * at), "visits": float(at)}
        for shop, late, size in (("a", 0, 1), ("b", 5, 100))
        for at in range(40)
    ]
    declared = Product(
        name="p",
        data=pl.DataFrame(lines),
        given={"history": {"kind": "series", "length": 8}, "visits": "series", "shop": "category"},
        predict={"sales": {"kind": "series", "steps": 4}},
        collect={"rows": {"id": "shop", "time": "day"}},
    )
    found, about = rows(declared)
    assert about["series"] == 2
    starts = {shop: part["__start__"].to_list() for (shop,), part in found.group_by("shop", maintain_order=True)}
    assert [day - 5 for day in starts["b"]] == starts["a"], "moments are days, whichever series they are of"
    assert found["__clock__"].n_unique() == 1
    assert found.filter(pl.col("shop") == "b")["history"][0].to_list() == [100.0 * at for at in range(8)]
    assert found["visits"][0].to_list() == list(map(float, range(8)))


def test_several_channels_are_lists_of_steps() -> None:
    data = pl.DataFrame({"x": np.arange(30.0), "y": -np.arange(30.0)})
    declared = Product(
        name="p",
        data=data,
        given={"history": {"kind": "series", "length": 4}},
        predict={"path": {"kind": "series", "from": ["x", "y"], "steps": 2}},
    )
    found, _ = rows(declared)
    assert found["history"][0].to_list() == [[0.0, 0.0], [1.0, -1.0], [2.0, -2.0], [3.0, -3.0]]
    assert found["path"][0].to_list() == [[4.0, -4.0], [5.0, -5.0]]


def test_rows_that_have_a_history_of_their_own_are_taken_as_they_are() -> None:
    data = [{"history": [1.0, 2.0, 3.0], "sales": [4.0, 5.0, 6.0]}] * 8
    found, about = rows(product(data))
    assert found.height == 8
    assert not about


def test_what_cannot_be_cut_says_why() -> None:
    with pytest.raises(SourceError) as short:
        rows(product(pl.DataFrame({"sales": SALES[:9]}), {"history": {"kind": "series", "length": 20}}))
    assert short.value.code == "source.series_too_short"
    gap = pl.DataFrame({"month": MONTHS[:20] + MONTHS[23:], "sales": SALES[:57]})
    with pytest.raises(SourceError) as broken:
        rows(product(gap, {"history": "series", "month": "date"}))
    assert broken.value.code == "source.series_with_gaps"
    assert broken.value.values["missing"] == "3"
    twice = pl.DataFrame({"month": [MONTHS[0], *MONTHS[:59]], "sales": SALES})
    with pytest.raises(SourceError) as double:
        rows(product(twice, {"history": "series", "month": "date"}))
    assert double.value.code == "source.same_time"
