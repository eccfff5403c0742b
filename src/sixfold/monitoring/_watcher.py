"""The watch of one service process: what the service tells, and what it asks."""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sixfold.monitoring._alarms import told
from sixfold.monitoring._features import measured
from sixfold.monitoring._guard import Admission, Guard
from sixfold.monitoring._metrics import Metrics
from sixfold.monitoring._quality import truth_of
from sixfold.monitoring._recorder import Recorder, Seen
from sixfold.monitoring._state import Watched, look, state
from sixfold.monitoring._storage import Storage

__all__ = ["Watcher"]

_LOOK_SECONDS = 30.0
_FORGET_SECONDS = 3600.0
_STATE_SECONDS = 5.0
_MOST_GUARDED_ROWS = 50
_MOST_GUARDED = 400
"""Rows of a request, and requests of a second, that the guard looks at."""

_log = logging.getLogger("sixfold.monitoring")


class Watcher:
    """Summarises, guards, looks and tells; every method returns at once but :meth:`state` and :meth:`metrics`.

    Args:
        watched: What is watched.
        storage: Where it is kept.
        ledger: Writes what was done into the ledger: the act, the product, values.
    """

    def __init__(
        self,
        watched: Watched,
        storage: Storage,
        ledger: Callable[..., Any] = lambda *_, **__: None,
    ) -> None:
        self.dropped: Callable[[], int] = lambda: 0
        """How many requests never reached this watch."""
        self.watched, self.storage, self._ledger = watched, storage, ledger
        self._salt = secrets.token_bytes(16)
        self.counts = Metrics(watched.product)
        self.guard = Guard(watched.given, watched.reference, watched.settings.guard, self._noticed)
        self._standing: Mapping[str, Any] = storage.remembered("standing", {"mode": "model"})
        self._state: tuple[float, dict[str, Any]] | None = None
        self._lock = threading.Lock()
        self._looked = self._forgot = self._dropped = 0.0
        self._guarded: list[tuple[str, Sequence[Mapping[str, Any]]]] = []
        self._process = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.recorder = Recorder(
            storage, watched.given, watched.target, keep=watched.settings.keep, every=self._regularly
        )

    @property
    def standing(self) -> Mapping[str, Any]:
        """Who answers: ``{"mode": "model"}``, ``rule`` (a declared answer) or ``person``; about a second old."""
        return self._standing

    def caller(self, address: str, key: str | None = None) -> str:
        """A caller by its key, else by a digest of its address that means nothing after this process."""
        if key is not None:
            return f"key:{key}"
        return "address:" + hashlib.blake2b(address.encode(), key=self._salt, digest_size=6).hexdigest()

    def admit(self, caller: str) -> Admission:
        """What becomes of a request of this caller."""
        return self.guard.admit(caller)

    def saw(
        self,
        request: str,
        caller: str,
        *,
        address: str | None = None,
        model: str | None = None,
        status: int = 200,
        seconds: float,
        rows: Sequence[Mapping[str, Any]] = (),
        answers: Sequence[Mapping[str, Any]] = (),
        at: float | None = None,
    ) -> None:
        """Hand over one request for answers.

        Args:
            request: Its id.
            caller: As :meth:`caller` says.
            address: Where it came from, as :meth:`caller` says, if that is another name for it: guarded, too.
            model: Which version answered; left out, the one that is watched.
            status: The HTTP status of the answer.
            seconds: How long it took.
            rows: The raw rows.
            answers: As many answers.
            at: When it came, in seconds since 1970; left out, now.
        """
        name = model if model is not None else self.watched.model
        self.counts.answered(name, status, len(rows), seconds)
        moment = at if at is not None else time.time()
        self.recorder.add(Seen(request, name, caller, status, seconds * 1000, rows, answers, moment))
        if rows and len(self._guarded) < _MOST_GUARDED:
            self._guarded += [(name, rows[:_MOST_GUARDED_ROWS]) for name in {caller, address or caller}]

    def feedback(self, request: str, place: int, truth: Any) -> None:
        """Keep what was right for one row of a request.

        Raises:
            ValueError: It cannot be of the target's kind.
        """
        truth_of(self.watched.target, truth)
        self.storage.answer_came(request, place, truth)

    def state(self) -> dict[str, Any]:
        """How the product is; some seconds old at most."""
        with self._lock:
            if self._state is None or time.monotonic() - self._state[0] > _STATE_SECONDS:
                self._state = (time.monotonic(), state(self.watched, self.storage))
            return self._state[1]

    def metrics(self) -> str:
        """What Prometheus reads."""
        return self.counts.text(self.state(), self.dropped() + self.recorder.lost)

    def close(self) -> None:
        """Write what waits, and end."""
        self.recorder.close()

    def _regularly(self) -> None:
        guarded, self._guarded = self._guarded, []
        for caller, rows in guarded:
            self.guard.answered(caller, [measured(self.watched.given, row) for row in rows])
        self._standing = self.storage.remembered("standing", {"mode": "model"})
        now = time.monotonic()
        lost = self.dropped() + self.recorder.lost
        if lost != self._dropped:
            self._dropped = lost
            self.storage.remember("dropped", {**self.storage.remembered("dropped", {}), self._process: lost})
        if now - self._looked >= _LOOK_SECONDS or not self._looked:
            self._looked = now
            if self._is_mine():
                look(self.watched, self.storage)
                told(
                    self.watched.product, self.watched.settings, self.storage,
                    state(self.watched, self.storage), self._ledger,
                )  # fmt: skip
        every = _STATE_SECONDS if self.storage.is_in_memory else _FORGET_SECONDS
        if now - self._forgot >= every or not self._forgot:
            self._forgot = now
            self.storage.forget(self.watched.settings.days)

    def _is_mine(self) -> bool:
        """Whether this process is to look: of several that serve one product, one does."""
        now, last = time.time(), self.storage.remembered("looks", {"process": "", "time": 0.0})
        if last["process"] != self._process and now - last["time"] < 2 * _LOOK_SECONDS:
            return False
        self.storage.remember("looks", {"process": self._process, "time": now})
        return True

    def _noticed(self, what: str, caller: str, done: str, more: Mapping[str, Any]) -> None:
        self.counts.noticed(what)

        def keep() -> None:
            try:
                self.storage.act(f"guard.{what}", caller, done=done, **more)
                self._ledger(f"guard.{done}", self.watched.product, what=what, caller=caller, **more)
            except Exception as error:  # whoever is slowed down is slowed down, noted or not
                _log.error("guard: %s", type(error).__name__)

        # Beside the answers: the ledger waits for the disk.
        threading.Thread(target=keep, daemon=True, name="guard").start()
