"""A text out of nothing, the whole way: learned, judged, served in the forms that clients speak, delivered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras")

import httpx
import openai

import sixfold
from sixfold.cli import main

pytestmark = pytest.mark.slow

DECLARED = """
name: verses
data: verses.json
generate: {verse: {kind: text, tokenizer: characters, from: paragraphs}}
train: {network: gpt, layers: 1, width: 48, heads: 2, context: 24, epochs: 12, learning_rate: 0.005, precision: float32}
"""
NOUNS, VERBS = ["cat", "dog", "old man", "moon"], ["sings", "sleeps", "waits", "goes home"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder, draw = tmp_path_factory.mktemp("verses"), np.random.default_rng(0)
    verses = [
        {
            "paragraphs": [
                f"The {draw.choice(NOUNS)} {draw.choice(VERBS)}.",
                f"The {draw.choice(NOUNS)} {draw.choice(VERBS)}.",
            ]
        }
        for _ in range(700)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIXFOLD_HOME", str(folder / "home"))
        patch.setenv("SIXFOLD_LANG", "en")
        (folder / "verses.json").write_text(json.dumps(verses), encoding="utf-8")
        (folder / "product.yaml").write_text(DECLARED, encoding="utf-8")
        yield sixfold.run(
            folder / "product.yaml", until="deploy", overrides={"beats baseline": "a test", "no leakage": "a test"}
        )
        assert main(["stop", "verses"]) == 0


@pytest.fixture(scope="module")
def client(run: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{run.service}/v1", api_key="none")


def test_it_learns_to_write_verses_of_their_kind(run: Any) -> None:
    assert run.figures["perplexity"]["value"] < 2.5
    page = run.report.html.decode()
    assert "Does it copy?" in page
    assert "它会照抄吗？" in page
    (answer,) = run.predict([{}])
    assert set(answer) == {"verse", "finish"}


def test_the_service_answers_its_sample_and_draws_by_seed(run: Any) -> None:
    sample = run.bundle.sample
    assert httpx.post(f"{run.service}/predict", json=run.bundle.sample_body).json()["answers"] == [sample["answer"]]
    asked = {"rows": [{}, {}], "settings": {"seed": 5, "prompt": "The moon"}}
    one, other = (httpx.post(f"{run.service}/predict", json=asked).json()["answers"] for _ in range(2))
    assert one == other
    assert one[0]["verse"].lstrip().startswith(tuple(VERBS))


def test_a_text_comes_as_it_is_written(run: Any) -> None:
    asked = {"rows": [{}], "settings": {"seed": 7, "most": 30}}
    whole = httpx.post(f"{run.service}/predict", json=asked).json()["answers"][0]
    headers = {"accept": "text/event-stream"}
    with httpx.stream("POST", f"{run.service}/predict", json=asked, headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = [event for event in "".join(response.iter_text()).split("\n\n") if event]
    pieces = [json.loads(event.removeprefix("data: "))["text"] for event in events[:-1]]
    assert "".join(pieces) == whole["verse"]
    assert json.loads(events[-1].partition("data: ")[2])["answers"] == [whole]


def test_the_completions_of_the_openai_client(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["verses"]
    asked: dict[str, Any] = {"model": "verses", "prompt": "The cat", "max_tokens": 20, "seed": 1}
    done = client.completions.create(**asked, n=2)
    assert len(done.choices) == 2
    assert done.choices[0].finish_reason in ("stop", "length")
    assert done.usage is not None
    assert done.usage.prompt_tokens == len("The cat")
    stream = client.completions.create(**asked, stream=True)
    assert "".join(piece.choices[0].text for piece in stream) == done.choices[0].text
    stopped = client.completions.create(**asked, stop=["."], echo=True)
    assert stopped.choices[0].text.startswith("The cat")
    assert "." not in stopped.choices[0].text


def test_the_chat_of_the_openai_client(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {
        "model": "verses", "messages": [{"role": "user", "content": "The dog"}], "max_completion_tokens": 12, "seed": 1,
    }  # fmt: skip
    done = client.chat.completions.create(**asked)
    assert done.choices[0].message.role == "assistant"
    pieces = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    told = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert told == done.choices[0].message.content
    assert pieces[-1].usage == done.usage


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"model": "gpt-4", "prompt": "x"}, 404, "request.no_model"),
        ({"prompt": "x" * 10_000}, 400, "request.bad_setting"),
        ({"prompt": "x", "logprobs": 2}, 400, "request.not_offered"),
        ({"prompt": "x", "temperature": 9}, 400, "request.bad_setting"),
        ({"prompt": "x", "n": 100}, 400, "request.bad_setting"),
        ({"prompt": ["x"] * 100}, 413, "request.too_many_rows"),
        ({"prompt": "x" * 10_000, "stream": True}, 400, "request.bad_setting"),
    ],
)
def test_what_cannot_be_answered_says_why(client: openai.OpenAI, asked: dict[str, Any], status: int, code: str) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.completions.create(**{"model": "verses", **asked})
    assert caught.value.status_code == status
    assert caught.value.code == code
    assert caught.value.body["message"]  # type: ignore[index]


def test_rows_with_columns_and_streams_of_several_are_refused(run: Any) -> None:
    response = httpx.post(f"{run.service}/predict", json={"verse": "The cat"})
    assert response.json()["error"]["code"] == "request.target_column"
    headers = {"accept": "text/event-stream"}
    response = httpx.post(f"{run.service}/predict", json={"rows": [{}, {}]}, headers=headers)
    assert response.json()["error"]["code"] == "request.one_at_a_time"


def test_the_pack_is_whole(run: Any, tmp_path: Path) -> None:
    from sixfold.stages import Deliver
    from sixfold.store import Workspace

    house = sixfold.Sixfold()
    receipt = Deliver().run(run.product, run.artefacts, Workspace(house.store, "deliver", "", folder=tmp_path))
    assert main(["verify", receipt["pack"], "--json"]) == 0
