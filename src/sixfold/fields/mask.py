"""Masks: pictures that say of every pixel which class it is of."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar, Self, TypeAlias

import numpy as np
from pydantic import Field as Setting
from pydantic import field_validator

from sixfold.families import Options as KindOptions
from sixfold.fields._colors import distinct
from sixfold.fields._field import Array, Field, Values, Widget
from sixfold.fields._form import Form
from sixfold.fields._medical import Scan
from sixfold.fields.image import Image, loaded, opened, png
from sixfold.hashing import digest_of_value
from sixfold.language import Text

__all__ = ["IGNORED", "Mask"]

IGNORED = 255
"""The code of a pixel that says nothing: it is neither learned from nor judged."""

_UNKNOWN = 254
_MOST_CLASSES = 254
_LEVELS, _COLORS = 1 << 16, 1 << 24
_LOOKED_AT = 2_000
"""Training masks, evenly from all, that are decoded to see which classes there are."""

_LARGEST_DEFAULT_SIDE = 256
_MOST_FILE_BYTES = 1 << 20
_BYTE = 256

_GREY_MODES = ("1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N")
_HEX = re.compile(r"#([0-9a-fA-F]{6})")
_LINE = re.compile(r"(?:(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+(\d{1,3})[\s,;]+)?(.+)")

_NOT_A_MASK = Text("not a mask: expected a picture of whole numbers or colours", "不是掩码：应为整数或颜色组成的图片")
_ONE_CLASS = Text(
    "masks of fewer than two classes: there is nothing to tell apart", "掩码只有不到两个类别，没有可区分的内容"
)
_TOO_MANY = Text(
    f"masks of more than {_MOST_CLASSES} classes; colours are often so many where masks were saved as JPEG, which "
    "blurs them: save them as PNG, or name the classes with `classes`",
    f"掩码的类别超过 {_MOST_CLASSES} 个；以 JPEG 保存会使颜色模糊，常造成这种情况："
    "请改存为 PNG，或用 `classes` 列出各类别",
)
_TWICE = Text("two classes with one number or colour", "两个类别的数字或颜色相同")
_MIXED = Text("a mask of colours among masks of numbers", "在数字掩码中混有彩色掩码")

Level: TypeAlias = Annotated[int, Setting(ge=0, lt=_LEVELS)]


class Mask(Field):
    """A picture (the bytes of a file, their base64, or an array (h, w[, 3])) whose values are classes: whole numbers as
    grey levels or places in a palette, or colours.

    Encoded as uint8 (height, width, 1): the class of each pixel from 0, 255 where it says nothing. Beside a picture it
    takes that one's height and width, by the nearest pixel.
    """

    title: ClassVar[Text] = Text("a mask", "掩码")
    widget: ClassVar[Widget] = "image"
    is_heavy: ClassVar[bool] = True
    lies_upon: ClassVar[str | None] = "image"

    class Options(KindOptions):
        """``classes``: their names in the order of their numbers from 0, [sky, road, …]; or each with its number or
        colour, {road: 7, sky: "#80c0ff"}; or a file beside product.yaml with a line for each, `sky` or
        `128 192 255 sky`. Left out, every number or colour of the training masks is a class.

        ``ignored``: names, numbers or colours of pixels that say nothing (unlabelled ones); they are neither learned
        from nor judged.
        """

        classes: list[str] | dict[str, Level | str] | str | None = Setting(None, min_length=1)
        ignored: tuple[Level | str, ...] = ()

        @field_validator("ignored", mode="before")
        @classmethod
        def _is_a_list(cls, ignored: Any) -> Any:
            return (ignored,) if isinstance(ignored, (int, str)) else ignored

        @field_validator("classes", "ignored")
        @classmethod
        def _are_colors(cls, said: Any) -> Any:
            for value in said.values() if isinstance(said, dict) else ():
                if isinstance(value, str) and not _HEX.fullmatch(value):
                    raise ValueError(f"{value} is neither a number nor a colour such as '#80c0ff'")
            return said

    def depends_on(self) -> Any:
        return digest_of_value(self._lines()) if isinstance(self._options.classes, str) else None

    def parse(self, value: Any) -> Any:
        """A :class:`PIL.Image.Image`, loaded; ``None`` where missing."""
        picture = opened(value)
        if picture is None:
            return None
        if isinstance(picture, Scan) or picture.mode in ("F", "CMYK", "YCbCr", "LAB", "HSV"):
            raise ValueError(_NOT_A_MASK)
        return loaded(picture)

    def upon(self, base: Field) -> Self:
        """As high and as wide as the picture that it lies upon."""
        height, width = base.form.shape[:2]
        return type(self)(self.name, self.options, {"height": height, "width": width}, beside=self.beside)

    def learn(self, values: Values) -> dict[str, Any]:
        """Looks at the headers of all and the pixels of at most 2,000; not at any where `classes` says all there is.

        Raises:
            ValueError: There are too few classes or too many, or the file of their names cannot be read.
        """
        said = self._said()
        sizes: list[tuple[int, ...]] = []
        found: set[int] = set()
        is_colored = said is not None and any(isinstance(value, str) for value in said.values())
        stride = max(1, len(values) // _LOOKED_AT)
        looked_at = 0
        for row, value in enumerate(values):
            try:
                if "height" not in self.state:
                    sizes += [extent] if (extent := self.extent(value)) else []
                if said is not None or row % stride:
                    continue
                picture = self.parse(value)
                if picture is None:
                    continue
                if not looked_at:
                    is_colored = not _is_grey(picture)
                looked_at += 1
                found |= set(np.unique(_keys(picture, is_colored=is_colored)).tolist())
            except ValueError:
                continue
            if len(found) > _MOST_CLASSES:
                raise ValueError(_TOO_MANY)
        ignored = {_key(value, said or {}, is_colored=is_colored) for value in self._options.ignored}
        named = _named(sorted(found), is_colored=is_colored) if said is None else said
        classes = {name: _key(value, {}, is_colored=is_colored) for name, value in named.items()}
        classes = {name: key for name, key in classes.items() if key not in ignored}
        if len(set(classes.values())) < len(classes):
            raise ValueError(_TWICE)
        if len(classes) < 2:  # noqa: PLR2004 — two classes at least
            raise ValueError(_ONE_CLASS)
        if len(classes) > _MOST_CLASSES:
            raise ValueError(_TOO_MANY)
        return {
            **(_size(sizes) if "height" not in self.state else {}),
            **{name: self.state[name] for name in ("height", "width") if name in self.state},
            "is_colored": is_colored,
            "classes": list(classes),
            "keys": list(classes.values()),
            "ignored": sorted(ignored),
        }

    @property
    def classes(self) -> list[str]:
        """Their names, in the order of their codes."""
        return list(self.state["classes"])

    @property
    def colors(self) -> list[str]:
        """A colour for each class, as #rrggbb: its own where masks have colours, else one that tells it from others."""
        keys: list[int] = self.state["keys"]
        return [f"#{key:06x}" for key in keys] if self.state["is_colored"] else distinct(len(keys))

    @property
    def form(self) -> Form:
        return Form(name="grid", shape=(self.state["height"], self.state["width"], 1), dtype="uint8")

    def encode(self, values: Values) -> Array:
        return self.encode_upon(values, [()] * len(values))

    def encode_upon(self, values: Values, extents: Sequence[tuple[int, ...]]) -> Array:
        """As :meth:`encode`; a mask must be as large as the picture that it lies upon."""
        from PIL import Image as Pillow

        height, width = self.state["height"], self.state["width"]
        arrays = np.full((len(values), height, width, 1), IGNORED, np.uint8)
        for row, (value, extent) in enumerate(zip(values, extents, strict=True)):
            picture = self.parse(value)
            if picture is None:
                continue
            own = (picture.height, picture.width)
            if extent and extent != own:
                raise ValueError(
                    Text(
                        f"a mask of {own[1]}×{own[0]} pixels upon a picture of {extent[1]}×{extent[0]}",
                        f"掩码为 {own[1]}×{own[0]} 像素，图片却为 {extent[1]}×{extent[0]}",
                    )
                )
            codes = Pillow.fromarray(self._codes(picture))
            if codes.size != (width, height):
                codes = codes.resize((width, height), Pillow.Resampling.NEAREST)
            arrays[row, :, :, 0] = np.asarray(codes)
        return arrays

    def decode(self, array: Array) -> list[bytes]:
        """Masks as PNG files that :meth:`encode` reads; a pixel that says nothing is one of the ignored, else black."""
        return [self.file(codes[..., 0]) for codes in array]

    def file(self, codes: Array) -> bytes:
        """Codes (height, width) as a PNG file; with a palette, in the colours of the classes, up to 256 levels."""
        from PIL import Image as Pillow

        keys, is_colored = np.array(self.state["keys"], np.int64), self.state["is_colored"]
        nothing = self.state["ignored"][0] if self.state["ignored"] else 0
        is_deep = not is_colored and max(*keys.tolist(), nothing) >= _BYTE
        places = np.zeros(_BYTE, np.uint16)
        # In a palette, levels stand at their own place, so that the file's numbers are those of the training masks.
        places[: len(keys)] = np.arange(len(keys)) if is_colored else keys
        places[IGNORED] = IGNORED if is_colored else nothing
        picture = Pillow.fromarray(places[codes] if is_deep else places[codes].astype(np.uint8))
        if not is_deep:
            palette = np.zeros((_BYTE, 3), np.uint8)
            palette[places[: len(keys)]] = [_rgb(color) for color in self.colors]
            if is_colored:
                palette[IGNORED] = _rgb(f"#{nothing:06x}")
            picture.putpalette(palette.tobytes())
        return png(picture)

    def likeness(self, value: Any) -> bytes | None:
        return Image.likeness(Image(self.name), value)

    def extent(self, value: Any) -> tuple[int, ...]:
        """(height, width) in pixels; needs its header alone."""
        picture = opened(value)
        return () if picture is None else (picture.height, picture.width)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"}

    def json_value(self, value: Any) -> Any:
        return base64.b64encode(bytes(value)).decode() if isinstance(value, (bytes, bytearray)) else value

    def _codes(self, picture: Any) -> Array:
        """The class of each pixel (height, width).

        Raises:
            ValueError: A number or colour is none of a class.
        """
        is_colored = self.state["is_colored"]
        keys = _keys(picture, is_colored=is_colored)
        codes: Array = self._table[keys]
        unknown = codes == _UNKNOWN
        if unknown.any():
            key = int(keys[unknown][0])
            shown = f"#{key:06x}" if is_colored else str(key)
            known = [f"#{known:06x}" if is_colored else str(known) for known in self.state["keys"]]
            listed = ", ".join(known[:12]) + (" …" if len(known) > 12 else "")  # noqa: PLR2004
            raise ValueError(
                Text(
                    f"a mask with {shown}, which is no class; the classes are {listed} (name it under `classes`, or "
                    "under `ignored` if it says nothing)",
                    f"掩码中有 {shown}，它不是任何类别；类别为 {listed}"
                    "（请在 `classes` 中列出，若无意义则列入 `ignored`）",
                )
            )
        return codes

    @cached_property
    def _table(self) -> Array:
        """The code of every number or colour (keys,)."""
        table = np.full(_COLORS if self.state["is_colored"] else _LEVELS, _UNKNOWN, np.uint8)
        table[self.state["keys"]] = np.arange(len(self.state["keys"]))
        table[self.state["ignored"]] = IGNORED
        return table

    def _said(self) -> Mapping[str, int | str] | None:
        """What the options say of classes: each with its number or colour; ``None`` where they say nothing."""
        classes = self._options.classes
        if isinstance(classes, dict):
            return classes
        if isinstance(classes, str):
            return _of_lines(self._lines())
        return None if classes is None else {name: number for number, name in enumerate(classes)}

    def _lines(self) -> list[str]:
        """The lines of the file that names the classes.

        Raises:
            ValueError: It is not there, or is no such file.
        """
        path = self.beside / str(self._options.classes)
        try:
            if path.stat().st_size > _MOST_FILE_BYTES:
                raise OSError("too large")
            lines = path.read_text("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ValueError(
                Text(f"{path} with the names of the classes: {reason}", f"类别名称文件 {path}：{reason}")
            ) from error
        return [line.strip() for line in lines if line.strip()]

    @property
    def _options(self) -> Options:
        assert isinstance(self.options, Mask.Options)
        return self.options


def _of_lines(lines: Sequence[str]) -> Mapping[str, int | str]:
    """`sky`, or `128 192 255 sky`: each class with its number from 0, or its colour."""
    named: dict[str, int | str] = {}
    for number, line in enumerate(lines):
        match = _LINE.fullmatch(line)
        assert match is not None  # every line that is not empty is one
        *color, name = match.groups()
        is_color = color[0] is not None and all(int(part) < _BYTE for part in color)
        named[name.strip(" ,;\t")] = "#" + "".join(f"{int(part):02x}" for part in color) if is_color else number
    return named


def _named(keys: Sequence[int], *, is_colored: bool) -> dict[str, int | str]:
    return {f"#{key:06x}": f"#{key:06x}" for key in keys} if is_colored else {str(key): key for key in keys}


def _key(value: int | str, named: Mapping[str, int | str], *, is_colored: bool) -> int:
    """The number that stands for a class's name, its number or its colour.

    Raises:
        ValueError: It is none of them.
    """
    value = named.get(value, value) if isinstance(value, str) else value
    if isinstance(value, str) and (match := _HEX.fullmatch(value)):
        return int(match[1], 16)
    if isinstance(value, str) and not value.isdecimal():
        raise ValueError(
            Text(f"“{value}” is neither a class, a number nor a colour", f"“{value}”既不是类别，也不是数字或颜色")
        )
    number = min(int(value), _LEVELS - 1)
    return number * 0x010101 if is_colored and number < _BYTE else number


def _is_grey(picture: Any) -> bool:
    """Whether a mask's values are numbers: grey levels or places in a palette; or colours that are all grey."""
    if picture.mode in (*_GREY_MODES, "P"):
        return True
    pixels = np.asarray(picture.convert("RGB"))
    return bool((pixels == pixels[..., :1]).all())


def _keys(picture: Any, *, is_colored: bool) -> Array:
    """The number of each pixel (height, width): its level or place, or its colour as one number."""
    if is_colored:
        red, green, blue = np.moveaxis(np.asarray(picture.convert("RGB")).astype(np.int32), -1, 0)
        return np.asarray(red << 16 | green << 8 | blue)
    if picture.mode in ("L", "P"):
        return np.asarray(picture)
    if picture.mode in _GREY_MODES:
        numbers = np.asarray(picture.convert("L") if picture.mode == "LA" else picture).astype(np.int64)
        return np.clip(numbers, 0, _LEVELS - 1)
    if not _is_grey(picture):
        raise ValueError(_MIXED)
    return np.asarray(picture.convert("RGB"))[..., 0]


def _size(sizes: Sequence[tuple[int, ...]]) -> dict[str, int]:
    """Height and width where there is no picture to lie upon: the median of the training masks, up to a limit."""
    own = np.median(np.array(sizes or [(1, 1)]), axis=0)
    scale = min(1.0, _LARGEST_DEFAULT_SIDE / float(own.max()))
    height, width = (max(1, round(float(side) * scale)) for side in own)
    return {"height": height, "width": width}


def _rgb(color: str) -> tuple[int, int, int]:
    number = int(color[1:], 16)
    return number >> 16, number >> 8 & 255, number & 255
