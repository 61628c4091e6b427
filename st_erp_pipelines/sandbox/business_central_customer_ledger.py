"""Payments in the customer ledger, and what a person does with them there. API v2.0 shows none of it: only what an
invoice still owes, and the general ledger.

    POST /_control/business_central/apply      {"payment": its number, "invoice": its number, "amount"?}
    POST /_control/business_central/unapply    {"payment", "invoice"}
    POST /_control/business_central/reverse    {"payment"}: refused while anything of it is applied
    POST /_control/business_central/refund     {"number", "customer", "amount", "account", "payment"?}: posted at once

Without an amount as much is applied as both are open by. Rules and texts: AL source of the base application (table
179 Reversal Entry, codeunits 17 Gen. Jnl.-Post Reverse and 226 CustEntry-Apply Posted Entries).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from st_erp_pipelines.sandbox.business_central_company import Company, dialog
from st_erp_pipelines.sandbox.business_central_posting import apply_money, open_invoice
from st_erp_pipelines.sandbox.odata import ODataError, Row, exact

CANNOT_REVERSE = "You cannot reverse Cust. Ledger Entry No. {number} because the entry {why}."
IS_APPLIED = "is either applied to an entry or has been changed by a batch job"
IS_REVERSED = "has already been involved in a reversal"


@dataclass
class Payment:
    number: str
    customer: str
    open: Decimal
    applied: dict[str, Decimal] = field(default_factory=dict)  # by number of the invoice
    is_reversed: bool = False


def enter_payment(company: Company, line: Row) -> None:
    """What a posted journal line leaves, applied to the invoice that it names."""
    payment = Payment(line["documentNumber"], line["customerNumber"], -line["amount"])
    company.payments.append(payment)
    if line["appliesToInvoiceNumber"]:
        _apply(company, payment, company.match("salesInvoices", "number", line["appliesToInvoiceNumber"], "invoice"))


def apply(company: Company, values: Row) -> None:
    payment = _payment(company, values["payment"])
    invoice = open_invoice(company, values["invoice"], payment.customer)
    most = min(payment.open, invoice["remainingAmount"])
    amount = Decimal(str(values.get("amount", most)))
    if not 0 < amount <= most:
        raise ODataError(400, "Internal_DataNotFoundFilter", "There is no Cust. Ledger Entry within the filter.")
    _apply(company, payment, invoice, amount)


def _apply(company: Company, payment: Payment, invoice: Row, amount: Decimal | None = None) -> None:
    amount = min(payment.open, invoice["remainingAmount"]) if amount is None else amount
    payment.open -= amount
    payment.applied[invoice["number"]] = payment.applied.get(invoice["number"], Decimal(0)) + amount
    apply_money(company, invoice["number"], amount)


def unapply(company: Company, values: Row) -> None:
    """An application as a whole."""
    payment = _payment(company, values["payment"])
    if values["invoice"] not in payment.applied:
        raise dialog(f"Cust. Ledger Entry No. {_entry_number(company, payment)} does not have an application entry.")
    amount = payment.applied.pop(values["invoice"])
    payment.open += amount
    apply_money(company, values["invoice"], -amount)


def reverse(company: Company, values: Row) -> None:
    """Each general ledger entry again, under the same number, with the sign of its amount turned."""
    payment = _payment(company, values["payment"])
    if payment.is_reversed or payment.applied:
        why = IS_APPLIED if payment.applied else IS_REVERSED
        raise dialog(CANNOT_REVERSE.format(number=_entry_number(company, payment), why=why))
    entries = company["generalLedgerEntries"].by("documentNumber", payment.number)
    company.check_posting_date(entries[0]["postingDate"])
    for entry in entries:
        company.series["entry"] += 1
        turned = {name: exact(0 - entry[name]) for name in ("debitAmount", "creditAmount")}
        new = {"id": company.new_id(), "entryNumber": company.series["entry"]}
        company.save("generalLedgerEntries", entry | turned | new)
    payment.is_reversed, payment.open = True, Decimal(0)


def refund(company: Company, values: Row) -> None:
    """A line of type Refund in a journal of a person: the customer is debited, the bank credited."""
    customer = company.match("customers", "number", values["customer"], "customerNumber")
    amount = Decimal(str(values["amount"]))
    if "payment" in values:
        payment = _payment(company, values["payment"])
        payment.open -= min(amount, payment.open)
    entry = {
        "postingDate": values.get("postingDate", company.today()),
        "documentNumber": values["number"],
        "documentType": "Refund",
        "description": customer["displayName"],
    }
    company.check_posting_date(entry["postingDate"])
    for account, debit in ((company.posting_setup["receivables_account"], amount), (values["account"], -amount)):
        company.enter_ledger(entry | {"accountNumber": account, "amount": debit}, {})


def _entry_number(company: Company, payment: Payment) -> int:
    return 1 + company.payments.index(payment)


def _payment(company: Company, number: str) -> Payment:
    """The last one of this number: several may have it."""
    found = [payment for payment in company.payments if payment.number == number]
    if not found:
        raise ODataError(400, "Internal_DataNotFoundFilter", "There is no Cust. Ledger Entry within the filter.")
    return found[-1]
