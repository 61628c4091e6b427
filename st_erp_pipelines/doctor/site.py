"""What all connections share: their settings, the secrets file, the home, the outbox database, Dagster's instance."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from st_erp_pipelines import secrets_file, settings
from st_erp_pipelines.database import open_engine, reading
from st_erp_pipelines.doctor.findings import Area, Check, Said, asked, note, ok, warning, wrong
from st_erp_pipelines.outbox.migrate import NEWEST, VERSION_TABLE
from st_erp_pipelines.settings import ConfigFault, Settings


def examine(loaded: Settings, names: set[str]) -> Area:
    checks = [
        Check("settings", partial(_settings, loaded, names)),
        Check("secrets file", _secrets),
        Check("home", _home),
        Check("outbox database", _outbox),
        Check("Dagster instance", _dagster),
    ]
    return Area("This site", [finding for check in checks for finding in asked(check)])


def _settings(loaded: Settings, names: set[str]) -> Iterator[Said]:
    def concern(fault: ConfigFault) -> bool:
        return not fault.connections or bool(names & set(fault.connections))

    faults, spoken = list(filter(concern, loaded.faults)), list(filter(concern, loaded.warnings))
    yield from (wrong(str(fault), "Correct that line.") for fault in faults)
    yield from (warning(str(each), "`st-erp secrets set NAME` encrypts it.") for each in spoken)
    if not faults:
        yield ok(f"{settings.config_path()}: {', '.join(sorted(names))}")


def _secrets() -> Iterator[Said]:
    for file in secrets_file.open_to_others():
        yield warning(f"{file} may be read by others on this machine", f"chmod 600 {file}")
    secrets = secrets_file.read()
    yield ok(f"{secrets_file.path()} holds {len(secrets)}" if secrets else "none; credentials are in the environment")


def _home() -> Iterator[Said]:
    home = settings.home()
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield wrong(f"{there} cannot be written to", "Give this user the folder, or set ST_ERP_HOME to another one.")
    else:
        yield ok(str(home) if there == home else f"{home} will be made by the first sync")


def _outbox() -> Iterator[Said]:
    engine = open_engine(settings.database_url())
    try:
        kind = _kind(engine.url)
        file = Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None
        if file and not file.exists():
            yield ok(f"{kind} will be made by the first command that needs it")
        else:
            yield from _version(engine, kind)
    except sa.exc.OperationalError as error:
        said = str(error.orig).partition("\n")[0]
        fix = "Check ST_ERP_DATABASE_URL, and that the server runs."
        yield Said(wrong("", "").level, f"{kind} cannot be used: {said}", fix, is_unreachable=True)
    finally:
        engine.dispose()


def _kind(url: sa.URL) -> str:
    if url.get_backend_name() == "sqlite":
        return f"SQLite, {url.database}"
    return f"PostgreSQL, database {url.database} on {url.host or url.query.get('host') or 'this machine'}"


def _version(engine: sa.Engine, kind: str) -> Iterator[Said]:
    """The tables are brought up to date by whoever opens the outbox next; here they are only looked at."""
    with reading(engine) as con:
        known = sa.inspect(con).has_table(VERSION_TABLE)
        versions = list(con.scalars(sa.text(f"select version_num from {VERSION_TABLE}"))) if known else []
    if versions and versions[0] > NEWEST:
        yield wrong(f"{kind} was written by a newer version of this package", "Install that version here.")
    else:
        yield ok(kind if versions == [NEWEST] else f"{kind}; its tables will be brought up to date")


def _dagster() -> Iterator[Said]:
    own = os.environ.get("DAGSTER_HOME")
    folder = Path(own) if own else settings.home() / "dagster"
    if not own and not (folder / "dagster.yaml").exists():
        yield ok(f"{folder} will be made by the first sync")
        return
    fix = "Make it a folder with a valid dagster.yaml, or unset DAGSTER_HOME."
    if not folder.is_dir():
        yield wrong(f"{folder} is no folder", fix)
        return
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(action="ignore"), dg.DagsterInstance.from_config(str(folder)) as instance:
            yield ok(f"{folder}, {instance.get_runs_count():,} runs")
    except (dg.DagsterInvariantViolationError, dg.DagsterInvalidConfigError):
        yield wrong(f"{folder} is no Dagster instance", fix)
    except sa.exc.OperationalError:
        yield note(f"the database of {folder} does not answer", "Is Dagster's database running?")
