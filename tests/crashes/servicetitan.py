"""ServiceTitan, as `erps.py` says what an ERP is here, where purchasing is delivered to it: purchase orders, which are
found by a scan of memos; receipts in the place of payments, of which a second one doubles the stock; vendors.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from starlette.types import ASGIApp

from st_erp_pipelines.clock import SystemClock
from st_erp_pipelines.outbox.document import BuiltDocument
from st_erp_pipelines.resources.servicetitan import ServiceTitan, connect
from st_erp_pipelines.resources.servicetitan_purchase_orders import ServiceTitanPurchaseOrders
from st_erp_pipelines.resources.servicetitan_receipts import ServiceTitanReceipts
from st_erp_pipelines.resources.servicetitan_vendors import ServiceTitanVendors
from st_erp_pipelines.sandbox.faults import Faults
from st_erp_pipelines.settings import Secret
from st_erp_pipelines.settings import ServiceTitan as Settings
from st_erp_pipelines.target import Target, Timing
from tests.crashes.orders import Orders
from tests.resources.wire import AnyPace

if TYPE_CHECKING:
    from tests.crashes.world import World

MOVES = ("post",)
HAS = ("parties",)
TARGETS = (ServiceTitanPurchaseOrders, ServiceTitanReceipts, ServiceTitanVendors)
REQUESTS = ()
INVOICE_LISTS = ("/purchase-orders",)
FILTERS = ("createdOnOrAfter", "modifiedOnOrAfter", "ids")
POSTED = {"invoices": "/purchase-orders", "payments": "/receipts", "parties": "/vendors"}

SPEED = 20.0
PLACE, APPLICATION = "servicetitan|here|7", "5a1c0de5-7f1e-4c0a-9b7e-0d2f6c3b8a41"
GO_LIVE = date(2026, 1, 1)
PARTY, VENDOR, ORDER_TYPE, UNIT, STOCK, PIPE, VALVE = "17300001", 1, 11, 21, 31, 41, 42
ORDERED, CAME = Decimal(10), Decimal(4)  # of each line: ServiceTitan has room for what comes twice
ADDRESS = {"street": "5 Elm St", "unit": "", "city": "Austin", "state": "TX", "zip": "78701", "country": "USA"}
KEY = re.compile(r"\[(.+)\]")


def app(faults: Faults) -> ASGIApp:
    from tests.resources.purchasing_tenant import BOOKS  # and pytest, which only the server has time for
    from tests.sandbox.servicetitan_client import tenant

    orders = [
        _old_order(number, [_ordered(number * 10 + 1, PIPE), _ordered(number * 10 + 2, VALVE)]) for number in (1, 2)
    ]
    return tenant(BOOKS | {"purchase_orders": orders}, faults=faults, speed=SPEED)


def _old_order(number: int, items: Sequence[dict[str, Any]], summary: str = "") -> dict[str, Any]:
    """From before any that we deliver."""
    day = "2025-11-03T00:00:00Z"
    nothing = dict.fromkeys(("jobId", "projectId", "technicianId", "batchId", "budgetCodeId", "sentOn", "receivedOn"))
    return nothing | {
        "id": number, "number": f"{number}", "status": "Pending", "vendorId": VENDOR, "typeId": ORDER_TYPE,
        "businessUnitId": UNIT, "inventoryLocationId": STOCK, "date": day, "requiredOn": day, "createdOn": day,
        "modifiedOn": day, "shipTo": ADDRESS, "tax": 0.0, "shipping": 0.0, "total": 0.0, "summary": summary,
        "vendorDocumentNumber": "", "items": items, "customFields": [],
    }  # fmt: skip


def _ordered(number: int, sku: int) -> dict[str, Any]:
    return {
        "id": number, "skuId": sku, "skuCode": f"{sku}", "skuType": "Material", "description": f"{sku} of stock",
        "vendorPartNumber": "", "quantity": float(ORDERED), "quantityReceived": 0.0, "cost": 15.0, "total": 150.0,
        "status": "Pending", "budgetCodeId": None,
    }  # fmt: skip


def client_of(url: str, settle_after: float, clock: SystemClock | None = None) -> ServiceTitan:
    settings = Settings(
        api_url=url,
        auth_url=url,
        tenant_id=7,
        app_key=Secret("key"),
        client_id=Secret("me"),
        client_secret=Secret("mine"),
        application_guid=UUID(APPLICATION),
    )
    return connect(settings, pace=AnyPace(), clock=clock or SystemClock())


def target_of(client: ServiceTitan, orders: Orders) -> Target:
    timing = Timing(timedelta(seconds=orders.settle_after))
    if orders.flow == "invoices":
        return ServiceTitanPurchaseOrders(client, PLACE, timing, GO_LIVE)
    return (ServiceTitanReceipts if orders.flow == "payments" else ServiceTitanVendors)(client, PLACE, timing)


def path_of(_move: str, orders: Orders) -> str:
    return POSTED[orders.flow]


# What is posted


def invoice(key: str, number: int, day: date, total: Decimal) -> dict[str, Any]:
    """An order of two lines."""
    return {
        "key": key, "memo": f"45000000{number} of S/4HANA [{key}]", "vendor_id": VENDOR, "type_id": ORDER_TYPE,
        "business_unit_id": UNIT, "inventory_location_id": STOCK, "date": day.isoformat(), "required_on": "2026-12-01",
        "ship_to": ADDRESS | {"description": "Main"},
        "items": [_line("10", PIPE, total - 8), _line("20", VALVE, Decimal(8))],
    }  # fmt: skip


def _line(line: str, sku: int, cost: Decimal, quantity: Decimal = Decimal(1)) -> dict[str, Any]:
    figures = {"quantity": str(quantity), "cost": str(cost)}
    return {"line": line, "sku_id": sku, "description": f"{line} Copper", "vendor_part_number": "", **figures}


def payment(number: int, day: date, amounts: Sequence[str]) -> list[BuiltDocument]:
    """An invoice, of which a receipt of order `number` becomes: some of each of its lines came."""
    key, total = f"ST-A-SI-{number}-2026-{number}", sum(map(Decimal, amounts), Decimal(0))
    items = [_line(f"{sku}", sku, Decimal(each) / CAME, CAME) for sku, each in zip((PIPE, VALVE), amounts, strict=True)]
    payload = {
        "key": key, "memo": f"Invoice {number} [{key}]", "purchase_order_id": number, "date_received": day.isoformat(),
        "vendor_document_number": f"V-{number}", "tax": "0", "shipping": "0", "items": items,
    }  # fmt: skip
    common = ("payments", "supplier_invoice", f"sap_s4hana/1710/supplier_invoice/{number}", key, day, day)
    return [BuiltDocument(*common, total, "USD", PARTY, "h1", payload)]


def party(number: int, day: date) -> BuiltDocument:
    key, supplier = f"ST-A-VEND-{number}", f"{number}"
    payload = {"key": key, "supplier": supplier, "name": f"Hill Country Plumbing {number}", **ADDRESS}
    common = ("parties", "vendor", f"sap_s4hana/1710/supplier/{number}", key, day, day)
    return BuiltDocument(*common, Decimal(0), "", payload["name"], "h1", payload)


# What people do there


def person_enters_an_invoice(world: World, key: str) -> None:
    """Long ago."""
    world.person_does("add", entity="purchase_orders", record=_old_order(9, [], key))


# What is there


def posted(state: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entity, text, total in (("purchase_orders", "summary", "total"), ("receipts", "memo", "receiptAmount")):
        for row in state[entity]:
            for key in KEY.findall(row[text]):
                found[key].append({"id": str(row["id"]), "number": row["number"], "total": row[total]})
    for row in state["vendors"]:
        if supplier := row.get("_externalData", {}).get(APPLICATION, {}).get("S4Supplier"):
            found[f"ST-A-VEND-{supplier}"].append({"id": str(row["id"]), "number": str(row["id"]), "total": 0})
    return found


def amiss(state: dict[str, Any]) -> Iterator[str]:
    """What came once is in stock once."""
    for order in state["purchase_orders"]:
        for item in order["items"]:
            if item["quantityReceived"] not in (0, CAME):
                yield f"{item['quantityReceived']} of {item['skuCode']} are in stock, and {CAME} came"


def names(_path: str, _remote_id: str) -> bool:
    """Nothing is done for a document but to make it."""
    return False
