"""Bills of vendors as ServiceTitan shows them; money is text here, as in all accounting documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from st_erp_pipelines.sandbox import contractor_lists as lists
from st_erp_pipelines.sandbox.contractor_lists import Account
from st_erp_pipelines.sandbox.contractor_office import Office, Wire, midnight, money, named, rounded

# Beside lists.ACCOUNTS: what only bills and deposits name, so that nobody maps it for invoices.
EXPENSES = (
    Account(521, "6100", "Subcontractors", "Expense", "", ""),
    Account(522, "6200", "Vehicle Fuel", "Expense", "", ""),
    Account(523, "6300", "Permits & Fees", "Expense", "", ""),
    Account(524, "2000", "Accounts Payable", "Accounts Payable", "", ""),
    Account(525, "1010", "Operating Bank", "Bank", "", ""),
    Account(526, "6900", "Card Processing Fees", "Expense", "", ""),
)
EXPENSE_LINES = EXPENSES[:3]
BANK, FEES = EXPENSES[4:]


def account_of(account: Account) -> Wire:
    shown = {"id": account.id, "name": account.name, "number": account.number, "type": account.type}
    return shown | {"detailType": None}


def ledger_accounts(office: Office) -> list[Wire]:
    """The rows of the chart of accounts for EXPENSES."""
    made = office.stamp(office.oldest)
    flags = {"active": True, "isIntacctGroup": False, "isIntacctBankAccount": False, "source": "ManuallyCreated"}
    return [
        {"id": account.id, "name": account.name, "number": account.number, "description": None, "type": account.type}
        | {"subtype": account.type, **flags}
        | {"defaultAccountType": "AccountsPayable" if account.number == "2000" else None}
        | {"createdOn": made, "modifiedOn": made}
        for account in EXPENSES
    ]


def address_of(office: Office) -> Wire:
    street = f"{office.rng.randint(1, 990)} W Lake St"
    unit = office.rng.choice([None, ""])
    return {"street": street, "unit": unit, "city": "Chicago", "state": "IL", "zip": "60606", "country": "USA"}


def exported_or(office: Office, on: date) -> str:
    """What is old went to an accounting system long ago; a few of the rest the office has not posted yet."""
    if on < office.start - timedelta(days=10):
        return "Exported"
    return "Pending" if office.chance(0.08) else "Posted"


class Bills:
    """Makes bills; `work` are the jobs that expenses are booked on."""

    def __init__(self, office: Office, vendors: Sequence[Wire], work: Sequence[Wire]) -> None:
        self._office = office
        self._vendors = {vendor["id"]: vendor for vendor in vendors}
        self._work = work

    def procurement(self, order: Wire, receipt: Wire, on: date) -> Wire:
        items = [self._item(at, line, received) for at, (line, received) in enumerate(_pairs(order, receipt))]
        goods = sum((rounded(Decimal(item["quantity"]) * Decimal(item["cost"])) for item in items), Decimal())
        job = next((job for job in self._work if job["id"] == order["jobId"]), None) if order["jobId"] else None
        bill = self._bill(self._vendors[order["vendorId"]], on, goods, order["tax"], order["shipping"])
        return bill | {
            "purchaseOrderId": order["id"],
            "source": "Purchasing",
            "billType": "Procurement",
            "vendorNumber": receipt["vendorInvoiceNumber"] or None,
            "businessUnit": _unit(order["businessUnitId"]),
            "items": items,
            "expenseItems": self._office.rng.choice([None, []]),
            "jobId": order["jobId"],
            "jobNumber": job["jobNumber"] if job else None,
            "shipTo": order["shipTo"],
        }

    def standalone(self, on: date) -> Wire:
        """Without a purchase order: expense lines alone."""
        office = self._office
        lines = [self._expense() for _ in range(office.rng.randint(1, 4))]
        amount = sum((Decimal(line["amount"]) for line in lines), Decimal())
        bill = self._bill(office.rng.choice(list(self._vendors.values())), on, amount, 0, 0)
        return bill | {
            "source": office.rng.choices(["Standalone", "OCR", "Recurring"], [80, 12, 8])[0],
            "billType": "ApBill",
            "vendorNumber": f"{office.rng.choice(['INV', 'R', '№'])}-{office.rng.randint(100, 99_999)}",
            "items": office.rng.choice([None, []]),
            "expenseItems": lines,
        }

    def _bill(self, vendor: Wire, on: date, goods: Decimal, tax: float, shipping: float) -> Wire:
        office = self._office
        total = goods + Decimal(str(tax)) + Decimal(str(shipping))
        canceled = office.chance(0.03)
        discrepancy = not canceled and office.chance(0.05)
        billed = total + (Decimal("3.10") if discrepancy else 0)
        made = office.stamp(on, 8, 16)
        touched = office.day_between(office.start, office.today) if office.chance(0.1) else on
        word = "Canceled" if canceled else "Discrepancy" if discrepancy else "Reconciled"
        bill_id = office.next_id("bill")
        return {
            "id": bill_id,
            "purchaseOrderId": None,
            "syncStatus": exported_or(office, on),
            "status": word if office.chance(0.8) or canceled else "Unreconciled",
            "source": "",
            "billType": "",
            "postDate": midnight(on),
            "referenceNumber": str(bill_id),
            "vendorNumber": None,
            "summary": office.rng.choice([None, "<p>Fuel &amp; tolls</p>", "Monatsrechnung"]),
            "billDate": midnight(on),
            "earlyDiscountDate": None,
            "billAmount": money(total),
            "vendorInvoiceTotal": office.rng.choice([None, money(billed)]) if not discrepancy else money(billed),
            "taxAmount": money(Decimal(str(tax))),
            "shippingAmount": money(Decimal(str(shipping))),
            "landedCostMethod": "None",
            "otherAmount": office.rng.choice([None, "0.00"]),
            "createdBy": "office",
            "createdOn": made,
            "modifiedOn": max(made, office.stamp(max(on, touched), 16, 23.9)),
            "termName": office.rng.choice([None, "Net 30"]),
            "dueDate": midnight(on + timedelta(days=30)),
            "doNotPay": office.chance(0.02),
            "dateCanceled": made if canceled else None,
            "canceledBy": {"id": 900_001, "name": "office"} if canceled else None,
            "shipToDescription": None,
            "batch": None,
            "businessUnit": None,
            "taxZone": None,
            "vendor": named(vendor),
            "remittanceVendorInfo": None,
            "shipTo": None,
            "budgetCodeId": None,
            "items": None,
            "expenseItems": None,
            "customFields": office.rng.choice([None, []]),
            "jobId": None,
            "jobNumber": None,
            "dateReconciled": midnight(on) if word == "Reconciled" else None,
        }

    def _item(self, at: int, line: Wire, received: Wire) -> Wire:
        allocated = dict.fromkeys(("allocatedTax", "allocatedShipping", "allocatedOtherCosts", "fullyLandedUnitCost"))
        return {
            "order": at,
            "name": line["skuName"] or None,
            "description": line["description"],
            "quantity": f"{received['quantity']:.2f}",
            "cost": f"{line['cost']:.2f}",
            **allocated,
            "inventoryLocation": {"id": 8201, "name": "Main warehouse", "type": "Warehouse"},
            "vendorPartNumber": line["vendorPartNumber"] or None,
            "serialNumber": None,
            "generalLedgerAccount": lists.ledger_account("1400"),
            "costOfSaleAccount": lists.ledger_account("5000"),
            "assetAccount": lists.ledger_account("1400"),
            "id": self._office.next_id("item"),
            "skuId": line["skuId"],
            "receiptItemId": received["id"],
            "skuType": line["skuType"],
            "skuCode": line["skuCode"],
            "budgetCodeId": None,
        }

    def _expense(self) -> Wire:
        office = self._office
        job = office.rng.choice(self._work) if office.chance(0.6) else None
        unit = job["businessUnitId"] if job else office.rng.choice(lists.UNITS[:6]).id
        return {
            "id": office.next_id("item"),
            "amount": money(office.cents(15, 1800)),
            "description": office.rng.choice([None, "Crane, half day", "Diesel", "Kernbohrung", "許可証"]),
            "generalLedgerAccount": account_of(office.rng.choice(EXPENSE_LINES)),
            "job": {"id": job["id"], "name": job["jobNumber"]} if job else None,
            "businessUnit": None if office.chance(0.05) else _unit(unit),
            "budgetCodeId": None,
            "projectLabelIds": None,
        }


def _pairs(order: Wire, receipt: Wire) -> list[tuple[Wire, Wire]]:
    return list(zip(order["items"], receipt["items"], strict=True))


def _unit(unit_id: int) -> Wire | None:
    return next(({"id": unit.id, "name": unit.name} for unit in lists.UNITS if unit.id == unit_id), None)
