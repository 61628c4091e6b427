"""What happens in ServiceTitan to documents that were posted already, as people there do it.

    POST /_control/servicetitan/edit     {"id", "amount"}              an invoice's first item costs that much more
    POST /_control/servicetitan/void     {"id", "entity"?}             active: false; an invoice if nothing is said
    POST /_control/servicetitan/merge    {"id", "into", "documents"?}  a customer into another, with its documents
    POST /_control/servicetitan/apply    {"payment", "invoice", "amount"?}   what is unapplied, or that much of it
    POST /_control/servicetitan/unapply  {"payment", "invoice"}        the money is on account again
    POST /_control/servicetitan/refund   {"payment", "amount"?}        a payment of its own, below zero
    POST /_control/servicetitan/price    {"entity", "id" | "code", "price"?, "cost"?}

Each answers with the records it changed, moves their modifiedOn, and refuses with 409 what does not fit: an
exported invoice is locked against edit and void (with "unlock": true it is edited all the same), while money is
applied to it freely. `change` of servicetitan_control.py knows no such rule.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from st_erp_pipelines.sandbox.servicetitan_books import Books
from st_erp_pipelines.sandbox.servicetitan_records import Record

DOCUMENTS = ("invoices", "payments", "credit_memos")


class Office:
    """The office's hand in the books."""

    def __init__(self, books: Books) -> None:
        self._books = books

    async def edit(self, request: Request) -> Response:
        asked = await request.json()
        invoice = self._unlocked("invoices", asked)
        changes = dearer(invoice, Decimal(str(asked["amount"])))
        return JSONResponse([self._books.edit("invoices", invoice["id"], changes)])

    async def void(self, request: Request) -> Response:
        asked = await request.json()
        entity = asked.get("entity", "invoices")
        record = self._unlocked(entity, asked)
        return JSONResponse([self._books.edit(entity, record["id"], {"active": False})])

    async def merge(self, request: Request) -> Response:
        """Documents keep the name of the old customer, unless `documents` asks for the new one on them."""
        asked = await request.json()
        target = self._books.record("customers", asked["into"])
        merged = {"active": False, "mergedToId": target["id"]}
        self._books.record("customers", asked["id"])
        changed = [self._books.edit("customers", asked["id"], merged)]
        if asked.get("documents"):
            named = {"customer": {"id": target["id"], "name": target["name"]}}
            changed += [self._books.edit(entity, key, named) for entity, key in self._documents(asked["id"])]
        return JSONResponse(changed)

    def _documents(self, customer: int) -> list[tuple[str, int]]:
        return [
            (entity, key)
            for entity in DOCUMENTS
            for key, record in self._books.tables[entity].records.items()
            if (record.get("customer") or {}).get("id") == customer
        ]

    async def apply(self, request: Request) -> Response:
        asked = await request.json()
        payment = self._books.record("payments", asked["payment"])
        invoice = self._books.record("invoices", asked["invoice"])
        open_amounts = Decimal(payment["unappliedAmount"]), Decimal(invoice["balance"])
        amount = Decimal(str(asked.get("amount", min(open_amounts))))
        if not 0 < amount <= min(open_amounts):
            raise HTTPException(409)
        parts = [*(payment["appliedTo"] or ()), self._part(payment, invoice, amount)]
        return self._moved(payment, invoice, parts, -amount)

    async def unapply(self, request: Request) -> Response:
        asked = await request.json()
        payment = self._books.record("payments", asked["payment"])
        invoice = self._books.record("invoices", asked["invoice"])
        parts = [part for part in payment["appliedTo"] or () if part["appliedTo"] != invoice["id"]]
        gone = [part for part in payment["appliedTo"] or () if part["appliedTo"] == invoice["id"]]
        if not gone:
            raise HTTPException(409)
        return self._moved(payment, invoice, parts, sum(Decimal(part["appliedAmount"]) for part in gone))

    def _moved(self, payment: Record, invoice: Record, parts: list[Record], back: Any) -> Response:
        """`back`: how much the payment has on account again, and the invoice is owed again."""
        balance = Decimal(invoice["balance"]) + back
        on_account = f"{Decimal(payment['unappliedAmount']) + back:.2f}"
        paid_on = f"{self._books.now()[:10]}T00:00:00Z" if balance == 0 else None
        changes = {"balance": f"{balance:.2f}", "paidOn": paid_on}
        return JSONResponse(
            [
                self._books.edit("payments", payment["id"], {"appliedTo": parts, "unappliedAmount": on_account}),
                self._books.edit("invoices", invoice["id"], changes),
            ]
        )

    async def refund(self, request: Request) -> Response:
        """What is unapplied, or that much of the payment, is given back."""
        asked = await request.json()
        payment = self._books.record("payments", asked["payment"])
        amount = Decimal(str(asked.get("amount", payment["unappliedAmount"])))
        if not 0 < amount <= Decimal(payment["total"]):
            raise HTTPException(409)
        table, now = self._books.table("payments"), self._books.now()
        key = max(int(each) for each in table.records) + 1
        new = {"id": key, "referenceNumber": str(key), "refundedPaymentId": payment["id"], "syncStatus": "Posted"}
        times = {"createdOn": now, "modifiedOn": now, "date": f"{now[:10]}T00:00:00Z"}
        money = {"total": f"{-amount:.2f}", "unappliedAmount": f"{-amount:.2f}", "appliedTo": []}
        table.put(payment | new | times | money)
        return JSONResponse([table.records[key]])

    def _part(self, payment: Record, invoice: Record, amount: Decimal) -> Record:
        ids = (
            part["appliedId"] for row in self._books.tables["payments"].records.values() for part in row["appliedTo"]
        )
        return {
            "appliedAmount": f"{amount:.2f}",
            "appliedBy": "office",
            "appliedId": max(ids, default=0) + 1,
            "appliedOn": f"{self._books.now()[:10]}T00:00:00Z",
            "appliedTo": invoice["id"],
            "appliedToReferenceNumber": invoice["referenceNumber"],
        }

    async def price(self, request: Request) -> Response:
        asked = await request.json()
        table = self._books.table(asked["entity"])
        fits = (key for key, record in table.records.items() if record["code"] == asked.get("code"))
        key = asked.get("id") or next(fits, None)
        self._books.record(asked["entity"], key)
        changes = {name: float(asked[name]) for name in ("price", "cost") if name in asked}
        return JSONResponse([self._books.edit(asked["entity"], key, changes)])

    def _unlocked(self, entity: str, asked: Record) -> Record:
        record = self._books.record(entity, asked["id"])
        if record.get("syncStatus") == "Exported" and not asked.get("unlock"):
            raise HTTPException(409)
        return record


def dearer(invoice: Record, more: Decimal) -> Record:
    """The members that change when the first item costs `more`; everything still adds up."""
    first, *rest = invoice["items"]
    total = f"{Decimal(first['total']) + more:.2f}"
    item = first | {"quantity": "1", "price": total, "total": total}
    sums = {name: f"{Decimal(invoice[name]) + more:.2f}" for name in ("subTotal", "total", "balance")}
    return {"items": [item, *rest], **sums}
