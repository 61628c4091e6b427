"""The SQL database that all connections share: SQLite embedded, PostgreSQL by URL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import Dialect

from st_erp_pipelines.errors import ConfigurationError

metadata = sa.MetaData()
ONLY_READS = "only_reads"


class UtcDateTime(sa.TypeDecorator[datetime]):
    """Aware in, aware out; stored as UTC. SQLite has no time zones of its own."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC) if dialect.name != "sqlite" else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def open_engine(url: str) -> sa.Engine:
    """An engine whose transactions are durable and, on SQLite, serialised from their first statement."""
    parsed = _parse(url)
    return _open_sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _open_postgresql(parsed)


def _parse(url: str) -> sa.URL:
    with suppress(sa.exc.ArgumentError):
        parsed = sa.make_url(url)
        if parsed.get_backend_name() in ("sqlite", "postgresql", "postgres"):
            return parsed
    raise ConfigurationError(  # without the URL, which may hold a password
        "ST_ERP_DATABASE_URL is no URL of a database that we know",
        fix="Write postgresql://user:password@host/database, or leave it out for SQLite in ST_ERP_HOME.",
    )


def _open_sqlite(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(url, hide_parameters=True)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    _serialise_writers(engine)
    return engine


def _open_postgresql(url: sa.URL) -> sa.Engine:
    url = url.set(drivername="postgresql+psycopg")
    try:
        engine = sa.create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED", hide_parameters=True)
    except ModuleNotFoundError:
        text = "ST_ERP_DATABASE_URL names PostgreSQL, but its driver is not installed"
        raise ConfigurationError(text, fix="pip install 'psycopg[binary]'") from None
    sa.event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    """An intent that a crash of the server forgets could be sent twice: no server's setting may allow that."""
    if connection.execute("show synchronous_commit").fetchone()[0] == "off":
        connection.execute("set synchronous_commit = on")
    connection.commit()


def insert_into(con: sa.Connection, table: sa.Table) -> Any:
    """An insert with `on_conflict_do_nothing` and `on_conflict_do_update`: several may note one fact at once."""
    dialects = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    return dialects[con.dialect.name](table)


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that only reads: it sees one state, and waits for no writer."""
    own = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {ONLY_READS: True}
    with engine.connect().execution_options(**own) as con, con.begin():
        yield con


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we issue BEGIN ourselves
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _serialise_writers(engine: sa.Engine) -> None:
    """Threads of one process queue for a lock; between processes SQLite waits, by sleeping and asking again.

    A deferred transaction that turns to writing later would fail at once when another writer came between.
    """
    writer = threading.Lock()

    def begin(con: sa.Connection) -> None:
        if con.get_execution_options().get(ONLY_READS):
            con.exec_driver_sql("BEGIN")
            return
        if not con.info.get("holds_writer"):
            writer.acquire()
            con.info["holds_writer"] = True  # until the connection is handed back, after its commit
        con.exec_driver_sql("BEGIN IMMEDIATE")

    def hand_back(_connection: Any, record: Any) -> None:
        if record.info.pop("holds_writer", False):
            writer.release()

    sa.event.listen(engine, "begin", begin)
    sa.event.listen(engine, "checkin", hand_back)
