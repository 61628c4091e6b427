"""Customers: created under a number of our own (the one unique key there is), changed by absolute values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from st_erp_pipelines.errors import InDoubt
from st_erp_pipelines.resources.business_central.client import BusinessCentral, Row
from st_erp_pipelines.resources.business_central.replies import SYSTEM
from st_erp_pipelines.resources.odata import any_of, in_chunks, trimmed
from st_erp_pipelines.resources.regions import COUNTRIES
from st_erp_pipelines.target import Finding, Found, Move, Reply, Wanted, both_changed

LANES = 4  # the service works on five requests of one user at a time
FIELDS = {  # payload to API, with the length the table keeps
    "display_name": ("displayName", 100),
    "address_line1": ("addressLine1", 100),
    "address_line2": ("addressLine2", 50),
    "city": ("city", 30),
    "state": ("state", 30),
    "country": ("country", 10),
    "postal_code": ("postalCode", 20),
    "phone_number": ("phoneNumber", 30),
    "email": ("email", 80),
}


class Customers:
    """A payload with `change` brings the linked record `erp_number` up to date; without it, creates one."""

    has_drafts = False
    lanes = LANES

    def __init__(self, client: BusinessCentral) -> None:
        self.place = client.place
        self.timing = client.timing
        self._client = client
        terms = client.rows("paymentTerms", operation="list payment terms", select="id,code")
        self._terms = {row["code"]: row["id"] for row in terms}

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        numbers = {one.key: _number(one.payload) for one in wanted}
        rows = self._by_number(sorted(set(numbers.values())))
        if strangers := rows.keys() - set(numbers.values()):
            detail = f"the filter was not honoured: {len(strangers)} customers came back that nobody asked for"
            return {one.key: Finding(Found.UNKNOWN, detail=detail) for one in wanted}
        return {one.key: self._finding(one, rows.get(numbers[one.key])) for one in wanted}

    def prepare(self, wanted: Wanted) -> Reply:
        return Reply(wanted.remote_id, etag=wanted.etag)  # there is no draft to prepare

    def send(self, wanted: Wanted, move: Move) -> Reply:
        if move is not Move.POST:
            raise ValueError(f"customers have no drafts to {move}")
        return self._change(wanted) if wanted.payload.get("change") else self._create(wanted)

    def _by_number(self, numbers: Sequence[str]) -> dict[str, Row]:
        found = [
            row
            for chunk in in_chunks(numbers)
            for row in self._client.rows("customers", operation="look up customers", filter=any_of("number", chunk))
        ]
        return {row["number"]: row for row in found}

    def _finding(self, wanted: Wanted, row: Row | None) -> Finding:
        changes = bool(wanted.payload.get("change"))
        if row is None:
            detail = f"customer {_number(wanted.payload)} is gone" if changes else ""
            return Finding(Found.DEAD if changes else Found.ABSENT, detail=detail)
        here: dict[str, Any] = {"remote_id": row["id"], "number": row["number"], "etag": row["@odata.etag"]}
        if changes:
            pending = any(row[field] != value for field, value in self._fields(wanted.payload).items())
            return Finding(Found.ABSENT if pending else Found.COMPLETE, **here)
        same = row["displayName"] == _fitted("display_name", wanted.party)
        return Finding(Found.COMPLETE, party=wanted.party if same else row["displayName"], **here)

    def _create(self, wanted: Wanted) -> Reply:
        payload = wanted.payload
        identity = {"number": payload["number"], "type": payload["type"]}
        body = identity | {name: value for name, value in self._fields(payload).items() if value}
        created = self._client.write("POST", "customers", operation="create customer", document=wanted.key, body=body)
        warning = self._terms_warning(payload)
        return Reply(created["id"], created.get("number"), created.get("@odata.etag"), warning)

    def _change(self, wanted: Wanted) -> Reply:
        remote_id, etag = wanted.remote_id, wanted.etag
        if not remote_id or not etag:
            row = self._by_number([_number(wanted.payload)]).get(_number(wanted.payload))
            if row is None:
                raise InDoubt("the customer is gone", system=SYSTEM, document=wanted.key)
            remote_id, etag = row["id"], row["@odata.etag"]
        changed = self._client.write(
            "PATCH",
            f"customers({remote_id})",
            operation="change customer",
            document=wanted.key,
            body=self._fields(wanted.payload),
            etag=etag,
        )
        warning = " ".join(filter(None, [self._terms_warning(wanted.payload), both_changed(wanted.payload)]))
        return Reply(remote_id, changed.get("number"), changed.get("@odata.etag"), warning)

    def _fields(self, payload: Mapping[str, Any]) -> Row:
        """What the payload declares, as the server would keep it; without what it cannot keep: that erases nothing."""
        fitted = {name: _fitted(name, payload[name]) for name in FIELDS if name in payload}
        fields = {
            FIELDS[name][0]: value
            for name, value in fitted.items()
            if value or (name != "country" and not payload[name])  # a country goes without saying in ServiceTitan
        }
        if terms := self._terms.get(_terms_code(payload)):
            fields["paymentTermsId"] = terms
        return fields

    def _terms_warning(self, payload: Mapping[str, Any]) -> str:
        code = _terms_code(payload)
        return f"Payment terms {code} do not exist there and were left out." if code not in {"", *self._terms} else ""


def _number(payload: Mapping[str, Any]) -> str:
    return str(payload["erp_number"] if payload.get("change") else payload["number"]).strip().upper()


def _terms_code(payload: Mapping[str, Any]) -> str:
    return str(payload.get("payment_terms_code") or "").strip().upper()


def _fitted(name: str, value: str | None) -> str:
    """Names and addresses are cut visibly; what machines read is whole or absent."""
    text = " ".join((value or "").split())
    length = FIELDS[name][1]
    if name == "country":
        code = COUNTRIES.get(text.upper(), text.upper())
        return code if re.fullmatch("[A-Z]{2}", code) else ""
    if name == "email":
        return text if len(text) <= length else ""
    if name == "phone_number":  # the server refuses letters, so an extension is left out
        return re.split(r"[^\W\d_]", text)[0].strip(" ,;-")[:length]
    return trimmed(text, length)
