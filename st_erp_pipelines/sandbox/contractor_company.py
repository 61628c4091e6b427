"""The ERP side on the first day: a Business Central company with its own customers, documents and people.

Amounts here are Decimal, options are spelled as on the wire (`_x0020_` is blank). Keys that begin with `_`
are the sandbox's own: `_missing_posting_group` on a customer, `_percent` on a tax group.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from st_erp_pipelines.sandbox.contractor_lists import ACCOUNTS, UNITS, ZONES
from st_erp_pipelines.sandbox.contractor_office import Office, Wire, wire_date

COMPANY = "Northwind HVAC"
ACCOUNT_NAMES = {
    "10100": ("Operating Bank, Lockbox", "Assets"),
    "10110": ("Card Clearing", "Assets"),
    "10300": ("Accounts Receivable", "Assets"),
    "23110": ("Sales Tax Payable, Cook", "Liabilities"),
    "23120": ("Sales Tax Payable, DuPage", "Liabilities"),
    "23130": ("Sales Tax Payable, Lake", "Liabilities"),
    "30100": ("Retained Earnings", "Equity"),
    "40100": ("HVAC Service Revenue", "Income"),
    "40150": ("Installation Revenue", "Income"),
    "40200": ("Plumbing Revenue", "Income"),
    "40250": ("Drain Revenue", "Income"),
    "40300": ("Electrical Revenue", "Income"),
    "40400": ("Equipment Sales", "Income"),
    "40500": ("Material Sales", "Income"),
    "40900": ("Discounts Given", "Income"),
    "50100": ("Cost of Materials", "Cost_x0020_of_x0020_Goods_x0020_Sold"),
    "60100": ("Payroll", "Expense"),
}
JOURNALS = {
    "STPAYA": ("ServiceTitan payments", "10100"),
    "STPAYB": ("ServiceTitan payments", "10100"),
    "STCARDA": ("ServiceTitan cards", "10110"),
    "STCARDB": ("ServiceTitan cards", "10110"),
    "STDRAFT": ("ServiceTitan drafts", "10100"),
    "JANE": ("Jane, by hand", "10100"),
}
PAYMENT_TERM_NAMES = {"COD": "Cash on delivery", "15 DAYS": "Net 15 days", "30 DAYS": "Net 30 days"}


def company(office: Office, customers: Sequence[Wire]) -> Wire:
    """The seed of a company that has been in use, without anything planted yet."""
    own = [own_customer(f"C{number:05d}", customer) for number, customer in enumerate(customers, 10)]
    return {
        "company": {"id": str(uuid.UUID(int=office.rng.getrandbits(128), version=4)), "name": COMPANY},
        "setup": {
            "allowPostingFrom": office.books_open_from.isoformat(),
            "allowPostingTo": "0001-01-01",
            "localCurrencyCode": "USD",
            "shortcutDimension1Code": "DEPARTMENT",
            "shortcutDimension2Code": "PROJECT",
        },
        "receivables_account": "10300",
        "accounts": _accounts(),
        "dimensions": _dimensions(),
        "customers": own,
        "items": [_item("WARRANTY", "Warranty parts"), _item("MISC", "Miscellaneous")],
        "paymentTerms": _coded(PAYMENT_TERM_NAMES),
        "paymentMethods": _coded({"CARD": "Card", "CHECK": "Check", "CASH": "Cash", "BANK": "Bank transfer"}),
        "taxAreas": _coded({"CHICAGO, IL": "Chicago, Illinois", "DUPAGE, IL": "DuPage, Illinois"}),
        "taxGroups": [
            {"code": "NONTAXABLE", "displayName": "Nontaxable", "_percent": Decimal(0)},
            {"code": "TAXABLE", "displayName": "Taxable", "_percent": Decimal("10.25")},
        ],
        "currencies": _coded({"CAD": "Canadian dollar", "EUR": "Euro"}),
        "journals": [
            {"code": code, "displayName": name, "balancingAccountNumber": account}
            for code, (name, account) in JOURNALS.items()
        ],
        "posted": [_own_document(office, own, at) for at in range(40)],
        "other_lines": [_line_of_a_person(office, own[0])],
    }


def _coded(names: dict[str, str]) -> list[Wire]:
    return [{"code": code, "displayName": name} for code, name in names.items()]


def _accounts() -> list[Wire]:
    mapped = {account.target_number for account in ACCOUNTS if account.target_type == "account"}
    mapped |= {zone.liability_account for zone in ZONES} | {unit.account for unit in UNITS}
    missing = mapped - {""} - ACCOUNT_NAMES.keys()
    assert not missing, f"mapped to accounts that the company lacks: {missing}"
    return [
        {
            "number": number,
            "displayName": name,
            "category": category,
            "accountType": "Posting",
            "directPosting": number != "10300",
            "blocked": False,
        }
        for number, (name, category) in ACCOUNT_NAMES.items()
    ]


def _dimensions() -> list[Wire]:
    departments = {unit.dimension_value: unit.name for unit in UNITS if unit.dimension_value}
    projects = {"P-1001": "Lakeview retrofit", "P-1002": "School district"}
    return [
        {"code": "DEPARTMENT", "displayName": "Department", "values": _coded(departments)},
        {"code": "PROJECT", "displayName": "Project", "values": _coded(projects)},
    ]


def _item(number: str, name: str) -> Wire:
    return {
        "number": number,
        "displayName": name,
        "type": "Non_x002D_Inventory",
        "blocked": False,
        "unitPrice": Decimal(0),
        "taxGroupCode": "NONTAXABLE",
        "generalProductPostingGroupCode": "SERVICES",
        "baseUnitOfMeasureCode": "EA",
    }


def own_customer(number: str, customer: Wire, *, blocked: str = "_x0020_") -> Wire:
    """A customer of the company with the name and address of one in ServiceTitan."""
    address = customer["address"]
    return {
        "number": number,
        "displayName": customer["name"].strip()[:100],
        "type": "Company" if customer["type"] == "Commercial" else "Person",
        "addressLine1": address["street"],
        "addressLine2": address["unit"] or "",
        "city": address["city"],
        "state": address["state"],
        "postalCode": address["zip"],
        "country": "US",
        "phoneNumber": "",
        "email": "",
        "blocked": blocked,
        "_missing_posting_group": False,
    }


def document(key: str, customer_number: str, on: date, total: Decimal, *, status: str = "posted") -> Wire:
    """An invoice entered by a person, on one line."""
    line = {
        "sequence": 10000,
        "accountNumber": "40100",
        "description": "Service, entered by hand",
        "quantity": Decimal(1),
        "unitPrice": total,
    }
    return {
        "type": "invoice",
        "status": status,
        "externalDocumentNumber": key,
        "customerNumber": customer_number,
        "invoiceDate": on.isoformat(),
        "postingDate": on.isoformat(),
        "lines": [line],
    }


def copy_of(invoice: Wire, key: str, customer_number: str, *, status: str = "posted") -> Wire:
    """What a person typed off a ServiceTitan invoice: same date, same total."""
    on, total = wire_date(invoice["invoiceDate"]), Decimal(invoice["total"])
    return document(key, customer_number, on, total, status=status)


def _own_document(office: Office, customers: Sequence[Wire], at: int) -> Wire:
    """The company's other business; no reference of ours, some of them without any."""
    on = office.day_between(office.start - timedelta(days=200), office.today)
    key = "" if at % 5 == 0 else f"PO-{4711 + at}"
    status = "draft" if at % 8 == 0 else "posted"
    return document(key, office.rng.choice(customers)["number"], on, office.cents(50, 9000), status=status)


def _line_of_a_person(office: Office, customer: Wire) -> Wire:
    """An open line in a batch that is none of ours."""
    return {
        "journal": "JANE",
        "customerNumber": customer["number"],
        "postingDate": office.today.isoformat(),
        "documentNumber": "LOCKBOX-1",
        "externalDocumentNumber": "",
        "amount": Decimal("-250.00"),
        "description": "Lockbox, to be checked",
    }
