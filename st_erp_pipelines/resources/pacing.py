"""Rate limits that several processes share: one row per limit, holding the time of the next free slot.

This is the GCRA algorithm without bursts. A caller reserves its slot in one short transaction and sleeps
outside it, so order is fair and waiting costs no lock. Reserving several slots at once saves transactions
where the rate is high (a sandbox at speed); a block never spans more than a hundredth of a second.
"""

from __future__ import annotations

import math
import threading

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from st_erp_pipelines.clock import Clock
from st_erp_pipelines.database import metadata

rate_slots = sa.Table(
    "rate_slots",
    metadata,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("next_at", sa.Double, nullable=False, comment="seconds since 1970, by the database's clock"),
)

LONGEST_PUSH = 300.0  # seconds; a slot farther off is a clock that was set back
LOOK_AGAIN = 3.0  # seconds; nobody sleeps longer without asking anew
BLOCKS_PER_SECOND = 100


class LocalPace:
    """The same limit within one process, kept in memory. `calls_per_second` may be fractional."""

    def __init__(self, calls_per_second: float, clock: Clock) -> None:
        if calls_per_second <= 0:
            raise ValueError("calls_per_second must be above zero")
        self._interval = 1 / calls_per_second
        self._block = max(1, math.ceil(calls_per_second / BLOCKS_PER_SECOND))
        self._clock = clock
        self._lock = threading.Lock()
        self._next_at = 0.0  # by the boot clock
        self._slots_left = 0
        self._slot_at = 0.0

    def wait(self, at_most: float | None = None) -> bool:
        """Sleep until this caller's slot. False, at once, if that would take more than `at_most` seconds."""
        until = None if at_most is None else self._clock.boot_seconds() + at_most
        while True:
            pause, mine = self._take()
            now = self._clock.boot_seconds()
            if until is not None and now + pause > until:
                return False
            if pause > 0:
                self._clock.sleep(pause if mine else min(pause, LOOK_AGAIN))
            if mine:
                return True

    def push(self, seconds: float) -> None:
        """No slot for anybody before that many seconds from now."""
        with self._lock:
            self._slots_left = 0
            self._push(min(seconds, LONGEST_PUSH))

    def _take(self) -> tuple[float, bool]:
        """Seconds to wait, and whether that is for a slot of ours or only until one may be asked for."""
        with self._lock:
            now = self._clock.boot_seconds()
            width = self._block * self._interval
            # Slots that were reserved but passed unused are let go: using them now would be a burst.
            if not self._slots_left or self._slot_at + width < now:
                pause = self._reserve(self._block)
                if pause > LOOK_AGAIN:
                    return pause, False
                self._slots_left, self._slot_at = self._block, now + pause
            self._slots_left -= 1
            mine_at = self._slot_at
            self._slot_at += self._interval
            return max(0.0, mine_at - now), True

    def _reserve(self, slots: int) -> float:
        """Seconds until the first of these slots; reserved unless that is farther off than LOOK_AGAIN."""
        now = self._clock.boot_seconds()
        start = self._start(self._next_at, now)
        if start - now <= LOOK_AGAIN:
            self._next_at = start + slots * self._interval
        return start - now

    def _push(self, seconds: float) -> None:
        self._next_at = max(self._next_at, self._clock.boot_seconds() + seconds)

    @staticmethod
    def _start(next_at: float, now: float) -> float:
        return now if next_at - now > LONGEST_PUSH + LOOK_AGAIN else max(now, next_at)


class SharedPace(LocalPace):
    """The limit that every process with this database and `key` keeps together."""

    def __init__(self, engine: sa.Engine, key: str, calls_per_second: float, clock: Clock) -> None:
        super().__init__(calls_per_second, clock)
        self._engine = engine
        self._key = key

    def _reserve(self, slots: int) -> float:
        with self._engine.begin() as connection:
            next_at, now = self._read(connection)
            start = self._start(next_at, now)
            if start - now <= LOOK_AGAIN:
                self._store(connection, start + slots * self._interval)
        return start - now

    def _push(self, seconds: float) -> None:
        with self._engine.begin() as connection:
            next_at, now = self._read(connection)
            self._store(connection, max(self._start(next_at, now), now + seconds))

    def _read(self, connection: sa.Connection) -> tuple[float, float]:
        """The next free slot, locked until the transaction ends, and the time."""
        mine = sa.select(rate_slots.c.next_at).where(rate_slots.c.key == self._key).with_for_update()
        next_at = connection.scalar(mine)
        if next_at is None:
            insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
            new = insert(rate_slots).values(key=self._key, next_at=0.0).on_conflict_do_nothing()
            connection.execute(new)
            next_at = connection.scalar(mine)
        return float(next_at or 0.0), self._now(connection)

    def _now(self, connection: sa.Connection) -> float:
        if connection.dialect.name == "sqlite":  # one machine, so its clock is everybody's
            return self._clock.now().timestamp()
        return float(connection.scalar(sa.select(sa.extract("epoch", sa.func.clock_timestamp()))))  # type: ignore[arg-type]

    def _store(self, connection: sa.Connection, next_at: float) -> None:
        connection.execute(rate_slots.update().where(rate_slots.c.key == self._key).values(next_at=next_at))
