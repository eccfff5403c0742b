"""Where a mistake would cost more than a person does, the service and its page say so."""

from __future__ import annotations

import dataclasses
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from served import running

from sixfold.serving import Bundle, Engine
from sixfold.tasks import Decision


def asking(bundle: Bundle, band: tuple[float, float]) -> Bundle:
    """The same product, that leaves a band of chances to people."""
    changed = dataclasses.replace(bundle, decision=Decision(asks=band))
    (answer,) = Engine(changed).answers([bundle.sample["row"]])
    return dataclasses.replace(changed, sample={"row": bundle.sample["row"], "answer": answer})


@pytest.fixture(scope="module")
def asking_url(table_bundle: Bundle) -> Iterator[str]:
    with running(asking(table_bundle, (0.0, 1.1))) as url:
        yield url


def test_only_chances_within_the_band_are_left_to_people(table_bundle: Bundle) -> None:
    row = table_bundle.sample["row"]
    likely = Engine(table_bundle).answers([row])[0]["probabilities"]["yes"]
    within, beyond = (likely - 0.01, likely + 0.01), (likely + 0.01, likely + 0.02)
    assert Engine(asking(table_bundle, within)).answers([row])[0]["ask"] is True
    assert Engine(asking(table_bundle, beyond)).answers([row])[0]["ask"] is False


def test_an_answer_says_nothing_of_people_where_nobody_can_be_asked(table_bundle: Bundle) -> None:
    assert "ask" not in Engine(table_bundle).answers([table_bundle.sample["row"]])[0]


def test_over_http_the_answer_says_to_ask_a_person_beside_what_the_model_leans_to(
    asking_url: str, table_bundle: Bundle
) -> None:
    body = json.dumps(table_bundle.sample["row"]).encode()
    request = urllib.request.Request(f"{asking_url}/predict", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answered:
        (answer,) = json.load(answered)["answers"]
    assert answer["ask"] is True
    assert answer["malignant"] == table_bundle.sample["answer"]["malignant"]


def test_the_band_goes_along_with_the_bundle(table_bundle: Bundle) -> None:
    bundle = asking(table_bundle, (0.2, 0.8))
    assert Bundle.from_members(bundle.members()).decision.asks == (0.2, 0.8)


@pytest.mark.slow
@pytest.mark.parametrize(("language", "words"), [("en", "Ask a person"), ("zh-CN", "请转人工")])
def test_the_page_says_to_ask_a_person(browser: Any, asking_url: str, language: str, words: str) -> None:
    browser.open(f"{asking_url}/", language=language, width=390)
    browser.value("localStorage.clear()")
    browser.open(f"{asking_url}/", language=language, width=390)
    browser.value("document.getElementById('example').click()")
    browser.until("document.querySelector('.ask-person')")
    assert browser.value("document.querySelector('.ask-person').textContent").startswith(words)
    assert browser.value("document.documentElement.scrollWidth") <= 390
    assert browser.complaints == []
