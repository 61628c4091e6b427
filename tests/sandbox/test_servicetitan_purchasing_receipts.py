"""Receipts written to the sandbox's ServiceTitan, and the bills that come of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from st_erp_pipelines.sandbox import servicetitan_purchasing_receipts
from st_erp_pipelines.sandbox.serve import running
from tests.sandbox.published import SPECS, answer, assert_published
from tests.sandbox.purchasing import (
    BILLS,
    FUSE,
    LABOR,
    NOWHERE,
    ORDERS,
    PIPE,
    RECEIPTS,
    SELLER,
    billed,
    books,
    done,
    item,
    listed,
    made,
    new_receipt,
    ordered,
    read,
    without,
)
from tests.sandbox.servicetitan_client import assert_problem, control, ids, logged_in, tenant


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    with running(tenant(books(), speed=1000, token_seconds=900_000)) as url, logged_in(url) as client:
        yield client


@pytest.fixture
def no_bills(api: httpx.Client) -> Iterator[None]:
    done(api, "bills_after", seconds=None)
    yield
    done(api, "bills_after", seconds=10)


def states(order: dict[str, Any]) -> tuple[str, list[tuple[float, str]]]:
    return order["status"], [(line["quantityReceived"], line["status"]) for line in order["items"]]


def test_a_receipt_moves_the_order_and_a_bill_follows(api: httpx.Client) -> None:
    order = ordered(api, jobId=500)
    body = new_receipt(order, 4, vendorDocumentNumber="5105600001", memo="[ST-A-SI-1]", number="7")
    key = made(api.post(RECEIPTS, json=body))
    after = read(api, ORDERS, order["id"])
    assert states(after) == ("PartiallyReceived", [(4, "PartiallyReceived"), (0, "Pending")])
    assert after["modifiedOn"] > order["modifiedOn"]
    receipt = billed(api, key)
    assert (receipt["vendorInvoiceNumber"], receipt["memo"], receipt["vendorId"]) == (
        "5105600001",
        "[ST-A-SI-1]",
        SELLER,
    )
    assert (receipt["receiptAmount"], receipt["taxAmount"], receipt["shippingAmount"]) == (13.25, 1.0, 2.25)
    assert (receipt["jobId"], receipt["shipToDescription"], receipt["syncStatus"]) == (500, "Dock 4", "Pending")
    (line,) = receipt["items"]
    assert (line["purchaseOrderItemId"], line["description"]) == (order["items"][0]["id"], "10 text")
    assert receipt["modifiedOn"] > receipt["createdOn"]
    (bill,) = listed(api, BILLS, ids=receipt["billId"])
    assert (bill["billAmount"], bill["taxAmount"], bill["shippingAmount"]) == ("13.25", "1.00", "2.25")
    assert (bill["source"], bill["status"], bill["billType"]) == ("Purchasing", "Unreconciled", "Procurement")
    assert (bill["vendorNumber"], bill["purchaseOrderId"], bill["jobNumber"]) == ("5105600001", order["id"], "J500")
    assert bill["items"][0]["generalLedgerAccount"]["number"] == "1400"
    assert (bill["items"][0]["receiptItemId"], bill["items"][0]["quantity"]) == (line["id"], "4.0")


@pytest.mark.usefixtures("no_bills")
def test_receipts_are_found_by_order_number_and_activity(api: httpx.Client) -> None:
    order = ordered(api)
    first, second = (
        made(api.post(RECEIPTS, json=new_receipt(order, 1, vendorDocumentNumber=text))) for text in ("A-1", "A-2")
    )
    by_order = {"purchaseOrderIds": order["id"]}
    assert ids(api.get(RECEIPTS, params=by_order)) == [first, second]
    assert ids(api.get(RECEIPTS, params=by_order | {"vendorInvoiceNumber": "A-2"})) == [second]
    made(api.patch(f"{RECEIPTS}/{first}/cancellation", json={"canceledReason": "Duplicate"}))
    assert ids(api.get(RECEIPTS, params=by_order)) == [second]
    assert ids(api.get(RECEIPTS, params=by_order | {"active": "Any"})) == [first, second]


@pytest.mark.usefixtures("no_bills")
def test_more_than_was_ordered_may_be_received_and_again(api: httpx.Client) -> None:
    order = ordered(api, items=[item(PIPE, 0.3, 1)])
    for quantity in (0.1, 0.2, 5):
        made(api.post(RECEIPTS, json=new_receipt(order, quantity)))
    assert states(read(api, ORDERS, order["id"])) == ("Received", [(5.3, "Received")])


@pytest.mark.usefixtures("no_bills")
def test_a_row_without_an_item_is_of_the_same_sku_or_of_a_further_item(api: httpx.Client) -> None:
    order = ordered(api)
    rows = [{"skuId": sku, "quantity": 10, "cost": 1.5} for sku in (PIPE, FUSE)]
    made(api.post(RECEIPTS, json=new_receipt(order) | {"items": rows}))
    after = read(api, ORDERS, order["id"])
    assert [line["quantityReceived"] for line in after["items"]] == [10.0, 0.0, 10.0]
    assert (after["items"][2]["skuId"], after["total"]) == (FUSE, order["total"] + 15)


@pytest.mark.usefixtures("no_bills")
def test_a_wrong_receipt_is_refused_and_the_order_stays_as_it_was(api: httpx.Client) -> None:
    order, other = ordered(api), ordered(api)
    good = new_receipt(order, 1, 1)
    row = good["items"][0]
    bodies: list[tuple[Any, str]] = [
        *((without(good, name), name) for name in good),
        (good | {"dateReceived": 5}, "dateReceived"),
        (good | {"jobId": 1}, "jobId"),
        (good | {"items": [row, {"skuId": LABOR, "quantity": 1, "cost": 1}]}, "items[1].skuId"),
        (good | {"items": [row | {"purchaseOrderItemId": 999_999}]}, "items[0].purchaseOrderItemId"),
        (good | {"items": new_receipt(other, 1)["items"]}, "items[0].purchaseOrderItemId"),
        (good | {"items": [row | {"quantity": "1"}]}, "items[0].quantity"),
    ]
    for body, field in bodies:
        assert_problem(api.post(RECEIPTS, json=body), 400, field)
    assert_problem(api.post(RECEIPTS, json=good | {"purchaseOrderId": NOWHERE}), 404)
    assert read(api, ORDERS, order["id"]) == order
    done(api, "cancel_order", order=order["id"])
    assert_problem(api.post(RECEIPTS, json=good), 400, "purchaseOrderId")
    assert ids(api.get(RECEIPTS, params={"purchaseOrderIds": order["id"]})) == []


def test_a_canceled_receipt_gives_back_and_its_bill_is_canceled(api: httpx.Client) -> None:
    order = ordered(api)
    control(api, "change", entity="purchase_orders", id=order["id"], set={"sentOn": order["createdOn"]})
    key = made(api.post(RECEIPTS, json=new_receipt(order, 10, 1)))
    assert read(api, ORDERS, order["id"])["status"] == "Received"
    bill = billed(api, key)["billId"]
    url = f"{RECEIPTS}/{key}/cancellation"
    assert_problem(api.patch(url, json={"canceledReason": "x"}), 400, "canceledReason")
    made(api.patch(url, json={}))
    after = read(api, ORDERS, order["id"])
    assert (states(after), after["receivedOn"]) == (("Sent", [(0, "Sent"), (0, "Sent")]), None)
    assert listed(api, BILLS, ids=bill)[0]["status"] == "Canceled"
    assert_problem(api.patch(url, json={}), 400, "id")
    made(api.patch(f"{ORDERS}/{order['id']}/cancellation", json={}))
    assert_problem(api.patch(f"{RECEIPTS}/{NOWHERE}/cancellation", json={}), 404)


def test_the_receipt_of_an_exported_bill_stays(api: httpx.Client) -> None:
    key = made(api.post(RECEIPTS, json=new_receipt(ordered(api), 1)))
    done(api, "batch", entity="ap_bills", ids=[billed(api, key)["billId"]], status="Exported")
    assert_problem(api.patch(f"{RECEIPTS}/{key}/cancellation", json={}), 400, "id")


def test_bills_may_be_late_or_switched_off(api: httpx.Client) -> None:
    done(api, "bills_after", seconds=600_000)
    late, canceled = (made(api.post(RECEIPTS, json=new_receipt(ordered(api), 1))) for _ in range(2))
    made(api.patch(f"{RECEIPTS}/{canceled}/cancellation", json={}))
    time.sleep(0.05)
    assert listed(api, RECEIPTS, ids=late)[0]["billId"] is None
    done(api, "bills_after", seconds=1)
    assert billed(api, late)
    assert listed(api, RECEIPTS, ids=canceled)[0]["billId"] is None
    done(api, "bills_after", seconds=None)
    never = made(api.post(RECEIPTS, json=new_receipt(ordered(api), 1)))
    done(api, "bills_after", seconds=10)
    assert billed(api, made(api.post(RECEIPTS, json=new_receipt(ordered(api), 1))))
    assert listed(api, RECEIPTS, ids=never)[0]["billId"] is None


def test_people_receive_in_the_field_and_change_what_a_bill_comes_to(api: httpx.Client) -> None:
    order = ordered(api, items=[item(PIPE, 3, 2.5), item(FUSE, 2, 1)])
    line = {"item": order["items"][0]["id"], "quantity": 1}
    _, after = done(api, "receive", order=order["id"], lines=[line], number="F-1", on="2026-03-06")
    assert states(after) == ("PartiallyReceived", [(1, "PartiallyReceived"), (0, "Pending")])
    receipt, after = done(api, "receive", order=order["id"])
    assert [row["quantity"] for row in receipt["items"]] == [2, 2]
    assert after["status"] == "Received"
    bill = billed(api, receipt["id"])["billId"]
    (changed,) = done(api, "bill_amount", id=bill, amount="100.01")
    goods = sum(round(float(row["quantity"]) * float(row["cost"]), 2) for row in changed["items"])
    assert (changed["billAmount"], round(goods + 1.5, 2)) == ("100.01", 100.01)
    assert listed(api, BILLS, ids=bill)[0]["modifiedOn"] == changed["modifiedOn"]
    assert_problem(control(api, "receive", order=NOWHERE), 404)


@pytest.mark.skipif(not SPECS.is_dir(), reason="the OpenAPI documents are not beside this checkout")
def test_the_members_are_the_published_ones() -> None:
    schemas = json.loads((SPECS / "inventory-v2.json").read_text())["components"]["schemas"]
    receive = schemas["Inventory.V2.ReceivePurchaseOrderRequest"]
    both = servicetitan_purchasing_receipts.REQUIRED | servicetitan_purchasing_receipts.OPTIONAL
    assert servicetitan_purchasing_receipts.REQUIRED.keys() == set(receive["required"])
    assert both.keys() == set(receive["properties"])
    for path, method in (("", "post"), ("/{id}/cancellation", "patch")):
        assert_published({"id": 1}, *answer("inventory", f"/receipts{path}", method, "200"), path)
