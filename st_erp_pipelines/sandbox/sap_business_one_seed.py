"""From a seed to a company in memory, and the hand of a person in it.

"company": {"name", "time_zone"}
"<entity set>": rows as on the wire, of any set that has no documents in it; `_account` of a sales tax code
"periods": [{"from", "to", "status"}], status as in PeriodStatusEnum
"documents": [{"set", "body"}], what people entered before, in order; locked periods do not stop these
and any of SETTINGS.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from st_erp_pipelines.sandbox import sap_business_one_documents as documents
from st_erp_pipelines.sandbox import sap_business_one_ledger as ledger
from st_erp_pipelines.sandbox import sap_business_one_payments as payments
from st_erp_pipelines.sandbox import sap_business_one_refusals as refusals
from st_erp_pipelines.sandbox import sap_business_one_services as services
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_business_one_company import Company
from st_erp_pipelines.sandbox.sap_business_one_requests import ACT, CHANGE, CREATE, CompanyApi

STATES = [
    "AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "DC", "FL", "GA", "HI", "ID", "IL", "IN", "IA", "KS",
    "KY", "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT", "NE", "NV", "NH", "NJ", "NM", "NY", "NC",
    "ND", "OH", "OK", "OR", "PA", "RI", "SC", "SD", "TN", "TX", "UT", "VT", "VA", "WA", "WV", "WI", "WY",
]  # fmt: skip
# What no entity set shows, or an administrator decides.
SETTINGS: dict[str, Any] = {
    "country": "US",
    "currency": "USD",
    "countries": {"US": STATES, "CA": [], "MX": []},  # and the states of each; none: any
    "receivables_account": "",
    "tax_account": "",
    "cash_account": None,
    "check_account": None,
    "default_tax_code": "",
    "partner_group": 100,
    "payment_terms": -1,
    "banks": [],  # with a house bank account
    "branches": [],  # of a company with several: a document has to name one
    "approval_above": {},  # total by entity set: what is above becomes a draft
    "payments_touch_documents": True,  # whether a payment is an update of its invoice
    "next_link_loses_filter": False,
    "broken_nodes": [],
    "forbidden": [],  # to the user, as "POST Invoices"
    "scripts": {},  # text by entity set: a rule of the company's own that refuses what is new there
}
DEFAULTS: dict[str, Row] = {
    "ChartOfAccounts": {
        "AccountType": "at_Other", "ActiveAccount": "tYES", "LockManualTransaction": "tNO", "FrozenFor": "tNO",
        "BlockManualPosting": "tNO", "CashAccount": "tNO", "ValidFor": "tNO", "AcctCurrency": "##",
    },
    "Projects": {"Active": "tYES"},
    "ProfitCenters": {"InWhichDimension": 1, "Active": "tYES"},
    "DistributionRules": {"InWhichDimension": 1, "Active": "tYES", "TotalFactor": 100},
    "Dimensions": {"IsActive": "tYES"},
    "PaymentTermsTypes": {"StartFrom": "pdt_None", "NumberOfAdditionalDays": 0, "NumberOfInstallments": 1},
    "SalesTaxCodes": {"ValidForAR": "tYES", "ValidForAP": "tNO", "Freight": "tNO", "Inactive": "tNO"},
    "VatGroups": {"Category": "bovcOutputTax", "Inactive": "tNO"},
    "BusinessPartnerGroups": {"Type": "bbpgt_CustomerGroup"},
}  # fmt: skip
FIRST_NUMBER = 4700  # of each series; invoices, credit notes and payments share numbers, as in real companies
LATER = ("BusinessPartners", "UserFieldsMD", "UserTablesMD")


def build(seed: Row) -> Company:
    company = Company(seed["company"]["name"], seed["company"].get("time_zone", "America/Chicago"))
    company.setup = {name: seed.get(name, default) for name, default in SETTINGS.items()}
    for name in company.sets:
        if name not in LATER:
            for values in seed.get(name, []):
                _add(company, name, DEFAULTS.get(name, {}) | values)
    for name in LATER:
        for values in seed.get(name, []):
            CREATE[name](company, values)
    company.restart()
    for name in ("Invoices", "CreditNotes", "IncomingPayments", "VendorPayments"):
        company.counters[f"{name} number"] = FIRST_NUMBER  # so that a number is never an entry
    periods = seed.get("periods", [])
    set_periods(company, [period | {"status": "ltUnlocked"} for period in periods])
    for entered in seed.get("documents", []):
        enter(company, entered)
    set_periods(company, periods)
    return company


def _add(company: Company, name: str, values: Row) -> None:
    private = {key: value for key, value in values.items() if key.startswith("_")}
    row = services.create_plain(company, name, {key: values[key] for key in values if key not in private})
    company.put(name, company.sets[name].key_of(row), row | private)


def set_periods(company: Company, periods: list[Row]) -> None:
    """All periods anew; those that begin in one year are a period category."""
    for name in ("_periods", "_years"):
        for key in list(company.tables[name]):
            company.drop(name, key)
    for at, period in enumerate(periods, 1):
        first, last, year = period["from"], period["to"], int(period["from"][:4])
        row = company.types["FinancePeriod"].blank() | {"AbsoluteEntry": at, "SubNum": at, "_year": year}
        row |= {"PeriodCode": first, "PeriodName": f"{first}..{last}", "PostingDateFrom": first, "PostingDateTo": last}
        row |= {"TaxDateFrom": first, "TaxDateTo": last, "ValueDateFrom": first, "ValueDateTo": "2099-12-31"}
        status = period.get("status", "ltUnlocked")
        locked = "tNO" if status == "ltUnlocked" else "tYES"
        company.put("_periods", at, row | {"PeriodStatus": status, "Locked": locked, "ActiveforFeed": "tYES"})
        category = company.find("_years", year) or _category(company, year, first)
        company.put(
            "_years", year, category | {"ToPostingDate": last, "NumberOfPeriods": category["NumberOfPeriods"] + 1}
        )


def _category(company: Company, year: int, first: str) -> Row:
    row = company.types["PeriodCategory"].blank() | {"AbsoluteEntry": year, "FinancialYear": year, "NumberOfPeriods": 0}
    row |= {"PeriodCategoryProperty": str(year), "PeriodName": str(year), "SubPeriodType": "spt_Months"}
    return row | {"BeginningofFinancialYear": first, "FromPostingDate": first}


# --- what a person does there ----------------------------------------------------------------------------


def enter(company: Company, values: Row) -> Row:
    """{"set", "body"}: typed in; no approval procedure stops a person here."""
    name, body = values["set"], values["body"]
    if name in documents.KINDS:
        return documents.create(company, documents.KINDS[name], body, by_person=True)
    if way := next((way for way in payments.WAYS.values() if way.set_name == name), None):
        return payments.create(company, body, way, by_person=True)
    return CREATE[name](company, body) if name in CREATE else services.create_plain(company, name, body)


def pay(company: Company, values: Row) -> Row:
    """{"invoice": DocEntry, "amount"?}: cash for an invoice, by default all that is open; more stays on account."""
    invoice = company.get("Invoices", values["invoice"])
    due = invoice["DocTotal"] - invoice["PaidToDate"]
    paid = Decimal(str(values.get("amount") or due))
    applied = {"DocEntry": invoice["DocEntry"], "SumApplied": min(paid, due)}
    body = {"CardCode": invoice["CardCode"], "CashSum": paid, "PaymentInvoices": [applied]}
    return payments.create(company, body, by_person=True)


def cancel(company: Company, values: Row) -> Row:
    """{"set", "key"}"""
    ACT[values["set"], "Cancel"](company, values["key"])
    return company.get(values["set"], values["key"])


def edit(company: Company, values: Row) -> Row:
    """{"set", "key", "changes"}: as a PATCH; an address of a partner is named by its RowNum."""
    CHANGE[values["set"]](company, values["key"], values["changes"])
    return company.get(values["set"], values["key"])


def approve(company: Company, values: Row) -> Row:
    """{"set": "Drafts" or "PaymentDrafts", "key"}: approved, and made a document."""
    if values["set"] == "PaymentDrafts":
        return payments.save_draft(company, values["key"], by_person=True)
    return documents.save_draft(company, {"DocEntry": values["key"]}, by_person=True)


def remove(company: Company, values: Row) -> None:
    """{"set", "key"}: a draft, or anything else that a client could delete."""
    company.get(values["set"], values["key"])
    if "DELETE" not in company.sets[values["set"]].accepts.split():
        raise refusals.not_supported()
    company.drop(values["set"], values["key"])


def reconcile(company: Company, values: Row) -> Row:
    """{"payment": DocEntry, "invoice": DocEntry, "amount"?}: what is on account settles an invoice."""
    invoice, due = ledger.partner_line(company, company.get("Invoices", values["invoice"])["TransNum"])
    paid, left = ledger.partner_line(company, company.get("IncomingPayments", values["payment"])["_trans"])
    amount = Decimal(str(values["amount"])) if values.get("amount") else min(due, -left)
    number = ledger.settle(company, [(invoice, amount), (paid, -amount)], "rtManual", company.now()[0])
    return company.get("InternalReconciliations", number)


HANDS: dict[str, Callable[[Company, Row], Row | None]] = {
    found.__name__: found for found in (enter, pay, cancel, edit, approve, remove, reconcile)
}


# --- an administrator, and who looks on ------------------------------------------------------------------


def configure(company: Company, values: Row) -> None:
    """{"<entity set>": {key: changes}, "periods": [...], "restart": true, and any of SETTINGS}."""
    company.setup |= {name: value for name, value in values.items() if name in SETTINGS}
    if "periods" in values:
        set_periods(company, values["periods"])
    for name in values.keys() & company.sets.keys():
        known = company.sets[name]
        for key, changes in values[name].items():
            held = int(key) if company.types[known.type].properties[known.key[0]].kind == "int" else key
            company.change(name, held, company.get(name, held) | company.types.accept(known.type, changes))
    if values.get("restart"):
        company.restart()


def state(api: CompanyApi) -> Row:
    """Every record of the sets that somebody writes to, as held: dates without a time."""
    company = api.company
    written = [name for name, known in company.sets.items() if known.accepts]
    shown: Row = {
        name: [
            {key: row.get(key) for key in company.types[company.sets[name].type].properties}
            for row in company.rows(name)
        ]
        for name in written
    }
    return shown | {"setup": company.setup}
