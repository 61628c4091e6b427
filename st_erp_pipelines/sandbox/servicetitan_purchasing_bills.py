"""The bill that ServiceTitan makes of a receipt; money is text here, as in all accounting documents.

billAmount = items + tax + shipping. Chosen: the bill is dated as the goods came and due thirty days later.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from st_erp_pipelines.sandbox.contractor_office import midnight, money, named, wire_date
from st_erp_pipelines.sandbox.servicetitan_books import Books
from st_erp_pipelines.sandbox.servicetitan_purchasing_items import (
    BILLS,
    ORDERS,
    amount_of,
    exact,
    item_ids,
    next_id,
)
from st_erp_pipelines.sandbox.servicetitan_records import Record

DUE = timedelta(days=30)


def ledger_account(books: Books, name: str | None, *, whole: bool = False) -> Record | None:
    """SKUs name their accounts; receipts show them without an id, bills (`whole`) with it."""
    found = next((row for row in books.tables["gl_accounts"].records.values() if row["name"] == name), None)
    if found is None:
        return None
    shown = {"id": found["id"]} if whole else {}
    return {**shown, "name": found["name"], "number": found["number"], "type": found["type"], "detailType": None}


def bill_of(books: Books, receipt: Record) -> Record:
    order = books.record(ORDERS, receipt["purchaseOrderId"])
    job = books.tables["jobs"].records.get(receipt["jobId"], {})
    key, now, on = next_id(books, BILLS), books.now(), wire_date(receipt["receivedOn"])
    extra = exact(receipt["taxAmount"]) + exact(receipt["shippingAmount"])
    return {
        "id": key,
        "purchaseOrderId": order["id"],
        "syncStatus": "Pending",
        "status": "Unreconciled",
        "source": "Purchasing",
        "billType": "Procurement",
        "postDate": midnight(on),
        "referenceNumber": str(key),
        "vendorNumber": receipt["vendorInvoiceNumber"] or None,
        "summary": receipt["memo"] or None,
        "billDate": midnight(on),
        "earlyDiscountDate": None,
        "billAmount": money(sum(map(amount_of, receipt["items"]), extra)),
        "vendorInvoiceTotal": None,
        "taxAmount": money(exact(receipt["taxAmount"])),
        "shippingAmount": money(exact(receipt["shippingAmount"])),
        "landedCostMethod": "None",
        "otherAmount": None,
        "createdBy": "ServiceTitan",
        "createdOn": now,
        "modifiedOn": now,
        "termName": None,
        "dueDate": midnight(on + DUE),
        "doNotPay": False,
        "dateCanceled": None,
        "canceledBy": None,
        "shipToDescription": receipt["shipToDescription"] or None,
        "batch": None,
        "businessUnit": named(books.tables["business_units"].records.get(receipt["businessUnitId"])),
        "taxZone": None,
        "vendor": named(books.tables["vendors"].records.get(receipt["vendorId"])),
        "remittanceVendorInfo": None,
        "shipTo": receipt["shipTo"],
        "budgetCodeId": receipt["budgetCodeId"],
        "items": _items(books, order, receipt),
        "expenseItems": None,
        "customFields": [],
        "jobId": receipt["jobId"],
        "jobNumber": job.get("jobNumber"),
        "dateReconciled": None,
    }


def _items(books: Books, order: Record, receipt: Record) -> list[Record]:
    of_order = {item["id"]: item for item in order["items"]}
    ids, location = item_ids(books), _location(books, receipt["inventoryLocationId"])
    return [
        _item(books, next(ids), at, of_order[line["purchaseOrderItemId"]], line) | {"inventoryLocation": location}
        for at, line in enumerate(receipt["items"])
    ]


def _item(books: Books, key: int, at: int, ordered: Record, line: Record) -> Record:
    accounts = ("generalLedgerAccount", "costOfSaleAccount", "assetAccount")
    allocated = ("allocatedTax", "allocatedShipping", "allocatedOtherCosts", "fullyLandedUnitCost")
    return {
        "order": at,
        "name": line["name"] or None,
        "description": line["description"],
        "quantity": str(exact(line["quantity"])),
        "cost": str(exact(line["cost"])),
        **dict.fromkeys(allocated),
        "vendorPartNumber": ordered["vendorPartNumber"] or None,
        "serialNumber": None,
        **{name: ledger_account(books, (line[name] or {}).get("name"), whole=True) for name in accounts},
        "id": key,
        "skuId": line["skuId"],
        "receiptItemId": line["id"],
        "skuType": ordered["skuType"],
        "skuCode": line["code"],
        "budgetCodeId": line["budgetCodeId"],
    }


def _location(books: Books, key: Any) -> Record | None:
    for entity, kind in (("warehouses", "Warehouse"), ("trucks", "Truck")):
        if found := books.tables[entity].records.get(key):
            return {"id": key, "name": found["name"], "type": kind}
    return None
