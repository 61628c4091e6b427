"""Posting sales documents, cancelling invoices, and applying money to them: what writes ledger entries."""

from __future__ import annotations

from decimal import Decimal

from st_erp_pipelines.sandbox import business_central_dimensions as dimensions
from st_erp_pipelines.sandbox.business_central_company import Company, dialog, must_have_value
from st_erp_pipelines.sandbox.business_central_sales import CREDIT_MEMO, INVOICE, Kind
from st_erp_pipelines.sandbox.odata import ODataError, Row, exact

LEDGER_TYPES = {"Invoice": "Invoice", "Credit Memo": "Credit_x0020_Memo"}


def post(company: Company, kind: Kind, row: Row, *, by_person: bool = False) -> None:
    """The draft becomes a posted document: same id, new number; lines keep their sequence, not their id."""
    if row["_posted"]:
        raise dialog(f"The action can be applied to a draft {kind.noun} only.")
    lines = company[kind.lines].by("documentId", row["id"])
    if not by_person:
        check(company, kind, row, lines)
    settle(company, kind, row, lines)


def check(company: Company, kind: Kind, row: Row, lines: list[Row]) -> None:
    """All reasons not to post, in the order Business Central finds them."""
    if not any(line["lineType"] != "Comment" for line in lines):
        raise dialog(f"Please add at least one line item to the {kind.noun}.")
    if row["totalAmountIncludingTax"] < 0:
        raise dialog(f"The total amount for the {kind.noun} must be 0 or greater.")
    if not any(line["quantity"] for line in lines):
        raise dialog("There is nothing to post because the document does not contain a quantity or amount.")
    customer = company.get("customers", row["customerId"])
    company.check_customer(customer, "post", kind.document)
    if company.posting_setup.get("external_document_mandatory") and not row["externalDocumentNumber"]:
        raise must_have_value(
            f"External Document No. must have a value in Sales Header: Document Type={kind.document}, "
            f"No.={row['number']}. It cannot be zero or empty."
        )
    company.check_posting_date(row["postingDate"])
    company.check_posting_group(customer)
    dimensions.check_mandatory(company, "Customer", customer["number"], row["_dimensions"])
    for line in lines:
        check_line(company, line)


def check_line(company: Company, line: Row) -> None:
    if line["lineType"] == "Account":
        company.check_account(company.get("accounts", line["accountId"]))
        dimensions.check_mandatory(company, "G/L Account", line["lineObjectNumber"], line["_dimensions"])
    elif line["lineType"] == "Item":
        dimensions.check_mandatory(company, "Item", line["lineObjectNumber"], line["_dimensions"])


def settle(company: Company, kind: Kind, row: Row, lines: list[Row]) -> None:
    """Everything is checked: renumber, write the ledger, apply a credit memo to its invoice."""
    row["_draft_number"] = row["number"]
    row |= {"number": company.next_number(kind.posted_series), "status": "Open", "_posted": True}
    for line in lines:
        company.remove(kind.lines, line)
        company.save(kind.lines, line | {"id": company.new_id()})
    enter_document(company, kind, row, lines)
    if kind is CREDIT_MEMO and row["invoiceNumber"]:
        apply_money(company, row["invoiceNumber"], row["totalAmountIncludingTax"])
        row["status"] = "Paid"
    elif not row["totalAmountIncludingTax"]:
        row["status"] = "Paid"
    company.save(kind.set_name, row)


def enter_document(company: Company, kind: Kind, row: Row, lines: list[Row]) -> None:
    """Receivables against one entry per line with that line's dimensions, and the tax computed here."""
    setup, sign = company.posting_setup, kind.sign
    entry = {
        "postingDate": row["postingDate"],
        "documentNumber": row["number"],
        "documentType": LEDGER_TYPES[kind.document],
        "description": f"{kind.document} {row['_draft_number']}",
    }
    receivable = {
        "accountNumber": setup["receivables_account"],
        "amount": sign * row["totalAmountIncludingTax"],
    }
    company.enter_ledger(entry | receivable, row["_dimensions"])
    for line in lines:
        account = line_account(company, line)
        revenue = {"accountNumber": account, "amount": -sign * line["netAmount"]}
        company.enter_ledger(entry | revenue, line["_dimensions"])
        tax = {"accountNumber": setup["tax_account"], "amount": -sign * line["netTaxAmount"]}
        company.enter_ledger(entry | tax, line["_dimensions"])


def line_account(company: Company, line: Row) -> str:
    """An account line names its account; an item line posts to the item's sales account."""
    if line["lineType"] == "Account":
        return str(line["lineObjectNumber"])
    item = company.find("items", "id", line["itemId"])
    return str((item or {}).get("_revenue_account") or company.posting_setup["sales_account"])


def open_invoice(company: Company, number: str, customer: str) -> Row:
    """The posted, still open invoice of this number and customer; anything else has no open ledger entry."""
    invoice = company.find("salesInvoices", "number", number)
    if (
        invoice is None
        or not invoice["_posted"]
        or not invoice["remainingAmount"]
        or invoice["billToCustomerNumber"] != customer
    ):
        raise ODataError(400, "Internal_DataNotFoundFilter", "There is no Cust. Ledger Entry within the filter.")
    return invoice


def apply_money(company: Company, invoice_number: str, amount: Decimal) -> None:
    """Lower what an invoice still owes, or raise it; more than that stays open on the payment.

    The aggregate that the API shows stores the status, not what remains: a part payment moves neither its
    modification time nor its ETag (AL: `UpdateStatusIfChanged` of codeunit 5477).
    """
    invoice = company.find("salesInvoices", "number", invoice_number)
    if invoice is None or not invoice["_posted"]:
        return
    invoice["remainingAmount"] = exact(max(invoice["remainingAmount"] - amount, Decimal(0)))
    status = "Open" if invoice["remainingAmount"] else "Paid"
    if invoice["status"] in ("Open", "Paid") and invoice["status"] != status:
        invoice["status"] = status
        company.save("salesInvoices", invoice)


def cancel(company: Company, row: Row) -> None:
    """A posted corrective credit memo takes the invoice back; it copies the external document number too."""
    if not row["_posted"]:
        raise dialog("The action can be applied to a posted invoice only.")
    if row["status"] == "Canceled":
        raise dialog("The invoice cannot be canceled because it has already been canceled.")
    if row["remainingAmount"] != row["totalAmountIncludingTax"]:
        closed = not row["remainingAmount"]
        raise dialog(
            f"You cannot cancel this posted sales invoice because it is {'fully' if closed else 'partially'} paid."
        )
    company.check_posting_date(row["postingDate"])
    correct(company, row)
    row |= {"status": "Canceled", "remainingAmount": Decimal(0)}
    company.save("salesInvoices", row)


def correct(company: Company, invoice: Row) -> None:
    memo = company[CREDIT_MEMO.set_name].entity.blank()
    memo |= {name: value for name, value in invoice.items() if name in memo or name.startswith("_")}
    memo |= {"id": company.new_id(), "number": company.next_number(CREDIT_MEMO.posted_series)}
    memo |= {
        "status": "Corrective",
        "creditMemoDate": invoice["invoiceDate"],
        "_draft_number": invoice["number"],
    }
    memo |= {"invoiceId": invoice["id"], "invoiceNumber": invoice["number"]}
    lines = [
        line | {"id": company.new_id(), "documentId": memo["id"]}
        for line in company[INVOICE.lines].by("documentId", invoice["id"])
    ]
    for line in lines:
        company.save(CREDIT_MEMO.lines, line)
    enter_document(company, CREDIT_MEMO, memo, lines)
    company.save(CREDIT_MEMO.set_name, memo)
