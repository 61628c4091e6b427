"""ServiceTitan's pricebook: materials and services, found again by external data, each write read back and compared.

No call is idempotent and no filter knows the code (OpenAPI pricebook-v2), so what we make carries the number of its
item as `erpId`. Members that the service does not know or not take are dropped with a 200 (seen live): only what is
read afterwards tells what was kept.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from st_erp_pipelines.errors import ConfigurationError, Unavailable
from st_erp_pipelines.resources import deadline
from st_erp_pipelines.resources.http import parsed
from st_erp_pipelines.resources.servicetitan import SYSTEM, ServiceTitan, Unproven, moment
from st_erp_pipelines.resources.servicetitan_endpoints import ENDPOINTS
from st_erp_pipelines.resources.servicetitan_targets import (
    CLOCKS_DIFFER_BY,
    LANES,
    Row,
    external,
    external_value,
    in_chunks,
    is_same_figure,
    named,
    plain,
    proven,
    write,
)
from st_erp_pipelines.target import Finding, Found, Move, Reply, Timing, Wanted

ERP_ID = "erpId"
LISTS = ("material", "service")
OURS = {"displayName": "display_name", "active": "active", "price": "price"}  # as the API names them: as payloads do
OURS_OF_MATERIALS = {"cost": "cost", "unitOfMeasure": "unit_of_measure"}
FIGURES = ("price", "cost")
OTHER_PRICES = ("memberPrice", "addOnPrice", "addOnMemberPrice")
NO_APPLICATION = "servicetitan.application_guid is not set, by which items are found again."
NOT_KEPT = (
    "{kind} {id} came under its code after we tried to make it, without our number: st-erp accept {key} {id}, if that "
    "is it; else give that record another code, and replay."
)
REFUSALS = (  # what the text says, the cause, what to do; the first is seen live, the others go by the member named
    (
        "exactly one vendor selected as Primary",
        "no_primary_vendor",
        "Give its row of items.csv an active vendor_id; if it has one, see to the vendors of that record, and replay.",
    ),
    (r"\bvendorId\b", "unknown_vendor", "Correct vendor_id in items.csv."),
    (r"\bcategories\b", "unknown_category", "Correct category_id in items.csv."),
    ("", "", "Read the text, correct the item or its row in items.csv, then replay the document."),
)


class Pricebook:
    """A payload with `change` brings the record `pricebook_id` up to date; without it, creates one.

    `was` says what we wrote last, or of a record that we did not make what the ERP said when it was linked: what is
    still the same in the ERP is not written again, and where people changed it, too, the change gives way to them,
    unless it `overwrites`.
    """

    has_drafts = False
    lanes = LANES

    def __init__(self, client: ServiceTitan, place: str, timing: Timing) -> None:
        self.place = place
        self.timing = timing
        self._client = client

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        changes = [one for one in wanted if one.payload.get("change")]
        creations = [one for one in wanted if not one.payload.get("change")]
        return proven(self._find_changes, changes) | proven(self._find_creations, creations)

    def prepare(self, wanted: Wanted) -> Reply:
        return Reply(wanted.remote_id, etag=wanted.etag)  # there is no draft to prepare

    def send(self, wanted: Wanted, move: Move) -> Reply:
        if move is not Move.POST:
            raise ValueError(f"the pricebook has no drafts to {move}")
        if not self._client.application:
            raise ConfigurationError(NO_APPLICATION, system=SYSTEM, document=wanted.key)
        with deadline.within(self._client.clock, self.timing.deadline.total_seconds()):
            return self._change(wanted) if wanted.payload.get("change") else self._create(wanted)

    # Look up

    def _find_creations(self, wanted: Sequence[Wanted]) -> dict[str, Finding]:
        """In both lists: an item may have become the other thing before."""
        if not self._client.application:
            raise Unproven(NO_APPLICATION)
        found: dict[str, list[tuple[str, Row]]] = {one.payload["number"]: [] for one in wanted}
        for kind in LISTS:
            for numbers in in_chunks(sorted(found)):
                asked = {"externalDataKey": ERP_ID, "externalDataValues": ",".join(numbers)}
                for row in self._rows(kind, asked, lambda row, numbers=numbers: external_value(row, ERP_ID) in numbers):  # type: ignore[misc]
                    found[external_value(row, ERP_ID)].append((kind, row))
        findings = {one.key: _created(one.payload["becomes"], found[one.payload["number"]]) for one in wanted}
        doubtful = [one for one in wanted if one.ours and findings[one.key].found is Found.ABSENT]
        return findings | proven(self._find_without_erp_id, doubtful)

    def _find_without_erp_id(self, doubtful: Sequence[Wanted]) -> dict[str, Finding]:
        """Nobody read whether our external data were kept: what came under our code since we tried may be ours."""
        tried = min(one.first_attempt_at for one in doubtful if one.first_attempt_at)
        since = (tried - CLOCKS_DIFFER_BY).replace(microsecond=0)
        asked, codes = {"createdOnOrAfter": moment(since)}, {one.payload["number"]: one for one in doubtful}
        findings: dict[str, Finding] = {}
        for kind in LISTS:
            for row in self._rows(kind, asked, lambda row: datetime.fromisoformat(row["createdOn"]) >= since):
                if one := codes.get((row.get("code") or "").strip()):
                    detail = NOT_KEPT.format(kind=kind.capitalize(), id=row["id"], key=one.key)
                    findings[one.key] = Finding(Found.SEVERAL, str(row["id"]), row["code"], detail=detail)
        return findings

    def _find_changes(self, wanted: Sequence[Wanted]) -> dict[str, Finding]:
        findings: dict[str, Finding] = {}
        for kind in LISTS:
            mine = {one.payload["pricebook_id"]: one for one in wanted if one.payload["becomes"] == kind}
            for ids in in_chunks(sorted(mine)):
                asked = {"ids": ",".join(map(str, ids))}
                rows = {row["id"]: row for row in self._rows(kind, asked, lambda row, ids=ids: row["id"] in ids)}  # type: ignore[misc]
                findings |= {mine[each].key: _changed(mine[each].payload, rows.get(each)) for each in ids}
        return findings

    def _rows(self, kind: str, asked: Mapping[str, str], is_asked: Callable[[Row], bool]) -> list[Row]:
        return self._client.rows(f"{kind}s", {**asked, **named(self._client, f"{kind}s")}, is_asked)

    # Send

    def _create(self, wanted: Wanted) -> Reply:
        payload = wanted.payload
        body = {
            "code": payload["number"],
            **_said(payload, payload["becomes"]),
            **external(self._client, ERP_ID, payload["number"]),
        }
        body["description"] = html.escape(payload["display_name"], quote=False)
        body |= dict.fromkeys(OTHER_PRICES, body["price"])  # without one of its own, a member would get it for nothing
        if payload["becomes"] == "material":
            body["primaryVendor"] = {"vendorId": payload["vendor_id"], "cost": body["cost"], "active": True}
        if payload.get("category_id"):
            body["categories"] = [payload["category_id"]]
        if payload.get("account"):
            body["account"] = payload["account"]
        return self._write(wanted, body)

    def _change(self, wanted: Wanted) -> Reply:
        payload = wanted.payload
        there = self._record(payload["becomes"], payload["pricebook_id"])
        body = {**_members(payload, there), **external(self._client, ERP_ID, payload["number"], patchMode="Merge")}
        if payload["becomes"] == "material" and ("cost" in body or not there.get("primaryVendor")):
            body |= _vendor(payload, there.get("primaryVendor"))
        return self._write(wanted, body, payload["pricebook_id"])

    def _write(self, wanted: Wanted, body: Row, number: int | None = None) -> Reply:
        payload, entity = wanted.payload, f"{wanted.payload['becomes']}s"
        written = write(self._client, entity, body, wanted, self.timing, number=number, refusals=REFUSALS)

        def lost() -> list[str]:
            return _lost(body, self._record(payload["becomes"], written))

        warning = self._client.read_back(self.timing.settle_after, lost)
        return Reply(str(written), payload["number"], warning=warning)

    def _record(self, kind: str, record_id: int) -> Row:
        url, operation = f"{self._url(kind)}/{record_id}", f"read {kind} {record_id}"
        reply = parsed(self._client.api.read("GET", url, operation=operation, params=named(self._client, f"{kind}s")))
        if not isinstance(reply, dict) or "id" not in reply:
            raise Unavailable("the reply cannot be read", system=SYSTEM, operation=operation)
        return reply

    def _url(self, kind: str) -> str:
        return ENDPOINTS[f"{kind}s"].url(self._client.tenant_id)


def _created(becomes: str, found: Sequence[tuple[str, Row]]) -> Finding:
    """By our external data; what stands there of an earlier day is taken as it is."""
    if not found:
        return Finding(Found.ABSENT)
    named = " and ".join(f"{kind} {row['id']}" for kind, row in found)
    if len(found) > 1:
        return Finding(Found.SEVERAL, detail=f"Several records carry its number as {ERP_ID}: {named}.")
    ((kind, row),) = found
    if kind != becomes:
        return Finding(Found.SEVERAL, detail=f"It stands there as {named}, and items.csv says {becomes}.")
    return Finding(Found.COMPLETE, str(row["id"]), row.get("code"))


def _changed(payload: Mapping[str, Any], row: Row | None) -> Finding:
    if row is None:
        return Finding(Found.DEAD, detail=f"{payload['becomes']} {payload['pricebook_id']} is gone".capitalize())
    here: Row = {"remote_id": str(row["id"]), "number": row.get("code")}
    members, was = _members(payload, row), _was(payload)
    if not _lost(members, row):
        return Finding(Found.COMPLETE, **here)
    said = [
        f"{name} is {row.get(name)}, the ERP said {was[name]} and now says {members[name]}"
        for name in was.keys() & members.keys()
        if not any(_is_same(each, row.get(name)) for each in (was[name], members[name]))
    ]
    if said and not payload.get("overwrites"):
        detail = f"Changed in ServiceTitan since: {'; '.join(sorted(said))}. A replay overwrites it."
        return Finding(Found.SEVERAL, detail=detail, **here)
    return Finding(Found.ABSENT, **here)


def _said(item: Mapping[str, Any], becomes: str) -> Row:
    """What the ERP says of an item, under the names of the API; a service has neither cost nor unit of ours."""
    names = OURS | (OURS_OF_MATERIALS if becomes == "material" else {})
    given = {name: item[ours] for name, ours in names.items() if item.get(ours) not in (None, "")}
    return given | {name: Decimal(given[name]) for name in FIGURES if name in given}


def _was(payload: Mapping[str, Any]) -> Row:
    return _said(payload.get("was") or {}, payload["becomes"])


def _members(payload: Mapping[str, Any], there: Row) -> Row:
    """What a change sets: what the ERP changed; with the price, the other prices that still are what it was."""
    was = _was(payload)
    members = {name: value for name, value in _said(payload, payload["becomes"]).items() if was.get(name) != value}
    if "price" in members and "price" in was:
        follow = [name for name in OTHER_PRICES if _is_same(was["price"], there.get(name))]
        members |= dict.fromkeys(follow, members["price"])
    return members


def _vendor(payload: Mapping[str, Any], there: Row | None) -> Row:
    """Ours, at our cost, with what people noted of it: a PATCH takes a vendor whole. Another, chosen there, stays."""
    vendor_id, there = payload.get("vendor_id"), there or {}
    if vendor_id is None or there.get("vendorId") not in (None, vendor_id):
        return {}
    noted = ("memo", "vendorPart", "primarySubAccount", "otherSubAccounts")
    kept = {name: _without_id(there[name]) for name in noted if there.get(name)}
    return {"primaryVendor": {**kept, "vendorId": vendor_id, "cost": Decimal(payload["cost"]), "active": True}}


def _without_id(value: Any) -> Any:
    """Accounts as a request takes them."""
    if isinstance(value, list):
        return [_without_id(each) for each in value]
    return {name: each for name, each in value.items() if name != "id"} if isinstance(value, dict) else value


def _lost(sent: Row, there: Row) -> list[str]:
    """The members that do not read as they were sent; figures with their values."""
    lost = [name for name, value in sent.items() if not _is_same(value, there.get(name), name)]
    return [
        f"{name} ({there.get(name)}, sent {sent[name]})" if isinstance(sent[name], Decimal) else name for name in lost
    ]


def _is_same(sent: Any, there: Any, name: str = "") -> bool:
    """Lists, vendors and external data read otherwise than they are written; text may come back as markup."""
    if name == "externalData":
        return {each["key"]: each["value"] for each in there or ()}.items() >= {
            each["key"]: each["value"] for each in sent["externalData"]
        }.items()
    if name == "primaryVendor":
        return bool(there) and all(_is_same(sent[each], there.get(each)) for each in ("vendorId", "cost"))
    if name == "categories":
        return set(sent) <= {each["id"] if isinstance(each, dict) else each for each in there or ()}
    if isinstance(sent, Decimal):
        return is_same_figure(sent, there)
    if isinstance(sent, str):
        return plain(sent) == plain(there)
    return bool(sent == there)
