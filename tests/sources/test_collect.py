"""The first stage: what it keeps, under which names, and what it says of it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sixfold.errors import SourceError, StoreError
from sixfold.product import Product, load
from sixfold.progress import Step
from sixfold.stages.collect import Collect
from sixfold.store import Store, Workspace


def collected(product: Product, store: Store, events: list[Any] | None = None) -> tuple[dict[str, Any], pl.DataFrame]:
    work = Workspace(store, "collect", "key", listener=[].append if events is None else events.append)
    about = Collect().run(product, {}, work)
    json.dumps(about)
    shards = [pl.read_parquet(io.BytesIO(store.get(work.members[name]))) for name in sorted(work.members)]
    assert len({str(shard.schema) for shard in shards}) == 1
    return about, pl.concat(shards)


def table(data: Any, **more: Any) -> Product:
    return Product(
        name="p", data=data, given={"age": {"kind": "number"}}, predict={"income": {"kind": "yes_no"}}, **more
    )


def test_only_declared_columns_are_kept(shared_data: Path, store: Store) -> None:
    product = table(
        str(shared_data / "adult_*.csv"), prepare={"split": {"group": "sex"}}, collect={"licence": "CC BY 4.0"}
    )
    events: list[Any] = []
    about, frame = collected(product, store, events)
    assert frame.columns == ["age", "income", "sex", "__split__"]
    assert about["splits"] == {"train": 32_561, "test": 16_281}
    assert (about["rows"], about["columns"]) == (48_842, ["age", "income", "sex"])
    assert about["provenance"]["licence"] == "CC BY 4.0"
    assert about["provenance"]["kind"] == "table"
    assert events[-1] == Step("collect", 48_842, 48_842, "rows")


def test_groups_of_people_are_kept_though_nothing_is_learned_from_them(shared_data: Path, store: Store) -> None:
    product = table(str(shared_data / "adult_*.csv"), evaluate={"groups": ["sex", "age"]})
    _, frame = collected(product, store)
    assert frame.columns == ["age", "income", "sex", "__split__"]
    assert Collect().depends_on(product) != Collect().depends_on(table(str(shared_data / "adult_*.csv")))


def test_class_folders_bind_by_role(store: Store) -> None:
    product = Product(
        name="d", data="sklearn:digits", given={"photo": {"kind": "image"}}, predict={"digit": {"kind": "category"}}
    )
    about, frame = collected(product, store)
    assert frame.columns == ["photo", "digit", "__path__"]
    assert (about["rows"], about["splits"]) == (1_797, None)


def test_rows_in_memory_are_collected_and_known_by_content(store: Store) -> None:
    rows = [{"age": age, "income": "yes" if age > 30 else "no", "more": 0} for age in range(60)]
    about, frame = collected(table(rows), store)
    assert (about["rows"], frame.columns) == (60, ["age", "income"])
    stage = Collect()
    assert stage.fingerprint(table(rows)) != stage.fingerprint(table(rows[1:]))
    assert stage.depends_on(table(rows)) == stage.depends_on(table(rows[1:]))


def test_an_absent_column_is_told_with_its_line_and_the_nearest(tmp_path: Path, store: Store) -> None:
    (tmp_path / "a.csv").write_text("ages,income\n1,yes\n2,no\n")
    (tmp_path / "product.yaml").write_text(
        "name: p\ndata: a.csv\ngiven:\n  age: number\npredict: {income: yes_no}\n", encoding="utf-8"
    )
    with pytest.raises(SourceError) as caught:
        collected(load(tmp_path), store)
    error = caught.value
    assert (error.code, error.values["guess"]) == ("source.no_column", "ages")
    assert error.place is not None
    assert (error.place.line, error.place.key) == (4, "given.age")


def test_a_column_beside_class_folders_is_absent(store: Store) -> None:
    given = {"age": {"kind": "number"}, "photo": {"kind": "image"}}
    product = Product(name="d", data="sklearn:digits", given=given, predict={"digit": {"kind": "category"}})
    with pytest.raises(SourceError) as caught:
        collected(product, store)
    assert (caught.value.code, caught.value.values["column"]) == ("source.no_column", "age")


def test_parts_of_other_types_end_in_shards_of_one_type(tmp_path: Path, store: Store) -> None:
    (tmp_path / "a.csv").write_text("age,income\n1,1\n2,0\n")
    (tmp_path / "b.csv").write_text("age,income\n1.5,yes\n2,no\n")
    _, frame = collected(table({"train": str(tmp_path / "a.csv"), "test": str(tmp_path / "b.csv")}), store)
    assert frame["age"].to_list() == [1.0, 2.0, 1.5, 2.0]
    assert frame["income"].to_list() == ["1", "0", "yes", "no"]


def test_the_key_depends_on_what_is_said_but_not_on_refresh() -> None:
    stage, plain = Collect(), table("sklearn:iris")
    assert stage.depends_on(plain) == stage.depends_on(table("sklearn:iris", collect={"refresh": True}))
    assert stage.depends_on(plain) == stage.depends_on(table("sklearn:iris", goal="other words"))
    assert stage.depends_on(plain) != stage.depends_on(table("sklearn:wine"))
    assert stage.depends_on(plain) != stage.depends_on(table("sklearn:iris", prepare={"split": {"group": "x"}}))


def test_large_data_makes_shards_of_bearable_size(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pl.DataFrame({"photo": [bytes([n % 256]) * (1 << 20) for n in range(80)], "digit": ["a", "b"] * 40})
    work = Workspace(store, "collect", "key")
    product = Product(name="d", data=rows, given={"photo": {"kind": "image"}}, predict={"digit": {"kind": "category"}})
    Collect().run(product, {}, work)
    sizes = [member.size for member in work.members.values()]
    assert len(sizes) > 1
    assert max(sizes) <= 64 << 20


def test_the_disk_is_asked_before_anything_is_written(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("age,income\n1,yes\n2,no\n")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 3})())
    with pytest.raises(StoreError) as caught:
        collected(table(str(tmp_path / "a.csv")), store)
    assert caught.value.code == "store.disk_full"


def test_a_source_that_changes_meanwhile_is_refused(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "a.csv"
    path.write_text("age,income\n1,yes\n2,no\n")

    def change(event: object) -> None:
        path.write_text("age,income\n1,yes\n2,no\n3,no\n")

    with pytest.raises(SourceError) as caught:
        Collect().run(table(str(path)), {}, Workspace(store, "collect", "key", listener=change))
    assert caught.value.code == "source.changed_meanwhile"
