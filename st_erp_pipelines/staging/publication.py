"""What analysts open: staging, reconciliation and audit trail of a connection as they were, in a file of their own.

It is built beside and renamed into place: a reader keeps the file that he opened, none sees half of one, and who
publishes waits for no reader. DuckDB 1 reads it, too (tried: 1.2.2, 1.4.5, 1.5.6).
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from duckdb import DuckDBPyConnection

from st_erp_pipelines.database import reading
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.document import hash_of
from st_erp_pipelines.staging.audit_trail import AuditTrail, audit_tables, declared_as
from st_erp_pipelines.staging.load import quoted, transaction
from st_erp_pipelines.staging.warehouse import CONFIG

SCHEMAS = ("staging", "audit")
OLD, NEW = "published before", "published now"  # databases; no connection's has a blank in its name
WHEN_READ = {"extracted_at", "loaded_at"}  # a record that was read again and is the same is no change
LEFT_AFTER = 86_400.0  # seconds: whoever wrote there was killed
CONNECTION = "which connection the row is of: a ServiceTitan tenant joined to an ERP company"


@dataclass(frozen=True)
class Published:
    path: Path
    bytes: int
    rows: dict[str, int]  # by schema
    seconds: float


def publish(
    con: DuckDBPyConnection, outbox: Outbox, connection: str, tenant: int, target: Path, *, now: datetime, at_once: bool
) -> Published | None:
    """From an open warehouse, which is ours alone until it is closed. None where nothing changed, unless `at_once`."""
    began = time.monotonic()
    (warehouse,) = con.execute("select current_database()").fetchall()[0]
    with _published_before(con, target) as old, reading(outbox.engine) as one_state:
        trail = AuditTrail(con, one_state, connection, tenant, old)
        state = staging_state(con, warehouse)
        if old and not at_once and not trail.is_changed and state == _state_before(con, old):
            return None
        with _built_beside(con, target):
            _copy(con, {"": warehouse}, "staging")
            con.execute(f'create schema "{NEW}".audit')
            trail.write(NEW, published_at=now.isoformat(), declared_as=declared_as(), staging_state=state)
            for name, table in audit_tables().items():
                _comment(con, f'"{NEW}".audit.{name}', {"": table.comment} | table.column_comments)
            rows = _rows(con)
    return Published(target, target.stat().st_size, rows, time.monotonic() - began)


def unite(sources: Mapping[str, Path], target: Path) -> Published:
    """What was published, by connection, in one file. `connection` is the first column of each table."""
    began = time.monotonic()
    databases = {name: f"of {name}" for name in sources}
    with duckdb.connect(config=CONFIG) as con:
        con.execute("set TimeZone = 'UTC'")
        for name, path in sources.items():
            con.execute(f'attach {quoted(str(path))} as "{databases[name]}" (read_only)')
        with _built_beside(con, target):
            for schema in SCHEMAS:
                _copy(con, databases, schema)
            rows = _rows(con)
    return Published(target, target.stat().st_size, rows, time.monotonic() - began)


def staging_state(con: DuckDBPyConnection, warehouse: str) -> str:
    """A hash of what staging says, whenever that was read."""
    found = []
    for table, comments in _tables(con, warehouse, "staging").items():
        if table != "loads":
            said = ", ".join(f'"{column}"' for column in comments if column and column not in WHEN_READ)
            query = f'select count(*), sum(hash({said})::hugeint) from staging."{table}"'
            found.append((table, said, *con.execute(query).fetchall()[0]))
    return hash_of(repr(found))


def _state_before(con: DuckDBPyConnection, old: str) -> str:
    state: str = con.execute(f'select staging_state from "{old}".audit.publication').fetchall()[0][0]
    return state


@contextmanager
def _published_before(con: DuckDBPyConnection, path: Path) -> Iterator[str | None]:
    """None where there is none, or of another shape, or it cannot be opened (damaged, or somebody writes to it)."""
    try:
        con.execute(f'attach {quoted(str(path))} as "{OLD}" (read_only)')
    except duckdb.Error:
        yield None
        return
    try:
        yield OLD if _is_alike(con) else None
    finally:
        con.execute(f'detach "{OLD}"')


def _is_alike(con: DuckDBPyConnection) -> bool:
    try:
        return con.execute(f'select declared_as from "{OLD}".audit.publication').fetchall() == [(declared_as(),)]
    except duckdb.Error:
        return False


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A name to write to; the file becomes `target` only if all went well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".st_erp-{target.stem}-"
    for folder in target.parent.glob(f"{prefix}*"):
        if time.time() - folder.stat().st_mtime > LEFT_AFTER:
            shutil.rmtree(folder, ignore_errors=True)
    with TemporaryDirectory(prefix=prefix, dir=target.parent) as made:
        partial = Path(made) / target.name
        yield partial
        partial.chmod(0o444)  # who opens it for writing is told so, and leaves no log beside that the next would read
        partial.replace(target)


@contextmanager
def _built_beside(con: DuckDBPyConnection, target: Path) -> Iterator[None]:
    """The database NEW, filled in one transaction."""
    with beside(target) as partial:
        con.execute(f"attach {quoted(str(partial))} as \"{NEW}\" (storage_version 'v1.0.0')")
        try:
            with transaction(con):
                yield
        finally:
            con.execute(f'detach "{NEW}"')


def _copy(con: DuckDBPyConnection, sources: Mapping[str, str], schema: str) -> None:
    """A schema's tables and views, all as tables, from databases by connection; "" gets no column for it."""
    con.execute(f'create schema "{NEW}".{schema}')
    held = {connection: _tables(con, database, schema) for connection, database in sources.items()}
    for table in sorted({table for tables in held.values() for table in tables}):
        parts: list[str] = []
        comments: dict[str, str] = {}
        for connection, tables in held.items():
            if table in tables:
                first = f"{quoted(connection)} as connection, " if connection else ""
                parts.append(f'select {first}* from "{sources[connection]}".{schema}."{table}"')
                comments |= tables[table] | ({"connection": CONNECTION} if connection else {})
        name = f'"{NEW}".{schema}."{table}"'
        con.execute(f"create table {name} as {' union all by name '.join(parts)}")
        _comment(con, name, comments)


def _comment(con: DuckDBPyConnection, table: str, comments: Mapping[str, str]) -> None:
    """As `_tables` gives them."""
    of_columns = [
        f'comment on column {table}."{column}" is {quoted(text)}' for column, text in comments.items() if column
    ]
    con.execute("; ".join([f"comment on table {table} is {quoted(comments[''])}", *of_columns]))


# What a database has


def _tables(con: DuckDBPyConnection, database: str, schema: str) -> dict[str, dict[str, str]]:
    """Of tables and views the comments by column, in their order; that of the whole under ""."""
    query = """
        select table_name, '' as name, comment, -1 as place from duckdb_tables()
        where database_name = $database and schema_name = $schema
        union all select view_name, '', comment, -1 from duckdb_views()
        where database_name = $database and schema_name = $schema
        union all select table_name, column_name, comment, column_index from duckdb_columns()
        where database_name = $database and schema_name = $schema order by table_name, place
    """
    found: dict[str, dict[str, str]] = {}
    for table, name, comment, _ in con.execute(query, {"database": database, "schema": schema}).fetchall():
        found.setdefault(table, {})[name] = comment or ""
    return found


def _rows(con: DuckDBPyConnection) -> dict[str, int]:
    counted = dict.fromkeys(SCHEMAS, 0)
    for schema in SCHEMAS:
        for table in _tables(con, NEW, schema):
            counted[schema] += con.execute(f'select count(*) from "{NEW}".{schema}."{table}"').fetchall()[0][0]
    return counted
