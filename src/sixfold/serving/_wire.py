"""HTTP/1.1 as it comes in: uvicorn's protocol over llhttp, with bounds on the head of a request that it lacks."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["Wire"]

_MOST_HEAD = 64 << 10
"""The largest head of a request (its first line and headers); trailers count too."""

_HEAD_SECONDS = 30.0
"""So long a connection may take from its first byte, or be open without one, until a head is whole."""


class Wire(HttpToolsProtocol):
    """A connection whose requests' heads are bounded in size and in time."""

    def __init__(self, *arguments: Any, **values: Any) -> None:
        super().__init__(*arguments, **values)
        self._head = 0
        self._is_in_head = True
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._deadline = self.loop.call_later(_HEAD_SECONDS, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_in_head:
            if self._deadline is None:
                self._deadline = self.loop.call_later(_HEAD_SECONDS, self._too_slow)
            self._head += len(data)
        super().data_received(data)
        if self._is_in_head and self._head > _MOST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

    def on_headers_complete(self) -> None:
        self._is_in_head, self._head = False, 0
        self._forget_deadline()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_in_head = True
        super().on_message_complete()

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
