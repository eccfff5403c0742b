"""DICOM and NIfTI: one grey picture of what a scanner measured. Nothing about the patient is read.

Both need a package that only those who have such files install: pydicom (DICOM PS3.3 and PS3.5), nibabel (NIfTI-1, -2).
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import Any, ClassVar, TypeAlias

import numpy as np

from sixfold.fields._field import Array
from sixfold.language import Text

__all__ = ["Scan", "scan"]

Range: TypeAlias = tuple[float, float]

_MOST_VOXELS = 1 << 31
_GZIP = b"\x1f\x8b"
_DICM_AT, _NIFTI_AT = 128, 344

_PIXELS = (
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SOPClassUID", "TransferSyntaxUID"),
    *("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    *(f"{color}PaletteColorLookupTable{part}" for color in ("Red", "Green", "Blue") for part in ("Descriptor", "Data")),
)
"""All that is read of a DICOM file, besides the pixels: what the standard needs to show them."""

_DAMAGED = Text("a medical picture that is cut off or damaged", "医学图像不完整或已损坏")
_NO_PICTURE = Text("a DICOM file without a picture", "没有图像的 DICOM 文件")


def scan(content: bytes) -> Scan | None:
    """The picture in the bytes of a DICOM or NIfTI file, pixels not yet read; ``None`` if it is neither.

    Raises:
        ValueError: It is one, but the package that reads it is not installed, or its header is damaged.
    """
    if content[_DICM_AT : _DICM_AT + 4] == b"DICM":
        return _Dicom(content)
    head = _beginning(content) if content[:2] == _GZIP else content[: _NIFTI_AT + 4]
    if head[_NIFTI_AT : _NIFTI_AT + 4] == b"n+1\0" or head[4:8] == b"n+2\0":
        return _Nifti(content)
    return None


class Scan:
    """A file of one or several pictures: what a Pillow picture tells before its pixels are decoded, and one of them.

    Args:
        width: Pixels from left to right.
        height: Pixels from top to bottom.
        count: How many pictures there are.
        mode: ``RGB``, or ``F`` for measured values of any range.
    """

    info: ClassVar[dict[str, Any]] = {}
    width: int
    height: int
    count: int
    mode: str

    def getexif(self) -> dict[int, int]:
        """None: these files know no EXIF."""
        return {}

    def picture(self, number: int | None) -> tuple[Array, Range | None, bool]:
        """One of the pictures; left out, the one in the middle.

        Returns:
            uint8 (height, width, 3), or the measured values, float32 (height, width); the range from black to white
            that the file itself says, where it does; and whether small values are bright.

        Raises:
            ValueError: There is no such picture, it is damaged, or compressed in a way that cannot be read here.
        """
        if number is not None and number >= self.count:
            raise ValueError(
                Text(
                    f"a file of {self.count} pictures has none with number {number}, counted from 0",
                    f"文件里有 {self.count} 张图，没有第 {number} 号（从 0 数起）",
                )
            )
        try:
            return self._picture(self.count // 2 if number is None else number)
        except (MemoryError, ValueError) as error:
            if isinstance(error, MemoryError) or isinstance(next(iter(error.args), None), Text):
                raise
            raise ValueError(_DAMAGED) from None
        except Exception:  # the decoders raise whatever they stumble over
            raise ValueError(_DAMAGED) from None

    def _picture(self, number: int) -> tuple[Array, Range | None, bool]:
        raise NotImplementedError


class _Dicom(Scan):
    def __init__(self, content: bytes) -> None:
        self._content = content
        header = self._read(stop_before_pixels=True)
        try:
            self.width, self.height = int(header.Columns), int(header.Rows)
            self.count = int(header.get("NumberOfFrames") or 1)
            is_color = int(header.get("SamplesPerPixel", 1)) > 1 or header.PhotometricInterpretation == "PALETTE COLOR"
        except Exception:
            raise ValueError(_NO_PICTURE) from None
        self.mode = "RGB" if is_color else "F"

    def _picture(self, number: int) -> tuple[Array, Range | None, bool]:
        from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi, pixel_array

        found = self._read(tags=("PixelData", "FloatPixelData", "DoubleFloatPixelData"))
        for group in _groups(found, number):
            found.update(group)
        try:
            pixels = pixel_array(found, index=number)
        except (RuntimeError, NotImplementedError):
            syntax = str(found.file_meta.TransferSyntaxUID.name)
            raise ValueError(
                Text(
                    f"a DICOM picture in a compression that cannot be read here ({syntax}): pip install pylibjpeg[all]",
                    f"DICOM 图像的压缩方式（{syntax}）在此无法读取：pip install pylibjpeg[all]",
                )
            ) from None
        if self.mode == "RGB":
            if found.PhotometricInterpretation == "PALETTE COLOR":
                pixels = apply_color_lut(pixels, found)
            deep = pixels.dtype.itemsize > 1
            return (pixels >> 8 if deep else pixels).astype(np.uint8), None, False
        measured = np.asarray(apply_modality_lut(pixels, found), np.float32)
        inverted = found.PhotometricInterpretation == "MONOCHROME1"
        if "VOILUTSequence" in found:
            brightest = 2.0 ** found.VOILUTSequence[0].LUTDescriptor[2] - 1
            shown = np.asarray(apply_voi(measured.astype(np.int64), found), np.float32)
            return shown, (0.0, brightest), inverted
        if found.get("WindowWidth") is None or found.get("WindowCenter") is None:
            return measured, None, inverted
        function = str(found.get("VOILUTFunction") or "LINEAR")
        return *_windowed(measured, _first(found.WindowCenter), _first(found.WindowWidth), function), inverted

    def _read(self, tags: tuple[str, ...] = (), *, stop_before_pixels: bool = False) -> Any:
        try:
            import pydicom
        except ImportError:
            raise ValueError(_package("DICOM", "pydicom")) from None
        try:
            return pydicom.dcmread(
                io.BytesIO(self._content), specific_tags=[*_PIXELS, *tags], stop_before_pixels=stop_before_pixels
            )
        except MemoryError:
            raise
        except Exception:  # as above
            raise ValueError(_DAMAGED) from None


class _Nifti(Scan):
    """Slices of the third axis, the second axis upwards; of a fourth one the first."""

    mode = "F"

    def __init__(self, content: bytes) -> None:
        try:
            import nibabel
        except ImportError:
            raise ValueError(_package("NIfTI", "nibabel")) from None
        stream = gzip.GzipFile(fileobj=io.BytesIO(content)) if content[:2] == _GZIP else io.BytesIO(content)
        kind = nibabel.Nifti2Image if _beginning(content)[4:8] == b"n+2\0" else nibabel.Nifti1Image
        try:
            self._volume = kind.from_stream(stream)
            shape = (*self._volume.shape, 1, 1)[: max(3, len(self._volume.shape))]
        except MemoryError:
            raise
        except Exception:  # as above
            raise ValueError(_DAMAGED) from None
        if min(shape) < 1 or int(np.prod(shape, dtype=np.float64)) > _MOST_VOXELS:
            raise ValueError(_DAMAGED)
        self.width, self.height, self.count = shape[:3]

    def _picture(self, number: int) -> tuple[Array, Range | None, bool]:
        axes = len(self._volume.shape)
        # Only the slice is read, not the volume.
        values = self._volume.dataobj[(slice(None), slice(None), number, *[0] * axes)[:axes]]
        measured = np.asarray(values, np.float32).reshape(self.width, self.height)
        return np.ascontiguousarray(np.rot90(measured)), None, False


def _beginning(content: bytes) -> bytes:
    if content[:2] != _GZIP:
        return content[: _NIFTI_AT + 4]
    try:
        return gzip.GzipFile(fileobj=io.BytesIO(content)).read(_NIFTI_AT + 4)
    except (OSError, EOFError, zlib.error):
        return b""


def _groups(found: Any, frame: int) -> Iterator[Any]:
    """Of an enhanced file, how all frames and then how this one is to be shown."""
    shared = found.get("SharedFunctionalGroupsSequence") or []
    own = found.get("PerFrameFunctionalGroupsSequence") or []
    for groups in (*shared[:1], *own[frame : frame + 1]):
        for name in ("PixelValueTransformationSequence", "FrameVOILUTSequence"):
            yield from (groups.get(name) or [])[:1]


def _windowed(measured: Array, center: float, width: float, function: str) -> tuple[Array, Range]:
    """Values and the range that shows them, as DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3 define a window."""
    if function == "SIGMOID":
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-4 * (measured - center) / max(width, 1e-6))), (0.0, 1.0)
    if function == "LINEAR_EXACT":
        return measured, (center - width / 2, center + width / 2)
    return measured, (center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2)


def _first(value: Any) -> float:
    return float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)


def _package(what: str, package: str) -> Text:
    return Text(
        f"a {what} picture; reading it needs the package {package}: pip install {package}",
        f"{what} 图像；读取它需要 {package} 包：pip install {package}",
    )
