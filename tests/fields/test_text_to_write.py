"""Texts that are to be written: what is decoded is what was encoded."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixfold.fields import restored
from sixfold.fields.text import Text

VERSES = [
    "To be, or not to be:\nthat is the question.",
    "春眠不覺曉，\n處處聞啼鳥。",
    "Tom's 120 cats don't sing!!",
    "好" * 9,
]


def fitted(values: list[str] | None = None, **options: object) -> Text:
    return Text("verse", Text.Options(**options)).fit(values or VERSES * 3, is_target=True)


def decoded(field: Text, text: str) -> str | None:
    return field.decode(field.encode([text]))[0]


@given(st.text(max_size=40))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    field = fitted(length=1024)
    plain = field.parse(unicodedata.normalize("NFC", field.parse(text) or ""))
    assert decoded(field, text) == plain


@pytest.mark.parametrize("options", [{}, {"tokenizer": "characters"}], ids=["parts", "characters"])
def test_case_lines_and_indents_are_kept_and_strange_characters_told_byte_by_byte(options: dict[str, str]) -> None:
    field = fitted(length=64, **options)
    text = "O Ünder 😀\n    stays\n\nhere 龘"
    assert decoded(field, text) == text


def test_a_text_ends_in_a_token_of_its_own_unless_it_was_cut() -> None:
    field = fitted(length=8, tokenizer="characters")
    short, cut = field.encode(["To be", "To be, or not"])
    assert short.tolist().index(field.state["end"]) == 5
    assert field.state["end"] not in cut
    assert field.decode(np.array([[*short[:6], 40, 41]])) == ["To be"], "what stands behind the end is not said"


def test_a_character_is_a_token_where_that_is_asked_and_in_scripts_without_blanks_always() -> None:
    by_character = fitted(tokenizer="characters")
    assert (by_character.encode(["Tom's cats"]) > 1).sum() == len("Tom's cats")
    by_part = fitted(["the cats and the dogs 春眠"] * 20)
    assert (by_part.encode(["the cats"]) > 1).sum() < len("the cats")
    assert (by_part.encode(["春眠"]) > 1).sum() == 2


def test_learning_again_gives_the_same_and_json_brings_it_back() -> None:
    field = fitted()
    again = restored(fitted().to_json())
    assert again.state == field.state
    np.testing.assert_array_equal(again.encode(VERSES), field.encode(VERSES))


def test_what_is_too_long_to_be_read_whole_says_so() -> None:
    field = Text("english", Text.Options(length=16)).fit(["I like cats.", "You like dogs."] * 5)
    assert field.overlong("I like cats.") is None
    assert field.overlong(None) is None
    assert "at most 16" in str(field.overlong("cats like " * 20))
    assert "at most 16" in str(field.overlong("cat " * 10_000))


def test_a_folder_without_a_tokenizer_for_a_text_to_write_says_what_was_expected(tmp_path: object) -> None:
    with pytest.raises(ValueError, match="expected a folder with tokenizer"):
        Text("verse", Text.Options(tokenizer=str(tmp_path))).fit(VERSES, is_target=True)
