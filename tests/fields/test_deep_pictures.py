"""Pictures of more than 8 bits: one range for all, DICOM and NIfTI files shown as their standards say."""

from __future__ import annotations

import base64
import gzip
import io
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from sixfold.fields import restored
from sixfold.fields.image import Image
from sixfold.language import Text

pydicom = pytest.importorskip("pydicom")
nibabel = pytest.importorskip("nibabel")

RAMP = np.arange(256, dtype=np.uint16).reshape(16, 16)
PATIENT = "Zhang^Wei-the-patient"


def dicom(pixels: np.ndarray[Any, Any] = RAMP, **tags: Any) -> bytes:
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = tags.pop("syntax", pydicom.uid.ExplicitVRLittleEndian)
    meta.MediaStorageSOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.826.0.1"
    found = pydicom.Dataset()
    found.file_meta = meta
    found.PatientName, found.PatientID = PATIENT, "4711"
    found.Rows, found.Columns = pixels.shape[-2:] if pixels.shape[-1] != 3 else pixels.shape[:2]
    found.SamplesPerPixel = 3 if pixels.shape[-1] == 3 else 1
    found.PhotometricInterpretation = "RGB" if pixels.shape[-1] == 3 else "MONOCHROME2"
    found.BitsAllocated = found.BitsStored = pixels.dtype.itemsize * 8
    found.HighBit, found.PixelRepresentation = found.BitsStored - 1, int(pixels.dtype.kind == "i")
    if found.SamplesPerPixel == 3:
        found.PlanarConfiguration = 0
    elif pixels.ndim == 3:
        found.NumberOfFrames = len(pixels)
    for name, value in tags.items():
        setattr(found, name, value)
    found.PixelData = pixels.tobytes()
    if meta.TransferSyntaxUID.is_compressed:
        found.PixelData = pydicom.encaps.encapsulate([found.PixelData])
    stream = io.BytesIO()
    found.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def nifti(volume: np.ndarray[Any, Any]) -> bytes:
    data: bytes = nibabel.Nifti1Image(volume, np.eye(4)).to_bytes()
    return data


def deep_png(pixels: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def grey(value: Any, training: Any = None, **options: Any) -> np.ndarray[Any, Any]:
    """The pixels (height, width) of a value, of a field fitted on it or on others."""
    field = Image("p", Image.Options(**options)).fit([value] if training is None else training)
    array: np.ndarray[Any, Any] = field.encode([value])[0, ..., 0].astype(float)
    return array


def test_a_dark_and_a_bright_picture_of_sixteen_bits_stay_dark_and_bright() -> None:
    dark, bright = (deep_png(np.full((8, 8), value, np.uint16)) for value in (1000, 60000))
    field = Image("p").fit([dark, bright])
    assert [int(pixels.mean()) for pixels in field.encode([dark, bright])] == [0, 255]
    assert restored(field.to_json()).encode([dark]).mean() == 0
    assert field.form.shape == (8, 8, 1)


def test_a_few_hot_pixels_leave_the_others_as_bright_as_they_were() -> None:
    plain = (np.arange(10_000, dtype=np.uint16) % 1000).reshape(100, 100)
    hot = plain.copy()
    hot[0, :5] = 65535
    difference = grey(deep_png(plain), [deep_png(plain)]) - grey(deep_png(plain), [deep_png(hot)])
    assert np.abs(difference).max() <= 2


def test_the_window_is_of_training_of_the_picture_or_said() -> None:
    ramp, wide = deep_png(RAMP), [deep_png(RAMP), deep_png(RAMP * 100)]
    assert grey(ramp, wide).max() <= 4
    assert grey(ramp, wide, window="picture").max() == 255
    said = grey(ramp, wide, window=(128, 100))
    assert (said[RAMP <= 78] == 0).all()
    assert (said[RAMP >= 178] == 255).all()


def test_where_training_knew_eight_bits_only_black_and_white_are_those_of_the_type() -> None:
    shallow = deep_png(np.zeros((8, 8), np.uint8))
    assert grey(deep_png(np.full((8, 8), 32768, np.uint16)), [shallow]).max() == 128


def test_arrays_of_any_numbers_are_grey_pictures() -> None:
    for kind in (np.uint16, np.int16, np.int32, np.float32, np.float64):
        assert grey(RAMP.astype(kind))[[0, -1], [0, -1]].tolist() == [0, 255]
    assert grey(np.array([[np.nan, 1.0], [2.0, 3.0]])).tolist()[0][0] == 0


def test_a_dicom_file_is_shown_through_its_own_window() -> None:
    pixels = grey(dicom(WindowCenter=128, WindowWidth=100))
    assert (pixels[RAMP <= 78] == 0).all()
    assert (pixels[RAMP >= 178] == 255).all()
    assert pixels[8, 0] == pytest.approx(128, abs=2)
    exact = grey(dicom(WindowCenter=[128, 40], WindowWidth=[100, 80], VOILUTFunction="LINEAR_EXACT"))
    assert exact[8, 0] == pytest.approx(127.5, abs=1)
    bent = grey(dicom(WindowCenter=128, WindowWidth=100, VOILUTFunction="SIGMOID")).reshape(-1)
    assert bent[128] == pytest.approx(127.5, abs=1)
    assert 0 < bent[78] < 40


def test_rescaling_comes_before_the_window_and_monochrome_1_is_turned() -> None:
    lungs = {"RescaleSlope": 10, "RescaleIntercept": -1024, "WindowCenter": 0, "WindowWidth": 2}
    pixels = grey(dicom(**lungs)).reshape(-1)
    assert (pixels[:102].max(), pixels[103:].min()) == (0, 255)
    turned = grey(dicom(**lungs, PhotometricInterpretation="MONOCHROME1")).reshape(-1)
    np.testing.assert_array_equal(turned, 255 - pixels)
    said = grey(dicom(**lungs), window=(0, 4000)).reshape(-1)
    assert 0 < said[0] < said[200] < 255


def test_a_dicom_file_with_a_lookup_table_is_shown_through_it() -> None:
    table = pydicom.Dataset()
    table.LUTDescriptor = [256, 0, 16]
    table.LUTData = (65535 - np.arange(256) * 257).astype("<u2").tobytes()
    pixels = grey(dicom(VOILUTSequence=[table])).reshape(-1)
    assert (int(pixels[0]), int(pixels[255])) == (255, 0)


def test_without_a_window_dicom_files_share_the_range_of_training() -> None:
    files = [dicom(RAMP), dicom(RAMP + np.uint16(1000))]
    field = Image("p").fit(files)
    dark, bright = field.encode(files)
    assert dark.max() < bright.min()


def test_of_several_pictures_the_middle_one_is_shown_or_the_one_that_is_said() -> None:
    frames = np.stack([np.full((8, 8), value, np.uint16) for value in (0, 100, 200)])
    volume = np.moveaxis(frames, 0, 2).astype(np.int16)
    for file in (dicom(frames), nifti(volume), gzip.compress(nifti(volume))):
        assert int(np.rint(grey(file, window=(100, 200)).mean())) == 128
        assert grey(file, window=(100, 200), slice=2).mean() == 255
        with pytest.raises(ValueError, match="3 pictures"):
            Image("p", Image.Options(slice=3)).parse(file)


def test_colours_of_dicom_files_are_kept() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    np.testing.assert_array_equal(Image("p").fit([dicom(colours)]).encode([dicom(colours)])[0], colours)


def test_a_slice_of_nifti_stands_with_its_second_axis_upwards() -> None:
    volume = np.zeros((6, 4, 3), np.float32)
    volume[0, 3] = 1  # left, above
    for file in (nifti(volume), nifti(volume[..., None]), nifti(np.stack([volume, volume * 0], axis=3))):
        pixels = grey(file, window=(0.5, 1))
        assert pixels.shape == (4, 6)
        assert np.argwhere(pixels).tolist() == [[0, 0]]


def test_nothing_about_the_patient_is_read_or_passed_on() -> None:
    file = dicom(WindowCenter=128, WindowWidth=100)
    field = Image("p").fit([file])
    assert PATIENT.encode() in file
    for sent in (file, base64.b64encode(file).decode()):
        answer = base64.b64decode(field.json_value(sent))
        assert PATIENT.encode() not in answer
        np.testing.assert_array_equal(field.encode([answer]), field.encode([file]))
    assert PATIENT not in str(vars(field.parse(file))) + str(field.to_json())


def test_without_its_package_a_medical_file_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for package, file in (("pydicom", dicom()), ("nibabel", nifti(np.zeros((4, 4, 4), np.int16)))):
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ValueError, match=f"pip install {package}") as caught:
            Image("p").parse(file)
        assert isinstance(caught.value.args[0], Text)


@pytest.mark.parametrize(
    "file",
    [
        dicom(Rows=20_000, Columns=20_000),
        dicom(syntax=pydicom.uid.JPEG2000Lossless),
        nifti(np.zeros((4, 4, 4), np.int16))[:400],
        gzip.compress(b"hello", mtime=0),
        b"\0" * 128 + b"DICM",
    ],
)
def test_what_is_too_large_cut_off_or_empty_is_refused(file: bytes) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 — the reason is looked at below
        Image("p").parse(file)
    assert isinstance(caught.value.args[0], Text)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_damaged_medical_file_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    volume = nifti(np.ones((4, 4, 4), np.int16))
    files = [dicom(WindowCenter=9, WindowWidth=9), volume, gzip.compress(volume, mtime=0)]
    whole = data.draw(st.sampled_from(files))
    file = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        file[data.draw(st.integers(0, len(file) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(file[: data.draw(st.integers(1, len(file)))])
    field = Image("p", Image.Options(size=8, color="rgb")).fit([cut])
    try:
        assert field.encode([cut]).shape == (1, 8, 8, 3)
    except ValueError as error:
        assert isinstance(error.args[0], Text)  # noqa: PT017
