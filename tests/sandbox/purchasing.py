"""A small tenant that buys, for tests of what is written there; and what they send."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import httpx

from st_erp_pipelines.sandbox import contractor_lists, contractor_stock
from st_erp_pipelines.sandbox.contractor_office import Office
from st_erp_pipelines.sandbox.servicetitan_skus import EQUIPMENT, MATERIAL, SERVICE
from st_erp_pipelines.sandbox.servicetitan_vendors import BLANK
from tests.sandbox.published import SPECS, assert_published, published
from tests.sandbox.servicetitan_client import at, control

INVENTORY, ACCOUNTING, SETTINGS = (f"/{module}/v2/tenant/7" for module in ("inventory", "accounting", "settings"))
ORDERS, RECEIPTS, VENDORS = (f"{INVENTORY}/{name}" for name in ("purchase-orders", "receipts", "vendors"))
REQUESTS, BILLS, UNITS = f"{ORDERS}/requests", f"{ACCOUNTING}/ap-bills", f"{SETTINGS}/business-units"
PIPE, FUSE, FURNACE, LABOR, OLD_PIPE = 10, 11, 20, 30, 12
SELLER, GONE = 1, 2
NOWHERE = 999_999  # an id that nothing has
STANDARD, AT_ONCE, MAIN, OLD_DEPOT, TRUCK = 8101, 8102, 8201, 8203, 8301
ADDRESS = {"street": "1501 W Fulton St", "unit": "", "city": "Chicago", "state": "IL", "zip": "60612", "country": "USA"}


def books() -> dict[str, list[dict[str, Any]]]:
    office = Office(seed=1, today=date(2026, 3, 20), days=9, history_days=99, zone="America/Chicago")
    times = {"createdOn": at(1), "modifiedOn": at(1)}
    sku = {"description": "", "assetAccount": "Inventory", "costOfSaleAccount": "Cost of Goods Sold", **times}
    flags = {"isTruckReplenishment": False, "isMobileCreationRestricted": False, "defaultTaxRate": 0.0}
    seller = {**BLANK, **flags, "address": ADDRESS, **times}
    return {
        "vendors": [seller | {"id": SELLER, "name": "Rohre", "active": True}]
        + [seller | {"id": GONE, "name": "Gone", "active": False}],
        "materials": [MATERIAL | sku | {"id": PIPE, "code": "PI-1", "displayName": "Pipe"}]
        + [MATERIAL | sku | {"id": FUSE, "code": "EL-1", "displayName": "Fuse"}]
        + [MATERIAL | sku | {"id": OLD_PIPE, "code": "PI-0", "active": False}],
        "equipment": [EQUIPMENT | sku | {"id": FURNACE, "code": "FU-1", "displayName": None}],
        "services": [SERVICE | times | {"id": LABOR, "code": "LA-1"}],
        "jobs": [{"id": 500, "jobNumber": "J500", "invoiceId": 600, "active": True, **times}],
        "purchase_order_types": contractor_stock.order_types(office),
        "warehouses": contractor_stock.warehouses(office),
        "trucks": contractor_stock.trucks(office),
        "business_units": contractor_lists.business_units(office),
        "gl_accounts": contractor_lists.gl_accounts(office),
        "payment_terms": contractor_lists.payment_terms(office),
    }


def item(sku: int, quantity: float, cost: float, **members: Any) -> dict[str, Any]:
    return {
        "skuId": sku,
        "description": f"{sku} text",
        "vendorPartNumber": "",
        "quantity": quantity,
        "cost": cost,
    } | members


def new_order(**members: Any) -> dict[str, Any]:
    return {
        "vendorId": SELLER,
        "typeId": STANDARD,
        "businessUnitId": 301,
        "inventoryLocationId": MAIN,
        "shipTo": {"description": "Dock 4", "address": ADDRESS},
        "impactsTechnicianPayroll": False,
        "date": "2026-03-01T00:00:00Z",
        "requiredOn": "2026-03-08T00:00:00Z",
        "tax": 1.5,
        "shipping": 0,
        "memo": "for stock [ST-A-PO-4500000001]",
        "items": [item(PIPE, 10, 2.5), item(FURNACE, 1, 900)],
    } | members


def new_receipt(order: dict[str, Any], *quantities: float, **members: Any) -> dict[str, Any]:
    rows = [
        {"purchaseOrderItemId": line["id"], "skuId": line["skuId"], "quantity": quantity, "cost": line["cost"]}
        for line, quantity in zip(order["items"], quantities, strict=False)
    ]
    money = {"tax": 1, "shipping": 2.25}
    return {"purchaseOrderId": order["id"], "dateReceived": "2026-03-05T00:00:00Z", "items": rows, **money} | members


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {each: value for each, value in body.items() if each != name}


def made(reply: httpx.Response) -> int:
    """The id that a write was answered with, and nothing else."""
    assert reply.status_code == 200, reply.text
    assert list(reply.json()) == ["id"]
    key: int = reply.json()["id"]
    return key


def ordered(api: httpx.Client, **members: Any) -> dict[str, Any]:
    return read(api, ORDERS, made(api.post(ORDERS, json=new_order(**members))))


def read(api: httpx.Client, url: str, key: int) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"{url}/{key}").raise_for_status().json()
    return found


def listed(api: httpx.Client, url: str, **query: Any) -> list[dict[str, Any]]:
    """All that there are, in the published shape where that is at hand."""
    found: list[dict[str, Any]] = api.get(url, params={"active": "Any", **query}).raise_for_status().json()["data"]
    if SPECS.is_dir():
        _, module, *_, path = url.split("/", 5)
        schema, schemas = published(module, f"/{path}")
        for row in found:
            assert_published(row, schema, schemas, path)
    return found


def billed(api: httpx.Client, receipt: int) -> dict[str, Any]:
    """The receipt, once it has its bill."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        (found,) = listed(api, RECEIPTS, ids=receipt)
        if found["billId"]:
            return found
        time.sleep(0.01)
    raise AssertionError(f"receipt {receipt} got no bill")


def done(api: httpx.Client, action: str, **body: Any) -> list[dict[str, Any]]:
    reply = control(api, action, **body)
    assert reply.is_success, reply.text
    records: list[dict[str, Any]] = reply.json() if reply.content else []
    return records
