"""Purchase orders written: created, changed, canceled.

Documented: the members and their types, all six of an address, `memo` and `vendorInvoiceNumber` that are read as
`summary` and `vendorDocumentNumber`, SKUs that are active materials or equipment, the items of an update as the whole
set, types that are received at once, the id alone as the answer, exported orders that cannot be edited; seen: unknown
members dropped without a word. Chosen: what an order names must exist and be active; an item that is received is
neither left out nor lowered below that, and one that was left out does not come back; a canceled order cannot be
edited, nor canceled again; an order of which something is received cannot be canceled; every PATCH moves modifiedOn.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from st_erp_pipelines.sandbox.servicetitan_bodies import (
    Member,
    boolean,
    instant,
    integer,
    members_sent,
    number,
    row_of,
    rows_of,
    text,
    whole_body,
)
from st_erp_pipelines.sandbox.servicetitan_books import Books, WriteRoute, check
from st_erp_pipelines.sandbox.servicetitan_filters import ADDRESS
from st_erp_pipelines.sandbox.servicetitan_purchasing_items import (
    INACTIVE,
    LOCKED,
    ORDERS,
    figured,
    item_ids,
    next_id,
    order_item,
    with_status,
)
from st_erp_pipelines.sandbox.servicetitan_purchasing_receipts import CANCELLATION, Receipts
from st_erp_pipelines.sandbox.servicetitan_records import Record

NEW_ITEM_REQUIRED: dict[str, Member] = {
    "skuId": integer,
    **dict.fromkeys(("description", "vendorPartNumber"), text),
    **dict.fromkeys(("quantity", "cost"), number),
}
NEW_ITEM = row_of(NEW_ITEM_REQUIRED, {"budgetCodeId": integer})
ITEM = row_of({"id": integer, **NEW_ITEM_REQUIRED}, {"budgetCodeId": integer})
REQUIRED: dict[str, Member] = {
    **dict.fromkeys(("vendorId", "typeId", "businessUnitId", "inventoryLocationId"), integer),
    "shipTo": row_of({"description": text, "address": row_of(dict.fromkeys(ADDRESS, text), {})}, {}),
    "impactsTechnicianPayroll": boolean,
    **dict.fromkeys(("date", "requiredOn"), instant),
    **dict.fromkeys(("tax", "shipping"), number),
    "items": rows_of(NEW_ITEM),
}
OPTIONAL: dict[str, Member] = {
    **dict.fromkeys(("jobId", "technicianId", "projectId", "budgetCodeId"), integer),
    **dict.fromkeys(("vendorInvoiceNumber", "memo"), text),
}
PATCHED = {**REQUIRED, **OPTIONAL, "items": rows_of(ITEM)}
AS_WRITTEN = (
    *("vendorId", "typeId", "businessUnitId", "inventoryLocationId", "jobId", "technicianId", "projectId"),
    *("budgetCodeId", "date", "requiredOn", "tax", "shipping"),
)
READ_AS = {"memo": "summary", "vendorInvoiceNumber": "vendorDocumentNumber"}
REFERENCES = {
    "vendorId": ("vendors",),
    "typeId": ("purchase_order_types",),
    "businessUnitId": ("business_units",),
    "inventoryLocationId": ("warehouses", "trucks"),
    "jobId": ("jobs",),
    "projectId": ("projects",),
}


class Orders:
    """Writes purchase orders into the books."""

    scopes = ("tn.inv.purchaseorders:w",)

    def __init__(self, books: Books, receipts: Receipts) -> None:
        self._books = books
        self._receipts = receipts
        self.dropped: dict[str, set[str]] = {ORDERS: set()}

    def routes(self) -> list[WriteRoute]:
        (scope,) = self.scopes
        return [
            ("inventory", "/purchase-orders", scope, self.create, "POST"),
            ("inventory", "/purchase-orders/{id:int}", scope, self.update, "PATCH"),
            ("inventory", "/purchase-orders/{id:int}/cancellation", scope, self.cancellation, "PATCH"),
        ]

    async def create(self, request: Request) -> Response:
        sent = await whole_body(self._books, request, REQUIRED, OPTIONAL, self.dropped[ORDERS])
        return JSONResponse({"id": self.place(sent)["id"]})

    def place(self, sent: Record, as_number: str = "") -> Record:
        """A new order; of a type that says so, it is received at once."""
        self._check_references(sent)
        ids, rows = item_ids(self._books), enumerate(sent["items"])
        items = [order_item(self._books, next(ids), row, f"items[{at}]") for at, row in rows]
        key, now = next_id(self._books, ORDERS), self._books.now()
        blank = dict.fromkeys(("batchId", "sentOn", "receivedOn", "createdById"))
        order: Record = {"id": key, "number": as_number or str(key), "status": "Pending", **blank, "customFields": []}
        order |= {"createdOn": now, "modifiedOn": now, "items": items, **self._shown(sent)}
        job = self._books.tables["jobs"].records.get(order["jobId"], {})
        self._books.tables[ORDERS].put(figured(order | {"invoiceId": job.get("invoiceId")}))
        if self._books.tables["purchase_order_types"].records[order["typeId"]]["automaticallyReceive"]:
            self._receipts.receive_items(key, order["vendorDocumentNumber"], order["date"])
        return self._books.record(ORDERS, key)

    async def update(self, request: Request) -> Response:
        order = self._unlocked(request.path_params["id"])
        sent = await members_sent(self._books, request, PATCHED, nullable=("budgetCodeId",))
        sent = {name: value for name, value in sent.items() if name not in self.dropped[ORDERS]}
        self._check_references(sent)
        changed = order | self._shown(sent)
        if "items" in sent:
            changed |= self._replaced(order, sent["items"])
        self._books.edit(ORDERS, order["id"], with_status(figured(changed)))
        return JSONResponse({"id": order["id"]})

    async def cancellation(self, request: Request) -> Response:
        order = self._unlocked(request.path_params["id"])
        await members_sent(self._books, request, CANCELLATION)
        return JSONResponse({"id": self.cancel(order["id"])["id"]})

    def cancel(self, key: int) -> Record:
        order = self._unlocked(key)
        received = any(item["quantityReceived"] for item in order["items"])
        check(not received, "id", "A purchase order of which something was received cannot be canceled.")
        items = [item | {"status": "Canceled"} for item in order["items"]]
        return self._books.edit(ORDERS, key, {"status": "Canceled", "items": items})

    def _unlocked(self, key: int) -> Record:
        order = self._books.record(ORDERS, key)
        check(order["status"] not in LOCKED, "id", f"The purchase order is {order['status']} and cannot be changed.")
        return order

    def _check_references(self, sent: Record) -> None:
        for name, entities in REFERENCES.items():
            if (key := sent.get(name)) is not None:
                found = (self._books.tables[entity].records.get(key) for entity in entities)
                there = any(record and record.get("active", True) for record in found)
                check(there, name, f"{name} {key} is not found or is not active.")

    def _shown(self, sent: Record) -> Record:
        """What was sent of the header, in the shape in which it is read."""
        shown = {name: sent[name] for name in AS_WRITTEN if name in sent}
        shown |= {read: sent[name] or "" for name, read in READ_AS.items() if name in sent}
        if "shipTo" in sent:
            shown |= {"shipTo": sent["shipTo"]["address"], "_shipToDescription": sent["shipTo"]["description"]}
        return shown

    def _replaced(self, order: Record, rows: list[Record]) -> Record:
        """The active items become these: what is not listed becomes inactive."""
        known = {item["id"]: item for item in order["items"]}
        listed: dict[int, tuple[str, Record]] = {}
        for at, row in enumerate(rows):
            where = f"items[{at}]"
            fits = row["id"] in known and row["id"] not in listed
            check(fits, f"{where}.id", f"Item {row['id']} is no active item of the order, or is listed twice.")
            listed[row["id"]] = (where, row)
        left = [item for item in order["items"] if item["id"] not in listed]
        check(not any(item["quantityReceived"] for item in left), "items", "A received item cannot be removed.")
        items = [self._changed(item, *listed[item["id"]]) for item in order["items"] if item["id"] in listed]
        return {"items": items, INACTIVE: [*order.get(INACTIVE, ()), *left]}

    def _changed(self, item: Record, where: str, row: Record) -> Record:
        enough = row["quantity"] >= min(item["quantity"], item["quantityReceived"])
        check(enough, f"{where}.quantity", "The quantity cannot be lowered below what was received.")
        new: dict[str, Any] = order_item(self._books, item["id"], row, where)
        kept = ("createdOn", "quantityReceived", "serialNumbers", "status", "chargeable")
        return new | {name: item[name] for name in kept}
