"""Rows of databases: SQLite here, and a real PostgreSQL where the machine has one."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sixfold.errors import ProductError, SourceError
from sixfold.pipeline import Sixfold
from sixfold.product import Product
from sixfold.security import Home
from sixfold.sources import source_of
from sixfold.stages.collect import Collect
from sixfold.store import Store, Workspace


def read(place: str, base: Path | None = None, **options: Any) -> pl.DataFrame:
    return pl.concat(source_of(place, options, base).frames())


def fault(place: str, base: Path | None = None, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        list(source_of(place, options, base).frames())
    assert caught.value.mend()
    return caught.value


# SQLite


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.execute(
            'create table orders (id integer primary key, price real, "when" text, paid integer, x blob)'
        )
        rows = [(3, 9.5, "2025-03-31", 1, b"\x00\x01"), (1, None, "a:b %s ü", 0, None), (2, 4, None, 1, b"")]
        connection.executemany("insert into orders values (?, ?, ?, ?, ?)", rows)
        connection.execute("create view paid as select * from orders where paid = 1")
        connection.commit()
    return tmp_path


def test_a_table_comes_in_the_order_of_its_key(shop: Path) -> None:
    frame = read("sqlite:///shop.db", shop, table="orders")
    assert frame.rows() == [
        (1, None, "a:b %s ü", 0, None),
        (2, 4.0, None, 1, b""),
        (3, 9.5, "2025-03-31", 1, b"\x00\x01"),
    ]
    assert frame.schema == {"id": pl.Int64, "price": pl.Float64, "when": pl.String, "paid": pl.Int64, "x": pl.Binary}
    assert read("sqlite:///shop.db", shop, table="paid").height == 2
    assert read(f"sqlite:///{shop}/shop.db", table="main.orders").height == 3


def test_a_query_is_read_as_it_stands(shop: Path) -> None:
    query = """
        -- what they paid
        with p as (select id, price * 2 as double, "when" as moment from orders /* all */)
        select id, double from p where moment like '%:b !%s%' escape '!'
        or moment = 'insert into; x' order by id desc;
    """
    assert read("sqlite:///shop.db", shop, query=query).rows() == [(1, None)]


def test_columns_empty_in_one_piece_take_the_type_of_the_others(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sixfold.sources.database._ROWS_AT_ONCE", 2)
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("create table t (x, y, z)")
        connection.executemany(
            "insert into t values (?, ?, ?)", [(None, "a", None)] * 2 + [(7, "b", None), (8, "a", None)]
        )
        connection.commit()
    product = Product(
        name="p",
        data=f"sqlite:///{tmp_path}/a.db",
        given={"x": "number", "z": "number", "more": "number"},
        predict={"y": "category"},
        collect={"table": "t", "columns": {"more": "x + 1"}},
    )
    work = Workspace(store, "collect", "key")
    about = Collect().run(product, {}, work)
    import io

    shards = [pl.read_parquet(io.BytesIO(store.get(work.members[name]))) for name in sorted(work.members)]
    frame = pl.concat(shards)
    assert frame["x"].to_list() == [None, None, 7, 8]
    assert frame["more"].to_list() == [None, None, 8.0, 9.0]
    assert frame.schema["z"] == pl.String
    assert about["provenance"]["detected"] == {"database": "sqlite", "table": "t"}


@pytest.mark.parametrize(
    "query",
    [
        "delete from orders",
        "drop table orders",
        "select 1; select 2",
        "select 1; drop table orders",
        "with x as (select 1) delete from orders",
        "with gone as (delete from orders returning *) select * from gone",
        "select * into copy_of from orders",
        "select 1 /* ; */",
        "select 1 /*! ; drop table orders */",
        "select '\\'' ; drop table orders; -- '",
        "select 1--1; drop table orders",
        "explain select 1",
        "pragma table_info(orders)",
        "attach 'other.db' as other",
        "",
        "-- select",
    ],
)
def test_a_statement_that_may_write_is_refused(shop: Path, query: str) -> None:
    before = (shop / "shop.db").read_bytes()
    assert fault("sqlite:///shop.db", shop, query=query).slug == "not_reading"
    assert (shop / "shop.db").read_bytes() == before


def test_words_in_quotes_and_parts_of_words_are_no_statements(shop: Path) -> None:
    query = "(select 'drop table; x' as \"update\", last_insert_rowid() as deleted_at from orders limit 1)"
    assert read("sqlite:///shop.db", shop, query=query[1:-1]).columns == ["update", "deleted_at"]


def test_even_what_the_look_lets_pass_cannot_write(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sixfold.sources.database.reading_statement", lambda query: query)
    error = fault("sqlite:///shop.db", shop, query="delete from orders")
    assert (error.slug, "readonly" in error.values["reason"]) == ("query_failed", True)


def test_what_is_wrong_with_a_database_is_told(shop: Path) -> None:
    assert fault("sqlite:///shop.db", shop).values["tables"] == "orders, paid"
    assert fault("sqlite:///shop.db", shop, table="order").slug == "no_table"
    assert fault("sqlite:///ship.db", shop, table="orders").values["guess"] == "shop.db"
    assert not (shop / "ship.db").exists()
    assert "no such column" in fault("sqlite:///shop.db", shop, query="select owner from orders").values["reason"]
    assert fault("sqlite:///shop.db", shop, query="select id, id from orders").slug == "duplicate_columns"
    (shop / "no.db").write_bytes(b"not a database" * 100)
    assert "not a database" in fault("sqlite:///no.db", shop, table="orders").values["reason"]
    assert fault("mysql://host/db", shop, table="orders").slug == "no_driver"
    with pytest.raises(ProductError):
        source_of("sqlite:///shop.db", {"query": "select 1", "table": "orders"}, shop)


@pytest.mark.parametrize(
    "place",
    [
        "postgresql://ann:hush@host/db",
        "postgresql://:hush@host/db",
        "postgresql://host/db?password=hush",
        "mysql+pymysql://host/db?passwd=hush",
    ],
)
def test_a_password_in_the_address_is_refused_and_not_repeated(place: str) -> None:
    source = source_of(place, {"table": "t"})
    with pytest.raises(SourceError) as caught:
        source.fingerprint()
    assert caught.value.slug == "database_password"
    assert "hush" not in str(caught.value)
    assert "hush" not in str(caught.value.to_json())


def test_credentials_come_from_the_environment_or_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    error = fault("postgresql://127.0.0.1:1/db", table="t", credentials="SHOP")
    assert (error.slug, error.values["password"]) == ("no_credentials", "SHOP_PASSWORD")
    with pytest.raises(ProductError):
        source_of("sqlite:///a.db", {"credentials": "not a name"})


def test_a_file_is_known_by_its_stamp_and_a_server_is_asked_anew(shop: Path, home: Home) -> None:
    product = Product(
        name="p",
        data=f"sqlite:///{shop}/shop.db",
        given={"price": "number"},
        predict={"paid": "yes_no"},
        collect={"table": "orders"},
    )
    house = Sixfold(home)
    house.run(product, until="collect")
    assert house.plan(product)[0].state == "cached"
    with contextlib.closing(sqlite3.connect(shop / "shop.db")) as connection:
        connection.execute("insert into orders (price) values (3)")
        connection.commit()
    assert house.plan(product)[0].state == "runs"
    server = product.with_data("postgresql://127.0.0.1:1/shop")
    assert Collect().must_run(server)
    assert house.plan(server)[0].reason == "asked"


# PostgreSQL


@pytest.fixture
def postgres(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    import pg8000.dbapi

    host, port = server.split(":")
    for _ in range(100):
        try:
            connection = pg8000.dbapi.connect(
                "ann", host=host, port=int(port), database="postgres", password="hush-hush"
            )
            break
        except pg8000.Error:  # still starting
            time.sleep(0.05)
    with contextlib.closing(connection), contextlib.closing(connection.cursor()) as cursor:
        cursor.execute("drop schema if exists shop cascade")
        cursor.execute("drop table if exists orders cascade")
        cursor.execute("create schema shop")
        cursor.execute(
            "create table orders (id serial primary key, price numeric(8, 2), name text, day date, moment timestamptz,"
            " paid boolean, photo bytea, steps double precision[], about jsonb, key uuid)"
        )
        cursor.execute(
            "insert into orders (price, name, day, moment, paid, photo, steps, about, key) values"
            " (9.50, '李 100%: x', '2025-03-31', '2025-03-31 12:00+02', true, '\\x0001', '{1,2.5,NULL}', '{\"a\": 1}',"
            " '00000000-0000-0000-0000-000000000001'), (null, null, null, null, null, null, null, null, null)"
        )
        cursor.execute("create table shop.items (id int primary key, price real)")
        cursor.execute("insert into shop.items select n, n / 2.0 from generate_series(1, 50000) n")
        connection.commit()
    monkeypatch.setenv("SHOP_USER", "ann")
    monkeypatch.setenv("SHOP_PASSWORD", "hush-hush")
    return f"postgresql://{server}/postgres"


def test_types_of_postgresql_are_kept(postgres: str) -> None:
    frame = read(postgres, table="orders", credentials="SHOP")
    assert frame.row(0) == (
        1,
        9.5,
        "李 100%: x",
        date(2025, 3, 31),
        datetime(2025, 3, 31, 10),  # noqa: DTZ001
        True,
        b"\x00\x01",
        [1.0, 2.5, None],
        '{"a": 1}',
        "00000000-0000-0000-0000-000000000001",
    )
    assert set(frame.row(1)[1:]) == {None}


def test_a_query_of_postgresql_is_read_in_pieces(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "select id::text as name, price, '10%' as share from shop.items where id % 2 = 0 order by id"
    pieces = list(source_of(postgres, {"query": query, "credentials": "SHOP"}).frames())
    assert [piece.height for piece in pieces] == [20_000, 5_000]
    assert pieces[0].row(0) == ("2", 1.0, "10%")
    assert read(postgres, table="shop.items", credentials="SHOP")["id"].to_list() == list(range(1, 50_001))
    named = postgres.replace("//", "//ann@")
    monkeypatch.delenv("SHOP_USER")
    source = source_of(named, {"table": "shop.items", "credentials": "SHOP"})
    assert sum(piece.height for piece in source.frames()) == 50_000
    assert source.provenance().place == postgres
    assert "ann" not in str(source.provenance())


def test_a_session_of_postgresql_cannot_write(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sixfold.sources.database.reading_statement", lambda query: query)
    for query, reason in (
        ("delete from orders returning id", "syntax"),
        ("select nextval('orders_id_seq')", "read-only"),
    ):
        error = fault(postgres, query=query, credentials="SHOP")
        assert (error.slug, reason in error.values["reason"]) == ("query_failed", True)
    assert read(postgres, table="orders", credentials="SHOP").height == 2


def test_a_wrong_password_is_told_without_it(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "hush-wrong")
    error = fault(postgres, table="orders", credentials="SHOP")
    assert error.slug == "no_connection"
    assert "hush" not in str(error)
    assert "ann" not in error.values["reason"]
    assert error.__cause__ is None


def test_encryption_that_the_server_lacks_is_not_done_without(postgres: str) -> None:
    assert fault(f"{postgres}?sslmode=require", table="orders", credentials="SHOP").slug == "no_connection"
    assert read(f"{postgres}?sslmode=disable", table="orders", credentials="SHOP").height == 2
    assert fault(postgres.rsplit(":", 1)[0] + ":1/postgres", table="orders", credentials="SHOP").slug == "no_connection"


def test_a_product_reads_postgresql_and_keeps_no_secret(postgres: str, home: Home) -> None:
    product = Product(
        name="p",
        data=postgres,
        given={"price": "number"},
        predict={"id": "category"},
        collect={"query": "select * from shop.items where id <= 20 order by id", "credentials": "SHOP"},
    )
    house = Sixfold(home)
    first = house.run(product, until="collect")
    second = house.run(product, until="collect")
    assert first.artefacts["collect"].digest == second.artefacts["collect"].digest
    assert not second.cached
    assert "hush-hush" not in str(second.artefacts["collect"].about)
    for path in home.path.rglob("*"):
        if path.is_file():
            assert b"hush-hush" not in path.read_bytes(), path
