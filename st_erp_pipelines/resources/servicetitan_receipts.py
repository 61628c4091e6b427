"""Receipts of ServiceTitan, by which an invoice of the ERP becomes a bill there: of each order one.

Receiving twice doubles the stock. So what the field received counts, whoever wrote it: a receipt that bears the
vendor's number of the invoice is the one, and where a line would be received beyond what was ordered, nothing is sent.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from st_erp_pipelines.errors import Unavailable
from st_erp_pipelines.resources import deadline
from st_erp_pipelines.resources.servicetitan import SYSTEM, ServiceTitan, Unproven
from st_erp_pipelines.resources.servicetitan_purchase_order_items import MARKER, marker_of, pair, received_of
from st_erp_pipelines.resources.servicetitan_purchase_orders import CENT, is_canceled
from st_erp_pipelines.resources.servicetitan_targets import (
    LANES,
    Row,
    figure,
    in_chunks,
    is_same_figure,
    midnight,
    plain,
    proven,
    record,
    refused,
    write,
)
from st_erp_pipelines.target import Finding, Found, Move, Reply, Timing, Wanted

ENTITY, ORDERS = "receipts", "purchase_orders"
INVOICE, REVISION = "-SI-", re.compile(r"-R\d+$")  # in a key, and at its end
OPERATION = "receive purchase order"
GONE = "purchase order {id} is gone from ServiceTitan"
CANCELED = "purchase order {number} was canceled in ServiceTitan"
NO_ORDER = "Receive the goods in ServiceTitan on another order, or settle the bill by hand; nothing can be sent."
NO_LINE = "line {line} is not on purchase order {number} in ServiceTitan"
ADD_IT = "Add it to the order in ServiceTitan, or receive the invoice there under the vendor's number {number}."
TOO_MUCH = "received in the field already: line {line}, {received} of {ordered}, and ours would be {ours} more"
NUMBER_TAKEN = "receipt {receipt} bears its vendor's number {number} for another invoice"
ONE_OF_THEM = (
    "If that invoice was reversed, cancel its receipt in ServiceTitan: then this one is received. If both are the "
    "same, reverse one in the ERP; else receive this one in ServiceTitan by hand."
)
NO_ORDER_YET = "Its purchase order is not known in ServiceTitan yet."
MATCH_IT = (
    "It is matched instead: give the receipt in ServiceTitan the vendor's number {number}, if it is that of this "
    "invoice; else correct the quantity on the order."
)
REFUSALS = (
    (r"\bskuId\b", "unknown_sku", "Give materials.csv an active material or equipment of the pricebook."),
    (r"\bjobId\b", "unknown_job", "Correct the job in the order of the ERP."),
    ("", "", "Read the text, see to the order in ServiceTitan, then replay the document, or receive it there."),
)


class ServiceTitanReceipts:
    """A payload receives lines of the order `purchase_order_id`; no receipt is ever changed."""

    has_drafts = False
    lanes = LANES

    def __init__(self, client: ServiceTitan, place: str, timing: Timing) -> None:
        self.place = place
        self.timing = timing
        self._client = client
        self._orders: dict[int, threading.Lock] = {}  # of one order, one receipt after the other

    def look_up(self, wanted: Sequence[Wanted]) -> Mapping[str, Finding]:
        return proven(self._find, wanted)

    def prepare(self, wanted: Wanted) -> Reply:
        return Reply(wanted.remote_id, etag=wanted.etag)  # there is no draft to prepare

    def send(self, wanted: Wanted, move: Move) -> Reply:
        if move is not Move.POST:
            raise ValueError(f"receipts have no drafts to {move}")
        number = wanted.payload["purchase_order_id"]
        with (
            deadline.within(self._client.clock, self.timing.deadline.total_seconds()),
            self._orders.setdefault(number, threading.Lock()),
        ):
            order = self._order(wanted, number)
            body = self._body(wanted, order)
            self._require_room(wanted, order, body["items"])
            return self._reply(body, write(self._client, ENTITY, body, wanted, self.timing, refusals=REFUSALS))

    # Look up

    def _find(self, wanted: Sequence[Wanted]) -> dict[str, Finding]:
        order_of = {one.key: one.payload.get("purchase_order_id") for one in wanted}
        receipts = self._of_orders({number for number in order_of.values() if number is not None})
        nothing = Finding(Found.UNKNOWN, detail=NO_ORDER_YET)
        return {
            one.key: nothing if (order := order_of[one.key]) is None else _found(one, receipts.get(order, []))
            for one in wanted
        }

    def _of_orders(self, numbers: Iterable[int]) -> dict[int, list[Row]]:
        """Canceled ones, too. Raises Unproven."""
        found: dict[int, list[Row]] = {}
        for chunk in in_chunks(sorted(numbers)):
            asked = {"purchaseOrderIds": ",".join(map(str, chunk))}
            for row in self._client.rows(ENTITY, asked, lambda row, chunk=chunk: row["purchaseOrderId"] in chunk):  # type: ignore[misc]
                found.setdefault(row["purchaseOrderId"], []).append(row)
        return found

    # Send

    def _order(self, wanted: Wanted, number: int) -> Row:
        order = record(self._client, ORDERS, number)
        if order is not None and not is_canceled(order):
            return order
        text = GONE.format(id=number) if order is None else CANCELED.format(number=order["number"])
        raise refused(wanted, OPERATION, text, cause="order_gone", fix=NO_ORDER)

    def _body(self, wanted: Wanted, order: Row) -> Row:
        payload = wanted.payload
        body: Row = {
            "purchaseOrderId": order["id"], "dateReceived": midnight(payload["date_received"]),
            "memo": payload["memo"], "tax": Decimal(payload.get("tax") or 0),
            "shipping": Decimal(payload.get("shipping") or 0), "items": self._items(wanted, order),
        }  # fmt: skip
        names = {"vendorDocumentNumber": "vendor_document_number", "jobId": "job_id"}
        return body | {name: payload[ours] for name, ours in names.items() if payload.get(ours) is not None}

    def _items(self, wanted: Wanted, order: Row) -> list[Row]:
        """Each with its item of the order; what was ordered there is what comes, whatever its line says by now."""
        lines = wanted.payload["items"]
        paired = pair(list({str(line["line"]): line for line in lines}.values()), order)
        item_of = {str(line["line"]): number for number, line in paired.items()}
        skus = {item["id"]: item["skuId"] for item in order["items"]}
        for line in lines:
            if str(line["line"]) not in item_of:
                text = NO_LINE.format(line=line["line"], number=order["number"])
                fix = ADD_IT.format(number=wanted.payload.get("vendor_document_number"))
                raise refused(wanted, OPERATION, text, cause="line_missing", fix=fix)
        numbered = [(item_of[str(line["line"])], line) for line in lines]
        return [
            {
                "purchaseOrderItemId": number, "skuId": skus[number], "quantity": Decimal(line["quantity"]),
                "cost": Decimal(line["cost"]), "description": line.get("description") or "",
            }
            for number, line in numbered
        ]  # fmt: skip

    def _require_room(self, wanted: Wanted, order: Row, items: Sequence[Row]) -> None:
        """By what the order says, and by its receipts, whichever is more: reads may lag behind writes."""
        try:
            receipts = self._of_orders([order["id"]]).get(order["id"], [])
        except Unproven as unproven:
            raise Unavailable(str(unproven), system=SYSTEM, operation=OPERATION, document=wanted.key) from None
        for receipt in receipts:
            if receipt["active"] and _has_number(wanted, receipt) and _is_of_another(wanted, receipt):
                number = wanted.payload["vendor_document_number"]
                text = NUMBER_TAKEN.format(receipt=receipt["number"], number=number)
                raise refused(wanted, OPERATION, text, cause="number_taken", fix=ONE_OF_THEM)
        came = _by_item(item for receipt in receipts if receipt["active"] for item in receipt["items"])
        for number, ours in _by_item(items).items():
            item = next(each for each in order["items"] if each["id"] == number)
            ordered = Decimal(item["quantity"])
            received = max(received_of(item), came.get(number, Decimal(0)))
            if received + ours > ordered:
                line = plain(item["description"]).partition(" ")[0]
                text = TOO_MUCH.format(line=line, received=figure(received), ordered=figure(ordered), ours=figure(ours))
                fix = MATCH_IT.format(number=wanted.payload.get("vendor_document_number"))
                raise refused(wanted, OPERATION, text, cause="received_in_the_field", fix=fix)

    def _reply(self, body: Row, number: int) -> Reply:
        seen: Row = {}

        def lost() -> list[str]:
            seen.update(record(self._client, ENTITY, number) or {})
            return _lost(body, seen)

        warning = self._client.read_back(self.timing.settle_after, lost)
        return Reply(str(number), seen.get("number"), warning=warning)


def _found(wanted: Wanted, receipts: Sequence[Row]) -> Finding:
    """By our marker, or by the vendor's number where we did not receive it for another invoice. What the field canceled
    of its own receipts is as if it never was.
    """
    marker = marker_of(wanted.payload)
    ours = [row for row in receipts if marker in MARKER.findall(row.get("memo") or "")]
    numbered = [row for row in receipts if _has_number(wanted, row) and not _is_of_another(wanted, row)]
    standing = [row for row in receipts if row["active"] and (row in ours or row in numbered)]
    if len(standing) > 1:
        named = " and ".join(f"{row['number']} ({row['id']})" for row in standing)
        return Finding(Found.SEVERAL, detail=f"Several receipts of its order are this invoice: {named}.")
    if not standing and not ours:
        return Finding(Found.ABSENT)
    row = (standing or ours)[-1]
    here: dict[str, Any] = {"remote_id": str(row["id"]), "number": row["number"]}
    if not standing:
        return Finding(Found.DEAD, detail=f"Its receipt {row['number']} was canceled in ServiceTitan.", **here)
    return Finding(Found.COMPLETE, **here, **(_figures(wanted, row) if row in ours else {}))


def _has_number(wanted: Wanted, receipt: Row) -> bool:
    number = plain(wanted.payload.get("vendor_document_number")).casefold()
    return number != "" and plain(receipt.get("vendorInvoiceNumber")).casefold() == number


def _is_of_another(wanted: Wanted, receipt: Row) -> bool:
    """A further try of one invoice has a key of its own: -R1 at its end."""
    keys = {REVISION.sub("", each) for each in MARKER.findall(receipt.get("memo") or "") if INVOICE in each}
    return bool(keys) and REVISION.sub("", marker_of(wanted.payload)) not in keys


def _figures(wanted: Wanted, row: Row) -> dict[str, Any]:
    """Of ours, as they are there, but those that are the same by what was sent. What differs in one of the field is for
    reconciliation to say.
    """
    payload, total, day = wanted.payload, Decimal(row["receiptAmount"]), (row.get("receivedOn") or "")[:10]
    sent = sum((Decimal(each["quantity"]) * Decimal(each["cost"]) for each in payload["items"]), Decimal(0))
    sent += Decimal(payload.get("tax") or 0) + Decimal(payload.get("shipping") or 0)
    is_sum = abs(total - sent) <= CENT * len(payload["items"])  # each line may have been rounded
    is_day = day in ("", payload["date_received"])
    return {"total": wanted.total if is_sum else total, "on": wanted.on if is_day else date.fromisoformat(day)}


def _by_item(items: Iterable[Mapping[str, Any]]) -> dict[int, Decimal]:
    quantities: dict[int, Decimal] = {}
    for item in items:
        number = item["purchaseOrderItemId"]
        quantities[number] = quantities.get(number, Decimal(0)) + Decimal(item["quantity"])
    return quantities


def _lost(sent: Row, there: Row) -> list[str]:
    """What does not read as it was sent, by the names of the request."""
    texts = {"memo": "memo", "vendorDocumentNumber": "vendorInvoiceNumber"}
    lost = [name for name, read in texts.items() if plain(sent.get(name)) != plain(there.get(read))]
    figures = {"tax": "taxAmount", "shipping": "shippingAmount"}
    lost += [name for name, read in figures.items() if not is_same_figure(sent[name], there.get(read))]
    if sent.get("jobId") not in (None, there.get("jobId")):
        lost.append("jobId")
    is_kept = all(any(map(partial(_is_same, item), there.get("items") or ())) for item in sent["items"])
    return lost if is_kept else [*lost, "items"]


def _is_same(sent: Row, there: Row) -> bool:
    named = ("purchaseOrderItemId", "skuId")
    same_figures = all(is_same_figure(sent[name], there.get(name)) for name in ("quantity", "cost"))
    return same_figures and all(sent[name] == there.get(name) for name in named)
