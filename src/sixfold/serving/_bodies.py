"""Bodies of requests and answers: read within bounds, unpacked, packed."""

from __future__ import annotations

import asyncio
import gzip
import zlib

from starlette.requests import Request

from sixfold.errors import RequestError
from sixfold.serving._limits import Limits

__all__ = ["packed", "read_body"]

_DRAINED = 4
"""So many times the limit is still read of a body that is too large, so that its sender hears the answer instead of a
broken pipe."""

_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_WORTH_PACKING = 1024
"""A smaller body fits into one packet anyway."""

_LEVEL = 1
"""Of zlib: levels above make tensors hardly smaller, and answers later."""


async def read_body(request: Request, limits: Limits) -> bytes:
    """The body of a request, unpacked where it is gzip or deflate.

    Raises:
        RequestError: It is too large as sent or unpacked, comes too slowly, or is packed otherwise or badly.
    """
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise RequestError("wrong_packing", received=packing[:40])
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for part in request.stream():
                size += len(part)
                if size > limits.bytes:
                    parts.clear()
                    if size > _DRAINED * limits.bytes:
                        break
                else:
                    parts.append(part)
    except TimeoutError:
        raise RequestError("too_slow", seconds=limits.body_seconds) from None
    if size > limits.bytes:
        raise RequestError("too_large", limit=_mebibytes(limits.bytes))
    body = parts[0] if len(parts) == 1 else b"".join(parts)
    if packing in ("identity", ""):
        return body
    return await asyncio.get_running_loop().run_in_executor(None, _unpacked, body, packing, limits.unpacked)


def packed(content: bytes, accepted: str) -> tuple[bytes, str | None]:
    """A body as a client accepts it, and the name of its packing; small ones stay as they are."""
    if len(content) < _WORTH_PACKING or not accepted:
        return content, None
    parts = [part.replace(" ", "").lower() for part in accepted.split(",")]
    names = {part.partition(";")[0] for part in parts if not part.endswith(";q=0")}
    if "gzip" in names:
        return gzip.compress(content, _LEVEL, mtime=0), "gzip"
    if "deflate" in names:
        return zlib.compress(content, _LEVEL), "deflate"
    return content, None


def _unpacked(body: bytes, packing: str, most: int) -> bytes:
    # HTTP's "deflate" is zlib's form, but some send the raw one; the first byte of zlib's says its method, 8.
    window = _GZIP if "gzip" in packing else _ZLIB if body[:1] and body[0] & 0x0F == 8 else _RAW  # noqa: PLR2004
    unpacking = zlib.decompressobj(window)
    try:
        content = unpacking.decompress(body, most + 1)
    except zlib.error:
        raise RequestError("bad_packing", packing=packing) from None
    if len(content) > most:
        raise RequestError("too_large", limit=_mebibytes(most))
    if not unpacking.eof or unpacking.unused_data:
        raise RequestError("bad_packing", packing=packing)
    return content


def _mebibytes(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count} B"
