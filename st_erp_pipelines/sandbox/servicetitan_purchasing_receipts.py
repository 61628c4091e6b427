"""Receipts written, and the bills that ServiceTitan makes of them some seconds later.

Documented: the members and their types, the id alone as the answer, an optional item of the order; that a bill
follows where the office has that switched on, and `billId` then. Chosen: more may be received than was ordered, and
of an order that is received already; a row that names no item is of the item with that SKU, or else of a further
item of the order; a canceled receipt gives the quantities back and cancels its bill, an exported one stays; tax and
shipping are the receipt's. How long the bill takes is not established.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from st_erp_pipelines.sandbox.contractor_office import number as wire_number
from st_erp_pipelines.sandbox.servicetitan_bodies import (
    Member,
    instant,
    integer,
    members_sent,
    number,
    row_of,
    rows_of,
    text,
    whole_body,
    word_of,
)
from st_erp_pipelines.sandbox.servicetitan_books import Books, WriteRoute, check
from st_erp_pipelines.sandbox.servicetitan_purchasing_bills import bill_of, ledger_account
from st_erp_pipelines.sandbox.servicetitan_purchasing_items import (
    BILLS,
    LOCKED,
    ORDERS,
    RECEIPTS,
    amount_of,
    exact,
    figured,
    item_ids,
    next_id,
    order_item,
    sku_of,
    with_received,
    with_status,
)
from st_erp_pipelines.sandbox.servicetitan_records import Record

BILL_SECONDS = 10.0
REQUIRED: dict[str, Member] = {
    "purchaseOrderId": integer,
    "dateReceived": instant,
    **dict.fromkeys(("tax", "shipping"), number),
    "items": rows_of(
        row_of(
            {"skuId": integer, "quantity": number, "cost": number},
            {"purchaseOrderItemId": integer, "description": text, "vendorPartNumber": text, "budgetCodeId": integer},
        )
    ),
}
OPTIONAL: dict[str, Member] = {
    **dict.fromkeys(("jobId", "budgetCodeId"), integer),
    **dict.fromkeys(("vendorDocumentNumber", "memo"), text),
}
CANCELLATION: dict[str, Member] = {
    "canceledReason": word_of("NotRequired", "Duplicate", "Accidental", "VendorIssue", "Other", "JobCanceled")
}


class Receipts:
    """Writes receipts into the books; `bill_seconds` are the vendor's, None makes no bills."""

    scopes = ("tn.inv.receipts:w",)

    def __init__(self, books: Books, speed: float) -> None:
        self._books = books
        self._speed = speed
        self._waiting: dict[int, asyncio.TimerHandle] = {}
        self._bill_seconds: float | None = BILL_SECONDS
        self.dropped: dict[str, set[str]] = {RECEIPTS: set()}

    def routes(self) -> list[WriteRoute]:
        (scope,) = self.scopes
        return [
            ("inventory", "/receipts", scope, self.create, "POST"),
            ("inventory", "/receipts/{id:int}/cancellation", scope, self.cancellation, "PATCH"),
        ]

    async def create(self, request: Request) -> Response:
        sent = await whole_body(self._books, request, REQUIRED, OPTIONAL, self.dropped[RECEIPTS])
        return JSONResponse({"id": self.receive(sent)["id"]})

    def receive_items(self, order_id: int, number: str, on: str, items: list[Record] | None = None) -> Record:
        """Some items of an order, or all that is still open of it, at its own tax and shipping."""
        order = self._books.record(ORDERS, order_id)
        sent = {"purchaseOrderId": order_id, "dateReceived": on, "tax": order["tax"], "shipping": order["shipping"]}
        rows = _open_items(order) if items is None else items
        return self.receive(dict.fromkeys(OPTIONAL) | sent | {"vendorDocumentNumber": number, "items": rows})

    def receive(self, sent: Record) -> Record:
        order = self._books.record(ORDERS, sent["purchaseOrderId"])
        open_order = order["status"] not in LOCKED
        check(open_order, "purchaseOrderId", f"The purchase order is {order['status']} and cannot be received.")
        job = sent["jobId"]
        check(job is None or job in self._books.tables["jobs"].records, "jobId", f"Job with ID {job} is not found.")
        lines = self._received(order, sent)
        receipt = self._receipt(order, sent, lines)
        self._books.tables[RECEIPTS].put(receipt)
        self._expect_bill(receipt["id"])
        return receipt

    def _received(self, order: Record, sent: Record) -> list[Record]:
        """The lines of the receipt; the order is told what came of each item."""
        ids = item_ids(self._books)
        items = {item["id"]: item for item in order["items"]}
        lines = []
        for at, row in enumerate(sent["items"]):
            item = self._item_of(items, row, ids, f"items[{at}]")
            items[item["id"]] = with_received(item, row["quantity"])
            lines.append(self._line(next(ids), item, row, f"items[{at}]"))
        changed = figured(order | {"items": list(items.values()), "receivedOn": sent["dateReceived"]})
        self._books.edit(ORDERS, order["id"], with_status(changed))
        return lines

    def _item_of(self, items: dict[int, Record], row: Record, ids: Any, where: str) -> Record:
        if (key := row["purchaseOrderItemId"]) is not None:
            check(key in items, f"{where}.purchaseOrderItemId", f"Item {key} is no active item of the order.")
            return items[key]
        same = [item for item in items.values() if item["skuId"] == row["skuId"]]
        return same[0] if same else order_item(self._books, next(ids), row, where)

    def _line(self, key: int, item: Record, row: Record, where: str) -> Record:
        _, sku = sku_of(self._books, row["skuId"], f"{where}.skuId")
        asset, cost = (ledger_account(self._books, sku[name]) for name in ("assetAccount", "costOfSaleAccount"))
        allocated = ("allocatedShipping", "allocatedTax", "allocatedOtherCosts", "fullyLandedUnitCost")
        return {
            "id": key,
            "skuId": sku["id"],
            "name": sku["displayName"] or "",
            "code": sku["code"],
            "description": row["description"] or item["description"],
            "quantity": row["quantity"],
            "cost": row["cost"],
            "generalLedgerAccount": asset,
            "costOfSaleAccount": cost,
            "assetAccount": asset,
            "purchaseOrderItemId": item["id"],
            "budgetCodeId": row["budgetCodeId"],
            **dict.fromkeys(allocated),
        }

    def _receipt(self, order: Record, sent: Record, lines: list[Record]) -> Record:
        key, now = next_id(self._books, RECEIPTS), self._books.now()
        total = sum(map(amount_of, lines), exact(sent["tax"]) + exact(sent["shipping"]))
        of_order = ("businessUnitId", "vendorId", "technicianId", "inventoryLocationId", "shipTo")
        return {
            "id": key,
            "active": True,
            "number": str(key),
            "vendorInvoiceNumber": sent["vendorDocumentNumber"] or "",
            "createdById": None,
            "memo": sent["memo"] or "",
            "purchaseOrderId": order["id"],
            "billId": None,
            "jobId": order["jobId"] if sent["jobId"] is None else sent["jobId"],
            **{name: order[name] for name in of_order},
            "shipToDescription": order.get("_shipToDescription", ""),
            "receiptAmount": wire_number(total),
            "taxAmount": sent["tax"],
            "shippingAmount": sent["shipping"],
            "receivedOn": sent["dateReceived"],
            "createdOn": now,
            "modifiedOn": now,
            "batchId": None,
            "syncStatus": "Pending",
            "budgetCodeId": sent["budgetCodeId"],
            "landedCostMethod": "None",
            "otherAmount": None,
            "items": lines,
            "customFields": [],
        }

    async def cancellation(self, request: Request) -> Response:
        receipt = self._books.record(RECEIPTS, request.path_params["id"])
        await members_sent(self._books, request, CANCELLATION)
        order = self._books.record(ORDERS, receipt["purchaseOrderId"])
        bill = self._books.tables[BILLS].records.get(receipt["billId"])
        exported = "Exported" in (receipt["syncStatus"], order["status"], bill and bill["syncStatus"])
        check(receipt["active"] and not exported, "id", "The receipt is canceled already, or exported.")
        self._take_back(order, receipt)
        self._books.edit(RECEIPTS, receipt["id"], {"active": False})
        if bill:
            self._books.edit(BILLS, bill["id"], {"status": "Canceled", "dateCanceled": self._books.now()})
        return JSONResponse({"id": receipt["id"]})

    def _take_back(self, order: Record, receipt: Record) -> None:
        items = {item["id"]: item for item in order["items"]}
        for line in receipt["items"]:
            item = items[line["purchaseOrderItemId"]]
            items[item["id"]] = with_received(item, -exact(line["quantity"]))
        self._books.edit(ORDERS, order["id"], with_status(order | {"items": list(items.values())}))

    def bills_after(self, seconds: float | None) -> None:
        """How late bills are from now on, those still waited for included; None: none are made."""
        waiting = list(self._waiting)
        for handle in self._waiting.values():
            handle.cancel()
        self._waiting.clear()
        self._bill_seconds = seconds
        for receipt_id in waiting:
            self._expect_bill(receipt_id)

    def _expect_bill(self, receipt_id: int) -> None:
        if self._bill_seconds is not None:
            wait = self._bill_seconds / self._speed
            self._waiting[receipt_id] = asyncio.get_running_loop().call_later(wait, self._bill, receipt_id)

    def _bill(self, receipt_id: int) -> None:
        del self._waiting[receipt_id]
        receipt = self._books.record(RECEIPTS, receipt_id)
        if receipt["active"]:
            bill = bill_of(self._books, receipt)
            self._books.tables[BILLS].put(bill)
            self._books.edit(RECEIPTS, receipt_id, {"billId": bill["id"]})


def _open_items(order: Record) -> list[Record]:
    return [
        item | {"purchaseOrderItemId": item["id"], "quantity": wire_number(left)}
        for item in order["items"]
        if (left := exact(item["quantity"]) - exact(item["quantityReceived"])) > 0
    ]
