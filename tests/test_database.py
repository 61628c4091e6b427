"""What `open_engine` makes of an URL, and what its transactions are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from st_erp_pipelines.database import open_engine, reading
from st_erp_pipelines.errors import ConfigurationError

on_postgresql = pytest.mark.parametrize("new_database", ["postgresql"], indirect=True)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def put(engine: sa.Engine, *numbers: int) -> None:
    with engine.begin() as con:
        con.execute(sa.text("create table if not exists numbers (number integer)"))
        for number in numbers:
            con.execute(sa.text(f"insert into numbers values ({number})"))


def count(con: sa.Connection) -> Any:
    return con.scalar(sa.text("select count(*) from numbers"))


def test_who_reads_sees_one_state_and_waits_for_nobody(engine: sa.Engine) -> None:
    put(engine, 1)
    with reading(engine) as con:
        assert count(con) == 1
        put(engine, 2)
        assert count(con) == 1
    with reading(engine) as con:
        assert count(con) == 2


def test_who_has_read_may_write_again(engine: sa.Engine) -> None:
    put(engine, 1)
    for _ in range(3):
        with reading(engine) as con:
            count(con)
        put(engine, 2)
    with engine.begin() as con:  # and sees what others commit meanwhile, where the database has more than one writer
        assert count(con) == 4
        if engine.dialect.name == "postgresql":
            put(engine, 3)
            assert count(con) == 5


@on_postgresql
def test_commits_are_durable_whatever_the_server_is_set_to(database_url: str) -> None:
    engine = open_engine(f"{database_url}%20-csynchronous_commit%3Doff")
    with engine.begin() as con:
        assert con.scalar(sa.text("show synchronous_commit")) == "on"
    engine.dispose()


@on_postgresql
@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2"])
def test_any_url_of_postgresql_is_opened_with_psycopg_3(database_url: str, scheme: str) -> None:
    engine = open_engine(database_url.replace("postgresql", scheme, 1))
    with engine.begin() as con:
        assert con.scalar(sa.text("select 1")) == 1
    assert engine.url.drivername == "postgresql+psycopg"
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://me:hush@host/db", "me:hush@host", "/var/lib/hush.sqlite"])
def test_another_url_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ConfigurationError, match="ST_ERP_DATABASE_URL is no URL") as error:
        open_engine(url)
    assert "hush" not in str(error.value)


def test_without_the_driver_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'psycopg\[binary\]'"):
        open_engine("postgresql://me@host/db")


def test_an_error_quotes_no_values(engine: sa.Engine) -> None:
    with engine.begin() as con, pytest.raises(sa.exc.DBAPIError) as error:
        con.execute(sa.text("insert into nowhere values (:value)"), dict(value="a customer's name"))
    assert "customer" not in str(error.value)
