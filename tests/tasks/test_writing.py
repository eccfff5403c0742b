"""Writing: drawn by seed and settings, stopped where it is told, in pieces as whole; and scored as it learned."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from sixfold.errors import RequestError
from sixfold.product import Product
from sixfold.store import ROW
from sixfold.tasks import Decision, task_of
from sixfold.tasks.writing import Writing

PLACES = 12
TEXTS = ["the cat sat on the mat.", "a dog ran off!", "好的，再見。"] * 4


class Bigrams:
    """A graph with so many places whose next token depends on the last one alone."""

    def __init__(self, vocabulary: int, seed: int = 0) -> None:
        self.table = np.random.default_rng(seed).normal(size=(vocabulary, vocabulary)).astype(np.float32) * 2

    def inputs(self, name: str) -> dict[str, Any]:
        return {"tokens": [None, None], "past": [None, None, 2, 1]}

    def outputs(self, name: str) -> list[str]:
        return ["left", "logits", "new"]

    def run(self, name: str, feed: dict[str, Any]) -> list[Any]:
        texts, new = feed["tokens"].shape
        used = len(feed["past"]) + new
        assert used <= PLACES
        left = np.full(texts, PLACES - used, np.int32)
        return [left, self.table[feed["tokens"]], np.zeros((new, texts, 2, 1), np.float32)]


@pytest.fixture
def task() -> Writing:
    product = Product(name="w", data="-", generate={"verse": {"kind": "text", "tokenizer": "characters"}})
    found = task_of(product)(product, product.target.field("verse").fit(TEXTS, is_target=True))
    assert isinstance(found, Writing)
    return found


@pytest.fixture
def graphs(task: Writing) -> Any:
    return Bigrams(task.output.units)


def written(task: Writing, graphs: Any, count: int = 1, **asked: Any) -> list[dict[str, Any]]:
    return task.answers(task.respond(graphs, {ROW: np.arange(count)}, task.Settings(**asked)), Decision())


def test_the_same_seed_writes_the_same_and_each_text_its_own(task: Writing, graphs: Any) -> None:
    one, other = written(task, graphs, 2, seed=3, most=40), written(task, graphs, 2, seed=3, most=40)
    assert one == other
    assert one[0] != one[1]
    assert written(task, graphs, 1, seed=3, most=40)[0] == one[0], "however many are written beside it"
    assert written(task, graphs, 1, seed=4, most=40)[0] != one[0]


def test_the_likeliest_token_is_taken_at_temperature_0_and_where_there_is_no_other(task: Writing, graphs: Any) -> None:
    coldest = written(task, graphs, temperature=0, most=30)
    assert coldest == written(task, graphs, top_k=1, most=30) == written(task, graphs, top_p=1e-9, most=30)


def test_a_text_goes_on_beyond_what_the_model_holds(task: Writing, graphs: Any) -> None:
    graphs.table[:, task.target.state["end"]] = -100
    (answer,) = written(task, graphs, seed=0, most=5 * PLACES)
    assert len(answer["verse"]) == 5 * PLACES
    assert answer["finish"] == "length"


def test_a_text_stops_before_what_it_is_told_to_stop_at(task: Writing, graphs: Any) -> None:
    graphs.table[:, task.target.state["end"]] = -100
    whole = written(task, graphs, seed=1, most=40)[0]["verse"]
    stop = whole[7:9]
    (answer,) = written(task, graphs, seed=1, most=40, stop=["never said", stop])
    assert answer == {"verse": whole[: whole.index(stop)], "finish": "stop"}
    pieces = task.stream(graphs, task.Settings(seed=1, most=40, stop=[stop]))
    assert "".join(pieces) == answer["verse"], "nothing of it is shown before it is known"


def test_in_pieces_it_is_the_same_text(task: Writing, graphs: Any) -> None:
    settings = task.Settings(seed=2, most=50, prompt="the ")
    pieces, stream = [], task.stream(graphs, settings)
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as end:
            answer = end.value
            break
    assert answer == written(task, graphs, seed=2, most=50, prompt="the ")[0]
    assert "".join(pieces) == answer["verse"]
    assert len(pieces) > 5 or answer["finish"] == "stop"


def test_bytes_that_no_training_text_had_are_never_said(task: Writing, graphs: Any) -> None:
    answers = written(task, graphs, 8, seed=0, most=60, temperature=3)
    assert not any("\ufffd" in answer["verse"] for answer in answers)


def test_a_beginning_that_the_model_cannot_hold_is_refused(task: Writing, graphs: Any) -> None:
    assert written(task, graphs, prompt="x" * (PLACES - 1), most=2)
    with pytest.raises(RequestError, match="10,000 tokens"):
        written(task, graphs, prompt="x" * 10_000)


def test_texts_are_scored_in_pieces_that_begin_with_the_token_before(task: Writing, graphs: Any) -> None:
    tokens = task.target.encode(["the cat sat on the mat.", "a"])
    nats, counts = task.score(graphs, {}, tokens).T
    assert counts.tolist() == [24, 2]
    chances = graphs.table.astype(np.float64)
    chances[:, 0] = -np.inf
    chances -= np.log(np.exp(chances).sum(axis=1, keepdims=True))
    for row, found in zip(tokens, nats, strict=True):
        said = [task.target.state["end"], *row[row > 0]]
        expected = -sum(chances[one, other] for one, other in itertools.pairwise(said))
        assert found == pytest.approx(expected)
