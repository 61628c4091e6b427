"""Purchase orders and requests written to the sandbox's ServiceTitan: what is refused, dropped, and stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from st_erp_pipelines.sandbox import servicetitan_purchasing, servicetitan_purchasing_requests
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.sandbox.serve import running
from tests.sandbox.published import SPECS, answer, assert_published
from tests.sandbox.purchasing import (
    ADDRESS,
    AT_ONCE,
    FURNACE,
    FUSE,
    GONE,
    INVENTORY,
    LABOR,
    NOWHERE,
    OLD_DEPOT,
    OLD_PIPE,
    ORDERS,
    PIPE,
    RECEIPTS,
    REQUESTS,
    TRUCK,
    books,
    done,
    item,
    listed,
    made,
    new_order,
    ordered,
    read,
    without,
)
from tests.sandbox.servicetitan_client import assert_problem, control, ids, logged_in, stored, tenant


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    with running(tenant(books(), speed=1000, token_seconds=900_000)) as url, logged_in(url) as client:
        yield client


def patched(api: httpx.Client, order: dict[str, Any], **body: Any) -> dict[str, Any]:
    assert made(api.patch(f"{ORDERS}/{order['id']}", json=body)) == order["id"]
    return read(api, ORDERS, order["id"])


def rows(order: dict[str, Any]) -> list[dict[str, Any]]:
    """Its items as a PATCH lists them."""
    names = ("id", "skuId", "description", "vendorPartNumber", "quantity", "cost")
    return [{name: line[name] for name in names} for line in order["items"]]


def test_a_new_order_is_answered_by_its_id_and_read_under_other_names(api: httpx.Client) -> None:
    order = ordered(api, vendorInvoiceNumber="INV 9", jobId=500, status="Sent", inventoryLocationId=TRUCK)
    assert (order["status"], order["number"], order["invoiceId"]) == ("Pending", str(order["id"]), 600)
    assert (order["summary"], order["vendorDocumentNumber"]) == ("for stock [ST-A-PO-4500000001]", "INV 9")
    assert (order["total"], order["tax"], order["shipping"]) == (926.5, 1.5, 0.0)
    assert (order["shipTo"], order["date"]) == (ADDRESS, "2026-03-01T00:00:00Z")
    pipe, furnace = order["items"]
    assert (pipe["skuCode"], pipe["skuType"], pipe["total"], pipe["quantityReceived"]) == ("PI-1", "Material", 25.0, 0)
    assert (furnace["skuName"], furnace["skuType"], furnace["description"]) == ("", "Equipment", "20 text")
    assert [row for row in listed(api, ORDERS) if row["id"] == order["id"]] == [order]
    assert order["id"] in ids(api.get(ORDERS, params={"createdOnOrAfter": order["createdOn"]}))
    assert "impactsTechnicianPayroll" not in order


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "$"),
        *((without(new_order(), name), name) for name in new_order() if name != "memo"),
        (new_order(vendorId=GONE), "vendorId"),
        (new_order(vendorId="1"), "vendorId"),
        (new_order(typeId=8104), "typeId"),
        (new_order(businessUnitId=1), "businessUnitId"),
        (new_order(inventoryLocationId=OLD_DEPOT), "inventoryLocationId"),
        (new_order(jobId=1), "jobId"),
        (new_order(date="soon"), "date"),
        (new_order(tax="1"), "tax"),
        (new_order(memo=1), "memo"),
        (new_order(shipTo={"description": "", "address": without(ADDRESS, "unit")}), "shipTo.address.unit"),
        (new_order(shipTo={"address": ADDRESS}), "shipTo.description"),
        (new_order(items=[item(PIPE, 1, 1), item(LABOR, 1, 1)]), "items[1].skuId"),
        (new_order(items=[item(OLD_PIPE, 1, 1)]), "items[0].skuId"),
        (new_order(items=[item(PIPE, "1", 1)]), "items[0].quantity"),  # type: ignore[arg-type]
        (new_order(items=[{"skuId": PIPE, "quantity": 1, "cost": 1, "description": ""}]), "items[0].vendorPartNumber"),
    ],
)  # fmt: skip
def test_a_wrong_order_is_refused(api: httpx.Client, body: Any, field: str) -> None:
    before = len(listed(api, ORDERS))
    assert_problem(api.post(ORDERS, json=body), 400, field)
    assert len(listed(api, ORDERS)) == before


def test_a_patch_changes_what_is_sent_and_what_is_unknown_or_read_only_is_dropped(api: httpx.Client) -> None:
    before = ordered(api)
    sent = {"memo": "new", "shipping": 3, "requiredOn": "2026-03-09", "status": "Received", "total": 1, "x": 1}
    after = patched(api, before, **sent)
    assert {name for name in after if after[name] != before[name]} == {
        *("summary", "shipping", "requiredOn", "total", "modifiedOn")
    }
    assert (after["total"], after["requiredOn"]) == (929.5, "2026-03-09T00:00:00Z")
    assert before["id"] in ids(api.get(ORDERS, params={"modifiedOnOrAfter": after["modifiedOn"]}))


def test_the_items_of_a_patch_are_the_whole_set(api: httpx.Client) -> None:
    before = ordered(api, items=[item(PIPE, 10, 2.5), item(FURNACE, 1, 900), item(FUSE, 4, 1)])
    pipe, _, fuse = rows(before)
    after = patched(api, before, items=[fuse | {"quantity": 5, "cost": 1.25}, pipe])
    assert [(line["id"], line["total"]) for line in after["items"]] == [(pipe["id"], 25.0), (fuse["id"], 6.25)]
    assert after["total"] == 32.75
    inactive = stored(api, "purchase_orders", before["id"])["_inactiveItems"]
    assert [line["skuId"] for line in inactive] == [FURNACE]
    gone = rows(before)[1]
    for items, field in (
        ([pipe, gone], "items[1].id"),
        ([pipe, pipe], "items[1].id"),
        ([pipe | {"id": 999_999}], "items[0].id"),
        ([without(pipe, "id")], "items[0].id"),
        ([item(PIPE, 1, 1)], "items[0].id"),
        ([pipe | {"skuId": OLD_PIPE}], "items[0].skuId"),
    ):
        assert_problem(api.patch(f"{ORDERS}/{before['id']}", json={"items": items}), 400, field)
    assert read(api, ORDERS, before["id"]) == after


def test_what_was_received_is_neither_dropped_nor_lowered(api: httpx.Client) -> None:
    order = ordered(api)
    pipe, furnace = rows(order)
    done(api, "receive", order=order["id"], lines=[{"item": pipe["id"], "quantity": 4}])
    assert_problem(api.patch(f"{ORDERS}/{order['id']}", json={"items": [furnace]}), 400, "items")
    low = [pipe | {"quantity": 3}, furnace]
    assert_problem(api.patch(f"{ORDERS}/{order['id']}", json={"items": low}), 400, "items[0].quantity")
    done(api, "receive", order=order["id"], lines=[{"item": pipe["id"], "quantity": 8}])
    assert patched(api, order, items=[pipe, furnace])["items"][0]["quantity"] == 10, "12 came, and nothing is lowered"
    after = patched(api, order, items=[pipe | {"quantity": 12}])
    assert (after["status"], [line["status"] for line in after["items"]]) == ("Received", ["Received"])
    assert_problem(api.patch(f"{ORDERS}/{order['id']}/cancellation", json={}), 400, "id")


def test_a_canceled_or_exported_order_is_not_changed_any_more(api: httpx.Client) -> None:
    order = ordered(api)
    url = f"{ORDERS}/{order['id']}/cancellation"
    assert_problem(api.patch(url, json={"canceledReason": "x"}), 400, "canceledReason")
    made(api.patch(url, json={"canceledReason": "NotRequired"}))
    assert read(api, ORDERS, order["id"])["status"] == "Canceled"
    for path in ("", "/cancellation"):
        assert_problem(api.patch(f"{ORDERS}/{order['id']}{path}", json={}), 400, "id")
        assert_problem(api.patch(f"{ORDERS}/{NOWHERE}{path}", json={}), 404)
    other = ordered(api)
    control(api, "change", entity="purchase_orders", id=other["id"], set={"status": "Exported"})
    assert_problem(api.patch(f"{ORDERS}/{other['id']}", json={"memo": "x"}), 400, "id")
    (canceled,) = done(api, "cancel_order", order=ordered(api)["id"])
    assert canceled["status"] == "Canceled"
    assert_problem(control(api, "cancel_order", order=canceled["id"]), 400, "id")


def test_an_order_of_some_types_is_received_when_it_is_made(api: httpx.Client) -> None:
    order = ordered(api, typeId=AT_ONCE, vendorInvoiceNumber="INV 1")
    assert (order["status"], order["receivedOn"]) == ("Received", "2026-03-01T00:00:00Z")
    (receipt,) = listed(api, RECEIPTS, purchaseOrderIds=order["id"])
    assert (receipt["vendorInvoiceNumber"], receipt["receiptAmount"]) == ("INV 1", order["total"])


def test_a_request_that_is_approved_becomes_an_order_of_its_number(api: httpx.Client) -> None:
    asked = {"skuId": PIPE, "quantity": 2, "cost": 3}
    (request,) = done(api, "make_request", items=[asked], summary="urgent", jobId=500)
    assert listed(api, REQUESTS, requestStatus="PendingApproval", requestNumber=request["requestNumber"]) == [request]
    assert made(api.patch(f"{REQUESTS}/{request['id']}/approve")) == request["id"]
    (after,) = listed(api, REQUESTS, ids=request["id"])
    assert (after["requestStatus"], after["modifiedOn"] > request["modifiedOn"]) == ("Approved", True)
    (order,) = listed(api, ORDERS, number=request["requestNumber"])
    assert (order["status"], order["summary"], order["jobId"], order["total"]) == ("Pending", "urgent", 500, 6.0)
    assert order["items"][0]["id"] != request["items"][0]["id"]
    for path, body in (("approve", None), ("reject", {"rejectionReason": "Other"})):
        assert_problem(api.patch(f"{REQUESTS}/{request['id']}/{path}", json=body), 400, "id")
        assert_problem(api.patch(f"{REQUESTS}/{NOWHERE}/{path}", json=body), 404)


def test_a_request_may_be_rejected_or_approved_by_the_office(api: httpx.Client) -> None:
    (request,) = done(api, "make_request", items=[{"skuId": FUSE, "quantity": 1, "cost": 1}])
    for body, field in (({}, "rejectionReason"), ({"rejectionReason": "No"}, "rejectionReason")):
        assert_problem(api.patch(f"{REQUESTS}/{request['id']}/reject", json=body), 400, field)
    made(api.patch(f"{REQUESTS}/{request['id']}/reject", json={"rejectionReason": "CostTooHigh"}))
    assert listed(api, REQUESTS, ids=request["id"])[0]["requestStatus"] == "Rejected"
    asked, order = done(api, "make_request", items=[{"skuId": FUSE, "quantity": 1, "cost": 1}], approve=True)
    assert (asked["requestStatus"], order["number"]) == ("Approved", asked["requestNumber"])


def test_types_and_places_are_listed_with_the_inactive_ones_for_who_asks(api: httpx.Client) -> None:
    types = {row["id"]: row["automaticallyReceive"] for row in listed(api, f"{INVENTORY}/purchase-order-types")}
    assert (len(types), types[AT_ONCE], sum(types.values())) == (4, True, 1)
    for path in ("purchase-order-types", "warehouses", "trucks"):
        url = f"{INVENTORY}/{path}"
        assert len(ids(api.get(url))) == len(listed(api, url)) - 1, path


def test_another_tenant_is_strict_and_a_dropped_reply_leaves_an_order() -> None:
    faults = Faults(speed=1000)
    with running(tenant(books(), speed=1000, faults=faults, strict_query=True)) as url, logged_in(url) as api:
        assert_problem(api.post(ORDERS, json=new_order(number="1")), 400, "number")
        faults.add("drop_after", method="POST")
        with pytest.raises(httpx.TransportError):
            api.post(ORDERS, json=new_order())
        assert len(api.get(ORDERS).json()["data"]) == 1
        control(api, "drop_members", entity="purchase_orders", members=["memo", "tax"])
        order = ordered(api)
        assert (order["summary"], patched(api, order, memo="x", tax=9, shipping=1)["shipping"]) == ("", 1.0)
        assert read(api, ORDERS, order["id"])["tax"] == 1.5


@pytest.mark.skipif(not SPECS.is_dir(), reason="the OpenAPI documents are not beside this checkout")
def test_the_members_are_the_published_ones() -> None:
    schemas = json.loads((SPECS / "inventory-v2.json").read_text())["components"]["schemas"]
    create, update = (schemas[f"Inventory.V2.{name}PurchaseOrderRequest"] for name in ("Create", "Update"))
    assert servicetitan_purchasing.REQUIRED.keys() == set(create["required"])
    assert servicetitan_purchasing.PATCHED.keys() == set(create["properties"]) == set(update["properties"])
    lines = [schemas[f"Inventory.V2.{name}PurchaseOrderItemRequest"] for name in ("Create", "Update")]
    assert servicetitan_purchasing.NEW_ITEM_REQUIRED.keys() == set(lines[0]["required"])
    assert set(lines[1]["required"]) - set(lines[0]["required"]) == {"id"}
    rejection = schemas["Inventory.V2.PurchaseOrderRequestRejectionArgs"]
    assert servicetitan_purchasing_requests.REJECTION.keys() == set(rejection["properties"])
    for path, method in (("", "post"), ("/{id}", "patch"), ("/{id}/cancellation", "patch")):
        assert_published({"id": 1}, *answer("inventory", f"/purchase-orders{path}", method, "200"), path)
