"""The databases that tests run on: a SQLite file, and a PostgreSQL cluster of our own, one for each pytest process.

Where PostgreSQL is not installed its tests are skipped; with REQUIRE_POSTGRES=1 they fail instead.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from st_erp_pipelines.database import metadata, open_engine
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.migrate import NEWEST, VERSION_TABLE
from st_erp_pipelines.resources import credential_cache, pacing

TABLES_IN = (credential_cache, pacing)  # beside those of the outbox
# Ends the server when our end of its stdin closes, so that it does not outlive a pytest that was killed.
KEEPER = '"$@" & server=$!; read -r _; kill -INT "$server"; wait "$server"'
INITDB = ("--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
FAST = ("fsync=off", "full_page_writes=off", "max_connections=200", "shared_buffers=32MB", "listen_addresses=")


class SimulatedOutbox(Outbox):
    """The injected clock on PostgreSQL, too: nobody can move a server's."""

    def now(self, con: sa.Connection | None = None) -> datetime:
        return self.clock.now()


class Cluster:
    """A running server; each database that it gives is a schema of its own, which takes a millisecond, not 30."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, count(1)

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(host=str(self._folder), user="postgres", dbname="postgres", autocommit=True)

    def new_database(self) -> str:
        name = f"test_{next(self._numbers)}"
        with self.connect() as con:
            con.execute(f"create schema {name}")
        return f"postgresql://postgres@/postgres?host={self._folder}&options=-csearch_path%3D{name}"

    def drop_all(self) -> None:
        others = "backend_type = 'client backend' and pid <> pg_backend_pid()"
        with self.connect() as con:
            con.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where {others}")
            for (name,) in con.execute("select nspname from pg_namespace where nspname like 'test_%'").fetchall():
                con.execute(f"drop schema {name} cascade")


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`: the newest of Debian's, which are not on PATH, or what is on PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda each: int(each.parent.name))
    on_path = shutil.which("initdb")
    return debian[-1] if debian else Path(on_path).resolve().parent if on_path else None


@contextmanager
def running_cluster(programs: Path) -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="st-erp-") as name:  # short: a socket's path has 107 characters at most
        folder = Path(name)
        told = dict(cwd=folder, start_new_session=True, **_unprivileged(folder))
        initdb: list[str | Path] = [programs / "initdb", "-D", folder / "data", *INITDB]
        server: list[str | Path] = [programs / "postgres", "-D", folder / "data", "-k", folder]
        server += [word for setting in FAST for word in ("-c", setting)]
        with open(folder / "log", "wb") as log:
            subprocess.run(initdb, check=True, stdout=log, **told)
            keeper = ["sh", "-c", KEEPER, "keeper", *server]
            process = subprocess.Popen(keeper, stdin=subprocess.PIPE, stdout=log, stderr=log, **told)
        try:
            cluster = Cluster(folder)
            _wait_for(cluster, folder / "log")
            yield cluster
        finally:
            process.communicate()


def _unprivileged(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    users = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = users.get("postgres") or users["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return dict(user=user.pw_uid, group=user.pw_gid, extra_groups=[])


def _wait_for(cluster: Cluster, log: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with suppress(psycopg.OperationalError), cluster.connect():
            return
        time.sleep(0.02)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    found = programs()
    if found is None:
        sentence = "PostgreSQL is not installed here (Debian: apt-get install postgresql)"
        (pytest.fail if os.environ.get("REQUIRE_POSTGRES") == "1" else pytest.skip)(sentence)
    with running_cluster(found) as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Gives the URL of a fresh, empty database at each call; other processes reach it by that URL, too.

    For one kind only: `@pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)`.
    """
    if request.param == "sqlite":
        numbers = count(1)
        yield lambda: f"sqlite:///{tmp_path}/database_{next(numbers)}.sqlite"
    else:
        cluster: Cluster = request.getfixturevalue("postgresql")
        yield cluster.new_database
        cluster.drop_all()


@pytest.fixture
def database_url(new_database: Callable[[], str]) -> str:
    """Of a database with our tables, nothing in them."""
    url = new_database()
    make_tables(url)
    return url


def make_tables(url: str) -> None:
    """As the revisions make them, see tests/outbox/test_migrations.py, in a fraction of the time."""
    engine = open_engine(url)
    with engine.begin() as con:
        metadata.create_all(con, checkfirst=False)
        con.execute(sa.text(f"create table {VERSION_TABLE} (version_num varchar(32) not null primary key)"))
        con.execute(sa.text(f"insert into {VERSION_TABLE} values ('{NEWEST}')"))
    engine.dispose()
