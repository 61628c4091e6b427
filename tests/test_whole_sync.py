"""A contractor's whole books, from ServiceTitan to the ERP and back: the promises of DESIGN section 1."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from st_erp_pipelines.mapping.duck import install
from st_erp_pipelines.outbox import Document, Outbox, report
from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.sandbox.contractor import Contractor, generate
from st_erp_pipelines.sandbox.contractor_office import Wire
from st_erp_pipelines.sandbox.demo_files import CONNECTION
from st_erp_pipelines.sandbox.planted import invoice_key
from st_erp_pipelines.staging.documents import BUILDS
from st_erp_pipelines.staging.documents.known import KnownDocuments
from st_erp_pipelines.staging.reconciliation import Result
from st_erp_pipelines.staging.to_do import ToDo
from tests.erps import ERPS
from tests.world import (
    SPEED,
    Site,
    contractor,
    failures,
    plain_invoices,
    running_site,
    unmapped_invoice,
    with_only,
    write_site,
    yesterday,
)

pytestmark = pytest.mark.slow(110)  # all of it together
Exception_ = tuple[str, str, Decimal]  # kind, key, amount


@dataclass(frozen=True)
class Synced:
    """A site after its first sync, and what that sync had to say; `events` are Dagster's."""

    site: Site
    events: str
    sign_ins: int  # to the ERP
    exceptions: set[Exception_]
    states: Counter[str]


@pytest.fixture(scope="module", params=list(ERPS))
def erp(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def synced(erp: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synced]:
    with running_site(tmp_path_factory.mktemp("site"), contractor(scale=0.05), erp=erp) as site:
        result = site.sync()
        assert failures(result) == []
        sign_ins = site.erp.sign_ins()
        events = "".join(map(dg.serialize_value, result.all_events))
        with site.pipeline() as pipeline:
            found = exceptions(pipeline.outbox, pipeline.reconciled(), pipeline.to_do())
        states = Counter(str(row.state) for row in site.documents().values())
        yield Synced(site, events, sign_ins, found, states)


def exceptions(outbox: Outbox, reconciled: Result, to_do: list[ToDo]) -> set[Exception_]:
    """In the words of the generator's list. Of ServiceTitan's payments only a refund is below zero."""
    found: set[Exception_] = set()
    for row in report.exceptions(outbox, CONNECTION):
        kinds = [f"blocked:{reason['code']}" for reason in row.reasons] if row.state == "blocked" else [row.state]
        kinds = [f"rejected:{row.cause}"] if row.state == "rejected" else kinds
        found |= {(kind, row.business_key, row.amount) for kind in kinds + ["flagged"] * bool(row.flag)}
    for each in reconciled.unexplained:
        found.add((f"difference:{each.status.replace(' ', '_')}", each.business_key, -each.difference))
    return found | {
        (f"to_do:{each.what}", each.document_number, -each.amount if each.what == "refund" else each.amount)
        for each in to_do
    }


def test_the_exceptions_of_a_first_sync_are_exactly_those_planted(synced: Synced) -> None:
    planted = {
        ("conflict" if each.kind.startswith("conflict:") else each.kind, each.key, each.amount)
        for each in synced.site.erp.planted(synced.site.contractor)
    }
    assert synced.exceptions == planted


def test_dagsters_events_name_no_customer(synced: Synced) -> None:
    """Though there is something to do about some of them; keys and numbers say who is meant."""
    customers = {json.dumps(row["name"])[1:-1] for row in synced.site.contractor.servicetitan["customers"]}
    assert "to_do:refund" in {kind for kind, *_ in synced.exceptions}
    assert {name for name in customers if name in synced.events} == set()


def test_it_signs_in_once(synced: Synced) -> None:
    assert synced.sign_ins == 1


def listed(site: Site) -> list[ToDo]:
    with site.pipeline() as pipeline:
        return pipeline.to_do()


def test_every_other_document_is_posted_adopted_or_counted_apart(synced: Synced) -> None:
    needs_nobody = {"posted", "adopted", "skipped", "withdrawn", "out_of_scope"}
    needs_a_person = {"blocked", "rejected", "conflict"}
    assert set(synced.states) <= needs_nobody | needs_a_person
    keys = {key for kind, key, _ in synced.exceptions if not kind.startswith(("difference:", "to_do:"))}
    assert sum(synced.states[state] for state in needs_a_person) == len(keys)
    assert synced.states["posted"] > 80


def test_exceptions_are_a_small_part_of_a_full_contractor() -> None:
    """Nobody reads a list in which every tenth document stands."""
    whole = generate(seed=7, today=date(2026, 11, 23))
    since = whole.start_date.isoformat()
    invoices = [row for row in whole.servicetitan["invoices"] if row["invoiceDate"] >= since]
    assert len(invoices) > 2000
    assert len(whole.exceptions) < Decimal("0.03") * len(invoices)


def test_syncing_again_writes_nothing(synced: Synced) -> None:
    seen, before = len(synced.site.log()), synced.site.state()
    synced.site.quick_sync()
    assert [entry["method"] for entry in synced.site.log(seen)].count("GET") > 10
    assert synced.site.writes(seen) == []
    assert synced.site.state() == before


def test_home_and_database_lost_everything_is_adopted_and_nothing_changes(synced: Synced, tmp_path: Path) -> None:
    site = synced.site
    first, before, seen = site.documents(), site.state(), len(site.log())
    lost = site.elsewhere(tmp_path / "home")
    lost.quick_sync()
    assert listed(lost) == listed(site)
    assert site.state() == before
    assert not [entry for entry in site.writes(seen) if entry["committed"]]
    again = lost.documents()
    for key, row in first.items():
        assert again[key].state == ("adopted" if row.state == "posted" else row.state), key
        assert (again[key].remote_id, again[key].amount) == (row.remote_id, row.amount)
        if row.state in ("posted", "adopted"):
            assert again[key].remote_number == row.remote_number


# A few invoices: ten plain ones, one that nobody mapped the business unit of, one from long before go-live.


@dataclass(frozen=True)
class Few:
    site: Site
    plain: list[Wire]
    unmapped: Wire
    old: Wire


@pytest.fixture(scope="module")
def few(erp: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Few]:
    whole = contractor(scale=0.05)
    unmapped = unmapped_invoice(whole)
    old = next(row for row in whole.servicetitan["invoices"] if row["syncStatus"] == "Posted")
    plain = plain_invoices(whole)[:10]
    small = open_books(with_only(whole, [old, unmapped, *plain]))
    with running_site(tmp_path_factory.mktemp("few"), small, erp=erp) as site:
        site.quick_sync()
        yield Few(site, plain, unmapped, old)


def open_books(whole: Contractor) -> Contractor:
    """Without a closed period, so that the fence of go-live stands alone."""
    erp = whole.business_central
    return replace(whole, business_central=erp | {"setup": erp["setup"] | {"allowPostingFrom": "2000-01-02"}})


def standing(site: Site) -> dict[str, Document]:
    return {key: row for key, row in site.documents("invoices").items() if row.state in ("posted", "adopted")}


def test_an_old_invoice_that_is_touched_stays_out_until_the_fence_is_taken_away(few: Few, tmp_path: Path) -> None:
    site, key = few.site, invoice_key(few.old)
    assert date.fromisoformat(few.old["invoiceDate"][:10]) < site.connection.go_live
    site.change(("invoices", few.old["id"], {"summary": "Reviewed by audit"}))
    site.quick_sync()
    assert site.documents()[key].state == "out_of_scope"
    assert key not in site.sales()
    urls, unfenced_from = (site.servicetitan_url, site.erp.url), date(2000, 1, 1)
    unfenced = write_site(tmp_path, site.contractor, *urls, speed=SPEED, go_live=unfenced_from, erp=site.erp.kind)
    unfenced.quick_sync()
    assert unfenced.documents()[key].state == "posted"
    assert key in site.sales()


def test_a_changed_mapping_touches_nothing_that_is_posted(few: Few) -> None:
    site, before, seen = few.site, standing(few.site), len(few.site.log())
    assert len(before) >= len(few.plain)
    with (
        site.mapping("accounts", gl_account_number="*", target_type="account", target_number="40500"),
        site.mapping("business_units", account="40900"),
    ):
        site.quick_post()
        payloads = {row.business_key: row.payload for row in built(site)}
    assert standing(site) == before
    assert site.writes(seen) == []
    assert any(payloads[key] != row.payload for key, row in before.items()), "the mapping would change nothing"


def built(site: Site) -> list[BuiltDocument]:
    """Every invoice as a new home would build it today."""
    with site.pipeline() as pipeline, pipeline.staging() as con:
        install(con, pipeline.mappings())
        documents, _ = BUILDS["invoices"](con, pipeline.connection, KnownDocuments([], []))
    return list(documents)


def test_what_the_office_does_after_posting_flags_only_an_edit(few: Few) -> None:
    site, (exported, paid, edited) = few.site, few.plain[:3]
    dearer = few_dollars_more(edited)
    site.change(
        (
            "invoices",
            exported["id"],
            {"syncStatus": "Exported", "exportId": "BC-1", "depositedOn": "2026-11-20T00:00:00Z"},
        ),
        ("invoices", paid["id"], {"balance": "0.00", "paidOn": "2026-11-20T00:00:00Z"}),
        ("invoices", edited["id"], dearer),
    )
    seen = len(site.log())
    site.quick_sync()
    flags = {key: row.flag for key, row in standing(site).items() if row.flag}
    assert list(flags) == [invoice_key(edited)]
    assert f"{edited['total']} then, {dearer['total']} now" in flags[invoice_key(edited)]
    assert site.writes(seen) == []


def few_dollars_more(row: Wire) -> Wire:
    """The first item costs 25.00 more; everything still adds up."""
    first, *rest = row["items"]
    total = f"{Decimal(first['total']) + 25:.2f}"
    more = {name: f"{Decimal(row[name]) + 25:.2f}" for name in ("subTotal", "total", "balance")}
    return {"items": [first | {"quantity": "1", "price": total, "total": total}, *rest]} | more


def test_a_mapping_row_added_lets_its_documents_through_with_the_next_posting(few: Few) -> None:
    site, key = few.site, invoice_key(few.unmapped)
    before = site.documents()[key]
    assert (before.state, [reason["code"] for reason in before.reasons]) == ("blocked", ["unmapped_business_unit"])
    assert before.home_day < yesterday()
    unit = {"business_unit_id": str(few.unmapped["businessUnit"]["id"]), "business_unit_name": "Pilot"}
    unit |= {"dimension_code": site.erp.department, "dimension_value": "HVAC"}
    with site.mapping("business_units", **unit, account="40100"):
        site.quick_post()
    assert site.documents()[key].state == "posted"
    assert [sale.total for sale in site.sales()[key]] == [Decimal(few.unmapped["total"])]
