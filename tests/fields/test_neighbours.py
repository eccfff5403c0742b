"""Those nearby: lists of paths in, what a network sees out, and nobody is no error."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sixfold.fields.neighbours import Neighbours
from sixfold.fields.series import Series

PAST = [[[float(at), 2.0 * at] for at in range(start, start + 4)] for start in range(6)]
TWO = [[[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [3.0, 1.0]], [None, None, [9.0, 9.0], [8.0, 9.0]]]


def fitted(**options: int) -> Neighbours:
    past = Series("history", Series.Options(keep="last")).fit(PAST)
    field = Neighbours("nearby", Neighbours.Options(**options)).fit([TWO, None])
    assert isinstance(field, Neighbours)
    return field.going_on(past)


def test_what_is_encoded_comes_back_and_stands_on_the_scale_of_the_past() -> None:
    field = fitted(most=3)
    array = field.encode([TWO, None, []])
    assert array.shape == (3, 3, 4 * 3)
    (back, nobody, none) = field.decode(array)
    assert nobody is none is None
    assert back[0] == [pytest.approx(step, abs=1e-5) for step in TWO[0]]
    assert back[1][:2] == [None, None]
    past = Series("history", Series.Options(keep="last")).fit(PAST)
    np.testing.assert_allclose(array[0, 0].reshape(4, 3)[:, :2], past.encode([TWO[0]])[0, :, :2], rtol=1e-6)


def test_a_short_path_stands_at_the_end_and_those_beyond_the_most_are_left_out() -> None:
    field = fitted(most=1)
    array = field.encode([[[[5.0, 5.0]], TWO[0]]]).reshape(1, 4, 3)
    assert array[0, :, 2].tolist() == [0, 0, 0, 1]


def test_text_and_json_say_the_same() -> None:
    field = fitted()
    np.testing.assert_array_equal(field.encode([json.dumps(TWO)]), field.encode([TWO]))
    assert field.json_value(np.array([[[1.0, 2.0]], [[np.nan, np.nan]]])) == [[[1.0, 2.0]]]
    assert field.json_value(None) == []
    assert json.loads(json.dumps(field.json_value(TWO))) == TWO


@pytest.mark.parametrize(
    "value", ["near", 3, [1, 2], [["a", "b"]], [[[1.0, 2.0], [3.0]]], [[[1.0, 2.0]], [[1.0]]], [[[1e12, 0.0]]], "{}"]
)
def test_what_is_no_list_of_neighbours_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="neighbours"):
        fitted().encode([value])
