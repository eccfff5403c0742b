"""Rows in, answers out."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sixfold.errors import RequestError, ServiceError
from sixfold.fields import Form, graph_feed, rows_at_once
from sixfold.serving import Bundle, Engine, same_answer

Rows = tuple[list[dict[str, Any]], list[str]]


def test_a_bundle_survives_the_way_through_files(digits_bundle: Bundle, table_bundle: Bundle) -> None:
    for bundle in (digits_bundle, table_bundle):
        again = Bundle.from_members(bundle.members())
        assert again.version == bundle.version
        assert again.members() == bundle.members()
        assert list(again.given) == list(bundle.given)
        row = [bundle.sample["row"]]
        assert Engine(again).answers(row) == Engine(bundle).answers(row)


def test_the_answers_are_good_on_pictures_that_were_not_learned(
    digits_bundle: Bundle, digit_pictures: tuple[list[bytes], list[str]]
) -> None:
    pictures, labels = digit_pictures
    answers = Engine(digits_bundle).answers([{"photo": picture} for picture in pictures[1400:]])
    right = [answer["digit"] == label for answer, label in zip(answers, labels[1400:], strict=True)]
    assert np.mean(right) > 0.9
    assert all(abs(sum(answer["probabilities"].values()) - 1) < 1e-6 for answer in answers)


def test_a_batch_answers_as_its_rows_do_alone(table_bundle: Bundle, table_rows: Rows) -> None:
    engine, rows = Engine(table_bundle), table_rows[0][:40]
    together = engine.answers(rows)
    assert all(same_answer(engine.answers([row])[0], answer) for row, answer in zip(rows, together, strict=True))


def test_outputs_of_many_arrays_are_those_of_their_parts(
    digits_bundle: Bundle, digit_pictures: tuple[list[bytes], list[str]]
) -> None:
    engine = Engine(digits_bundle)
    many = np.concatenate([digits_bundle.given["photo"].encode(digit_pictures[0])] * 12)
    outputs = engine.outputs({"photo": many})
    assert outputs.shape == (len(many), 10)
    np.testing.assert_allclose(outputs[-5:], engine.outputs({"photo": many[-5:]}), atol=1e-5)
    assert engine.outputs({"photo": many[:0]}).shape == (0, 10)


def test_personal_data_is_redacted_before_a_row_is_answered_where_it_was_before_learning(
    table_bundle: Bundle, table_rows: Rows
) -> None:
    size = table_bundle.product.given["大小"].field("大小").fit(["[PHONE]", "小", "[PHONE]", "小"])
    given = {**table_bundle.given, "大小": size}
    learned = dataclasses.replace(table_bundle, given=given)
    redacting = dataclasses.replace(learned, product=learned.product.changed(prepare={"personal_data": "redact"}))
    row = table_rows[0][0]
    marked, named = [{**row, "大小": "[PHONE]"}], [{**row, "大小": "13800138000"}]
    assert Engine(redacting).answers(named) == Engine(redacting).answers(marked) == Engine(learned).answers(marked)
    assert Engine(learned).answers(named) != Engine(learned).answers(marked)


def test_the_threshold_of_the_decision_is_kept(table_bundle: Bundle, table_rows: Rows) -> None:
    strict = Engine(
        dataclasses.replace(table_bundle, decision=table_bundle.decision.model_copy(update={"threshold": 1}))
    )
    assert {answer["malignant"] for answer in strict.answers(table_rows[0])} == {"no"}


def test_a_column_left_out_counts_as_missing(table_bundle: Bundle, table_rows: Rows) -> None:
    engine, row = Engine(table_bundle), table_rows[0][3]
    without = {name: value for name, value in row.items() if name != "worst concavity"}
    assert engine.answers([without]) == engine.answers([{**row, "worst concavity": None}])


def test_a_column_that_follows_from_others_is_computed_of_what_a_row_brings(
    table_bundle: Bundle, table_rows: Rows
) -> None:
    product = table_bundle.product.changed(collect={"columns": {"worst concavity": "hollow / 1000"}})
    engine, row = Engine(dataclasses.replace(table_bundle, product=product)), table_rows[0][3]
    brought = {name: value for name, value in row.items() if name != "worst concavity"}
    brought["hollow"] = row["worst concavity"] * 1000
    assert engine.answers([brought]) == engine.answers([row]) == Engine(table_bundle).answers([row])
    with pytest.raises(RequestError, match="holow"):
        engine.answers([{"holow": 3}])


def test_no_rows_have_no_answers(table_bundle: Bundle) -> None:
    assert Engine(table_bundle).answers([]) == []


@pytest.mark.parametrize(
    ("row", "slug", "column"),
    [
        ({"mean radus": 3}, "unknown_column", "mean radus"),
        ({"malignant": "no"}, "target_column", "malignant"),
        ({"mean radius": "large"}, "bad_value", "mean radius"),
        ({"mean radius": float("inf")}, "bad_value", "mean radius"),
        ({"mean radius": [1, 2]}, "bad_value", "mean radius"),
        ({"大小": {"a": 1}}, "bad_value", "大小"),
        ({}, "empty_row", None),
    ],
)
def test_a_wrong_row_is_named(
    table_bundle: Bundle, table_rows: Rows, row: dict[str, Any], slug: str, column: str | None
) -> None:
    with pytest.raises(RequestError) as caught:
        Engine(table_bundle).answers([*table_rows[0][:2], row])
    assert caught.value.slug == slug
    assert caught.value.values["row"] == "3"
    assert caught.value.values.get("column") == column
    for language in ("en", "zh"):
        assert caught.value.lines(language)


def test_a_misspelled_column_is_told_its_likely_name(table_bundle: Bundle) -> None:
    with pytest.raises(RequestError, match="Did you mean mean radius"):
        Engine(table_bundle).answers([{"mean radus": 3}])


@pytest.mark.parametrize("value", [None, "", b"", "  "])
def test_a_picture_may_not_be_missing(digits_bundle: Bundle, value: Any) -> None:
    with pytest.raises(RequestError) as caught:
        Engine(digits_bundle).answers([{"photo": value}])
    assert caught.value.slug == "missing_column"


def test_beside_other_columns_a_missing_picture_is_one_more_thing_that_is_not_known(
    mixed_bundle: Bundle, mixed_rows: list[dict[str, Any]]
) -> None:
    engine = Engine(mixed_bundle)
    (answer,) = engine.answers([{"area": 80}])
    row = dict.fromkeys(mixed_bundle.given) | {"area": 80, "kitchen": b""}
    assert engine.answers([row]) == [answer]
    assert answer["interval"]["low"] < answer["price"] < answer["interval"]["high"]


@pytest.mark.parametrize("value", [None, "", "  "])
def test_the_only_text_may_not_be_missing(text_bundle: Bundle, value: Any) -> None:
    with pytest.raises(RequestError) as caught:
        Engine(text_bundle).answers([{"message": value}])
    assert caught.value.slug == "missing_column"


def test_texts_are_cut_to_the_longest_of_them_and_answered_as_before(text_bundle: Bundle) -> None:
    engine = Engine(text_bundle)
    assert [answer["topic"] for answer in engine.answers([{"message": "the team won"}, {"message": "利率"}])] == [
        "sport",
        "money",
    ]
    tokens = text_bundle.given["message"].encode(["the team won the match", "利率"])
    forms = {"message": text_bundle.given["message"].form}
    longest = -(-np.count_nonzero(tokens[0]) // 8) * 8
    assert longest < 64
    assert graph_feed({"given_0": ["n", "length"]}, forms, {"message": tokens})["given_0"].shape == (2, longest)
    assert graph_feed({"given_0": ["n", 64]}, forms, {"message": tokens})["given_0"].shape == (2, 64)
    assert graph_feed({}, forms, {"message": tokens}) == {}


def test_long_rows_are_run_in_smaller_batches() -> None:
    short, long = (Form(name="tokens", shape=(size,), dtype="int32", vocabulary=9) for size in (8, 512))
    assert rows_at_once([short], 1 << 20, 1024) == 128
    assert rows_at_once([long], 1 << 20, 1024) == 2
    assert rows_at_once([long, long], 1, 1024) == 1


def test_a_damaged_picture_is_named(digits_bundle: Bundle, digit_pictures: tuple[list[bytes], list[str]]) -> None:
    good = digit_pictures[0][0]
    for wrong in (good[:60], b"no picture", "%%%"):
        with pytest.raises(RequestError) as caught:
            Engine(digits_bundle).answers([{"photo": good}, {"photo": wrong}])
        assert (caught.value.slug, caught.value.values["row"]) == ("bad_value", "2")


def test_a_damaged_graph_is_refused(digits_bundle: Bundle) -> None:
    for graph in (b"", b"nothing", digits_bundle.graphs["graph"][:200]):
        with pytest.raises(ServiceError) as caught:
            Engine(dataclasses.replace(digits_bundle, graphs={"graph": graph}))
        assert caught.value.slug == "graph_unreadable"


def test_a_graph_of_other_columns_is_refused(digits_bundle: Bundle, table_bundle: Bundle) -> None:
    with pytest.raises(ServiceError) as caught:
        Engine(dataclasses.replace(digits_bundle, graphs=table_bundle.graphs))
    assert caught.value.slug == "graph_differs"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(value=json_values, column=st.sampled_from(["mean radius", "大小"]))
def test_any_value_is_answered_or_refused_in_words(table_bundle: Bundle, value: Any, column: str) -> None:
    refused = None
    try:
        (answer,) = Engine(table_bundle).answers([{column: value}])
    except RequestError as error:
        refused = error.slug
    assert refused == "bad_value" if refused else answer["malignant"] in ("yes", "no")


@given(expected=json_values)
def test_an_answer_is_the_same_as_itself(expected: Any) -> None:
    if "nan" not in repr(expected) and "inf" not in repr(expected):
        assert same_answer(expected, expected)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e9])
def test_numbers_are_the_same_within_a_thousandth_of_their_interval_whatever_the_unit(unit: float) -> None:
    answer = {"price": 2010 * unit, "interval": {"low": 2000 * unit, "high": 2020 * unit}}
    assert same_answer(answer, {**answer, "price": 2010.015 * unit})
    assert not same_answer(answer, {**answer, "price": 2010.03 * unit})


def test_answers_that_differ_are_told_apart() -> None:
    answer = {"digit": "3", "probabilities": {"3": 0.9, "4": 0.1}}
    assert same_answer(answer, {"digit": "3", "probabilities": {"3": 0.9005, "4": 0.0995}})
    assert not same_answer(answer, {"digit": "4", "probabilities": {"3": 0.9, "4": 0.1}})
    assert not same_answer(answer, {"digit": "3", "probabilities": {"3": 0.89, "4": 0.11}})
    assert not same_answer(answer, {"digit": "3"})
    assert not same_answer(answer, None)
