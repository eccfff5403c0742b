"""What a model did since its service began."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Statistics"]


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


def _duration(count: int, nanoseconds: int) -> dict[str, int]:
    return {"count": count, "ns": nanoseconds}
