"""Customers and their contacts written.

Documented: the members and their types, all eight of an address, external data by patch mode, the scope; seen:
unknown members dropped without a word; a change of a contact leaves its customer's modifiedOn alone. Chosen: null
is of the wrong type (the document makes those members not nullable), and so no payment term can be taken away;
terms must exist, tags need not; name and value must not be blank; every PATCH moves modifiedOn; values of contacts
are kept as written; preferences are kept as sent. The document names a 409 and not what for: here it is a type and
value that the customer has already, unless `same_contact_twice`. Not modelled: custom fields (501).
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

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
    unserved,
    with_external_data,
    word_of,
)
from st_erp_pipelines.sandbox.servicetitan_books import Books, check
from st_erp_pipelines.sandbox.servicetitan_filters import ADDRESS
from st_erp_pipelines.sandbox.servicetitan_query import Refused
from st_erp_pipelines.sandbox.servicetitan_records import EXTERNAL, Record, encode

CUSTOMERS, CONTACTS = "customers", "customer_contacts"
WRITING = "tn.crm.customers:w"
CUSTOMER: dict[str, Member] = {
    "name": filled,
    "type": word_of("Residential", "Commercial"),
    "address": row_of({**dict.fromkeys(ADDRESS, text), "latitude": number, "longitude": number}, {}),
    "customFields": unserved,
    "externalData": EXTERNAL_DATA,
    **dict.fromkeys(("doNotMail", "doNotService", "nationalAccount", "active", "taxExempt"), boolean),
    "tagTypeIds": rows_of(integer),
    "paymentTermId": integer,
    **dict.fromkeys(("creditLimit", "creditLimitBalance"), number),
}
PREFERENCES = (
    *("jobRemindersEnabled", "marketingUpdatesEnabled"),
    *("invoiceStatementNotification", "invoiceNotification", "statementNotification"),
)
NEW_CONTACT: dict[str, Member] = {
    "type": word_of("Phone", "Email", "Fax", "MobilePhone"),
    "value": filled,
    "memo": text,
}
CONTACT = NEW_CONTACT | {"preferences": row_of(dict.fromkeys(PREFERENCES, boolean), {})}


class Customers:
    """Writes customers and contacts into the books."""

    def __init__(self, books: Books, *, same_contact_twice: bool = False) -> None:
        self._books = books
        self._same_contact_twice = same_contact_twice
        self.dropped: dict[str, set[str]] = {CUSTOMERS: set(), CONTACTS: set()}

    async def update(self, request: Request) -> Response:
        customer = self._books.record(CUSTOMERS, request.path_params["id"])
        sent = await self._sent(request, CUSTOMERS, CUSTOMER)
        term = sent.get("paymentTermId")
        terms = self._books.tables["payment_terms"].records
        check(term is None or term in terms, "paymentTermId", f"Payment term with ID {term} is not found.")
        external = sent.pop("externalData", None)
        if external:
            sent[EXTERNAL] = with_external_data(customer, external)[EXTERNAL]
        self._books.edit(CUSTOMERS, customer["id"], sent)
        application = external["applicationGuid"] if external else ""
        return _json(self._books.tables[CUSTOMERS].text(customer["id"], application))

    async def add_contact(self, request: Request) -> Response:
        owner = self._books.record(CUSTOMERS, request.path_params["id"])
        sent = await self._sent(request, CONTACTS, NEW_CONTACT, "memo")
        for name in ("type", "value"):
            check(name in sent, name, f"The {name} field is required.")
        made = {"id": max(self._books.tables[CONTACTS].records, default=0) + 1, "customerId": owner["id"]}
        return self._store({**made, "memo": None, "createdOn": self._books.now(), "preferences": None, **sent})

    async def change_contact(self, request: Request) -> Response:
        owner = self._books.record(CUSTOMERS, request.path_params["id"])
        contact = self._books.record(CONTACTS, request.path_params["contact"])
        if contact["customerId"] != owner["id"]:
            raise Refused(404, f"Contact with ID {contact['id']} is not found.", {})
        return self._store(contact | await self._sent(request, CONTACTS, CONTACT))

    async def _sent(self, request: Request, entity: str, members: dict[str, Member], *nullable: str) -> Record:
        sent = await members_sent(self._books, request, members, nullable=nullable)
        return {name: value for name, value in sent.items() if name not in self.dropped[entity]}

    def _store(self, contact: Record) -> Response:
        if not self._same_contact_twice:
            self._refuse_twice(contact)
        settings = {"doNotText": False, **(contact.get("phoneSettings") or {}), "phoneNumber": contact["value"]}
        phone = None if contact["type"] == "Email" else settings
        contact = contact | {"phoneSettings": phone, "modifiedOn": self._books.now()}
        self._books.tables[CONTACTS].put(contact)
        return _json(encode(contact, without="customerId"))

    def _refuse_twice(self, contact: Record) -> None:
        def what(row: Record) -> tuple[Any, ...]:
            return row["customerId"], row["type"], row["value"]

        rows = self._books.tables[CONTACTS].records.values()
        if any(row["id"] != contact["id"] and what(row) == what(contact) for row in rows):
            raise Refused(409, "The customer has a contact with this type and value already.", {})


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
