"""Several processes that answer at one address, and one that starts them again.

The socket belongs to the supervisor: what calls while a worker is gone waits in its queue for another one, so only what
that worker had at hand is lost. The supervisor itself loads no model and has one thread, so that it may fork.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from types import FrameType

from sixfold.errors import ServiceError, SixfoldError

__all__ = ["supervise"]

_BACKLOG = 2048
_READY_SECONDS = 120.0
_GRACE_SECONDS = 6.0
_FEWEST_SECONDS = 0.5
"""A worker that ended sooner than this is not started again at once, or a broken one would keep the machine busy."""

_log = logging.getLogger("sixfold.serving")


def supervise(
    count: int,
    sock: socket.socket,
    work: Callable[[Callable[[], None]], None],
    on_ready: Callable[[], None],
) -> None:
    """Have ``count`` processes do ``work`` until this one is told to stop (SIGTERM, Ctrl-C).

    Args:
        count: How many.
        sock: A bound socket that they take connections from.
        work: What each does; it is handed what it calls once it answers.
        on_ready: Called once all of them answer.

    Raises:
        ServiceError: One of them did not come to answer at the start; the cause was told on the standard error.
    """
    _Supervisor(count, sock, work).run(on_ready)


class _Supervisor:
    def __init__(self, count: int, sock: socket.socket, work: Callable[[Callable[[], None]], None]) -> None:
        self._count, self._work = count, work
        self._workers: dict[int, float] = {}
        self._is_stopping = False
        sock.listen(_BACKLOG)

    def run(self, on_ready: Callable[[], None]) -> None:
        former = {sign: signal.signal(sign, self._stop) for sign in (signal.SIGTERM, signal.SIGINT)}
        try:
            for _ in range(self._count):
                if not self._started():
                    raise ServiceError("worker_failed")
            on_ready()
            while not self._is_stopping:
                self._mourn()
        finally:
            self._end_all()
            for sign, handler in former.items():
                signal.signal(sign, handler)

    def _started(self) -> bool:
        """Whether a new worker came to answer."""
        hears, tells = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(hears)
            self._be_a_worker(tells)
        os.close(tells)
        self._workers[pid] = time.monotonic()
        with os.fdopen(hears, "rb") as told:
            ready, _, _ = select.select([told], [], [], _READY_SECONDS)
            return bool(ready) and told.read(1) == b"r"

    def _be_a_worker(self, tells: int) -> None:
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, signal.SIG_DFL)
        code = 0

        def ready() -> None:
            os.write(tells, b"r")
            os.close(tells)

        try:
            self._work(ready)
        except SixfoldError as error:
            sys.stderr.write(f"{error}\n")
            code = error.exit_code
        except KeyboardInterrupt:
            code = 130
        except BaseException:
            traceback.print_exc()
            code = 1
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.flush()
                sys.stdout.flush()
            os._exit(code)

    def _mourn(self) -> None:
        """Wait for a worker to end, and start another one in its place."""
        try:
            pid, status = os.wait()
        except ChildProcessError:
            pid, status = 0, 0
        if self._is_stopping:
            self._workers.pop(pid, None)
            return
        lived = time.monotonic() - self._workers.pop(pid, 0.0)
        _log.error("worker %d ended with %d after %.1f s; another one is started", pid, status, lived)
        if lived < _FEWEST_SECONDS:
            time.sleep(_FEWEST_SECONDS)
        while not self._is_stopping and not self._started():
            time.sleep(_FEWEST_SECONDS)

    def _stop(self, _sign: int, _frame: FrameType | None) -> None:
        self._is_stopping = True
        for pid in self._workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _end_all(self) -> None:
        self._is_stopping = True
        ends = time.monotonic() + _GRACE_SECONDS
        for pid in list(self._workers):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        while self._workers:
            for pid in list(self._workers):
                try:
                    gone = os.waitpid(pid, os.WNOHANG)[0]
                except ChildProcessError:
                    gone = pid
                if gone:
                    del self._workers[pid]
                elif time.monotonic() > ends:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
