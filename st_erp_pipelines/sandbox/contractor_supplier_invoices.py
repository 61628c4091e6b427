"""Invoices of suppliers in S/4HANA, the bills that the office entered in ServiceTitan by hand, what the field receives
later, and what is wrong with some.

A kind of what is planted is `blocked:<reason>` where the outbox tells of it, else `<result>:<cause>` of
`staging.supplier_invoice_results`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, NamedTuple

from st_erp_pipelines.sandbox.contractor_office import Office, Wire, midnight, money, rounded
from st_erp_pipelines.sandbox.contractor_orders import BY_INVOICE, CENTERS, FIELD, Orders, amount_of
from st_erp_pipelines.sandbox.contractor_suppliers import Supplier
from st_erp_pipelines.sandbox.planted import PlantedException
from st_erp_pipelines.sandbox.sap_s4hana_contractor import COMPANY_CODE, CONTROLLING_AREA, GL_ACCOUNT, TAX_CODE, TERMS

SALES_TAX = Decimal("0.0825")
FREIGHT = Decimal("12.50")
LATE = timedelta(days=10)  # posted that long ago, what was billed should have been received
RECENT = timedelta(days=4)
DIFFERENCE = Decimal("7.35")


class FieldReceipt(NamedTuple):
    """What people in ServiceTitan do after a first sync: they receive all of an order under the supplier's number, and
    write into the bill what it says, or something else."""

    order_key: str
    invoice_key: str
    number: str
    bill_amount: Decimal


@dataclass
class Invoices:
    """`rows` are seeds; `bills` are to be added to ServiceTitan's."""

    office: Office
    prefix: str
    orders: Orders
    template: Wire  # a bill of ServiceTitan without purchase order
    bill_ids: Iterator[int]
    rows: list[Wire] = field(default_factory=list)
    bills: list[Wire] = field(default_factory=list)
    receipts: list[FieldReceipt] = field(default_factory=list)
    exceptions: list[PlantedException] = field(default_factory=list)
    later: list[PlantedException] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(5_105_600_001))
    their_numbers: Iterator[int] = field(default_factory=lambda: count(10_001))

    def bill(self) -> None:
        usable = list(self.orders.usable)
        self._old()
        by_invoice = iter([row for row in usable if row["PurchaseOrderType"] == BY_INVOICE])
        self._received_by_invoice(by_invoice)
        self._that_cannot_be(by_invoice)
        for row in by_invoice:
            if self.office.chance(0.75) and row["PurchaseOrderDate"] < self.office.today:
                self.of([row])
        self._received_by_the_field([row for row in usable if row["PurchaseOrderType"] == FIELD])

    def of(self, orders: Sequence[Wire], *, part: Decimal = Decimal(1), on: date | None = None, **more: Any) -> Wire:
        """All of these orders, or a part of each line; some with tax, some with freight."""
        first = max(row["PurchaseOrderDate"] for row in orders)
        on = on or min(first + timedelta(days=self.office.rng.randint(1, 4)), self.office.today)
        items = [
            {
                "PurchaseOrder": row["PurchaseOrder"],
                "PurchaseOrderItem": item["PurchaseOrderItem"],
                "QuantityInPurchaseOrderUnit": (quantity := item["OrderQuantity"] * part),
                "SupplierInvoiceItemAmount": amount_of(item, quantity),
                "TaxCode": TAX_CODE,
            }
            for row in orders
            for item in row["to_PurchaseOrderItem"]
            if item.get("PurchasingDocumentDeletionCode") != "L"
        ]
        return self.invoice(orders[0]["Supplier"], on, items, currency=orders[0]["DocumentCurrency"], **more)

    def invoice(
        self, supplier: str, on: date, items: Sequence[Wire], accounts: Sequence[Wire] = (), *, currency: str = "USD",
        **more: Any,
    ) -> Wire:  # fmt: skip
        net = sum((row["SupplierInvoiceItemAmount"] for row in (*items, *accounts)), Decimal())
        tax = rounded(net * SALES_TAX) if self.office.chance(0.3) else Decimal(0)
        freight = FREIGHT if self.office.chance(0.2) else Decimal(0)
        taxes = [{"TaxCode": TAX_CODE, "TaxAmount": tax, "TaxBaseAmountInTransCrcy": net}] if tax else []
        row = {
            "SupplierInvoice": str(next(self.numbers)),
            "FiscalYear": str(on.year),
            "CompanyCode": COMPANY_CODE,
            "DocumentDate": on - timedelta(days=1),
            "PostingDate": on,
            "CreationDate": on,
            "SupplierInvoiceIDByInvcgParty": f"HB-{next(self.their_numbers)}",
            "InvoicingParty": supplier,
            "DocumentCurrency": currency,
            "InvoiceGrossAmount": net + tax + freight,
            "UnplannedDeliveryCost": freight,
            "PaymentTerms": TERMS,
            "to_SuplrInvcItemPurOrdRef": list(items),
            "to_SupplierInvoiceItemGLAcct": list(accounts),
            "to_SupplierInvoiceTax": taxes,
        } | more
        self.rows.append(row)
        return row

    def plant(self, kind: str, row: Wire, note: str, *, sign: int = 1, later: bool = False) -> None:
        planted = PlantedException(kind, self.key(row), sign * row["InvoiceGrossAmount"], note)
        (self.later if later else self.exceptions).append(planted)

    def key(self, row: Wire) -> str:
        """Of one that bills one order, or none."""
        orders = sorted({item["PurchaseOrder"] for item in row["to_SuplrInvcItemPurOrdRef"]})
        return "-".join((f"ST-{self.prefix}-SI", row["SupplierInvoice"], row["FiscalYear"], *orders))

    def _old(self) -> None:
        """From before go-live, and one that bills an order of before."""
        before = [row for row in self.orders.rows if row["PurchaseOrderDate"] < self.office.start - timedelta(days=5)]
        billed_late, *others = before
        for row in others:
            if self.office.chance(0.8):
                self.of([row])
        self.of([billed_late], on=self.office.start + timedelta(days=1))

    def _received_by_invoice(self, orders: Iterator[Wire]) -> None:
        """In two parts, and one over two orders of one supplier."""
        first = next(orders)
        for item in first["to_PurchaseOrderItem"]:
            item["OrderQuantity"] = Decimal(10)
        for part in (Decimal("0.4"), Decimal("0.6")):
            self.of([first], part=part, on=min(first["PurchaseOrderDate"] + timedelta(days=2), self.office.today))
        one, other = next(orders), next(orders)
        other["Supplier"] = one["Supplier"]
        self.of([one, other])

    def _that_cannot_be(self, orders: Iterator[Wire]) -> None:
        """One reason each. What is parked or reversed is none."""
        self.plant("blocked:waits_for_order", self.of([self.orders.waiting]), "its order waits for a mapping")
        self.plant("blocked:foreign_currency", self.of([self.orders.foreign]), "it is in EUR")
        made = self.of([next(orders)])
        twice = made | {"SupplierInvoice": str(next(self.numbers))}
        self.rows.append(twice)
        self.plant("blocked:double_entry", twice, f"as invoice {made['SupplierInvoice']}")
        credit = self.of([next(orders)], SupplierInvoiceIsCreditMemo="X")
        self.plant("blocked:credit_memo", credit, "a credit memo", sign=-1)
        later = self.of([next(orders)])
        later["to_SuplrInvcItemPurOrdRef"][0]["IsSubsequentDebitCredit"] = "X"
        self.plant("blocked:subsequent_debit_credit", later, "of the price alone")
        off = self.of([next(orders)])
        off["InvoiceGrossAmount"] += Decimal("3.00")
        self.plant("blocked:total_mismatch", off, "its lines do not add up")
        supplier = self.orders.suppliers.linked[2]
        self.plant("blocked:no_purchase_order", self._without_order(supplier), "nobody ordered it")
        self._by_hand(self._without_order(supplier), supplier)
        self.of([next(orders)], SupplierInvoiceStatus="A")
        gone = self.of([next(orders)])
        reverses = {"ReverseDocument": gone["SupplierInvoice"], "ReverseDocumentFiscalYear": gone["FiscalYear"]}
        reversal = {"SupplierInvoice": str(next(self.numbers)), "SupplierInvoiceIsCreditMemo": "X", "IsReversal": True}
        self.rows.append(gone | reverses | reversal)
        gone["IsReversed"] = True

    def _without_order(self, supplier: Supplier) -> Wire:
        on = self.office.day_between(self.office.start, self.office.today)
        line = {"GLAccount": GL_ACCOUNT, "CostCenter": CENTERS[1], "ControllingArea": CONTROLLING_AREA,
                "SupplierInvoiceItemAmount": self.office.cents(40, 600), "DebitCreditCode": "S"}  # fmt: skip
        return self.invoice(supplier.number, on, [], [line])

    def _received_by_the_field(self, orders: Sequence[Wire]) -> None:
        """Until now the office entered bills by hand, of one with another amount; it forgot one. The field receives the
        rest later, if it does."""
        linked = {each.number: each for each in self.orders.suppliers.linked}
        mine = [row for row in orders if row["Supplier"] in linked]
        late = [row for row in mine if row["PurchaseOrderDate"] <= self.office.today - LATE]
        for at, row in enumerate(late[:8]):
            made = self.of([row], on=self.office.today - LATE)
            if at == 1:
                self.plant("bill_missing:no_receipt", made, "neither received nor entered")
            else:
                self._by_hand(made, linked[row["Supplier"]], DIFFERENCE if at == 0 else Decimal(0))
        recent = [row for row in mine if row not in late and row["PurchaseOrderDate"] < self.office.today]
        for at, row in enumerate(recent[:8]):
            made = self.of([row], on=max(row["PurchaseOrderDate"], self.office.today - RECENT))
            key = f"ST-{self.prefix}-PO-{row['PurchaseOrder']}"
            amount = made["InvoiceGrossAmount"] + DIFFERENCE if at == 0 else made["InvoiceGrossAmount"]
            number = made["SupplierInvoiceIDByInvcgParty"]
            self.receipts.append(FieldReceipt(key, self.key(made), number, amount))
            if at == 0:
                self.plant("discrepancy:amount_differs", made, f"billed with {DIFFERENCE} more", later=True)

    def _by_hand(self, row: Wire, supplier: Supplier, more: Decimal = Decimal(0)) -> None:
        assert supplier.vendor
        amount = money(row["InvoiceGrossAmount"] + more)
        on, stamp = row["PostingDate"], self.office.stamp(row["PostingDate"], 16, 18)
        line = self.template["expenseItems"][0] | {"amount": amount}
        own = {"id": next(self.bill_ids), "referenceNumber": row["SupplierInvoice"], "billDate": midnight(on)}
        self.bills.append(self.template | own | {
            "vendor": {"id": supplier.vendor["id"], "name": supplier.vendor["name"]},
            "vendorNumber": row["SupplierInvoiceIDByInvcgParty"], "billAmount": amount, "vendorInvoiceTotal": None,
            "taxAmount": "0.00", "shippingAmount": "0.00", "syncStatus": "Posted", "status": "Unreconciled",
            "postDate": midnight(on), "dueDate": midnight(on + timedelta(days=30)), "createdOn": stamp,
            "modifiedOn": stamp, "dateCanceled": None, "canceledBy": None, "dateReconciled": None,
            "expenseItems": [line],
        })  # fmt: skip
        if more:
            self.plant("discrepancy:amount_differs", row, f"entered by hand with {more} more")
