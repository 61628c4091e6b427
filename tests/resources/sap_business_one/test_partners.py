from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from st_erp_pipelines.errors import InDoubt, Rejected, Unavailable
from st_erp_pipelines.resources.sap_business_one import BusinessOne, Partners
from st_erp_pipelines.target import Finding, Found, Move, Wanted
from tests.resources.sap_business_one.conftest import Person

NUMBERS = count(100)


def wanted(**changes: Any) -> Wanted:
    payload = {
        "number": f"STA{next(NUMBERS)}", "display_name": "Mary Somerville", "type": "Person", "country": "USA",
        "address_line1": "1 Main St", "address_line2": "", "city": "Austin", "state": "TX", "postal_code": "78701",
        "phone_number": "512-555-0100 extension 1200", "email": "mary@example.com", "payment_terms_code": "net30",
    } | changes  # fmt: skip
    return Wanted(payload["number"], payload, Decimal(0), date(2026, 11, 1), "", payload["display_name"])


def change(number: str, **changes: Any) -> Wanted:
    payload = {"change": True, "erp_number": number, **changes}
    return Wanted(f"{number}/R1", payload, Decimal(0), date(2026, 11, 1), "", changes.get("display_name", ""))


@pytest.fixture(scope="module")
def target(client: BusinessOne) -> Partners:
    return Partners(client)


def find(target: Partners, one: Wanted) -> Finding:
    return target.look_up([one])[one.key]


def created(target: Partners, **changes: Any) -> str:
    one = wanted(**changes)
    target.send(one, Move.POST)
    return one.key


def test_a_partner_is_created_once_under_its_code(target: Partners, person: Person) -> None:
    one = wanted(state="Texas")
    assert find(target, one).found is Found.ABSENT
    assert target.send(one, Move.POST).remote_id == one.key
    (row,) = person.sees("BusinessPartners", CardCode=one.key)
    assert (row["CardType"], row["PayTermsGrpCode"], row["Phone1"]) == ("cCustomer", 2, "512-555-0100")
    (address,) = row["BPAddresses"]
    assert [address[name] for name in ("AddressType", "Street", "State", "Country", "ZipCode")] == [
        "bo_BillTo", "1 Main St", "TX", "US", "78701"
    ]  # fmt: skip
    finding = find(target, one)
    assert (finding.found, finding.differs_from(one)) == (Found.COMPLETE, "")
    with pytest.raises(InDoubt):  # the code is unique there: looked up, then found
        target.send(one, Move.POST)


def test_another_name_or_kind_under_our_code_differs(target: Partners) -> None:
    code = created(target)
    assert "party is Mary Somerville" in find(target, other := wanted(number=code, display_name="Else")).differs_from(
        other
    )
    supplier = wanted(number="V1", display_name="Supply House")
    assert "which is no customer" in find(target, supplier).differs_from(supplier)


def test_terms_that_are_not_there_are_left_out_and_said(target: Partners) -> None:
    assert "NET99 do not exist there" in target.send(wanted(payment_terms_code="net99"), Move.POST).warning


def test_a_code_is_at_most_15_characters(target: Partners) -> None:
    with pytest.raises(Rejected, match="longer than 15"):
        target.send(wanted(number="STABC123456789012"), Move.POST)


def test_a_change_writes_what_differs_and_is_then_complete(target: Partners, person: Person) -> None:
    code = created(target)
    person.does("edit", set="BusinessPartners", key=code, changes={"CreditLimit": 5000, "Phone2": "theirs"})
    one = change(code, display_name="Mary S.", city="Dallas", phone_number="512-555-0100", email="")
    assert find(target, one).found is Found.ABSENT
    target.send(one, Move.POST)
    assert find(target, one).found is Found.COMPLETE
    (row,) = person.sees("BusinessPartners", CardCode=code)
    assert [row[name] for name in ("CardName", "CreditLimit", "Phone2")] == ["Mary S.", 5000, "theirs"]
    assert not row["EmailAddress"], "nothing is something to say"
    (address,) = row["BPAddresses"]
    assert (address["City"], address["Street"]) == ("Dallas", "1 Main St")


@pytest.mark.parametrize(
    ("said", "api"),
    [
        ({"phone_number": "Office 512 555 0101 or cell 512 555 0102"}, "Phone1"),
        ({"email": "m" * 100 + "@example.com"}, "EmailAddress"),
        ({"state": "Somewhere"}, "State"),
        ({"country": "Narnia"}, "Country"),
        ({"country": None}, "Country"),
    ],
)
def test_what_cannot_be_kept_there_erases_nothing(
    target: Partners, person: Person, said: dict[str, str | None], api: str
) -> None:
    code = created(target)
    assert find(target, change(code, **said)).found is Found.COMPLETE, "of it there is nothing to write"
    one = change(code, city="Dallas", **said)
    find(target, one)
    target.send(one, Move.POST)
    (row,) = person.sees("BusinessPartners", CardCode=code)
    assert row["BPAddresses"][0]["City"] == "Dallas"
    assert row.get(api) or row["BPAddresses"][0][api]


def test_states_and_provinces_go_by_their_codes(target: Partners, person: Person) -> None:
    code = created(target)  # in TX
    for typed in ("Texas", " tx"):
        assert find(target, change(code, state=typed)).found is Found.COMPLETE
    for typed, kept in (("British Columbia", "BC"), ("", "")):
        one = change(code, state=typed, country="Canada")
        find(target, one)
        target.send(one, Move.POST)
        (row,) = person.sees("BusinessPartners", CardCode=code)
        assert (row["BPAddresses"][0]["State"] or "") == kept


def test_an_address_is_made_where_there_is_none(target: Partners, person: Person) -> None:
    one = change("STA1", address_line1="2 Main St", city="Waco", state="TX", country="US")
    find(target, one)
    target.send(one, Move.POST)
    assert find(target, one).found is Found.COMPLETE


def test_who_changes_it_meanwhile_is_not_overwritten(target: Partners, person: Person) -> None:
    code = created(target)
    one = change(code, display_name="Ours")
    find(target, one)
    person.does("edit", set="BusinessPartners", key=code, changes={"CardName": "Theirs"})
    with pytest.raises(Unavailable, match="Another user"):
        target.send(one, Move.POST)
    (row,) = person.sees("BusinessPartners", CardCode=code)
    assert row["CardName"] == "Theirs"


def test_a_partner_that_is_gone_is_dead(target: Partners) -> None:
    finding = find(target, change("STA9999", city="Waco"))
    assert (finding.found, finding.detail) == (Found.DEAD, "business partner STA9999 is gone")
