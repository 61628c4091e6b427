"""Requests for purchase orders: made in the field, approved or rejected.

Documented: the answers, the reasons of a rejection. Assumed, since no document says what comes of a request that is
approved: a purchase order with an id of its own, the request's number, status Pending and items of its own. Chosen:
only what waits for approval can be approved or rejected; what the request names must exist and be active by then.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from st_erp_pipelines.sandbox.servicetitan_bodies import Member, whole_body, word_of
from st_erp_pipelines.sandbox.servicetitan_books import Books, WriteRoute, check
from st_erp_pipelines.sandbox.servicetitan_filters import ADDRESS
from st_erp_pipelines.sandbox.servicetitan_purchasing import Orders
from st_erp_pipelines.sandbox.servicetitan_purchasing_items import (
    REQUESTS,
    figured,
    item_ids,
    next_id,
    order_item,
)
from st_erp_pipelines.sandbox.servicetitan_records import Record

REJECTION: dict[str, Member] = {"rejectionReason": word_of("CostTooHigh", "WrongVendor", "Other")}


class Requests:
    """Decides requests, and makes them as the field does."""

    scopes = ("tn.inv.purchaseorders:w",)

    def __init__(self, books: Books, orders: Orders) -> None:
        self._books = books
        self._orders = orders

    def routes(self) -> list[WriteRoute]:
        (scope,) = self.scopes
        return [
            ("inventory", "/purchase-orders/requests/{id:int}/approve", scope, self.approval, "PATCH"),
            ("inventory", "/purchase-orders/requests/{id:int}/reject", scope, self.rejection, "PATCH"),
        ]

    async def approval(self, request: Request) -> Response:
        self.approve(request.path_params["id"])
        return JSONResponse({"id": request.path_params["id"]})

    def approve(self, key: int) -> Record:
        """The purchase order that comes of it."""
        asked = self._waiting(key)
        address = {name: (asked["shipTo"] or {}).get(name) or "" for name in ADDRESS}
        named = {"memo": asked["summary"], "vendorInvoiceNumber": asked["vendorDocumentNumber"]}
        sent = asked | named | {"budgetCodeId": None, "shipTo": {"description": "", "address": address}}
        order = self._orders.place(sent, asked["requestNumber"])
        self._books.edit(REQUESTS, key, {"requestStatus": "Approved"})
        return order

    async def rejection(self, request: Request) -> Response:
        asked = self._waiting(request.path_params["id"])
        await whole_body(self._books, request, REJECTION, {})
        self._books.edit(REQUESTS, asked["id"], {"requestStatus": "Rejected"})
        return JSONResponse({"id": asked["id"]})

    def _waiting(self, key: int) -> Record:
        asked = self._books.record(REQUESTS, key)
        check(asked["requestStatus"] == "PendingApproval", "id", f"The request is {asked['requestStatus']} already.")
        return asked

    def make(self, asked: Record) -> Record:
        """`asked` names members as they are read, and items by skuId, quantity and cost; the rest is drawn from the
        first vendor, type, business unit and warehouse."""
        key, now, ids = next_id(self._books, REQUESTS), self._books.now(), item_ids(self._books)
        blank = {"description": "", "vendorPartNumber": "", "budgetCodeId": None}
        rows = [{**blank, **row, **{name: float(row[name]) for name in ("quantity", "cost")}} for row in asked["items"]]
        items = [order_item(self._books, next(ids), row, f"items[{at}]") for at, row in enumerate(rows)]
        empty = ("invoiceId", "jobId", "projectId", "technicianId", "batchId", "vendorDocumentNumber", "summary")
        times = {"date": f"{now[:10]}T00:00:00Z", "requiredOn": None, "createdOn": now, "modifiedOn": now}
        figures = {"tax": 0.0, "shipping": 0.0, "total": 0.0, "customFields": None}
        new = {"id": key, "requestNumber": f"R{key}", "requestStatus": "PendingApproval", **dict.fromkeys(empty)}
        made = figured(new | self._defaults() | times | figures | asked | {"items": items})
        self._books.tables[REQUESTS].put(made)
        return made

    def _defaults(self) -> Record:
        first: dict[str, Any] = {
            name: self._first_active(entity)
            for name, entity in (
                ("vendorId", "vendors"),
                ("typeId", "purchase_order_types"),
                ("businessUnitId", "business_units"),
                ("inventoryLocationId", "warehouses"),
            )
        }
        return {name: record["id"] for name, record in first.items()} | {
            "shipTo": first["inventoryLocationId"]["address"]
        }

    def _first_active(self, entity: str) -> Record:
        """Of the types not one that is received at once."""
        rows = self._books.tables[entity].records.values()
        return next(row for row in rows if row["active"] and not row.get("automaticallyReceive"))
