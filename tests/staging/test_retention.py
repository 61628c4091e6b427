"""What landing keeps, and that staging made from it is the same."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from st_erp_pipelines.staging import retention
from st_erp_pipelines.staging.entities import entity_of
from st_erp_pipelines.staging.landing import closed_days, landing_files
from st_erp_pipelines.staging.retention import Retained, clear_away, retain
from tests.staging.conftest import NOON, Site, invoice

YEAR = timedelta(days=365)
LATER = NOON + timedelta(days=2)
LONG_AFTER = LATER + YEAR
PARTS = ["2026-10-02", "2026-10-03", "by_id", "full"]


def retained(site: Site, entity: str = "invoices", now: datetime = LATER) -> Retained:
    declared = entity_of("servicetitan", entity)
    where = {"root": site.home / "landing", "connection": "acme"}
    return retain(site.con, declared=declared, tenant="1001", now=now, keep=YEAR, **where)


def files(site: Site, entity: str = "invoices") -> list[Path]:
    return landing_files(site.home / "landing", "acme", "servicetitan", entity)


def versions(site: Site) -> list[tuple[Any, ...]]:
    paths = [str(path) for path in files(site)]
    query = "select key, payload->>'$.total', run_id from read_parquet($paths) order by all"
    return site.con.execute(query, {"paths": paths}).fetchall()


@pytest.mark.parametrize(("seed", "now"), [(1, LATER), (2, LONG_AFTER)])
def test_staging_made_from_what_is_kept_is_the_same(site: Site, seed: int, now: datetime) -> None:
    """Good and bad versions, read in any order, in days, by id and in whole lists; thinned out now and again."""
    chance = random.Random(seed)
    for _ in range(14):
        records: list[dict[str, Any]] = [
            invoice(
                each, total=chance.choice(["1", "2", "x"]),
                syncStatus=chance.choice(["Pending", "Posted"]),
                modifiedOn=f"2026-10-0{chance.randrange(1, 5)}T0{chance.randrange(10)}:00:00Z",
            )
            for each in chance.sample(range(1, 9), chance.randrange(6))
        ]  # fmt: skip
        records += [invoice(9) | {"id": chance.choice([None, 9])}] * chance.randrange(2)
        site.land(records, part=chance.choice(PARTS))
        units = [{"id": n, "name": chance.choice(["A", "B"]), "isActive": chance.choice([True, "x"])} for n in range(4)]
        site.land(
            [{"active": each["isActive"]} | each for each in chance.sample(units, 3)],
            entity="business_units",
            part="snapshot",
        )
        if chance.random() < 0.5:
            site.load()
            site.load("business_units")
        if chance.random() < 0.2:
            retained(site, now=now)
            retained(site, "business_units", now=now)
    site.load()
    site.load("business_units")
    before = site.everything()
    assert len(before["quarantine"]) > 1
    done = retained(site, now=now) + retained(site, "business_units", now=now)
    assert done.files_after <= len(PARTS) + 2, "of the lists the newest, and those before it"
    assert done.bytes_after <= done.bytes_before
    assert site.everything() == before
    assert site.load().files == site.load("business_units").files == 0, "nothing of it is loaded again"
    site.rebuild()
    assert site.everything() == before
    assert (
        retained(site, now=now).files_after == len(files(site)) == done.files_after - len(files(site, "business_units"))
    )


def test_a_day_keeps_the_newest_version_and_the_first_one_read(site: Site) -> None:
    site.land([invoice(1), invoice(2)])
    site.land([invoice(1, total="1", modifiedOn="2026-10-02T21:00:00Z")])
    site.land([invoice(1, total="2", modifiedOn="2026-10-02T22:00:00Z"), invoice(3)])
    site.land([], part="2026-10-03")
    site.load()
    read = closed_days(site.home / "landing", "acme", "servicetitan", "invoices")
    assert retained(site).files_after == 2
    assert versions(site) == [
        ("1", "108.25", "run1"),
        ("1", "2", "run3"),
        ("2", "108.25", "run1"),
        ("3", "108.25", "run3"),
    ]
    assert closed_days(site.home / "landing", "acme", "servicetitan", "invoices") == read


def test_what_was_superseded_stays_for_the_days_of_retention(site: Site) -> None:
    site.land([invoice(1, total="1")], part="2026-10-02")
    site.land([invoice(1, total="2", modifiedOn="2026-10-03T20:00:00Z")], part="2026-10-03")
    site.land([invoice(1, total="2", modifiedOn="2026-10-03T20:00:00Z")], part="by_id")
    site.land([invoice(1, total="3", modifiedOn="2026-10-04T20:00:00Z")], part="2026-10-04")
    site.load()
    retained(site)
    assert [total for _, total, _ in versions(site)] == ["1", "2", "2", "3"]
    retained(site, now=LONG_AFTER)
    assert [total for _, total, _ in versions(site)] == ["1", "3"], "first and newest stay for good"
    parts = {path.parent.name for path in files(site)}
    assert parts == {"2026-10-02", "2026-10-03", "2026-10-04"}, "days go on saying that they were read"


def test_what_is_at_work_or_not_loaded_is_left_alone(site: Site) -> None:
    site.land([invoice(1)])
    site.land([invoice(1, total="1", modifiedOn="2026-10-02T21:00:00Z")])
    assert retained(site).files_after == 2, "not loaded"
    site.load()
    assert retained(site, now=NOON + timedelta(hours=2)).files_after == 2, "just read"
    assert retained(site).files_after == 1
    for _ in range(3):
        newest = site.land([{"id": 1, "name": "HVAC"}], entity="business_units", part="snapshot").path
    site.load("business_units")
    assert retained(site, "business_units").files_after == 2
    assert newest in files(site, "business_units"), "what it does not name is gone"


@pytest.mark.parametrize("stop", ["forget_loads", "unlink"])
def test_what_was_interrupted_is_done_by_the_next(site: Site, stop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    site.land([invoice(1)])
    site.land([invoice(1, total="1", modifiedOn="2026-10-02T21:00:00Z"), invoice(2)])
    site.load()
    before = site.everything()

    class Stopped(Exception): ...

    def step(self: Any, name: str, **bound: Any) -> list[Any]:
        if name == stop:
            raise Stopped
        return whole(self, name, **bound)

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if stop == "unlink" and path.suffix == ".parquet":
            raise Stopped
        path_unlink(path, missing_ok=missing_ok)

    whole, path_unlink = retention._Retention._step, Path.unlink
    with monkeypatch.context() as patch:
        patch.setattr(retention._Retention, "_step", step)
        patch.setattr(Path, "unlink", unlink)
        with pytest.raises(Stopped):
            retained(site)
    site.load()
    undated = {name: [row[:-1] for row in rows] for name, rows in before.items()}
    assert {name: [row[:-1] for row in rows] for name, rows in site.everything().items()} == undated, "but loaded_at"
    assert retained(site).files_after == 1
    site.rebuild()
    assert site.everything() == before
    assert len(versions(site)) == 3


def test_pages_of_a_process_that_was_killed_are_cleared_away(site: Site) -> None:
    site.land([invoice(1)])
    (left := site.home / "landing" / ".reading_x").mkdir()
    half = files(site)[0].with_name(".half.parquet.partial")
    for path in (left / "page1.json", half):
        path.write_text("a name")
    clear_away(site.home / "landing", datetime.now(NOON.tzinfo))
    assert (left.exists(), half.exists()) == (True, True), "somebody may be at work"
    clear_away(site.home / "landing", datetime.now(NOON.tzinfo) + timedelta(days=2))
    assert (left.exists(), half.exists()) == (False, False)
    assert len(files(site)) == 1
