"""The models of one service by name and version, and what each has done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sixfold.errors import RequestError, SixfoldError
from sixfold.serving._served import Served

__all__ = ["Entry", "Models", "Statistics"]


@dataclass(slots=True)
class Statistics:
    """What a model did since the service began; times in nanoseconds. Only whoever holds the lock changes it."""

    requests: int = 0
    failed: int = 0
    rows: int = 0
    runs: int = 0
    last: int = 0
    """When it answered last, in milliseconds since 1970."""
    spent: int = 0
    failing: int = 0
    waited: int = 0
    """Before their run began."""
    running: int = 0
    """In runs of the model, by request."""
    batches: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By number of rows: how many runs, and their time."""
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def answered(self, rows: int, spent: int, waited: int, running: int) -> None:
        """A request was answered."""
        with self.lock:
            self.requests += 1
            self.rows += rows
            self.last = time.time_ns() // 1_000_000
            self.spent += spent
            self.waited += waited
            self.running += running

    def refused(self, spent: int) -> None:
        """A request was refused."""
        with self.lock:
            self.failed += 1
            self.failing += spent

    def ran(self, rows: int, running: int) -> None:
        """The model was run once on so many rows."""
        with self.lock:
            self.runs += 1
            count, took = self.batches.get(rows, (0, 0))
            self.batches[rows] = (count + 1, took + running)

    def told(self) -> dict[str, Any]:
        """As the statistics extension of the protocol writes it."""
        with self.lock:
            other = self.spent - self.waited - self.running
            return {
                "last_inference": self.last,
                "inference_count": self.rows,
                "execution_count": self.runs,
                "inference_stats": {
                    "success": _duration(self.requests, self.spent),
                    "fail": _duration(self.failed, self.failing),
                    "queue": _duration(self.requests, self.waited),
                    "compute_input": _duration(self.requests, max(0, other)),
                    "compute_infer": _duration(self.requests, self.running),
                    "compute_output": _duration(self.requests, 0),
                    "cache_hit": _duration(0, 0),
                    "cache_miss": _duration(0, 0),
                },
                "batch_stats": [
                    {
                        "batch_size": rows,
                        "compute_input": _duration(count, 0),
                        "compute_infer": _duration(count, took),
                        "compute_output": _duration(count, 0),
                    }
                    for rows, (count, took) in sorted(self.batches.items())
                ],
            }


@dataclass(slots=True)
class Entry:
    """A version of a model, as it stands in a service.

    Args:
        served: The model; ``None`` while it is not loaded.
        name: As clients call it.
        version: Which one it is.
        load: Loads it anew.
        reason: Why it is not loaded.
        statistics: What it has done.
    """

    served: Served | None
    name: str
    version: str
    load: Callable[[], Served]
    reason: str = ""
    statistics: Statistics = field(default_factory=Statistics)

    @property
    def ready(self) -> Served:
        """The model.

        Raises:
            RequestError: It is not loaded.
        """
        if self.served is None:
            raise RequestError("model_unready", model=self.name)
        return self.served


class Models:
    """The models of a service.

    Args:
        may_change: Whether callers may load and unload them.
    """

    def __init__(self, *, may_change: bool = False) -> None:
        self.may_change = may_change
        self._entries: dict[str, Entry] = {}
        self._changing = threading.Lock()

    def add(self, served: Served, load: Callable[[], Served]) -> Entry:
        """Have a model answer under its name; ``load`` loads it anew."""
        self._entries[served.name] = entry = Entry(served, served.name, served.version, load)
        return entry

    @property
    def are_ready(self) -> bool:
        """Whether each model is loaded."""
        return bool(self._entries) and all(entry.served is not None for entry in self._entries.values())

    def find(self, name: str, version: str | None = None) -> Entry:
        """The model that a request names.

        Raises:
            RequestError: There is none of that name, or not of that version.
        """
        entry = self._entries.get(name)
        if entry is None:
            raise RequestError("unknown_model", model=name[:80], known=", ".join(self._entries) or "–")
        if version is not None and version != entry.version:
            raise RequestError("unknown_version", model=name, version=version[:80], known=entry.version)
        return entry

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def load(self, name: str) -> None:
        """Load a model anew; what it was goes on answering until then, and if that fails.

        Raises:
            RequestError: Nobody may, there is none, or it cannot be loaded.
        """
        entry = self._to_change(name)
        with self._changing:
            try:
                served = entry.load()
            except (SixfoldError, OSError) as error:
                reason = error.says() if isinstance(error, SixfoldError) else str(error)
                raise RequestError("cannot_load", model=name, reason=reason) from error
            entry.served, entry.version, entry.reason = served, served.version, ""

    def unload(self, name: str) -> None:
        """Have a model answer no more; what it is at work on is finished.

        Raises:
            RequestError: Nobody may, or there is none.
        """
        entry = self._to_change(name)
        with self._changing:
            entry.served, entry.reason = None, "unloaded"

    def _to_change(self, name: str) -> Entry:
        entry = self.find(name)
        if not self.may_change:
            raise RequestError("no_control", model=name)
        return entry


def _duration(count: int, nanoseconds: int) -> dict[str, int]:
    return {"count": count, "ns": nanoseconds}
