"""Purchase orders of ServiceTitan. No filter knows our key and no external data hold it (OpenAPI inventory-v2): it is a
marker in the memo, which reads back as `summary`, and is found again by a scan.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from st_erp_pipelines.resources import deadline
from st_erp_pipelines.resources.servicetitan import ServiceTitan, moment
from st_erp_pipelines.resources.servicetitan_purchase_order_items import (
    MARKER,
    brought,
    item_of,
    marker_of,
    received_of,
)
from st_erp_pipelines.resources.servicetitan_targets import (
    LANES,
    Row,
    by_ids,
    midnight,
    plain,
    proven,
    record,
    refused,
    write,
)
from st_erp_pipelines.target import Finding, Found, Move, Reply, Timing, Wanted

ENTITY = "purchase_orders"
MEMBERS = {  # as the API names it: as payloads do
    "vendorId": "vendor_id", "typeId": "type_id", "businessUnitId": "business_unit_id",
    "inventoryLocationId": "inventory_location_id", "jobId": "job_id",
}  # fmt: skip
DATES = {"date": "date", "requiredOn": "required_on"}
ADDRESS = ("street", "unit", "city", "state", "zip", "country")  # demanded, all of them
CENT = Decimal("0.01")
CLOCK_WRONG_BY = timedelta(days=1)  # at most, ours when an order was tried
SEEN_LATE_BY = timedelta(minutes=10)  # at most, a record, after the time that stands in it
GONE = "Purchase order {id} is gone from ServiceTitan."
CANCELED = "It was canceled in ServiceTitan, as order {number}."
RECEIVED = "something of purchase order {number} was received in ServiceTitan, so it is not canceled"
RETURN_IT = "Cancel its receipts in ServiceTitan, or return what came; or let it stand there: st-erp accept {key}."
REFUSALS = (
    (r"\bvendorId\b", "unknown_vendor", "See whether its vendor is active in ServiceTitan."),
    (r"\btypeId\b", "unknown_order_type", "Correct type_id in order_types.csv."),
    (r"\bvendorInvoiceNumber\b", "order_type_receives", "Give order_types.csv a type that is not received at once."),
    (r"\bbusinessUnitId\b", "unknown_business_unit", "Correct business_unit_id in cost_centers.csv or plants.csv."),
    (r"\binventoryLocationId\b", "unknown_location", "Correct inventory_location_id in plants.csv."),
    (r"\bskuId\b", "unknown_sku", "Give materials.csv an active material or equipment of the pricebook."),
    (r"\bjobId\b", "unknown_job", "Correct the job in the order of the ERP."),
    (
        "",
        "",
        "Read the text, correct the order in the ERP or its mapping tables, then replay. What is exported over there "
        "cannot be changed any more.",
    ),
)


class ServiceTitanPurchaseOrders:
    """Without a `purchase_order_id` a payload creates an order. With one it links that order and brings it to what the
    payload says, with `change` too, and with `cancel` cancels it.
    """

    has_drafts = False
    lanes = LANES

    def __init__(self, client: ServiceTitan, place: str, timing: Timing, since: date) -> None:
        """`since`: no order of ours was created before it."""
        self.place = place
        self.timing = timing
        self._client = client
        self._since = datetime.combine(since - timedelta(days=1), time(), UTC)  # the day of any time zone
        self._marked = _MarkedOrders(client)

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        known = [one for one in wanted if _number(one) is not None]
        others = [one for one in wanted if _number(one) is None]
        return proven(self._find_known, known) | proven(self._find_marked, others)

    def prepare(self, wanted: Wanted) -> Reply:
        return Reply(wanted.remote_id, etag=wanted.etag)  # there is no draft to prepare

    def send(self, wanted: Wanted, move: Move) -> Reply:
        if move is not Move.POST:
            raise ValueError(f"purchase orders have no drafts to {move}")
        payload = wanted.payload
        with deadline.within(self._client.clock, self.timing.deadline.total_seconds()):
            if not payload.get("purchase_order_id"):
                return self._create(wanted)
            return self._cancel(wanted) if payload.get("cancel") else self._change(wanted)

    # Look up

    def _find_known(self, wanted: Sequence[Wanted]) -> dict[str, Finding]:
        rows = by_ids(self._client, ENTITY, {_number(one) or 0 for one in wanted})
        return {one.key: _known(one, rows.get(_number(one) or 0)) for one in wanted}

    def _find_marked(self, wanted: Sequence[Wanted]) -> dict[str, Finding]:
        since = min(one.first_attempt_at or self._since for one in wanted) - CLOCK_WRONG_BY
        marked = self._marked.by_marker(since)
        numbers = {one.key: marked.get(marker_of(one.payload), set()) for one in wanted}
        rows = by_ids(self._client, ENTITY, set().union(*numbers.values()))
        return {
            one.key: _created(one, [rows[each] for each in sorted(numbers[one.key] & rows.keys())]) for one in wanted
        }

    # Send

    def _create(self, wanted: Wanted) -> Reply:
        payload = wanted.payload
        body: Row = {name: payload[ours] for name, ours in MEMBERS.items() if payload.get(ours) is not None}
        body |= {"shipTo": _ship_to(payload), "memo": payload["memo"], "date": midnight(payload["date"])}
        body["requiredOn"] = midnight(payload.get("required_on") or payload["date"])
        body |= {"impactsTechnicianPayroll": False, "tax": Decimal(0), "shipping": Decimal(0)}
        body["items"] = [item_of(each) for each in payload["items"]]
        return self._reply(wanted, write(self._client, ENTITY, body, wanted, self.timing, refusals=REFUSALS), [])

    def _change(self, wanted: Wanted) -> Reply:
        there = self._there(wanted)
        body, left = _plan(wanted.payload, there)
        if body:
            write(self._client, ENTITY, body, wanted, self.timing, number=there["id"], refusals=REFUSALS)
        return self._reply(wanted, there["id"], left)

    def _cancel(self, wanted: Wanted) -> Reply:
        there = self._there(wanted)
        if any(received_of(item) for item in there["items"]):
            text = RECEIVED.format(number=there["number"])
            fix = RETURN_IT.format(key=wanted.key)
            raise refused(wanted, "cancel purchase order", text, cause="order_received", fix=fix)
        body = {"canceledReason": "NotRequired"}
        where: dict[str, Any] = {"number": there["id"], "action": "/cancellation"}
        write(self._client, ENTITY, body, wanted, self.timing, refusals=REFUSALS, **where)

        def lost() -> list[str]:
            return [] if is_canceled(record(self._client, ENTITY, there["id"]) or {}) else ["its cancellation"]

        warning = self._client.read_back(self.timing.settle_after, lost)
        return Reply(str(there["id"]), there["number"], warning=warning)

    def _there(self, wanted: Wanted) -> Row:
        number = wanted.payload["purchase_order_id"]
        there = record(self._client, ENTITY, number)
        if there is not None and not is_canceled(there):
            return there
        text = GONE.format(id=number) if there is None else CANCELED.format(number=there["number"])
        facts = {"cause": "order_gone", "fix": "Cancel it in the ERP, too, or replay it."}
        raise refused(wanted, "change purchase order", text, **facts)

    def _reply(self, wanted: Wanted, number: int, left: Sequence[str]) -> Reply:
        """`left` is what could not be done."""
        seen: Row = {}

        def lost() -> list[str]:
            seen.update(record(self._client, ENTITY, number) or {"items": []})
            body, left_now = _plan(wanted.payload, seen)
            return sorted(body.keys() | ({"items"} if set(left_now) > set(left) else set()))

        said = self._client.read_back(self.timing.settle_after, lost)
        return Reply(str(number), seen.get("number"), warning=" ".join(filter(None, (*left, said))))


class _MarkedOrders:
    """Which orders carry which marker: read whole once, then what was modified since, by ServiceTitan's clock: ours may
    have been set forward.
    """

    def __init__(self, client: ServiceTitan) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._markers: dict[int, set[str]] = {}
        self._since: datetime | None = None  # all created since then are known
        self._newest: datetime | None = None  # modification that was seen

    def by_marker(self, since: datetime) -> dict[str, set[int]]:
        with self._lock:
            if self._newest is None or self._since is None or since < self._since:
                self._markers, self._since = dict(self._walk("created", since)), since
            else:
                self._markers |= self._walk("modified", self._newest - SEEN_LATE_BY)
            found: dict[str, set[int]] = {}
            for number, markers in self._markers.items():
                for marker in markers:
                    found.setdefault(marker, set()).add(number)
            return found

    def _walk(self, stamp: str, since: datetime) -> dict[int, set[str]]:
        """Raises Unproven where a row lies outside of the window, or rows are missing."""
        since = since.replace(microsecond=0)
        asked = {f"{stamp}OnOrAfter": moment(since)}
        rows = self._client.rows(ENTITY, asked, lambda row: datetime.fromisoformat(row[f"{stamp}On"]) >= since)
        seen = [datetime.fromisoformat(row["modifiedOn"]) for row in rows]
        self._newest = max(seen, default=self._newest)
        return {row["id"]: set(MARKER.findall(row.get("summary") or "")) for row in rows}


def is_canceled(order: Mapping[str, Any]) -> bool:
    return str(order.get("status")).lower() in ("canceled", "cancelled")


def _number(wanted: Wanted) -> int | None:
    number = wanted.payload.get("purchase_order_id") or wanted.remote_id
    return None if number is None else int(number)


def _known(wanted: Wanted, row: Row | None) -> Finding:
    payload = wanted.payload
    if row is None:
        return Finding(Found.DEAD, detail=GONE.format(id=_number(wanted)))
    if not payload.get("purchase_order_id"):
        return _created(wanted, [row])
    here = {"remote_id": str(row["id"]), "number": row["number"]}
    if payload.get("cancel"):
        return Finding(Found.COMPLETE if is_canceled(row) else Found.ABSENT, **here)
    if is_canceled(row):
        return Finding(Found.DEAD, detail=CANCELED.format(number=row["number"]), **here)
    return Finding(Found.ABSENT if _plan(payload, row)[0] else Found.COMPLETE, **here)


def _created(wanted: Wanted, rows: Sequence[Row]) -> Finding:
    """What carries our marker; one that was canceled counts only where no other stands."""
    standing = [row for row in rows if not is_canceled(row)]
    if len(standing) > 1:
        orders = " and ".join(f"{row['number']} ({row['id']})" for row in standing)
        return Finding(Found.SEVERAL, detail=f"Several orders carry its marker in their memos: {orders}.")
    if not rows:
        return Finding(Found.ABSENT)
    (row,) = standing or rows[-1:]
    here: dict[str, Any] = {"remote_id": str(row["id"]), "number": row["number"]}
    if not standing:
        return Finding(Found.DEAD, detail=CANCELED.format(number=row["number"]), **here)
    # Behind it stands the marker of a later document of ours, which took its place and has its own figures.
    is_replaced = marker_of(wanted.payload) in MARKER.findall(row["summary"] or "")[:-1]
    is_as_sent = is_replaced or not any(_plan(wanted.payload, row))
    return Finding(Found.COMPLETE, **here, **({} if is_as_sent else _figures(wanted, row)))


def _figures(wanted: Wanted, row: Row) -> dict[str, Any]:
    """As they are there, but those that are the same by what was sent."""
    payload, total = wanted.payload, Decimal(row["total"])
    sent = sum((Decimal(each["quantity"]) * Decimal(each["cost"]) for each in payload["items"]), Decimal(0))
    is_sum = abs(total - sent) <= CENT * len(payload["items"])  # each line may have been rounded
    day, vendor = row["date"][:10], row["vendorId"]
    return {
        "total": wanted.total if is_sum else total,
        "on": wanted.on if day == payload["date"] else date.fromisoformat(day),
        "party": wanted.party if vendor == payload["vendor_id"] else f"vendor {vendor}",
    }


def _plan(payload: Mapping[str, Any], there: Row) -> tuple[Row, list[str]]:
    """What a PATCH is to say that brings the order to the payload; and what it cannot do, in sentences."""
    body = {name: payload[ours] for name, ours in MEMBERS.items() if payload.get(ours) not in (None, there.get(name))}
    for name, member in DATES.items():
        if payload.get(member) and (there.get(name) or "")[:10] != payload[member]:
            body[name] = midnight(payload[member])
    if payload.get("ship_to"):
        theirs, ours = there.get("shipTo") or {}, _ship_to(payload)
        if any(plain(value) != plain(theirs.get(name)) for name, value in ours["address"].items()):
            body["shipTo"] = ours
    if memo := _memo(payload, there.get("summary") or ""):
        body["memo"] = memo
    items, left = brought(payload, there)
    return body | ({} if items is None else {"items": items}), left


def _memo(payload: Mapping[str, Any], summary: str) -> str:
    """Ours, with the other markers that stand there and what people wrote after them; empty where it is so already."""
    memo, markers = payload["memo"], MARKER.findall(summary)
    if plain(memo) in plain(summary):
        return ""
    others = [f"[{each}]" for each in markers if f"[{each}]" not in memo]
    noted = summary.rpartition(f"[{markers[-1]}]")[2] if markers else summary
    return " ".join(filter(None, (*others, memo, noted.strip())))


def _ship_to(payload: Mapping[str, Any]) -> Row:
    place = payload.get("ship_to") or {}
    address = {name: place.get(name) or "" for name in ADDRESS}
    return {"description": place.get("description") or "", "address": address}
