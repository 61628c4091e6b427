from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE

import pytest
import sqlalchemy as sa

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.database import open_engine
from st_erp_pipelines.outbox.migrate import bring_up_to_date
from st_erp_pipelines.resources.pacing import LocalPace, SharedPace


class StagedClock:
    """Time passes only by sleeping; `step` sets the wall clock alone."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.wall = datetime(2026, 10, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.wall

    def boot_seconds(self) -> float:
        return self.elapsed

    def boot_id(self) -> str:
        return "staged"

    def sleep(self, seconds: float) -> None:
        self.elapsed += seconds
        self.wall += timedelta(seconds=seconds)

    def step(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    engine = open_engine(f"sqlite:///{tmp_path / 'state.sqlite'}")
    bring_up_to_date(engine)
    return engine


@pytest.fixture
def any_engine(database_url: str) -> Iterator[sa.Engine]:
    """On PostgreSQL its own clock counts, which nobody can stage."""
    engine = open_engine(database_url)
    bring_up_to_date(engine)
    yield engine
    engine.dispose()


@pytest.fixture(params=["local", "shared"])
def pace(request: pytest.FixtureRequest, engine: sa.Engine) -> tuple[LocalPace, StagedClock]:
    clock = StagedClock()
    return (LocalPace(5, clock) if request.param == "local" else SharedPace(engine, "k", 5, clock)), clock


def test_slots_come_at_the_rate(pace: tuple[LocalPace, StagedClock]) -> None:
    slots, clock = pace
    for _ in range(11):
        assert slots.wait()
    assert clock.elapsed == pytest.approx(2.0)


def test_idle_time_is_not_saved_up(pace: tuple[LocalPace, StagedClock]) -> None:
    slots, clock = pace
    slots.wait()
    clock.sleep(60)
    for _ in range(6):
        slots.wait()
    assert clock.elapsed == pytest.approx(61.0)


def test_a_push_holds_everybody_back(pace: tuple[LocalPace, StagedClock]) -> None:
    slots, clock = pace
    slots.push(30)
    slots.wait()
    assert clock.elapsed == pytest.approx(30.0)


def test_a_wait_that_is_too_long_is_refused_at_once(pace: tuple[LocalPace, StagedClock]) -> None:
    slots, clock = pace
    slots.push(30)
    assert not slots.wait(at_most=10)
    assert clock.elapsed == 0
    assert slots.wait(at_most=31)


def test_a_push_is_seen_by_another_process_of_the_same_limit_only(engine: sa.Engine) -> None:
    clock = StagedClock()
    SharedPace(engine, "tenant 1", 5, clock).push(20)
    SharedPace(engine, "tenant 2", 5, clock).wait()
    assert clock.elapsed == 0
    SharedPace(engine, "tenant 1", 5, clock).wait()
    assert clock.elapsed == pytest.approx(20.0)


def test_a_clock_set_back_does_not_stop_the_calls(engine: sa.Engine) -> None:
    clock = StagedClock()
    slots = SharedPace(engine, "k", 5, clock)
    slots.wait()
    clock.step(-3600)
    slots.wait()
    assert clock.elapsed < 1


def test_processes_share_the_rate_evenly(any_engine: sa.Engine) -> None:
    worker = """
import sys, time
from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.database import open_engine
from st_erp_pipelines.resources.pacing import SharedPace
pace = SharedPace(open_engine(sys.argv[1]), "k", 50, SystemClock())
print("ready", flush=True)
start = float(input())
time.sleep(max(0, start - time.time()))
while time.time() < start + 2:
    pace.wait()
    print(time.time())
"""
    command, pipes = [sys.executable, "-c", worker, str(any_engine.url)], dict(stdin=PIPE, stdout=PIPE, text=True)
    processes = [subprocess.Popen(command, **pipes) for _ in range(3)]
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 3
    start = f"{time.time() + 0.5}\n"
    for process in processes:
        process.stdin.write(start)
        process.stdin.flush()
    calls = [[float(line) for line in process.communicate()[0].split()] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sum(map(len, calls)) <= 2 * 50 + 3 + 1
    assert sum(map(len, calls)) >= 80
    assert min(map(len, calls)) > 0.7 * max(map(len, calls))


@pytest.mark.parametrize("shared", [False, True])
def test_a_high_rate_costs_little(any_engine: sa.Engine, shared: bool) -> None:
    clock = SystemClock()
    pace = SharedPace(any_engine, "k", 3300, clock) if shared else LocalPace(3300, clock)

    def hammer() -> None:
        for _ in range(250):
            pace.wait()

    started = time.monotonic()
    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0.29 < time.monotonic() - started < 3.0  # 1,000 calls that cost 10 ms each would take 10 s
