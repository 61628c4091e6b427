"""What reading 50,000 invoices costs: fetching alone, a bare loop, and the pipeline (walk, land, load).

    python -m benchmarks.extract [--pages FOLDER]

Each figure is taken in a process of its own, three times in turn, the server being another one; the best counts.
On two cores server and pipeline compete, which lengthens all three.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from benchmarks import bare
from benchmarks.pages import INVOICES, ITEMS, PAGE, render
from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.resources import servicetitan
from st_erp_pipelines.settings import Secret, ServiceTitan, ServiceTitanTiming
from st_erp_pipelines.staging.landing import land
from st_erp_pipelines.staging.load import load
from st_erp_pipelines.staging.warehouse import open_warehouse

IN_FLIGHT = servicetitan.LANES
ROUNDS = 3
TARGETS = {"fetch / bare loop": 0.4, "ours / bare loop": 1.5}
MOST_MEMORY = 600  # MB


def fetch(url: str, work: Path) -> None:
    bare.fetch(url, INVOICES // PAGE, IN_FLIGHT, lambda body: None)


def bare_loop(url: str, work: Path) -> None:
    bare.load(url, INVOICES // PAGE, IN_FLIGHT, work / "bare.duckdb")
    _expect(work / "bare.duckdb", "invoices", "items")


def ours(url: str, work: Path) -> None:
    secret = Secret("benchmark")
    settings = ServiceTitan(
        api_url=url, auth_url=url, tenant_id=1001, app_key=secret, client_id=secret, client_secret=secret,
        page_size=PAGE, timing=ServiceTitanTiming(calls_per_second=1000),
    )  # fmt: skip
    client = servicetitan.connect(settings, clock=SystemClock())
    (work / "pages").mkdir()
    walk = client.walk("invoices", work / "pages", since=datetime(2026, 10, 1, tzinfo=UTC))
    client.close()
    now = datetime.now(UTC)
    landed = land(
        walk.files, root=work / "landing", connection="bench", system="servicetitan", entity="invoices",
        part="2026-10-01", run_id="bench", extracted_at=now, rows_member="data",
    )  # fmt: skip
    assert landed.distinct_keys == landed.total_count == INVOICES
    with open_warehouse(work / "ours.duckdb") as con:
        loaded = load(
            con, root=work / "landing", connection="bench", system="servicetitan", entity="invoices", tenant="1001",
            zone="America/Chicago", first_day=date(2026, 10, 1), last_day=date(2026, 10, 31), now=now,
        )  # fmt: skip
    assert loaded.new == INVOICES
    _expect(work / "ours.duckdb", "staging.stg_servicetitan__invoices", "staging.stg_servicetitan__invoice_items")


def _expect(database: Path, invoices: str, items: str) -> None:
    with duckdb.connect(str(database), read_only=True) as con:
        counts = con.execute(f"select (select count(*) from {invoices}), (select count(*) from {items})").fetchall()
    assert counts == [(INVOICES, INVOICES * ITEMS)], counts


FIGURES: dict[str, Callable[[str, Path], None]] = {"fetch": fetch, "bare loop": bare_loop, "ours": ours}


def take(figure: str, url: str) -> None:
    """Runs in a child process: prints seconds and the most memory it had, in MB."""
    with tempfile.TemporaryDirectory() as work:
        began = time.perf_counter()
        FIGURES[figure](url, Path(work))
        seconds = time.perf_counter() - began
    print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


@contextmanager
def served(pages: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.pages", str(pages)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=Path, default=Path(tempfile.gettempdir()) / "st_erp_benchmark_pages")
    parser.add_argument("--figure", choices=FIGURES, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.figure:
        take(given.figure, given.url)
        return 0
    render(given.pages)
    best: dict[str, tuple[float, float]] = {}
    with served(given.pages) as url:
        for _ in range(ROUNDS):
            for figure in FIGURES:
                command = [sys.executable, "-m", "benchmarks.extract", "--figure", figure, "--url", url]
                seconds, memory = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
                best[figure] = min(best.get(figure, (seconds, memory)), (seconds, memory))
    return report(best)


def report(best: dict[str, tuple[float, float]]) -> int:
    """1 where a target is missed."""
    for figure, (seconds, memory) in best.items():
        print(f"{figure:18} {seconds:6.2f} s  {memory:5.0f} MB  {INVOICES / seconds:8,.0f} invoices/s")
    missed = best["ours"][1] >= MOST_MEMORY
    for ratio, target in TARGETS.items():
        above, below = ratio.split(" / ")
        value = best[above][0] / best[below][0]
        missed = missed or value > target
        print(f"{ratio:18} {value:6.2f}    (target: at most {target})")
    print(f"ours, memory       {best['ours'][1]:6.0f} MB (target: below {MOST_MEMORY})")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
