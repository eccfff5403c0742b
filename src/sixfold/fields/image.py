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
from sixfold.language import Text

__all__ = ["Image", "upright_size"]

_MOST_PIXELS = 50_000_000
"""A larger picture is refused before it is decoded: 150 MB of RGB, against decompression bombs."""

_LARGEST_DEFAULT_SIDE = 64
_SMALLEST_DEFAULT_SIDE = 8
"""A long, thin picture keeps so much of its short side, so that convolutions have something to go over."""

_LOOKED_AT_FOR_COLOR = 2_000
"""Pictures stored with colour channels, evenly from all, that are decoded to see whether they are grey after all."""

_DRAFT_GAP = 2
"""A JPEG is decoded at a power-of-two fraction no smaller than so many times the wanted size, then resized."""

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


class Image(Field):
    """A picture: bytes of an image file (PNG, JPEG, BMP, GIF, WebP, TIFF, PPM), their base64, or an array (h, w[, c]).

    Encoded as uint8 (height, width, channels); the network scales it. Pictures that stand on their side in EXIF are
    turned; transparency is laid on white; another shape is resized without keeping its aspect.
    """

    title: ClassVar[Text] = Text("a picture", "图片")
    widget: ClassVar[Widget] = "image"
    is_heavy: ClassVar[bool] = True

    class Options(KindOptions):
        """``size``: side in pixels or [height, width]; left out, the training pictures' own (the median) up to 64.

        ``color``: rgb or grey; left out, grey only if every training picture is (of those stored with colour channels,
        2,000 are looked at).
        """

        size: Side | tuple[Side, Side] | None = None
        color: Literal["rgb", "grey"] | None = None

    def parse(self, value: Any) -> Any:
        """A :class:`PIL.Image.Image`, loaded; ``None`` where missing."""
        return self._loaded(value)

    def opened(self, value: Any) -> Any:
        """A :class:`PIL.Image.Image` whose header is read and whose pixels are not yet; ``None`` where missing.

        Raises:
            ValueError: It is no picture, or too large.
        """
        return _opened(value)

    def learn(self, values: Values) -> dict[str, Any]:
        """Looks at headers alone, but for the few pictures decoded to see whether they are grey.

        What cannot be read is passed over: whoever encodes it is told.
        """
        assert isinstance(self.options, Image.Options)
        stride = max(1, len(values) // _LOOKED_AT_FOR_COLOR)
        grey, sizes = True, []
        for row, value in enumerate(values):
            try:
                picture = _opened(value)
                if picture is None:
                    continue
                sizes.append(upright_size(picture))
                if self.options.color is None and grey and picture.mode not in _GREY_MODES and row % stride == 0:
                    grey = _is_grey(self._loaded(value))
            except ValueError:
                continue
        color = self.options.color or ("grey" if grey else "rgb")
        height, width = _size(self.options.size, sizes)
        return {"height": height, "width": width, "channels": 1 if color == "grey" else 3}

    @property
    def form(self) -> Form:
        state = self.state
        return Form(name="grid", shape=(state["height"], state["width"], state["channels"]), dtype="uint8")

    def encode(self, values: Values) -> Array:
        shape = (self.state["height"], self.state["width"], self.state["channels"])
        arrays = np.zeros((len(values), *shape), np.uint8)
        near = (self.state["width"], self.state["height"])
        for row, value in enumerate(values):
            picture = self._loaded(value, near)
            if picture is not None:
                arrays[row] = _pixels(picture, *shape)
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
        picture = _opened(value)
        return () if picture is None else upright_size(picture)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/*"}

    def json_value(self, value: Any) -> Any:
        return base64.b64encode(bytes(value)).decode() if isinstance(value, (bytes, bytearray)) else value

    def _loaded(self, value: Any, near: tuple[int, int] | None = None) -> Any:
        """The picture in memory and upright; a JPEG much larger than ``near`` (width, height) is decoded smaller."""
        from PIL import ImageOps

        picture = _opened(value)
        if picture is None or not isinstance(value, (bytes, bytearray, memoryview, str)):
            return picture
        if near is not None and picture.format in ("JPEG", "MPO"):
            side = _DRAFT_GAP * max(near)  # for both sides: EXIF may turn it yet
            picture.draft(picture.mode, (side, side))
        try:
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
        except MemoryError:
            raise
        except Exception:  # Pillow's decoders raise whatever they stumble over
            raise ValueError(_DAMAGED) from None
        return picture


def upright_size(picture: Any) -> tuple[int, int]:
    """(height, width) of an opened picture in pixels, as it stands once EXIF turned it; needs its header alone."""
    try:
        on_its_side = picture.getexif().get(_EXIF_ORIENTATION, 1) >= _FIRST_ON_ITS_SIDE
    except Exception:  # a broken EXIF block; decoding passes it over as well
        on_its_side = False
    return (picture.width, picture.height) if on_its_side else (picture.height, picture.width)


def _opened(value: Any) -> Any:
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


def _pixels(picture: Any, height: int, width: int, channels: int) -> Array:
    from PIL import Image as Pillow

    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        picture = Pillow.new("RGBA", layer.size, "white")
        picture.alpha_composite(layer)
    elif picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        picture = _sixteen_bits(picture)
    plain = picture.convert("L" if channels == 1 else "RGB")
    if plain.size != (width, height):
        plain = plain.resize((width, height), Pillow.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(plain, np.uint8).reshape(height, width, channels)


def _size(wanted: int | tuple[int, int] | None, sizes: list[tuple[int, int]]) -> tuple[int, int]:
    """(height, width) to encode to: as wanted, else the median of the training pictures up to the default limit."""
    if wanted is not None:
        return (wanted, wanted) if isinstance(wanted, int) else wanted
    if not sizes:
        return (1, 1)
    own = np.median(np.array(sizes), axis=0)
    scale = min(1.0, _LARGEST_DEFAULT_SIDE / float(own.max()))
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
            if array.dtype != np.uint8:
                raise ValueError(
                    Text(
                        f"not a picture: an array of {array.dtype}, expected uint8 (0–255)",
                        f"不是图片：数组类型为 {array.dtype}，应为 uint8(0–255)",
                    )
                )
            return Pillow.fromarray(
                np.ascontiguousarray(array.reshape(height, width) if array.shape[2:] == (1,) else array)
            )
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


def _sixteen_bits(picture: Any) -> Any:
    from PIL import Image as Pillow

    values = np.nan_to_num(np.asarray(picture, np.float32))
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low) * 255 if high > low else np.zeros_like(values)
    return Pillow.fromarray(scaled.astype(np.uint8))
