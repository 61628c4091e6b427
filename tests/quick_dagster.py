"""`st-erp` with Dagster's event log kept open: `python -m tests.quick_dagster demo ...`

Dagster opens its SQLite file anew for each of some thousand events, and waits for the disk: a third of a demo. What is
written, and where, stays the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from dagster._core.storage.event_log import SqliteEventLogStorage

from st_erp_pipelines.cli import app


@contextmanager
def connect(storage: SqliteEventLogStorage, shard: str) -> Iterator[sa.Connection]:
    """As its `_connect`, which lets one thread in at a time."""
    engines = vars(storage).setdefault("engines", {})
    with storage._db_lock:
        if shard not in engines:
            pool = dict(poolclass=sa.StaticPool, connect_args={"timeout": 30, "check_same_thread": False})
            engines[shard] = sa.create_engine(storage.conn_string_for_shard(shard), **pool)
            storage._initdb(engines[shard])
            with engines[shard].connect() as con:
                con.exec_driver_sql("pragma synchronous = off")
        with engines[shard].begin() as con:
            yield con


if __name__ == "__main__":
    SqliteEventLogStorage._connect = connect  # type: ignore[method-assign]
    app()
