"""What work takes of a machine: wall time, processor time, peak memory and energy, processes that it starts included.

Memory is read from Linux' ``/proc``: how much this process holds at the moment, and the most that each of those it
started ever held. Where there is no ``/proc``, the peaks that the system keeps of processes are taken; they cannot tell
one piece of work from what went before it. Energy is read from the processor's own counters (RAPL) where they are open.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Meter", "Used", "memory_of_machine"]

_EVERY = 0.2
"""Seconds between two looks: reading a few files of ``/proc`` takes a fraction of a millisecond."""

_PROC = Path("/proc")
_RAPL = Path("/sys/class/powercap")


@dataclass(frozen=True, slots=True)
class Used:
    """What a piece of work took.

    Args:
        seconds: Of wall time.
        cpu_seconds: Of processor time, over all cores.
        peak_bytes: The most memory that was held at once.
        joules: By the processor's own counters; ``None`` where there are none.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    joules: float | None = None

    def to_json(self) -> dict[str, float | int | None]:
        """As plain JSON."""
        return {
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 3),
            "peak_bytes": self.peak_bytes,
            "joules": None if self.joules is None else round(self.joules, 1),
        }


class Meter:
    """Measures what happens within a ``with`` block; :attr:`used` then says what it took.

    >>> with Meter() as meter:
    ...     found = sum(range(10))
    >>> meter.used.peak_bytes > 0
    True
    """

    used: Used

    def __enter__(self) -> Self:
        self._done = threading.Event()
        self._others = set(_descendants(os.getpid()))  # services that run on are not this work's
        self._peaks: dict[int, int] = {}
        self._peak = 0
        self._energy = _energy()
        self._cpu = _cpu_seconds()
        self._begun = time.perf_counter()
        self._look()
        self._watch = threading.Thread(target=self._go_on, daemon=True)
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._look()
        self._done.set()
        self._watch.join()
        seconds, now = time.perf_counter() - self._begun, _energy()
        joules = None
        if self._energy is not None and now is not None:
            # A counter that ran over begins again from zero: that zone is left out.
            joules = sum(max(0, now[zone] - before) for zone, before in self._energy.items() if zone in now) / 1e6
        self.used = Used(seconds, max(0.0, _cpu_seconds() - self._cpu), self._peak, joules)

    def _go_on(self) -> None:
        while not self._done.wait(_EVERY):
            self._look()

    def _look(self) -> None:
        if not _PROC.is_dir():
            self._peak = max(self._peak, _kept_peak())
            return
        own = _held(os.getpid())
        alive = [pid for pid in _descendants(os.getpid()) if pid not in self._others]
        self._peaks = {pid: max(self._peaks.get(pid, 0), _most_held(pid)) for pid in alive}
        self._peak = max(self._peak, own + sum(self._peaks.values()))


def memory_of_machine() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _descendants(pid: int) -> Iterator[int]:
    try:
        threads = list((_PROC / str(pid) / "task").iterdir())
    except OSError:
        return
    for thread in threads:
        try:
            children = (thread / "children").read_text().split()
        except OSError:
            continue
        for child in map(int, children):
            yield child
            yield from _descendants(child)


def _held(pid: int) -> int:
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _most_held(pid: int) -> int:
    try:
        for line in (_PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    except (OSError, IndexError, ValueError):
        pass
    return 0


def _kept_peak() -> int:
    unit = 1 if sys.platform == "darwin" else 1 << 10
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(kind).ru_maxrss for kind in kinds) * unit


def _cpu_seconds() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, kinds))


def _energy() -> dict[str, int] | None:
    """The processor's counters in microjoules, package by package; ``None`` where there are none to be read."""
    found: dict[str, int] = {}
    for zone in sorted(_RAPL.glob("intel-rapl:[0-9]")) if _RAPL.is_dir() else ():
        try:
            found[zone.name] = int((zone / "energy_uj").read_text())
        except (OSError, ValueError):
            continue
    return found or None
