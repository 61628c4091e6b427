"""What the field and the office do about purchases.

POST /_control/servicetitan/receive        {"order", "lines"?: [{"item", "quantity"}], "number"?, "on"?}
                                           all that is open, or these; "number" is the vendor's, "on" a day
POST /_control/servicetitan/cancel_order   {"order"}
POST /_control/servicetitan/bill_amount    {"id", "amount"}     what its first item costs changes
POST /_control/servicetitan/make_request   {"items": [{"skuId", "quantity", "cost"}], "approve"?, ...}
                                           members of a request; what is left out is drawn
POST /_control/servicetitan/bills_after    {"seconds"}          the vendor's; null: no bills are made

Each answers with the records it made or changed, and refuses as the API does. `void` of servicetitan_office.py
with the entity vendors, materials or equipment makes one of these inactive.
"""

from __future__ import annotations

from decimal import Decimal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from st_erp_pipelines.sandbox.contractor_office import money
from st_erp_pipelines.sandbox.servicetitan_books import Books, Handler
from st_erp_pipelines.sandbox.servicetitan_purchasing import Orders
from st_erp_pipelines.sandbox.servicetitan_purchasing_items import BILLS, ORDERS, REQUESTS
from st_erp_pipelines.sandbox.servicetitan_purchasing_receipts import Receipts
from st_erp_pipelines.sandbox.servicetitan_purchasing_requests import Requests
from st_erp_pipelines.sandbox.servicetitan_records import Record


class Purchaser:
    """The hand of people there, in the same books as the API."""

    def __init__(self, books: Books, orders: Orders, receipts: Receipts, requests: Requests) -> None:
        self._books = books
        self._orders = orders
        self._receipts = receipts
        self._requests = requests

    def actions(self) -> list[Handler]:
        return [self.receive, self.cancel_order, self.bill_amount, self.make_request, self.bills_after]

    async def receive(self, request: Request) -> Response:
        asked = await request.json()
        on = f"{asked.get('on') or self._books.now()[:10]}T00:00:00Z"
        order = self._books.record(ORDERS, asked["order"])
        items = {item["id"]: item for item in order["items"]}
        lines = [
            items[line["item"]] | {"purchaseOrderItemId": line["item"], "quantity": float(line["quantity"])}
            for line in asked.get("lines", ())
        ]
        receipt = self._receipts.receive_items(order["id"], asked.get("number", ""), on, lines or None)
        return JSONResponse([receipt, self._books.record(ORDERS, order["id"])])

    async def cancel_order(self, request: Request) -> Response:
        return JSONResponse([self._orders.cancel((await request.json())["order"])])

    async def bill_amount(self, request: Request) -> Response:
        """Everything still adds up: the unit cost has four decimals."""
        asked = await request.json()
        bill = self._books.record(BILLS, asked["id"])
        amount = Decimal(str(asked["amount"]))
        changes: Record = {"billAmount": money(amount)}
        if bill["items"]:
            first, *rest = bill["items"]
            more = (amount - Decimal(bill["billAmount"])) / Decimal(first["quantity"])
            changes["items"] = [first | {"cost": f"{Decimal(first['cost']) + more:.4f}"}, *rest]
        return JSONResponse([self._books.edit(BILLS, bill["id"], changes)])

    async def make_request(self, request: Request) -> Response:
        asked = await request.json()
        approve = asked.pop("approve", False)
        made = self._requests.make(asked)
        orders = [self._requests.approve(made["id"])] if approve else []
        return JSONResponse([self._books.record(REQUESTS, made["id"]), *orders])

    async def bills_after(self, request: Request) -> Response:
        self._receipts.bills_after((await request.json())["seconds"])
        return Response(status_code=204)
