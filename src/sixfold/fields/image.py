"""Pictures."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import numpy as np
from pydantic import Field as Setting

from sixfold.families import Options as KindOptions
from sixfold.fields._field import Array, Field, Values, Widget, is_missing
from sixfold.fields._form import Form
from sixfold.fields._medical import Scan, scan
from sixfold.language import Text

__all__ = ["Image", "loaded", "opened", "png", "upright_size"]

_MOST_PIXELS = 50_000_000
"""A larger picture is refused before it is decoded: 150 MB of RGB, against decompression bombs."""

_LARGEST_DEFAULT_SIDE = 64
_SMALLEST_DEFAULT_SIDE = 8
"""A long, thin picture keeps so much of its short side, so that convolutions have something to go over."""

_LEAST_CANVAS, _CANVAS_STEP = 512, 16
"""Pictures that keep their size lie on so many pixels a side, at least: those to come may be larger than those seen."""

_LOOKED_AT_FOR_COLOR = 2_000
"""Pictures stored with colour channels, evenly from all, that are decoded to see whether they are grey after all."""

_DRAFT_GAP = 2
"""A JPEG is decoded at a power-of-two fraction no smaller than so many times the wanted size, then resized."""

_DECODED_FOR_RANGE = 200
_VALUES_FOR_RANGE = 4_096
"""Pictures of more than 8 bits, evenly from all, and values of each, from which the training rows' range is learned."""

_DARKEST, _BRIGHTEST = 0.005, 0.995
"""Shares of values beyond which all is black or white: a few hot pixels would leave all others dark."""

_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")
_EXIF_ORIENTATION = 0x0112
_FIRST_ON_ITS_SIDE = 5
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")

_NOT_BYTES = Text("not a picture: expected the bytes of an image file", "不是图片：应为图片文件的内容")
_NOT_A_PICTURE = Text("not a picture, or of a format that is not read", "不是图片，或是无法读取的格式")
_NOT_BASE64 = Text("not a picture: the text is not base64", "不是图片：文本不是 base64 编码")
_DAMAGED = Text("a picture that is cut off or damaged", "图片不完整或已损坏")
_TOO_LARGE = Text("a picture of more than 50 million pixels", "图片超过 5000 万像素")


Side: TypeAlias = Annotated[int, Setting(ge=1, le=4096)]
Width: TypeAlias = Annotated[float, Setting(gt=0)]


class Image(Field):
    """A picture: bytes of an image file (PNG, JPEG, BMP, GIF, WebP, TIFF, PPM), their base64, or an array (h, w[, c]);
    with pydicom or nibabel installed, a DICOM or NIfTI file too, of which nothing but pixels is read.

    Encoded as uint8 (height, width, channels); the network scales it. Pictures that stand on their side in EXIF are
    turned; transparency is laid on white; another shape is resized without keeping its aspect. Grey pictures of more
    than 8 bits are shown through one range for all, from black to white: how bright a picture is as a whole often says
    something (how dense a tissue, how far a wall), and a range of each picture's own would erase it.
    """

    title: ClassVar[Text] = Text("a picture", "图片")
    widget: ClassVar[Widget] = "image"
    is_heavy: ClassVar[bool] = True
    version: ClassVar[int] = 2

    class Options(KindOptions):
        """``size``: side in pixels or [height, width]; left out, the training pictures' own (the median) up to
        ``up_to`` on the longer side: 64, or more where the answers lie upon the picture.

        ``color``: rgb or grey; left out, grey only if every training picture is (of those stored with colour channels,
        2,000 are looked at).

        ``window``: of pictures of more than 8 bits, what is black to white: training, the middle 99 % of all training
        pictures; picture, of each picture itself, where units mean nothing (MRI); [center, width] in the file's units,
        e.g. [-600, 1500] for lungs in CT; left out, what a DICOM file itself says, else training.

        ``fit``: stretch, every picture to that size; or pad: each keeps its own, at the top left, and black fills the
        rest, where places count (a map). Then ``size`` is the largest there may be; left out, the largest training
        picture's, 512 at least.

        ``slice``: which picture of a DICOM or NIfTI file of several, from 0; left out, the one in the middle.
        """

        size: Side | tuple[Side, Side] | None = None
        up_to: Side = _LARGEST_DEFAULT_SIDE
        color: Literal["rgb", "grey"] | None = None
        window: Literal["training", "picture"] | tuple[float, Width] | None = None
        fit: Literal["stretch", "pad"] = "stretch"
        slice: int | None = Setting(None, ge=0)

    def parse(self, value: Any) -> Any:
        """A :class:`PIL.Image.Image` of 8 bits a channel, loaded; ``None`` where missing."""
        picture = self._loaded(value)
        return None if picture is None else self._of_eight_bits(picture)

    def learn(self, values: Values) -> dict[str, Any]:
        """Looks at headers alone, but for the few pictures decoded to see if they are grey and what their range is.

        What cannot be read is passed over: whoever encodes it is told.
        """
        assert isinstance(self.options, Image.Options)
        stride = max(1, len(values) // _LOOKED_AT_FOR_COLOR)
        range_stride = max(1, len(values) // _DECODED_FOR_RANGE)
        grey, sizes, seen = True, [], []
        for row, value in enumerate(values):
            try:
                picture = opened(value)
                if picture is None:
                    continue
                sizes.append(upright_size(picture))
                if self.options.color is None and grey and picture.mode not in _GREY_MODES and row % stride == 0:
                    grey = _is_grey(self._loaded(value))
                if _is_deep(picture) and row % range_stride == 0:
                    seen.append(self._values_to_learn_from(value))
            except ValueError:
                continue
        color = self.options.color or ("grey" if grey else "rgb")
        if self.options.fit == "pad":
            height, width = _canvas(self.options.size, sizes)
        else:
            height, width = _size(self.options.size, self.options.up_to, sizes)
        deep = np.concatenate([np.zeros(0), *seen])
        return {
            "height": height,
            "width": width,
            "channels": 1 if color == "grey" else 3,
            "range": np.quantile(deep, (_DARKEST, _BRIGHTEST)).tolist() if deep.size else None,
        }

    @property
    def form(self) -> Form:
        state = self.state
        return Form(name="grid", shape=(state["height"], state["width"], state["channels"]), dtype="uint8")

    def encode(self, values: Values) -> Array:
        shape = (self.state["height"], self.state["width"], self.state["channels"])
        arrays = np.zeros((len(values), *shape), np.uint8)
        assert isinstance(self.options, Image.Options)
        is_padded = self.options.fit == "pad"
        near = None if is_padded else (self.state["width"], self.state["height"])
        for row, value in enumerate(values):
            picture = self._loaded(value, near)
            if picture is not None and is_padded:
                height, width = picture.height, picture.width
                if height > shape[0] or width > shape[1]:
                    raise ValueError(_larger_than(height, width, shape))
                arrays[row, :height, :width] = _pixels(self._of_eight_bits(picture), height, width, shape[2])
            elif picture is not None:
                arrays[row] = _pixels(self._of_eight_bits(picture), *shape)
        return arrays

    def decode(self, array: Array) -> list[bytes]:
        from PIL import Image as Pillow

        files = []
        for pixels in array:
            stream = io.BytesIO()
            Pillow.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(stream, "PNG")
            files.append(stream.getvalue())
        return files

    def likeness(self, value: Any) -> bytes | None:
        """The file as it is: whether two files hold the same pixels shows once they are decoded."""
        if isinstance(value, bytes):
            return value or None
        return None if is_missing(value) else str(value).encode("utf-8", "surrogatepass")

    def extent(self, value: Any) -> tuple[int, ...]:
        """(height, width) in pixels, as it stands upright; needs its header alone."""
        picture = opened(value)
        return () if picture is None else upright_size(picture)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/*"}

    def json_value(self, value: Any) -> Any:
        """Base64 of the file; of a DICOM or NIfTI file, of its picture as PNG: the file names the patient."""
        content = _from_base64(value) if isinstance(value, str) else value
        if not isinstance(content, (bytes, bytearray)):
            return value
        if scan(bytes(content)) is not None:
            stream = io.BytesIO()
            self.parse(content).save(stream, "PNG")
            content = stream.getvalue()
        return base64.b64encode(bytes(content)).decode()

    def _loaded(self, value: Any, near: tuple[int, int] | None = None) -> Any:
        """The picture in memory and upright; a JPEG much larger than ``near`` (width, height) is decoded smaller."""
        from PIL import ImageOps

        assert isinstance(self.options, Image.Options)
        picture = opened(value)
        if isinstance(picture, Scan):
            return _measured(*picture.picture(self.options.slice))
        if picture is None or not isinstance(value, (bytes, bytearray, memoryview, str)):
            return picture
        if near is not None and picture.format in ("JPEG", "MPO"):
            side = _DRAFT_GAP * max(near)  # for both sides: EXIF may turn it yet
            picture.draft(picture.mode, (side, side))
        loaded(picture)
        try:
            ImageOps.exif_transpose(picture, in_place=True)
        except MemoryError:
            raise
        except Exception:  # a broken EXIF block
            raise ValueError(_DAMAGED) from None
        return picture

    def _of_eight_bits(self, picture: Any) -> Any:
        """A loaded picture through its range, where it has more than 8 bits; any other as it is."""
        from PIL import Image as Pillow

        if not _is_deep(picture):
            return picture
        values = np.asarray(picture, np.float32)
        low, high = self._range(picture, values)
        with np.errstate(over="ignore", invalid="ignore"):
            bright = np.clip((values - low) / (high - low if high > low else 1.0), 0, 1)
        bright = 1 - bright if picture.info.get("inverted") else bright
        return Pillow.fromarray(np.rint(np.nan_to_num(bright) * 255).astype(np.uint8))

    def _range(self, picture: Any, values: Array) -> tuple[float, float]:
        """What of a picture of more than 8 bits is black, and what white."""
        assert isinstance(self.options, Image.Options)
        match self.options.window:
            case (center, width):
                return center - width / 2, center + width / 2
            case "picture":
                known = values[np.isfinite(values)]
                low, high = np.quantile(known if known.size else np.zeros(1), (_DARKEST, _BRIGHTEST))
                return float(low), float(high)
            case None if picture.info.get("range"):
                low, high = picture.info["range"]
                return low, high
        # Where no training picture had more than 8 bits, black and white are those of the picture's own type.
        low, high = self.state.get("range") or (0.0, 1.0 if picture.mode == "F" else 65535.0)
        return low, high

    def _values_to_learn_from(self, value: Any) -> Array:
        assert isinstance(self.options, Image.Options)
        picture = self._loaded(value)
        if self.options.window is None and picture.info.get("range"):
            return np.zeros(0)
        values = np.asarray(picture, np.float32).reshape(-1)
        some = values[:: max(1, len(values) // _VALUES_FOR_RANGE)].astype(np.float64)
        known: Array = some[np.isfinite(some)]
        return known


def upright_size(picture: Any) -> tuple[int, int]:
    """(height, width) of an opened picture in pixels, as it stands once EXIF turned it; needs its header alone."""
    try:
        on_its_side = picture.getexif().get(_EXIF_ORIENTATION, 1) >= _FIRST_ON_ITS_SIDE
    except Exception:  # a broken EXIF block; decoding passes it over as well
        on_its_side = False
    return (picture.width, picture.height) if on_its_side else (picture.height, picture.width)


def opened(value: Any) -> Any:
    """The picture with its header read and its pixels not yet; ``None`` where missing.

    Raises:
        ValueError: It is no picture, or too large.
    """
    from PIL import Image as Pillow

    if isinstance(value, Pillow.Image):
        return value
    if isinstance(value, np.ndarray):
        return _from_array(value)
    if is_missing(value):
        return None
    if isinstance(value, str):
        value = _from_base64(value)
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise ValueError(_NOT_BYTES)
    if len(value) == 0:
        return None
    medical = scan(bytes(value))
    if medical is not None:
        if medical.width * medical.height > _MOST_PIXELS:
            raise ValueError(_TOO_LARGE)
        return medical
    try:
        picture = Pillow.open(io.BytesIO(bytes(value)), formats=_FORMATS)
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
        raise ValueError(_TOO_LARGE) from None
    except MemoryError:
        raise
    except Exception:  # Pillow's decoders raise whatever they stumble over
        raise ValueError(_NOT_A_PICTURE) from None
    if picture.width * picture.height > _MOST_PIXELS:
        raise ValueError(_TOO_LARGE)
    return picture


def loaded(picture: Any) -> Any:
    """An opened picture with its pixels in memory.

    Raises:
        ValueError: It is cut off or damaged.
    """
    try:
        picture.load()
    except MemoryError:
        raise
    except Exception:  # Pillow's decoders raise whatever they stumble over
        raise ValueError(_DAMAGED) from None
    return picture


def png(picture: Any) -> bytes:
    """One of Pillow's pictures as the bytes of a PNG file."""
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def _pixels(picture: Any, height: int, width: int, channels: int) -> Array:
    from PIL import Image as Pillow

    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        picture = Pillow.new("RGBA", layer.size, "white")
        picture.alpha_composite(layer)
    plain = picture.convert("L" if channels == 1 else "RGB")
    if plain.size != (width, height):
        plain = plain.resize((width, height), Pillow.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(plain, np.uint8).reshape(height, width, channels)


def _larger_than(height: int, width: int, shape: tuple[int, ...]) -> Text:
    own, most = f"{width}×{height}", f"{shape[1]}×{shape[0]}"
    return Text(
        f"a picture of {own} pixels, where {most} is the largest that there is room for",
        f"图片有 {own} 像素，而最大只能容纳 {most}",
    )


def _canvas(wanted: int | tuple[int, int] | None, sizes: list[tuple[int, int]]) -> tuple[int, int]:
    """(height, width) that pictures are laid on: as wanted, else the largest sides, in steps of 16."""
    if wanted is not None:
        return (wanted, wanted) if isinstance(wanted, int) else wanted
    high, wide = (max([_LEAST_CANVAS, *(size[side] for size in sizes)]) for side in (0, 1))
    return -(-high // _CANVAS_STEP) * _CANVAS_STEP, -(-wide // _CANVAS_STEP) * _CANVAS_STEP


def _size(wanted: int | tuple[int, int] | None, up_to: int, sizes: list[tuple[int, int]]) -> tuple[int, int]:
    """(height, width) to encode to: as wanted, else the median of the training pictures up to the default limit."""
    if wanted is not None:
        return (wanted, wanted) if isinstance(wanted, int) else wanted
    if not sizes:
        return (1, 1)
    own = np.median(np.array(sizes), axis=0)
    scale = min(1.0, up_to / float(own.max()))
    height, width = (int(max(round(side * scale), min(int(side), _SMALLEST_DEFAULT_SIDE))) for side in own)
    return (height, width)


def _from_base64(text: str) -> bytes:
    body = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(_NOT_BASE64) from None


def _from_array(array: Array) -> Any:
    from PIL import Image as Pillow

    match array.shape:
        case (height, width) | (height, width, 1) | (height, width, 3) if height and width:
            plain = array.reshape(height, width) if array.shape[2:] == (1,) else array
            if array.dtype != np.uint8 and (plain.ndim != 2 or array.dtype.kind not in "iuf"):  # noqa: PLR2004
                raise ValueError(
                    Text(
                        f"not a picture: an array of {array.dtype}, expected uint8 (0–255), or numbers if it is grey",
                        f"不是图片：数组类型为 {array.dtype}，应为 uint8（0–255）；灰度图可以是其他数字",
                    )
                )
            if height * width > _MOST_PIXELS:
                raise ValueError(_TOO_LARGE)
            if array.dtype == np.uint16:
                return Pillow.fromarray(np.ascontiguousarray(plain))
            return Pillow.fromarray(np.ascontiguousarray(plain, None if array.dtype == np.uint8 else np.float32))
        case _:
            raise ValueError(
                Text(
                    f"not a picture: an array of shape {array.shape}, expected (height, width[, 1 or 3])",
                    f"不是图片：数组形状为 {array.shape}，应为（高，宽[, 1 或 3]）",
                )
            )


def _is_grey(picture: Any) -> bool:
    if picture.mode in _GREY_MODES:
        return True
    if picture.mode == "PA" or "transparency" in picture.info:
        picture = picture.convert("RGBA")
    pixels = np.asarray(picture.convert("RGB"))
    return bool((pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all())


def _is_deep(picture: Any) -> bool:
    return str(picture.mode).startswith(("I", "F"))


def _measured(pixels: Array, limits: tuple[float, float] | None, is_inverted: bool) -> Any:
    """A picture of a medical file as one of Pillow's, with what the file says of its range."""
    from PIL import Image as Pillow

    picture = Pillow.fromarray(pixels)
    picture.info.update(range=limits, inverted=is_inverted)
    return picture
