"""Rows of a database: a table, or what a query selects."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from pydantic import Field as Setting
from pydantic import model_validator

from sixfold.errors import SourceError
from sixfold.families import Options as KindOptions
from sixfold.hashing import digest_of_value
from sixfold.language import Text
from sixfold.sources._files import located, not_found, stamp
from sixfold.sources._records import Records
from sixfold.sources._source import Provenance, Source
from sixfold.sources._statement import reading_statement

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import URL, Connection, Executable, Select

__all__ = ["Database"]

logging.getLogger("sqlalchemy").addHandler(logging.NullHandler())
"""What goes wrong is told in errors of our own; unless somebody listens, the library's own words are not printed."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9]*)(?:\+[A-Za-z0-9_]+)?:/")
_BUILT_IN = ("sqlite", "postgresql", "mysql", "mariadb", "oracle", "mssql")
_SECRETS = re.compile(r"pass|pwd|secret|token", re.IGNORECASE)
_ROWS_AT_ONCE = 20_000
_SHOWN = 12
_READ_ONLY: dict[str, str] = {
    "sqlite": "PRAGMA query_only = ON",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
}
"""How a session is told to write nothing, beside PostgreSQL, where SQLAlchemy does it."""


class Database(Source):
    """``sqlite:///shop.db``, ``postgresql://host/shop`` or any other address that SQLAlchemy knows.

    One statement that selects is run in a session that may only read, and its rows come in pieces. Who may read them is
    said by the environment: ``credentials: SHOP`` means its SHOP_USER and SHOP_PASSWORD; a password in the address is
    refused. A table comes in the order of its primary key; a query without `order by` in whatever order the database
    likes, which makes its rows other rows. A database server cannot say whether its rows changed, so it is asked anew
    in every run.
    """

    title: ClassVar[Text] = Text("a database", "数据库")
    rank: ClassVar[int] = 0

    class Options(KindOptions):
        """What is asked of the database, and who asks."""

        query: str | None = Setting(None, description="One `select` (or `with … select`).")
        table: str | None = Setting(
            None, description="In place of a query: a table or view, `schema.name` where needed."
        )
        credentials: str | None = Setting(
            None,
            pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
            description="`SHOP` means the user in SHOP_USER and the password in SHOP_PASSWORD, of the environment.",
        )

        @model_validator(mode="after")
        def _says_one(self) -> Database.Options:
            if self.query is not None and self.table is not None:
                raise ValueError("`query` and `table` do not go together")
            return self

    @classmethod
    def claims(cls, place: str, base: Path) -> bool:  # noqa: ARG003
        found = _SCHEME.match(place)
        return found is not None and found.group(1).lower() in (*_BUILT_IN, *_dialects())

    @property
    def is_volatile(self) -> bool:
        return self._file is None

    def fingerprint(self) -> str:
        if self._file is None:
            return digest_of_value(self._shown)
        log = self._file.with_name(self._file.name + "-wal")
        return digest_of_value([stamp(self._file), stamp(log) if log.exists() else None])

    def frames(self) -> Iterator[pl.DataFrame]:
        from sqlalchemy.exc import SQLAlchemyError

        self._digest, self._bytes = hashlib.sha256(), 0
        with self._connected() as connection:
            try:
                result = connection.execute(self._statement(connection))
                names = tuple(result.keys())
                twice = sorted({name for name in names if names.count(name) > 1})
                if twice:
                    raise SourceError("duplicate_columns", path=self._shown, names=", ".join(twice))
                for rows in result.partitions(_ROWS_AT_ONCE):
                    yield self._frame(names, rows)
            except (SQLAlchemyError, sqlite3.Error) as error:
                raise SourceError("query_failed", path=self._shown, reason=self._reason(error)) from None

    def provenance(self) -> Provenance:
        detected = {"database": self._dialect, **({"table": self._said.table} if self._said.table else {})}
        return Provenance(self._shown, self.kind(), self._digest.hexdigest(), self._bytes, detected=detected)

    @property
    def _said(self) -> Database.Options:
        assert isinstance(self.options, Database.Options)
        return self.options

    @cached_property
    def _url(self) -> URL:
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        try:
            url = make_url(self.place)
        except (ArgumentError, ValueError):
            raise SourceError("bad_database", scheme=self.place.partition(":")[0]) from None
        secret = next((name for name in url.query if _SECRETS.search(name)), None)
        if url.password is not None or secret is not None:
            raise SourceError("database_password", host=url.host or url.database or "-")
        return url

    @property
    def _dialect(self) -> str:
        return self._url.get_backend_name()

    @property
    def _shown(self) -> str:
        """The address as it may be shown and recorded: without a user, for it is of no concern to a customer."""
        from sqlalchemy import URL

        url = self._url
        bare = URL.create(url.drivername, host=url.host, port=url.port, database=url.database)
        return bare.render_as_string()

    @property
    def _file(self) -> Path | None:
        """The file of a database that is one."""
        if self._dialect != "sqlite" or not self._url.database:
            return None
        return located(self._url.database, self.base)

    def _credentials(self) -> dict[str, str]:
        name = self._said.credentials
        if name is None:
            return {}
        variables = {"username": f"{name}_USER", "password": f"{name}_PASSWORD"}
        found = {part: os.environ[variable] for part, variable in variables.items() if os.environ.get(variable)}
        if "password" not in found or not (self._url.username or "username" in found):
            raise SourceError("no_credentials", user=variables["username"], password=variables["password"])
        return found

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """A connection in a transaction that reads and is rolled back."""
        from sqlalchemy import create_engine, text
        from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError
        from sqlalchemy.pool import NullPool

        if self._file is not None and not self._file.is_file():
            raise not_found(str(self._file), self.base)
        try:
            engine = create_engine(self._whole_url(), poolclass=NullPool, connect_args=self._arguments())
        except (NoSuchModuleError, ImportError):
            raise SourceError("no_driver", dialect=self._url.drivername) from None
        options: dict[str, Any] = {"stream_results": True, "max_row_buffer": _ROWS_AT_ONCE}
        if self._dialect == "postgresql":
            options |= {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"}
        try:
            with engine.connect() as plain:
                connection = plain.execution_options(**options)
                if self._dialect in _READ_ONLY:
                    connection.execute(text(_READ_ONLY[self._dialect]))
                yield connection
                connection.rollback()
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise SourceError("no_connection", path=self._shown, reason=self._reason(error)) from None
        finally:
            engine.dispose()

    def _whole_url(self) -> URL:
        url = self._url
        if self._file is not None:  # opened so that nothing in it can be changed, and none is made
            return url.set(database=f"file:{quote(str(self._file.absolute()))}", query={"mode": "ro", "uri": "true"})
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+pg8000")
        query = {name: value for name, value in url.query.items() if name != "sslmode"}
        found = self._credentials()
        return url.set(query=query, username=found.get("username"), password=found.get("password"))

    def _arguments(self) -> dict[str, Any]:
        mode = self._url.query.get("sslmode")
        if self._whole_url().drivername != "postgresql+pg8000" or mode in (None, "prefer", "allow"):
            return {}  # pg8000 encrypts wherever the server can
        if mode == "disable":
            return {"ssl_context": False}
        import ssl

        context = ssl.create_default_context()
        if mode == "require":  # encrypted, whoever answers (libpq's meaning of the word)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return {"ssl_context": context}

    def _statement(self, connection: Connection) -> Executable:
        from sqlalchemy import column, inspect, literal_column, select, table, text

        if self._said.query is not None:
            return text(reading_statement(self._said.query).replace(":", "\\:"))
        inspector = inspect(connection)
        known = [*inspector.get_table_names(), *inspector.get_view_names()]
        shown = ", ".join(known[:_SHOWN]) + (" …" if len(known) > _SHOWN else "")
        if self._said.table is None:
            raise SourceError("no_query", path=self._shown, tables=shown or "-")
        schema, _, name = self._said.table.rpartition(".")
        if not schema and name not in known:
            raise SourceError("no_table", path=self._shown, table=self._said.table, tables=shown or "-")
        key = inspector.get_pk_constraint(name, schema=schema or None)["constrained_columns"]
        every: Select[Any] = select(literal_column("*")).select_from(table(name, schema=schema or None))
        return every.order_by(*map(column, key))

    def _frame(self, names: tuple[str, ...], rows: Any) -> pl.DataFrame:
        import polars as pl

        records = Records()
        mappings: list[Mapping[str, Any]] = [dict(zip(names, row, strict=True)) for row in rows]
        for row in mappings:
            records.see(row)
        # A column with no value in this piece is of no type yet: what the other pieces hold decides.
        frame = records.frame(mappings).with_columns(pl.lit(None).alias(name) for name in records.unknown)
        stream = io.BytesIO()
        frame.write_ipc(stream, compression="uncompressed")
        self._digest.update(stream.getvalue())
        self._bytes += int(frame.estimated_size())
        return frame

    def _reason(self, error: Exception) -> str:
        """What a driver said, on one line and without the password, should it be so careless as to name it."""
        cause = getattr(error, "orig", None) or error
        told = cause.args[0] if cause.args else cause
        text = str(told.get("M", told)) if isinstance(told, dict) else str(told) or type(cause).__name__
        for secret in self._credentials().values():
            text = text.replace(secret, "…")
        return " ".join(text.split())[:300]


def _dialects() -> tuple[str, ...]:
    """Databases that other packages teach SQLAlchemy."""
    return tuple(point.name.partition(".")[0] for point in entry_points(group="sqlalchemy.dialects"))
