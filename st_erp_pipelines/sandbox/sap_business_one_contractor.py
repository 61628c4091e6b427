"""The contractor's books in SAP Business One: the same people, documents and quirks as in his Business Central company
(contractor_company.py), in the words of a US database.

Accounts are segmented, as in most US companies: what the accountant calls 40100 is the FormatCode, and documents want
the code behind it. Departments are profit centres with their distribution rules, tax goes by county.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from st_erp_pipelines.sandbox.contractor import Contractor
from st_erp_pipelines.sandbox.contractor_company import COMPANY
from st_erp_pipelines.sandbox.contractor_lists import ZONES
from st_erp_pipelines.sandbox.contractor_office import Wire
from st_erp_pipelines.sandbox.planted import PREFIX, PlantedException

CONTROL, BANK, CARDS = "10300", "10100", "10110"
TERMS = {"COD": (1, 0), "15 DAYS": (2, 15), "30 DAYS": (3, 30)}
TAX_CODES = {"23110": "ILCOOK", "23120": "ILDUPAGE", "23130": "ILLAKE"}  # by liability account
EXEMPT = "EXEMPT"
CHECK_BANK = "021000021"
ACCOUNT_TYPES = {"Income": "at_Revenues", "Expense": "at_Expenses"}
KEY_TABLES = ("OINV", "ORCT", "OCRD", "OJDT")


def sap_business_one_company(books: Wire, *, name: str = COMPANY, prefix: str = PREFIX) -> Wire:
    """`books` is `Contractor.business_central`; customers and references that carry a connection's `key_prefix` there
    carry `prefix` here. What Business One has no counterpart for (a missing posting group, a batch of payment lines)
    is left out."""
    codes = account_codes(books)
    open_from = date.fromisoformat(books["setup"]["allowPostingFrom"])
    return {
        "company": {"name": name, "time_zone": "America/Chicago"},
        "receivables_account": codes[CONTROL],
        "tax_account": codes["23110"],
        "cash_account": codes[BANK],
        "check_account": codes[BANK],
        "default_tax_code": EXEMPT,
        "payment_terms": 1,
        "banks": [CHECK_BANK],
        "ChartOfAccounts": [_account(codes, row) for row in books["accounts"]],
        "SalesTaxCodes": _tax_codes(codes),
        "PaymentTermsTypes": [
            {"GroupNumber": number, "PaymentTermsGroupName": name, "NumberOfAdditionalDays": days}
            for name, (number, days) in TERMS.items()
        ],
        "BusinessPartnerGroups": [{"Code": 100, "Name": "Customers"}],
        "Currencies": [{"Code": code, "Name": code} for code in ("USD", "CAD", "EUR")],
        "CreditCards": [{"CreditCardCode": 1, "CreditCardName": "Card", "GLAccount": codes[CARDS]}],
        "UserFieldsMD": [_key_field(table) for table in KEY_TABLES],
        "BusinessPartners": [_partner(row, prefix) for row in books["customers"]],
        "documents": [_document(codes, row, prefix) for row in books["posted"]],
        "periods": [
            {"from": "2000-01-01", "to": (open_from - timedelta(days=1)).isoformat(), "status": "ltLocked"},
            {"from": open_from.isoformat(), "to": "2099-12-31", "status": "ltUnlocked"},
        ],
    } | _cost_accounting(books)


def account_codes(books: Wire) -> dict[str, str]:
    """The codes behind the numbers that people see."""
    return {row["number"]: f"_SYS{at:011d}" for at, row in enumerate(books["accounts"], 1)}


def _account(codes: Mapping[str, str], row: Wire) -> Wire:
    number = row["number"]
    return {
        "Code": codes[number],
        "FormatCode": number,
        "Name": row["displayName"],
        "AccountType": ACCOUNT_TYPES.get(row["category"], "at_Other"),
        "LockManualTransaction": _yes(number == CONTROL),
        "FrozenFor": _yes(row["blocked"]),
        "CashAccount": _yes(number in (BANK, CARDS)),
    }


def _yes(value: bool) -> str:
    return "tYES" if value else "tNO"


def _tax_codes(codes: Mapping[str, str]) -> list[Wire]:
    zones = [
        {
            "Code": TAX_CODES[zone.liability_account],
            "Name": zone.name,
            "Rate": zone.rate * 100,
            "_account": codes[zone.liability_account],
        }
        for zone in ZONES
        if zone.liability_account
    ]
    return [*zones, {"Code": EXEMPT, "Name": "Exempt", "Rate": Decimal(0)}]


def _cost_accounting(books: Wire) -> Wire:
    values = {dimension["code"]: dimension["values"] for dimension in books["dimensions"]}
    departments: Sequence[Wire] = values["DEPARTMENT"]
    return {
        "Dimensions": [{"DimensionCode": 1, "DimensionName": "Department", "DimensionDescription": "Department"}],
        "ProfitCenters": [{"CenterCode": row["code"], "CenterName": row["displayName"]} for row in departments],
        "DistributionRules": [
            {"FactorCode": row["code"], "FactorDescription": row["displayName"]} for row in departments
        ],
        "Projects": [{"Code": row["code"], "Name": row["displayName"]} for row in values["PROJECT"]],
    }


def _key_field(table: str) -> Wire:
    """What the set-up guide asks of an administrator."""
    field = {"Name": "STKey", "Description": "ServiceTitan key", "Type": "db_Alpha", "Size": 50}
    return {"TableName": table, **field}


def planted_there(contractor: Contractor, prefix: str = PREFIX) -> list[PlantedException]:
    """What goes wrong in Business One, too; nothing there can lack a posting group."""
    known = [each for each in contractor.exceptions if each.kind != "rejected:missing_posting_group"]
    return [replace(each, key=_prefixed(each.key, prefix)) for each in known]


def _prefixed(text: str, prefix: str) -> str:
    """Of an invoice, a customer, a part of a payment."""
    return re.sub(rf"^(ST-?|){PREFIX}(-|P\d)", rf"\g<1>{prefix}\g<2>", text)


def _partner(row: Wire, prefix: str) -> Wire:
    address = {
        "AddressName": "Bill to",
        "AddressType": "bo_BillTo",
        "Street": row["addressLine1"],
        "Block": row["addressLine2"],
        "City": row["city"],
        "State": row["state"],
        "ZipCode": row["postalCode"],
        "Country": "US",
    }
    return {
        "CardCode": _prefixed(row["number"], prefix),
        "CardName": row["displayName"],
        "CardType": "cCustomer",
        "Phone1": row["phoneNumber"] or None,
        "EmailAddress": row["email"] or None,
        "Frozen": _yes(row["blocked"] == "All"),
        "Valid": _yes(row["blocked"] != "All"),
        "BPAddresses": [address],
    }


def _document(codes: Mapping[str, str], row: Wire, prefix: str) -> Wire:
    """A service invoice, or the draft of one; a draft counts for nothing in the journal."""
    body: dict[str, Any] = {
        "DocType": "dDocument_Service",
        "CardCode": _prefixed(row["customerNumber"], prefix),
        "NumAtCard": _prefixed(row["externalDocumentNumber"], prefix) or None,
        "DocDate": row["postingDate"],
        "TaxDate": row["invoiceDate"],
        "DocumentLines": [_line(codes, line) for line in row["lines"]],
    }
    if row["status"] == "posted":
        return {"set": "Invoices", "body": body}
    return {"set": "Drafts", "body": body | {"DocObjectCode": "oInvoices"}}


def _line(codes: Mapping[str, str], line: Wire) -> Wire:
    return {
        "ItemDescription": line["description"],
        "AccountCode": codes[line["accountNumber"]],
        "LineTotal": line["quantity"] * line["unitPrice"],
        "TaxCode": EXEMPT,
    }
