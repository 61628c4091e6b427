"""The generated purchasing, price book and work over a real socket: filters, defaults, shapes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from st_erp_pipelines.sandbox.contractor import Contractor, generate
from st_erp_pipelines.sandbox.credentials import SERVICETITAN_APPLICATION_GUID as OURS
from st_erp_pipelines.sandbox.serve import running
from st_erp_pipelines.sandbox.servicetitan_lists import SINGLES
from tests.sandbox.published import SPECS, assert_published, of_a_record
from tests.sandbox.servicetitan_client import assert_problem, ids, logged_in, tenant

ACCOUNTING, INVENTORY, PRICEBOOK, CRM, JPM = (
    f"/{module}/v2/tenant/7" for module in ("accounting", "inventory", "pricebook", "crm", "jpm")
)
BILLS, VENDORS, MATERIALS = f"{ACCOUNTING}/ap-bills", f"{INVENTORY}/vendors", f"{PRICEBOOK}/materials"
ALL = {"active": "Any", "pageSize": 5000}


@pytest.fixture(scope="module")
def contractor() -> Contractor:
    return generate(today=date(2026, 3, 20), days=12, scale=0.05)


@pytest.fixture(scope="module")
def api(contractor: Contractor) -> Iterator[httpx.Client]:
    app = tenant(contractor.servicetitan, speed=1000, token_seconds=900_000)
    with running(app) as url, logged_in(url) as client:
        yield client


def rows(api: httpx.Client, path: str, **query: Any) -> list[dict[str, Any]]:
    reply = api.get(path, params=ALL | query)
    assert reply.status_code == 200, reply.text
    found: list[dict[str, Any]] = reply.json()["data"]
    return found


def test_bills_are_the_purchased_ones_unless_stand_alone_ones_are_asked_for(api: httpx.Client) -> None:
    bought, alone = rows(api, BILLS), rows(api, BILLS, billType="ApBill")
    assert {row["billType"] for row in bought} == {"Procurement"} == {row["billType"] for row in rows(api, BILLS)}
    assert {row["billType"] for row in alone} == {"ApBill"}
    assert all(row["purchaseOrderId"] and row["items"] and not row["expenseItems"] for row in bought)
    assert all(row["expenseItems"] and not row["items"] for row in alone)
    assert rows(api, BILLS, billType="NotSet") == []
    assert_problem(api.get(BILLS, params={"billType": "RecurringBill"}), 400, "BillType")


def test_the_figures_of_bills_are_text_and_add_up(contractor: Contractor) -> None:
    for row in contractor.servicetitan["ap_bills"]:
        goods = sum(round(Decimal(item["quantity"]) * Decimal(item["cost"]), 2) for item in row["items"] or ())
        spent = sum(Decimal(line["amount"]) for line in row["expenseItems"] or ())
        extra = Decimal(row["taxAmount"]) + Decimal(row["shippingAmount"])
        assert goods + spent + extra == Decimal(row["billAmount"]) > 0, row["id"]
        if row["vendorInvoiceTotal"]:
            assert (row["vendorInvoiceTotal"] == row["billAmount"]) == (row["status"] != "Discrepancy") or (
                row["status"] == "Unreconciled"
            )


def test_bills_are_filtered(api: httpx.Client, contractor: Contractor) -> None:
    bills = contractor.servicetitan["ap_bills"]
    bought = [row for row in bills if row["billType"] == "Procurement"]
    first = bought[0]
    assert ids(api.get(BILLS, params={"billNumber": first["referenceNumber"][1:]})) == [first["id"]]
    day = first["billDate"][:10]
    on_day = [row["id"] for row in bought if row["billDate"][:10] == day]
    assert ids(api.get(BILLS, params={"dateFrom": day, "dateTo": day, "pageSize": 5000})) == on_day
    both = rows(api, BILLS, syncStatuses="PostedAndExported")
    assert {row["id"] for row in both} == {row["id"] for row in bought if row["syncStatus"] != "Pending"}
    exported = rows(api, BILLS, syncStatuses=["Exported", "Pending"])
    assert {row["syncStatus"] for row in exported} <= {"Exported", "Pending"}
    assert_problem(api.get(BILLS, params={"syncStatuses": "Pending,Posted"}), 400, "SyncStatuses")
    assert_problem(api.get(BILLS, params={"purchaseOrderNumber": "1"}), 501, "purchaseOrderNumber")


def test_receipts_lead_to_their_bill_and_orders_to_their_receipts(contractor: Contractor) -> None:
    books = contractor.servicetitan
    orders = {row["id"]: row for row in books["purchase_orders"]}
    bills = {row["id"]: row for row in books["ap_bills"]}
    vendors = {row["id"] for row in books["vendors"]}
    skus = {row["id"] for entity in ("materials", "equipment") for row in books[entity]}
    for order in orders.values():
        assert order["vendorId"] in vendors
        assert {line["skuId"] for line in order["items"]} <= skus
    for receipt in books["receipts"]:
        order = orders[receipt["purchaseOrderId"]]
        assert order["status"] in ("PartiallyReceived", "Received", "Exported")
        assert [line["purchaseOrderItemId"] for line in receipt["items"]] == [line["id"] for line in order["items"]]
        if receipt["billId"]:
            assert bills[receipt["billId"]]["purchaseOrderId"] == order["id"]
            assert bills[receipt["billId"]]["vendor"]["id"] == receipt["vendorId"]
    assert any(receipt["billId"] is None for receipt in books["receipts"])


def test_receipts_and_orders_are_filtered(api: httpx.Client, contractor: Contractor) -> None:
    receipt = next(row for row in contractor.servicetitan["receipts"] if row["billId"])
    by_order = {"purchaseOrderIds": str(receipt["purchaseOrderId"]), "active": "Any"}
    assert ids(api.get(f"{INVENTORY}/receipts", params=by_order)) == [receipt["id"]]
    assert rows(api, f"{INVENTORY}/receipts", billId=receipt["billId"])[0]["id"] == receipt["id"]
    gone = [row["id"] for row in contractor.servicetitan["receipts"] if not row["active"]]
    assert ids(api.get(f"{INVENTORY}/receipts", params={"active": "False", "pageSize": 5000})) == gone
    orders = rows(api, f"{INVENTORY}/purchase-orders", status="Canceled")
    assert {row["status"] for row in orders} <= {"Canceled"}
    assert_problem(api.get(f"{INVENTORY}/purchase-orders", params={"status": "Open"}), 400, "Status")
    assert_problem(api.get(f"{INVENTORY}/receipts", params={"syncStatuses": "Open"}), 400, "SyncStatuses")


def test_vendors_are_asked_for_by_repeated_ids_and_not_by_a_list(api: httpx.Client, contractor: Contractor) -> None:
    first, second = (row["id"] for row in contractor.servicetitan["vendors"][:2])
    assert ids(api.get(VENDORS, params={"ids": [first, second], "active": "Any"})) == [first, second]
    assert_problem(api.get(VENDORS, params={"ids": f"{first},{second}"}), 400, "Ids")


def linked(contractor: Contractor, entity: str) -> dict[str, Any]:
    return next(
        row for row in contractor.servicetitan[entity] if OURS in row.get("_externalData", {}) and row["active"]
    )


@pytest.mark.parametrize("path", ["inventory/vendors", "pricebook/services", "pricebook/materials"])
def test_external_data_is_shown_and_found_by_who_names_the_application(
    api: httpx.Client, contractor: Contractor, path: str
) -> None:
    module, entity = path.split("/")
    url = f"/{module}/v2/tenant/7/{entity}"
    row = linked(contractor, entity)
    number = row["_externalData"][OURS]["erpId"]
    ours = {"externalDataApplicationGuid": OURS.upper()}
    look_up = ours | {"externalDataKey": "erpId", "externalDataValues": f"none,{number}"}
    found = api.get(url, params=look_up).json()["data"]
    assert [(each["id"], each["externalData"]) for each in found] == [(row["id"], [{"key": "erpId", "value": number}])]
    assert not api.get(f"{url}/{row['id']}").json()["externalData"]
    assert api.get(f"{url}/{row['id']}", params=ours).json()["externalData"] == found[0]["externalData"]
    stranger = {"externalDataApplicationGuid": "00000000-0000-4000-8000-000000000009"}
    assert api.get(url, params=look_up | stranger).json()["data"] == []
    assert api.get(f"{url}/{row['id']}", params=stranger).json()["externalData"] == []
    assert "_externalData" not in found[0]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"externalDataKey": "erpId"}, ["ExternalDataApplicationGuid", "ExternalDataValues"]),
        ({"externalDataValues": "1", "externalDataApplicationGuid": OURS}, ["ExternalDataKey"]),
        ({"externalDataApplicationGuid": "ours"}, ["ExternalDataApplicationGuid"]),
        (
            {
                "externalDataKey": "k",
                "externalDataApplicationGuid": OURS,
                "externalDataValues": ",".join(map(str, range(51))),
            },
            ["ExternalDataValues"],
        ),
    ],
)
def test_external_data_is_not_found_by_half_a_question(
    api: httpx.Client, query: dict[str, str], fields: list[str]
) -> None:
    assert_problem(api.get(VENDORS, params=query), 400, *fields)


def test_the_price_book_is_searched_in_part_and_whatever_the_case(api: httpx.Client) -> None:
    assert [row["code"] for row in rows(api, MATERIALS, searchText="cap-4")] == ["CAP-45"]
    assert [row["code"] for row in rows(api, MATERIALS, searchText="DUAL RUN")] == ["CAP-45"]
    assert_problem(api.get(MATERIALS, params={"searchText": "x"}), 400, "SearchText")
    assert_problem(api.get(MATERIALS, params={"searchText": "x" * 201}), 400, "SearchText")
    assert len(rows(api, MATERIALS, code="CAP-45")) > 1  # there is no such filter


def test_a_price_book_sort_is_checked_and_not_obeyed(api: httpx.Client) -> None:
    assert rows(api, MATERIALS, sort="-Price") == rows(api, MATERIALS)
    assert_problem(api.get(MATERIALS, params={"sort": "-Weight"}), 400, "Sort")
    names = [row["name"] for row in rows(api, f"{PRICEBOOK}/categories", sort="-Name")]
    assert names == sorted(names, reverse=True)
    assert_problem(api.get(f"{PRICEBOOK}/categories", params={"sort": "-ModifiedOn"}), 400, "Sort")


def test_categories_are_objects_on_services_and_ids_on_materials(api: httpx.Client) -> None:
    services = [row["categories"] for row in rows(api, f"{PRICEBOOK}/services") if row["categories"]]
    materials = [row["categories"] for row in rows(api, MATERIALS) if row["categories"]]
    assert services[0][0].keys() == {"id", "name", "active"}
    kinds = {row["id"]: row["categoryType"] for row in rows(api, f"{PRICEBOOK}/categories")}
    assert {kinds[key] for row in materials for key in row} == {"Materials"}
    assert {row["categoryType"] for row in rows(api, f"{PRICEBOOK}/categories", categoryType="Services")} == {
        "Services"
    }


def test_inactive_skus_are_shown_to_who_asks_for_any(api: httpx.Client) -> None:
    active = api.get(MATERIALS, params={"pageSize": 5000}).json()["data"]
    assert {row["active"] for row in active} == {True}
    assert {row["active"] for row in rows(api, MATERIALS)} == {True, False}


def test_locations_jobs_and_projects_are_those_of_the_invoices(api: httpx.Client, contractor: Contractor) -> None:
    found = next(row for row in contractor.servicetitan["invoices"] if row["location"])
    (location,) = rows(api, f"{CRM}/locations", ids=str(found["location"]["id"]))
    assert location["customerId"] == found["customer"]["id"]
    (job,) = rows(api, f"{JPM}/jobs", invoiceId=found["id"])
    assert (job["id"], job["jobNumber"]) == (found["job"]["id"], found["job"]["number"])
    assert rows(api, f"{JPM}/jobs", number=job["jobNumber"]) == [job]
    project = contractor.servicetitan["projects"][0]
    members = rows(api, f"{JPM}/jobs", projectId=project["id"])
    assert sorted(row["id"] for row in members) == sorted(project["jobIds"])
    assert rows(api, f"{JPM}/projects", jobId=project["jobIds"][0])[0]["id"] == project["id"]
    merged = api.get(f"{CRM}/locations", params={"active": "False"}).json()["data"]
    assert all(row["mergedToId"] for row in merged)
    assert merged
    assert_problem(api.get(f"{JPM}/jobs", params={"jobStatus": "Done"}), 400, "JobStatus")


def test_a_deposit_lists_its_payments(api: httpx.Client, contractor: Contractor) -> None:
    payments = contractor.servicetitan["payments"]
    for deposit in contractor.servicetitan["bank_deposits"][:20]:
        found = rows(api, f"{ACCOUNTING}/bank-deposits/{deposit['id']}/transactions")
        own = [row for row in payments if row["deposit"] and row["deposit"]["id"] == deposit["id"]]
        assert [row["id"] for row in found] == [row["id"] for row in own]
        assert sum(Decimal(row["total"]) for row in found) == Decimal(str(deposit["grossAmount"]))
        fees = Decimal(str(deposit["fees"] or 0))
        assert Decimal(str(deposit["netAmount"])) == Decimal(str(deposit["grossAmount"])) - fees
        assert "refundedPaymentId" not in found[0]
    assert_problem(api.get(f"{ACCOUNTING}/bank-deposits/9/transactions"), 404)
    assert any(row["deposit"] is None for row in payments)


def test_a_window_of_each_list_includes_its_start_and_not_its_end(api: httpx.Client, contractor: Contractor) -> None:
    for path, entity in (
        (f"{INVENTORY}/vendors", "vendors"),
        (f"{INVENTORY}/purchase-orders", "purchase_orders"),
        (f"{INVENTORY}/receipts", "receipts"),
        (f"{ACCOUNTING}/bank-deposits", "bank_deposits"),
        (f"{PRICEBOOK}/services", "services"),
        (MATERIALS, "materials"),
        (f"{PRICEBOOK}/equipment", "equipment"),
        (f"{JPM}/projects", "projects"),
    ):
        times = sorted(row["modifiedOn"][:26] for row in contractor.servicetitan[entity])
        middle, last = times[len(times) // 2] + "Z", times[-1] + "Z"
        found = rows(api, path, modifiedOnOrAfter=middle, modifiedBefore=last)
        assert len(found) == sum(middle[:-1] <= time < last[:-1] for time in times), path


@pytest.mark.skipif(not SPECS.is_dir(), reason="the OpenAPI documents are not beside this checkout")
@pytest.mark.parametrize("single", SINGLES, ids=lambda single: single.path)
def test_a_record_by_its_id_has_the_published_shape(api: httpx.Client, contractor: Contractor, single: Any) -> None:
    if single.entity == "journal_entries":
        pytest.skip("of tenants that export journal entries")
    row = contractor.servicetitan[single.entity][0]
    url = f"/{single.module}/v2/tenant/7{single.path}"
    reply = api.get(url.replace("{id:int}", str(row["id"])))
    schema, schemas = of_a_record(single.module, single.path)
    assert_published(reply.json(), schema, schemas, single.entity)
    assert_problem(api.get(url.replace("{id:int}", "9")), 404)
