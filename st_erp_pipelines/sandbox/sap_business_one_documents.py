"""A/R invoices, A/R credit notes and their drafts: drawing up, posting, cancelling.

A posted document writes its own journal entry: its customer against the accounts of its lines and of its tax. Nothing
in it is unique but the numbers that the server gives: whoever sends a document twice has two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from st_erp_pipelines.sandbox import sap_business_one_ledger as ledger
from st_erp_pipelines.sandbox import sap_business_one_refusals as refusals
from st_erp_pipelines.sandbox.odata import Row
from st_erp_pipelines.sandbox.sap_business_one_company import Company, cents
from st_erp_pipelines.sandbox.sap_business_one_ledger import ZERO, Line
from st_erp_pipelines.sandbox.sap_business_one_model import given


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs between the two; `sign` is that of the customer's line."""

    set_name: str
    object_name: str
    code: int
    table: str
    origin: str
    memo: str
    sign: int

    @property
    def rows_table(self) -> str:
        return f"{self.table[1:]}1"


INVOICE = Kind("Invoices", "oInvoices", 13, "OINV", "ttARInvoice", "A/R Invoices", 1)
CREDIT_NOTE = Kind("CreditNotes", "oCreditNotes", 14, "ORIN", "ttARCredItnote", "A/R Credit Memos", -1)
KINDS = {kind.set_name: kind for kind in (INVOICE, CREDIT_NOTE)}
BY_OBJECT = {kind.object_name: kind for kind in KINDS.values()}

UPDATABLE = {
    "Comments", "NumAtCard", "DocDueDate", "JournalMemo", "Reference2", "SalesPersonCode", "ContactPersonCode",
    "Address", "ShipToCode", "PayToCode",
}  # fmt: skip
COSTING = ("CostingCode", "CostingCode2", "CostingCode3", "CostingCode4", "CostingCode5", "ProjectCode")


def create(company: Company, kind: Kind, body: Any, *, by_person: bool = False) -> Row:
    """A posted document; or, where an approval procedure applies, a draft and a refusal."""
    row = draw_up(company, kind, given(company.types.accept("Document", body)))
    check(company, kind, row)
    if not by_person and _needs_approval(company, kind, row):
        _keep_draft(company, row | {"AuthorizationStatus": "dasPending"})
        raise refusals.BecameDraft
    return post(company, kind, row)


# --- drawing up ------------------------------------------------------------------------------------------


def draw_up(company: Company, kind: Kind, sent: Row) -> Row:
    """Everything that Business One adds to what was sent; no number yet."""
    partner = company.find("BusinessPartners", sent.get("CardCode"))
    if partner is None:
        raise refusals.invalid_partner(kind.table, sent.get("CardCode") or "")
    row = company.types["Document"].blank() | _defaults(company, kind, partner) | sent
    row |= {"DocObjectCode": kind.object_name, "TaxDate": row["TaxDate"] or row["DocDate"]}
    row["DocDueDate"] = row["DocDueDate"] or _due(company, row["DocDate"], row["PaymentGroupCode"])
    company.check_currency(row["DocCurrency"])
    if not row["DocumentLines"]:
        raise refusals.assumed("Document has no lines")
    lines = [_line(company, row, partner, at, each) for at, each in enumerate(row["DocumentLines"])]
    return _total(row | {"DocumentLines": lines})


def _defaults(company: Company, kind: Kind, partner: Row) -> Row:
    return {
        "DocType": "dDocument_Items",
        "CardName": partner["CardName"],
        "DocDate": company.now()[0],
        "DocCurrency": company.setup["currency"],
        "DocRate": Decimal(1),
        "PaymentGroupCode": partner["PayTermsGrpCode"],
        "JournalMemo": f"{kind.memo} - {partner['CardCode']}",
        "ControlAccount": partner["DebitorAccount"],
        "ShipToCode": partner["ShipToDefault"],
        "PayToCode": partner["BilltoDefault"],
        "Series": kind.code,
        "DocumentStatus": "bost_Open",
        "Cancelled": "tNO",
        "CancelStatus": "csNo",
        "AuthorizationStatus": "dasWithout",
    }


def _due(company: Company, day: str, terms: int | None) -> str:
    found = company.find("PaymentTermsTypes", terms)
    days = (found["NumberOfAdditionalDays"] or 0) if found else 0
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def _line(company: Company, header: Row, partner: Row, at: int, sent: Row) -> Row:
    row = company.types["DocumentLine"].blank() | _base_line(company, sent) | sent
    row |= {"LineNum": at, "LineStatus": "bost_Open", "Currency": header["DocCurrency"]}
    row |= {"LineTotal": _line_total(header, row, sent), "TaxLiable": row["TaxLiable"] or "tYES"}
    if header["DocType"] == "dDocument_Items":
        item = company.get("Items", row["ItemCode"])
        row["AccountCode"] = row["AccountCode"] or item["IncomeAccount"]
        row["ItemDescription"] = row["ItemDescription"] or item["ItemName"]
    column, code, rate = _tax(company, partner, row)
    row |= {column: code, "TaxPercentagePerRow": rate, "TaxTotal": cents(row["LineTotal"] * rate / 100)}
    return row | {"PriceAfterVAT": row["LineTotal"] + row["TaxTotal"], "OpenAmount": row["LineTotal"]}


def _base_line(company: Company, sent: Row) -> Row:
    """What a line takes from the invoice line that it is based on."""
    if sent.get("BaseType") != INVOICE.code:
        return {}
    base = company.get("Invoices", sent.get("BaseEntry"))
    line = next((each for each in base["DocumentLines"] if each["LineNum"] == sent.get("BaseLine")), None)
    if line is None:
        raise refusals.not_found()
    taken = ("ItemCode", "ItemDescription", "Quantity", "UnitPrice", "LineTotal", "AccountCode", "TaxCode", "VatGroup")
    return {name: line[name] for name in (*taken, *COSTING)}


def _line_total(header: Row, row: Row, sent: Row) -> Decimal:
    price = row["UnitPrice"] or row["Price"]
    if "LineTotal" in sent or not price:
        return cents(row["LineTotal"])
    quantity = row["Quantity"] or Decimal(1) if header["DocType"] == "dDocument_Items" else Decimal(1)
    return cents(quantity * price * (100 - row["DiscountPercent"]) / 100)


def _tax(company: Company, partner: Row, row: Row) -> tuple[str, str | None, Decimal]:
    """Which property holds the code, the code, its rate. A code that was sent wins over the customer's status."""
    if row["VatGroup"]:
        group = company.find("VatGroups", row["VatGroup"])
        if group is None or group["Inactive"] == "tYES" or not group["VatGroups_Lines"]:
            raise refusals.invalid_tax_code(row["VatGroup"])
        return "VatGroup", row["VatGroup"], group["VatGroups_Lines"][-1]["Rate"]
    code = row["TaxCode"]
    if not code and partner["VatLiable"] != "vExempted":
        code = company.setup["default_tax_code"] or None
    if code is None:
        return "TaxCode", None, ZERO
    found = company.find("SalesTaxCodes", code)
    if found is None or found["Inactive"] == "tYES" or found["ValidForAR"] == "tNO":
        raise refusals.invalid_tax_code(code)
    return "TaxCode", code, found["Rate"] if row["TaxLiable"] == "tYES" else ZERO


def _total(row: Row) -> Row:
    left = (100 - row["DiscountPercent"]) / 100
    net = sum((line["LineTotal"] for line in row["DocumentLines"]), ZERO)
    discount = net - cents(net * left)
    tax = sum((cents(line["TaxTotal"] * left) for line in row["DocumentLines"]), ZERO)
    return row | {"TotalDiscount": discount, "VatSum": tax, "DocTotal": net - discount + tax, "PaidToDate": ZERO}


# --- posting ---------------------------------------------------------------------------------------------


def check(company: Company, kind: Kind, row: Row) -> None:
    """What Business One asks of a document before it is posted; a draft may lack it."""
    company.check_partner(row["CardCode"], kind.table)
    if company.setup["branches"] and row["BPL_IDAssignedToInvoice"] not in company.setup["branches"]:
        raise refusals.assumed(f"Specify an active branch  [{kind.table}.BPLId]")
    company.check_references(row, "Project")
    for line in row["DocumentLines"]:
        company.check_account(line["AccountCode"])
        company.check_references(line)
    if row["DocTotal"] < 0:
        raise refusals.negative_total()
    company.check_posting_date(row["DocDate"], f"{kind.table}.DocDate", sales=True)


def _needs_approval(company: Company, kind: Kind, row: Row) -> bool:
    above = company.setup["approval_above"].get(kind.set_name)
    return above is not None and row["DocTotal"] > Decimal(str(above))


def post(company: Company, kind: Kind, row: Row) -> Row:
    row = _numbered(company, kind, row)
    journal = ledger.post(company, _journal_header(kind, row), _journal_lines(company, kind, row))
    row = row | {"TransNum": journal, "DocumentStatus": "bost_Open" if row["DocTotal"] else "bost_Close"}
    company.insert(kind.set_name, row["DocEntry"], row)
    if kind is CREDIT_NOTE:
        _credit_base(company, row)
    return company.get(kind.set_name, row["DocEntry"])


def _numbered(company: Company, kind: Kind, row: Row) -> Row:
    entry, number = company.next(kind.set_name), company.next(f"{kind.set_name} number")
    lines = [line | {"DocEntry": entry} for line in row["DocumentLines"]]
    return row | {"DocEntry": entry, "DocNum": number, "Reference1": str(number), "DocumentLines": lines}


def _journal_header(kind: Kind, row: Row) -> Row:
    return {
        "ReferenceDate": row["DocDate"],
        "DueDate": row["DocDueDate"],
        "TaxDate": row["TaxDate"],
        "Memo": row["JournalMemo"],
        "Reference": row["Reference1"],
        "Reference2": row["NumAtCard"],
        "BaseReference": row["Reference1"],
        "ProjectCode": row["Project"],
        "OriginalJournal": kind.origin,
        "Original": row["DocEntry"],
    }


def _journal_lines(company: Company, kind: Kind, row: Row) -> list[Line]:
    """The customer, each line net of the header's discount (the last takes what rounding leaves), tax by code."""
    left = (100 - row["DiscountPercent"]) / 100
    lines = [Line(row["ControlAccount"], kind.sign * row["DocTotal"], row["CardCode"])]
    remaining = row["DocTotal"] - row["VatSum"]
    for at, line in enumerate(row["DocumentLines"], 1):
        net = remaining if at == len(row["DocumentLines"]) else cents(line["LineTotal"] * left)
        remaining -= net
        costing = {name: line[name] for name in COSTING} | {"TaxCode": line["TaxCode"]}
        lines.append(Line(line["AccountCode"], -kind.sign * net, rest=costing))
    taxes: dict[str, Decimal] = {}
    for line in row["DocumentLines"]:
        account = _tax_account(company, line)
        taxes[account] = taxes.get(account, ZERO) + cents(line["TaxTotal"] * left)
    return lines + [Line(account, -kind.sign * amount) for account, amount in taxes.items()]


def _tax_account(company: Company, line: Row) -> str:
    group = company.find("VatGroups", line["VatGroup"]) or {}
    code = company.find("SalesTaxCodes", line["TaxCode"]) or {}
    return str(group.get("TaxAccount") or code.get("_account") or company.setup["tax_account"])


def _credit_base(company: Company, row: Row) -> None:
    """A credit note based on an invoice settles as much of it as is open."""
    for entry in dict.fromkeys(line["BaseEntry"] for line in row["DocumentLines"] if line["BaseEntry"]):
        invoice, due = ledger.partner_line(company, company.get("Invoices", entry)["TransNum"])
        credit, left = ledger.partner_line(company, row["TransNum"])
        amount = min(due, -left)
        if amount > 0:
            ledger.settle(company, [(invoice, amount), (credit, -amount)], "rtCreditMemo", row["DocDate"])


# --- afterwards ------------------------------------------------------------------------------------------


def change(company: Company, kind: Kind, key: int, body: Any) -> None:
    """A posted document's texts and due date; its amounts stay."""
    row = company.get(kind.set_name, key)
    sent = company.types.accept("Document", body)
    lines = {line["LineNum"]: line for line in row["DocumentLines"]}
    for line in sent.pop("DocumentLines", []):
        old = lines.get(line.get("LineNum"))
        if old is None:
            raise refusals.not_updatable(f"{kind.rows_table}.LineNum")
        _check_updatable(kind.rows_table, line, old, {"FreeText"})
        lines[line["LineNum"]] = old | line
    _check_updatable(kind.table, sent, row, UPDATABLE)
    company.change(kind.set_name, key, row | sent | {"DocumentLines": list(lines.values())})


def _check_updatable(table: str, sent: Row, old: Row, updatable: set[str]) -> None:
    for name, value in sent.items():
        if name not in updatable and not name.startswith("U_") and old.get(name) != value:
            raise refusals.not_updatable(f"{table}.{name}")


def cancel(company: Company, kind: Kind, key: int, comments: str | None = None) -> Row:
    """The cancelling document: a copy, references included, whose journal entry reverses the first one."""
    row = company.get(kind.set_name, key)
    settled = row["PaidToDate"] or (row["DocTotal"] and row["DocumentStatus"] == "bost_Close")
    if row["CancelStatus"] != "csNo" or settled:
        raise refusals.assumed(f"Document is already closed or cancelled  [{kind.table}.DocStatus]")
    company.check_posting_date(row["DocDate"], f"{kind.table}.DocDate", sales=True)
    journal = ledger.reverse(company, row["TransNum"], row["DocDate"])
    row = company.get(kind.set_name, key)
    closed = {"Cancelled": "tYES", "DocumentStatus": "bost_Close"}
    company.change(kind.set_name, key, row | closed | {"CancelStatus": "csYes", "CancelDate": row["DocDate"]})
    copy = _numbered(company, kind, row) | closed | {"CancelStatus": "csCancellation", "TransNum": journal}
    copy |= {"Comments": comments or row["Comments"], "PaidToDate": row["DocTotal"], "Cancelled": "tNO"}
    return company.insert(kind.set_name, copy["DocEntry"], copy)


# --- drafts ----------------------------------------------------------------------------------------------


def create_draft(company: Company, body: Any) -> Row:
    sent = given(company.types.accept("Document", body))
    kind = BY_OBJECT.get(sent.get("DocObjectCode", ""))
    if kind is None:
        raise refusals.assumed("Specify a valid document type  [ODRF.ObjType]")
    return _keep_draft(company, draw_up(company, kind, sent))


def _keep_draft(company: Company, row: Row) -> Row:
    entry = company.next("Drafts")
    lines = [line | {"DocEntry": entry} for line in row["DocumentLines"]]
    return company.insert("Drafts", entry, row | {"DocEntry": entry, "DocNum": entry, "DocumentLines": lines})


def change_draft(company: Company, key: int, body: Any) -> None:
    """Whatever was sent, drawn up anew."""
    row = company.get("Drafts", key)
    if row["DocumentStatus"] == "bost_Close":
        raise refusals.not_updatable("ODRF.DocStatus")
    sent = company.types.accept("Document", body)
    numbers = {name: row[name] for name in ("DocEntry", "DocNum", "AuthorizationStatus", "DataVersion", "CreationDate")}
    kept = {name: row[name] for name, known in company.types["Document"].properties.items() if not known.read_only}
    drawn = draw_up(company, BY_OBJECT[row["DocObjectCode"]], given(kept | sent))
    company.change("Drafts", key, drawn | numbers)


def save_draft(company: Company, body: Any, *, by_person: bool = False) -> Row:
    """Makes the document of a draft and closes the draft; one that waits for approval only by a person's hand."""
    sent = company.types.accept("Document", body, keep=("DocEntry",))
    draft = company.get("Drafts", sent.pop("DocEntry", None))
    waits = draft["AuthorizationStatus"] == "dasPending" and not by_person
    if draft["DocumentStatus"] == "bost_Close" or waits:
        raise refusals.assumed("Draft cannot be saved as a document  [ODRF.WddStatus]")
    if sent:
        change_draft(company, draft["DocEntry"], body)
        draft = company.get("Drafts", draft["DocEntry"])
    kind = BY_OBJECT[draft["DocObjectCode"]]
    check(company, kind, draft)
    company.change("Drafts", draft["DocEntry"], draft | {"DocumentStatus": "bost_Close"})
    return post(company, kind, draft | ({"AuthorizationStatus": "dasGenerated"} if by_person else {}))
