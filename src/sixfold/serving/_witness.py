"""Who is told of requests and their answers: the seam between a service and whoever watches it.

What is *not* promised: that everything is told. Answers never wait for a witness; where it falls behind, exchanges are
dropped and counted.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Exchange", "Witness"]

_MOST_WAITING = 1024
_MOST_BYTES = 64 << 20
"""So much of what was sent may wait to be told: pictures are large."""

_log = logging.getLogger("sixfold.serving")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer, as they were.

    Args:
        request: The request's id.
        at: When it came, in seconds since 1970.
        product: The name of the product, or of the graph.
        model: The version that answered; empty where none did.
        endpoint: ``/predict``, ``/v2/infer`` …
        status: The HTTP status.
        milliseconds: From the request's first byte to the last one of its answer.
        rows: The rows as they were sent, by column; none where they could not be read.
        answers: The answers, in their order; none where the request was refused.
        error: The code of the error, where there was one (``request.bad_value``).
        role: What the version that answered is: ``champion``, ``challenger``, ``former``; ``shadow``: a challenger that
            was asked beside it, whose answer nobody was sent.
        key: The name of the API key that called; ``None``: none is asked for, or none was right.
        client: The address that called.
        bytes: The size of the body.
    """

    request: str
    at: float
    product: str
    model: str
    endpoint: str
    status: int
    milliseconds: float
    rows: Sequence[Mapping[str, Any]] = ()
    answers: Sequence[Mapping[str, Any]] = ()
    error: str | None = None
    role: str = "champion"
    key: str | None = None
    client: str | None = None
    bytes: int = 0


class Witness:
    """Tells one listener of every exchange, from a thread of its own, after the answer was sent.

    Args:
        listener: Called with each exchange, one after another; what it raises is logged, and ends nothing.
    """

    def __init__(self, listener: Callable[[Exchange], None]) -> None:
        self._listener = listener
        self._waiting: deque[Exchange] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._is_closed = False
        self.dropped = 0
        """How many exchanges were not told, since the listener had fallen behind."""
        self._thread = threading.Thread(target=self._tell_all, name="witness", daemon=True)
        self._thread.start()

    def tell(self, exchange: Exchange) -> None:
        """Have the listener told; never waits for it."""
        with self._changed:
            if self._is_closed or len(self._waiting) >= _MOST_WAITING or self._bytes + exchange.bytes > _MOST_BYTES:
                self.dropped += 1
                return
            self._waiting.append(exchange)
            self._bytes += exchange.bytes
            self._changed.notify()

    def close(self, seconds: float = 2.0) -> None:
        """Tell what still waits, for so long at most, and end."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(seconds)

    def _tell_all(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                exchange = self._waiting.popleft()
                self._bytes -= exchange.bytes
            try:
                self._listener(exchange)
            except Exception as error:
                # Its message may hold what was sent, which is never logged.
                _log.error("the witness failed on %s: %s", exchange.request, type(error).__name__)
