"""The targets under the engine that they are made for, over the wire, with everything going wrong at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.database import open_engine
from st_erp_pipelines.outbox import Outbox
from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.posting.engine import Run
from st_erp_pipelines.resources.business_central import BusinessCentral, SalesDocuments
from st_erp_pipelines.sandbox.faults import Faults, Kind
from st_erp_pipelines.target import Wanted
from tests.databases import SimulatedOutbox
from tests.resources.business_central import test_payments, test_sales_documents
from tests.resources.business_central.conftest import Person

FAULTS: tuple[Kind, ...] = ("drop_before", "drop_after", "http_500_before", "http_500_after", "html_after", "http_429")


class LeapingClock(SystemClock):
    """Real time that can be moved on, so that nobody waits for doubt to settle."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def boot_seconds(self) -> float:
        return super().boot_seconds() + self.ahead.total_seconds()


@pytest.fixture
def outbox(database_url: str) -> Iterator[Outbox]:
    engine = open_engine(database_url)
    yield SimulatedOutbox(engine, LeapingClock())
    engine.dispose()


def built(one: Wanted, flow: str) -> BuiltDocument:
    day, kind = date(2026, 11, 3), one.payload.get("type", "payment")
    return BuiltDocument(
        flow, kind, f"servicetitan/1001/{kind}/{one.key}", one.key, day, one.on, one.total, one.currency, one.party,
        "h1", one.payload,
    )  # fmt: skip


def until_posted(outbox: Outbox, target: Any, flow: str, wanted: list[Wanted], faults: Faults) -> None:
    bring(outbox, "northwind", target.place, flow, [built(one, flow) for one in wanted])
    for number, kind in enumerate(FAULTS):
        faults.add(kind, method="POST", path_contains="companies", after=number * 3, times=2)
    for _ in range(12):
        Run(outbox, target, connection="northwind", flow=flow, mode="post").work()
        assert isinstance(outbox.clock, LeapingClock)
        outbox.clock.ahead += timedelta(minutes=21)
    with outbox.engine.begin() as con:
        states = Counter(con.scalars(sa.select(documents.c.state)))
    assert states == {"posted": len(wanted)}


def test_invoices_are_posted_once_each(client: BusinessCentral, person: Person, faults: Faults, outbox: Outbox) -> None:
    ones = [test_sales_documents.wanted(key=f"ST-A-INV-{number}") for number in range(12)]
    until_posted(outbox, SalesDocuments(client), "invoices", ones, faults)
    assert sum(not rule._used for rule in faults.rules) == 0
    invoices = person.sees("salesInvoices")
    assert Counter(row["externalDocumentNumber"] for row in invoices) == {one.key: 1 for one in ones}
    assert {row["status"] for row in invoices} == {"Open"}


def test_payments_are_posted_once_each(client: BusinessCentral, person: Person, faults: Faults, outbox: Outbox) -> None:
    whole = [test_payments.wanted(payment=number) for number in range(8)]
    split = [test_payments.wanted(part, payment=99, amounts=("50", "50")) for part in range(2)]
    batches = ["STPAYA", "STPAYB"]
    ones = [replace(one, payload={**one.payload, "batches": batches}) for one in whole + split]
    until_posted(outbox, test_payments.target_of(client), "payments", ones, faults)
    assert sum(not rule._used for rule in faults.rules) == 0
    assert person.sees("customerPayments") == []
    entries = Counter(row["documentNumber"] for row in person.sees("generalLedgerEntries"))
    assert entries == {one.key: 2 for one in ones}  # the receivable and the money


def test_a_payment_whose_number_was_replaced_is_a_conflict_and_stays_one_payment(
    client: BusinessCentral, person: Person, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_payments.numbers_from_a_series(client, monkeypatch)
    target, one = test_payments.target_of(client), test_payments.wanted()
    bring(outbox, "northwind", target.place, "payments", [built(one, "payments")])
    for _ in range(3):
        Run(outbox, target, connection="northwind", flow="payments", mode="post").work()
        outbox.clock.ahead += timedelta(minutes=21)  # type: ignore[attr-defined]
    with outbox.engine.begin() as con:
        (row,) = con.execute(sa.select(documents))
    assert row.state == "conflict"
    assert "under another number" in row.sentence
    assert [entry["documentNumber"] for entry in person.sees("generalLedgerEntries")] == ["SERIES-AP1-0"] * 2


def test_an_invoice_whose_reference_was_typed_over_is_a_conflict_and_stays_one_invoice(
    client: BusinessCentral, person: Person, outbox: Outbox
) -> None:
    target, one = SalesDocuments(client), test_sales_documents.wanted()
    bring(outbox, "northwind", target.place, "invoices", [built(one, "invoices")])
    Run(outbox, target, connection="northwind", flow="invoices", mode="draft").work()
    (draft,) = person.sees("salesInvoices")
    person.edits(draft["id"], changes={"externalDocumentNumber": "PO-77"})
    person.acts("POST", f"salesInvoices({draft['id']})/Microsoft.NAV.post")
    Run(outbox, target, connection="northwind", flow="invoices", mode="post").work()
    with outbox.engine.begin() as con:
        (row,) = con.execute(sa.select(documents))
    assert (row.state, row.remote_id) == ("conflict", draft["id"])
    assert "PO-77" in row.sentence
    assert len(person.sees("salesInvoices")) == 1


@pytest.mark.parametrize("kind", ["http_429", "http_500_after"])
def test_dimensions_that_were_set_halfway_are_set_to_the_end(
    client: BusinessCentral, person: Person, faults: Faults, outbox: Outbox, kind: Kind
) -> None:
    target, one = SalesDocuments(client), test_sales_documents.wanted(**test_sales_documents.CREW)
    bring(outbox, "northwind", target.place, "invoices", [built(one, "invoices")])
    faults.add(kind, method="POST", path_contains="dimensionSetLines", after=1)
    for _ in range(2):
        Run(outbox, target, connection="northwind", flow="invoices", mode="post").work()
        outbox.clock.ahead += timedelta(minutes=21)  # type: ignore[attr-defined]
    (invoice,) = person.sees("salesInvoices")
    assert invoice["status"] == "Open"
    assert [line["dimensions"] for line in invoice["lines"]] == [{"CREW": "RED"}] * 2


def test_a_draft_that_a_person_changed_is_left_to_them(client: BusinessCentral, person: Person, outbox: Outbox) -> None:
    target, one = SalesDocuments(client), test_sales_documents.wanted(**test_sales_documents.CREW)
    bring(outbox, "northwind", target.place, "invoices", [built(one, "invoices")])
    Run(outbox, target, connection="northwind", flow="invoices", mode="draft").work()
    test_sales_documents.paint(person, replace(one, remote_id=person.sees("salesInvoices")[0]["id"]))
    Run(outbox, target, connection="northwind", flow="invoices", mode="post").work()
    with outbox.engine.begin() as con:
        (row,) = con.execute(sa.select(documents))
    assert row.state == "conflict"
    assert "somebody changed it" in row.sentence
    (invoice,) = person.sees("salesInvoices")
    assert (invoice["status"], invoice["lines"][0]["dimensions"]) == ("Draft", {"CREW": "BLUE"})


def test_drafts_are_left_and_posted_when_the_mode_changes(
    client: BusinessCentral, person: Person, outbox: Outbox
) -> None:
    target = test_payments.target_of(client)
    for mode, batches in (("draft", ["STDRAFT"]), ("post", ["STPAYA", "STPAYB"])):
        ones = [test_payments.wanted(payment=number, batches=batches) for number in range(3)]
        bring(outbox, "northwind", target.place, "payments", [built(one, "payments") for one in ones])
        Run(outbox, target, connection="northwind", flow="payments", mode=mode).work()  # type: ignore[arg-type]
        drafts, entries = person.sees("customerPayments"), person.sees("generalLedgerEntries")
        assert (len(drafts), len(entries)) == ((3, 0) if mode == "draft" else (0, 6))
        assert {line["journalDisplayName"] for line in drafts} <= {"STDRAFT"}
        outbox.clock.ahead += timedelta(minutes=21)  # type: ignore[attr-defined]
