"""What is kept of requests, wherever it is kept; what is told of them, and to whom."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import yaml
from PIL import Image as Pillow

from sixfold.errors import KeyringError, ServiceError
from sixfold.fields import Field
from sixfold.monitoring import (
    Reference,
    Storage,
    Watched,
    Watcher,
    grafana_board,
    open_storage,
    prometheus_rules,
    state,
)
from sixfold.monitoring._alarms import told
from sixfold.monitoring._features import measured
from sixfold.monitoring._guard import Guard
from sixfold.monitoring._metrics import NAMES
from sixfold.monitoring._storage import Piece, Request, Seal
from sixfold.product import Product, Watch
from sixfold.security import Home


def fitted(**columns: Any) -> dict[str, Field]:
    """Fitted fields of columns, each told as (kind, values)."""
    product = Product(
        name="p", data="–", given={name: kind for name, (kind, _) in columns.items()}, predict={"y": "category"}
    )
    return {name: product.given[name].field(name).fit(values) for name, (_, values) in columns.items()}


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def storage(request: pytest.FixtureRequest, home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    match request.param:
        case "memory":
            kept = open_storage("p", None)
        case "sqlite":
            kept = open_storage("p", home)
        case _:
            server = request.getfixturevalue("server")
            monkeypatch.setenv("SIXFOLD_WATCH_PASSWORD", "hush-hush")
            for _ in range(100):
                with contextlib.suppress(ServiceError):
                    kept = open_storage("p", home, f"postgresql://ann@{server}/postgres")
                    break
                time.sleep(0.1)
            kept.forget(-1)
    yield kept
    kept.close()


def test_what_was_kept_comes_back_and_goes_when_its_time_is_over(storage: Storage) -> None:
    now = time.time()
    rows = [{"request": "a", "place": 0, "x": 1.5, "prediction": "yes", "time": now}]
    storage.add(
        [Request("a", now, "m1", "key:1", 1, 200, 3.5, "p1"), Request("b", now, "m1", "key:2", 0, 500, 1.0)],
        Piece("p1", now, "m1", rows),
        {"a": {"rows": [{"x": 1.234}]}},
    )
    storage.answer_came("a", 0, "no")
    storage.answer_came("a", 0, "yes")
    storage.remember("n", {"k": [1]})
    storage.act("guard.burst", "key:1", done="slowed")
    assert [one.rows for one in storage.pieces()] == [rows]
    assert [one.id for one in storage.judged_pieces("m1")] == ["p1"]
    assert storage.feedback() == {("a", 0): "yes"}, "the newer word holds"
    assert storage.payload("a") == {"rows": [{"x": 1.234}]}
    assert storage.remembered("n") == {"k": [1]}
    assert storage.remembered("none", 7) == 7
    traffic = storage.traffic(now + 1, 24)
    assert (traffic.requests, traffic.rows, traffic.failed, traffic.callers, traffic.hours[-1]) == (2, 1, 1, 2, 2)
    assert storage.models()[0][0] == "m1"
    assert [act.detail for act in storage.acts()] == [{"done": "slowed"}]
    storage.forget(-1)
    assert storage.requests() == []
    assert storage.pieces() == []
    assert storage.payload("a") is None


def test_several_threads_write_at_once_and_nothing_is_lost(storage: Storage) -> None:
    def work(name: str) -> None:
        for number in range(20):
            storage.add([Request(f"{name}-{number}", time.time(), "m", name, 1, 200, 1.0)])

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(storage.requests()) == 80


def test_what_is_in_memory_does_not_grow_with_the_service() -> None:
    storage = open_storage("p", None)
    now = time.time()
    storage.add([Request(str(n), now + n * 1e-3, "m", "c", 1, 200, 1.0) for n in range(6000)])
    storage.forget(30)
    assert len(storage.requests()) == 5000


def test_what_another_home_sealed_stays_closed() -> None:
    with pytest.raises(KeyringError):
        Seal().opened(Seal().closed({"a": 1}))


def test_a_database_that_is_not_there_is_named_with_its_mend(home: Home) -> None:
    with pytest.raises(ServiceError, match="watch_unreachable"):
        open_storage("p", home, "postgresql://ann@127.0.0.1:1/db")


def picture(level: int) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(np.full((8, 10, 3), level, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def test_features_of_every_widget_are_simple_and_say_nothing_more() -> None:
    given = fitted(
        age=("number", [20.0, 30.0, 40.0, 71.3]),
        town=("category", ["Oslo", "Rome", "Rome"]),
        day=("date", ["2024-01-02", "2025-03-04"]),
        words=("text", ["how are you", "fine"]),
        photo=("image", [picture(10), picture(200)]),
        curve=("series", [[1.0, 2.0, 3.0], [2.0, 2.0]]),
    )
    row = {
        "age": "41.23456", "town": "Atlantis", "day": "2025-03-04", "words": "你好，世界 42", "photo": picture(200),
        "curve": [1.0, 3.0],
    }  # fmt: skip
    found = measured(given, row)
    assert found["age"] == pytest.approx(41.23, abs=0.02)
    assert found["town"] == "…other"
    assert found["words · script"] == "cjk"
    assert found["words · length"] == 8
    assert found["photo · brightness"] == pytest.approx(200 / 255, abs=0.01)
    assert (found["photo · width"], found["photo · height"]) == (10, 8)
    assert (found["curve · steps"], found["curve · mean"]) == (2, 2)
    assert all(found[f"{name} · missing"] == "no" for name in given)
    nothing = measured(given, {"age": None, "words": "", "photo": None})
    assert all(nothing[f"{name} · missing"] == "yes" for name in given)


def test_a_reference_tells_of_no_single_row() -> None:
    given = fitted(age=("number", list(range(40))), town=("category", ["A"] * 30 + ["B"] * 9 + ["only one"]))
    rows = [{"age": n, "town": "A" if n < 30 else "B" if n < 39 else "only one"} for n in range(40)]
    target = Product(name="p", data="–", given={}, generate={"y": "text"}).target.field("y")
    reference = Reference.made(given, target, rows, [])
    assert "only one" not in json.dumps(reference.model_dump(), ensure_ascii=False)
    assert reference.known["town"].values == ["A", "B", "…other"]
    assert sum(reference.known["age"].counts) == 40


class _Hook(http.server.BaseHTTPRequestHandler):
    heard: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        self.heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_an_alarm_is_told_once_to_all_who_are_to_be_told_and_once_more_when_it_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HOOK", f"http://127.0.0.1:{server.server_port}/")
    script = f"cat >> {tmp_path}/told; echo >> {tmp_path}/told"
    settings = Watch(
        expect={"p99": "<= 5", "accuracy": ">= 0.9"},
        tell=[{"webhook": "env:HOOK"}, {"command": ["sh", "-c", script]}],
    )
    given = fitted(age=("number", [1.0, 2.0]))
    target = Product(name="p", data="–", given={"age": "number"}, predict={"y": "category"}).target.field("y")
    watched = Watched("p", "m", given, target.fit(["a", "b"], is_target=True), None, settings)
    storage, now = open_storage("p", None), time.time()
    storage.add([Request(str(n), now, "m", "c", 1, 200, 50.0) for n in range(60)])
    for _ in range(3):
        assert list(told("p", settings, storage, state(watched, storage))) == ["p99"]
    storage.add([Request(f"n{n}", now, "m", "c", 1, 200, 0.1) for n in range(10_000)])
    assert told("p", settings, storage, state(watched, storage)) == {}
    ends = time.monotonic() + 10
    while len(_Hook.heard) < 2 or len((tmp_path / "told").read_text().split("\n\n")) < 1:
        assert time.monotonic() < ends
        time.sleep(0.05)
    server.shutdown()
    assert sorted(one["state"] for one in _Hook.heard) == ["broken", "holds"]
    assert "50" in next(one for one in _Hook.heard if one["state"] == "broken")["says"]["zh"]


def guard(noticed: list[tuple[str, str]], **columns: Any) -> Guard:
    given = fitted(**(columns or {"a": ("number", [0.0, 10.0]), "b": ("number", [0.0, 10.0])}))
    rows = [{name: values[n % len(values)] for name, (_, values) in columns.items()} for n in range(20)]
    target = Product(name="p", data="–", given={}, generate={"y": "text"}).target.field("y")
    reference = Reference.made(given, target, rows, []) if columns else None
    return Guard(given, reference, "act", lambda what, _, done, __: noticed.append((what, done)))


def test_bursts_wait_and_repeated_wrong_keys_are_locked_out() -> None:
    noticed: list[tuple[str, str]] = []
    watch = guard(noticed)
    for n in range(600):
        watch.admit("one", now=1.0 + n * 1e-3)
    assert ("burst", "slowed") in noticed
    assert watch.admit("one", now=2.0).wait > 0
    assert watch.admit("other", now=2.0).wait == 0
    for n in range(5):
        watch.key_refused("thief", now=10.0 + n)
    assert watch.admit("thief", now=15.0).locked > 0
    assert watch.admit("thief", now=1000.0).locked == 0
    assert ("failed_keys", "locked") in noticed


def test_one_row_asked_again_and_again_looks_like_a_search_for_members() -> None:
    noticed: list[tuple[str, str]] = []
    watch = guard(noticed, a=("number", [0.0, 10.0]), b=("number", [0.0, 10.0]))
    for _ in range(60):
        watch.answered("one", [{"a": 1.0, "b": 2.0}], now=1.0)
    assert noticed == [("membership", "slowed"), ("membership", "locked")]


def test_rows_far_from_training_are_told_of() -> None:
    noticed: list[tuple[str, str]] = []
    watch = guard(noticed, a=("number", [0.0, 10.0]), b=("number", [0.0, 10.0]))
    random = np.random.default_rng(0)
    watch.answered("one", [{"a": float(random.uniform(100, 900)), "b": float(random.uniform(0, 9))} for _ in range(60)])
    assert ("far", "told") in noticed


def test_real_traffic_is_not_taken_for_probing() -> None:
    noticed: list[tuple[str, str]] = []
    random = np.random.default_rng(0)
    columns = {name: ("number", random.normal(size=200).tolist()) for name in "abcd"}
    watch = guard(noticed, **columns)
    for _ in range(60):
        watch.answered("one", [{name: float(random.normal()) for name in columns} for _ in range(10)])
    assert noticed == []


def test_rules_and_board_ask_only_for_figures_that_there_are() -> None:
    rules = yaml.safe_load(prometheus_rules("气象", Watch(expect={"p99": "<= 250"})))
    (group,) = rules["groups"]
    expressions = [rule["expr"] for rule in group["rules"]]
    assert any("> 0.25" in one for one in expressions)
    board = json.loads(grafana_board("气象"))
    expressions += [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    known = {f"{name}{suffix}" for name in NAMES for suffix in ("", "_bucket", "_sum", "_count")}
    for expression in expressions:
        named = re.findall(r"(?:sixfold|model_infer|nv)_\w+", expression.replace("model_version", ""))
        assert named
        assert set(named) - {"model_name"} <= known, expression
        assert expression.count("{") == expression.count("}")
    assert all(rule["annotations"]["summary_zh"] for rule in group["rules"])


def test_watching_slows_no_answer_even_where_its_database_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    given = fitted(age=("number", [1.0, 2.0]))
    target = Product(name="p", data="–", given={"age": "number"}, predict={"y": "category"}).target.field("y")
    storage = open_storage("p", None)
    monkeypatch.setattr(storage, "add", lambda *_: (_ for _ in ()).throw(OSError("gone")))
    watcher = Watcher(Watched("p", "m", given, target.fit(["a"], is_target=True), None), storage)
    for number in range(300):
        watcher.saw(str(number), "c", seconds=0.001, rows=[{"age": 1}], answers=[{"y": "a", "confidence": 1.0}])
    ends = time.monotonic() + 10
    while watcher.recorder.lost < 300:
        assert time.monotonic() < ends
        time.sleep(0.05)
    assert "sixfold_watch_dropped_total" in watcher.counts.text(None, watcher.recorder.lost)
    watcher.close()
