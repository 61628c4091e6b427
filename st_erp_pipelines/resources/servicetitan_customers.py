"""Customers of ServiceTitan, changed by absolute values: what the ERP owns of them. Nobody is created.

A customer is one record, each phone and e-mail address another (OpenAPI crm-v2), so a change is up to three requests.
None of them does harm when it is repeated: each member is compared, and what is there already is not sent again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from st_erp_pipelines.errors import ConfigurationError, Rejected, Unavailable
from st_erp_pipelines.resources import deadline
from st_erp_pipelines.resources.servicetitan import IDS_PER_CALL, SYSTEM, ServiceTitan, Unproven
from st_erp_pipelines.resources.servicetitan_endpoints import ENDPOINTS
from st_erp_pipelines.target import Finding, Found, Move, Reply, Timing, Wanted, both_changed

Row = dict[str, Any]

LANES = 4
SCOPE = "tn.crm.customers:w"
ADDRESS = {  # as the API names it: as payloads do
    "street": "address_line1", "unit": "address_line2", "city": "city", "state": "state", "zip": "postal_code",
    "country": "country",
}  # fmt: skip
HOUSE = {"street", "city", "zip"}  # what an address lies by
CONTACTS = {"phone_number": ("MobilePhone", "Phone"), "email": ("Email",)}  # the last type is that of a new one
GONE = "customer {id} is gone from ServiceTitan"
MERGED = "customer {id} was merged into {into}"
TAKEN_BACK = "It is withdrawn by the sync that reads of it."


class ServiceTitanCustomers:
    """A payload names `customer_id`, and of `display_name`, `address`, `phone_number`, `email` and `payment_term_id`
    those that are to be so. Of several phones it is enough that one is the one; else the first is changed.
    """

    has_drafts = False
    lanes = LANES

    def __init__(self, client: ServiceTitan, place: str, timing: Timing) -> None:
        self.place = place
        self.timing = timing
        self._client = client

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        findings: dict[str, Finding] = {}
        for start in range(0, len(wanted), IDS_PER_CALL):
            chunk = wanted[start : start + IDS_PER_CALL]
            try:
                customers, contacts = self._read({one.payload["customer_id"] for one in chunk})
            except Unproven as unproven:
                findings |= {one.key: Finding(Found.UNKNOWN, detail=str(unproven)) for one in chunk}
                continue
            for one in chunk:
                number = one.payload["customer_id"]
                findings[one.key] = _found(one.payload, customers.get(number), contacts.get(number, []))
        return findings

    def prepare(self, wanted: Wanted) -> Reply:
        return Reply(wanted.remote_id, etag=wanted.etag)  # there is no draft to prepare

    def send(self, wanted: Wanted, move: Move) -> Reply:
        if move is not Move.POST:
            raise ValueError(f"customers have no drafts to {move}")
        payload, number = wanted.payload, wanted.payload["customer_id"]
        with deadline.within(self._client.clock, self.timing.deadline.total_seconds()):
            customer, contacts = self._one(number)
            if body := _pending(payload, customer):
                self._write("PATCH", wanted, f"/{number}", body)
            for member in CONTACTS:
                if payload.get(member) and not _has(contacts, member, payload[member]):
                    self._set_contact(wanted, member, contacts)
            lost = self._client.read_back(self.timing.settle_after, lambda: _differing(payload, *self._one(number)))
        warning = " ".join(filter(None, (both_changed(payload), lost)))
        return Reply(str(number), str(number), warning=warning)

    def _set_contact(self, wanted: Wanted, member: str, contacts: Sequence[Row]) -> None:
        """The first of its kind, by which the customer is known to the ERP; of one that has none, a new one."""
        path, value = f"/{wanted.payload['customer_id']}/contacts", wanted.payload[member]
        theirs = [row for row in contacts if row["type"] in CONTACTS[member] and (row["value"] or "").strip()]
        if theirs:
            first = min(theirs, key=lambda row: int(row["id"]))
            self._write("PATCH", wanted, f"{path}/{first['id']}", {"value": value})
        else:
            self._write("POST", wanted, path, {"type": CONTACTS[member][-1], "value": value})

    # Requests

    def _read(self, numbers: set[int]) -> tuple[dict[int, Row], dict[int, list[Row]]]:
        """Inactive and merged ones, too."""
        asked = ",".join(map(str, sorted(numbers)))
        customers = self._client.rows("customers", {"ids": asked}, lambda row: row["id"] in numbers)
        contacts: dict[int, list[Row]] = {}
        of_them = {**ENDPOINTS["customer_contacts"].with_ids, "customerIds": asked}
        for row in self._client.rows("customer_contacts", of_them, lambda row: row["customerId"] in numbers):
            contacts.setdefault(row["customerId"], []).append(row)
        return {row["id"]: row for row in customers}, contacts

    def _one(self, number: int) -> tuple[Row, list[Row]]:
        try:
            customers, contacts = self._read({number})
        except Unproven as unproven:
            raise Unavailable(str(unproven), system=SYSTEM, operation="read customer") from None
        if number not in customers:
            raise Rejected(GONE.format(id=number), system=SYSTEM, operation="read customer")
        if into := customers[number].get("mergedToId"):
            said = MERGED.format(id=number, into=into)  # a refusal, since the build takes those back, and no conflict
            raise Rejected(said, cause="merged_customer", fix=TAKEN_BACK, system=SYSTEM, operation="read customer")
        return customers[number], contacts.get(number, [])

    def _write(self, method: str, wanted: Wanted, path: str, body: Row) -> None:
        url, operation = f"{ENDPOINTS['customers'].url(self._client.tenant_id)}{path}", "change customer"
        try:
            self._client.api.write(
                method, url, operation=operation, document=wanted.key, deadline=self.timing.deadline, json=body
            )
        except ConfigurationError as error:
            error.fix = f"Grant the app the scope {SCOPE}."
            raise


def _found(payload: Mapping[str, Any], customer: Row | None, contacts: Sequence[Row]) -> Finding:
    number = payload["customer_id"]
    if customer is None:
        return Finding(Found.DEAD, detail=GONE.format(id=number).capitalize())
    found = Found.ABSENT if _differing(payload, customer, contacts) else Found.COMPLETE  # merged or not: see `_one`
    return Finding(found, remote_id=str(number), number=str(number))


def _differing(payload: Mapping[str, Any], customer: Row, contacts: Sequence[Row]) -> list[str]:
    """The members that do not read as the payload has them."""
    contacts_lost = [name for name in CONTACTS if payload.get(name) and not _has(contacts, name, payload[name])]
    return [*_pending(payload, customer), *contacts_lost]


def _pending(payload: Mapping[str, Any], customer: Row) -> Row:
    """What a PATCH of the record is to say. An address goes as a whole, where it lies included: another house lies
    nowhere (0, 0; numbers are demanded), which everybody sees, rather than where the old one does.
    """
    body: Row = {}
    if payload.get("display_name") and _plain(payload["display_name"]) != _plain(customer.get("name")):
        body["name"] = payload["display_name"]
    if payload.get("payment_term_id") not in (None, customer.get("paymentTermId")):
        body["paymentTermId"] = payload["payment_term_id"]
    if address := payload.get("address"):
        theirs = customer.get("address") or {}
        ours = {name: address.get(member) or "" for name, member in ADDRESS.items()}
        changed = {name for name, value in ours.items() if _plain(value) != _plain(theirs.get(name))}
        if changed:
            place = {} if changed & HOUSE else theirs
            body["address"] = ours | {name: place.get(name) or 0 for name in ("latitude", "longitude")}
    return body


def _has(contacts: Sequence[Row], member: str, value: str) -> bool:
    types = CONTACTS[member]
    return any(
        row["type"] in types and _comparable(member, row["value"]) == _comparable(member, value) for row in contacts
    )


def _comparable(member: str, value: str | None) -> str:
    return re.sub(r"\D", "", value or "") if member == "phone_number" else _plain(value).lower()


def _plain(text: str | None) -> str:
    return " ".join((text or "").split())
