"""Days backfilled from a real Dagster, while a schedule ticks every minute and a reader keeps the snapshot open.

`benchmarks/backfill.py` does the same with 120 days.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from st_erp_pipelines.sandbox.contractor import Contractor
from st_erp_pipelines.sandbox.demo_files import CONNECTION
from tests.live_dagster import Live, dagster_dev
from tests.world import Site, contractor, running_site, wait_until, yesterday

SYNC = f"{CONNECTION}_sync"
EVERY_MINUTE = '    schedule: "* * * * *"\n    publish_every: 0s\n'
BY_ITSELF = [CONNECTION, "servicetitan", "payments"]  # an asset that is backfilled from its own page
ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


@dataclass
class Figures:
    partitions: int
    seconds: float
    backfills: list[str]  # how they ended
    runs: Counter[tuple[str, str]]  # by job and status
    ticks: int  # runs of the schedule that ended
    lock_errors: list[str]
    posted: int
    twice: list[str]  # keys that stand in the ERP more than once, and did not before
    publications: int  # new files under the reader's eyes
    reader_saw: list[int]  # documents posted, in the file that it had open all the time


def backfill(folder: Path, whole: Contractor, *, speed: float, seconds: float) -> Figures:
    with running_site(folder, whole, speed=speed) as site:
        text = (folder / "connections.yaml").read_text("utf-8")
        (folder / "connections.yaml").write_text(text.replace("    key_prefix", f"{EVERY_MINUTE}    key_prefix", 1))
        with site.pipeline() as pipeline:
            pipeline.publish(at_once=True)  # empty: something to keep open from the beginning
            published = pipeline.published
        with dagster_dev(site) as live, duckdb.connect(str(published), read_only=True) as reader:
            return _watch(site, live, reader, published, seconds)


def _watch(site: Site, live: Live, reader: duckdb.DuckDBPyConnection, published: Path, most: float) -> Figures:
    days, twice_before = _days(site), _twice(site)
    began, seen, files = time.monotonic(), set[int](), {published.stat().st_ino}
    backfills = [live.backfill_job(SYNC, days), live.backfill_assets([BY_ITSELF], days)]
    live.start_schedule(SYNC)

    def is_done() -> bool:
        seen.add(_posted(reader))
        files.add(published.stat().st_ino)
        time.sleep(1)
        return all(map(live.ended, backfills)) and _ticks(live) > 0

    wait_until(is_done, most)
    elapsed = time.monotonic() - began
    return Figures(
        len(days), elapsed, [live.ended(each) for each in backfills],
        Counter((run.job_name, run.status.value) for run in live.runs()), _ticks(live), live.lock_errors(),
        len(site.sales()), sorted(_twice(site) - twice_before), len(files) - 1, sorted(seen),
    )  # fmt: skip


def _twice(site: Site) -> set[str]:
    """Somebody entered one of the contractor's by hand, too."""
    return {key for key, found in site.sales().items() if len(found) > 1}


def _days(site: Site) -> list[str]:
    first, last = site.connection.start_date, yesterday() + timedelta(days=1)
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


def _ticks(live: Live) -> int:
    return len(live.runs(tags={"dagster/schedule_name": SYNC}, statuses=list(ENDED)))


def _posted(reader: duckdb.DuckDBPyConnection) -> int:
    ((found,),) = reader.execute("select count(*) from audit.documents where state = 'posted'").fetchall()
    return int(found)


@pytest.mark.skipif("LONG_TESTS" not in os.environ, reason="two minutes of Dagster's own processes: LONG_TESTS=1")
@pytest.mark.slow(120)
def test_days_are_backfilled_while_a_schedule_ticks_and_a_reader_reads(tmp_path: Path) -> None:
    found = backfill(tmp_path, contractor(days=8, scale=0.03), speed=100, seconds=400)
    assert found.backfills == ["COMPLETED_SUCCESS"] * 2
    assert {status for _, status in found.runs} <= {"SUCCESS", "STARTED", "STARTING", "QUEUED", "NOT_STARTED"}
    assert found.ticks >= 1
    assert found.lock_errors == []
    assert found.posted > 5
    assert found.twice == []
    assert found.publications >= 1
    assert found.reader_saw == [0], "it goes on seeing what it opened"
