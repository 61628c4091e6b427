"""The schema of the outbox database, as this version of the package needs it.

Alembic does it, and takes a quarter of a second to import: it is asked only when there is something to do.
"""

from __future__ import annotations

import sqlalchemy as sa

from st_erp_pipelines.database import reading

NEWEST = "0004"  # the last revision in migrations/versions
VERSION_TABLE = "st_erp_version"  # a name of its own: Dagster's tables may be in the same database


def bring_up_to_date(engine: sa.Engine) -> None:
    """Creates or upgrades the tables, all or nothing; safe where several processes open one database at once.

    ConfigurationError: a newer version wrote the database, or its tables are not ours.
    """
    if _revisions(engine) != [NEWEST]:
        from st_erp_pipelines.outbox.migrations import upgrade

        upgrade(engine)


def _revisions(engine: sa.Engine) -> list[str]:
    # How each database says that there is no such table. What else it may mean is met again in the upgrade.
    no_such_table = sa.exc.OperationalError if engine.dialect.name == "sqlite" else sa.exc.ProgrammingError
    try:
        with reading(engine) as con:
            return list(con.scalars(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")))
    except no_such_table:
        return []
