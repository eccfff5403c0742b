"""Requests that come together go through the model together; one that is alone waits for nobody."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from graphs import written
from served import at_work, running

from sixfold.errors import RequestError
from sixfold.serving import Bundle, Engine
from sixfold.serving._app import graph_application
from sixfold.serving._batcher import Batcher
from sixfold.serving._limits import Limits
from sixfold.serving._models import Models
from sixfold.serving._serve import graph_models
from sixfold.serving._served import Answered, Job, Served
from sixfold.serving._statistics import Statistics
from sixfold.serving._tensors import Tensor
from sixfold.serving._work import Work

Rows = tuple[list[dict[str, Any]], list[str]]


class Doubling(Served):
    """Doubles numbers; slowly, and never 13."""

    platform = "test"

    def __init__(self) -> None:
        super().__init__("doubling", "1", (), ())
        self.batches: list[list[int]] = []
        self.goes_on = threading.Event()
        self.goes_on.set()

    def job(self, inputs: Any, parameters: Any, outputs: Sequence[Tensor]) -> Job:
        raise NotImplementedError

    def run(self, jobs: Sequence[Job]) -> list[int]:
        self.batches.append([job.payload for job in jobs])
        self.goes_on.wait(5)
        if any(job.payload == 13 for job in jobs):
            raise RequestError("graph_refused", reason="13")
        return [2 * job.payload for job in jobs]

    def answered(self, job: Job, made: Any, outputs: Sequence[Tensor]) -> Answered:
        raise NotImplementedError


def asked_together(served: Doubling, limits: Limits, payloads: list[int], key: Any = "same") -> list[Any]:
    """What a batcher makes of jobs that come at the same moment, each from a request that is under way."""

    async def all_of_them() -> list[Any]:
        work = Work(limits)
        work.runs = 1
        batcher = Batcher(served, work, limits, Statistics())

        async def one(payload: int) -> int:
            with work.place():
                await asyncio.sleep(0)
                return (await batcher.made(Job(key, 1, payload))).result

        return await asyncio.gather(*map(one, payloads), return_exceptions=True)

    return asyncio.run(all_of_them())


def test_jobs_that_come_together_are_run_together() -> None:
    served = Doubling()
    assert asked_together(served, Limits(delay=200), list(range(8))) == list(range(0, 16, 2))
    assert served.batches == [list(range(8))]


def test_a_batch_holds_no_more_than_it_may_and_nothing_that_goes_not_along() -> None:
    served = Doubling()
    asked_together(served, Limits(delay=50, batch=3), list(range(7)))
    assert [len(batch) for batch in served.batches] == [3, 3, 1]
    served = Doubling()
    asked_together(served, Limits(delay=50), [1, 2], key=None)
    assert served.batches == [[1], [2]]


def test_one_that_cannot_be_run_spoils_no_other() -> None:
    found = asked_together(Doubling(), Limits(delay=50), [1, 13, 3])
    assert (found[0], found[2]) == (2, 6)
    assert isinstance(found[1], RequestError)


def test_one_that_is_alone_waits_for_nobody() -> None:
    begun = time.perf_counter()
    assert asked_together(Doubling(), Limits(delay=1000), [4]) == [8]
    assert time.perf_counter() - begun < 0.5


def test_a_run_that_takes_too_long_is_told_so() -> None:
    served = Doubling()
    served.goes_on.clear()
    threading.Timer(0.3, served.goes_on.set).start()
    (found,) = asked_together(served, Limits(seconds=0.05), [1])
    assert isinstance(found, RequestError)
    assert found.code == "request.took_too_long"


@pytest.fixture
def graphs(tmp_path: Path) -> Iterator[tuple[str, Models]]:
    models = graph_models(written(tmp_path), Limits(delay=50))
    with at_work(graph_application(models)) as url:
        yield url, models


def test_each_request_gets_its_own_part_of_a_batch(graphs: tuple[str, Models]) -> None:
    url, models = graphs

    async def ask(client: httpx.AsyncClient, number: int) -> tuple[int, list[int]]:
        rows = 1 + number % 3
        tensors = [
            {"name": f"INPUT{n}", "datatype": "INT32", "shape": [rows, 16], "data": [number] * 16 * rows}
            for n in (0, 1)
        ]
        response = await client.post("/v2/models/simple/infer", json={"inputs": tensors})
        return number, response.json()["outputs"][0]["data"]

    async def together() -> list[tuple[int, list[int]]]:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            return await asyncio.gather(*(ask(client, number) for number in range(40)))

    for number, data in asyncio.run(together()):
        assert data == [2 * number] * 16 * (1 + number % 3)
    stat = models.champion("simple").statistics.told()
    assert stat["inference_stats"]["success"]["count"] == 40
    assert stat["execution_count"] < 40


def test_rows_are_answered_alike_alone_and_together(table_bundle: Bundle, table_rows: Rows) -> None:
    rows = table_rows[0][:40]

    async def together(url: str) -> list[Any]:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            return await asyncio.gather(*(client.post("/predict", json=row) for row in rows))

    with running(table_bundle, limits=Limits(delay=20)) as url:
        answers = [response.json()["answers"][0] for response in asyncio.run(together(url))]
    expected = Engine(table_bundle).answers(rows)
    assert [answer["malignant"] for answer in answers] == [answer["malignant"] for answer in expected]
    assert np.allclose([one["confidence"] for one in answers], [one["confidence"] for one in expected], atol=1e-6)


def test_a_head_without_end_is_refused(table_url: str) -> None:
    place = urlsplit(table_url)
    with socket.create_connection((place.hostname, place.port), timeout=5) as sock:
        sock.sendall(b"GET /about HTTP/1.1\r\nHost: x\r\n")
        said = b""
        with contextlib.suppress(ConnectionError):
            for number in range(3000):
                sock.sendall(b"x-%d: %s\r\n" % (number, b"y" * 100))
            said = sock.recv(1000)
        assert said == b"" or said.startswith(b"HTTP/1.1 400")
    assert httpx.get(f"{table_url}/health/live").status_code == 200
