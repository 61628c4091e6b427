"""Business partners: created under a CardCode of our own (the one unique key there is), changed by absolute values.

What a payload does not name stays as it is: groups, credit limits, currencies and tax belong to the people there, and
nothing of theirs is activated or deleted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from st_erp_pipelines.errors import Unavailable
from st_erp_pipelines.resources.odata import trimmed
from st_erp_pipelines.resources.regions import COUNTRIES, STATES
from st_erp_pipelines.resources.sap_business_one.client import LANES, BusinessOne, Row, Unproven, etag_of, one_of, same
from st_erp_pipelines.resources.sap_business_one.masters import refused
from st_erp_pipelines.resources.sap_business_one.replies import SYSTEM
from st_erp_pipelines.target import Finding, Found, Move, Reply, Wanted, both_changed

SELECT = (
    "CardCode", "CardName", "CardType", "Phone1", "EmailAddress", "PayTermsGrpCode", "BilltoDefault", "BPAddresses",
)  # fmt: skip
CARD_CODE = 15
BILL_TO = "bo_BillTo"
ADDRESS_NAME = "ServiceTitan"
FIELDS = {  # payload to API, with the length that every release keeps
    "display_name": ("CardName", 100),
    "phone_number": ("Phone1", 20),
    "email": ("EmailAddress", 100),
}
ADDRESS = {
    "address_line1": ("Street", 100),
    "address_line2": ("Block", 100),
    "city": ("City", 100),
    "state": ("State", 3),
    "country": ("Country", 3),
    "postal_code": ("ZipCode", 20),
}
WHOLE = {"phone_number", "email", "state", "country"}  # what machines read is whole or absent
COMPANY = {"Company": "cCompany", "Person": "cPrivate"}


class Partners:
    """A payload with `change` brings the linked partner `erp_number` up to date; without it, creates one."""

    has_drafts = False
    lanes = LANES

    def __init__(self, client: BusinessOne, *, group: int | None = None) -> None:
        self.place, self.timing = client.place, client.timing
        self._client, self._group = client, group
        select = ("GroupNumber", "PaymentTermsGroupName")
        terms = client.rows("PaymentTermsTypes", key="GroupNumber", operation="list payment terms", select=select)
        self._terms = {same(row["PaymentTermsGroupName"]): row["GroupNumber"] for row in terms}
        self._seen: dict[str, Row] = {}

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        codes = {one.key: _code(one.payload) for one in wanted}
        try:
            rows = self._client.carrying(
                "BusinessPartners", "CardCode", list(codes.values()), operation="look up partners", select=SELECT,
                key="CardCode",
            )  # fmt: skip
        except Unproven as error:
            return {one.key: Finding(Found.UNKNOWN, detail=error.text) for one in wanted}
        found = {same(row["CardCode"]): row for row in rows}
        self._seen.update(found)
        return {one.key: self._finding(one, found.get(same(codes[one.key]))) for one in wanted}

    def prepare(self, wanted: Wanted) -> Reply:
        return Reply(wanted.remote_id, etag=wanted.etag)  # there is no draft to prepare

    def send(self, wanted: Wanted, move: Move) -> Reply:
        if move is not Move.POST:
            raise ValueError(f"business partners have no drafts to {move}")
        return self._change(wanted) if wanted.payload.get("change") else self._create(wanted)

    def _finding(self, wanted: Wanted, row: Row | None) -> Finding:
        changes = bool(wanted.payload.get("change"))
        if row is None:
            detail = f"business partner {_code(wanted.payload)} is gone" if changes else ""
            return Finding(Found.DEAD if changes else Found.ABSENT, detail=detail)
        here: dict[str, Any] = dict(remote_id=row["CardCode"], number=row["CardCode"], etag=etag_of(row))
        if row["CardType"] != "cCustomer":
            return Finding(Found.COMPLETE, party=f"{row['CardName']}, which is no customer", **here)
        if changes:
            return Finding(Found.ABSENT if self._pending(wanted.payload, row) else Found.COMPLETE, **here)
        named = _fitted(FIELDS, wanted.payload)["CardName"] == row["CardName"]
        return Finding(Found.COMPLETE, party=wanted.party if named else row["CardName"], **here)

    def _create(self, wanted: Wanted) -> Reply:
        payload, code = wanted.payload, _code(wanted.payload)
        if len(code) > CARD_CODE:
            text = f"the code {code} is longer than {CARD_CODE} characters"
            raise refused(text, "long_code", wanted.key, "Shorten key_prefix, or link the customer in customers.csv.")
        identity = {
            "CardCode": code,
            "CardType": "cCustomer",
            "CompanyPrivate": COMPANY.get(payload.get("type", "")),
            "GroupCode": self._group,
            "PayTermsGrpCode": self._terms.get(_terms(payload)),
        }
        body = {name: value for name, value in (identity | _fitted(FIELDS, payload)).items() if value not in (None, "")}
        if address := {name: value for name, value in _fitted(ADDRESS, payload).items() if value}:
            body["BPAddresses"] = [{"AddressName": ADDRESS_NAME, "AddressType": BILL_TO} | address]
        made = self._client.post(
            "BusinessPartners", operation="create partner", document=wanted.key, body=body, names="CardCode"
        )
        return Reply(made["CardCode"], made["CardCode"], etag_of(made), self._terms_warning(payload))

    def _change(self, wanted: Wanted) -> Reply:
        """As the look-up just saw it: whoever changes it meanwhile has changed its ETag."""
        row = self._seen.get(same(_code(wanted.payload)))
        if row is None:
            raise Unavailable("it was not looked up before", system=SYSTEM, document=wanted.key)
        self._client.patch(
            one_of("BusinessPartners", row["CardCode"]),
            operation="change partner",
            document=wanted.key,
            body=self._pending(wanted.payload, row),
            etag=etag_of(row),
        )
        warning = " ".join(filter(None, [self._terms_warning(wanted.payload), both_changed(wanted.payload)]))
        return Reply(row["CardCode"], row["CardCode"], warning=warning)

    def _pending(self, payload: Mapping[str, Any], row: Row) -> Row:
        """Of what the payload declares, what is otherwise there; rows of a collection by the keys they have."""
        body = {name: value for name, value in _fitted(FIELDS, payload).items() if value != (row[name] or "")}
        terms = self._terms.get(_terms(payload))
        if terms is not None and terms != row["PayTermsGrpCode"]:
            body["PayTermsGrpCode"] = terms
        if address := _pending_address(_fitted(ADDRESS, payload), row):
            body["BPAddresses"] = [address]
        return body

    def _terms_warning(self, payload: Mapping[str, Any]) -> str:
        terms = _terms(payload)
        return f"Payment terms {terms} do not exist there and were left out." if terms not in {"", *self._terms} else ""


def _pending_address(ours: Row, row: Row) -> Row:
    """Of the address that bills go to, whoever named it; a new one where there is none."""
    billed = [each for each in row["BPAddresses"] or () if each["AddressType"] == BILL_TO]
    theirs = next((each for each in billed if each["AddressName"] == row["BilltoDefault"]), (billed or [None])[0])
    if theirs is None:
        new = {name: value for name, value in ours.items() if value}
        return {"AddressName": ADDRESS_NAME, "AddressType": BILL_TO} | new if new else {}
    changed = {name: value for name, value in ours.items() if value != (theirs[name] or "")}
    keys = {name: theirs[name] for name in ("RowNum", "AddressName", "AddressType")}
    return keys | changed if changed else {}


def _code(payload: Mapping[str, Any]) -> str:
    return str(payload["erp_number"] if payload.get("change") else payload["number"]).strip()


def _terms(payload: Mapping[str, Any]) -> str:
    return same(payload.get("payment_terms_code"))


def _fitted(fields: Mapping[str, tuple[str, int]], payload: Mapping[str, Any]) -> Row:
    """What the payload declares, as the server would keep it; without what it cannot keep: that erases nothing."""
    fitted = {name: _fit(name, payload[name], length) for name, (_, length) in fields.items() if name in payload}
    return {
        fields[name][0]: value
        for name, value in fitted.items()
        if value or (name != "country" and not payload[name])  # a country goes without saying in ServiceTitan
    }


def _fit(name: str, value: str | None, length: int) -> str:
    text = " ".join((value or "").split())
    if name == "country":
        text = COUNTRIES.get(text.upper(), text.upper())
        return text if re.fullmatch("[A-Z]{2}", text) else ""
    if name == "state":
        text = STATES.get(text.upper(), text.upper())
    if name == "phone_number":  # without an extension where that makes it too long
        text = text if len(text) <= length else re.split(r"[^\W\d_]", text)[0].strip(" ,;-")
    if name in WHOLE:
        return text if len(text) <= length else ""
    return trimmed(text, length)
