"""Writing with a graph: beam search finds the best text, and a cache remembers what was said."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from sixfold.tasks._decoding import Cache, beam_search, log_chances

END, SIZE = 1, 5


class Bigrams:
    """Graphs whose next token depends on the last one and on a number of the row; the cache holds the tokens."""

    def __init__(self, seed: int, end: float) -> None:
        self.table = np.random.default_rng(seed).normal(size=(SIZE, SIZE)) * 2
        self.table[:, END] += end

    def inputs(self, name: str) -> dict[str, Any]:
        return {"tokens": [None, None], "past": [None, None, 1, 1], "bias": [None]}

    def outputs(self, name: str) -> list[str]:
        return ["logits", "new"]

    def run(self, name: str, feed: dict[str, Any]) -> list[Any]:
        tokens, past = feed["tokens"], feed["past"]
        assert past.shape[1] == len(tokens) == len(feed["bias"])
        self.heard = np.concatenate([past[:, :, 0, 0].T, tokens], axis=1)
        logits = self.table[tokens] + feed["bias"][:, None, None] * np.arange(SIZE)
        return [logits.astype(np.float32), tokens.T[..., None, None].astype(np.float32)]


def best(graphs: Bigrams, bias: float, most: int, power: float) -> list[int]:
    """By trying every text."""
    chances = log_chances(graphs.table + bias * np.arange(SIZE))
    found: tuple[float, list[int]] = (-np.inf, [])
    for length in range(2, most + 1):
        for said in itertools.product(range(2, SIZE), repeat=length - 1):
            text = [*said, END]
            score = chances[END, text[0]] + sum(chances[one, other] for one, other in itertools.pairwise(text))
            found = max(found, (score / ((5 + length) / 6) ** power, text))
    return found[1]


@pytest.mark.parametrize("power", [0.0, 1.0])
@pytest.mark.parametrize("end", [-2.0, 1.0])
def test_a_wide_search_finds_what_trying_every_text_finds(end: float, power: float) -> None:
    graphs = Bigrams(3, end)
    bias, limits = np.array([-0.5, 0.0, 0.4]), np.array([5, 4, 3])
    found = beam_search(
        Cache(graphs, 3, {"bias": bias}), limits, beams=60, end=END, power=power  # type: ignore[arg-type]
    )  # fmt: skip
    for row, one, most in zip(found, bias, limits, strict=True):
        assert [token for token in row.tolist() if token] == best(graphs, one, most, power)


def test_a_text_that_never_ends_is_cut_at_its_limit_and_has_no_end() -> None:
    graphs = Bigrams(0, -100.0)
    cache = Cache(graphs, 2, {"bias": np.zeros(2)})  # type: ignore[arg-type]
    found = beam_search(cache, np.array([3, 5]), beams=2, end=END, power=1.0)
    assert (found > 1).sum(axis=1).tolist() == [3, 5]
    assert END not in found


def test_the_graph_hears_of_each_text_what_was_said_of_it_before() -> None:
    graphs = Bigrams(0, -100.0)
    cache = Cache(graphs, 1, {"bias": np.zeros(1)})  # type: ignore[arg-type]
    (found,) = beam_search(cache, np.array([80]), beams=1, end=END, power=1.0)
    assert graphs.heard.tolist() == [[END, *found[:-1].tolist()]], "more tokens than a cache begins with room for"


def test_padding_is_never_said() -> None:
    assert log_chances(np.array([9.0, 0.0, 0.0]))[0] == -np.inf
    np.testing.assert_allclose(np.exp(log_chances(np.array([9.0, 0.0, 0.0]))), [0, 0.5, 0.5])
