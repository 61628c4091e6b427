"""Customers of the sandbox changed over a real socket: what is sent, what is found, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from st_erp_pipelines.database import open_engine
from st_erp_pipelines.errors import Rejected
from st_erp_pipelines.outbox import Document, Outbox
from st_erp_pipelines.outbox.document import BuiltDocument, Verdict
from st_erp_pipelines.outbox.intake import bring
from st_erp_pipelines.outbox.schema import documents
from st_erp_pipelines.posting.engine import Run
from st_erp_pipelines.resources.http import Api
from st_erp_pipelines.resources.servicetitan_customers import ServiceTitanCustomers
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.serve import running
from st_erp_pipelines.target import Finding, Found, Move, Timing, Wanted
from tests.resources.test_servicetitan_pricebook import LeapingClock, Shelf, connected
from tests.sandbox.servicetitan_client import at, tenant
from tests.sandbox.test_servicetitan_customers import HOME, NET_30, PLACE, contact, customer

PHONE, SECOND, MAIL = "3125550100", "(312) 555-0101", "ada@mail.example"
REACHED, UNREACHED = count(1), count(50)  # customers with contacts, and without; each test takes others
ADDRESS = {
    "address_line1": "1 Elm Ct", "address_line2": "", "city": "Wheaton", "state": "IL", "postal_code": "60187",
    "country": "US",
}  # fmt: skip


def books() -> dict[str, list[dict[str, Any]]]:
    theirs = [(1, "Phone", PHONE), (2, "MobilePhone", SECOND), (3, "Email", MAIL)]
    return {
        "customers": [customer(number, "Ada") for number in range(1, 60)],
        "customer_contacts": [contact(10 * each + n, each, *row) for each in range(1, 50) for n, *row in theirs],
        "payment_terms": [{"id": NET_30, "name": "Net 30", "active": True, "createdOn": at(1), "modifiedOn": at(1)}],
    }


@pytest.fixture(scope="module")
def office() -> Iterator[Shelf]:
    faults = Faults(speed=1000)
    with running(tenant(books(), faults=faults, speed=1000)) as url:
        yield Shelf(url, faults)


@pytest.fixture
def target(office: Shelf) -> Iterator[ServiceTitanCustomers]:
    with closing(connected(office)) as client:
        yield ServiceTitanCustomers(client, "servicetitan|here|7", Timing(timedelta(minutes=5)))
    office.faults.clear()
    office.does("drop_members", entity="customers", members=[])


def wanted(number: int, **said: Any) -> Wanted:
    payload = {"customer_id": number, **said}
    return Wanted(f"ST-A-CUST-{number}", payload, Decimal(0), date(2026, 11, 1), "USD", "C7")


def find(target: ServiceTitanCustomers, one: Wanted) -> Finding:
    return target.look_up([one])[one.key]


def sees(office: Shelf, number: int) -> dict[str, Any]:
    rows = httpx.get(f"{office.url}/_control/servicetitan/records/customers").json()
    return next(row for row in rows if row["id"] == number)


def reached_by(office: Shelf, number: int) -> list[tuple[str, str]]:
    rows = httpx.get(f"{office.url}/_control/servicetitan/records/customer_contacts").json()
    return [
        (row["type"], row["value"]) for row in sorted(rows, key=lambda row: row["id"]) if row["customerId"] == number
    ]


def writes(office: Shelf, number: int) -> list[str]:
    base = f"/crm/v2/tenant/7/customers/{number}"
    asked = [row for row in office.faults.log if row["method"] in ("PATCH", "POST")]
    return [
        f"{row['method']} {row['path'].removeprefix(base)}".rstrip()
        for row in asked
        if row["path"] == base or row["path"].startswith(f"{base}/")
    ]


# Sent


def test_name_address_and_term_go_in_one_request(target: ServiceTitanCustomers, office: Shelf) -> None:
    number = next(REACHED)
    moved = ADDRESS | {"address_line1": "2 Oak St", "address_line2": "Apt 2"}
    one = wanted(number, display_name="Ada Byron", address=moved, payment_term_id=NET_30)
    assert find(target, one).found is Found.ABSENT
    reply = target.send(one, Move.POST)
    assert (reply.remote_id, reply.warning) == (str(number), "")
    row = sees(office, number)
    assert (row["name"], row["address"]["street"], row["address"]["unit"]) == ("Ada Byron", "2 Oak St", "Apt 2")
    assert (row["paymentTermId"], row["address"]["city"]) == (NET_30, "Wheaton")
    assert find(target, one).found is Found.COMPLETE
    target.send(one, Move.POST)
    assert writes(office, number) == ["PATCH"], "what is there is not sent again"


def test_the_first_contact_of_its_kind_is_changed(target: ServiceTitanCustomers, office: Shelf) -> None:
    number = next(REACHED)
    one = wanted(number, phone_number="512 555 0199", email="lee@mail.example")
    assert target.send(one, Move.POST).warning == ""
    assert reached_by(office, number) == [
        ("Phone", "512 555 0199"),
        ("MobilePhone", SECOND),
        ("Email", "lee@mail.example"),
    ]
    assert find(target, one).found is Found.COMPLETE


def test_who_has_no_contact_is_given_one(target: ServiceTitanCustomers, office: Shelf) -> None:
    number = next(UNREACHED)
    one = wanted(number, phone_number="512 555 0199", email="lee@mail.example")
    assert target.send(one, Move.POST).warning == ""
    assert reached_by(office, number) == [("Phone", "512 555 0199"), ("Email", "lee@mail.example")]


def test_one_of_several_phones_is_enough(target: ServiceTitanCustomers, office: Shelf) -> None:
    number = next(REACHED)
    one = wanted(number, phone_number="312-555-0101", email="Ada@mail.example")
    assert find(target, one).found is Found.COMPLETE
    target.send(one, Move.POST)
    assert writes(office, number) == []


@pytest.mark.parametrize(
    ("moved", "place"),
    [
        ({"address_line2": "Apt 2", "state": "Illinois", "country": "USA"}, PLACE),
        ({"address_line1": "2 Oak St"}, {"latitude": 0.0, "longitude": 0.0}),
        ({"city": "Chicago"}, {"latitude": 0.0, "longitude": 0.0}),
        ({"postal_code": "60601"}, {"latitude": 0.0, "longitude": 0.0}),
    ],
)
def test_another_house_does_not_keep_the_place_of_the_old_one(
    target: ServiceTitanCustomers, office: Shelf, moved: dict[str, str], place: dict[str, float]
) -> None:
    number = next(REACHED)
    assert target.send(wanted(number, address=ADDRESS | moved), Move.POST).warning == ""
    address = sees(office, number)["address"]
    assert {name: address[name] for name in PLACE} == place
    assert address.keys() == (HOME | PLACE).keys()


def test_a_contact_that_came_meanwhile_is_a_refusal(
    target: ServiceTitanCustomers, office: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = next(REACHED)
    target.send(wanted(number, phone_number="512 555 0199"), Move.POST)
    read = target._read
    monkeypatch.setattr(target, "_read", lambda numbers: (read(numbers)[0], {}))  # as it was before they came
    with pytest.raises(Rejected, match="with this type and value already") as refused:
        target.send(wanted(number, phone_number="512 555 0199"), Move.POST)
    assert refused.value.status == 409


# Read back


def test_what_was_not_kept_is_told(target: ServiceTitanCustomers, office: Shelf) -> None:
    office.does("drop_members", entity="customers", members=["name"])
    said = wanted(next(REACHED), display_name="Ada Byron", overwritten="email: ServiceTitan said 'x', the ERP 'y'")
    warning = target.send(said, Move.POST).warning
    assert warning == (
        "Changed on both sides, and its owner's word counts: email: ServiceTitan said 'x', the ERP 'y'. "
        "ServiceTitan did not keep what we wrote: name."
    )


def test_reads_that_lag_behind_are_asked_again(
    target: ServiceTitanCustomers, office: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, slept = next(REACHED), list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if seconds > 0:
            office.does("change", entity="customers", id=number, set={"name": "Ada Byron"})

    monkeypatch.setattr(target._client.clock, "sleep", sleep)
    office.does("drop_members", entity="customers", members=["name"])  # not to be seen at once
    assert target.send(wanted(number, display_name="Ada Byron"), Move.POST).warning == ""
    assert slept == [0.0, 2.0]


def test_a_failed_look_afterwards_makes_no_doubt_of_what_is_known(target: ServiceTitanCustomers, office: Shelf) -> None:
    office.faults.add("html", method="GET", path_contains="/customers", times=None, after=2)
    assert "could not be read back" in target.send(wanted(next(REACHED), display_name="Eve"), Move.POST).warning


# Proof


def test_a_server_that_ignores_the_filter_proves_nothing(
    target: ServiceTitanCustomers, office: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Api.read

    def without_filters(api: Api, *args: Any, params: Any = None, **more: Any) -> httpx.Response:
        kept = {name: value for name, value in (params or {}).items() if name not in ("ids", "customerIds")}
        return read(api, *args, params=kept, **more)

    monkeypatch.setattr(Api, "read", without_filters)
    finding = find(target, wanted(next(REACHED), display_name="Eve"))
    assert (finding.found, "not honoured" in finding.detail) == (Found.UNKNOWN, True)


def test_who_is_gone_is_dead(target: ServiceTitanCustomers) -> None:
    assert find(target, wanted(404, display_name="Eve")).found is Found.DEAD
    with pytest.raises(Rejected, match="customer 404 is gone from ServiceTitan"):
        target.send(wanted(404, display_name="Eve"), Move.POST)


# With the engine


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    engine = open_engine(f"sqlite:///{tmp_path / 'outbox.sqlite'}")
    yield Outbox(engine, LeapingClock())
    engine.dispose()


def run(outbox: Outbox, target: ServiceTitanCustomers, one: Wanted, verdict: Verdict = Verdict.DUE) -> Document:
    """Built and posted; the row as it was left."""
    source = f"business_central/C/customer/{one.party}"
    built = BuiltDocument(
        "customers_back", "customer_back", source, one.key, one.on, one.on, one.total, one.currency, one.party, "hash",
        one.payload, verdict=verdict,
    )  # fmt: skip
    bring(outbox, "northwind", target.place, "customers_back", [built])
    Run(outbox, target, connection="northwind", flow="customers_back", mode="post").work()
    with outbox.engine.begin() as con:
        return con.execute(sa.select(documents).where(documents.c.business_key == one.key)).one()


@pytest.mark.parametrize(("fault", "sent"), [("drop_after", 1), ("drop_before", 2)])
def test_a_doubt_after_half_of_it_is_settled_by_what_is_there(
    target: ServiceTitanCustomers, office: Shelf, outbox: Outbox, fault: str, sent: int
) -> None:
    """Whether the change of the contact was lost on its way there or back: the name is not sent again."""
    number = next(REACHED)
    one = wanted(number, display_name="Ada Byron", phone_number="512 555 0199")
    office.faults.add(fault, path_contains=f"/customers/{number}/contacts/")
    assert run(outbox, target, one).state == "in_doubt"
    assert run(outbox, target, one).state == "in_doubt", "nothing is sent while it is"
    assert isinstance(outbox.clock, LeapingClock)
    outbox.clock.ahead += timedelta(minutes=6)
    assert run(outbox, target, one).state == "posted"
    assert writes(office, number) == ["PATCH", *[f"PATCH /contacts/{10 * number + 1}"] * sent]
    assert (sees(office, number)["name"], reached_by(office, number)[0][1]) == ("Ada Byron", "512 555 0199")


def test_who_is_merged_is_left_alone_and_its_change_withdrawn_once_that_is_read(
    target: ServiceTitanCustomers, office: Shelf, outbox: Outbox
) -> None:
    number, other = next(REACHED), next(REACHED)
    one = wanted(number, display_name="Ada Byron")
    office.does("merge", id=number, into=other)
    row = run(outbox, target, one)
    assert (row.state, row.cause) == ("rejected", "merged_customer")
    assert f"customer {number} was merged into {other}. It is withdrawn" in row.sentence
    assert run(outbox, target, one).attempt_count == row.attempt_count, "it is not tried again"
    assert run(outbox, target, one, Verdict.WITHDRAWN).state == "withdrawn"
    assert writes(office, number) == []


def test_who_was_merged_in_a_doubt_is_withdrawn_too(
    target: ServiceTitanCustomers, office: Shelf, outbox: Outbox
) -> None:
    number = next(REACHED)
    one = wanted(number, display_name="Ada Byron")
    office.faults.add("drop_before", method="PATCH", path_contains=f"/customers/{number}")
    assert run(outbox, target, one).state == "in_doubt"
    office.does("merge", id=number, into=next(REACHED))
    assert isinstance(outbox.clock, LeapingClock)
    outbox.clock.ahead += timedelta(minutes=6)
    assert run(outbox, target, one, Verdict.WITHDRAWN).state == "withdrawn"
