"""Client and targets against the sandbox: what it reads, and what it creates there."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from st_erp_pipelines.errors import ConfigurationError, InDoubt, Rejected, Unavailable
from st_erp_pipelines.resources.sap_s4hana import Created, S4hana
from st_erp_pipelines.resources.sap_s4hana.targets import KINDS
from st_erp_pipelines.sandbox.credentials import SAP_S4HANA_PASSWORD, SAP_S4HANA_USER
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.settings_fields import Secret
from st_erp_pipelines.target import Finding, Found, Move, Wanted
from tests.resources.sap_s4hana.conftest import Person, client_of

NUMBERS = count(901)
LOGIN: dict[str, Any] = dict(user=SAP_S4HANA_USER, password=Secret(SAP_S4HANA_PASSWORD))
LINE = {
    "line": "10", "text": "Copper pipe", "material": "PIPE", "material_group": "L001", "plant": "1710",
    "quantity": "3", "unit": "EA", "price": "12.50", "price_quantity": "1", "delivery_date": "2026-11-12",
    "account_assignment_category": "K", "cost_center": "17101301", "gl_account": "61000000",
}  # fmt: skip


def request(as_: str = "order", **changes: Any) -> Wanted:
    key = f"AR{next(NUMBERS)}"
    text = {name: value for name, value in LINE.items() if name != "material"} | {"line": "20", "price": "1.25"}
    payload = {
        "key": key, "as": as_, "supplier": "17300001", "order_type": "NB", "company_code": "1710",
        "purchasing_organization": "1710", "purchasing_group": "001", "currency": "USD", "date": "2026-11-03",
        "language": "EN", "items": [LINE, text], "request_number": f"7-{key}", "external_system": "servicetitan/1003",
    } | changes  # fmt: skip
    return Wanted(key, payload, Decimal("41.25"), date(2026, 11, 3), "USD", "17300001")


def supplier(**changes: Any) -> Wanted:
    key = f"ST-A-V-{next(NUMBERS)}"
    payload = {
        "key": key, "name": "Hill Country Plumbing and Heating Supplies, Incorporated", "street": "Main St",
        "house_number": "1", "city": "Austin", "postal_code": "78701", "region": "TX", "country": "US",
        "phone": "512-555-0101", "email": "sales@hill.example", "grouping": "BP02", "company_code": "1710",
        "reconciliation_account": "21100000", "payment_terms": "NT30", "purchasing_organization": "1710",
        "order_currency": "USD",
    } | changes  # fmt: skip
    return Wanted(key, payload, Decimal(0), date(2026, 11, 3), "", payload["name"])


@pytest.fixture(scope="module")
def requests(client: S4hana) -> Created:
    return Created(client, KINDS["requests"])


@pytest.fixture(scope="module")
def suppliers(client: S4hana) -> Created:
    return Created(client, KINDS["suppliers"])


def find(target: Created, one: Wanted) -> Finding:
    return target.look_up([one])[one.key]


def read(client: S4hana, entity: str, folder: Path, **window: Any) -> list[dict[str, Any]]:
    files = client.walk(entity, folder, **window).files
    return [row for file in files for row in json.loads(file.read_text())["value"]]


# Created


LISTED = {
    "order": ("A_PurchaseOrder", "PurchaseOrder"),
    "requisition": ("A_PurchaseRequisitionHeader", "PurchaseRequisition"),
}


@pytest.mark.parametrize("as_", list(LISTED))
def test_a_request_is_created_once_and_found_equal(requests: Created, person: Person, as_: str) -> None:
    one, (listed, member) = request(as_), LISTED[as_]
    assert find(requests, one).found is Found.ABSENT
    reply = requests.send(one, Move.POST)
    assert reply.warning == ""
    finding = find(requests, one)
    assert (finding.found, finding.remote_id) == (Found.COMPLETE, reply.remote_id)
    assert finding.differs_from(one) == ""
    (row,) = person.sees(listed, **{member: reply.remote_id})
    items = row["to_PurchaseOrderItem" if as_ == "order" else "to_PurchaseReqnItem"]
    assert len(items) == 2
    if as_ == "order":
        assert row["CorrespncExternalReference"] == one.key
        (assigned,) = items[0]["to_AccountAssignment"]
        assert items[1]["to_ScheduleLine"][0]["ScheduleLineDeliveryDate"][:10] == "2026-11-12"
    else:
        assert [each["PurReqnItemExternalReference"] for each in items] == ["10", "20"]
        assert {each["PurReqnExternalSystemId"] for each in items} == {"servicetitan/1003"}
        (assigned,) = items[0]["to_PurchaseReqnAcctAssgmt"]
    assert (assigned["CostCenter"], assigned["GLAccount"]) == ("17101301", "61000000")


def test_an_order_that_was_deleted_is_dead(requests: Created, person: Person) -> None:
    one = request()
    number = requests.send(one, Move.POST).remote_id
    person.does("delete", order=number, items=["10"])
    assert "total is 3.75" in find(requests, one).differs_from(one)
    person.does("delete", order=number)
    assert find(requests, one).found is Found.DEAD


def test_an_order_sent_twice_is_there_twice(requests: Created) -> None:
    one = request()
    for _ in range(2):
        requests.send(one, Move.POST)
    assert find(requests, one).found is Found.SEVERAL


def test_numbers_with_zeros_are_the_same_numbers(requests: Created, suppliers: Created, person: Person) -> None:
    one, other = request(), supplier()
    number, partner = (target.send(each, Move.POST).number for target, each in ((requests, one), (suppliers, other)))
    with person.having_set(leading_zeros=True):
        finding = find(requests, one)
        assert (finding.number, finding.differs_from(one)) == (number, "")
        assert find(suppliers, other).number == partner


def test_what_is_refused_says_why(requests: Created) -> None:
    with pytest.raises(Rejected) as caught:
        requests.send(request(supplier="17309999"), Move.POST)
    assert "17309999" in caught.value.text
    assert "" not in (caught.value.code, caught.value.correlation_id)
    assert caught.value.retry_daily
    with pytest.raises(Rejected):
        requests.send(request(items=[LINE | {"cost_center": "1"}]), Move.POST)


def test_a_blocked_supplier_is_refused_and_then_not(requests: Created, person: Person) -> None:
    one = request()
    person.does("block", supplier="17300001", by="purchasing")
    with pytest.raises(Rejected):
        requests.send(one, Move.POST)
    person.does("block", supplier="17300001", by="purchasing", off=True)
    assert requests.send(one, Move.POST).remote_id


def test_what_was_committed_and_not_said_is_found(requests: Created, faults: Faults) -> None:
    for kind in ("drop_after", "http_500_after", "html_after"):
        one = request()
        faults.add(kind=kind, method="POST", path_contains="A_PurchaseOrder")
        with pytest.raises(InDoubt):
            requests.send(one, Move.POST)
        assert find(requests, one).found is Found.COMPLETE


def test_a_session_that_ended_is_begun_anew(requests: Created, person: Person) -> None:
    requests.send(request(), Move.POST)
    person.does("set", expire_sessions=True)
    assert requests.send(request(), Move.POST).remote_id


def test_a_token_that_ended_costs_a_write_nothing(requests: Created, person: Person) -> None:
    """The handshake of a new session is a read, which gets a new one; a write says that nothing was done."""
    requests.send(request(), Move.POST)
    person.does("set", expire_tokens=True)
    with pytest.raises(Unavailable, match="nothing was executed"):
        requests.send(request(), Move.POST)
    assert requests.send(request(), Move.POST).remote_id


def test_a_supplier_is_created_with_all_that_it_needs(suppliers: Created, person: Person) -> None:
    one = supplier()
    assert find(suppliers, one).found is Found.ABSENT
    number = suppliers.send(one, Move.POST).remote_id
    finding = find(suppliers, one)
    assert (finding.found, finding.remote_id, finding.differs_from(one)) == (Found.COMPLETE, number, "")
    (row,) = person.sees("A_BusinessPartner", BusinessPartner=number)
    names = [row["OrganizationBPName1"], row["OrganizationBPName2"]]
    assert names == ["Hill Country Plumbing and Heating", "Supplies, Incorporated"]
    assert {each["BusinessPartnerRole"] for each in row["to_BusinessPartnerRole"]} >= {"FLVN00", "FLVN01"}
    (address,) = row["to_BusinessPartnerAddress"]
    assert (address["StreetName"], address["Region"], address["PostalCode"]) == ("Main St", "TX", "78701")
    assert address["to_EmailAddress"][0]["EmailAddress"] == "sales@hill.example"
    assert address["to_PhoneNumber"][0]["PhoneNumber"] == "512-555-0101"
    assert row["to_Supplier"]["to_SupplierCompany"][0]["PaymentTerms"] == "NT30"
    assert row["to_Supplier"]["to_SupplierPurchasingOrg"][0]["PurchaseOrderCurrency"] == "USD"


def test_a_service_that_is_not_arranged_is_named(client: S4hana, requests: Created, person: Person) -> None:
    for service in client.services:
        client.reach(service)
    with person.having_set(arrangement={"API_PURCHASEREQ_PROCESS_SRV": False}):
        with pytest.raises(ConfigurationError, match="SAP_COM_0102"):
            client.reach("API_PURCHASEREQ_PROCESS_SRV")
        with pytest.raises(ConfigurationError, match="SAP_COM_0102"):
            find(requests, request())


def test_a_password_does_as_well(url: str, tmp_path: Path) -> None:
    with client_of(url, sap_client="100", **LOGIN) as client:
        assert read(client, "cost_centers", tmp_path)
        assert Created(client, KINDS["requests"]).send(request(), Move.POST).remote_id
    with client_of(url) as client, pytest.raises(ConfigurationError, match=r"erp\.password"):
        read(client, "cost_centers", tmp_path)


# Read


def test_suppliers_come_with_all_that_is_below_them(client: S4hana, tmp_path: Path) -> None:
    rows = {row["id"]: row for row in read(client, "suppliers", tmp_path, before=datetime.now(UTC))}
    assert "900" not in rows
    row = rows["17300001"]
    assert (row["LastChangeDate"], row["CreationDate"], "modifiedOn" in row) == (None, "2024-05-01", False)
    assert row["to_Supplier"]["to_SupplierCompany"][0]["CompanyCode"] == "1710"
    (address,) = row["to_BusinessPartnerAddress"]
    assert address["to_PhoneNumber"][0]["PhoneNumber"] == "512-555-0100"
    assert address["to_AddressUsage"][0]["AddressUsage"] == "XXDEFAULT"
    assert row["to_BusinessPartnerTax"][0]["BPTaxNumber"] == "12-3456789"
    window = {"since": datetime(2024, 5, 2, 4, tzinfo=UTC), "before": datetime(2024, 5, 3, 4, tzinfo=UTC)}
    assert [row["id"] for row in read(client, "suppliers", tmp_path, **window)] == ["17300001"]


def test_cost_centres_have_a_row_for_each_validity(client: S4hana, tmp_path: Path) -> None:
    rows = read(client, "cost_centers", tmp_path)
    assert [row["id"] for row in rows] == ["A000/17101301/2025-12-31", "A000/17101301/9999-12-31"]
    assert rows[1]["to_Text"][0]["CostCenterName"] == "Service"


def test_a_window_has_what_was_changed_in_it(client: S4hana, requests: Created, tmp_path: Path) -> None:
    begun = datetime.now(UTC) - timedelta(seconds=1)
    order, requisition = (requests.send(request(as_), Move.POST).remote_id for as_ in ("order", "requisition"))
    now = datetime.now(UTC) + timedelta(seconds=1)
    for entity, found in (("purchase_orders", order), ("purchase_requisition_items", f"{requisition}/20")):
        rows = {row["id"]: row for row in read(client, entity, tmp_path, since=begun, before=now)}
        assert begun < datetime.fromisoformat(rows[found]["modifiedOn"]) < now
        assert not read(client, entity, tmp_path, since=now)
    (row,) = read(client, "purchase_orders", tmp_path, ids=[str(order)])
    assert row["to_PurchaseOrderItem"][0]["to_AccountAssignment"][0]["CostCenter"] == "17101301"
    assert row["to_PurchaseOrderItem"][0]["to_ScheduleLine"][0]["ScheduleLineDeliveryDate"] == "2026-11-12"


INVOICE: dict[str, Any] = {
    "FiscalYear": "2026", "CompanyCode": "1710", "InvoicingParty": "17300001", "DocumentCurrency": "USD",
    "InvoiceGrossAmount": "41.25", "DocumentDate": "2026-11-10", "PostingDate": "2026-11-10",
    "to_SuplrInvcItemPurOrdRef": [
        {"PurchaseOrder": "4500000001", "PurchaseOrderItem": "10", "SupplierInvoiceItemAmount": "41.25"}
    ],
}  # fmt: skip


RELEASES: dict[str, dict[str, bool]] = {
    "newest": {"stamp_with_point": False},
    "with_point": {"stamp_with_point": True},
    "older": {"invoice_change_stamp": False},
    "oldest": {"invoice_change_stamp": False, "invoice_creation_date": False},
}


@pytest.mark.parametrize("release", list(RELEASES))
def test_invoices_of_each_release(url: str, person: Person, tmp_path: Path, release: str) -> None:
    number = f"5105600{next(NUMBERS)}"
    with person.having_set(**RELEASES[release]), client_of(url, **LOGIN) as client:
        begun = datetime.now(UTC) - timedelta(seconds=2)
        today = datetime.now(UTC).date().isoformat()
        invoice = INVOICE | {"SupplierInvoice": number, "CreationDate": today}
        person.does("add", set="A_SupplierInvoice", values=invoice)
        now = datetime.now(UTC) + timedelta(seconds=2)
        rows = {row["id"]: row for row in read(client, "supplier_invoices", tmp_path, since=begun, before=now)}
        row = rows[f"{number}/2026"]
        assert ("modifiedOn" in row) == RELEASES[release].get("invoice_change_stamp", True)
        assert row["to_SuplrInvcItemPurOrdRef"][0]["SupplierInvoiceItemAmount"].startswith("41.25")
        assert [row["id"] for row in read(client, "supplier_invoices", tmp_path, ids=[f"{number}/2026"])] == [row["id"]]
        assert read(client, "supplier_invoices", tmp_path, ids=[f"{number}/2025"]) == []


@pytest.mark.parametrize("link", ["absolute", "relative"])
def test_pages_are_followed_to_their_end(
    client: S4hana, requests: Created, person: Person, tmp_path: Path, link: str
) -> None:
    keys = {requests.send(request(), Move.POST).remote_id for _ in range(5)}
    with person.having_set(page_size=2, next_link=link):
        walk = client.walk("purchase_orders", tmp_path)
        rows = [row["id"] for file in walk.files for row in json.loads(file.read_text())["value"]]
    assert len(walk.files) > 2
    assert keys <= set(rows)
    assert rows == sorted(set(rows))


@pytest.mark.parametrize(("link", "error"), [("foreign", ConfigurationError), ("repeating", Unavailable)])
def test_a_link_that_leads_astray_is_not_followed(
    client: S4hana, requests: Created, person: Person, tmp_path: Path, link: str, error: type[Exception]
) -> None:
    for _ in range(3):
        requests.send(request(), Move.POST)
    with person.having_set(page_size=2, next_link=link), pytest.raises(error):
        client.walk("purchase_orders", tmp_path)


def test_an_order_that_leaves_the_list_while_it_is_read_takes_none_with_it(
    client: S4hana, requests: Created, person: Person, tmp_path: Path
) -> None:
    begun = datetime.now(UTC)
    numbers = [requests.send(request(), Move.POST).remote_id for _ in range(5)]
    before = datetime.now(UTC) + timedelta(milliseconds=5)
    while datetime.now(UTC) < before:
        pass
    changed = {"set": "A_PurchaseOrder", "key": numbers[0], "changes": {"PaymentTerms": "NT30"}}
    person.does("during_paging", set="A_PurchaseOrder", hand="edit", body=changed)
    with person.having_set(page_size=2):
        rows = [row["id"] for row in read(client, "purchase_orders", tmp_path, since=begun, before=before)]
    assert rows == numbers[1:]
