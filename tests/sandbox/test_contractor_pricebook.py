"""What the generated contractor buys and sells: the ERP's items, the price book, vendors, deposits."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from st_erp_pipelines.sandbox.business_central_seed import build
from st_erp_pipelines.sandbox.contractor import Contractor, generate
from st_erp_pipelines.sandbox.contractor_office import Office
from st_erp_pipelines.sandbox.credentials import SERVICETITAN_APPLICATION_GUID as OURS

TODAY = date(2026, 11, 24)
NEW = ("vendors", "purchase_orders", "receipts", "ap_bills", "bank_deposits", "services", "materials", "equipment")


@pytest.fixture(scope="module")
def contractor() -> Contractor:
    return generate(today=TODAY, scale=0.3)


@pytest.fixture(scope="module")
def items(contractor: Contractor) -> dict[str, dict[str, Any]]:
    return {row["number"]: row for row in contractor.business_central["items"]}


def skus(contractor: Contractor) -> list[dict[str, Any]]:
    return [row for entity in ("services", "materials", "equipment") for row in contractor.servicetitan[entity]]


def erp_number(row: dict[str, Any]) -> str | None:
    number: str | None = row.get("_externalData", {}).get(OURS, {}).get("erpId")
    return number


def test_an_aside_draws_nothing_from_the_office() -> None:
    first, second = (Office(seed=1, today=TODAY, days=8, history_days=99, zone="America/Chicago") for _ in range(2))
    aside = first.aside("vendors")
    assert aside.next_id("vendor") == second.aside("vendors").next_id("vendor")
    assert aside.rng.random() != second.aside("jobs").rng.random()
    assert first.rng.random() == second.rng.random()
    assert first.next_id("vendor") == second.next_id("vendor")


def test_every_new_record_has_an_id_of_its_own(contractor: Contractor) -> None:
    ids = Counter(row["id"] for row in skus(contractor))
    assert max(ids.values()) == 1
    for entity in (*NEW, "categories", "locations", "jobs", "projects"):
        rows = contractor.servicetitan[entity]
        assert rows
        assert len({row["id"] for row in rows}) == len(rows), entity


def test_skus_are_linked_made_by_hand_or_missing(contractor: Contractor, items: dict[str, dict[str, Any]]) -> None:
    linked = {number for row in skus(contractor) if (number := erp_number(row))}
    by_hand = {row["code"] for row in skus(contractor) if not erp_number(row)} & items.keys()
    assert len(linked) > 20
    assert len(by_hand) > 5
    assert len(items.keys() - linked - by_hand) > 10
    assert linked < items.keys()
    assert not linked & by_hand


def test_some_linked_prices_were_changed_in_the_field_and_others_agree(
    contractor: Contractor, items: dict[str, dict[str, Any]]
) -> None:
    equal, changed = 0, 0
    for row in skus(contractor):
        if number := erp_number(row):
            same = Decimal(str(row["price"])) == items[number]["unitPrice"]
            equal, changed = equal + same, changed + (not same)
            assert same or row["modifiedOn"][:10] >= contractor.start_date.isoformat()
    assert equal > changed > 0


def test_the_invoices_name_skus_that_exist(contractor: Contractor) -> None:
    codes = {row["id"]: row["code"] for row in skus(contractor)}
    for found in contractor.servicetitan["invoices"]:
        for line in found["items"] or ():
            assert line["type"] == "PriceModifier" or codes[line["skuId"]] == line["skuName"]


def test_every_material_has_a_primary_vendor_that_is_active(contractor: Contractor) -> None:
    vendors = {row["id"]: row for row in contractor.servicetitan["vendors"]}
    for row in (*contractor.servicetitan["materials"], *contractor.servicetitan["equipment"]):
        vendor = vendors[row["primaryVendor"]["vendorId"]]
        assert vendor["active"]
        assert vendor["name"] == row["primaryVendor"]["vendorName"]


def test_vendors_have_names_in_many_alphabets_and_some_an_erp_number(contractor: Contractor) -> None:
    vendors = contractor.servicetitan["vendors"]
    numbers = [number for row in vendors if (number := erp_number(row))]
    assert 10 < len(numbers) == len(set(numbers)) < len(vendors)
    assert sum(not row["name"].isascii() for row in vendors) > 10
    assert {row["active"] for row in vendors} == {True, False}


def test_purchasing_goes_back_for_years_and_some_of_it_is_new(contractor: Contractor) -> None:
    first = contractor.start_date.isoformat()
    for entity, day in (("purchase_orders", "date"), ("receipts", "receivedOn"), ("ap_bills", "billDate")):
        rows = contractor.servicetitan[entity]
        days = [row[day][:10] for row in rows]
        assert min(days) < "2025-06"
        assert 0.2 < sum(day >= first for day in days) / len(days) < 0.7, entity
    bills = contractor.servicetitan["ap_bills"]
    assert {row["syncStatus"] for row in bills} == {"Pending", "Posted", "Exported"}
    assert {"Canceled", "Discrepancy", "Reconciled", "Unreconciled"} == {row["status"] for row in bills}
    touched = [row for row in bills if row["billDate"][:10] < first <= row["modifiedOn"][:10]]
    assert touched


def test_orders_are_of_types_and_places_that_exist_and_approved_requests_are_orders(contractor: Contractor) -> None:
    books = contractor.servicetitan
    types = {row["id"] for row in books["purchase_order_types"] if row["active"] and not row["automaticallyReceive"]}
    places = {row["id"] for entity in ("warehouses", "trucks") for row in books[entity] if row["active"]}
    orders = {row["number"]: row for row in books["purchase_orders"]}
    for row in (*orders.values(), *books["purchase_order_requests"]):
        assert (row["typeId"] in types, row["inventoryLocationId"] in places) == (True, True)
    for row in books["purchase_order_requests"]:
        assert (row["requestNumber"] in orders) == (row["requestStatus"] == "Approved")
    statuses = Counter(row["requestStatus"] for row in books["purchase_order_requests"])
    assert statuses.keys() == {"Approved", "PendingApproval", "Rejected"}


def test_expenses_name_jobs_business_units_and_accounts_that_exist(contractor: Contractor) -> None:
    books = contractor.servicetitan
    jobs = {row["id"]: row["jobNumber"] for row in books["jobs"]}
    units = {row["id"] for row in books["business_units"]}
    accounts = {row["number"] for row in books["gl_accounts"]}
    lines = [line for row in books["ap_bills"] for line in row["expenseItems"] or ()]
    for line in lines:
        assert line["generalLedgerAccount"]["number"] in accounts
        assert line["job"] is None or jobs[line["job"]["id"]] == line["job"]["name"]
        assert line["businessUnit"] is None or line["businessUnit"]["id"] in units
    assert any(line["job"] for line in lines)
    assert any(line["job"] is None for line in lines)
    assert any(line["businessUnit"] is None for line in lines)


def test_jobs_and_locations_belong_to_customers_that_exist(contractor: Contractor) -> None:
    books = contractor.servicetitan
    people = {row["id"] for row in books["customers"]}
    places = {row["id"] for row in books["locations"]}
    jobs = {row["id"] for row in books["jobs"]}
    assert {row["customerId"] for row in (*books["locations"], *books["jobs"], *books["projects"])} <= people
    assert {row["locationId"] for row in (*books["jobs"], *books["projects"])} <= places
    assert {row["job"]["id"] for row in books["invoices"] if row["job"]} == jobs
    assert {row["location"]["id"] for row in books["invoices"] if row["location"]} <= places
    assert {key for row in books["projects"] for key in row["jobIds"]} == {
        row["id"] for row in books["jobs"] if row["projectId"]
    }


def test_the_company_takes_the_items_as_they_are(contractor: Contractor) -> None:
    company = build(contractor.business_central)
    rows = list(company["items"].rows.values())
    assert {row["type"] for row in rows} == {"Inventory", "Service", "Non_x002D_Inventory"}
    assert sum(row["blocked"] for row in rows) > 2
    by_number = {row["number"]: row for row in rows}
    for item in contractor.business_central["items"]:
        stored = by_number[item["number"]]
        assert len(item["displayName"]) <= 100
        assert {name: stored[name] for name in item if name in ("unitPrice", "unitCost", "itemCategoryCode")} == {
            name: item[name] for name in item if name in ("unitPrice", "unitCost", "itemCategoryCode")
        }
        changed = item.get("lastModifiedDateTime")
        assert changed is None or stored["lastModifiedDateTime"] == changed
    times = {row["lastModifiedDateTime"][:10] for row in rows}
    assert min(times) < "2025-06" < contractor.start_date.isoformat() <= max(times)
