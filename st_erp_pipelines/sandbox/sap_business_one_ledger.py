"""Journal entries, and what of them is still open: the lines of business partners, settled against each other.

An amount is a debit above zero and a credit below. An invoice is paid as far as its line is settled, whoever settles
it: an incoming payment, a credit note based on it, a cancellation, or a reconciliation by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from st_erp_pipelines.sandbox import sap_business_one_refusals as refusals
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_business_one_company import OPEN, Company

ZERO = Decimal(0)
# Of a journal entry's source: object code, and the set that its document is in.
SOURCES = {
    "ttARInvoice": ("13", "Invoices"),
    "ttARCredItnote": ("14", "CreditNotes"),
    "ttReceipt": ("24", "IncomingPayments"),
    "ttVendorPayment": ("46", "VendorPayments"),
    "ttJournalEntry": ("30", "JournalEntries"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """`partner` makes it a line of a business partner, on its control account."""

    account: str
    amount: Decimal
    partner: str = ""
    rest: Row = field(default_factory=dict)


def post(company: Company, header: Row, lines: Sequence[Line]) -> int:
    """Writes the journal entry and opens its partners' lines; its JdtNum. Lines without an amount are left out."""
    number = company.next("JournalEntries")
    rows = [_row(company, at, line, header) for at, line in enumerate([line for line in lines if line.amount])]
    entry = company.types["JournalEntry"].blank() | {"DueDate": header["ReferenceDate"]} | header
    entry |= {"JdtNum": number, "Number": number, "JournalEntryLines": rows, "UseAutoStorno": "tNO"}
    entry["TaxDate"] = entry["TaxDate"] or entry["ReferenceDate"]
    entry["Original"] = entry["Original"] or number
    company.insert("JournalEntries", number, entry)
    for row in rows:
        if company.find("BusinessPartners", row["ShortName"]):
            _open(company, number, row)
    return number


def _row(company: Company, at: int, line: Line, header: Row) -> Row:
    row = company.types["JournalEntryLine"].blank() | line.rest
    side = "Debit" if line.amount > 0 else "Credit"
    row |= {"Line_ID": at, "AccountCode": line.account, "ShortName": line.partner or line.account}
    row |= {"ControlAccount": line.account if line.partner else None, side: abs(line.amount)}
    return row | {"DueDate": row["DueDate"] or header.get("DueDate"), "TaxDate": header.get("TaxDate")}


def _open(company: Company, number: int, row: Row) -> None:
    amount = row["Debit"] - row["Credit"]
    company.put(OPEN, (number, row["Line_ID"]), {"amount": amount, "partner": row["ShortName"]})
    partner = company.get("BusinessPartners", row["ShortName"])
    company.put(
        "BusinessPartners",
        partner["CardCode"],
        partner | {"CurrentAccountBalance": partner["CurrentAccountBalance"] + amount},
    )


def reverse(company: Company, number: int, day: str) -> int:
    """The same the other way round, with the references copied; settles the two against each other."""
    entry = company.get("JournalEntries", number)
    copied = ("TaxDate", "Memo", "Reference", "Reference2", "Reference3", "ProjectCode", "OriginalJournal", "Original")
    lines = [
        Line(
            row["AccountCode"],
            row["Credit"] - row["Debit"],
            row["ShortName"] if row["ShortName"] != row["AccountCode"] else "",
            {name: row[name] for name in row if name.startswith(("Costing", "Project", "Line", "Add", "Reference"))},
        )
        for row in entry["JournalEntryLines"]
    ]
    made = post(company, {name: entry[name] for name in copied} | {"ReferenceDate": day}, lines)
    both = [
        ((journal, row["Line_ID"]), company.tables[OPEN][journal, row["Line_ID"]]["amount"])
        for journal in (number, made)
        for row in company.get("JournalEntries", journal)["JournalEntryLines"]
        if (journal, row["Line_ID"]) in company.tables[OPEN]
    ]
    settle(company, both, "rtCancellation", day)
    return made


def partner_line(company: Company, number: int) -> tuple[tuple[int, int], Decimal]:
    """The line of the business partner in a document's journal entry, and what of it is open."""
    for row in company.get("JournalEntries", number)["JournalEntryLines"]:
        key = (number, row["Line_ID"])
        if key in company.tables[OPEN]:
            return key, company.tables[OPEN][key]["amount"]
    return (number, -1), ZERO  # of a document without an amount


Settled = tuple[tuple[int, int], Decimal]


def settle(company: Company, lines: Iterable[Settled], kind: str, day: str) -> int:
    """An internal reconciliation: these amounts of these lines cancel each other out. Its ReconNum; 0: none needed."""
    chosen = [(key, amount) for key, amount in lines if amount]
    if not chosen:
        return 0
    if sum(amount for _, amount in chosen):
        raise refusals.assumed("Reconciliation difference must be zero")
    for key, amount in chosen:
        line = company.get(OPEN, key)
        if amount * line["amount"] < 0 or abs(amount) > abs(line["amount"]):
            raise refusals.assumed("Amount to reconcile exceeds the open balance of the transaction")
        company.put(OPEN, key, line | {"amount": line["amount"] - amount})
    number = company.next("InternalReconciliations")
    row = company.types["InternalReconciliation"].blank() | {"ReconNum": number, "ReconDate": day, "ReconType": kind}
    row |= {"CardOrAccount": "coaCard", "Total": sum((max(amount, ZERO) for _, amount in chosen), ZERO)}
    row["InternalReconciliationRows"] = [shown(company, key, amount, at) for at, (key, amount) in enumerate(chosen)]
    company.insert("InternalReconciliations", number, row | {"_lines": chosen})
    _follow(company, chosen)
    return number


def unsettle(company: Company, number: int, day: str) -> None:
    """Cancels a reconciliation: everything in it is open again."""
    row = company.get("InternalReconciliations", number)
    if row["CancelAbs"]:
        raise refusals.assumed("Reconciliation is already cancelled")
    for key, amount in row["_lines"]:
        line = company.get(OPEN, key)
        company.put(OPEN, key, line | {"amount": line["amount"] + amount})
    undone = company.next("InternalReconciliations")
    copy = row | {"ReconNum": undone, "ReconDate": day, "ReconType": "rtReversal", "CancelAbs": number}
    company.insert("InternalReconciliations", undone, copy)
    company.put("InternalReconciliations", number, row | {"CancelAbs": undone})
    _follow(company, row["_lines"])


def shown(company: Company, key: tuple[int, int], amount: Decimal, at: int = 0) -> Row:
    """A row of a reconciliation, as the wire has it."""
    entry = company.get("JournalEntries", key[0])
    return {
        "LineSeq": at,
        "ShortName": company.tables[OPEN][key]["partner"],
        "TransId": key[0],
        "TransRowId": key[1],
        "SrcObjTyp": SOURCES[entry["OriginalJournal"]][0],
        "SrcObjAbs": entry["Original"],
        "CreditOrDebit": "codDebit" if amount > 0 else "codCredit",
        "ReconcileAmount": abs(amount),
        "CashDiscount": ZERO,
    }


def _follow(company: Company, lines: Iterable[Settled]) -> None:
    """The documents behind these lines: paid so far, and open or closed."""
    for (number, line), _ in lines:
        entry = company.get("JournalEntries", number)
        set_name, key = SOURCES[entry["OriginalJournal"]][1], entry["Original"]
        row: Any = company.find(set_name, key)
        if row is None or row.get("TransNum") != number:
            continue
        left = abs(company.tables[OPEN][number, line]["amount"])
        row = row | {"PaidToDate": row["DocTotal"] - left, "DocumentStatus": "bost_Open" if left else "bost_Close"}
        row["DocumentLines"] = [each | {"LineStatus": row["DocumentStatus"]} for each in row["DocumentLines"]]
        store = company.change if company.setup["payments_touch_documents"] else company.put
        store(set_name, key, row)
