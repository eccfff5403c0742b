"""Dynamic batching: what requests ask at the same time goes through the model together.

Nobody waits for a batch that need not come: a request that is alone runs at once. Where others are under way, one waits
for them until all of them have come, the batch is full, or the bound on added delay (``Limits.delay``) is reached; and
while a run goes on, what comes meanwhile makes the next batch.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sixfold.errors import RequestError
from sixfold.serving._limits import Limits
from sixfold.serving._served import Job, Served
from sixfold.serving._statistics import Statistics
from sixfold.serving._work import Work

__all__ = ["Batcher", "Made"]


@dataclass(frozen=True, slots=True)
class Made:
    """What a run made of a job, and how many nanoseconds it waited and ran."""

    result: Any
    waited: int
    running: int


@dataclass(slots=True)
class _Waiting:
    job: Job
    future: asyncio.Future[Made]
    since: int


class Batcher:
    """Runs the jobs of one model, those that came together in one go.

    Args:
        served: The model.
        work: Where it is run, and how many requests are under way.
        limits: The largest batch, and how long to wait for one.
        statistics: Told of each run.
    """

    def __init__(self, served: Served, work: Work, limits: Limits, statistics: Statistics) -> None:
        self._served, self._work, self._limits, self._statistics = served, work, limits, statistics
        self._waiting: deque[_Waiting] = deque()
        self._running = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits or runs."""
        return not self._running and not self._waiting

    async def made(self, job: Job) -> Made:
        """What the model makes of a job.

        Raises:
            RequestError: It cannot be run, or took too long.
        """
        future: asyncio.Future[Made] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(job, future, time.perf_counter_ns()))
        self._begin()
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await future
        except TimeoutError:
            raise RequestError("took_too_long", seconds=self._limits.seconds) from None

    def run_alone(self, job: Job) -> Made:
        """The same for a job that nothing else is under way beside; from a thread."""
        begun = time.perf_counter_ns()
        (result,) = self._served.run([job])
        running = time.perf_counter_ns() - begun
        self._statistics.ran(job.count, running)
        return Made(result, 0, running)

    def _begin(self) -> None:
        while self._waiting and self._running < self._work.runs:
            now, first = time.perf_counter_ns(), self._waiting[0]
            left = self._limits.delay / 1000 - (now - first.since) / 1e9
            if left > 0 and self._is_worth_waiting(first.job):
                if self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(left, self._wake)
                return
            self._start(self._taken(), now)

    def _is_worth_waiting(self, job: Job) -> bool:
        """Whether some that could go along are read still, and there is room for them."""
        if job.key is None or self._work.under_way <= len(self._waiting) + self._running:
            return False
        return sum(waiting.job.count for waiting in self._waiting) < self._limits.batch

    def _wake(self) -> None:
        self._timer = None
        self._begin()

    def _taken(self) -> list[_Waiting]:
        """The next batch: the oldest job, and those behind it that go along with it."""
        first = self._waiting.popleft()
        batch, count, others = [first], first.job.count, deque[_Waiting]()
        while self._waiting and first.job.key is not None:
            waiting = self._waiting.popleft()
            if waiting.future.done():
                continue
            if waiting.job.key == first.job.key and count + waiting.job.count <= self._limits.batch:
                batch.append(waiting)
                count += waiting.job.count
            else:
                others.append(waiting)
        self._waiting.extendleft(reversed(others))
        return [waiting for waiting in batch if not waiting.future.done()]

    def _start(self, batch: Sequence[_Waiting], begun: int) -> None:
        if not batch:
            return
        self._running += 1
        jobs = [waiting.job for waiting in batch]
        running = self._work.start(lambda: self._run(jobs))

        def ended(done: asyncio.Future[list[Made | BaseException]]) -> None:
            self._running -= 1
            error = done.exception()
            results = [error] * len(batch) if error is not None else done.result()
            for waiting, made in zip(batch, results, strict=True):
                if waiting.future.done():
                    continue
                if isinstance(made, Made):
                    waiting.future.set_result(Made(made.result, begun - waiting.since, made.running))
                else:
                    assert made is not None
                    waiting.future.set_exception(made)
            self._begin()

        running.add_done_callback(ended)

    def _run(self, jobs: Sequence[Job]) -> list[Made | BaseException]:
        begun = time.perf_counter_ns()
        try:
            results = self._served.run(jobs)
        except Exception as error:
            if len(jobs) == 1:
                return [error]
            # One of them is at fault; the others shall not suffer for it.
            return [made for job in jobs for made in self._run([job])]
        running = time.perf_counter_ns() - begun
        self._statistics.ran(sum(job.count for job in jobs), running)
        return [Made(result, 0, running) for result in results]
