from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.errors import InDoubt, Rejected
from st_erp_pipelines.resources.business_central import BusinessCentral, Customers
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.target import Finding, Found, Move, Wanted
from tests.resources.business_central.conftest import Person


def wanted(number: str = "STA-7", **changes: Any) -> Wanted:
    payload = {
        "number": number, "display_name": "Mary Somerville", "type": "Person", "address_line1": "1 Main St",
        "address_line2": "", "city": "Austin", "state": "TX", "country": "USA", "postal_code": "78701",
        "phone_number": "512-555-0100 x12", "email": "mary@example.com", "payment_terms_code": "net30",
    } | changes  # fmt: skip
    return Wanted(number, payload, Decimal(0), date(2026, 11, 1), "", payload["display_name"])


def change(**changes: Any) -> Wanted:
    payload = {"change": True, "erp_number": "STA-1", **changes}
    return Wanted("STA-1-R1", payload, Decimal(0), date(2026, 11, 1), "", "")


@pytest.fixture
def target(client: BusinessCentral) -> Customers:
    return Customers(client)


def find(target: Customers, one: Wanted) -> Finding:
    return target.look_up([one])[one.key]


def test_a_customer_is_created_once_under_its_number(target: Customers, person: Person) -> None:
    assert find(target, wanted()).found is Found.ABSENT
    reply = target.send(wanted(), Move.POST)
    assert reply.number == "STA-7"
    (row,) = person.sees("customers", number="STA-7")
    assert (row["country"], row["phoneNumber"], row["city"]) == ("US", "512-555-0100", "Austin")
    assert row["paymentTermsId"] != "00000000-0000-0000-0000-000000000000"
    finding = find(target, wanted())
    assert (finding.found, finding.remote_id) == (Found.COMPLETE, reply.remote_id)
    assert finding.differs_from(wanted()) == ""


def test_a_second_creation_is_in_doubt_and_then_found(target: Customers, person: Person) -> None:
    target.send(wanted(), Move.POST)
    with pytest.raises(InDoubt):
        target.send(wanted(), Move.POST)
    assert len(person.sees("customers", number="STA-7")) == 1


def test_another_name_under_our_number_differs(target: Customers) -> None:
    target.send(wanted(), Move.POST)
    other = wanted(display_name="Somebody Else")
    assert "party is Mary Somerville" in find(target, other).differs_from(other)


def test_a_long_name_is_cut_visibly_and_still_equal(target: Customers, person: Person) -> None:
    one = wanted(display_name="Ångström " * 20, email="x" * 90, country="Narnia")
    target.send(one, Move.POST)
    (row,) = person.sees("customers", number="STA-7")
    assert len(row["displayName"]) <= 100
    assert row["displayName"].endswith("…")
    assert (row["email"], row["country"]) == ("", "")
    assert find(target, one).differs_from(one) == ""


def test_terms_that_do_not_exist_are_left_out_and_said(target: Customers) -> None:
    assert "NET99" in target.send(wanted(payment_terms_code="NET99"), Move.POST).warning


def test_a_refusal_says_what_to_do(target: Customers, person: Person) -> None:
    person.sets(manual_numbers=False)
    with pytest.raises(Rejected, match="Allow manual numbers") as refused:
        target.send(wanted(), Move.POST)
    assert refused.value.retry_daily


def test_a_server_that_ignores_the_filter_proves_nothing(
    target: Customers, client: BusinessCentral, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = client.rows
    monkeypatch.setattr(client, "rows", lambda path, filter="", **query: rows(path, **query))
    assert find(target, wanted()).found is Found.UNKNOWN


def test_a_change_compares_and_sets_only_what_it_declares(target: Customers, person: Person) -> None:
    one = change(display_name="Ada Lovelace", city="Austin")
    before = find(target, one)
    assert (before.found, bool(before.remote_id), bool(before.etag)) == (Found.ABSENT, True, True)
    target.send(one, Move.POST)
    (row,) = person.sees("customers", number="STA-1")
    assert (row["displayName"], row["city"], row["type"]) == ("Ada Lovelace", "Austin", "Person")
    assert find(target, one).found is Found.COMPLETE


def test_what_cannot_be_kept_there_erases_nothing(target: Customers, person: Person) -> None:
    target.send(wanted(), Move.POST)
    one = change(
        erp_number="STA-7", city="Waco", state="", email="x" * 90, country="Narnia", phone_number="Office 512 555 0101"
    )
    find(target, one)
    target.send(one, Move.POST)
    (row,) = person.sees("customers", number="STA-7")
    assert [row[name] for name in ("city", "state", "email", "country", "phoneNumber")] == [
        "Waco", "", "mary@example.com", "US", "512-555-0100"
    ]  # fmt: skip


def test_a_change_of_what_is_gone_is_dead(target: Customers) -> None:
    assert find(target, change(erp_number="STA-404", city="Rome")).found is Found.DEAD


def test_a_change_gives_way_to_a_change_made_meanwhile(
    target: Customers, person: Person, client: BusinessCentral
) -> None:
    one = change(city="Rome")
    finding = find(target, one)
    person.acts("PATCH", f"customers({finding.remote_id})", {"city": "Paris"}, etag=finding.etag)
    stale = Wanted(one.key, one.payload, one.total, one.on, "", "", finding.remote_id, etag=finding.etag)
    with pytest.raises(Rejected) as refused:
        target.send(stale, Move.POST)
    assert refused.value.cause == "changed_meanwhile"
    assert person.sees("customers", number="STA-1")[0]["city"] == "Paris"


def test_many_customers_are_asked_for_in_few_requests(target: Customers, faults: Faults) -> None:
    before = len(faults.log)
    target.look_up([wanted(f"STA-{number}") for number in range(100, 150)])
    assert len(faults.log) - before == 2
