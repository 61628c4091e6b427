from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.errors import InDoubt, Rejected
from st_erp_pipelines.resources.sap_business_one import BusinessOne, IncomingPayments
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.target import Finding, Found, Move, Wanted
from tests.resources.sap_business_one.conftest import BANK, Person, new_key


def wanted(*invoices: tuple[Any, str], amount: str = "150.00", **changes: Any) -> Wanted:
    key = new_key("PMT")
    payload = {
        "key": key, "customer_number": "STA1", "posting_date": "2026-11-05", "document_date": "2026-11-04",
        "amount": amount, "currency": "USD", "comment": "Check 12", "means": "transfer", "account": "1010",
        "invoices": [{"key": f"ST-A-INV-{entry}", "id": entry, "amount": part} for entry, part in invoices],
    } | changes  # fmt: skip
    return Wanted(key, payload, Decimal(amount), date(2026, 11, 4), "USD", "STA1")


@pytest.fixture(scope="module")
def target(client: BusinessOne) -> IncomingPayments:
    return IncomingPayments(client)


def find(target: IncomingPayments, one: Wanted) -> Finding:
    return target.look_up([one])[one.key]


def test_a_payment_closes_its_invoices_and_what_it_leaves_is_on_account(
    target: IncomingPayments, person: Person
) -> None:
    first, second = (person.bills(amount=amount)["DocEntry"] for amount in (100, 40))
    one = wanted((first, "100.00"), (second, "40.00"))
    assert find(target, one).found is Found.ABSENT
    reply = target.send(one, Move.POST)
    (row,) = person.sees("IncomingPayments", Remarks=one.key)
    assert (row["TransferReference"], row["TransferAccount"], row["JournalRemarks"]) == (one.key, BANK, "Check 12")
    assert [each["DocumentStatus"] for each in person.sees("Invoices") if each["DocEntry"] in (first, second)] == [
        "bost_Close", "bost_Close"
    ]  # fmt: skip
    finding = find(target, one)
    assert (finding.found, finding.remote_id, finding.differs_from(one)) == (Found.COMPLETE, reply.remote_id, "")


@pytest.mark.parametrize(
    "means",
    [
        {"means": "cash"},
        {"means": "check", "check_number": "No. 1001", "bank_code": "CHASE", "bank_country": "US"},
        {"means": "card", "card": 1, "card_number": "4111111111111111", "card_valid_until": "2028-12-31"},
        {"means": "transfer"},
    ],
    ids=lambda means: str(means["means"]),
)
def test_each_means_comes_to_its_amount(target: IncomingPayments, person: Person, means: dict[str, Any]) -> None:
    one = wanted(**means)
    target.send(one, Move.POST)
    assert find(target, one).differs_from(one) == ""
    assert find(target, one).found is Found.COMPLETE
    (row,) = person.sees("IncomingPayments", Remarks=one.key)
    assert [each["CreditCardNumber"] for each in row["PaymentCreditCards"] or []] in ([], ["1111"])


def test_a_payment_whose_remarks_were_typed_over_is_found_by_its_reference(
    target: IncomingPayments, person: Person
) -> None:
    one = wanted()
    entry = int(target.send(one, Move.POST).remote_id or 0)
    person.does("edit", set="IncomingPayments", key=entry, changes={"Remarks": "ask Bob"})
    assert find(target, one).remote_id == str(entry)


def test_a_cancelled_payment_is_dead(target: IncomingPayments, person: Person) -> None:
    one = wanted()
    entry = int(target.send(one, Move.POST).remote_id or 0)
    person.does("cancel", set="IncomingPayments", key=entry)
    assert find(target, one).found is Found.DEAD


def test_an_invoice_that_somebody_else_closed_refuses_it(target: IncomingPayments, person: Person) -> None:
    entry = person.bills()["DocEntry"]
    person.does("pay", invoice=entry)
    one = wanted((entry, "100.00"))
    with pytest.raises(Rejected) as refused:
        target.send(one, Move.POST)
    assert (refused.value.cause, refused.value.retry_daily) == ("closed_invoice", False)


def test_an_invoice_that_this_payment_closed_is_in_doubt_and_not_refused(
    target: IncomingPayments, person: Person, faults: Faults
) -> None:
    one = wanted((person.bills()["DocEntry"], "100.00"), amount="100.00")
    faults.add("drop_after", method="POST", path_contains="/IncomingPayments")
    for _ in range(2):
        with pytest.raises(InDoubt):
            target.send(one, Move.POST)
    assert find(target, one).found is Found.COMPLETE
    assert len(person.sees("IncomingPayments", Remarks=one.key)) == 1


def test_an_approval_makes_a_draft_that_waits(target: IncomingPayments, person: Person) -> None:
    one = wanted()
    person.does("set", approval_above={"IncomingPayments": 100})
    with pytest.raises(InDoubt, match="waits for its approval"):
        target.send(one, Move.POST)
    person.does("set", approval_above={})
    assert find(target, one).found is Found.UNKNOWN
    (draft,) = person.sees("PaymentDrafts", Remarks=one.key)
    person.does("approve", set="PaymentDrafts", key=draft["DocEntry"])
    assert find(target, one).found is Found.COMPLETE


@pytest.mark.parametrize(
    ("invoices", "changes", "cause"),
    [
        ([(None, "10.00")], {}, "waits_for_invoice"),
        ([(1, "200.00")], {}, "total_differs"),
        ([], {"account": "9999"}, "unknown_account"),
        ([], {"currency": "XYZ"}, "unknown_currency"),
        ([], {"means": "check"}, "unknown_bank"),
        ([], {"customer_number": "NOBODY"}, "unknown_customer"),
        ([], {"customer_number": "FROZEN"}, "blocked_customer"),
        ([], {"posting_date": "2026-10-05"}, "closed_period"),
    ],
)
def test_what_is_refused_has_its_cause_and_leaves_nothing(
    target: IncomingPayments, person: Person, invoices: Any, changes: Any, cause: str
) -> None:
    one = wanted(*invoices, **changes)
    with pytest.raises(Rejected) as refused:
        target.send(one, Move.POST)
    assert refused.value.cause == cause
    assert person.sees("IncomingPayments", Remarks=one.key) == []


def test_a_field_of_the_company_s_own_leaves_the_remarks_to_people(client: BusinessOne, person: Person) -> None:
    target, one = IncomingPayments(client, key_field="U_STKey", posting_log="ST_POSTLOG"), wanted()
    target.send(one, Move.POST)
    (row,) = person.sees("IncomingPayments", U_STKey=one.key)
    assert row["Remarks"] == "Check 12"
    assert find(target, one).found is Found.COMPLETE
