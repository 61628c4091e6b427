"""Payments of customers, and to them: what came in or went out, and which invoices and credit notes it settles.

The sum is what the means of payment add up to; what no invoice takes stays on account. There is no total, no update
stamp, and nothing that makes a second payment of the same kind impossible, except an invoice that is paid already.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from st_erp_pipelines.sandbox import sap_business_one_ledger as ledger
from st_erp_pipelines.sandbox import sap_business_one_refusals as refusals
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_business_one_company import Company, cents
from st_erp_pipelines.sandbox.sap_business_one_ledger import ZERO, Line, Settled
from st_erp_pipelines.sandbox.sap_business_one_model import given


@dataclass(frozen=True, slots=True)
class Way:
    """What differs between the two; `sign` is that of the lines of its means."""

    set_name: str
    object_name: str
    table: str
    origin: str
    memo: str
    sign: int


INCOMING = Way("IncomingPayments", "bopot_IncomingPayments", "ORCT", "ttReceipt", "Incoming Payments", 1)
OUTGOING = Way("VendorPayments", "bopot_OutgoingPayments", "OVPM", "ttVendorPayment", "Outgoing Payment", -1)
WAYS = {way.object_name: way for way in (INCOMING, OUTGOING)}
APPLIES_TO = {"it_Invoice": ("Invoices", 1), "it_CredItnote": ("CreditNotes", -1)}
UPDATABLE = {"Remarks", "JournalRemarks", "CounterReference", "Reference2", "TransferReference", "DueDate"}
ROWS = ("PaymentInvoices", "PaymentChecks", "PaymentCreditCards", "PaymentAccounts")


def create(company: Company, body: Any, way: Way = INCOMING, *, by_person: bool = False) -> Row:
    row = draw_up(company, given(company.types.accept("Payment", body)), way)
    check(company, row)
    above = company.setup["approval_above"].get("IncomingPayments")
    if not by_person and above is not None and total(row) > Decimal(str(above)):
        _keep_draft(company, row | {"AuthorizationStatus": "pasPending"})
        raise refusals.BecameDraft
    return post(company, row)


def draw_up(company: Company, sent: Row, way: Way = INCOMING) -> Row:
    if sent.get("DocType", "rCustomer") != "rCustomer":
        raise refusals.not_supported()  # of this sandbox: payments of customers alone
    partner = company.find("BusinessPartners", sent.get("CardCode"))
    if partner is None:
        raise refusals.invalid_partner(way.table, sent.get("CardCode") or "")
    row = company.types["Payment"].blank() | _defaults(company, partner, way) | sent
    row |= {"TaxDate": row["TaxDate"] or row["DocDate"], "DueDate": row["DueDate"] or row["DocDate"]}
    company.check_currency(row["DocCurrency"])
    for name in ROWS:
        blank = company.types[name.removesuffix("s")].blank()
        row[name] = [blank | each | {"LineNum": at} for at, each in enumerate(row[name])]
    return row | {"PaymentInvoices": [_applied(company, each, row) for each in row["PaymentInvoices"]]}


def _defaults(company: Company, partner: Row, way: Way) -> Row:
    return {
        "DocType": "rCustomer",
        "DocObjectCode": way.object_name,
        "CardName": partner["CardName"],
        "DocDate": company.now()[0],
        "DocCurrency": company.setup["currency"],
        "ControlAccount": partner["DebitorAccount"],
        "JournalRemarks": f"{way.memo} - {partner['CardCode']}",
        "CashAccount": company.setup["cash_account"],
        "CheckAccount": company.setup["check_account"],
        "Series": 24,
        "Cancelled": "tNO",
        "AuthorizationStatus": "pasWithout",
    }


def _applied(company: Company, row: Row, payment: Row) -> Row:
    """A row of PaymentInvoices; without an amount it pays all that is open."""
    kind = row["InvoiceType"] or "it_Invoice"
    if kind not in APPLIES_TO:
        raise refusals.not_supported()  # of this sandbox
    document = company.get(APPLIES_TO[kind][0], row["DocEntry"])
    if document["CardCode"] != payment["CardCode"]:
        raise refusals.not_found()
    amount = cents(row["SumApplied"]) or document["DocTotal"] - document["PaidToDate"]
    return row | {"InvoiceType": kind, "DocNum": document["DocNum"], "SumApplied": amount, "InstallmentId": 1}


def total(row: Row) -> Decimal:
    checks = sum((each["CheckSum"] for each in row["PaymentChecks"]), ZERO)
    cards = sum((each["CreditSum"] for each in row["PaymentCreditCards"]), ZERO)
    return cents(row["CashSum"] + row["TransferSum"] + checks + cards)


def check(company: Company, row: Row) -> None:
    way = WAYS[row["DocObjectCode"]]
    company.check_partner(row["CardCode"], way.table)
    if row["ProjectCode"]:
        company.get("Projects", row["ProjectCode"])
    for line in _means(company, row):
        company.check_account(line.account)
    if total(row) <= 0:
        raise refusals.assumed("Specify a payment amount")
    if row["TransferSum"] and not row["TransferDate"]:
        raise refusals.assumed(f"Specify a transfer date  [{way.table}.TrsfrDate]")
    applied = sum((APPLIES_TO[each["InvoiceType"]][1] * each["SumApplied"] for each in row["PaymentInvoices"]), ZERO)
    if way.sign * applied > total(row):
        raise refusals.assumed("Payment amount is less than the amount applied to invoices")
    company.check_posting_date(row["DocDate"], f"{way.table}.DocDate")


def _means(company: Company, row: Row) -> list[Line]:
    """A line for each means of payment, as what comes in debits them."""
    lines = []
    if row["CashSum"]:
        lines.append(Line(row["CashAccount"], cents(row["CashSum"])))
    if row["TransferSum"]:
        lines.append(Line(row["TransferAccount"], cents(row["TransferSum"])))
    for each in row["PaymentChecks"]:
        if each["BankCode"] not in company.setup["banks"]:
            raise refusals.not_found()
        lines.append(Line(each["CheckAccount"] or row["CheckAccount"], cents(each["CheckSum"])))
    for each in row["PaymentCreditCards"]:
        card = company.get("CreditCards", each["CreditCard"])
        lines.append(Line(each["CreditAcct"] or card["GLAccount"], cents(each["CreditSum"])))
    return lines


def post(company: Company, row: Row) -> Row:
    way = WAYS[row["DocObjectCode"]]
    entry, number = company.next(way.set_name), company.next(f"{way.set_name} number")
    row = row | {"DocEntry": entry, "DocNum": number, "Reference1": str(number)}
    header = {
        "ReferenceDate": row["DocDate"],
        "DueDate": row["DueDate"],
        "TaxDate": row["TaxDate"],
        "Memo": row["JournalRemarks"],
        "Reference": row["Reference1"],
        "Reference2": row["Reference2"] or row["CounterReference"],
        "BaseReference": row["Reference1"],
        "ProjectCode": row["ProjectCode"],
        "OriginalJournal": way.origin,
        "Original": entry,
    }
    means = [Line(line.account, way.sign * line.amount) for line in _means(company, row)]
    partner = Line(row["ControlAccount"], -way.sign * total(row), row["CardCode"])
    journal = ledger.post(company, header, [*means, partner])
    settled = ledger.settle(company, _settled(company, row, journal), "rtPayment", row["DocDate"])
    return company.insert(way.set_name, entry, row | {"_trans": journal, "_settled": settled})


def _settled(company: Company, row: Row, journal: int) -> list[Settled]:
    """What each applied document loses, and the payment's line for the sum of it."""
    lines: list[Settled] = []
    for each in row["PaymentInvoices"]:
        set_name, sign = APPLIES_TO[each["InvoiceType"]]
        line, left = ledger.partner_line(company, company.get(set_name, each["DocEntry"])["TransNum"])
        if not left:
            raise refusals.closed_invoice()
        lines.append((line, sign * each["SumApplied"]))
    own, _ = ledger.partner_line(company, journal)
    return [*lines, (own, -sum((amount for _, amount in lines), ZERO))]


def change(company: Company, way: Way, key: int, body: Any) -> None:
    row = company.get(way.set_name, key)
    sent = company.types.accept("Payment", body)
    for name, value in sent.items():
        if name not in UPDATABLE and not name.startswith("U_") and row[name] != value:
            raise refusals.not_updatable(f"{way.table}.{name}")
    company.change(way.set_name, key, row | sent)


def cancel(company: Company, way: Way, key: int, day: str | None = None) -> None:
    """Opens what it had settled and reverses its journal entry, on its own date unless another is given."""
    row = company.get(way.set_name, key)
    if row["Cancelled"] == "tYES":
        raise refusals.assumed(f"Payment is already cancelled  [{way.table}.Canceled]")
    day = day or row["DocDate"]
    company.check_posting_date(day, f"{way.table}.DocDate")
    if row["_settled"] and not company.get("InternalReconciliations", row["_settled"])["CancelAbs"]:
        ledger.unsettle(company, row["_settled"], day)
    if ledger.partner_line(company, row["_trans"])[1] != -way.sign * total(row):
        raise refusals.assumed("Payment is reconciled; cancel the reconciliation first")
    ledger.reverse(company, row["_trans"], day)
    company.change(way.set_name, key, row | {"Cancelled": "tYES"})


# --- drafts ----------------------------------------------------------------------------------------------


def create_draft(company: Company, body: Any) -> Row:
    return _keep_draft(company, draw_up(company, given(company.types.accept("Payment", body))))


def _keep_draft(company: Company, row: Row) -> Row:
    entry = company.next("PaymentDrafts")
    return company.insert("PaymentDrafts", entry, row | {"DocEntry": entry, "DocNum": entry})


def change_draft(company: Company, key: int, body: Any) -> None:
    row = company.get("PaymentDrafts", key)
    properties = company.types["Payment"].properties
    kept = {name: value for name, value in row.items() if name in properties and not properties[name].read_only}
    drawn = draw_up(company, given(kept | company.types.accept("Payment", body)))
    own = {name: row[name] for name in ("DocEntry", "DocNum", "AuthorizationStatus")}
    company.change("PaymentDrafts", key, drawn | own)


def save_draft(company: Company, key: int, *, by_person: bool = False) -> Row:
    """Makes the payment and removes the draft; one that waits for approval only by a person's hand."""
    draft = company.get("PaymentDrafts", key)
    if draft["AuthorizationStatus"] == "pasPending" and not by_person:
        raise refusals.assumed("Draft cannot be saved as a document  [OPDF.WddStatus]")
    check(company, draft)
    company.drop("PaymentDrafts", key)
    return post(company, draft | ({"AuthorizationStatus": "pasGenerated"} if by_person else {}))
