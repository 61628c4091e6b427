"""Extract: walk an entity of a system, land it, and read again what moved while it was read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from st_erp_pipelines.clock import Clock
from st_erp_pipelines.errors import Unavailable
from st_erp_pipelines.staging.landing import (
    READING,
    Landed,
    closed_days,
    extracted_at,
    in_memory,
    land,
    landing_files,
)

FULL_FIRST = {
    ("servicetitan", "customers"),
    ("servicetitan", "customer_contacts"),
    ("servicetitan", "vendors"),
    ("servicetitan", "services"),
    ("servicetitan", "materials"),
    ("servicetitan", "equipment"),
    ("servicetitan", "locations"),
    ("business_central", "customers"),
    ("sap_business_one", "customers"),
    ("sap_s4hana", "suppliers"),
}
# No window brings all that changed of these (a supplier's address, block or tax number): they are read in full again.
FULL_AGAIN = {("sap_s4hana", "suppliers"): timedelta(days=7)}
# Records that do not tell when they were changed: a window of theirs also brings what came behind the last key that was
# read, and what was cancelled since.
WITHOUT_STAMP = {("sap_business_one", entity) for entity in ("payments", "outgoing_payments", "journal_entries")}
SHAPES: dict[str, tuple[Literal["data", "value"], str, str]] = {
    "servicetitan": ("data", "id", "modifiedOn"),
    "business_central": ("value", "id", "lastModifiedDateTime"),
    "sap_business_one": ("value", "id", "modifiedOn"),  # which its records do not have: the newest read is the newest
    "sap_s4hana": ("value", "id", "modifiedOn"),
}
LATE_COMMITS = timedelta(minutes=10)  # a window begins that much early: commits are not in order of their stamps
CLOSED_AFTER = timedelta(minutes=15)  # read that long after its end, a day is not read again
READS = 3


@dataclass(frozen=True)
class Extract:
    """One system of one connection, as one run reads it."""

    connection: str
    system: str
    client: Any  # a client with `walk(entity, folder, **window)`, whose result has `.files`
    root: Path  # landing
    run_id: str
    zone: str
    clock: Clock
    read_lag: timedelta = timedelta(0)
    landed: list[Landed] = field(default_factory=list)
    keys_read: dict[str, tuple[int, int] | None] = field(default_factory=dict)

    def day(self, entity: str, day: date) -> Landed | None:
        """What was modified on `day` in the connection's zone, up to now; None where it has not begun."""
        start, end = day_window(day, self.zone)
        end = min(end, self.clock.now() - self.read_lag)
        if end <= start:
            return None
        if (self.system, entity) in FULL_FIRST and self._full_is_due(entity):
            self._read(entity, "full", before=end)
        window: dict[str, Any] = {"since": start - LATE_COMMITS, "before": end}
        if (self.system, entity) in WITHOUT_STAMP:
            window["read"] = self._keys_read(entity)
        return self._read(entity, day.isoformat(), **window)

    def whole(self, entity: str) -> Landed:
        return self._read(entity, "snapshot")

    def by_id(self, entity: str, ids: Iterable[int] | Iterable[str]) -> Landed | None:
        wanted: list[Any] = sorted(set(ids))
        return self._read(entity, "by_id", ids=wanted) if wanted else None

    def of_parents(self, entity: str, day: date, parents: Iterable[int]) -> Landed | None:
        """Records that can only be asked for by their parents' ids, landed in the day of these."""
        wanted = sorted(set(parents))
        return self._read(entity, day.isoformat(), ids=wanted) if wanted else None

    def _keys_read(self, entity: str) -> tuple[int, int] | None:
        """First and last, as they were when this run began: days that are read together need not all bring what is
        behind these."""
        if entity not in self.keys_read:
            keys = [int(key) for key in keys_in(landing_files(self.root, self.connection, self.system, entity))]
            self.keys_read[entity] = (min(keys), max(keys)) if keys else None
        return self.keys_read[entity]

    def _full_is_due(self, entity: str) -> bool:
        files = landing_files(self.root, self.connection, self.system, entity)
        read = [extracted_at(path) for path in files if path.parent.name == "full"]
        again = FULL_AGAIN.get((self.system, entity))
        return not read or (again is not None and read[-1] + again <= self.clock.now())

    def _read(self, entity: str, part: str, **window: Any) -> Landed:
        """Rows that change while we page move between pages: then ids and total differ, and it is read again."""
        for _ in range(READS):
            read_at = self.clock.now()
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=READING, dir=self.root) as folder:
                walk = self.client.walk(entity, Path(folder), **window)
                landed = self._land(entity, part, walk.files, read_at)
            if landed.total_count is None or landed.distinct_keys == landed.total_count:
                self.landed.append(landed)
                return landed
            landed.path.unlink()
        raise Unavailable(
            f"{landed.distinct_keys} distinct records came where {landed.total_count} were announced, {READS} times",
            system=self.system,
            operation=f"read {entity}",
            fix="Records kept changing while they were read; the next run reads them again.",
        )

    def _land(self, entity: str, part: str, files: list[Path], read_at: datetime) -> Landed:
        rows, key, modified = SHAPES[self.system]
        return land(
            files, root=self.root, connection=self.connection, system=self.system, entity=entity, part=part,
            run_id=self.run_id, extracted_at=read_at, rows_member=rows, key_member=key, modified_member=modified,
        )  # fmt: skip


def day_window(day: date, zone: str) -> tuple[datetime, datetime]:
    """Midnight to midnight in the zone, as UTC: 23 or 25 hours on the days that the clocks change."""
    midnights = (datetime.combine(each, time(), ZoneInfo(zone)) for each in (day, day + timedelta(days=1)))
    start, end = (midnight.astimezone(UTC) for midnight in midnights)
    return start, end


def open_days(root: Path, connection: str, system: str, entity: str, zone: str, first: date, today: date) -> list[date]:
    """Days of the window that were not read after they had ended."""
    read = closed_days(root, connection, system, entity)
    days = (first + timedelta(days=n) for n in range((today - first).days + 1))
    return [day for day in days if day not in read or read[day] < day_window(day, zone)[1] + CLOSED_AFTER]


def keys_landed(root: Path, connection: str, system: str, entity: str, part: str) -> list[str]:
    return keys_in(list((root / connection / system / entity / part).glob("*.parquet")))


def keys_in(files: Sequence[Path]) -> list[str]:
    if not files:
        return []
    query = "select distinct key from read_parquet($files)"
    with in_memory() as con:
        return [key for (key,) in con.execute(query, {"files": [str(path) for path in files]}).fetchall()]
