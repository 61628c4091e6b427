"""Logins and tokens that outlive a process, so that the next one need not ask for its own.

Kept in the outbox database where ST_ERP_SECRET_KEY is set, encrypted with it; without a key, in memory.
What is kept counts for whoever asks: the first of two processes that log in at once wins, and the other takes its.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa
from cryptography.fernet import InvalidToken, MultiFernet

from st_erp_pipelines import secrets_file
from st_erp_pipelines.database import UtcDateTime, insert_into, metadata, reading
from st_erp_pipelines.errors import ConfigurationError

kept_logins = sa.Table(
    "kept_logins",
    metadata,
    sa.Column("key", sa.String(300), primary_key=True),
    sa.Column("value", sa.Text, nullable=False, comment="encrypted"),
    sa.Column("good_until", UtcDateTime, nullable=False),
)


class Kept(NamedTuple):
    value: str
    good_until: datetime


class CredentialCache(Protocol):
    is_shared: bool  # with processes that come after this one

    def get(self, key: str) -> Kept | None: ...

    def put(self, key: str, kept: Kept, *, instead_of: str | None, now: datetime) -> Kept:
        """What counts from now on: `kept`, unless a value that is neither `instead_of` nor too old is there already."""
        ...

    def drop(self, key: str, value: str) -> None:
        """Nothing is kept any more, if it was that value."""
        ...


def cache_for(engine: sa.Engine | None) -> CredentialCache:
    """In memory where the key cannot be read, too: whoever needs it for more than this says so."""
    cipher = None
    with suppress(ConfigurationError):
        cipher = secrets_file.cipher()
    return MemoryCache() if engine is None or cipher is None else DatabaseCache(engine, cipher)


def fingerprint(credentials: Mapping[str, Any]) -> str:
    """Goes into what is kept, so that it does not count any more once the credentials are others."""
    return hashlib.sha256(json.dumps(dict(credentials), sort_keys=True, default=str).encode()).hexdigest()[:16]


def counts(there: Kept | None, new: Kept, instead_of: str | None, now: datetime) -> bool:
    """Whether what is there stays."""
    return there is not None and there.value not in (instead_of, new.value) and there.good_until > now


class MemoryCache:
    is_shared = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, Kept] = {}

    def get(self, key: str) -> Kept | None:
        return self._kept.get(key)

    def put(self, key: str, kept: Kept, *, instead_of: str | None, now: datetime) -> Kept:
        with self._lock:
            if not counts(self._kept.get(key), kept, instead_of, now):
                self._kept[key] = kept
            return self._kept[key]

    def drop(self, key: str, value: str) -> None:
        with self._lock:
            if (there := self._kept.get(key)) and there.value == value:
                del self._kept[key]


class DatabaseCache:
    """For all processes with this database and this key; what was encrypted with another one does not count."""

    is_shared = True

    def __init__(self, engine: sa.Engine, cipher: MultiFernet) -> None:
        self._engine, self._cipher = engine, cipher

    def get(self, key: str) -> Kept | None:
        with reading(self._engine) as con:
            return self._there(con, sa.select(kept_logins).where(kept_logins.c.key == key))

    def put(self, key: str, kept: Kept, *, instead_of: str | None, now: datetime) -> Kept:
        mine = kept_logins.c.key == key
        value = self._cipher.encrypt(kept.value.encode()).decode()
        with self._engine.begin() as con:
            new = insert_into(con, kept_logins).values(key=key, value="", good_until=now)
            con.execute(new.on_conflict_do_nothing())
            there = self._there(con, sa.select(kept_logins).where(mine).with_for_update())
            if there is not None and counts(there, kept, instead_of, now):
                return there
            con.execute(kept_logins.update().where(mine).values(value=value, good_until=kept.good_until))
            return kept

    def drop(self, key: str, value: str) -> None:
        mine = kept_logins.c.key == key
        with self._engine.begin() as con:
            there = self._there(con, sa.select(kept_logins).where(mine).with_for_update())
            if there is not None and there.value == value:
                con.execute(kept_logins.delete().where(mine))

    def _there(self, con: sa.Connection, asked: sa.Select[Any]) -> Kept | None:
        row = con.execute(asked).one_or_none()
        try:
            return Kept(self._cipher.decrypt(row.value).decode(), row.good_until) if row and row.value else None
        except InvalidToken:
            return None
