"""Documents marked as exported: a verdict for each row, and always 200.

That an unposted document is refused, and that a repeat is harmless, is expected but not established
(reference/servicetitan.md 3.5); so is that modifiedOn moves, which the sandbox decides as for batching.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from st_erp_pipelines.sandbox.servicetitan_books import Books, Handler, check, is_id
from st_erp_pipelines.sandbox.servicetitan_filters import STATUSES
from st_erp_pipelines.sandbox.servicetitan_records import Record


@dataclass(frozen=True)
class Export:
    """One endpoint: `key` names the document in a row, `member` (or none) the array in the body."""

    path: str
    entity: str
    scope: str
    noun: str
    key: str
    member: str = ""


EXPORTS = (
    Export("/invoices/markasexported", "invoices", "tn.acc.invoices:w", "Invoice", "invoiceId"),
    Export("/credit-memos/markasexported", "credit_memos", "tn.acc.creditmemos:w", "Credit memo", "creditMemoId"),
    Export("/ap-bills/markasexported", "ap_bills", "tn.acc.apbills:w", "AP bill", "billId", "billIds"),
)
PAYMENT_STATUS = ("/payments/status", "tn.acc.payments:w")
TEXTS = ("externalId", "externalMessage")


def marking(books: Books, export: Export) -> Handler:
    async def answer(request: Request) -> Response:
        body = await books.body(request, dict if export.member else list)
        rows = _ids_as_rows(books, export, body) if export.member else body
        for position, row in enumerate(rows):
            _check_row(books, export, row, f"$[{position}]")
        return JSONResponse([_mark(books, export, row) for row in rows])

    return answer


def _ids_as_rows(books: Books, export: Export, body: Record) -> list[Record]:
    ids = body.get(export.member)
    check(isinstance(ids, list) and all(map(is_id, ids)), export.member)
    books.no_more_than(body, {export.member})
    return [{export.key: key} for key in ids or ()]


def _check_row(books: Books, export: Export, row: Any, where: str) -> None:
    check(isinstance(row, dict) and is_id(row.get(export.key)), f"{where}.{export.key}")
    for name in TEXTS:
        check(isinstance(row.get(name), str | None), f"{where}.{name}")
    books.no_more_than(row, {export.key, *TEXTS})


def _mark(books: Books, export: Export, row: Record) -> Record:
    """externalMessage is shown nowhere that can be read back; externalId is the document's exportId."""
    key = row[export.key]
    document = books.tables[export.entity].records.get(key)
    message = None
    if document is None:
        message = f"{export.noun} with ID {key} is not found."
    elif document.get("syncStatus") not in ("Posted", "Exported"):
        message = f"{export.noun} with ID {key} is not posted."
    else:
        external = row.get("externalId") or document.get("exportId")
        if (document["syncStatus"], document.get("exportId")) != ("Exported", external):
            books.set_status(export.entity, key, "Exported", {"exportId": external} if external else {})
    return {export.key: key, "success": message is None, "errorMessage": message}


def payment_statuses(books: Books) -> Handler:
    """An empty 200. An unknown id refuses the whole request, and any status follows any: chosen."""

    async def answer(request: Request) -> Response:
        body = await books.body(request, dict)
        ids = body.get("paymentIds")
        check(isinstance(ids, list) and all(map(is_id, ids)), "paymentIds")
        check(body.get("status") in STATUSES.split(), "status")
        books.no_more_than(body, {"paymentIds", "status"})
        payments = books.tables["payments"].records
        missing = [key for key in ids if key not in payments]
        check(not missing, "paymentIds", f"Payments not found: {missing}.")
        for key in ids:
            books.set_status("payments", key, body["status"])
        return Response(status_code=200)

    return answer
