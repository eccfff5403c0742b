"""What was asked and answered, summarised beside the answers.

It is handed requests on a thread that no answer waits for (:class:`sixfold.serving.Witness`, whose queue is bounded and
counts what it drops), and writes them about once a second. Features are measured of so many rows a second; pictures
have to be decoded for it, so of fewer; the others are counted without being measured.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sixfold.fields import Field
from sixfold.monitoring._features import measured, of_answer
from sixfold.monitoring._storage import Piece, Request, Storage

__all__ = ["Recorder", "Seen"]

_SECONDS = 1.0
_MOST_TOGETHER = 256
"""Requests that are written at once, however short the time since the last."""

_MOST_ROWS = 2000
_MOST_HEAVY_ROWS = 50
"""Rows of one piece that are measured."""

_STRETCH_SECONDS = 0.002
"""After so long a stretch of measuring the thread lets those that answer go first."""

_log = logging.getLogger("sixfold.monitoring")


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that was answered (or refused: then without rows)."""

    id: str
    model: str
    caller: str
    status: int
    milliseconds: float
    rows: Sequence[Mapping[str, Any]]
    answers: Sequence[Mapping[str, Any]]
    time: float


class Recorder:
    """Collects requests and writes them, a second's worth at a time.

    Args:
        storage: Where summaries go.
        given: The fitted given columns.
        target: The fitted target.
        keep: ``nothing``, ``summaries``, or ``payloads``: also what was sent, sealed.
        every: Called about once a second; for whatever has to be looked at regularly.
    """

    def __init__(
        self,
        storage: Storage,
        given: Mapping[str, Field],
        target: Field,
        *,
        keep: str = "summaries",
        every: Callable[[], None] = lambda: None,
    ) -> None:
        self._storage, self._given, self._target, self._keep, self._every = storage, given, target, keep, every
        self._taken: list[Seen] = []
        self._lock = threading.Lock()
        self._ends = threading.Event()
        self.lost = self.unmeasured = 0
        """Requests that could not be written, and rows that were not measured."""
        self._is_heavy = any(field.widget == "image" for field in given.values())
        self._thread = threading.Thread(target=self._work, name="watch", daemon=True)
        self._thread.start()

    def add(self, seen: Seen) -> None:
        """Hand over a request; writes where many have come together."""
        with self._lock:
            self._taken.append(seen)
            if len(self._taken) >= _MOST_TOGETHER:
                self._flush()

    def close(self, seconds: float = 5.0) -> None:
        """Write what waits, and end."""
        self._ends.set()
        self._thread.join(seconds)

    def _work(self) -> None:
        while not self._ends.wait(_SECONDS):
            with self._lock:
                self._flush()
            try:
                self._every()
            except Exception as error:  # the watch goes on whatever its database does
                _log.error("watch: %s", type(error).__name__)
        with self._lock:
            self._flush()
        with contextlib.suppress(Exception):
            self._storage.close()

    def _flush(self) -> None:
        taken, self._taken = self._taken, []
        if not taken:
            return
        try:
            self._write(taken)
        except Exception as error:  # the watch goes on whatever its database does
            self.lost += len(taken)
            _log.error("watch: %s", type(error).__name__)

    def _write(self, taken: Sequence[Seen]) -> None:
        by_model: dict[str, list[Seen]] = {}
        for seen in taken:
            by_model.setdefault(seen.model, []).append(seen)
        for model, group in by_model.items():
            name = secrets.token_hex(8)
            rows = self._rows(group) if self._keep != "nothing" else []
            piece = Piece(name, time.time(), model, rows) if rows else None
            requests = [
                Request(
                    seen.id, seen.time, model, seen.caller, len(seen.rows), seen.status, seen.milliseconds,
                    name if piece is not None and seen.rows else None,
                )
                for seen in group
            ]  # fmt: skip
            kept = {seen.id: _payload(seen, self._given) for seen in group if seen.rows}
            self._storage.add(requests, piece, kept if self._keep == "payloads" else None)

    def _rows(self, group: Sequence[Seen]) -> list[dict[str, Any]]:
        most = _MOST_HEAVY_ROWS if self._is_heavy else _MOST_ROWS
        rows: list[dict[str, Any]] = []
        paused = time.monotonic()
        for seen in group:
            for place, (row, answer) in enumerate(zip(seen.rows, seen.answers, strict=False)):
                said = {**of_answer(self._target, answer), "request": seen.id, "place": place, "time": seen.time}
                if len(rows) < most:
                    rows.append({**measured(self._given, row), **said})
                else:
                    self.unmeasured += 1
                    rows.append(said)
                if time.monotonic() - paused > _STRETCH_SECONDS:
                    time.sleep(0)
                    paused = time.monotonic()
        return rows


def _payload(seen: Seen, given: Mapping[str, Field]) -> dict[str, Any]:
    rows = [
        {name: given[name].json_value(value) if isinstance(value, (bytes, bytearray)) else value
         for name, value in row.items()}
        for row in seen.rows
    ]  # fmt: skip
    return {"rows": rows, "answers": list(seen.answers), "model": seen.model}
