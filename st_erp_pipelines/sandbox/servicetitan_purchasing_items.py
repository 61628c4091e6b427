"""The items of purchase orders: what may be bought, what it costs, and how far it is received.

Items that are no longer active stay in the private member INACTIVE of their order. The words of an item's status
are not established: here they are the order's.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import chain, count
from typing import Any

from st_erp_pipelines.sandbox.contractor_office import number, rounded
from st_erp_pipelines.sandbox.servicetitan_books import Books, check
from st_erp_pipelines.sandbox.servicetitan_records import Record

ORDERS, REQUESTS, RECEIPTS, BILLS = "purchase_orders", "purchase_order_requests", "receipts", "ap_bills"
INACTIVE = "_inactiveItems"
LOCKED = ("Exported", "Canceled")
BOUGHT = {"materials": "Material", "equipment": "Equipment"}


def exact(value: Any) -> Decimal:
    """A JSON number, as it was written."""
    return Decimal(str(value))


def next_id(books: Books, entity: str) -> int:
    return int(max(books.tables[entity].records, default=0)) + 1


def item_ids(books: Books) -> Iterator[int]:
    """Ids that no item of any of these documents has."""
    rows = chain.from_iterable(books.tables[entity].records.values() for entity in (ORDERS, REQUESTS, RECEIPTS, BILLS))
    used = (item["id"] for row in rows for item in chain(row.get("items") or (), row.get(INACTIVE, ())))
    return count(max(used, default=0) + 1)


def sku_of(books: Books, key: int, where: str) -> tuple[str, Record]:
    """The kind and the record of an active material or equipment; 400 for anything else."""
    found = ((kind, books.tables[entity].records.get(key)) for entity, kind in BOUGHT.items())
    active = [(kind, record) for kind, record in found if record and record["active"]]
    check(bool(active), where, f"SKU with ID {key} is not an active material or equipment.")
    return active[0]


def order_item(books: Books, key: int, sent: Record, where: str) -> Record:
    """A new item; `where` names it in what is refused."""
    kind, sku = sku_of(books, sent["skuId"], f"{where}.skuId")
    now = books.now()
    return {
        "id": key,
        "skuId": sku["id"],
        "description": sent["description"] or "",
        "createdOn": now,
        "modifiedOn": now,
        "skuName": sku["displayName"] or "",
        "skuCode": sku["code"],
        "skuType": kind,
        "vendorPartNumber": sent["vendorPartNumber"] or "",
        "quantity": sent["quantity"],
        "quantityReceived": 0.0,
        "cost": sent["cost"],
        "total": 0.0,
        "serialNumbers": [],
        "status": "Pending",
        "chargeable": bool(sku.get("chargeableByDefault")),
        "budgetCodeId": sent["budgetCodeId"],
    }


def amount_of(item: Record) -> Decimal:
    return rounded(exact(item["quantity"]) * exact(item["cost"]))


def figured(order: Record) -> Record:
    """With the totals of the items and of the order, tax and shipping included."""
    items = [item | {"total": number(amount_of(item))} for item in order["items"]]
    total = sum(map(amount_of, items), exact(order["tax"]) + exact(order["shipping"]))
    return order | {"items": items, "total": number(total)}


def with_received(item: Record, more: Any) -> Record:
    return item | {"quantityReceived": number(exact(item["quantityReceived"]) + exact(more))}


def with_status(order: Record) -> Record:
    """How far it is received; an order of which nothing is, is what it was before."""
    before = "Sent" if order["sentOn"] else "Pending"
    items = [item | {"status": _word(before, [item])} for item in order["items"]]
    status = _word(before, items)
    return order | {
        "items": items,
        "status": status,
        "receivedOn": order["receivedOn"] if status == "Received" else None,
    }


def _word(before: str, items: list[Record]) -> str:
    if not any(item["quantityReceived"] for item in items):
        return before
    whole = all(item["quantityReceived"] >= item["quantity"] for item in items)
    return "Received" if whole else "PartiallyReceived"
