"""Incoming payments of customers: what came in, and which invoices and credit notes it settles.

The sum is what the means of payment add up to; what no invoice takes stays on account. There is no total, no update
stamp, and nothing that makes a second payment of the same kind impossible, except an invoice that is paid already.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from st_erp_pipelines.sandbox import sap_business_one_ledger as ledger
from st_erp_pipelines.sandbox import sap_business_one_refusals as refusals
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_business_one_company import Company, cents
from st_erp_pipelines.sandbox.sap_business_one_ledger import ZERO, Line, Settled
from st_erp_pipelines.sandbox.sap_business_one_model import given

APPLIES_TO = {"it_Invoice": ("Invoices", 1), "it_CredItnote": ("CreditNotes", -1)}
UPDATABLE = {"Remarks", "JournalRemarks", "CounterReference", "Reference2", "TransferReference", "DueDate"}
ROWS = ("PaymentInvoices", "PaymentChecks", "PaymentCreditCards", "PaymentAccounts")


def create(company: Company, body: Any, *, by_person: bool = False) -> Row:
    row = draw_up(company, given(company.types.accept("Payment", body)))
    check(company, row)
    above = company.setup["approval_above"].get("IncomingPayments")
    if not by_person and above is not None and total(row) > Decimal(str(above)):
        _keep_draft(company, row | {"AuthorizationStatus": "pasPending"})
        raise refusals.BecameDraft
    return post(company, row)


def draw_up(company: Company, sent: Row) -> Row:
    if sent.get("DocType", "rCustomer") != "rCustomer":
        raise refusals.not_supported()  # of this sandbox: payments of customers alone
    partner = company.find("BusinessPartners", sent.get("CardCode"))
    if partner is None:
        raise refusals.invalid_partner("ORCT", sent.get("CardCode") or "")
    row = company.types["Payment"].blank() | _defaults(company, partner) | sent
    row |= {"TaxDate": row["TaxDate"] or row["DocDate"], "DueDate": row["DueDate"] or row["DocDate"]}
    company.check_currency(row["DocCurrency"])
    for name in ROWS:
        blank = company.types[name.removesuffix("s")].blank()
        row[name] = [blank | each | {"LineNum": at} for at, each in enumerate(row[name])]
    return row | {"PaymentInvoices": [_applied(company, each, row) for each in row["PaymentInvoices"]]}


def _defaults(company: Company, partner: Row) -> Row:
    return {
        "DocType": "rCustomer",
        "DocObjectCode": "bopot_IncomingPayments",
        "CardName": partner["CardName"],
        "DocDate": company.now()[0],
        "DocCurrency": company.setup["currency"],
        "ControlAccount": partner["DebitorAccount"],
        "JournalRemarks": f"Incoming Payments - {partner['CardCode']}",
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
    company.check_partner(row["CardCode"], "ORCT")
    if row["ProjectCode"]:
        company.get("Projects", row["ProjectCode"])
    for line in _means(company, row):
        company.check_account(line.account)
    if total(row) <= 0:
        raise refusals.assumed("Specify a payment amount")
    if row["TransferSum"] and not row["TransferDate"]:
        raise refusals.assumed("Specify a transfer date  [ORCT.TrsfrDate]")
    applied = sum((APPLIES_TO[each["InvoiceType"]][1] * each["SumApplied"] for each in row["PaymentInvoices"]), ZERO)
    if applied > total(row):
        raise refusals.assumed("Payment amount is less than the amount applied to invoices")
    company.check_posting_date(row["DocDate"], "ORCT.DocDate")


def _means(company: Company, row: Row) -> list[Line]:
    """A debit line for each means of payment."""
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
    entry, number = company.next("IncomingPayments"), company.next("IncomingPayments number")
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
        "OriginalJournal": "ttReceipt",
        "Original": entry,
    }
    means = _means(company, row)
    journal = ledger.post(company, header, [*means, Line(row["ControlAccount"], -total(row), row["CardCode"])])
    settled = ledger.settle(company, _settled(company, row, journal), "rtPayment", row["DocDate"])
    return company.insert("IncomingPayments", entry, row | {"_trans": journal, "_settled": settled})


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


def change(company: Company, key: int, body: Any) -> None:
    row = company.get("IncomingPayments", key)
    sent = company.types.accept("Payment", body)
    for name, value in sent.items():
        if name not in UPDATABLE and not name.startswith("U_") and row[name] != value:
            raise refusals.not_updatable(f"ORCT.{name}")
    company.change("IncomingPayments", key, row | sent)


def cancel(company: Company, key: int, day: str | None = None) -> None:
    """Opens what it had settled and reverses its journal entry, on its own date unless another is given."""
    row = company.get("IncomingPayments", key)
    if row["Cancelled"] == "tYES":
        raise refusals.assumed("Payment is already cancelled  [ORCT.Canceled]")
    day = day or row["DocDate"]
    company.check_posting_date(day, "ORCT.DocDate")
    if row["_settled"] and not company.get("InternalReconciliations", row["_settled"])["CancelAbs"]:
        ledger.unsettle(company, row["_settled"], day)
    if ledger.partner_line(company, row["_trans"])[1] != -total(row):
        raise refusals.assumed("Payment is reconciled; cancel the reconciliation first")
    ledger.reverse(company, row["_trans"], day)
    company.change("IncomingPayments", key, row | {"Cancelled": "tYES"})


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
