"""A tenant with the journal-entry integration: documents are never batched there, a day's entry is exported.

The entries are made from the invoices: one for each invoice day, debits equal to credits. Vendor bills are not
part of them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from st_erp_pipelines.sandbox.servicetitan_books import Books, Handler, check, is_id
from st_erp_pipelines.sandbox.servicetitan_journal_lists import SYNC_STATUSES
from st_erp_pipelines.sandbox.servicetitan_query import Refused
from st_erp_pipelines.sandbox.servicetitan_records import Record

NAMESPACE = uuid.UUID("7a6b5c4d-0000-4000-8000-000000000001")
SYNC_PATH = ("/journal-entries/{id}/sync", "tn.acc.journalentries:w")
# What the office would batch and post elsewhere stays here as it was entered.
NEVER_POSTED = ("invoices", "payments", "credit_memos")
RECEIVABLE = {"id": 510, "number": "1200", "name": "Accounts Receivable", "type": "Accounts Receivable"}
TAX = {"id": 511, "number": "2200", "name": "Sales Tax Payable", "type": "Other Current Liability"}
UNCATEGORIZED = {"id": 509, "number": "4999", "name": "Uncategorized Income", "type": "Income"}


def with_journal_entries(records: Mapping[str, list[Record]]) -> dict[str, list[Record]]:
    """The same books as such a tenant has them."""
    entries, lines = _journal(records.get("invoices", ()))
    pending = {
        entity: [{**row, "syncStatus": "Pending", "batch": None, "exportId": None} for row in records.get(entity, ())]
        for entity in NEVER_POSTED
    }
    for row in pending["payments"]:
        del row["exportId"]
    return {**records, **pending, "journal_entries": entries, "journal_entry_lines": lines}


def _journal(invoices: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    by_day: dict[str, list[Record]] = {}
    for invoice in invoices:
        if invoice.get("active") and Decimal(invoice["total"]) != 0:
            by_day.setdefault(invoice["invoiceDate"][:10], []).append(invoice)
    entries, lines = [], []
    days = sorted(by_day)
    for number, day in enumerate(days, 1):
        entry = _entry(number, day, by_day[day], closed=day != days[-1])
        entries.append(entry)
        for invoice in by_day[day]:
            lines += [line | {"_entry": entry["id"]} for line in _lines(invoice, day)]
    for at, line in enumerate(lines, 1):
        line["id"] = at
    return entries, lines


def _entry(number: int, day: str, invoices: list[Record], *, closed: bool) -> Record:
    """postDate is documented as a date and arrives as a time without zone."""
    return {
        "id": str(uuid.uuid5(NAMESPACE, day)),
        "createdOn": min(row["createdOn"] for row in invoices),
        "modifiedOn": max(row["modifiedOn"] or row["createdOn"] for row in invoices),
        "number": number,
        "name": f"Daily entry {day}",
        "source": "ServiceTitan",
        "status": "Closed" if closed else "Open",
        "syncStatus": "NotSynced",
        "versionId": 1,
        "lastSyncVersionId": None,
        "message": None,
        "postDate": f"{day}T00:00:00",
        "exportedOn": None,
        "exportedBy": None,
        "customFields": None,
        "url": None,
        "isEmpty": False,
    }


def _lines(invoice: Record, day: str) -> list[Record]:
    total, tax = Decimal(invoice["total"]), Decimal(invoice["salesTax"])
    sides = [(RECEIVABLE, total), (TAX, -tax)]
    for item in invoice["items"] or ():
        sides.append((item["generalLedgerAccount"] or UNCATEGORIZED, -Decimal(item["total"])))
    return [_line(invoice, day, account, amount) for account, amount in sides if amount]


def _line(invoice: Record, day: str, account: Record, debit: Decimal) -> Record:
    shown = {name: account[name] for name in ("id", "number", "name", "type")} | {"subtype": None}
    job = invoice.get("job")
    nothing = ("quantity", "unitAmount", "externalObjects", "vendor", "inventoryLocation", "paymentType", "project")
    return {
        "postDate": f"{day}T00:00:00",
        "account": shown,
        "debit": float(max(debit, Decimal(0))),
        "credit": float(max(-debit, Decimal(0))),
        "memo": None,
        **dict.fromkeys(nothing),
        "transaction": {"id": invoice["id"], "type": "Invoice", "refNumber": invoice["referenceNumber"]},
        "businessUnit": invoice.get("businessUnit"),
        "customer": invoice.get("customer"),
        "job": job and {"id": job["id"], "number": job["number"]},
        "customerLocation": invoice.get("location"),
        "serviceAgreement": None,
        "appliedTo": None,
        "sku": None,
        "transactionDate": f"{day}T00:00:00",
        "budgetCodeId": None,
    }


def sync(books: Books) -> Handler:
    """The exported mark of an entry; that another version than the current one is refused is chosen (409)."""

    async def answer(request: Request) -> Response:
        entry = books.record("journal_entries", request.path_params["id"])
        body = await books.body(request, dict)
        status, version = body.get("syncStatus"), body.get("versionId", entry["versionId"])
        check(status in SYNC_STATUSES.split(), "syncStatus")
        check(is_id(version), "versionId")
        check(isinstance(body.get("message"), str | None), "message")
        if version != entry["versionId"]:
            raise Refused(409, f"The journal entry is at version {entry['versionId']}.", {})
        synced = status == "Synced"
        changes = {
            "syncStatus": status,
            "message": body.get("message"),
            "lastSyncVersionId": version if synced else entry["lastSyncVersionId"],
            "exportedOn": books.now() if synced else entry["exportedOn"],
        }
        return JSONResponse(books.edit("journal_entries", entry["id"], changes))

    return answer
