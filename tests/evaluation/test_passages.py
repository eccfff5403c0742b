"""Passages: the n-grams are a probability, verbatim runs are found, samples stand beside held-out texts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixfold.evaluation import Encoded, Judged, Rows, appraisal_of, measured
from sixfold.evaluation._kneser_ney import KneserNey
from sixfold.evaluation.passages import Found, Passages, _goes_in_circles, _Learned
from sixfold.product import Product
from sixfold.tasks import Decision, task_of

VOCABULARY = 7


def texts(seed: int, rows: int = 40) -> np.ndarray:
    draw = np.random.default_rng(seed)
    tokens = draw.integers(1, VOCABULARY, (rows, 14))
    return np.where(np.arange(14) < draw.integers(2, 15, (rows, 1)), tokens, 0)


@given(st.lists(st.integers(1, VOCABULARY - 1), max_size=7), st.integers(0, 3))
def test_the_chances_of_all_tokens_behind_any_others_are_one_together(before: list[int], seed: int) -> None:
    model = KneserNey.fitted(texts(seed), VOCABULARY)
    rows = np.array([[*before, token] for token in range(1, VOCABULARY)])
    chances = model.chances(rows)[:, -1]
    assert chances.sum() == pytest.approx(1)
    assert (chances > 0).all()


def test_what_was_seen_is_likelier_than_what_was_not() -> None:
    model = KneserNey.fitted(np.array([[1, 2, 3, 4, 5, 6]] * 20 + [[3, 1, 4, 1, 5, 0]]), VOCABULARY)
    seen, other = model.chances(np.array([[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]]))
    assert seen[1:].min() > 0.8
    assert other[1:].max() < 0.3
    assert model.chances(np.array([[1, 2, 0, 0]]))[0, 2:].tolist() == [1, 1], "padding says nothing"


def test_a_text_from_no_model_in_particular_has_the_perplexity_of_its_tokens() -> None:
    even = np.log(6) * np.array([10.0, 4.0])
    found = Found(even, np.array([10, 4]), np.array([20, 8]), ["x" * 20, "y" * 8])
    figures = measured(["perplexity", "bits_per_character"], found, resamples=100)
    assert figures["perplexity"].value == pytest.approx(6)
    assert figures["bits_per_character"].value == pytest.approx(math.log2(6) / 2)


@given(st.text("ab", max_size=30), st.text("abc", max_size=60))
def test_the_longest_run_is_the_longest_piece_that_stands_in_both(text: str, learned: str) -> None:
    found = _Learned(learned).longest_run(text)
    assert found in text
    assert found in learned
    longer = [text[at : at + len(found) + 1] for at in range(len(text) - len(found))]
    assert not any(piece in learned for piece in longer)


@pytest.mark.parametrize(
    ("text", "expected"), [("so on and so on and so on and ", True), ("ha ha ha", False), ("", False)]
)
def test_going_in_circles_is_the_same_three_times_running(text: str, expected: bool) -> None:
    assert _goes_in_circles(text) is expected


def test_the_report_says_what_samples_copy_and_what_held_out_texts_share() -> None:
    learned = ["the cat sat on the mat and slept", "a dog ran off over the hill again"] * 5
    product = Product(name="w", data="-", generate={"verse": {"kind": "text", "tokenizer": "characters"}})
    field = product.target.field("verse").fit(learned, is_target=True)
    judge = appraisal_of("passages")(task_of(product)(product, field))
    assert isinstance(judge, Passages)
    training, test = field.encode(learned), field.encode(["a cat ran on the hill", "the dog sat off"])
    samples = field.encode(["the cat sat on the mat and slept", "so it so it so it so it so it"])
    (counted,) = judge.yardsticks({}, Encoded({}, training), training)
    outputs = counted.outputs({"verse": test})
    answered = judge.guessed(outputs, test)
    assert answered.characters.tolist() == [22, 16], "the end counts as one"
    rows = Rows(np.arange(2), outputs, test)
    parts = judge.parts(Judged(Decision(), 0, training, rows, rows, answered, 0, samples))
    assert parts["memory"]["longest"] == "the cat sat on the mat and slept"
    assert parts["memory"]["whole_texts"] == 1
    assert parts["memory"]["unseen_runs"]["most"] < 16
    assert parts["repetition"]["circles"] == 1
    assert parts["repetition"]["unfinished"] == 0
    schema = judge.schema()[0]
    assert set(parts) == set(schema)
    assert set(parts["memory"]) == set(schema["memory"]["properties"])
    assert set(parts["repetition"]) == set(schema["repetition"]["properties"])
