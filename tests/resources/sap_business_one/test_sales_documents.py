from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, Unavailable
from st_erp_pipelines.resources.sap_business_one import BusinessOne, SalesDocuments
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.target import Finding, Found, Likeness, Move, Wanted
from tests.resources.sap_business_one.conftest import Person, new_key

BY_OURSELVES = {"blocked_account", "unknown_account", "unknown_tax_code", "item_line", "total_differs"}


def line(amount: str = "100.00", **changes: Any) -> dict[str, Any]:
    return {
        "type": "account",
        "number": "4000-01",
        "description": "Visit",
        "amount": amount,
        "tax_code": "TX",
    } | changes


def wanted(key: str = "", *, total: str = "108.25", lines: Any = None, **changes: Any) -> Wanted:
    key = key or new_key()
    payload = {
        "type": "invoice", "key": key, "customer_number": "STA1", "document_date": "2026-11-03",
        "posting_date": "2026-11-04", "due_date": "2026-12-03", "reference": "PO 77", "currency": "USD",
        "dimension_code": "1", "dimension_value": "HVAC", "total": total, "lines": lines or [line(project_code="P1")],
    } | changes  # fmt: skip
    return Wanted(key, payload, Decimal(total), date(2026, 11, 3), "USD", payload["customer_number"])


@pytest.fixture(scope="module")
def target(client: BusinessOne) -> SalesDocuments:
    return SalesDocuments(client)


def find(target: SalesDocuments, one: Wanted) -> Finding:
    return target.look_up([one])[one.key]


def test_an_invoice_is_posted_under_its_key_and_found_equal(target: SalesDocuments, person: Person) -> None:
    one = wanted()
    assert find(target, one) == Finding(Found.ABSENT)
    reply = target.send(one, Move.POST)
    (row,) = person.sees("Invoices", NumAtCard=one.key)
    assert (reply.remote_id, reply.number, reply.warning) == (str(row["DocEntry"]), str(row["DocNum"]), "")
    assert (row["DocDate"], row["TaxDate"], row["DocDueDate"]) == ("2026-11-04", "2026-11-03", "2026-12-03")
    assert (row["DocTotal"], row["Comments"]) == (Decimal("108.25"), "PO 77")
    (made,) = row["DocumentLines"]
    assert (made["CostingCode"], made["ProjectCode"], made["TaxCode"]) == ("HVAC", "P1", "TX")
    assert len(person.sees("JournalEntries", JdtNum=row["TransNum"])) == 1  # the server's own; none of ours
    finding = find(target, one)
    assert (finding.found, finding.remote_id, finding.differs_from(one)) == (Found.COMPLETE, reply.remote_id, "")


def test_a_unit_that_maps_to_a_project_names_no_rule(target: SalesDocuments, person: Person) -> None:
    one = wanted(lines=[line(dimension_code="PROJECT", dimension_value="P1")])
    target.send(one, Move.POST)
    (row,) = person.sees("Invoices", NumAtCard=one.key)
    (made,) = row["DocumentLines"]
    assert (made["ProjectCode"], made["CostingCode"]) == ("P1", None)


def test_a_credit_note_takes_an_invoice_back(target: SalesDocuments, person: Person) -> None:
    entry = target.send(wanted(), Move.POST).remote_id
    note = wanted(new_key("CRN"), type="credit_memo", applies_to=entry)
    target.send(note, Move.POST)
    assert find(target, note).differs_from(note) == ""
    (invoice,) = person.sees("Invoices", DocEntry=int(entry or 0))
    assert invoice["DocumentStatus"] == "bost_Close"


def test_forty_keys_and_more_are_found_although_pages_are_small(client: BusinessOne, person: Person) -> None:
    ones = [wanted() for _ in range(45)]
    for one in ones:
        person.bills(NumAtCard=one.key)
    small = SalesDocuments(client)
    client.page_size, before = 7, client.page_size
    try:
        findings = small.look_up([*ones, other := wanted()])
    finally:
        client.page_size = before
    assert {findings[one.key].found for one in ones} == {Found.COMPLETE}
    assert findings[other.key].found is Found.ABSENT


def test_what_differs_is_said(target: SalesDocuments, person: Person) -> None:
    one = wanted()
    person.bills(NumAtCard=one.key.lower() + " ", amount=55, TaxDate="2026-11-02")
    assert find(target, one).found is Found.ABSENT  # this server tells small letters apart
    person.bills(NumAtCard=one.key, amount=55, TaxDate="2026-11-02")
    assert (
        find(target, one).differs_from(one) == "total is 55.00, ours is 108.25; date is 2026-11-02, ours is 2026-11-03"
    )


def test_two_under_one_key_are_several(target: SalesDocuments, person: Person) -> None:
    one = wanted()
    for _ in range(2):
        person.bills(NumAtCard=one.key)
    assert find(target, one).found is Found.SEVERAL


def test_a_cancelled_invoice_is_dead_with_what_cancelled_it(target: SalesDocuments, person: Person) -> None:
    one = wanted()
    entry = target.send(one, Move.POST).remote_id
    person.does("cancel", set="Invoices", key=int(entry or 0))
    assert len(person.sees("Invoices", NumAtCard=one.key)) == 2
    assert find(target, one).found is Found.DEAD


def test_a_key_that_was_typed_over_is_found_by_id_and_never_equal(target: SalesDocuments, person: Person) -> None:
    one = wanted()
    entry = target.send(one, Move.POST).remote_id
    person.does("edit", set="Invoices", key=int(entry or 0), changes={"NumAtCard": "PO 1"})
    ours = Wanted(one.key, one.payload, one.total, one.on, "USD", "STA1", remote_id=entry, ours=True)
    finding = find(target, ours)
    assert (finding.found, finding.remote_id) == (Found.COMPLETE, entry)
    assert "without the key" in finding.differs_from(ours)


def test_every_field_that_ever_carried_keys_is_asked(client: BusinessOne, person: Person) -> None:
    target = SalesDocuments(client, key_field="U_STKey", former_key_fields=["NumAtCard"])
    one, old = wanted(), wanted()
    target.send(one, Move.POST)
    person.bills(NumAtCard=old.key)
    (row,) = person.sees("Invoices", NumAtCard="PO 77", U_STKey=one.key)
    assert find(target, one).remote_id == str(row["DocEntry"])
    assert find(target, old).found is Found.COMPLETE
    assert find(SalesDocuments(client, key_field="U_STKey"), old).found is Found.ABSENT


def test_a_key_field_that_is_not_there_is_a_matter_of_configuration(client: BusinessOne) -> None:
    with pytest.raises(ConfigurationError, match="OINV has no field U_Nope"):
        SalesDocuments(client, key_field="U_Nope")


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"customer_number": "NOBODY"}, "unknown_customer"),
        ({"customer_number": "FROZEN"}, "blocked_customer"),
        ({"posting_date": "2026-10-05", "document_date": "2026-10-05"}, "closed_period"),
        ({"dimension_value": "NOPE"}, "missing_record"),
        ({"lines": [line(number="4999")]}, "blocked_account"),
        ({"lines": [line(number="1100")]}, "blocked_account"),
        ({"lines": [line(number="9999")]}, "unknown_account"),
        ({"lines": [line(tax_code="ZZ")]}, "unknown_tax_code"),
        ({"lines": [line(type="item")]}, "item_line"),
        ({"total": "108.24"}, "total_differs"),
        ({"lines": [line("-100", tax_code="EX")], "total": "-100.00"}, "negative_total"),
    ],
)
def test_what_is_refused_has_its_cause_and_leaves_nothing(
    target: SalesDocuments, person: Person, changes: Any, cause: str
) -> None:
    one = wanted(**changes)
    with pytest.raises(Rejected) as refused:
        target.send(one, Move.POST)
    assert refused.value.cause == cause
    assert (refused.value.status is None) == (cause in BY_OURSELVES)
    assert person.sees("Invoices", NumAtCard=one.key) == []


def test_an_approval_makes_a_draft_that_waits_until_it_is_approved(target: SalesDocuments, person: Person) -> None:
    one = wanted()
    person.does("set", approval_above={"Invoices": 100})
    with pytest.raises(InDoubt, match="waits for its approval"):
        target.send(one, Move.POST)
    person.does("set", approval_above={})
    waiting = find(target, one)
    assert (waiting.found, "waits for its approval" in waiting.detail) == (Found.UNKNOWN, True)
    (draft,) = person.sees("Drafts", NumAtCard=one.key)
    person.does("approve", set="Drafts", key=draft["DocEntry"])
    assert find(target, one).differs_from(one) == ""
    assert find(target, one).found is Found.COMPLETE


def test_a_draft_of_a_person_is_no_document_of_ours(target: SalesDocuments, person: Person) -> None:
    one = wanted()
    body = {"CardCode": "STA1", "DocObjectCode": "oInvoices", "DocType": "dDocument_Service", "NumAtCard": one.key}
    person.enters("Drafts", **body, DocumentLines=[{"AccountCode": "_SYS00000000003", "LineTotal": 1}])
    finding = find(target, one)
    assert (finding.found, finding.likeness) == (Found.UNFINISHED, Likeness.DIFFERENT)


@pytest.mark.parametrize("kind", ["drop_after", "http_500_after", "html_after"])
def test_a_lost_reply_is_in_doubt_and_the_invoice_is_found(
    target: SalesDocuments, person: Person, faults: Faults, kind: Any
) -> None:
    one = wanted()
    faults.add(kind, method="POST", path_contains="/Invoices")
    with pytest.raises(InDoubt):
        target.send(one, Move.POST)
    assert find(target, one).found is Found.COMPLETE
    assert len(person.sees("Invoices", NumAtCard=one.key)) == 1


def test_a_total_that_comes_out_otherwise_is_a_warning(
    target: SalesDocuments, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rate was changed after it was read."""
    person.does("set", SalesTaxCodes={"TX": {"Rate": 10}})
    try:
        reply = target.send(wanted(), Move.POST)
    finally:
        person.does("set", SalesTaxCodes={"TX": {"Rate": 8.25}})
    assert reply.warning == "Business One made it 110.00 instead of 108.25: correct its tax there."


def test_a_filter_that_is_not_honoured_proves_nothing(
    target: SalesDocuments, person: Person, monkeypatch: pytest.MonkeyPatch, client: BusinessOne
) -> None:
    person.bills(NumAtCard=new_key())
    monkeypatch.setattr(client, "url", lambda path, filter="", **query: BusinessOne.url(client, path, **query))
    finding = find(target, wanted())
    assert (finding.found, "came back unasked" in finding.detail) == (Found.UNKNOWN, True)


def test_with_the_posting_log_a_second_one_is_refused_by_the_server(client: BusinessOne, person: Person) -> None:
    target, one = SalesDocuments(client, posting_log="ST_POSTLOG"), wanted()
    assert target.send(one, Move.POST).remote_id == find(target, one).remote_id
    with pytest.raises(InDoubt, match="posting log"):
        target.send(one, Move.POST)
    assert len(person.sees("Invoices", NumAtCard=one.key)) == 1
    refused = wanted(customer_number="NOBODY")
    with pytest.raises(Rejected) as said:
        target.send(refused, Move.POST)
    assert said.value.cause == "unknown_customer"
    with pytest.raises(ConfigurationError, match="no user table NOPE"):
        SalesDocuments(client, posting_log="NOPE")


def test_without_it_the_server_takes_two(target: SalesDocuments, person: Person) -> None:
    one = wanted()
    for _ in range(2):
        target.send(one, Move.POST)
    assert find(target, one).found is Found.SEVERAL


def test_a_server_that_is_not_there_has_got_nothing(
    client: BusinessOne, target: SalesDocuments, faults: Faults
) -> None:
    faults.add("http_429", method="POST", path_contains="/Invoices")
    with pytest.raises(Unavailable):
        target.send(wanted(), Move.POST)
