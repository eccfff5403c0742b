"""Series: alike from lists, arrays, mappings and JSON; unequal lengths, gaps and too many steps."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sixfold.fields import restored
from sixfold.fields.series import Series
from sixfold.language import Text

points = st.floats(-1e6, 1e6, width=32).map(lambda number: round(number, 3))
channels = st.shared(st.integers(1, 3), key="channels")
series = channels.flatmap(
    lambda count: st.integers(1, 12).flatmap(lambda steps: arrays(np.float64, (steps, count), elements=points))
)


@settings(deadline=None)
@given(st.lists(series | st.none(), min_size=1, max_size=8))
def test_a_series_comes_back_with_its_own_length(values: list[Any]) -> None:
    field = Series("s").fit(values)
    for value, back in zip(values, field.decode(field.encode(values)), strict=True):
        if value is None:
            assert back is None
        else:
            scale = 1 + float(np.abs(field.state["means"]).max() + np.max(field.state["spreads"]))
            expected = value[:, 0] if value.shape[1] == 1 else value
            np.testing.assert_allclose(np.array(back), expected, atol=1e-5 * (scale + float(np.abs(value).max())))


@settings(deadline=None)
@given(st.lists(series, min_size=1, max_size=6))
def test_series_are_the_same_from_arrays_lists_json_mappings_and_frames(values: list[Any]) -> None:
    field = Series("s").fit(values)
    expected = field.encode(values)
    lists = [value.tolist() for value in values]
    np.testing.assert_array_equal(field.encode(lists), expected)
    np.testing.assert_array_equal(field.encode([json.dumps(value) for value in lists]), expected)
    np.testing.assert_array_equal(field.encode([json.dumps(value).encode() for value in lists]), expected)
    np.testing.assert_array_equal(field.encode([field.json_value(value) for value in values]), expected)
    np.testing.assert_array_equal(
        field.encode(pl.Series(lists, dtype=pl.List(pl.List(pl.Float64))).to_list()), expected
    )
    named = [{f"channel {number}": column.tolist() for number, column in enumerate(value.T)} for value in values]
    of_names = Series("s").fit(named)
    np.testing.assert_array_equal(of_names.encode(named), expected)
    assert of_names.likeness(named[0]) == of_names.likeness(json.dumps(named[0]))


@settings(deadline=None, max_examples=200)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
        lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=3), inside, max_size=3),
    )
)
def test_whatever_is_sent_is_read_or_refused_with_a_reason(value: Any) -> None:
    field = Series("s").fit([[1.0, 2.0]])
    for sent in (value, json.dumps(value, default=repr)):
        try:
            assert np.isfinite(field.encode([sent])).all()
        except ValueError as error:
            assert isinstance(error.args[0], Text)  # noqa: PT017


def test_one_channel_is_a_plain_list_and_the_last_channel_tells_where_there_are_steps() -> None:
    field = Series("s").fit([[1, 2, 3], [1, 2, 3, 2, 2]])
    array = field.encode([[2, 3]])[0]
    assert array[:, 1].tolist() == [1, 1, 0, 0, 0]
    assert array[:, 0] == pytest.approx([0, 1 / field.state["spreads"][0], 0, 0, 0])


def test_gaps_lie_on_a_line_ends_like_their_neighbour_and_blanks_behind_the_end_are_no_steps() -> None:
    field = Series("s").fit([[0, 10, 20, 30]])
    (back,) = field.decode(field.encode([[None, 10, float("nan"), 30]]))
    assert back == pytest.approx([10, 10, 20, 30])
    (short,) = field.decode(field.encode([[5, 10, None, None]]))
    assert short == pytest.approx([5, 10])
    wide = Series("s").fit([[[1, 2], None, [3, 4]]])
    (back,) = wide.decode(wide.encode([[[1, 2], None, [3, None]]]))
    assert np.ravel(back) == pytest.approx([1, 2, 2, 2, 3, 2])


def test_a_channel_of_which_nothing_is_known_counts_as_its_mean() -> None:
    field = Series("s").fit([{"a": [1, 3], "b": [10, 30]}])
    for value in ({"a": [1, 3]}, {"a": [1, 3], "b": None}, {"a": [1, 3], "b": [None, None]}):
        assert field.encode([value])[0, :, 1].tolist() == [0, 0]


@pytest.mark.parametrize(
    "missing", [None, "", " ", "NA", "null", [], [None, float("nan")], [[]], {}, np.array([]), float("nan")]
)
def test_a_series_that_says_nothing_is_missing(missing: Any) -> None:
    field = Series("s").fit([[1, 2]])
    assert field.parse(missing) is None
    assert field.likeness(missing) is None
    assert not field.encode([missing]).any()


@pytest.mark.parametrize(
    "value", [5, "5", "five", ["a"], [[1, 2], [3]], [[[1]]], {"a": [1, 2], "b": [1]}, {"a": 1}, [float("inf")], [1e200]]
)
def test_what_is_no_series_is_refused_with_a_reason_in_both_languages(value: Any) -> None:
    with pytest.raises(ValueError, match="serie") as caught:
        Series("s").parse(value)
    reason = caught.value.args[0]
    assert isinstance(reason, Text)
    assert reason.en != reason.zh


def test_other_channels_than_training_had_are_refused() -> None:
    plain, named = Series("s").fit([[[1, 2]]]), Series("s").fit([{"x": [1], "y": [2]}])
    for field, value in ((plain, [1, 2]), (plain, {"x": [1], "y": [2]}), (named, [[1]]), (named, {"z": [1]})):
        with pytest.raises(ValueError, match="channels"):
            field.encode([value])


def test_the_commonest_number_of_channels_is_the_right_one() -> None:
    assert Series("s").fit([[[1, 2]], [[1, 2]], [1, 2, 3], "junk"]).state["channels"] == 2


def test_length_is_that_of_the_longest_training_series_up_to_a_thousand() -> None:
    assert Series("s").fit([[1], [1, 2, 3]]).form.shape == (3, 2)
    assert Series("s").fit([np.arange(5000.0)]).form.shape == (1000, 2)
    assert Series("s", Series.Options(length=7)).fit([[1], [1, 2, 3]]).form.shape == (7, 2)
    assert Series("s").fit([]).form.shape == (1, 2)


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(1, 400))
def test_too_many_steps_are_averaged_so_that_the_mean_and_a_line_stay(length: int, steps: int) -> None:
    line = np.arange(float(steps))
    field = Series("s", Series.Options(length=length)).fit([line])
    (back,) = field.decode(field.encode([line]))
    assert len(back) == min(length, steps)
    assert np.mean(back) == pytest.approx(line.mean(), abs=1e-3 * steps)
    if steps > length:
        width = steps / length
        expected = (np.arange(length) + 0.5) * width - 0.5
        np.testing.assert_allclose(back, expected, atol=0.5 + 1e-3 * steps)


def test_standardised_by_row_only_the_shape_counts() -> None:
    field = Series("s", Series.Options(standardise="row")).fit([[1, 2, 3], [100, 200, 300]])
    small, large = field.encode([[1, 2, 3], [1000, 2000, 3000]])
    np.testing.assert_allclose(small, large, atol=1e-6)
    assert field.encode([[7, 7, 7]])[0, :, 0].tolist() == [0, 0, 0]


def test_the_schema_says_what_may_be_sent() -> None:
    one, two = Series("s").fit([[1]]), Series("s").fit([[[1, 2]]])
    named = restored(Series("s").fit([{"x": [1], "y": [2]}]).to_json())
    assert one.schema()["items"] == {"type": ["number", "null"]}
    assert two.schema()["items"]["maxItems"] == 2
    assert list(named.schema()["properties"]) == ["x", "y"]
    assert (one.extent([1, 2]), named.extent({"x": [1], "y": [2]})) == ((2, 1), (1, 2))
    assert one.json_value(np.array([1.0, np.nan])) == [1.0, None]
