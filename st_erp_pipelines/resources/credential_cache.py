"""Logins and tokens that outlive a process, so that the next one need not ask for its own.

Kept in the outbox database where ST_ERP_SECRET_KEY is set, encrypted with it; without a key, in memory.
What is kept counts for whoever asks: the first of two processes that log in at once wins, and the other takes its.
"""

from __future__ import annotations

import threading
from datetime import datetime
from typing import NamedTuple, Protocol


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
