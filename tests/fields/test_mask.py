"""Masks: numbers, palettes and colours become classes and come back; what fits no class or no picture says so."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image as Pillow
from pydantic import ValidationError

from sixfold.fields import restored
from sixfold.fields.image import Image
from sixfold.fields.mask import IGNORED, Mask


def png(array: np.ndarray, mode: str | None = None) -> bytes:
    stream = io.BytesIO()
    picture = Pillow.fromarray(array)
    if mode == "P":
        picture.putpalette([value for color in range(256) for value in (color, 255 - color, 7)])
    picture.save(stream, "PNG")
    return stream.getvalue()


def mask(values: list[bytes], **options: Any) -> Mask:
    return Mask("m", Mask.Options(**options)).fit(values)


LEVELS = np.array([[0, 7], [7, 200]], np.uint8)
COLORS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 255, 0], [0, 0, 0]]], np.uint8)


@settings(deadline=None)
@given(arrays.arrays(np.uint8, (5, 4), elements=st.sampled_from([0, 1, 4, 9])), st.booleans())
def test_a_mask_comes_back_as_the_numbers_that_it_had(levels: np.ndarray, is_palette: bool) -> None:
    levels[0, :2] = 0, 9
    file = png(levels, "P" if is_palette else None)
    field = mask([file])
    back = field.decode(field.encode([file]))[0]
    np.testing.assert_array_equal(np.asarray(Pillow.open(io.BytesIO(back))), levels)
    np.testing.assert_array_equal(field.encode([back]), field.encode([file]))


def test_classes_are_what_the_masks_hold_or_what_is_said() -> None:
    assert mask([png(LEVELS)]).classes == ["0", "7", "200"]
    assert mask([png(LEVELS)], ignored=200).classes == ["0", "7"]
    assert mask([png(LEVELS)], classes={"road": 7, "sky": 0}, ignored=[200]).classes == ["road", "sky"]
    assert mask([png(COLORS)]).classes == ["#000000", "#00ff00", "#ff0000"]
    named = mask([png(COLORS)], classes={"sky": "#00FF00", "car": "#ff0000"}, ignored="#000000")
    assert named.classes == ["sky", "car"]
    assert named.colors == ["#00ff00", "#ff0000"]
    assert named.encode([png(COLORS)])[0, :, :, 0].tolist() == [[1, 0], [0, IGNORED]]
    assert mask([png(LEVELS)], classes=["sky", "car", "void"], ignored=["void", 7, 200]).classes == ["sky", "car"]


def test_a_file_names_classes_by_line_and_may_give_their_colours(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("sky\nroad\n\ncar\n", "utf-8")
    (tmp_path / "colors.txt").write_text("0 255 0 grass\n255, 0, 0, roof tile\n", "utf-8")
    plain = Mask("m", Mask.Options(classes="names.txt"), beside=tmp_path)
    assert plain.fit([]).classes == ["sky", "road", "car"]
    before = plain.depends_on()
    colored = Mask("m", Mask.Options(classes="colors.txt", ignored="#000000"), beside=tmp_path).fit([png(COLORS)])
    assert colored.classes == ["grass", "roof tile"]
    assert colored.encode([png(COLORS)])[0, :, :, 0].tolist() == [[1, 0], [0, IGNORED]]
    (tmp_path / "names.txt").write_text("sky\nroad\n", "utf-8")
    assert plain.depends_on() != before
    with pytest.raises(ValueError, match="names of the classes"):
        Mask("m", Mask.Options(classes="none.txt"), beside=tmp_path).depends_on()


def test_a_mask_takes_the_size_of_its_picture_by_the_nearest_pixel() -> None:
    levels = np.kron(np.array([[0, 1], [2, 3]], np.uint8), np.ones((8, 12), np.uint8))
    photo = Image("photo", Image.Options(size=(4, 6))).fit([png(np.zeros((16, 24, 3), np.uint8))])
    field = Mask("m").upon(photo).fit([png(levels)])
    assert field.form.shape == (4, 6, 1)
    expected = np.kron(np.array([[0, 1], [2, 3]], np.uint8), np.ones((2, 3), np.uint8))
    np.testing.assert_array_equal(field.encode_upon([png(levels)], [(16, 24)])[0, :, :, 0], expected)
    again = restored(json.loads(json.dumps(field.to_json())))
    np.testing.assert_array_equal(again.encode([png(levels)]), field.encode([png(levels)]))
    with pytest.raises(ValueError, match="24×16 pixels upon a picture of 30×20"):
        field.encode_upon([png(levels)], [(20, 30)])


def test_what_is_missing_says_nothing_of_any_pixel() -> None:
    assert (mask([png(LEVELS)]).encode([None, ""]) == IGNORED).all()


def test_numbers_beyond_a_byte_are_read_and_written_too() -> None:
    deep = np.array([[0, 300], [300, 40_000]], np.uint16)
    field = mask([png(deep)])
    assert field.classes == ["0", "300", "40000"]
    np.testing.assert_array_equal(np.asarray(Pillow.open(io.BytesIO(field.decode(field.encode([png(deep)]))[0]))), deep)


@pytest.mark.parametrize(
    ("said", "value", "told"),
    [
        ({"classes": ["a", "b"]}, png(LEVELS), "a mask with 7, which is no class; the classes are 0, 1"),
        ({"classes": {"a": "#ff0000", "b": "#00ff00"}}, png(COLORS), "a mask with #000000, which is no class"),
        ({"classes": ["a", "b"]}, png(COLORS), "a mask of colours among masks of numbers"),
        ({"classes": ["a", "b"]}, b"no picture", "not a picture"),
        ({"classes": ["a", "b"]}, png(np.eye(40, dtype=np.uint8))[:60], "cut off or damaged"),
    ],
)
def test_a_wrong_mask_says_what_is_wrong(said: dict[str, Any], value: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        mask([], **said).encode([value])
    assert caught.value.args[0]("zh") != caught.value.args[0]("en")


@pytest.mark.parametrize(
    ("values", "said", "told"),
    [
        ([png(np.zeros((2, 2), np.uint8))], {}, "fewer than two classes"),
        ([png(np.arange(65_536, dtype=np.uint16).reshape(256, 256))], {}, "more than 254 classes"),
        ([], {"classes": {"a": 1, "b": 1}}, "two classes with one number"),
        ([png(LEVELS)], {"ignored": "sky"}, "neither a class, a number nor a colour"),
    ],
)
def test_classes_that_cannot_be_told_apart_are_refused(values: list[bytes], said: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        mask(values, **said)


def test_a_colour_that_is_none_is_refused_with_the_declaration() -> None:
    with pytest.raises(ValidationError, match="neither a number nor a colour"):
        Mask.Options(classes={"sky": "blue"})
