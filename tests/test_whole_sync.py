"""A contractor's whole books, from ServiceTitan to the ERP and back: the promises of DESIGN section 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from st_erp_pipelines.posting import report
from st_erp_pipelines.posting.outbox import Outbox
from st_erp_pipelines.sandbox.contractor import generate
from st_erp_pipelines.sandbox.demo_files import CONNECTION
from st_erp_pipelines.staging.reconciliation import Result
from tests.world import Site, contractor, failures, plain_invoices, running_site, with_only

Exception_ = tuple[str, str, Decimal]  # kind, key, amount


@dataclass(frozen=True)
class Synced:
    """A site after its first sync, and what that sync had to say."""

    site: Site
    exceptions: set[Exception_]
    states: Counter[str]


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synced]:
    with running_site(tmp_path_factory.mktemp("site"), contractor()) as site:
        assert failures(site.sync()) == []
        with site.pipeline() as pipeline:
            found = exceptions(pipeline.outbox, pipeline.reconciled())
        states = Counter(str(row.state) for row in site.documents().values())
        yield Synced(site, found, states)


def exceptions(outbox: Outbox, reconciled: Result) -> set[Exception_]:
    """In the words of the generator's list."""
    found: set[Exception_] = set()
    for row in report.exceptions(outbox, CONNECTION):
        kinds = [f"blocked:{reason['code']}" for reason in row.reasons] if row.state == "blocked" else [row.state]
        kinds = [f"rejected:{row.cause}"] if row.state == "rejected" else kinds
        found |= {(kind, row.business_key, row.amount) for kind in kinds + ["flagged"] * bool(row.flag)}
    for each in reconciled.unexplained:
        found.add((f"difference:{each.status.replace(' ', '_')}", each.business_key, -each.difference))
    return found


def test_the_exceptions_of_a_first_sync_are_exactly_those_planted(synced: Synced) -> None:
    planted = {
        ("conflict" if each.kind.startswith("conflict:") else each.kind, each.key, each.amount)
        for each in synced.site.contractor.exceptions
    }
    assert synced.exceptions == planted


def test_every_other_document_is_posted_adopted_or_counted_apart(synced: Synced) -> None:
    needs_nobody = {"posted", "adopted", "skipped", "withdrawn", "out_of_scope"}
    needs_a_person = {"blocked", "rejected", "conflict"}
    assert set(synced.states) <= needs_nobody | needs_a_person
    keys = {key for kind, key, _ in synced.exceptions if not kind.startswith("difference:")}
    assert sum(synced.states[state] for state in needs_a_person) == len(keys)
    assert synced.states["posted"] > 200


def test_exceptions_are_a_small_part_of_a_full_contractor() -> None:
    """Nobody reads a list in which every tenth document stands."""
    whole = generate(seed=7, today=date(2026, 11, 23))
    since = whole.start_date.isoformat()
    invoices = [row for row in whole.servicetitan["invoices"] if row["invoiceDate"] >= since]
    assert len(invoices) > 2000
    assert len(whole.exceptions) < Decimal("0.03") * len(invoices)


def test_syncing_again_writes_nothing(synced: Synced) -> None:
    seen, before = len(synced.site.log()), synced.site.state()
    assert failures(synced.site.sync()) == []
    assert [entry["method"] for entry in synced.site.log(seen)].count("GET") > 10
    assert synced.site.writes(seen) == []
    assert synced.site.state() == before


def test_home_and_database_lost_everything_is_adopted_and_nothing_changes(synced: Synced, tmp_path: Path) -> None:
    site = synced.site
    first, before, seen = site.documents(), site.state(), len(site.log())
    lost = site.elsewhere(tmp_path / "home")
    assert failures(lost.sync()) == []
    assert site.state() == before
    assert not [entry for entry in site.writes(seen) if entry["committed"]]
    again = lost.documents()
    for key, row in first.items():
        assert again[key].state == ("adopted" if row.state == "posted" else row.state), key
        assert (again[key].remote_id, again[key].amount) == (row.remote_id, row.amount)
        if row.state in ("posted", "adopted"):
            assert again[key].remote_number == row.remote_number
