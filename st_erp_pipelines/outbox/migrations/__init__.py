"""Upgrades the outbox database by the revisions in `versions/`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import produce_migrations
from alembic.config import Config
from alembic.operations.ops import ModifyTableOps
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.outbox.migrate import NEWEST, VERSION_TABLE

SCRIPTS = "st_erp_pipelines:outbox/migrations"
LOCK = 0x73745F657270  # of PostgreSQL, any number that nobody else takes: "st_erp"
ALEMBIC = threading.Lock()  # its environment is one per process

ELSEWHERE = "point ST_ERP_DATABASE_URL at another database"


def upgrade(engine: sa.Engine) -> None:
    """To the newest revision, in one transaction; whoever waited for another's upgrade finds it done."""
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    scripts = ScriptDirectory.from_config(config)
    with ALEMBIC, _alone(engine) as con:
        config.attributes["connection"] = con
        found = MigrationContext.configure(con, opts=dict(version_table=VERSION_TABLE)).get_current_heads()
        _refuse_newer(engine.url, found, scripts)
        if not found:
            _refuse_strangers(engine.url, con, scripts)
        command.upgrade(config, "head")


def _refuse_newer(url: sa.URL, found: tuple[str, ...], scripts: ScriptDirectory) -> None:
    known = {script.revision for script in scripts.walk_revisions()}
    if unknown := sorted(set(found) - known):
        raise ConfigurationError(
            f"The outbox database {name_of(url)} was written by a newer version of st_erp_pipelines: "
            f"its schema is {', '.join(unknown)}, and this version knows those up to {NEWEST}",
            fix=f"Install the version that wrote it or a newer one, or {ELSEWHERE}.",
        )


def _refuse_strangers(url: sa.URL, con: sa.Connection, scripts: ScriptDirectory) -> None:
    """Before versions were recorded the tables were as in the first one, some of them perhaps not made yet."""
    if different := _different_from(scripts.get_revision("0001").module.tables, con):
        raise ConfigurationError(
            f"The outbox database {name_of(url)} does not say its version, and has tables that are not as the first "
            f"version made them: {', '.join(different)}",
            fix=f"Go on with the program that made them, or {ELSEWHERE}.",
        )


def _different_from(tables: sa.MetaData, con: sa.Connection) -> list[str]:
    """Those of these tables that are there, and otherwise."""
    there = tables.tables.keys() & sa.inspect(con).get_table_names()
    if not there:
        return []

    def is_of_interest(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or name in there

    context = MigrationContext.configure(con, opts=dict(include_name=is_of_interest))
    changes = produce_migrations(context, tables).upgrade_ops
    changed = {each.table_name for each in changes.ops if isinstance(each, ModifyTableOps)} if changes else set()
    return sorted(changed & there)  # the indexes of a table that is missing are changes, too


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction; other processes that want to upgrade wait for its end."""
    with engine.connect() as con:
        if engine.dialect.name == "sqlite":  # the engine begins with BEGIN IMMEDIATE
            with _references_checked_at_the_end(con):
                yield con
        else:
            with con.begin():
                con.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
                yield con


@contextmanager
def _references_checked_at_the_end(con: sa.Connection) -> Iterator[None]:
    """SQLite changes most of a table by making another and dropping the first, which references would forbid.

    The pragma does nothing within a transaction, so it goes around it.
    """
    con.connection.execute("PRAGMA foreign_keys=OFF")
    try:
        with con.begin():
            yield
            if lost := con.exec_driver_sql("PRAGMA foreign_key_check").all():
                raise RuntimeError(f"the upgrade would leave references to nothing: {lost[:3]}")
    finally:
        con.connection.execute("PRAGMA foreign_keys=ON")


def name_of(url: sa.URL) -> str:
    """The file, or the server and database: no password, and no query, which may hold one."""
    if url.get_backend_name() == "sqlite":
        return url.database or "in memory"
    return sa.URL.create(url.get_backend_name(), host=url.host, port=url.port, database=url.database).render_as_string()
