from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from st_erp_pipelines.errors import Unavailable
from st_erp_pipelines.staging.warehouse import ATTEMPTS, new_warehouse, open_warehouse

HOLD = """
import duckdb, sys
con = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.readline()
con.close()
"""


class Waits:
    """A clock whose sleep ends at once, and may do something first."""

    def __init__(self, after: int, then: object = None) -> None:
        self.slept: list[float] = []
        self.after = after
        self.then = then

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boot_seconds(self) -> float:
        return sum(self.slept)

    def boot_id(self) -> str:
        return "test"

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == self.after and isinstance(self.then, subprocess.Popen):
            self.then.communicate("go\n")


@pytest.fixture
def held(tmp_path: Path):  # type: ignore[no-untyped-def]
    path = tmp_path / "acme.duckdb"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    yield path, process
    if process.returncode is None:
        process.communicate("go\n")


def test_it_waits_until_the_other_process_is_done(held: tuple[Path, subprocess.Popen[str]]) -> None:
    path, process = held
    clock = Waits(after=3, then=process)
    with open_warehouse(path, clock=clock) as con:
        assert con.execute("select 1").fetchall() == [(1,)]
    assert len(clock.slept) == 3
    assert all(0.5 <= wait <= 2.5 for wait in clock.slept)


def test_it_names_the_holder_when_it_gives_up(held: tuple[Path, subprocess.Popen[str]]) -> None:
    path, process = held
    clock = Waits(after=-1)
    with (
        pytest.raises(Unavailable, match=rf"acme.duckdb is open in another process \(PID {process.pid}\)"),
        open_warehouse(path, clock=clock),
    ):
        pass
    assert len(clock.slept) == ATTEMPTS - 1
    assert 100 < sum(clock.slept) < 400


def test_another_fault_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "broken.duckdb").write_bytes(b"this is no database" * 1000)
    clock = Waits(after=-1)
    with pytest.raises(duckdb.Error), open_warehouse(tmp_path / "broken.duckdb", clock=clock):
        pass
    assert clock.slept == []


def test_times_are_utc_and_no_extension_is_fetched(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "new" / "acme.duckdb") as con:
        assert con.execute("select current_setting('TimeZone')").fetchall() == [("UTC",)]
        with pytest.raises(duckdb.CatalogException):
            con.execute("select html_unescape('x')")


KILLED = """
import duckdb, os, sys
con = duckdb.connect(sys.argv[1])
con.execute("create table old as select 'Ödegård' as name")
os._exit(0)
"""


def test_a_new_one_takes_the_place_of_one_that_nobody_opens_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "acme.duckdb"
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=True)
    assert [each.suffix for each in sorted(tmp_path.iterdir())] == [".duckdb", ".wal"], (
        "killed before it was in the file"
    )

    def make(then: str) -> None:
        with new_warehouse(path) as con:
            con.execute(f"create table {then} as select 1")
            other = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True)
            assert "Could not set lock" in other.stderr
            con.execute("from nowhere" if then == "fails" else "select 1")

    for then in ("new", "fails"):
        with suppress(duckdb.CatalogException):
            make(then)
        with open_warehouse(path) as con:
            assert con.execute("select table_name from duckdb_tables()").fetchall() == [("new",)]
    assert list(tmp_path.iterdir()) == [path]
    assert "Ödegård".encode() not in path.read_bytes()
