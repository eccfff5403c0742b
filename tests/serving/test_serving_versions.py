"""Several versions of a product in one service, promoted and undone without a lost request."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from served import at_work

from sixfold.errors import RequestError, ServiceError
from sixfold.security import Home
from sixfold.serving import Bundle, Engine, Exchange, Standing, Witness
from sixfold.serving._app import product_application
from sixfold.serving._limits import Limits
from sixfold.serving._models import Models
from sixfold.serving._served import ProductServed
from sixfold.serving._work import Work
from sixfold.targets.local import Local

Rows = tuple[list[dict[str, Any]], list[str]]


def changed(bundle: Bundle, goal: str = "Another goal.") -> Bundle:
    """Another version of the same model, which answers its sample alike."""
    return dataclasses.replace(bundle, product=bundle.product.changed(goal=goal))


@pytest.fixture
def two(table_bundle: Bundle) -> tuple[Models, Bundle, Bundle]:
    """A champion, and another version beside it."""
    limits = Limits()
    models, other = Models(Work(limits), limits), changed(table_bundle)
    for bundle in (table_bundle, other):
        served = ProductServed(Engine(bundle), limits.rows)
        models.add(served, lambda served=served: served)
    return models, table_bundle, other


def test_a_challenger_gets_its_share_and_a_request_always_goes_one_way(two: tuple[Models, Bundle, Bundle]) -> None:
    models, champion, challenger = two
    models.stand("tumour", Standing(champion=champion.version).challenged(challenger.version, 0.25, shadow=False))
    drawn = [models.find("tumour", None, f"request-{number}").version for number in range(4000)]
    assert 0.22 < drawn.count(challenger.version) / 4000 < 0.28
    assert drawn == [models.find("tumour", None, f"request-{number}").version for number in range(4000)]
    assert models.find("tumour", "champion", "x").version == champion.version
    assert models.find("tumour", "challenger", "x").version == challenger.version
    with pytest.raises(RequestError, match="no version"):
        models.find("tumour", "none")


def test_a_standing_is_promoted_and_rolled_back() -> None:
    first = Standing(champion="a")
    tried = first.challenged("b", 0.1, shadow=True)
    assert tried.rolled_back() == first
    promoted = tried.promoted("b")
    assert (promoted.champion, promoted.former, promoted.challenger) == ("b", "a", None)
    assert promoted.rolled_back().champion == "a"
    assert promoted.rolled_back().rolled_back().champion == "b"
    assert first.rolled_back() == first


def test_a_standing_that_names_what_is_not_there_changes_nothing(two: tuple[Models, Bundle, Bundle]) -> None:
    models, champion, _ = two
    with pytest.raises(RequestError, match="no version"):
        models.stand("tumour", Standing(champion="none"))
    assert models.find("tumour").version == champion.version


def test_versions_are_asked_by_name_and_told_in_the_answer(
    two: tuple[Models, Bundle, Bundle], table_rows: Rows
) -> None:
    models, champion, challenger = two
    models.stand("tumour", Standing(champion=champion.version).challenged(challenger.version, 0, shadow=False))
    with at_work(product_application(models, "tumour")) as url:
        asked = {
            version: httpx.post(f"{url}/predict", params={"version": version}, json=table_rows[0][0]).json()["model"]
            for version in ("champion", "challenger", challenger.version)
        }
        tensor = {"name": "mean radius", "datatype": "FP64", "shape": [1], "data": [14.0]}
        path = f"{url}/v2/models/tumour/versions/{challenger.version}/infer"
        assert httpx.post(path, json={"inputs": [tensor]}).json()["model_version"] == challenger.version
        assert set(httpx.get(f"{url}/v2/models/tumour").json()["versions"]) == {champion.version, challenger.version}
        assert httpx.post(f"{url}/predict?version=none", json=table_rows[0][0]).status_code == 404
    assert list(asked.values()) == [champion.version, challenger.version, challenger.version]


def test_a_shadow_is_asked_unseen_and_the_witness_is_told(two: tuple[Models, Bundle, Bundle], table_rows: Rows) -> None:
    models, champion, challenger = two
    models.stand("tumour", Standing(champion=champion.version).challenged(challenger.version, 0, shadow=True))
    told: list[Exchange] = []
    witness = Witness(told.append)
    with at_work(product_application(models, "tumour", witness)) as url:
        said = httpx.post(f"{url}/predict", json=table_rows[0][0]).json()
        tensor = {"name": "mean radius", "datatype": "FP64", "shape": [1], "data": [14.0]}
        httpx.post(f"{url}/v2/models/tumour/infer", json={"inputs": [tensor]})
        ends = time.monotonic() + 5
        while len(told) < 4 and time.monotonic() < ends:
            time.sleep(0.01)
    assert said["model"] == champion.version
    assert [(exchange.role, exchange.model) for exchange in sorted(told, key=lambda one: (one.endpoint, one.role))] == [
        ("champion", champion.version),
        ("shadow", challenger.version),
    ] * 2
    assert {exchange.request for exchange in told if exchange.role == "shadow"} == {e.request for e in told}
    assert all(len(exchange.answers) == 1 for exchange in told)


@pytest.fixture
def services(home: Home) -> Iterator[Home]:
    yield home
    for service in Local(home).services():
        Local(home).stop(service.product)


class Caller:
    """Somebody who calls again and again, and keeps what failed."""

    def __init__(self, url: str, row: dict[str, Any]) -> None:
        self.failed: list[object] = []
        self.models: list[str] = []
        self._goes_on = True
        self._thread = threading.Thread(target=self._call, args=(url, row))
        self._thread.start()

    def _call(self, url: str, row: dict[str, Any]) -> None:
        with httpx.Client(timeout=20) as client:
            while self._goes_on:
                try:
                    response = client.post(f"{url}/predict", json=row)
                except httpx.TransportError as error:
                    self.failed.append(error)
                    continue
                if response.status_code == 200:
                    self.models.append(response.json()["model"])
                else:
                    self.failed.append(response.text)

    def ends(self) -> None:
        self._goes_on = False
        self._thread.join(30)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_promotions_and_rollbacks_under_load_lose_nothing(
    services: Home, table_bundle: Bundle, table_rows: Rows, workers: int
) -> None:
    # One caller asks the same row again and again here, which the guard would take for somebody who probes the model.
    product = table_bundle.product.changed(deploy={"watch": {"guard": "off"}})
    table_bundle = dataclasses.replace(table_bundle, product=product)
    other = changed(table_bundle)
    target = Local(services, Local.Options(workers=workers))
    url = target.deploy(table_bundle).url
    caller = Caller(url, table_rows[0][0])
    try:
        Local(services, Local.Options(challenge=0.5, workers=workers)).deploy(other)
        assert target.standing("tumour").challenger == other.version
        run = CliRunner()
        from sixfold.cli._app import _app

        shown = run.invoke(_app, ["versions", "tumour"])
        assert other.version in shown.output, shown.output
        for command in (["promote", "tumour"], ["rollback", "tumour"], ["rollback", "tumour"]):
            done = run.invoke(_app, command)
            assert done.exit_code == 0, (done.output, done.exception)
        assert target.standing("tumour").champion == other.version
        assert httpx.get(f"{url}/health/ready").json()["model"] == other.version
        (service,) = target.services()
        assert service.model == other.version
    finally:
        caller.ends()
    assert caller.failed == []
    assert set(caller.models) == {table_bundle.version, other.version}


@pytest.mark.slow
def test_a_challenger_that_answers_wrongly_is_refused_and_the_champion_stays(
    services: Home, table_bundle: Bundle
) -> None:
    url = Local(services).deploy(table_bundle).url
    other = changed(table_bundle)
    wrong = dataclasses.replace(other, sample={**other.sample, "answer": {**other.sample["answer"], "malignant": "–"}})
    with pytest.raises(ServiceError) as refused:
        Local(services, Local.Options(challenge=0.5)).deploy(wrong)
    assert refused.value.code == "service.cannot_stand"
    assert Local(services).standing("tumour") == Standing(champion=table_bundle.version)
    assert httpx.get(f"{url}/health/ready").json()["model"] == table_bundle.version
