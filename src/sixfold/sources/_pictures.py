"""Arrays of pixels as the bytes of PNG files: sources hand over pictures as files, wherever they came from."""

from __future__ import annotations

import io

import numpy as np

from sixfold.fields import Array

__all__ = ["png"]


def png(pixels: Array) -> bytes:
    """One picture of shape (height, width), (height, width, 1) or (height, width, 3), uint8, as a PNG file."""
    from PIL import Image

    stream = io.BytesIO()
    plain = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels  # noqa: PLR2004
    Image.fromarray(np.ascontiguousarray(plain)).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
