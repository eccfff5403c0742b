"""Work with models: how much of it goes on at the same time, and where."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from sixfold.errors import RequestError
from sixfold.serving._limits import Limits

__all__ = ["Work"]

_T = TypeVar("_T")


class Work:
    """Work with models beside the event loop, so that health is told at once however long an answer takes.

    Args:
        limits: How many requests are worked on at the same time, and how long.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.runs = max(2, os.cpu_count() or 1)
        """How many runs of models go on beside each other: while one prepares its arrays, another one computes."""
        self._pool = ThreadPoolExecutor(max_workers=self.runs, thread_name_prefix="answers")
        self.under_way = 0
        """How many requests are read or worked on."""

    @contextlib.contextmanager
    def place(self, *, begun: bool = False) -> Iterator[None]:
        """While a request is worked on; one that has begun to answer is not refused any more.

        Raises:
            RequestError: So many are already.
        """
        if self.under_way >= self._limits.waiting and not begun:
            raise RequestError("busy")
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

    def start(self, work: Callable[[], _T]) -> asyncio.Future[_T]:
        """Have a thread do ``work``, in the language of whoever asked."""
        return asyncio.get_running_loop().run_in_executor(self._pool, copy_context().run, work)

    async def beside(self, work: Callable[[], _T]) -> _T:
        """What ``work`` returns, done by a thread.

        Raises:
            RequestError: It took too long; it goes on, but nobody waits for it.
        """
        running = self.start(work)
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await asyncio.shield(running)
        except TimeoutError:
            running.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise RequestError("took_too_long", seconds=self._limits.seconds) from None
