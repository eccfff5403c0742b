"""Windows of long series: the past and what came next, series by series, without a gap."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from sixfold.errors import ProductError, SourceError
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


def crossing() -> pl.DataFrame:
    """Two scenes with the same ids: in the first a and b walk side by side, c far off; in the second a walks alone."""
    lines = [("one", "a", at, float(at), 0.0) for at in range(12)]
    lines += [("one", "b", at, float(at), 1.0) for at in range(3, 12)]
    lines += [("one", "c", at, 0.0, 50.0) for at in range(12)]
    lines += [("two", "a", at, float(-at), 7.0) for at in range(9)]
    return pl.DataFrame(lines, schema=["square", "who", "frame", "x", "y"], orient="row")


def walks(data: Any, nearby: Any = "neighbours", **told: str) -> Product:
    return Product(
        name="p",
        data=data,
        given={"history": {"kind": "series", "length": 4}, **({"nearby": nearby} if nearby else {})},
        predict={"path": {"kind": "series", "from": ["x", "y"], "steps": 2}},
        collect={"rows": {"id": "who", "time": "frame", **told}},
    )


def test_agents_of_a_scene_are_each_others_neighbours_the_nearest_first() -> None:
    found, _ = rows(walks(crossing(), scene="square"))
    one = found.filter((pl.col("__clock__") == "one") & (pl.col("__path__").str.contains(" a 6")))
    assert one["history"][0].to_list() == [[2.0, 0.0], [3.0, 0.0], [4.0, 0.0], [5.0, 0.0]]
    first, second, *rest = (np.array(path) for path in one["nearby"][0].to_list())
    assert np.isnan(first[0]).all(), "b was not there yet"
    np.testing.assert_array_equal(first[1:], [[3.0, 1.0], [4.0, 1.0], [5.0, 1.0]])
    np.testing.assert_array_equal(second[-1], [0.0, 50.0])
    assert all(np.isnan(path).all() for path in rest)
    alone = found.filter(pl.col("__clock__") == "two")
    assert alone.height == 9 - 4 - 2 + 1
    assert np.isnan(np.array(alone["nearby"][0].to_list())).all(), "who meets in another scene is not nearby"


def test_an_agent_that_was_gone_begins_anew() -> None:
    data = pl.DataFrame({"square": "s", "who": 1, "frame": [*range(0, 80, 10), *range(200, 290, 10)]}).with_columns(
        x=pl.col("frame").cast(float), y=0.0
    )
    found, _ = rows(walks(data, nearby=None, scene="square"))
    assert found.height == (8 - 5) + (9 - 5)
    assert all(np.ptp([step[0] for step in path]) == 30 for path in found["history"].to_list())


def test_folders_tell_splits_and_files_are_scenes(tmp_path: Path) -> None:
    for split, name in (("train", "north"), ("train", "south"), ("val", "north_val"), ("test", "east")):
        (tmp_path / split).mkdir(exist_ok=True)
        lines = [f"{at}\t1.0\t{at / 10}\t0.5" for at in range(0, 90, 10)]
        (tmp_path / split / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    declared = Product(
        name="p",
        data=str(tmp_path),
        given={"history": {"kind": "series", "length": 4}, "nearby": "neighbours"},
        predict={"path": {"kind": "series", "from": ["column_3", "column_4"], "steps": 2}},
        collect={"rows": {"id": "column_2", "time": "column_1", "scene": "file"}},
    )
    found, about = rows(declared)
    assert about["series"] == 4, "the same id in another file is another agent"
    assert dict(found["__split__"].value_counts().rows()) == {"train": 8, "validation": 4, "test": 4}


def test_scenes_that_cannot_be_told_say_why() -> None:
    with pytest.raises(SourceError) as unknown:
        rows(walks(crossing(), scene="place"))
    assert unknown.value.code == "source.no_column"
    with pytest.raises(ProductError) as nowhere:
        rows(walks(crossing().filter(pl.col("square") == "one")))
    assert nowhere.value.code == "product.neighbours_without_scene"
    with pytest.raises(ProductError) as when:
        Product(
            name="p",
            data=crossing(),
            given={"history": "series"},
            predict={"path": {"kind": "series", "steps": 2}},
            collect={"rows": {"id": "who", "scene": "square"}},
        )
    assert when.value.code == "product.bad_value"
    plain = Product(
        name="p",
        data=crossing(),
        given={"x": "number"},
        predict={"who": "category"},
        collect={"rows": {"id": "who", "time": "frame", "scene": "square"}},
    )
    with pytest.raises(ProductError) as pathless:
        rows(plain)
    assert pathless.value.code == "product.scene_without_paths"
    double = pl.concat([crossing(), crossing().head(1)])
    with pytest.raises(SourceError) as twice:
        rows(walks(double, scene="square"))
    assert twice.value.code == "source.same_time"
