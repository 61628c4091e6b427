"""A contractor's whole books, while one of the systems fails, lies, or has lost what it knew."""

from __future__ import annotations

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.sandbox.planted import invoice_key
from tests.erps import ERPS
from tests.world import (
    SPEED,
    contractor,
    failures,
    plain_invoices,
    running_site,
    unmapped_invoice,
    wait_until,
    with_only,
    write_site,
)

pytestmark = pytest.mark.slow(30)
LIES = {"http_500_after", "drop_after"}
FAST = 150.0  # a doubt is settled after 8 s


@pytest.mark.parametrize("erp", ERPS)
def test_an_outbox_from_the_middle_of_a_sync_is_put_back(tmp_path: Path, erp: str) -> None:
    """A backup of the database is older than the ERP: what it does not know of is found there."""
    whole, copy = contractor(scale=0.1), tmp_path / "copy.sqlite"
    with running_site(tmp_path, with_only(whole, plain_invoices(whole)[:30]), speed=FAST, erp=erp) as site:
        with ThreadPoolExecutor(1) as aside:
            syncing = aside.submit(site.quick_sync)
            wait_until(lambda: site.erp.posted() >= 8 or syncing.done())
            backup(site.database, copy)
        syncing.result()
        site.settle()  # a slow machine has doubts
        first, before, seen = site.documents(), site.state(), len(site.log())
        backup(copy, site.database)
        unfinished = {key for key, row in site.documents("invoices").items() if row.state in ("ready", "sending")}
        assert 5 < len(unfinished) < 30
        time.sleep(site.settle_seconds)
        site.quick_sync()
        site.settle()
        assert site.state() == before
        assert [entry for entry in site.writes(seen) if entry["committed"]] == []
        again = site.documents()
        assert {row.state for row in again.values()} <= {"posted", "adopted"}
        assert {key: row.remote_id for key, row in again.items()} == {key: row.remote_id for key, row in first.items()}


def backup(source: Path, to: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(to)) as new:
        old.backup(new)


@pytest.fixture
def brief_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read is repeated as often as ever, but how long that takes is seen in tests/resources/test_http.py."""
    monkeypatch.setattr(SystemClock, "sleep", lambda _, seconds: time.sleep(min(seconds, 0.1)))


@pytest.mark.usefixtures("brief_pauses")
def test_a_servicetitan_out_of_order_ends_the_run_and_the_next_one_catches_up(tmp_path: Path) -> None:
    whole = contractor()
    plain = plain_invoices(whole)[:6]
    with running_site(tmp_path, with_only(whole, plain)) as site:
        with site.fault(site.servicetitan_url, kind="html", path_contains="/invoices", times=None):
            (said,) = failures(site.sync())
        assert said.startswith("servicetitan read invoices: ")
        assert len(said.splitlines()) == 1
        assert site.writes() == []
        site.quick_sync()
        assert set(site.sales()) == {invoice_key(row) for row in plain}
        assert {row.state for row in site.documents().values()} == {"posted"}


def test_a_servicetitan_that_has_lost_everything_takes_nothing_back(tmp_path: Path) -> None:
    """Nor does it change what is still blocked."""
    whole = contractor()
    few = with_only(whole, [unmapped_invoice(whole), *plain_invoices(whole)[:5]])
    empty = replace(few, servicetitan={entity: [] for entity in few.servicetitan})
    with running_site(tmp_path, few) as site, running_site(tmp_path / "empty", empty) as other:
        site.quick_sync()
        first, before, seen = site.documents(), site.state(), len(site.log())
        assert {row.state for row in first.values()} == {"posted", "blocked"}
        now_empty = write_site(tmp_path, few, other.servicetitan_url, site.erp.url, speed=SPEED)
        now_empty.quick_sync()
        assert now_empty.documents() == first
        assert (now_empty.state(), now_empty.writes(seen)) == (before, [])


@pytest.mark.parametrize("erp", ERPS)
def test_an_erp_that_lies_about_what_it_did_has_each_document_once(tmp_path: Path, erp: str) -> None:
    whole = contractor(scale=0.1)
    small = with_only(whole, plain_invoices(whole)[:30])
    with running_site(tmp_path, small, speed=FAST, erp=erp) as site:
        with ExitStack() as faults:
            for kind in LIES:
                rule = dict(kind=kind, method="POST", times=None, probability=0.1)
                faults.enter_context(site.fault(site.erp.url, **rule, path_contains=site.erp.invoices))
            site.quick_sync()
            site.settle()
        lies = [entry for entry in site.writes() if entry["fault"] and entry["committed"]]
        assert {entry["fault"] for entry in lies} == LIES
        in_erp = site.sales()
        assert {key: len(sales) for key, sales in in_erp.items()} == {
            invoice_key(row): 1 for row in small.servicetitan["invoices"]
        }
        assert all(sale.is_open for (sale,) in in_erp.values())
        assert {row.state for row in site.documents().values()} == {"posted"}


@pytest.mark.parametrize("erp", ERPS)
def test_a_session_that_ends_in_the_middle_costs_one_sign_in_and_no_duplicate(tmp_path: Path, erp: str) -> None:
    whole = contractor(scale=0.1)
    small = with_only(whole, plain_invoices(whole)[:20])
    with running_site(tmp_path, small, erp=erp) as site:
        with ThreadPoolExecutor(1) as aside:
            syncing = aside.submit(site.quick_sync)
            wait_until(lambda: site.erp.posted() >= 4 or syncing.done())
            site.erp.forgets_who_signed_in()
        syncing.result()
        assert site.erp.sign_ins() == 2
        site.settle()
        assert [len(sales) for sales in site.sales().values()] == [1] * 20
        assert {row.state for row in site.documents().values()} == {"posted"}
