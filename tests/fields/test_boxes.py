"""Boxes: shares of their picture whatever it measures; what lies outside, has no area or no label says so."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sixfold.fields import restored
from sixfold.fields.boxes import Boxes


def box(label: str = "cell", x: float = 10, y: float = 20, width: float = 30, height: float = 40) -> dict[str, Any]:
    return {"label": label, "x": x, "y": y, "width": width, "height": height}


def fitted(values: list[Any], **options: Any) -> Boxes:
    return Boxes("b", Boxes.Options(**options)).fit(values)


shares = st.floats(0.0, 0.9).flatmap(lambda near: st.tuples(st.just(near), st.floats(0.01, 1.0 - near)))


@given(st.lists(st.tuples(st.sampled_from("ab"), shares, shares), max_size=6))
def test_boxes_come_back_as_the_shares_that_they_were(drawn: list[Any]) -> None:
    boxes = [box(label, x, y, width, height) for label, (x, width), (y, height) in drawn]
    value = {"boxes": boxes, "units": "relative"}
    field = fitted([value, [box("a")], [box("b")]])
    (back,) = field.decode(field.encode([value]))
    assert [one["label"] for one in back["boxes"]] == [one["label"] for one in boxes]
    for one, other in zip(back["boxes"], boxes, strict=True):
        assert [one[name] for name in ("x", "y", "width", "height")] == pytest.approx(
            [other[name] for name in ("x", "y", "width", "height")], abs=1e-6
        )
    np.testing.assert_allclose(field.encode([back]), field.encode([value]), atol=1e-6)


def test_pixels_are_those_of_the_picture_that_they_lie_upon_or_were_drawn_on() -> None:
    field = fitted([[box()]])
    expected = [1, 0.1, 0.1, 0.3, 0.2]
    (upon,) = field.encode_upon([[box()]], [(200, 100)])
    (drawn,) = field.encode_upon([{"width": 100, "height": 200, "boxes": [box()]}], [(400, 200)])
    (text,) = field.encode_upon([json.dumps([box()])], [(200, 100)])
    for array in (upon, drawn, text):
        assert array[0].tolist() == pytest.approx(expected)
        assert not array[1:].any()


def test_an_empty_list_is_a_picture_in_which_there_is_nothing() -> None:
    field = fitted([[box()], []])
    assert field.likeness([]) is not None
    assert field.likeness(None) is None
    assert not field.encode_upon([[]], [(10, 10)]).any()


def test_a_fitted_field_knows_labels_and_leaves_room_for_fuller_pictures() -> None:
    field = fitted([[box("b"), box("a", width=5)] * 6, [box("b")]])
    assert field.classes == ["a", "b"]
    assert field.form.shape == (24, 5)
    again = restored(json.loads(json.dumps(field.to_json())))
    np.testing.assert_array_equal(
        again.encode_upon([[box("b")]], [(99, 99)]), field.encode_upon([[box("b")]], [(99, 99)])
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([box(x=80)], "a box outside the picture: from (80, 20) to (110, 60), where the picture ends at (100, 200)"),
        ([box(y=-20)], "a box outside the picture"),
        ([box(width=0)], "a box without an area"),
        ([box(label="")], "a box without a label"),
        ([box(x=float("nan"))], "is no number"),
        ([{"label": "cell"}], "is no number"),
        ([box("other")], "a box labelled other, which no training row has; known are cell"),
        ([box()] * 9, "9 boxes, where a row may have 8"),
        ({"width": 300, "height": 200, "boxes": [box()]}, "drawn on a picture of 300×200 pixels upon one of 100×200"),
        ("nothing", "no boxes: expected a list"),
        ([3], "no boxes: expected a list"),
    ],
)
def test_wrong_boxes_say_what_is_wrong(value: Any, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        fitted([[box()]]).encode_upon([value], [(200, 100)])


def test_pixels_without_a_picture_are_refused() -> None:
    with pytest.raises(ValueError, match="boxes in pixels, but no picture"):
        fitted([[box()]]).encode([[box()]])


def test_a_box_drawn_a_little_over_the_edge_ends_there() -> None:
    (array,) = fitted([[box()]]).encode_upon([[box(x=71, y=0, height=201)]], [(200, 100)])
    assert array[0, 1] + array[0, 3] == pytest.approx(1)
    assert array[0, 2] + array[0, 4] == pytest.approx(1)


def test_training_rows_without_a_single_box_are_refused() -> None:
    with pytest.raises(ValueError, match="not one box"):
        fitted([[], None])
