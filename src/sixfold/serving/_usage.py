"""Metering: how many requests and rows each API key had answered, a day; for quotas and invoices.

Counted in memory and written once a second, so that no answer waits for a disk; several processes add to one file. A
crash may lose the last second.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sixfold.files import private_folder

__all__ = ["Usage", "Used", "used"]

_SECONDS = 1.0
_MADE = """
create table if not exists usage (
    day text not null, product text not null, key text not null, name text not null,
    requests integer not null, rows integer not null, refused integer not null, primary key (day, product, key)
)
"""
_ADDED = """
insert into usage values (?, ?, ?, ?, ?, ?, ?) on conflict (day, product, key) do update set
    name = excluded.name, requests = requests + excluded.requests, rows = rows + excluded.rows,
    refused = refused + excluded.refused
"""


@dataclass(frozen=True, slots=True)
class Used:
    """What a key had answered on a day (UTC): requests, their rows, and how many requests were refused."""

    day: str
    product: str
    key: str
    name: str
    requests: int
    rows: int
    refused: int


class Usage:
    """Counts what keys use.

    Args:
        folder: Where ``usage.sqlite`` is.
    """

    def __init__(self, folder: Path) -> None:
        self._path = private_folder(folder) / "usage.sqlite"
        self._lock = threading.Lock()
        self._counted: dict[tuple[str, str, str, str], list[int]] = {}
        self._month: dict[str, int] = {}
        self._known_for = ""
        self._ends = threading.Event()
        self._write()
        self._thread = threading.Thread(target=self._write_often, name="usage", daemon=True)
        self._thread.start()

    def count(self, product: str, key: str, name: str, rows: int, *, is_refused: bool) -> None:
        """A request of a key was answered, or refused."""
        with self._lock:
            entry = self._counted.setdefault((_today(), product, key, name), [0, 0, 0])
            if is_refused:
                entry[2] += 1
            else:
                entry[0] += 1
                entry[1] += rows
                self._month[key] = self._month.get(key, 0) + rows

    def rows(self, key: str) -> int:
        """How many rows a key had answered this month, in all processes, but for the last second of others."""
        with self._lock:
            return self._month.get(key, 0)

    def close(self) -> None:
        """Write what is counted, and end."""
        self._ends.set()
        self._thread.join(5)
        self._write()

    def _write_often(self) -> None:
        while not self._ends.wait(_SECONDS):
            self._write()

    def _write(self) -> None:
        with self._lock:
            counted, self._counted = self._counted, {}
        month = _today()[:7]
        with closing(sqlite3.connect(self._path, timeout=10)) as database, database:
            database.execute(_MADE)
            database.executemany(_ADDED, [(*named, *numbers) for named, numbers in counted.items()])
            query = "select key, sum(rows) from usage where substr(day, 1, 7) = ? group by key"
            found = dict(database.execute(query, (month,)).fetchall())
        with self._lock:
            for (day, _, key, _), numbers in self._counted.items():  # counted meanwhile
                if day[:7] == month:
                    found[key] = found.get(key, 0) + numbers[1]
            self._month = found


def used(folder: Path, month: str | None = None) -> Iterator[Used]:
    """What keys used, by day; of one month (``2026-11``), or ever."""
    path = folder / "usage.sqlite"
    if not path.exists():
        return
    with closing(sqlite3.connect(path, timeout=10)) as database:
        query = "select * from usage where ? is null or substr(day, 1, 7) = ? order by day, product, name, key"
        for row in database.execute(query, (month, month)):
            yield Used(*row)


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
