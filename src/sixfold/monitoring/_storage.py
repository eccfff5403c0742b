"""Where summaries of requests are kept: SQLite in the home, or PostgreSQL by its address.

In clear stands only what a log would hold too: when, how long, how many rows, which model, which caller's key (a
digest). Everything that was sent or answered, even summarised, is sealed with age for this home's key, a piece of many
rows at a time. What is older than asked for is removed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pyrage

from sixfold.errors import ServiceError
from sixfold.files import private_folder
from sixfold.security import Home, Keyring, decrypted, encrypted

__all__ = ["Act", "Piece", "Request", "Seal", "Storage", "Traffic", "open_storage"]

PASSWORD = "SIXFOLD_WATCH_PASSWORD"  # noqa: S105 — the name of the variable
"""The environment variable that holds the password of a PostgreSQL address."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS requests (id TEXT NOT NULL, time DOUBLE PRECISION NOT NULL, model TEXT NOT NULL, "
    "caller TEXT NOT NULL, count INTEGER NOT NULL, status INTEGER NOT NULL, milliseconds DOUBLE PRECISION NOT NULL, "
    "piece TEXT)",
    "CREATE INDEX IF NOT EXISTS requests_time ON requests (time)",
    "CREATE INDEX IF NOT EXISTS requests_id ON requests (id)",
    "CREATE TABLE IF NOT EXISTS pieces (id TEXT PRIMARY KEY, time DOUBLE PRECISION NOT NULL, model TEXT NOT NULL, "
    "count INTEGER NOT NULL, sealed {blob} NOT NULL)",
    "CREATE INDEX IF NOT EXISTS pieces_time ON pieces (time)",
    "CREATE TABLE IF NOT EXISTS payloads (request TEXT PRIMARY KEY, time DOUBLE PRECISION NOT NULL, "
    "sealed {blob} NOT NULL)",
    "CREATE TABLE IF NOT EXISTS feedback (request TEXT NOT NULL, place INTEGER NOT NULL, "
    "time DOUBLE PRECISION NOT NULL, sealed {blob} NOT NULL, PRIMARY KEY (request, place))",
    "CREATE TABLE IF NOT EXISTS acts (time DOUBLE PRECISION NOT NULL, act TEXT NOT NULL, caller TEXT NOT NULL, "
    "detail TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, told TEXT NOT NULL)",
)
_BUSY_SECONDS = 10.0
_MOST_PIECES = 1000
"""Pieces that are opened at once: each takes a fraction of a millisecond."""

_MOST_FEEDBACK = 20_000
_MOST_TIMED = 10_000
_MOST_IN_MEMORY = {"requests": 5000, "pieces": 200, "payloads": 200, "feedback": 2000, "acts": 500}
"""What a storage in memory holds: it must not grow with its service."""

_HOUR, _DAY = 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as far as it stands in clear; ``piece`` names where its rows are."""

    id: str
    time: float
    model: str
    caller: str
    count: int
    status: int
    milliseconds: float
    piece: str | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """The rows of some requests: of each what was measured of it, what was answered, and whose it is."""

    id: str
    time: float
    model: str
    rows: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done or noticed: an alarm, a caller that was slowed down or locked."""

    time: float
    act: str
    caller: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counts of some hours; ``hours``: requests of each, the newest last; ``took``: milliseconds of the newest."""

    requests: int
    rows: int
    failed: int
    refused: int
    callers: int
    hours: list[int]
    took: list[float]


class Seal:
    """What closes pieces, and opens them again.

    Args:
        identity: Whose; left out, one that nobody else will ever have (what is kept in memory alone).
    """

    def __init__(self, identity: pyrage.x25519.Identity | None = None) -> None:
        self._identity = identity if identity is not None else pyrage.x25519.Identity.generate()
        self._recipient = str(self._identity.to_public())

    def closed(self, value: Any) -> bytes:
        """A JSON value as sealed bytes."""
        return encrypted(zlib.compress(orjson.dumps(value), 6), [self._recipient])

    def opened(self, sealed: bytes) -> Any:
        """What :meth:`closed` was given.

        Raises:
            KeyringError: It was sealed for another home, or changed.
        """
        return orjson.loads(zlib.decompress(decrypted(bytes(sealed), self._identity, what="watch")))


class Storage:
    """Requests, pieces, feedback, acts and notes of one product; safe to use from several threads and processes.

    Args:
        connect: Makes a connection; each thread gets its own.
        seal: What closes and opens.
        mark: How a parameter stands in a statement.
        blob: What bytes are called.
        shared: One connection for all threads (a database in memory).
    """

    def __init__(self, connect: Any, seal: Seal, *, mark: str = "?", blob: str = "BLOB", shared: bool = False) -> None:
        self._connect, self.seal, self._mark = connect, seal, mark
        self._local = threading.local()
        self._lock = threading.RLock()
        self._shared = connect() if shared else None
        self.is_in_memory = shared
        with self._writing() as cursor:
            for statement in _TABLES:
                cursor.execute(statement.format(blob=blob))

    def add(
        self,
        requests: Sequence[Request],
        piece: Piece | None = None,
        payloads: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep requests, the piece that holds their rows, and, where that is asked for, what was sent."""
        now = time.time()
        with self._writing() as cursor:
            if piece is not None:
                self._run(
                    cursor,
                    "INSERT INTO pieces VALUES (?, ?, ?, ?, ?)",
                    (piece.id, piece.time, piece.model, len(piece.rows), self.seal.closed(piece.rows)),
                )
            for one in requests:
                told = (one.id, one.time, one.model, one.caller, one.count, one.status, one.milliseconds, one.piece)
                self._run(cursor, "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, ?, ?)", told)
            for request, content in (payloads or {}).items():
                self._run(cursor, "DELETE FROM payloads WHERE request = ?", (request,))
                self._run(cursor, "INSERT INTO payloads VALUES (?, ?, ?)", (request, now, self.seal.closed(content)))

    def requests(self, *, since: float = 0.0, id: str | None = None) -> list[Request]:  # noqa: A002
        """Requests, oldest first."""
        where, values = ("id = ?", (id,)) if id is not None else ("time >= ?", (since,))
        return [Request(*row) for row in self._asked(f"SELECT * FROM requests WHERE {where} ORDER BY time", values)]  # noqa: S608 — one of two constants

    def pieces(self, *, rows: int | None = None, model: str | None = None, since: float = 0.0) -> list[Piece]:
        """The newest pieces that hold ``rows`` rows together, oldest first."""
        of_model, values = ("AND model = ?", (since, model)) if model is not None else ("", (since,))
        found: list[Piece] = []
        held = 0
        statement = f"SELECT id, time, model, sealed FROM pieces WHERE time >= ? {of_model} ORDER BY time DESC"  # noqa: S608 — a constant
        for name, made, of, sealed in self._asked(f"{statement} LIMIT {_MOST_PIECES}", values):
            found.append(Piece(name, made, of, self.seal.opened(sealed)))
            held += len(found[-1].rows)
            if rows is not None and held >= rows:
                break
        return found[::-1]

    def piece(self, name: str) -> Piece | None:
        """One piece by its id."""
        for made, of, sealed in self._asked("SELECT time, model, sealed FROM pieces WHERE id = ?", (name,)):
            return Piece(name, made, of, self.seal.opened(sealed))
        return None

    def judged_pieces(self, model: str) -> list[Piece]:
        """The newest pieces with rows of which the truth came back, oldest first."""
        statement = (
            "SELECT DISTINCT p.id, p.time, p.model, p.sealed FROM feedback f JOIN requests r ON r.id = f.request "
            "JOIN pieces p ON p.id = r.piece WHERE p.model = ? ORDER BY p.time DESC"
        )
        found = self._asked(f"{statement} LIMIT {_MOST_PIECES}", (model,))
        return [Piece(name, made, of, self.seal.opened(sealed)) for name, made, of, sealed in found][::-1]

    def traffic(self, now: float, hours: int) -> Traffic:
        """Counts of the last hours."""
        since = now - hours * _HOUR
        ((count, rows, failed, refused, callers),) = self._asked(
            "SELECT COUNT(*), COALESCE(SUM(count), 0), COALESCE(SUM(CASE WHEN status >= 500 THEN 1 ELSE 0 END), 0), "
            "COALESCE(SUM(CASE WHEN status >= 400 AND status < 500 THEN 1 ELSE 0 END), 0), COUNT(DISTINCT caller) "
            "FROM requests WHERE time >= ?",
            (since,),
        )
        parts = self._asked(
            f"SELECT CAST((? - time) / {_HOUR} AS INTEGER), COUNT(*) FROM requests WHERE time >= ? GROUP BY 1",  # noqa: S608 — a constant
            (now, since),
        )
        by_hour = [0] * hours
        for back, number in parts:
            by_hour[hours - 1 - min(hours - 1, max(0, int(back)))] += int(number)
        took = self._asked(
            "SELECT milliseconds FROM requests WHERE status < 400 AND time >= ? "  # noqa: S608 — a constant
            f"ORDER BY time DESC LIMIT {_MOST_TIMED}",
            (since,),
        )
        return Traffic(
            requests=int(count),
            rows=int(rows),
            failed=int(failed),
            refused=int(refused),
            callers=int(callers),
            hours=by_hour,
            took=[float(one) for (one,) in took],
        )

    def models(self) -> list[tuple[str, float, float, int, int]]:
        """Every version that answered: since when, until when, requests, rows; the first one first."""
        return [
            (model, float(first), float(last), int(count), int(rows or 0))
            for model, first, last, count, rows in self._asked(
                "SELECT model, MIN(time), MAX(time), COUNT(*), SUM(count) FROM requests GROUP BY model "
                "ORDER BY MIN(time)",
                (),
            )
        ]

    def new_rows(self, model: str, since: float) -> int:
        """Rows of a version that were measured since."""
        ((count,),) = self._asked(
            "SELECT COALESCE(SUM(count), 0) FROM pieces WHERE model = ? AND time >= ?", (model, since)
        )
        return int(count)

    def payload(self, request: str) -> Any:
        """What was sent with a request, if that was kept."""
        for (sealed,) in self._asked("SELECT sealed FROM payloads WHERE request = ?", (request,)):
            return self.seal.opened(sealed)
        return None

    def payloads(self) -> Iterator[tuple[str, Any]]:
        """Everything that was sent and kept, by request, oldest first."""
        for request, sealed in self._asked("SELECT request, sealed FROM payloads ORDER BY time", ()):
            yield request, self.seal.opened(sealed)

    def answer_came(self, request: str, place: int, truth: Any) -> None:
        """Keep what was right for one row of a request; said again, the newer word holds."""
        with self._writing() as cursor:
            self._run(cursor, "DELETE FROM feedback WHERE request = ? AND place = ?", (request, place))
            told = (request, place, time.time(), self.seal.closed(truth))
            self._run(cursor, "INSERT INTO feedback VALUES (?, ?, ?, ?)", told)

    def feedback(self, *, since: float = 0.0) -> dict[tuple[str, int], Any]:
        """What was right, by request and place of the row."""
        rows = self._asked(
            f"SELECT request, place, sealed FROM feedback WHERE time >= ? ORDER BY time DESC LIMIT {_MOST_FEEDBACK}",  # noqa: S608 — a constant
            (since,),
        )
        return {(request, place): self.seal.opened(sealed) for request, place, sealed in rows}

    def act(self, act: str, caller: str = "", **detail: Any) -> Act:
        """Keep that something was done or noticed."""
        done = Act(time.time(), act, caller, detail)
        with self._writing() as cursor:
            told = (done.time, act, caller, orjson.dumps(detail).decode())
            self._run(cursor, "INSERT INTO acts VALUES (?, ?, ?, ?)", told)
        return done

    def acts(self, *, since: float = 0.0) -> list[Act]:
        """What was done, oldest first."""
        rows = self._asked("SELECT time, act, caller, detail FROM acts WHERE time >= ? ORDER BY time", (since,))
        return [Act(moment, act, caller, orjson.loads(detail)) for moment, act, caller, detail in rows]

    def remember(self, name: str, told: Any) -> None:
        """Remember one value by its name."""
        with self._writing() as cursor:
            self._run(cursor, "DELETE FROM notes WHERE name = ?", (name,))
            self._run(cursor, "INSERT INTO notes VALUES (?, ?)", (name, orjson.dumps(told).decode()))

    def remembered(self, name: str, default: Any = None) -> Any:
        """The value that was remembered."""
        for (told,) in self._asked("SELECT told FROM notes WHERE name = ?", (name,)):
            return orjson.loads(told)
        return default

    def forget(self, days: float) -> None:
        """Remove what is older; and, in memory, what is more than it may hold."""
        before = time.time() - days * _DAY
        with self._writing() as cursor:
            for table in ("requests", "pieces", "payloads", "feedback", "acts"):
                self._run(cursor, f"DELETE FROM {table} WHERE time < ?", (before,))  # noqa: S608 — one of five constants
                if self.is_in_memory:
                    kept = f"SELECT time FROM {table} ORDER BY time DESC LIMIT 1 OFFSET {_MOST_IN_MEMORY[table]}"  # noqa: S608
                    cursor.execute(f"DELETE FROM {table} WHERE time <= ({kept})")  # noqa: S608 — constants

    def close(self) -> None:
        """Close this thread's connection."""
        connection = self._shared or getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = self._shared = None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Any]:
        with self._lock:
            connection = self._connection()
            cursor = connection.cursor()
            try:
                yield cursor
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            finally:
                cursor.close()

    def _asked(self, statement: str, values: Sequence[Any]) -> list[Any]:
        with self._lock:
            connection = self._connection()
            cursor = connection.cursor()
            try:
                self._run(cursor, statement, values)
                return list(cursor.fetchall())
            finally:
                cursor.close()
                connection.commit()

    def _run(self, cursor: Any, statement: str, values: Sequence[Any]) -> None:
        cursor.execute(statement.replace("?", self._mark), tuple(values))

    def _connection(self) -> Any:
        if self._shared is not None:
            return self._shared
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        return connection


def open_storage(product: str, home: Home | None, address: str | None = None) -> Storage:
    """The storage of a product.

    Args:
        product: Its name.
        home: Whose key seals, and where SQLite's file is; ``None``: in memory, gone with the process.
        address: ``postgresql://user@host:port/database``; left out, SQLite. The password comes from
            ``SIXFOLD_WATCH_PASSWORD``.

    Raises:
        ServiceError: The database cannot be reached, or its driver is not installed.
    """
    seal = Seal(None if home is None else Keyring(home).identity)
    if address is not None:
        return _postgres(address, product, seal)
    if home is None:
        return Storage(lambda: sqlite3.connect(":memory:", check_same_thread=False), seal, shared=True)
    path = private_folder(home.folder("watch") / product) / "watch.sqlite"
    try:
        return Storage(lambda: _sqlite(path), seal)
    except sqlite3.Error as error:
        raise ServiceError("watch_unreachable", path=path, reason=error) from error


def _sqlite(path: Path) -> sqlite3.Connection:
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    # A crash may lose the last seconds of summaries, never the file: writing must not wait for the disk.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _postgres(address: str, product: str, seal: Seal) -> Storage:
    parts = urlsplit(address)
    try:
        import pg8000.dbapi as driver
    except ImportError as error:
        raise ServiceError("watch_no_driver", path=parts.hostname) from error

    schema = "sixfold_" + product.encode().hex()

    def connect() -> Any:
        connection = driver.connect(
            user=parts.username or os.environ.get("USER", "postgres"),
            password=os.environ.get(PASSWORD),
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 5432,
            database=parts.path.lstrip("/") or "postgres",
        )
        cursor = connection.cursor()
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        cursor.execute(f"SET search_path TO {schema}")
        cursor.close()
        connection.commit()
        return connection

    try:
        return Storage(connect, seal, mark="%s", blob="BYTEA")
    except (driver.Error, OSError) as error:
        raise ServiceError("watch_unreachable", path=parts.hostname, reason=type(error).__name__) from error
