"""The targets under the engine that they are made for, over the wire, with everything going wrong at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.posting.engine import Run
from st_erp_pipelines.resources.sap_business_one import BusinessOne, IncomingPayments, Partners, SalesDocuments
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.target import Wanted
from tests.resources.business_central.test_with_engine import FAULTS, LeapingClock, built, outbox
from tests.resources.sap_business_one import test_incoming_payments, test_partners, test_sales_documents
from tests.resources.sap_business_one.conftest import Person
from tests.resources.sap_business_one.test_sales_documents import line

__all__ = ["outbox"]
pytestmark = pytest.mark.parametrize("new_database", ["sqlite"], indirect=True)


def work(outbox: Outbox, target: Any, times: int = 1) -> None:
    assert isinstance(outbox.clock, LeapingClock)
    for _ in range(times):
        Run(outbox, target, connection="northwind", flow="invoices", mode="post").work()
        outbox.clock.ahead += target.timing.settle_after * 1.01


def rows(outbox: Outbox) -> list[Document]:
    with outbox.engine.begin() as con:
        return list(con.execute(sa.select(documents)))


def row_of(outbox: Outbox) -> Document:
    (row,) = rows(outbox)
    return row


def bring_in(outbox: Outbox, target: Any, *ones: Wanted) -> None:
    bring(outbox, "northwind", target.place, "invoices", [built(one, "invoices") for one in ones])


@pytest.mark.parametrize(
    ("make", "wanted", "entity", "field"),
    [
        (SalesDocuments, test_sales_documents.wanted, "Invoices", "NumAtCard"),
        (IncomingPayments, test_incoming_payments.wanted, "IncomingPayments", "Remarks"),
        (Partners, test_partners.wanted, "BusinessPartners", "CardCode"),
    ],
)
def test_each_is_posted_once_whatever_happens(
    client: BusinessOne, person: Person, faults: Faults, outbox: Outbox, make: Any, wanted: Callable[[], Wanted],
    entity: str, field: str,
) -> None:  # fmt: skip
    target, ones = make(client), [wanted() for _ in range(12)]
    bring_in(outbox, target, *ones)
    for number, kind in enumerate(FAULTS):
        faults.add(kind, method="POST", path_contains=f"/{entity}", after=number * 3, times=2)
    work(outbox, target)
    person.does("set", expire_sessions=True)
    work(outbox, target, 8)
    assert {row.state for row in rows(outbox)} == {"posted"}
    assert sum(not rule._used for rule in faults.rules) == 0
    found = Counter(row[field] for row in person.sees(entity))
    assert [found[one.key] for one in ones] == [1] * 12


def test_what_an_approval_held_back_is_posted_once_it_is_approved(
    client: BusinessOne, person: Person, outbox: Outbox
) -> None:
    target, one = SalesDocuments(client), test_sales_documents.wanted()
    person.does("set", approval_above={"Invoices": 1})
    bring_in(outbox, target, one)
    work(outbox, target, 3)
    row = row_of(outbox)
    assert (row.state, "waits for its approval: approve and add it" in row.sentence) == ("in_doubt", True)
    (draft,) = person.sees("Drafts", NumAtCard=one.key)
    person.does("approve", set="Drafts", key=draft["DocEntry"])
    person.does("set", approval_above={})
    work(outbox, target)
    assert row_of(outbox).state == "posted"
    assert len(person.sees("Invoices", NumAtCard=one.key)) == 1


def test_a_draft_that_a_person_removed_is_posted_anew(client: BusinessOne, person: Person, outbox: Outbox) -> None:
    target, one = SalesDocuments(client), test_sales_documents.wanted()
    person.does("set", approval_above={"Invoices": 1})
    bring_in(outbox, target, one)
    work(outbox, target)
    person.does("set", approval_above={})
    (draft,) = person.sees("Drafts", NumAtCard=one.key)
    person.does("remove", set="Drafts", key=draft["DocEntry"])
    work(outbox, target, 2)
    assert row_of(outbox).state == "posted"


@pytest.mark.parametrize(
    ("changes", "cause", "said", "daily"),
    [
        ({"customer_number": "NOBODY"}, "unknown_customer", "Create the business partner there, or correct", True),
        ({"customer_number": "FROZEN"}, "blocked_customer", "Activate the business partner there", True),
        ({"posting_date": "2026-10-05"}, "closed_period", "Open the posting period there", True),
        ({"lines": [line(number="9999")]}, "unknown_account", "there is no account 9999. Create the account", True),
        ({"lines": [line(number="4999")]}, "blocked_account", "account 4999 is a title, or not active", True),
        ({"lines": [line(type="item")]}, "item_line", "documents of the service type have no items", False),
    ],
)
def test_each_refusal_says_what_to_do_and_is_asked_again_where_waiting_can_help(
    client: BusinessOne, outbox: Outbox, changes: Any, cause: str, said: str, daily: bool
) -> None:
    target = SalesDocuments(client)
    bring_in(outbox, target, test_sales_documents.wanted(**changes))
    work(outbox, target)
    row = row_of(outbox)
    assert (row.state, row.cause, row.next_try_at is not None) == ("rejected", cause, daily)
    assert said in row.sentence


def test_a_payment_of_a_closed_invoice_is_refused_once(client: BusinessOne, person: Person, outbox: Outbox) -> None:
    target, entry = IncomingPayments(client), person.bills()["DocEntry"]
    person.does("pay", invoice=entry)
    bring_in(outbox, target, test_incoming_payments.wanted((entry, "100.00")))
    work(outbox, target)
    row = row_of(outbox)
    assert (row.state, row.cause, row.next_try_at) == ("rejected", "closed_invoice", None)
    assert "apply the payment by hand, then `accept` it" in row.sentence


def test_a_deadlock_says_that_nobody_knows_and_is_settled_by_a_look_up(
    client: BusinessOne, person: Person, faults: Faults, outbox: Outbox
) -> None:
    target, one = SalesDocuments(client), test_sales_documents.wanted()
    bring_in(outbox, target, one)
    faults.add("http_500_after", method="POST", path_contains="/Invoices")
    work(outbox, target)
    row = row_of(outbox)
    assert (row.state, "A look-up will tell" in row.sentence) == ("in_doubt", True)
    work(outbox, target)
    assert row_of(outbox).state == "posted"
    assert len(person.sees("Invoices", NumAtCard=one.key)) == 1


def test_a_cancelled_invoice_and_another_total_need_a_person(
    client: BusinessOne, person: Person, outbox: Outbox
) -> None:
    target, cancelled, other = SalesDocuments(client), test_sales_documents.wanted(), test_sales_documents.wanted()
    entry = person.bills(NumAtCard=cancelled.key)["DocEntry"]
    person.does("cancel", set="Invoices", key=entry)
    person.bills(NumAtCard=other.key, amount=5)
    bring_in(outbox, target, cancelled, replace(other))
    work(outbox, target)
    assert {row.state for row in rows(outbox)} == {"conflict"}
