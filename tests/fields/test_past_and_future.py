"""Series as a past and as what comes next."""

from __future__ import annotations

import numpy as np
import pytest

from sixfold.fields.date import Date
from sixfold.fields.series import Series

VALUES = [[float(at + start) for at in range(6)] for start in range(8)]


def test_of_a_past_the_newest_steps_are_kept_and_always_stand_last() -> None:
    field = Series("history", Series.Options(keep="last", length=4)).fit(VALUES)
    array = field.encode([[1, 2, 3, 4, 5, 6], [5, 6]])
    assert field.decode(array) == [pytest.approx([3, 4, 5, 6]), pytest.approx([5, 6])]
    assert array[1, :, 1].tolist() == [0, 0, 1, 1]
    assert field.overlong([1, 2, 3]) is not None
    assert field.overlong([1, 2, 3, 4, 5]) is None


def test_of_a_future_nothing_is_bridged() -> None:
    field = Series("sales", Series.Options(steps=4)).fit(VALUES, is_target=True)
    array = field.encode([[1.0, None, 3.0, 4.0], [1.0, 2.0]])
    assert array.shape == (2, 4, 2)
    assert array[..., 1].tolist() == [[1, 0, 1, 1], [1, 1, 0, 0]]


def test_what_comes_next_is_on_the_scale_of_the_past() -> None:
    past = Series("history", Series.Options(keep="last", season=3)).fit(VALUES)
    target = Series("sales", Series.Options(steps=2)).fit([[100.0, 200.0]] * 8, is_target=True)
    assert isinstance(past, Series)
    assert isinstance(target, Series)
    joined = target.going_on(past)
    np.testing.assert_allclose(joined.encode([[3.0, 4.0]])[0, :, 0], past.encode([[3.0, 4.0]])[0, -2:, 0])
    np.testing.assert_allclose(joined.in_units(joined.encode([[3.0, 4.0]])[..., :1])[0, :, 0], [3, 4], rtol=1e-6)
    assert joined.state["season"] == 3
    other = Series("history", Series.Options()).fit([[[1, 2], [3, 4]]] * 4)
    assert isinstance(other, Series)
    with pytest.raises(ValueError, match="channels"):
        target.going_on(other)


def test_a_date_may_tell_the_place_in_the_year_alone() -> None:
    days = ["2020-03-01", "2021-07-15", "2022-11-30"]
    field = Date("day", Date.Options(since=False)).fit(days)
    array = field.encode([*days, "2050-03-01"])
    assert not array[:, :2].any()
    np.testing.assert_allclose(array[0, 2:4], array[3, 2:4], atol=0.02)
