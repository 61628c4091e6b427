"""The outbox: what is durable of posting, in one SQL database for all connections."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from st_erp_pipelines.clock import Clock, SystemClock
from st_erp_pipelines.database import insert_into, reading
from st_erp_pipelines.outbox.migrate import bring_up_to_date
from st_erp_pipelines.outbox.schema import cursors, documents, links, pauses

Document = sa.Row[Any]  # of the table `documents`


class Outbox:
    """The database and its time. Open one per process on an engine."""

    def __init__(self, engine: sa.Engine, clock: Clock | None = None) -> None:
        self.engine = engine
        self.clock = clock or SystemClock()
        bring_up_to_date(engine)

    @property
    def is_on_server(self) -> bool:
        """Then one clock, the server's, counts for all machines."""
        return self.engine.dialect.name != "sqlite"

    def now(self, con: sa.Connection | None = None) -> datetime:
        """The one time of posting: the injected clock on SQLite (one machine), the server's on PostgreSQL."""
        if not self.is_on_server:
            return self.clock.now()
        if con is None:
            with reading(self.engine) as con:
                return self.now(con)
        stamp: datetime = con.execute(sa.text("select clock_timestamp()")).scalar_one()
        return stamp

    @contextmanager
    def begin(self) -> Iterator[tuple[sa.Connection, datetime]]:
        """One durable transaction, and the time in it."""
        with self.engine.begin() as con:
            yield con, self.now(con)

    @contextmanager
    def read(self) -> Iterator[tuple[sa.Connection, datetime]]:
        with reading(self.engine) as con:
            yield con, self.now(con)

    def get(self, document_id: int) -> Document:
        with reading(self.engine) as con:
            return con.execute(sa.select(documents).where(documents.c.id == document_id)).one()

    def pause(self, scope: str) -> None:
        """Of a connection by its name, or of a place: before the next send of any process."""
        with self.begin() as (con, now):
            con.execute(insert_into(con, pauses).values(scope=scope, since=now).on_conflict_do_nothing())

    def resume(self, scope: str) -> None:
        with self.engine.begin() as con:
            con.execute(pauses.delete().where(pauses.c.scope == scope))

    def is_paused(self, *scopes: str) -> bool:
        with reading(self.engine) as con:
            return con.execute(sa.select(pauses).where(pauses.c.scope.in_(scopes))).first() is not None

    def cursor(self, name: str) -> str | None:
        with reading(self.engine) as con:
            return con.execute(sa.select(cursors.c.value).where(cursors.c.name == name)).scalar_one_or_none()

    def put_cursor(self, name: str, value: str) -> None:
        self._put(cursors, dict(name=name), dict(value=value))

    def link(self, place: str, kind: str, source_key: str, **columns: Any) -> None:
        """A ServiceTitan record and its ERP record belong together."""
        self._put(links, dict(place=place, kind=kind, source_key=source_key), columns)

    def _put(self, table: sa.Table, key: dict[str, str], values: dict[str, Any]) -> None:
        with self.engine.begin() as con:
            insert = insert_into(con, table).values(**key, **values)
            con.execute(insert.on_conflict_do_update(index_elements=list(key), set_=values))
