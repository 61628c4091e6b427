"""What the contractor buys: purchase orders, what was received of them, and the bills of both kinds.

A bill of a purchase order lists items; a stand-alone one (a subcontractor, fuel) has expense lines on jobs and
business units. Figures add up: billAmount = items or expenses + tax + shipping.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from st_erp_pipelines.sandbox import contractor_lists as lists
from st_erp_pipelines.sandbox.contractor_bills import Bills, address_of, exported_or
from st_erp_pipelines.sandbox.contractor_invoices import any_unit
from st_erp_pipelines.sandbox.contractor_office import Office, Wire, midnight, number, rounded
from st_erp_pipelines.sandbox.contractor_stock import ORDER_TYPE, WAREHOUSE


@dataclass
class Buyer:
    """Draws what is bought; `work` are the jobs that it is bought for."""

    office: Office
    vendors: Sequence[Wire]
    skus: Sequence[Wire]
    work: Sequence[Wire]
    made: dict[str, list[Wire]] = field(default_factory=lambda: {"purchase_orders": [], "receipts": [], "ap_bills": []})

    def buy(self, orders: int, bills: int) -> dict[str, list[Wire]]:
        """purchase_orders, receipts and ap_bills: years of them, the window's share larger."""
        writer = Bills(self.office, self.vendors, self.work)
        for _ in range(orders):
            on = self._day()
            order = self._order(on)
            self.made["purchase_orders"].append(order)
            if order["status"] in ("PartiallyReceived", "Received", "Exported"):
                self._receive(order, min(on + timedelta(days=3), self.office.today), writer)
        self.made["ap_bills"] += [writer.standalone(self._day()) for _ in range(bills)]
        return self.made

    def _day(self) -> date:
        office = self.office
        if office.chance(0.4):
            return office.day_between(office.start, office.today)
        return office.day_between(office.oldest, office.start - timedelta(days=1))

    def _order(self, on: date) -> Wire:
        office = self.office
        old = on < office.start - timedelta(days=20)
        weights = [0, 0, 1, 2, 90, 7] if old else [10, 15, 15, 45, 5, 10]
        words = ["Pending", "Sent", "PartiallyReceived", "Received", "Exported", "Canceled"]
        status = office.rng.choices(words, weights)[0]
        made = office.stamp(on, 7, 12)
        lines = [self._line(status, made) for _ in range(office.rng.randint(1, 4))]
        tax = rounded(sum((Decimal(str(line["total"])) for line in lines), Decimal()) * Decimal("0.05"))
        shipping = office.rng.choice([Decimal(0), Decimal("12.50")])
        order_id = office.next_id("purchase_order")
        job = office.rng.choice(self.work) if office.chance(0.5) else None
        return {
            "id": order_id,
            "number": str(order_id),
            "invoiceId": job["invoiceId"] if job else None,
            "jobId": job["id"] if job else None,
            "projectId": job["projectId"] if job else None,
            "status": status,
            "typeId": ORDER_TYPE,
            "vendorId": office.rng.choice(self.vendors)["id"],
            "technicianId": office.rng.choice([None, 900_003]),
            "shipTo": address_of(office),
            "businessUnitId": job["businessUnitId"] if job else any_unit(office).id,
            "inventoryLocationId": WAREHOUSE["id"],
            "batchId": None,
            "budgetCodeId": None,
            "vendorDocumentNumber": office.rng.choice(["", f"SO-{order_id % 10_000}"]),
            "date": midnight(on),
            "requiredOn": midnight(on + timedelta(days=5)),
            "sentOn": None if status == "Pending" else made,
            "receivedOn": midnight(on + timedelta(days=3)) if status in ("Received", "Exported") else None,
            "createdOn": made,
            "modifiedOn": max(made, office.stamp(min(on + timedelta(days=3), office.today), 17, 23.9)),
            "total": number(sum((Decimal(str(line["total"])) for line in lines), tax + shipping)),
            "tax": number(tax),
            "shipping": number(shipping),
            "createdById": office.rng.choice([None, 900_001]),
            "summary": office.rng.choice(["", "Truck stock", "für Baustelle", "至急"]),
            "items": lines,
            "customFields": [],
        }

    def _line(self, status: str, made: str) -> Wire:
        office = self.office
        sku = office.rng.choice(self.skus)
        quantity = Decimal(office.rng.randint(2, 12))
        received = {"PartiallyReceived": quantity - 1, "Received": quantity, "Exported": quantity}
        cost = Decimal(str(sku["primaryVendor"]["cost"]))
        return {
            "id": office.next_id("item"),
            "skuId": sku["id"],
            "description": sku["description"],
            "createdOn": made,
            "modifiedOn": made,
            "skuName": sku["displayName"] or "",
            "skuCode": sku["code"],
            "skuType": "Equipment" if "manufacturer" in sku else "Material",
            "vendorPartNumber": sku["primaryVendor"]["vendorPart"] or "",
            "quantity": number(quantity),
            "quantityReceived": number(received.get(status, Decimal(0))),
            "cost": number(cost),
            "total": number(rounded(cost * quantity)),
            "serialNumbers": [],
            "status": status,
            "chargeable": office.chance(0.5),
            "budgetCodeId": None,
        }

    def _receive(self, order: Wire, on: date, writer: Bills) -> None:
        """A bill follows, unless the office has not made it yet."""
        receipt = self._receipt(order, on)
        self.made["receipts"].append(receipt)
        if self.office.chance(0.9):
            bill = writer.procurement(order, receipt, on)
            receipt["billId"] = bill["id"]
            self.made["ap_bills"].append(bill)

    def _receipt(self, order: Wire, on: date) -> Wire:
        office = self.office
        made = office.stamp(on, 12, 16)
        receipt_id = office.next_id("receipt")
        lines = [self._received(line) for line in order["items"]]
        amount = sum((Decimal(str(line["cost"])) * Decimal(str(line["quantity"])) for line in lines), Decimal())
        return {
            "id": receipt_id,
            "active": office.chance(0.97),
            "number": str(receipt_id),
            "vendorInvoiceNumber": office.rng.choice(["", f"RE-{receipt_id % 10_000}"]),
            "createdById": office.rng.choice([None, 900_001]),
            "memo": office.rng.choice(["", "2 boxes"]),
            "purchaseOrderId": order["id"],
            "billId": None,
            "jobId": order["jobId"],
            "businessUnitId": order["businessUnitId"],
            "vendorId": order["vendorId"],
            "technicianId": None,
            "inventoryLocationId": WAREHOUSE["id"],
            "shipTo": office.rng.choice([None, order["shipTo"]]),
            "shipToDescription": "",
            "receiptAmount": number(rounded(amount) + Decimal(str(order["tax"])) + Decimal(str(order["shipping"]))),
            "taxAmount": order["tax"],
            "shippingAmount": order["shipping"],
            "receivedOn": midnight(on),
            "createdOn": made,
            "modifiedOn": max(made, order["modifiedOn"]),
            "batchId": None,
            "syncStatus": exported_or(office, on),
            "budgetCodeId": None,
            "landedCostMethod": "None",
            "otherAmount": office.rng.choice([None, 0.0]),
            "items": lines,
            "customFields": [],
        }

    def _received(self, line: Wire) -> Wire:
        account = lists.ledger_account("1400") or {}
        asset = {key: account[key] for key in ("name", "number", "type", "detailType")}
        costs = dict.fromkeys(
            ("budgetCodeId", "allocatedShipping", "allocatedTax", "allocatedOtherCosts", "fullyLandedUnitCost")
        )
        return {
            "id": self.office.next_id("item"),
            "skuId": line["skuId"],
            "name": line["skuName"],
            "code": line["skuCode"],
            "description": line["description"],
            "quantity": line["quantityReceived"],
            "cost": line["cost"],
            "generalLedgerAccount": asset,
            "costOfSaleAccount": None,
            "assetAccount": asset,
            "purchaseOrderItemId": line["id"],
            **costs,
        }
