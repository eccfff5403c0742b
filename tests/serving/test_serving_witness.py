"""What whoever watches a service is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from served import running

from sixfold.serving import Bundle, Exchange, Witness

Rows = tuple[list[dict[str, Any]], list[str]]


def until(told: list[Exchange], count: int) -> list[Exchange]:
    ends = time.monotonic() + 5
    while len(told) < count and time.monotonic() < ends:
        time.sleep(0.01)
    return told


@pytest.fixture
def told() -> list[Exchange]:
    return []


@pytest.fixture
def url(told: list[Exchange], table_bundle: Bundle) -> Iterator[str]:
    with running(table_bundle, witness=Witness(told.append)) as url:
        yield url


def test_a_witness_is_told_rows_and_answers_of_each_request(
    url: str, told: list[Exchange], table_bundle: Bundle, table_rows: Rows
) -> None:
    rows = table_rows[0][:3]
    answered = httpx.post(f"{url}/predict", json=rows, headers={"x-request-id": "first"}).json()
    httpx.get(f"{url}/about")
    exchange = until(told, 1)[0]
    assert (exchange.request, exchange.status, exchange.endpoint) == ("first", 200, "/predict")
    assert (exchange.product, exchange.model) == ("tumour", table_bundle.version)
    assert list(exchange.rows) == rows
    assert list(exchange.answers) == answered["answers"]
    assert exchange.client == "127.0.0.1"
    assert abs(exchange.at - time.time()) < 10
    assert len(told) == 1


def test_a_witness_is_told_of_what_was_refused_and_why(url: str, told: list[Exchange]) -> None:
    httpx.post(f"{url}/predict", json={"mean radius": "wide"})
    exchange = until(told, 1)[0]
    assert (exchange.status, exchange.error, list(exchange.answers)) == (400, "request.bad_value", [])


def test_a_witness_that_fails_or_falls_behind_holds_up_nobody() -> None:
    goes_on, seen = threading.Event(), []

    def listener(exchange: Exchange) -> None:
        seen.append(exchange.request)
        goes_on.wait(5)
        raise RuntimeError(exchange.request)

    witness = Witness(listener)
    large = 30 << 20
    for number in range(5):
        witness.tell(Exchange(str(number), 0.0, "p", "m", "/predict", 200, 1.0, bytes=large))
        while number == 0 and not seen:
            time.sleep(0.001)
    assert witness.dropped == 2
    goes_on.set()
    witness.close(5)
    assert seen == ["0", "1", "2"]
