from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet, MultiFernet

from st_erp_pipelines.database import open_engine
from st_erp_pipelines.outbox.migrate import bring_up_to_date
from st_erp_pipelines.resources.credential_cache import (
    CredentialCache,
    DatabaseCache,
    Kept,
    MemoryCache,
    cache_for,
    kept_logins,
)

NOW = datetime(2026, 11, 3, tzinfo=UTC)
LATER = NOW + timedelta(minutes=29)
CIPHER = MultiFernet([Fernet(Fernet.generate_key())])


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = open_engine(database_url)
    bring_up_to_date(engine)
    yield engine
    engine.dispose()


def requires_the_rules(cache: CredentialCache) -> None:
    first, second = Kept("first", LATER), Kept("second", LATER)
    assert cache.get("b1") is None
    assert cache.put("b1", first, instead_of=None, now=NOW) == first
    assert cache.put("b1", second, instead_of=None, now=NOW) == first  # who was faster
    assert cache.get("other") is None
    cache.drop("b1", "second")
    assert cache.get("b1") == first
    longer = Kept("first", LATER + timedelta(minutes=5))
    assert cache.put("b1", longer, instead_of="first", now=NOW) == cache.get("b1") == longer  # renewed
    assert cache.put("b1", second, instead_of="first", now=NOW) == second  # the first had ended early
    assert cache.put("b1", first, instead_of=None, now=LATER) == first  # the second is too old by then
    cache.drop("b1", "first")
    assert cache.get("b1") is None


def test_in_memory() -> None:
    requires_the_rules(MemoryCache())


def test_in_the_database(engine: sa.Engine) -> None:
    requires_the_rules(DatabaseCache(engine, CIPHER))


def test_what_is_kept_can_be_read_with_its_key_only(engine: sa.Engine) -> None:
    DatabaseCache(engine, CIPHER).put("b1", Kept("secret", LATER), instead_of=None, now=NOW)
    with engine.connect() as con:
        assert "secret" not in con.execute(sa.select(kept_logins.c.value)).scalar_one()
    other = DatabaseCache(engine, MultiFernet([Fernet(Fernet.generate_key())]))
    assert other.get("b1") is None
    assert other.put("b1", Kept("ours", LATER), instead_of=None, now=NOW).value == "ours"


def test_without_a_key_nothing_is_kept_on_disk(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ST_ERP_SECRET_KEY", raising=False)
    monkeypatch.delenv("ST_ERP_SECRET_KEY_FILE", raising=False)
    assert not cache_for(engine).is_shared
    monkeypatch.setenv("ST_ERP_SECRET_KEY", Fernet.generate_key().decode())
    assert cache_for(engine).is_shared
    assert not cache_for(None).is_shared
