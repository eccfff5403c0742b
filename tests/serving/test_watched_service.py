"""A real service that is watched: what is kept of requests, drift, feedback, figures, who has to wait, and the page."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from served import running

from sixfold.monitoring import Reference, look, state
from sixfold.monitoring._alarms import told
from sixfold.product import Deploy
from sixfold.security import Home, Keyring, Ledger
from sixfold.serving import Bundle, Engine
from sixfold.serving._watching import Watching

pytestmark = pytest.mark.slow


def learned(bundle: Bundle, rows: list[dict[str, Any]], labels: list[str], **settings: Any) -> Bundle:
    """The bundle with the reference of its rows, and with `deploy: watch:` as told."""
    answers = Engine(bundle).answers(rows)
    right = sum(answer[bundle.target.name] == label for answer, label in zip(answers, labels, strict=True))
    reference = Reference.made(bundle.given, bundle.target, rows, answers, right / len(rows))
    product = bundle.product.changed(deploy=Deploy(watch=settings))
    return dataclasses.replace(bundle, product=product, reference=reference.model_dump(mode="json"))


@contextlib.contextmanager
def watched(bundle: Bundle, home: Home | None) -> Iterator[tuple[str, Watching]]:
    watch = Watching(bundle, home)
    try:
        with running(bundle, watch=watch) as url:
            yield url, watch
    finally:
        watch.close()


def written(watch: Watching, requests: int) -> dict[str, Any]:
    """The state once so many requests stand in it."""
    ends = time.monotonic() + 15
    while (found := state(watch.watcher.watched, watch.watcher.storage))["traffic"]["requests"] < requests:
        assert time.monotonic() < ends, found["traffic"]
        time.sleep(0.05)
    return found


@pytest.fixture
def tumours(table_bundle: Bundle, table_rows: tuple[list[dict[str, Any]], list[str]]) -> Bundle:
    return learned(table_bundle, *table_rows)


def test_a_request_is_summarised_sealed_and_never_kept_as_it_was(
    home: Home, tumours: Bundle, table_rows: tuple[list[dict[str, Any]], list[str]]
) -> None:
    with watched(tumours, home) as (url, watch):
        answer = httpx.post(f"{url}/predict", json={"mean radius": 13.5791113, "大小": "独一无二的词"})
        assert answer.headers["x-request-id"] == answer.json()["request"]
        found = written(watch, 1)
        assert found["traffic"]["rows"] == 1
        (piece,) = watch.watcher.storage.pieces()
        assert piece.rows[0]["request"] == answer.json()["request"]
        assert piece.rows[0]["大小"] == "…other"
        assert piece.rows[0]["mean radius"] == pytest.approx(13.58, abs=0.01)
    kept = b"".join(path.read_bytes() for path in (home.path / "watch").rglob("*") if path.is_file())
    assert "独一无二的词".encode() not in kept
    assert b"13.57" not in kept
    assert b"malignant" not in kept


def test_payloads_are_kept_only_where_that_is_asked_for_and_only_sealed(
    home: Home, table_bundle: Bundle, table_rows: tuple[list[dict[str, Any]], list[str]]
) -> None:
    with watched(learned(table_bundle, *table_rows, keep="payloads"), home) as (url, watch):
        said = httpx.post(f"{url}/predict", json={"mean radius": 13.5791113}).json()
        written(watch, 1)
        payload = watch.watcher.storage.payload(said["request"])
        assert payload["rows"] == [{"mean radius": 13.5791113}]
        assert payload["answers"] == said["answers"]
    kept = b"".join(path.read_bytes() for path in (home.path / "watch").rglob("*") if path.is_file())
    assert b"13.5791113" not in kept


def test_rows_like_those_of_training_do_not_alarm_and_shifted_ones_do(
    home: Home, tumours: Bundle, table_rows: tuple[list[dict[str, Any]], list[str]]
) -> None:
    rows, _ = table_rows
    with watched(tumours, home) as (url, watch):
        httpx.post(f"{url}/predict", json=rows[::2])
        found = written(watch, 1)
        assert found["drift"]["drifted"] is False
        watcher = watch.watcher
        looked = look(watcher.watched, watcher.storage)
        assert looked is None, "285 new rows are less than half of a window of 1,000"
        shifted = [{**row, "mean radius": row["mean radius"] + 4, "大小": "巨大"} for row in rows]
        for start in range(0, 1000, 250):
            httpx.post(f"{url}/predict", json=(shifted * 2)[start : start + 250])
        written(watch, 5)
        looked = look(watcher.watched, watcher.storage)
        assert looked is not None
        assert {"mean radius", "大小"} <= set(looked["alarming"])
        assert "mean texture" not in looked["alarming"]
        found = state(watcher.watched, watcher.storage)
        broken = told("tumour", watcher.watched.settings, watcher.storage, found, Ledger(home, Keyring(home)).append)
        assert "drift" in broken
        again = told("tumour", watcher.watched.settings, watcher.storage, found, Ledger(home, Keyring(home)).append)
        assert again.keys() == broken.keys()
    acts = [entry.act for entry in Ledger(home, Keyring(home)).entries()]
    assert acts.count("watch.alarm_broken") == 1, "what is broken is told once"


def test_feedback_comes_late_and_says_what_it_covers(
    home: Home, tumours: Bundle, table_rows: tuple[list[dict[str, Any]], list[str]]
) -> None:
    rows, labels = table_rows
    with watched(tumours, home) as (url, watch):
        said = httpx.post(f"{url}/predict", json=rows[:400]).json()
        written(watch, 1)
        told_ = [{"request": said["request"], "row": place, "truth": labels[place]} for place in range(100)]
        assert httpx.post(f"{url}/feedback", json=told_).json() == {"accepted": 100}
        quality = state(watch.watcher.watched, watch.watcher.storage)["quality"]
        right = sum(said["answers"][place]["malignant"] == labels[place] for place in range(100))
        assert quality["realised"]["value"] == pytest.approx(right / 100)
        assert quality["realised"]["coverage"] == pytest.approx(0.25)
        assert quality["realised"]["low"] < right / 100 < quality["realised"]["high"]
        assert quality["estimated"]["value"] == pytest.approx(right / 100, abs=0.06)
        assert {one["column"] for one in quality["slices"]} >= {"大小"}
        wrong = httpx.post(f"{url}/feedback", json={"request": said["request"], "truth": ["no"]})
        assert wrong.status_code in (200, 400)
        assert httpx.post(f"{url}/feedback", json={"truth": "no"}).status_code == 400
        assert httpx.post(f"{url}/feedback", content=b"{").json()["error"]["code"] == "request.not_json"


def test_figures_for_prometheus_have_the_names_that_people_know(tumours: Bundle) -> None:
    with watched(tumours, None) as (url, watch):
        for _ in range(3):
            httpx.post(f"{url}/predict", json=tumours.sample["row"])
        httpx.post(f"{url}/predict", json={"no such column": 1})
        written(watch, 4)
        text = httpx.get(f"{url}/metrics")
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = dict(line.rsplit(" ", 1) for line in text.text.splitlines() if not line.startswith("#"))
    model = watch.watcher.watched.model
    assert lines[f'nv_inference_request_success{{model="tumour",version="{model}"}}'] == "3"
    assert lines[f'nv_inference_count{{model="tumour",version="{model}"}}'] == "3"
    assert lines[f'model_infer_request_failure_total{{model_name="tumour",model_version="{model}"}}'] == "1"
    assert lines['rest_server_requests_total{method="POST",path="/predict",status_code="200"}'] == "3"
    assert float(lines['sixfold_estimated_accuracy{product="tumour"}']) > 0.5
    assert lines['sixfold_watch_dropped_total{product="tumour"}'] == "0"


def test_only_this_machine_sees_how_the_product_is(tumours: Bundle) -> None:
    with watched(tumours, None) as (url, _):
        assert httpx.get(f"{url}/watch").status_code == 200
        behind = httpx.get(f"{url}/watch", headers={"x-forwarded-for": "203.0.113.9"})
        assert behind.status_code == 403
        assert behind.json()["error"]["code"] == "request.not_seen_from_here"


def test_a_sweep_over_one_column_is_slowed_down_and_then_locked(
    home: Home, tumours: Bundle, table_rows: tuple[list[dict[str, Any]], list[str]]
) -> None:
    row = table_rows[0][1]
    guarded = dataclasses.replace(tumours, product=tumours.product.changed(deploy={"watch": {"guard": "act"}}))
    with watched(guarded, home) as (url, watch):
        guard = watch.watcher.guard
        ends = time.monotonic() + 30
        step, status = 0, 200
        while status != 429 and time.monotonic() < ends:
            sweep = [{**row, "mean texture": 10 + 0.03 * (step * 50 + place)} for place in range(50)]
            status = httpx.post(f"{url}/predict", json=sweep, timeout=30).status_code
            step += 1
        assert status == 429
        locked = httpx.post(f"{url}/predict", json=row)
        assert locked.json()["error"]["code"] == "request.locked"
        assert int(locked.headers["retry-after"]) > 0
        assert httpx.get(f"{url}/health/ready").status_code == 200
        for caller in list(guard._callers):
            guard.unlock(caller)
        assert httpx.post(f"{url}/predict", json=row).status_code == 200
    ends = time.monotonic() + 10
    wanted = {("guard.slowed", "extraction"), ("guard.locked", "extraction")}
    while not wanted <= {(entry.act, entry.values.get("what")) for entry in Ledger(home, Keyring(home)).entries()}:
        assert time.monotonic() < ends, "each act stands in the ledger"
        time.sleep(0.1)


def test_unasked_the_guard_only_tells(tumours: Bundle, table_rows: tuple[list[dict[str, Any]], list[str]]) -> None:
    with watched(tumours, None) as (url, _):
        for _ in range(200):
            assert httpx.post(f"{url}/predict", json=table_rows[0][1]).status_code == 200


def test_ordinary_rows_are_never_held_up(tumours: Bundle, table_rows: tuple[list[dict[str, Any]], list[str]]) -> None:
    with watched(tumours, None) as (url, watch):
        for start in range(0, 500, 50):
            assert httpx.post(f"{url}/predict", json=table_rows[0][start : start + 50]).status_code == 200
        written(watch, 10)
        time.sleep(1.2)
        assert watch.watcher.storage.acts() == []


def test_a_rule_or_a_person_answers_once_that_was_said(tumours: Bundle) -> None:
    product = tumours.product.changed(deploy=Deploy(watch={"rule": {"malignant": "yes", "by": "rule"}}))
    with watched(dataclasses.replace(tumours, product=product), None) as (url, watch):

        def answer() -> httpx.Response:
            return httpx.post(f"{url}/predict", json=tumours.sample["row"])

        watch.watcher.storage.remember("standing", {"mode": "rule"})
        ends = time.monotonic() + 5
        while answer().json()["answers"][0].get("by") != "rule":
            assert time.monotonic() < ends
        watch.watcher.storage.remember("standing", {"mode": "person"})
        while (last := answer()).status_code != 503:
            assert time.monotonic() < ends + 5
        assert last.json()["error"]["code"] == "request.asks_person"


@pytest.mark.parametrize(("language", "width"), [("en", 1440), ("zh-CN", 390)])
def test_the_watch_page_shows_itself_in_a_real_browser(
    browser: Any, tumours: Bundle, table_rows: tuple[list[dict[str, Any]], list[str]], language: str, width: int
) -> None:
    rows, labels = table_rows
    with watched(tumours, None) as (url, watch):
        said = httpx.post(f"{url}/predict", json=rows[:500]).json()
        shifted = [{**row, "mean radius": row["mean radius"] + 3} for row in rows[:500]]
        httpx.post(f"{url}/predict", json=shifted)
        written(watch, 2)
        feedback = [{"request": said["request"], "row": n, "truth": labels[n]} for n in range(60)]
        httpx.post(f"{url}/feedback", json=feedback)
        found = state(watch.watcher.watched, watch.watcher.storage)
        ends = time.monotonic() + 20
        while not watch.watcher.storage.remembered("alarms"):  # the service looks by itself
            assert time.monotonic() < ends
            time.sleep(0.1)
        watch.watcher.storage.act("guard.burst", "address:12ab", done="slowed")
        watch.watcher._state = None
        browser.open(f"{url}/watch", width=width, language=language)
        words = str(browser.value("document.body.innerText"))
        assert ("drifted" if language == "en" else "已漂移") in words
        assert ("Estimated" if language == "en" else "估计值") in words
        assert browser.value("document.documentElement.scrollWidth") <= width
        assert browser.complaints == []
        if target := os.environ.get("SIXFOLD_TEST_PICTURES"):
            picture = browser.send("Page.captureScreenshot", captureBeyondViewport=True, clip={
                "x": 0, "y": 0, "width": width, "scale": 1,
                "height": browser.value("document.documentElement.scrollHeight")})  # fmt: skip
            Path(target, f"watch-{width}.png").write_bytes(base64.b64decode(picture["data"]))
        browser.value("document.querySelector('[data-code=zh]').focus()")
        browser.value("document.querySelector('[data-code=zh]').click()")
        assert "漂移" in str(browser.value("document.body.innerText"))
    assert json.dumps(found)
