"""What every kind of column promises: back and forth without loss, alike for every container, unstopped by blanks."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from sixfold.families import find, names
from sixfold.fields import Field, is_missing, restored
from sixfold.fields.category import Category, label, natural
from sixfold.fields.image import Image
from sixfold.fields.number import Number
from sixfold.fields.yes_no import YesNo
from sixfold.language import Text

numbers = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(min_size=1, max_size=8).filter(lambda word: bool(word.strip()))


def png(array: np.ndarray[Any, Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(array).save(stream, options.pop("format", "PNG"), **options)
    return stream.getvalue()


def picture(height: int, width: int, channels: int = 3, seed: int = 0) -> bytes:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return png(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))


SAMPLES: dict[str, list[Any]] = {
    "number": [1.5, None, -3, 1e9],
    "category": ["red", None, "blue", "red"],
    "yes_no": ["yes", "no", None, "yes"],
    "image": [picture(4, 6), None, picture(4, 6, seed=1)],
    "mask": [png(np.array([[0, 1], [2, 2]], np.uint8)), None, png(np.array([[2, 1]], np.uint8))],
    "boxes": [
        {"boxes": [{"label": "a", "x": 1, "y": 2, "width": 3, "height": 4}], "width": 10, "height": 10},
        None,
        {"boxes": [], "units": "relative"},
    ],
    "date": ["2024-03-05 14:30", None, "2024/3/6", "2023年1月1日"],
    "series": [[1, 2, None, 4], None, "[0.5, 1]", np.arange(3)],
    "text": ["A good film.", None, "服务很好，下次还来", "\x00\u200b"],
}


@pytest.mark.parametrize("name", names(Field))  # type: ignore[type-abstract]
def test_every_kind_encodes_in_its_form_survives_json_and_takes_missing_values(name: str) -> None:
    kind = find(Field, name)  # type: ignore[type-abstract]
    values = SAMPLES.get(name) or [*kind.examples, None]
    assert len(values) > 1, "a kind that is not among the samples brings examples of its own"
    field = kind("column").fit(values)
    again = restored(json.loads(json.dumps(field.to_json(), allow_nan=False)))
    array = field.encode(values)
    assert array.shape == (len(values), *field.form.shape)
    assert array.dtype == field.form.dtype
    assert np.isfinite(array.astype(np.float64)).all()
    np.testing.assert_array_equal(again.encode(values), array)
    assert again.form == field.form
    assert len(field.decode(array)) == len(values)
    assert field.encode([]).shape == (0, *field.form.shape)
    assert field.encode([None, math.nan, "", "  "]).shape == (4, *field.form.shape)
    assert [field.likeness(value) for value in (None, math.nan, "")] == [None] * 3
    assert all(field.likeness(value) == field.likeness(value) != b"" for value in values)
    assert kind.title.en != kind.title.zh
    assert json.dumps(field.schema())
    assert json.dumps([field.json_value(value) for value in values])


@settings(deadline=None)  # the first example pays for imports
@given(st.lists(numbers | st.none(), min_size=1))
def test_a_number_comes_back_as_exactly_as_float32_tells_it_from_its_neighbours(values: list[float | None]) -> None:
    field = Number("n").fit(values)
    array = field.encode(values)
    assert np.isfinite(array).all()
    for value, back in zip(values, field.decode(array), strict=True):
        if value is None:
            assert back is None
        else:
            assert back is not None
            scale = abs(field.state["mean"]) + field.state["spread"] + abs(value)
            assert abs(back - value) <= 1e-6 * scale


@settings(deadline=None)
@given(st.lists(numbers | st.none(), min_size=1), st.sampled_from(["log", "linear", "auto"]))
def test_on_a_scale_of_logarithms_a_number_comes_back_as_exactly(values: list[float | None], scale: Any) -> None:
    field = Number("n", Number.Options(scale=scale)).fit(values * 30)
    array = field.encode(values)
    assert np.isfinite(array).all()
    unit = field.state["log_unit"]
    for value, back in zip(values, field.decode(array), strict=True):
        if value is None:
            assert back is None
        elif unit is not None:
            assert back is not None
            logs = (
                abs(field.state["mean"]) + field.state["spread"] + np.logaddexp(0, np.log(abs(value) / unit or 1e-300))
            )
            assert abs(back / 4 - value / 4) <= 3e-7 * logs * (abs(value) / 2 + unit / 2)


def test_strongly_skewed_amounts_are_encoded_by_their_logarithm_and_others_are_not() -> None:
    dice = np.random.default_rng(0)
    prices = np.exp(dice.normal(12, 1.2, 500))
    for skewed in (prices, np.floor(prices / 1e5), np.where(dice.random(500) < 0.6, 0, prices)):
        field = Number("n").fit(skewed)
        assert field.state["log_unit"] == pytest.approx(np.median(skewed[skewed > 0]), rel=0.1)
        assert field.decode(field.encode(skewed)) == pytest.approx(skewed.tolist(), rel=1e-4, abs=1e-2)
        assert field.state["quantiles"][-1] == pytest.approx(skewed.max())
    for plain in (prices - 1e5, dice.normal(100, 5, 500), dice.integers(0, 2, 500), prices[:20], np.zeros(500)):
        assert Number("n").fit(plain).state["log_unit"] is None
    assert Number("n", Number.Options(scale="linear")).fit(prices).state["log_unit"] is None


def test_a_negative_number_has_its_place_on_a_scale_of_logarithms() -> None:
    field = Number("n", Number.Options(scale="log")).fit([1.0, 10.0, 100.0])
    low, nothing, high = field.encode([-10.0, 0.0, 10.0])[:, 0]
    assert low < nothing < high
    assert field.decode(field.encode([-10.0, 0.0])) == pytest.approx([-10, 0], abs=1e-4)


@settings(deadline=None)  # the first example pays for imports
@given(st.lists(numbers | st.none() | st.integers(-(10**6), 10**6), max_size=20), st.lists(numbers, min_size=1))
def test_numbers_are_the_same_from_a_list_an_array_and_a_series(values: list[Any], seen: list[float]) -> None:
    field = Number("n").fit(seen)
    expected = field.encode(values)
    series = pl.Series(values, dtype=pl.Float64)
    np.testing.assert_array_equal(field.encode(series.to_list()), expected)
    np.testing.assert_array_equal(field.encode(series.to_numpy().astype(np.float64)), expected)
    np.testing.assert_array_equal(field.encode(np.array(values, object)), expected)
    np.testing.assert_array_equal(field.encode([None if v is None else repr(v) for v in values]), expected)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234", 1234),
        (" -1,234,567.5 ", -1234567.5),
        ("12%", 0.12),
        ("１２．５", 12.5),
        ("−3", -3),
        ("1e3", 1000),
        ("?", None),
        ("N/A", None),
        ("无", None),
        (b"7", 7),
        (True, 1),
    ],
)
def test_numbers_are_read_from_text_as_people_write_them(text: Any, number: float | None) -> None:
    assert Number("n").parse(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["1,5", "1,23,456", "2020_01", "12%%", "abc", "inf", 10**400, [1], "$5", {}, 1j])
def test_what_is_no_number_is_refused_with_a_reason_in_both_languages(text: Any) -> None:
    with pytest.raises(ValueError, match="number") as caught:
        Number("n").parse(text)
    reason = caught.value.args[0]
    assert isinstance(reason, Text)
    assert reason.en != reason.zh


def test_a_number_far_beyond_training_stays_finite() -> None:
    field = Number("n").fit([0.0, 1.0])
    assert np.isfinite(field.encode([1e300, -1e300, "9e307"])).all()


@settings(deadline=None)  # the first example pays for imports
@given(st.lists(words | st.none(), min_size=1))
def test_a_category_comes_back_as_it_was_but_for_blanks_around_it(values: list[str | None]) -> None:
    field = Category("c").fit(values)
    assert field.decode(field.encode(values)) == [None if value is None else value.strip() for value in values]
    assert (field.encode(values) > 0).tolist() == [value is not None for value in values]


@settings(deadline=None)  # the first example pays for imports
@given(st.lists(words | st.none(), max_size=20), st.lists(words, min_size=1))
def test_categories_are_the_same_from_a_list_an_array_and_a_series(values: list[Any], seen: list[str]) -> None:
    field = Category("c").fit(seen)
    expected = field.encode(values)
    np.testing.assert_array_equal(field.encode(pl.Series(values, dtype=pl.String).to_list()), expected)
    np.testing.assert_array_equal(field.encode(np.array(values, object)), expected)


@pytest.mark.parametrize("values", [[3, 1, 3], [3.0, 1.0, 3.0], [True, False, True], [1, True, 1.0]])
def test_categories_of_numbers_and_booleans_are_the_same_from_list_and_array(values: list[Any]) -> None:
    field = Category("c").fit(values)
    np.testing.assert_array_equal(field.encode(np.array(values, object)), field.encode(values))
    assert [field.classes[i - 1] for i in field.encode(values)] == [label(value) for value in values]


def test_one_is_not_true_but_is_one_point_zero() -> None:
    assert Category("c").fit([1, True, 1.0]).classes == ["1", "true"]


def test_classes_stand_in_natural_order_whatever_order_they_came_in() -> None:
    assert Category("c").fit(["10", "9", "b", "nan", "a", "-1"]).classes == ["-1", "9", "10", "a", "b", "nan"]
    assert natural("2") < natural("10") < natural("a")


def test_an_unseen_value_and_a_missing_one_share_the_place_of_the_unknown() -> None:
    assert Category("c").fit(["a", "b"]).encode(["b", "z", None, "a"]).tolist() == [2, 0, 0, 1]


def test_of_very_many_values_the_rare_ones_share_the_place_of_the_unknown_but_never_of_a_target() -> None:
    common, rare = [f"street {n}" for n in range(80)] * 3, [f"lane {n}" for n in range(40)] * 2
    field = Category("c").fit(common + rare)
    assert len(field.classes) == 80
    assert field.encode(["street 7", "lane 7", None]).tolist() == [1 + field.classes.index("street 7"), 0, 0]
    assert len(Category("c").fit(common + rare, is_target=True).classes) == 120
    assert len(Category("c").fit(rare).classes) == 40
    said = Category("c", Category.Options(rare=3))
    assert said.fit(["a", "a", "a", "b"]).classes == ["a"]
    with pytest.raises(ValueError, match="rare"):
        said.fit(["a", "b"], is_target=True)


def test_a_yes_that_is_rare_stays_a_yes() -> None:
    for is_target in (False, True):
        assert YesNo("y").fit(["no"] * 500 + ["yes"], is_target=is_target).classes == ["no", "yes"]


@pytest.mark.parametrize(
    ("values", "yes", "classes"),
    [
        (["<=50K", ">50K"], ">50K", ["<=50K", ">50K"]),
        ([0, 1], None, ["0", "1"]),
        (["是", "否", None], None, ["否", "是"]),
        ([True, False], None, ["false", "true"]),
        (["TRUE", "FALSE"], True, ["FALSE", "TRUE"]),
        (["no", "no"], None, ["no", "yes"]),
        ([None], None, ["no", "yes"]),
    ],
)
def test_yes_is_named_or_recognised_and_stands_second(values: list[Any], yes: Any, classes: list[str]) -> None:
    field = YesNo("y", YesNo.Options(yes=yes)).fit(values)
    assert field.state["classes"] == classes


@pytest.mark.parametrize(
    ("values", "yes"), [(["a", "b"], None), (["yes", "no", "maybe"], None), (["a", "b", "c"], "a"), (["a", "b"], "z")]
)
def test_where_yes_is_not_clear_nothing_is_guessed(values: list[Any], yes: Any) -> None:
    with pytest.raises(ValueError, match="yes"):
        YesNo("y", YesNo.Options(yes=yes)).fit(values)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 64), st.integers(1, 64), st.sampled_from([1, 3]), st.integers(0, 99))
def test_a_picture_of_the_fields_own_size_comes_back_pixel_by_pixel(
    height: int, width: int, channels: int, seed: int
) -> None:
    shape = (height, width, channels) if channels == 3 else (height, width)
    array = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    options = Image.Options(size=(height, width), color="rgb" if channels == 3 else "grey")
    field = Image("p", options).fit([png(array)])
    encoded = field.encode([png(array)])
    np.testing.assert_array_equal(encoded[0], array.reshape(height, width, channels))
    np.testing.assert_array_equal(field.encode(field.decode(encoded)), encoded)
    np.testing.assert_array_equal(field.encode([array]), encoded)
    np.testing.assert_array_equal(field.encode([field.json_value(png(array))]), encoded)
    np.testing.assert_array_equal(field.encode([field.parse(png(array))]), encoded)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(28, 28)], (28, 28)),
        ([(100, 100)], (64, 64)),
        ([(8, 8)], (8, 8)),
        ([(80, 160)], (32, 64)),
        ([(100, 100)] * 5 + [(3024, 3024)], (64, 64)),
        ([(10, 2000)], (8, 64)),
        ([(3, 3)], (3, 3)),
    ],
)
def test_left_to_itself_a_picture_field_takes_the_median_size_up_to_64(
    sizes: list[tuple[int, int]], expected: tuple[int, int]
) -> None:
    state = Image("p").fit([picture(*size) for size in sizes]).state
    assert (state["height"], state["width"]) == expected


def test_pictures_are_grey_only_if_all_are() -> None:
    grey = np.repeat(np.arange(64, dtype=np.uint8).reshape(8, 8, 1), 3, axis=2)
    coloured = grey.copy()
    coloured[7, 7, 0] = 255  # one red pixel
    assert Image("p").fit([png(grey), png(grey[..., 0])]).state["channels"] == 1
    assert Image("p").fit([png(grey), png(coloured)]).state["channels"] == 3


def test_fitting_on_sizes_decodes_no_pixels_of_pictures_that_are_stored_grey(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [picture(20, 30, 1, seed) for seed in range(5)]
    monkeypatch.setattr(Image, "_loaded", lambda *_: pytest.fail("a picture was decoded"))
    assert Image("p").fit(files).state == {"height": 20, "width": 30, "channels": 1, "range": None}


def test_a_picture_on_its_side_is_turned_before_it_is_measured_and_encoded() -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    array = np.zeros((10, 20, 3), np.uint8)
    array[:, :10] = 255
    file = png(array, format="JPEG", exif=exif, quality=100)
    field = Image("p").fit([file])
    assert (field.state["height"], field.state["width"]) == (20, 10)
    encoded = field.encode([file])[0]
    assert encoded[:5].min() > 200
    assert encoded[-5:].max() < 50


def test_transparency_is_laid_on_white_and_sixteen_bits_keep_their_range() -> None:
    clear = np.zeros((4, 4, 4), np.uint8)
    assert (Image("p").fit([png(clear)]).encode([png(clear)]) == 255).all()
    deep = (np.arange(16, dtype=np.uint16) * 4096).reshape(4, 4)
    encoded = Image("p").fit([png(deep)]).encode([png(deep)])
    assert (encoded.min(), encoded.max()) == (0, 255)


def test_a_large_jpeg_is_close_to_its_full_decoding_when_decoded_smaller() -> None:
    smooth = np.add.outer(np.linspace(0, 120, 1600), np.linspace(0, 120, 1200)).astype(np.uint8)
    file = png(np.stack([smooth] * 3, axis=2), format="JPEG", quality=95)
    field = Image("p", Image.Options(size=32, color="rgb")).fit([file])
    quick = field.encode([file]).astype(int)
    full = field.encode([field.parse(file)]).astype(int)
    assert np.abs(quick - full).max() <= 3


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_picture_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"]))
    file = bytearray(png(np.arange(768, dtype=np.uint8).reshape(16, 16, 3), format=kind))
    for _ in range(data.draw(st.integers(1, 8))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(file[: data.draw(st.integers(1, len(file)))])
    field = Image("p", Image.Options(size=8, color="rgb")).fit([cut])
    try:
        assert field.encode([cut]).shape == (1, 8, 8, 3)
    except ValueError as error:
        assert isinstance(error.args[0], Text)  # noqa: PT017


def test_what_pandas_calls_missing_is_missing() -> None:
    import pandas as pd

    assert all(is_missing(value) for value in (pd.NA, pd.NaT, None, math.nan, np.float32("nan"), "", " \t"))
    assert not any(is_missing(value) for value in (0, False, "0", "nan", b"", np.float32(0)))
