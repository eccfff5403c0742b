"""Points and routes: read as people write them, refused with a reason, encoded by place and by what is left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixfold.fields.image import Image
from sixfold.fields.point import Point
from sixfold.fields.route import POINTS, Route
from sixfold.language import Text

cells = st.tuples(st.integers(0, 2000), st.integers(0, 2000))


@pytest.mark.parametrize("value", ["12,40", "12 40", "(12, 40)", "[12,40]", [12, 40], (12.0, 40.0), {"x": 12, "y": 40}])
def test_a_point_is_read_as_people_write_it(value: Any) -> None:
    assert Point("start").parse(value) == (12, 40)


@pytest.mark.parametrize(
    "value", ["12", "a,b", [1, 2, 3], [1.5, 2], [-1, 2], {"x": 1}, [None, 2], 7, "1,2,3", [1e9, 0]]
)
def test_what_is_no_point_is_refused_with_a_reason_in_both_languages(value: Any) -> None:
    with pytest.raises(ValueError, match=r"point|点") as caught:
        Point("start").parse(value)
    assert isinstance(caught.value.args[0], Text)


@given(st.lists(st.none() | cells, min_size=1, max_size=5))
def test_points_come_back_as_they_were(points: list[Any]) -> None:
    field = Point("start").fit(points)
    assert field.decode(field.encode(points)) == [None if point is None else list(point) for point in points]


def test_a_route_keeps_places_evenly_along_it_and_what_is_left_there() -> None:
    array = Route("way").fit([]).encode(["0,0 3,3 3,13", None])
    assert array.shape == (2, POINTS, 3)
    assert array[0, 0].tolist() == pytest.approx([0, 0, 3 * 2**0.5 + 10])
    assert array[0, -1].tolist() == pytest.approx([3, 13, 0])
    assert (np.diff(array[0, :, 2]) < 0).all()
    assert (array[1] == -1).all()


def test_a_route_to_where_one_is_has_no_length() -> None:
    array = Route("way").fit([]).encode([[[4, 5]]])
    assert (array[0] == [4, 5, 0]).all()


@pytest.mark.parametrize("value", ["0,0 2,3", "a", {"x": 1}, "[1", [[0, 0], [1]], 5])
def test_what_is_no_route_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"route|point|路线|点"):
        Route("way").parse(value)


def test_a_route_stays_on_its_map() -> None:
    field = Route("way").fit([])
    field.encode_upon(["0,0 9,0"], [(5, 10)])
    with pytest.raises(ValueError, match=r"leaves the map|超出"):
        field.encode_upon(["0,0 10,0"], [(5, 10)])


def test_a_map_keeps_its_size_at_the_top_left_and_a_larger_one_is_refused() -> None:
    plan = np.full((30, 50), 255, np.uint8)
    field = Image("map", Image.Options(fit="pad", size=(40, 64), color="grey")).fit([plan])
    array = field.encode([plan])
    assert array.shape == (1, 40, 64, 1)
    assert (array[0, :30, :50] == 255).all()
    assert array.sum() == 255 * 30 * 50
    with pytest.raises(ValueError, match=r"65×30.*64×40|64×40"):
        field.encode([np.zeros((30, 65), np.uint8)])
    assert Image("map", Image.Options(fit="pad")).fit([plan]).form.shape[:2] == (512, 512)
