"""Customer payments in cash receipts batches, and posting such a batch through `journals`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from st_erp_pipelines.sandbox import business_central_dimensions as dimensions
from st_erp_pipelines.sandbox.business_central_company import Company, dialog, must_have_value
from st_erp_pipelines.sandbox.business_central_customer_ledger import enter_payment
from st_erp_pipelines.sandbox.business_central_entities import ENTITIES
from st_erp_pipelines.sandbox.business_central_model import BLANK_DATE, BLANK_ID
from st_erp_pipelines.sandbox.business_central_posting import open_invoice
from st_erp_pipelines.sandbox.odata import ODataError, Row

BATCHES, PAYMENTS, OTHER_LINES = "customerPaymentJournals", "customerPayments", "journalLines"
TEMPLATE = "CASHRCPT"
EARLIER = (
    "You are not allowed to apply and post an entry to an entry with an earlier posting date.\\\\Instead, "
    "post the document of type Payment with the number {payment} and then apply it to the document of type "
    "Invoice with the number {invoice}."
)


def create_batch(company: Company, body: Any) -> Row:
    accepted = ENTITIES[BATCHES].accept(body, nested=frozenset({PAYMENTS}))
    payments = accepted.pop(PAYMENTS, [])
    if not accepted.get("code"):
        raise dialog("Code must be filled in. Enter a value.")
    if company.find(BATCHES, "code", accepted["code"]):
        raise company.duplicate_key(
            "Gen. Journal Batch", f"Journal Template Name='{TEMPLATE}',Name='{accepted['code']}'"
        )
    row = ENTITIES["journals"].blank() | accepted | {"id": company.new_id(), "templateDisplayName": TEMPLATE}
    row |= {"_has_blank_line": False}
    set_balancing_account(company, row, accepted)
    company.save(BATCHES, row)
    try:
        for payment in payments:
            create_payment(company, payment, batch_id=row["id"])
    except ODataError:
        remove_batch(company, row)
        raise
    return row


def remove_batch(company: Company, batch: Row) -> None:
    for line in company[PAYMENTS].by("journalId", batch["id"]):
        company.remove(PAYMENTS, line)
    for name in (BATCHES, "journals"):
        company.remove(name, batch)


def change_batch(company: Company, row: Row, body: Any) -> Row:
    accepted = ENTITIES[BATCHES].accept(body)
    set_balancing_account(company, row, accepted)
    row |= accepted
    return company.save(BATCHES, row)


def set_balancing_account(company: Company, row: Row, accepted: Row) -> None:
    """Only a G/L account can be set; a bank account is an administrator's doing."""
    account_id = accepted.get("balancingAccountId")
    if account_id is None:
        return
    number = ""
    if account_id != BLANK_ID:
        number = company.match("accounts", "id", account_id, "balancingAccountId")["number"]
    row |= {"balancingAccountId": account_id, "balancingAccountNumber": number}


def lines_of(company: Company, batch: Row) -> list[Row]:
    lines = company[PAYMENTS].by("journalId", batch["id"]) + company[OTHER_LINES].by("journalId", batch["id"])
    return sorted(lines, key=lambda line: int(line["lineNumber"]))


def create_payment(company: Company, body: Any, *, batch_id: str = "") -> Row:
    accepted = ENTITIES[PAYMENTS].accept(body, nested=frozenset({"dimensionSetLines"}))
    set_bodies = accepted.pop("dimensionSetLines", [])
    batch = company.find(BATCHES, "id", batch_id or accepted.get("journalId", ""))
    if batch is None:
        raise dialog("You must specify a journal batch ID or a journal ID to get a journal line.")
    row = ENTITIES[PAYMENTS].blank() | {"id": company.new_id(), "_dimensions": {}}
    row |= {"journalId": batch["id"], "journalDisplayName": batch["code"]}
    row |= follow_previous(company, batch, accepted)
    fill(company, batch, row, accepted)
    for set_body in set_bodies:
        dimensions.insert(company, row, ENTITIES["dimensionSetLines"].accept(set_body))
    return company.save(PAYMENTS, row)


def follow_previous(company: Company, batch: Row, accepted: Row) -> Row:
    """Line number, and the date and number that a line without its own takes from the one before it."""
    lines = lines_of(company, batch)
    taken = [line["lineNumber"] for line in lines] + ([10000] if batch["_has_blank_line"] else [])
    line_number = accepted.get("lineNumber") or max(taken, default=0) + 10000
    if line_number in taken:
        raise company.duplicate_key("Gen. Journal Line", place_of(batch, line_number))
    previous = lines[-1] if lines else {"postingDate": company.today(), "documentNumber": ""}
    return {
        "lineNumber": line_number,
        "postingDate": previous["postingDate"],
        "documentNumber": previous["documentNumber"],
    }


def place_of(batch: Row, line_number: int) -> str:
    batch_name = f"Journal Template Name='{TEMPLATE}',Journal Batch Name='{batch['code']}'"
    return f"{batch_name},Line No.='{line_number}'"


def demand(line: Row, name: str, caption: str, where: str) -> None:
    """A field that no line may leave blank."""
    if line[name] in ("", BLANK_DATE, 0):
        raise must_have_value(f"{caption} must have a value in Gen. Journal Line: {where}. It cannot be zero or empty.")


def change_payment(company: Company, row: Row, body: Any) -> Row:
    accepted = ENTITIES[PAYMENTS].accept(body)
    batch = company.get(BATCHES, row["journalId"])
    changed = row | {"_dimensions": dict(row["_dimensions"])}
    fill(company, batch, changed, accepted)
    row |= changed
    return company.save(PAYMENTS, row)


def fill(company: Company, batch: Row, row: Row, accepted: Row) -> None:
    """Everything a payment line checks when it is entered; the sign of the amount is not among it."""
    invoice = applied_invoice(company, accepted)
    customer = named_customer(company, accepted, invoice)
    row |= {name: value for name, value in accepted.items() if name not in ("journalId", "lineNumber")}
    if customer is not None:
        company.check_customer(customer, "create", "Payment")
        row |= {"customerId": customer["id"], "customerNumber": customer["number"]}
        row["description"] = accepted.get("description") or customer["displayName"]
        row["_dimensions"] |= dimensions.defaults(company, ("Customer", customer["number"]))
    if invoice is not None:
        row |= {"appliesToInvoiceId": invoice["id"], "appliesToInvoiceNumber": invoice["number"]}
    # Validating a balancing account checks the application again, so only such a batch finds this here.
    applied = company.find("salesInvoices", "number", row["appliesToInvoiceNumber"] or "-")
    if batch["balancingAccountNumber"] and applied is not None and applied["remainingAmount"]:
        check_order_of_dates(row, applied)


def applied_invoice(company: Company, accepted: Row) -> Row | None:
    """The invoice named, if it exists: a number that does not is found out only when the batch is posted."""
    number, invoice = accepted.get("appliesToInvoiceNumber", ""), None
    if accepted.get("appliesToInvoiceId", BLANK_ID) != BLANK_ID:
        invoice = company.match("salesInvoices", "id", accepted["appliesToInvoiceId"], "appliesToInvoiceId")
        if not invoice["_posted"]:
            raise dialog('The "appliesToInvoiceId" should be the ID of an Open, Paid, Corrective, or Canceled Invoice.')
        if number and number != invoice["number"]:
            raise dialog("The Applies To Invoice values do not match to the same Invoice.")
    elif number:
        invoice = company.find("salesInvoices", "number", number)
    return invoice if invoice is not None and invoice["_posted"] else None


def named_customer(company: Company, accepted: Row, invoice: Row | None) -> Row | None:
    for label, field in (("customerNumber", "number"), ("customerId", "id")):
        if accepted.get(label, BLANK_ID) not in ("", BLANK_ID):
            return company.match("customers", field, accepted[label], label)
    return company.find("customers", "id", invoice["billToCustomerId"]) if invoice else None


def check_order_of_dates(row: Row, invoice: Row) -> None:
    if row["postingDate"] < invoice["postingDate"]:
        raise dialog(EARLIER.format(payment=row["documentNumber"], invoice=invoice["number"]))


def post_batch(company: Company, batch: Row) -> None:
    """All lines or none: payments of ours, lines of people, whatever is in the batch."""
    lines = lines_of(company, batch)
    if not lines:
        raise dialog("There is nothing to post.")
    balance = batch["balancingAccountNumber"]
    left_over = sum((line["amount"] for line in lines), Decimal(0))
    paid: dict[str, Decimal] = {}
    for line in lines:
        check_line(company, batch, line, paid)
    if left_over and not all(balancing_account(batch, line) for line in lines):
        raise dialog(f"The lines in Gen. Journal Line are out of balance by {left_over}. Check that the lines balance.")
    if balance:
        company.check_account(company.match("accounts", "number", balance, "balancingAccountNumber"))
    for line in lines:
        enter_line(company, batch, line)
    close_batch(company, batch)


def check_line(company: Company, batch: Row, line: Row, paid: dict[str, Decimal]) -> None:
    """`paid` collects what the lines before this one will have paid on each invoice."""
    where = place_of(batch, line["lineNumber"])
    demand(line, "documentNumber", "Document No.", where)
    demand(line, "postingDate", "Posting Date", where)
    company.check_posting_date(line["postingDate"], f" in Gen. Journal Line {where}")
    if company.posting_setup["external_document_mandatory"]:
        demand(line, "externalDocumentNumber", "External Document No.", where)
    if "customerNumber" in line:
        check_payment(company, line, where, paid)
    else:
        company.check_account(company.match("accounts", "number", line["accountNumber"], "accountNumber"))


def check_payment(company: Company, line: Row, where: str, paid: dict[str, Decimal]) -> None:
    demand(line, "customerNumber", "Account No.", where)
    demand(line, "amount", "Amount", where)
    if line["amount"] > 0:
        raise dialog(f"Amount must be negative in Gen. Journal Line {where}.")
    customer = company.match("customers", "number", line["customerNumber"], "customerNumber")
    company.check_customer(customer, "post", "Payment")
    company.check_posting_group(customer)
    dimensions.check_mandatory(company, "Customer", customer["number"], line["_dimensions"])
    number = line["appliesToInvoiceNumber"]
    if number:
        invoice = open_invoice(company, number, line["customerNumber"])
        check_order_of_dates(line, invoice)
        if paid.get(number, Decimal(0)) >= invoice["remainingAmount"]:
            raise ODataError(400, "Internal_DataNotFoundFilter", "There is no Cust. Ledger Entry within the filter.")
        paid[number] = paid.get(number, Decimal(0)) - line["amount"]


def balancing_account(batch: Row, line: Row) -> str:
    return str(line.get("balancingAccountNumber") or batch["balancingAccountNumber"])


def enter_line(company: Company, batch: Row, line: Row) -> None:
    """Two ledger entries per line, the second on the balancing account where there is one."""
    is_payment = "customerNumber" in line
    entry = {
        "postingDate": line["postingDate"],
        "documentNumber": line["documentNumber"],
        "documentType": "Payment" if is_payment else "_x0020_",
        "description": line["description"],
    }
    account = company.posting_setup["receivables_account"] if is_payment else line["accountNumber"]
    company.enter_ledger(entry | {"accountNumber": account, "amount": line["amount"]}, line["_dimensions"])
    against = balancing_account(batch, line)
    if against:
        company.enter_ledger(entry | {"accountNumber": against, "amount": -line["amount"]}, line["_dimensions"])
    if is_payment:
        enter_payment(company, line)
    company.remove(PAYMENTS if is_payment else OTHER_LINES, line)


def close_batch(company: Company, batch: Row) -> None:
    """A batch without number series keeps one blank line 10000, which no page of the API shows. With
    "Increment Batch Name" a name that has digits is deleted, and the next one begins, with a new id."""
    batch["_has_blank_line"] = True
    found = re.search(r"\d+", batch["code"])
    if company.posting_setup.get("increment_batch_name") and found:
        digits = found.group()
        code = batch["code"].replace(digits, f"{int(digits) + 1:0{len(digits)}d}", 1)
        remove_batch(company, batch)
        company.save(BATCHES, batch | {"id": company.new_id(), "code": code})


def enter_journal_line(company: Company, batch: Row, values: Row) -> Row:
    """A person's G/L or bank line; shown under `journalLines` of the batch."""
    row = ENTITIES[OTHER_LINES].blank() | follow_previous(company, batch, values) | values
    row |= {"id": company.new_id(), "journalId": batch["id"], "journalDisplayName": batch["code"]}
    row["_dimensions"] = {}
    account = company.find("accounts", "number", row["accountNumber"])
    row["accountId"] = account["id"] if account else BLANK_ID
    return company.save(OTHER_LINES, row)
