"""Vendors and business units written.

Documented: the members and their types, all six of an address, names that differ between writing and reading,
external data by patch mode, the id alone as the answer; a business unit takes external data and nothing else.
Chosen: a name must not be blank and may occur twice; payment terms must exist; null in an update is of the wrong
type; every PATCH moves modifiedOn; what no answer shows (tags, recipients, terms) is checked and forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from st_erp_pipelines.sandbox.servicetitan_bodies import (
    EXTERNAL_DATA,
    Member,
    boolean,
    filled,
    integer,
    members_sent,
    number,
    row_of,
    rows_of,
    text,
    whole_body,
    with_external_data,
    word_of,
)
from st_erp_pipelines.sandbox.servicetitan_books import Books, WriteRoute, check
from st_erp_pipelines.sandbox.servicetitan_filters import ADDRESS
from st_erp_pipelines.sandbox.servicetitan_records import EXTERNAL, Record

VENDORS, UNITS = "vendors", "business_units"
CONTACT = ("firstName", "lastName", "phone", "email", "fax")
READ_AS = {"taxRate": "defaultTaxRate", "restrictedMobileCreation": "isMobileCreationRestricted"}
AS_WRITTEN = ("name", "active", "memo", "isTruckReplenishment", "deliveryOption", "address")

REQUIRED: dict[str, Member] = {
    "name": filled,
    **dict.fromkeys(("active", "isTruckReplenishment", "restrictedMobileCreation"), boolean),
    "taxRate": number,
    "address": row_of(dict.fromkeys(ADDRESS, text), {}),
}
OPTIONAL: dict[str, Member] = {
    **dict.fromkeys(("memo", *CONTACT, "vendorQuickbooksItem"), text),
    "deliveryOption": word_of(
        *("Manual", "EmailAsExcel", "EmailAsPdf", "EmailAsPdfRollupView", "Electronic", "MarkAsSent"),
        *("EmailAsExcelAndPdf", "VendorPortal"),
    ),
    **dict.fromkeys(("paymentTermId", "remittanceVendorId"), integer),
    "externalData": EXTERNAL_DATA,
    "tags": rows_of(row_of({"tagTypeId": integer}, {})),
    "vendorContacts": rows_of(row_of({"name": text, "email": text}, {"id": integer})),
}
BLANK: Mapping[str, Any] = {
    "memo": "",
    "deliveryOption": "Manual",
    "contactInfo": dict.fromkeys(CONTACT, ""),
    "externalData": [],
    EXTERNAL: {},
    "customFields": [],
}


class Vendors:
    """Writes vendors, and the external data of business units, into the books."""

    scopes = ("tn.inv.vendors:w", "tn.stt.businessunits:w")

    def __init__(self, books: Books) -> None:
        self._books = books
        self.dropped: dict[str, set[str]] = {VENDORS: set(), UNITS: set()}

    def routes(self) -> list[WriteRoute]:
        vendors, units = self.scopes
        return [
            ("inventory", "/vendors", vendors, self.create, "POST"),
            ("inventory", "/vendors/{id:int}", vendors, self.update, "PATCH"),
            ("settings", "/business-units/{id:int}", units, self.update_unit, "PATCH"),
        ]

    async def create(self, request: Request) -> Response:
        sent = await whole_body(self._books, request, REQUIRED, OPTIONAL, self.dropped[VENDORS])
        sent = {name: value for name, value in sent.items() if value is not None}
        table, now = self._books.tables[VENDORS], self._books.now()
        new = {"id": max(table.records, default=0) + 1, **BLANK, "createdOn": now, "modifiedOn": now}
        table.put(new | self._shown(new, sent))
        return JSONResponse({"id": new["id"]})

    async def update(self, request: Request) -> Response:
        return await self._update(request, VENDORS, REQUIRED | OPTIONAL)

    async def update_unit(self, request: Request) -> Response:
        return await self._update(request, UNITS, {"externalData": EXTERNAL_DATA})

    async def _update(self, request: Request, entity: str, members: dict[str, Member]) -> Response:
        record = self._books.record(entity, request.path_params["id"])
        sent = await members_sent(self._books, request, members)
        sent = {name: value for name, value in sent.items() if name not in self.dropped[entity]}
        self._books.edit(entity, record["id"], self._shown(record, sent))
        return JSONResponse({"id": record["id"]})

    def _shown(self, record: Record, sent: Record) -> Record:
        """What changes of a record, under the names that are read."""
        term = sent.get("paymentTermId")
        terms = self._books.tables["payment_terms"].records
        check(term is None or term in terms, "paymentTermId", f"Payment term with ID {term} is not found.")
        shown = {name: sent[name] for name in AS_WRITTEN if name in sent}
        shown |= {read: sent[name] for name, read in READ_AS.items() if name in sent}
        if contact := {name: sent[name] for name in CONTACT if name in sent}:
            shown["contactInfo"] = record["contactInfo"] | contact
        if "externalData" in sent:
            shown[EXTERNAL] = with_external_data(record, sent["externalData"])[EXTERNAL]
        return shown
