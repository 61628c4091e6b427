"""Exports, and what the office does to documents after they were posted; tenants with journal entries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from st_erp_pipelines.sandbox.contractor import Contractor, generate
from st_erp_pipelines.sandbox.serve import running
from tests.sandbox.published import SPECS, answer, assert_published, published
from tests.sandbox.servicetitan_client import assert_problem, at, control, ids, logged_in, named, stored, tenant

ACCOUNTING = "/accounting/v2/tenant/7"
ENTRIES = f"{ACCOUNTING}/journal-entries"
RECENT = {"modifiedOnOrAfter": at(30)}


def document(number: int, status: str = "Posted", **members: Any) -> dict[str, Any]:
    times = {"createdOn": at(1), "modifiedOn": at(2)}
    return {"id": number, "syncStatus": status, "active": True, "exportId": None, **times, **members}


def invoice(number: int, status: str = "Posted", **members: Any) -> dict[str, Any]:
    item = {"id": 1, "quantity": "2", "price": "50.00", "total": "100.00", "generalLedgerAccount": None}
    figures = {"subTotal": "100.00", "salesTax": "10.00", "total": "110.00", "balance": "110.00"}
    names = {"customer": named(100), "referenceNumber": f"R-{number}", "invoiceDate": at(1), "paidOn": None}
    return document(number, status, items=[item], **figures, **names, **members)


def books() -> dict[str, list[dict[str, Any]]]:
    money = {"total": "200.00", "unappliedAmount": "200.00", "appliedTo": [], "customer": named(100)}
    bill = {"billType": "ApBill", "billAmount": "10.00"}
    return {
        "invoices": [invoice(1), invoice(2, "Exported"), invoice(3, "Pending")],
        "payments": [document(11, **money)],
        "credit_memos": [document(21), document(22, "Pending")],
        "ap_bills": [document(31, **bill), document(32, "Pending", **bill)],
        "customers": [{"id": key, "name": f"C {key}", "active": True, "mergedToId": None} for key in (100, 101)],
        "materials": [{"id": 41, "code": "PI-1", "price": 5.0, "cost": 2.0, "active": True, "modifiedOn": at(1)}],
    }


@pytest.fixture
def api() -> Iterator[httpx.Client]:
    with running(tenant(books())) as url, logged_in(url) as client:
        yield client


MARKS = [
    ("/invoices", [{"invoiceId": key, "externalId": f"X{key}"} for key in (1, 3, 9)], "invoiceId", "invoices"),
    ("/credit-memos", [{"creditMemoId": key} for key in (21, 22, 9)], "creditMemoId", "credit_memos"),
    ("/ap-bills", {"billIds": [31, 32, 9]}, "billId", "ap_bills"),
]


@pytest.mark.parametrize(("path", "body", "key", "entity"), MARKS)
def test_marking_answers_for_each_row(api: httpx.Client, path: str, body: Any, key: str, entity: str) -> None:
    reply = api.post(f"{ACCOUNTING}{path}/markasexported", json=body)
    assert reply.status_code == 200
    assert [row["success"] for row in reply.json()] == [True, False, False]
    assert [row["errorMessage"] is None for row in reply.json()] == [True, False, False]
    posted, pending, _ = (row[key] for row in reply.json())
    assert stored(api, entity, posted)["syncStatus"] == "Exported"
    assert stored(api, entity, posted)["modifiedOn"] > at(30)
    assert stored(api, entity, pending)["syncStatus"] == "Pending"
    if SPECS.is_dir():
        assert_published(reply.json(), *answer("accounting", f"{path}/markasexported", "post", "200"), path)


@pytest.mark.parametrize(("path", "body", "key", "entity"), MARKS)
def test_marking_again_changes_nothing(api: httpx.Client, path: str, body: Any, key: str, entity: str) -> None:
    first = api.post(f"{ACCOUNTING}{path}/markasexported", json=body).json()
    before = stored(api, entity, first[0][key])
    assert api.post(f"{ACCOUNTING}{path}/markasexported", json=body).json() == first
    assert stored(api, entity, first[0][key]) == before


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/ap-bills", [31], "$"),
        ("/ap-bills", {"ids": [31]}, "billIds"),
        ("/ap-bills", {"billIds": ["31"]}, "billIds"),
        ("/credit-memos", {"creditMemoId": 21}, "$"),
        ("/credit-memos", [{"invoiceId": 21}], "$[0].creditMemoId"),
    ],
)
def test_marking_refuses_a_wrong_body(api: httpx.Client, path: str, body: Any, field: str) -> None:
    assert_problem(api.post(f"{ACCOUNTING}{path}/markasexported", json=body), 400, field)


def test_an_invoice_is_edited_after_posting_and_still_adds_up(api: httpx.Client) -> None:
    (changed,) = control(api, "edit", id=1, amount="25.50").json()
    assert (changed["total"], changed["subTotal"], changed["balance"]) == ("135.50", "125.50", "135.50")
    item = changed["items"][0]
    assert Decimal(item["quantity"]) * Decimal(item["price"]) == Decimal(item["total"]) == Decimal("125.50")
    assert ids(api.get(f"{ACCOUNTING}/invoices", params=RECENT)) == [1]


def test_an_exported_invoice_is_locked(api: httpx.Client) -> None:
    assert control(api, "edit", id=2, amount="1").status_code == 409
    assert control(api, "void", id=2).status_code == 409
    assert stored(api, "invoices", 2) == invoice(2, "Exported")
    assert control(api, "edit", id=2, amount="1", unlock=True).json()[0]["total"] == "111.00"


def test_a_document_is_voided(api: httpx.Client) -> None:
    assert control(api, "void", id=1).json()[0]["active"] is False
    assert control(api, "void", entity="payments", id=11).json()[0]["active"] is False
    assert ids(api.get(f"{ACCOUNTING}/invoices")) == [2, 3]
    assert_problem(control(api, "void", id=99), 404)


@pytest.mark.parametrize(("documents", "named_now"), [(False, 100), (True, 101)])
def test_a_customer_is_merged_with_or_without_its_documents(api: httpx.Client, documents: bool, named_now: int) -> None:
    control(api, "merge", id=100, into=101, documents=documents)
    merged = stored(api, "customers", 100)
    assert (merged["active"], merged["mergedToId"]) == (False, 101)
    assert stored(api, "invoices", 1)["customer"]["id"] == named_now
    assert stored(api, "payments", 11)["customer"]["id"] == named_now
    assert_problem(control(api, "merge", id=100, into=999), 404)


def test_a_deposit_is_applied_later_and_taken_back(api: httpx.Client) -> None:
    payment, paid = control(api, "apply", payment=11, invoice=2).json()
    assert (payment["unappliedAmount"], paid["balance"], paid["paidOn"] is None) == ("90.00", "0.00", False)
    part = payment["appliedTo"][0]
    assert (part["appliedTo"], part["appliedAmount"]) == (2, "110.00")
    assert control(api, "apply", payment=11, invoice=2).status_code == 409
    assert control(api, "apply", payment=11, invoice=1, amount="90.01").status_code == 409
    assert control(api, "apply", payment=11, invoice=1, amount="40").json()[1]["balance"] == "70.00"
    assert ids(api.get(f"{ACCOUNTING}/payments", params=RECENT)) == [11]
    payment, owed = control(api, "unapply", payment=11, invoice=2).json()
    assert (payment["unappliedAmount"], owed["balance"], owed["paidOn"]) == ("160.00", "110.00", None)
    assert control(api, "unapply", payment=11, invoice=2).status_code == 409


def test_money_is_given_back_by_a_payment_below_zero(api: httpx.Client) -> None:
    (refund,) = control(api, "refund", payment=11, amount="40").json()
    assert (refund["total"], refund["refundedPaymentId"], refund["appliedTo"]) == ("-40.00", 11, [])
    assert stored(api, "payments", refund["id"]) == refund
    assert ids(api.get(f"{ACCOUNTING}/payments", params=RECENT)) == [refund["id"]]
    assert control(api, "refund", payment=11, amount="200.01").status_code == 409


def test_the_field_changes_a_price(api: httpx.Client) -> None:
    assert control(api, "price", entity="materials", code="PI-1", price="6.25").json()[0]["price"] == 6.25
    assert control(api, "price", entity="materials", id=41, cost="3").json()[0]["cost"] == 3.0
    assert stored(api, "materials", 41)["modifiedOn"] > at(30)
    assert_problem(control(api, "price", entity="materials", code="PI-2", price="1"), 404)


@pytest.fixture(scope="module")
def contractor() -> Contractor:
    return generate(today=date(2026, 3, 20), days=8, scale=0.02)


@pytest.fixture
def journal(contractor: Contractor) -> Iterator[httpx.Client]:
    app = tenant(contractor.servicetitan, speed=1000, token_seconds=900_000, journal_entries=True)
    with running(app) as url, logged_in(url) as client:
        yield client


def test_a_tenant_with_journal_entries_never_posts(journal: httpx.Client, contractor: Contractor) -> None:
    everything = {"pageSize": 5000, "activeState": "All"}
    invoices = journal.get(f"{ACCOUNTING}/invoices", params=everything).json()["data"]
    assert {row["syncStatus"] for row in invoices} == {"Pending"}
    assert len(invoices) == len(contractor.servicetitan["invoices"])
    key = invoices[0]["id"]
    assert control(journal, "batch", ids=[key]).status_code == 409
    marked = journal.post(f"{ACCOUNTING}/invoices/markasexported", json=[{"invoiceId": key}]).json()
    assert marked[0]["success"] is False
    assert journal.get(ENTRIES).json()["data"]


def test_other_tenants_have_no_journal_entries(api: httpx.Client) -> None:
    assert api.get(ENTRIES).json()["data"] == []


def test_journal_entries_come_500_a_page_and_balance(journal: httpx.Client, contractor: Contractor) -> None:
    assert_problem(journal.get(ENTRIES, params={"pageSize": 501}), 400, "PageSize")
    entries = journal.get(ENTRIES, params={"pageSize": 500, "sort": "-Number"}).json()["data"]
    assert [row["number"] for row in entries] == sorted((row["number"] for row in entries), reverse=True)
    assert {row["syncStatus"] for row in entries} == {"NotSynced"}
    mismatched = {each.key for each in contractor.exceptions if each.kind == "blocked:total_mismatch"}
    balanced = 0
    for entry in entries[-20:]:
        lines = journal.get(f"{ENTRIES}/{entry['id']}/details", params={"pageSize": 500}).json()["data"]
        assert lines
        if not {f"ST-A-INV-{line['transaction']['id']}" for line in lines} & mismatched:
            balance = sum(Decimal(str(line["debit"])) - Decimal(str(line["credit"])) for line in lines)
            assert balance == 0
            balanced += 1
    assert balanced
    only = journal.get(ENTRIES, params={"ids": entries[0]["id"]}).json()["data"]
    assert only == entries[:1] == [journal.get(f"{ENTRIES}/{entries[0]['id']}").json()]
    assert_problem(journal.get(f"{ENTRIES}/nothing"), 404)
    assert_problem(journal.get(f"{ENTRIES}/nothing/details"), 404)


def test_an_entry_is_marked_synced_at_its_version(journal: httpx.Client) -> None:
    entry = journal.get(ENTRIES).json()["data"][0]
    url = f"{ENTRIES}/{entry['id']}/sync"
    assert_problem(journal.patch(url, json={"syncStatus": "Synced", "versionId": 2}), 409)
    assert_problem(journal.patch(url, json={"syncStatus": "Done"}), 400, "syncStatus")
    reply = journal.patch(url, json={"syncStatus": "Synced", "versionId": 1})
    assert (reply.json()["syncStatus"], reply.json()["lastSyncVersionId"]) == ("Synced", 1)
    assert journal.get(ENTRIES, params={"syncStatuses": "Synced"}).json()["data"] == [reply.json()]


@pytest.mark.skipif(not SPECS.is_dir(), reason="the OpenAPI documents are not beside this checkout")
def test_journal_entries_have_the_published_shape(journal: httpx.Client) -> None:
    entry = journal.get(ENTRIES).json()["data"][0]
    line = journal.get(f"{ENTRIES}/{entry['id']}/details").json()["data"][0]
    for path, row in (("/journal-entries", entry), ("/journal-entries/{id}/details", line)):
        schema, schemas = published("accounting", path)
        assert_published(row, schema, schemas, path)
