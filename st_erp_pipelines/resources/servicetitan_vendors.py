"""Vendors of ServiceTitan: made of the ERP's suppliers, linked with them, changed by absolute values.

A vendor has no number of its own (OpenAPI inventory-v2): its supplier stands in its external data, by which it is found
again. Names differ between write and read (`phone` is read as `contactInfo.phone`, `taxRate` as `defaultTaxRate`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from st_erp_pipelines.errors import ConfigurationError
from st_erp_pipelines.resources import deadline
from st_erp_pipelines.resources.servicetitan import SYSTEM, ServiceTitan, Unproven, moment
from st_erp_pipelines.resources.servicetitan_targets import (
    CLOCKS_DIFFER_BY,
    LANES,
    NO_APPLICATION,
    Row,
    by_ids,
    external,
    external_value,
    in_chunks,
    is_same_figure,
    named,
    plain,
    proven,
    record,
    refused,
    write,
)
from st_erp_pipelines.target import Finding, Found, Move, Reply, Timing, Wanted, both_changed

ENTITY = "vendors"
SUPPLIER = "S4Supplier"
MEMBERS = {  # as a request names it: as payloads do
    "name": "name", "active": "active", "memo": "memo", "firstName": "first_name", "lastName": "last_name",
    "phone": "phone", "email": "email", "taxRate": "tax_rate",
}  # fmt: skip
ADDRESS = ("street", "unit", "city", "state", "zip", "country")  # demanded, all of them
GONE = "vendor {id} is gone from ServiceTitan"
OTHERS = "vendor {id} belongs to supplier {supplier} already"
NOT_KEPT = (
    "Vendor {id} came under its name after we tried to make it, without our number: st-erp accept {key} {id}, if that "
    "is it; else give that vendor another name, and replay."
)
REFUSALS = (
    (
        r"\bname\b",
        "vendor_name",
        "Correct the supplier's name in the ERP, or give the vendor in ServiceTitan that has it another.",
    ),
    ("", "", "Read the text, correct the supplier in the ERP, then replay the document."),
)


class ServiceTitanVendors:
    """With `change` a payload brings the vendor `vendor_id` up to date in the members it has; with a `vendor_id` only,
    it links that one, and writes nothing but the supplier's number; else it creates one. `linked_there`: the supplier
    was made of that vendor and names it, so nothing has to be written.
    """

    has_drafts = False
    lanes = LANES

    def __init__(self, client: ServiceTitan, place: str, timing: Timing) -> None:
        self.place = place
        self.timing = timing
        self._client = client

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        by_id = [one for one in wanted if one.payload.get("change") or one.payload.get("linked_there")]
        others = [one for one in wanted if one not in by_id]
        return proven(self._find_by_id, by_id) | proven(self._find_by_supplier, others)

    def prepare(self, wanted: Wanted) -> Reply:
        return Reply(wanted.remote_id, etag=wanted.etag)  # there is no draft to prepare

    def send(self, wanted: Wanted, move: Move) -> Reply:
        if move is not Move.POST:
            raise ValueError(f"vendors have no drafts to {move}")
        if not self._client.application:
            raise ConfigurationError(NO_APPLICATION, system=SYSTEM, document=wanted.key)
        payload = wanted.payload
        with deadline.within(self._client.clock, self.timing.deadline.total_seconds()):
            if payload.get("change"):
                return self._change(wanted)
            return self._link(wanted) if payload.get("vendor_id") else self._create(wanted)

    # Look up

    def _find_by_supplier(self, wanted: Sequence[Wanted]) -> dict[str, Finding]:
        if not self._client.application:
            raise Unproven(NO_APPLICATION)
        found: dict[str, list[Row]] = {one.payload["supplier"]: [] for one in wanted}
        for numbers in in_chunks(sorted(found)):
            asked = {
                "externalDataKey": SUPPLIER,
                "externalDataValues": ",".join(numbers),
                **named(self._client, ENTITY),
            }
            for row in self._client.rows(ENTITY, asked, partial(_is_of, numbers)):
                found[external_value(row, SUPPLIER)].append(row)
        findings = {one.key: _found(one.payload, found[one.payload["supplier"]]) for one in wanted}
        made = [one for one in wanted if one.ours and not one.payload.get("vendor_id")]
        return findings | proven(self._find_by_name, [one for one in made if findings[one.key].found is Found.ABSENT])

    def _find_by_name(self, doubtful: Sequence[Wanted]) -> dict[str, Finding]:
        """Nobody read whether our external data were kept: what came under our name since we tried may be ours."""
        tried = min(one.first_attempt_at for one in doubtful if one.first_attempt_at)
        since = (tried - CLOCKS_DIFFER_BY).replace(microsecond=0)
        asked = {"createdOnOrAfter": moment(since), **named(self._client, ENTITY)}
        by_name = {_comparable(one.payload["name"]): one for one in doubtful}
        findings: dict[str, Finding] = {}
        for row in self._client.rows(ENTITY, asked, lambda row: datetime.fromisoformat(row["createdOn"]) >= since):
            one = by_name.get(_comparable(row.get("name")))
            if one and not external_value(row, SUPPLIER):
                detail = NOT_KEPT.format(id=row["id"], key=one.key)
                findings[one.key] = Finding(Found.SEVERAL, str(row["id"]), row["name"], detail=detail)
        return {one.key: Finding(Found.ABSENT) for one in doubtful} | findings

    def _find_by_id(self, wanted: Sequence[Wanted]) -> dict[str, Finding]:
        rows = by_ids(self._client, ENTITY, {one.payload["vendor_id"] for one in wanted})
        return {one.key: _changed(one.payload, rows.get(one.payload["vendor_id"])) for one in wanted}

    # Send

    def _create(self, wanted: Wanted) -> Reply:
        payload = wanted.payload
        body = {"taxRate": Decimal(0), "active": True, **_said(payload)}
        body["address"] = {name: payload.get(name) or "" for name in ADDRESS}
        body |= {"isTruckReplenishment": False, "restrictedMobileCreation": False}
        body |= external(self._client, SUPPLIER, payload["supplier"])
        number = write(self._client, ENTITY, body, wanted, self.timing, refusals=REFUSALS)
        return self._reply(payload, number, is_link=True)

    def _link(self, wanted: Wanted) -> Reply:
        payload, there = wanted.payload, self._there(wanted)
        if (other := external_value(there, SUPPLIER)) not in ("", payload["supplier"]):
            fix = "See whose vendor it is, and take the other number off its external data."
            said = OTHERS.format(id=there["id"], supplier=other)
            raise refused(wanted, "link vendor", said, cause="vendor_of_another_supplier", fix=fix)
        self._patch(wanted, external(self._client, SUPPLIER, payload["supplier"], patchMode="Merge"))
        return self._reply({"supplier": payload["supplier"]}, there["id"], is_link=True)

    def _change(self, wanted: Wanted) -> Reply:
        if body := _pending(wanted.payload, self._there(wanted)):
            self._patch(wanted, body)
        return self._reply(wanted.payload, wanted.payload["vendor_id"])

    def _patch(self, wanted: Wanted, body: Row) -> None:
        write(self._client, ENTITY, body, wanted, self.timing, number=wanted.payload["vendor_id"], refusals=REFUSALS)

    def _there(self, wanted: Wanted) -> Row:
        if there := record(self._client, ENTITY, wanted.payload["vendor_id"]):
            return there
        said, fix = GONE.format(id=wanted.payload["vendor_id"]), "See which vendor is its supplier's by now."
        raise refused(wanted, "change vendor", said, cause="vendor_gone", fix=fix)

    def _reply(self, payload: Mapping[str, Any], number: int, *, is_link: bool = False) -> Reply:
        def lost() -> list[str]:
            there = record(self._client, ENTITY, number) or {}
            is_kept = not is_link or external_value(there, SUPPLIER) == payload["supplier"]
            return [*_pending(payload, there), *([] if is_kept else ["externalData"])]

        said = self._client.read_back(self.timing.settle_after, lost)
        return Reply(str(number), str(number), warning=" ".join(filter(None, (both_changed(payload), said))))


def _is_of(numbers: Sequence[str], row: Row) -> bool:
    return external_value(row, SUPPLIER) in numbers


def _found(payload: Mapping[str, Any], rows: Sequence[Row]) -> Finding:
    """By the supplier's number; what stands there of an earlier day is taken as it is."""
    linked, numbers = payload.get("vendor_id"), [row["id"] for row in rows]
    if not rows:
        return Finding(Found.ABSENT)
    if len(rows) > 1 or linked not in (None, *numbers):
        meant = f", and vendor {linked} is to be it" if linked not in (None, *numbers) else ""
        detail = f"The number of its supplier stands at vendor {' and '.join(map(str, sorted(numbers)))}{meant}."
        return Finding(Found.SEVERAL, detail=detail)
    return Finding(Found.COMPLETE, str(numbers[0]), str(numbers[0]))


def _changed(payload: Mapping[str, Any], row: Row | None) -> Finding:
    number = str(payload["vendor_id"])
    if row is None:
        return Finding(Found.DEAD, detail=GONE.format(id=number).capitalize())
    if payload.get("linked_there"):
        return Finding(Found.COMPLETE, number, number)
    return Finding(Found.ABSENT if _pending(payload, row) else Found.COMPLETE, number, number)


def _said(payload: Mapping[str, Any]) -> Row:
    given = {name: payload[ours] for name, ours in MEMBERS.items() if payload.get(ours) is not None}
    return given | ({"taxRate": Decimal(given["taxRate"])} if "taxRate" in given else {})


def _pending(payload: Mapping[str, Any], there: Row) -> Row:
    """Of the members that the payload has, those that read otherwise. An address goes as a whole."""
    read = there | (there.get("contactInfo") or {}) | {"taxRate": there.get("defaultTaxRate")}
    body = {name: value for name, value in _said(payload).items() if not _is_same(name, value, read.get(name))}
    theirs = {name: (there.get("address") or {}).get(name) or "" for name in ADDRESS}
    ours = {name: payload[name] for name in ADDRESS if payload.get(name) is not None}
    if any(plain(value) != plain(theirs[name]) for name, value in ours.items()):
        body["address"] = theirs | ours
    return body


def _is_same(name: str, ours: Any, theirs: Any) -> bool:
    if isinstance(ours, Decimal):
        return is_same_figure(ours, theirs)
    if name == "phone":
        return re.sub(r"\D", "", ours) == re.sub(r"\D", "", theirs or "")
    return plain(ours) == plain(theirs) if isinstance(ours, str) else bool(ours == theirs)


def _comparable(name: str | None) -> str:
    return plain(name).casefold()
